#include "domain/mail/report_in.h"
#include "base/scan.h"
#include "base/wire.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_parse.h"
#include "codec/report/report_pack.h"
#include "domain/mail/gone.h"
#include "domain/mail/mail_impl.h"
#include "domain/org/address.h"

#define DAY_SEC 86400
#define PARTS_TRIED 20

static struct seal_place place_of(uint64_t id)
{
	return (struct seal_place){ "report_in", "sealed", id };
}

int report_in_address(struct org *o, struct tx *tx, struct arena *a, struct span address, bool *yes_out, struct err *e)
{
	struct span ours = SPAN_NONE;
	struct err why = ERR_INIT;

	*yes_out = false;
	if (org_setting_get(o, tx, a, "report_address", &ours, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	*yes_out = ours.n && address_same(a, ours, address);
	return 0;
}

/* ---- reading ---- */

static int read_packed(struct arena *a, struct report_in *r, struct err *e)
{
	SCOPED_BUF plain;
	struct span text;

	buf_init(&plain, REPORT_IN_PLAIN_MAX);
	if (report_unpack(r->packed, &plain, e) < 0)
		return e->code;
	text = span_trim(buf_span(&plain));
	if (span_starts(text, SPAN("{"))) {
		r->kind = REPORT_IN_TLS;
		if (tls_report_parse(a, text, &r->tls, e) < 0)
			return e->code;
		r->domain = r->tls.n ? r->tls.rows[0].domain : SPAN_NONE;
		r->organisation = r->tls.organisation;
		r->report_id = r->tls.report_id;
		return 0;
	}
	r->kind = REPORT_IN_DMARC;
	if (dmarc_report_parse(a, text, &r->dmarc, e) < 0)
		return e->code;
	r->domain = r->dmarc.domain;
	r->organisation = r->dmarc.organisation;
	r->report_id = r->dmarc.report_id;
	return 0;
}

static bool may_be_report(const struct mime_part *p)
{
	return p->kind == MIME_LEAF && p->body_len && (span_ieqz(p->type, "application") ||
		(span_ieqz(p->type, "text") && span_ieqz(p->subtype, "xml")));
}

static struct mime_part *next_part(struct mime_part *p)
{
	if (p->child)
		return p->child;
	while (p && !p->next)
		p = p->parent;
	return p ? p->next : NULL;
}

int report_in_read(struct arena *a, struct span message, struct report_in *out, struct err *e)
{
	struct mime_part *p;
	unsigned tried = 0;

	if (mime_parse(a, message, &MIME_LIMITS, &p, e) < 0)
		return e->code;
	for (; p && tried < PARTS_TRIED; p = next_part(p)) {
		struct span body = span_sub(message, p->body_off, p->body_len);
		struct err why = ERR_INIT;

		if (!may_be_report(p) || body.n > 2 * (size_t)REPORT_IN_PACKED_MAX)
			continue;
		tried++;
		*out = (struct report_in){ .packed = mime_body_decode(a, body, p->encoding, REPORT_IN_PACKED_MAX + 1) };
		if (out->packed.n > REPORT_IN_PACKED_MAX)
			return err_set(e, ERR_TOOBIG, "The report is too large", "packed over %u octets", REPORT_IN_PACKED_MAX);
		if (read_packed(a, out, &why) == 0)
			return 0;
		if (why.code == ERR_TOOBIG)
			return err_set(e, why.code, why.say, "%s", why.log);
	}
	return err_set(e, ERR_SYNTAX, "There is no report in this mail that can be read", "no report");
}

/* ---- keeping ---- */

static int check_room(struct tx *tx, int64_t now_sec, size_t size, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN received_sec > ?1"
		" THEN 1 ELSE 0 END), 0) AS BIGINT) FROM report_in");
	int r;

	sql_int(q, 1, now_sec - DAY_SEC);
	r = sql_next(q, e);
	if (r < 0)
		return r;
	return sql_col_int(q, 0) + (int64_t)size <= REPORT_IN_TOTAL_MAX && sql_col_int(q, 1) < REPORT_IN_DAY_MAX ? 0 :
		err_set(e, ERR_LIMIT, "Too many reports, try again later", "report_in is full");
}

int report_in_put(struct org *o, struct tx *tx, struct arena *a, const struct report_in *r, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	uint64_t id = tx_id(tx);
	struct sql *q;
	SCOPED_BUF plain;

	buf_init(&plain, REPORT_IN_PACKED_MAX + 1024);
	wire_span(&plain, r->authentic);
	wire_span(&plain, r->packed);
	if (check_room(tx, r->received_sec, r->packed.n, e) < 0 || org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0 ||
		org_lookup(o, tx, "report", arena_printf(a, "%d %.*s %.*s %.*s", r->kind, SPAN_F(r->authentic), SPAN_F(r->domain),
		SPAN_F(r->report_id)), lookup, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO report_in (id, kind, lookup, received_sec, size, sealed)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (lookup) DO NOTHING");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, r->kind);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_int(q, 4, r->received_sec);
	sql_int(q, 5, (int64_t)r->packed.n);
	sql_blob(q, 6, seal_column(a, &house, place_of(id), buf_span(&plain)));
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int open_row(struct sql *q, const struct seal_key *house, struct arena *a, struct report_in *r, struct err *e)
{
	struct span plain;
	struct wire w;

	if (unseal_column(a, house, place_of((uint64_t)sql_col_int(q, 0)), sql_col(q, 2), &plain, e) < 0)
		return e->code;
	w = wire_open(plain);
	*r = (struct report_in){ .received_sec = sql_col_int(q, 1) };
	r->authentic = wire_get_span(&w, REPORT_IN_PACKED_MAX);
	r->packed = wire_get_span(&w, REPORT_IN_PACKED_MAX);
	return wire_done(&w) ? read_packed(a, r, e) : err_set(e, ERR_BROKEN, "", "report_in is cut");
}

int report_in_each(struct org *o, struct tx *tx, enum report_kind kind, int64_t since_sec,
	int (*each)(void *arg, const struct report_in *r, struct err *e), void *arg, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, received_sec, sealed FROM report_in WHERE kind = ?1 AND received_sec >= ?2 ORDER BY id");
	MAIL_KEY house = { { 0 } };
	int r;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	sql_int(q, 1, kind);
	sql_int(q, 2, since_sec);
	while ((r = sql_next(q, e)) > 0) {
		SCOPED_ARENA a = arena_new();
		struct report_in row;

		if (open_row(q, &house, a, &row, e) < 0 || each(arg, &row, e) < 0)
			return e->code;
	}
	return r;
}

int report_in_forget(struct org *o, struct tx *tx, struct arena *a, int64_t now_sec, struct err *e)
{
	struct err why = ERR_INIT;
	struct span text = SPAN_NONE;
	uint64_t days = REPORT_IN_DAYS;
	struct sql *q;

	if (org_setting_get(o, tx, a, "report_days", &text, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (!text.n || !span_num(text, &days, 0, GONE_DAYS_MAX))
		days = REPORT_IN_DAYS;
	q = sql_open(tx, "DELETE FROM report_in WHERE received_sec < ?1");
	sql_int(q, 1, now_sec - (int64_t)days * DAY_SEC);
	return sql_run(q, e) < 0 ? e->code : 0;
}
