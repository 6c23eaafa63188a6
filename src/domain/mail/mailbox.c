#include "domain/mail/mailbox.h"
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "base/wire.h"
#include "codec/imap/imap_utf7.h"
#include "domain/mail/acl.h"
#include "domain/mail/mail_impl.h"

#define VERSION 1

struct span mailbox_pack(struct arena *a, const struct seal_key *key, const struct mailbox *box)
{
	SCOPED_BUF b;

	buf_init(&b, 65536);
	wire_u8(&b, VERSION);
	wire_span(&b, box->name);
	wire_u16(&b, (uint16_t)box->n_keywords);
	for (size_t i = 0; i < box->n_keywords; i++)
		wire_span(&b, box->keywords[i]);
	return seal_column(a, key, (struct seal_place){ "mailbox", "sealed", box->id }, buf_span(&b));
}

int mailbox_unpack(struct arena *a, const struct seal_key *key, struct span sealed, struct mailbox *box, struct err *e)
{
	struct span plain;
	struct wire w;

	if (unseal_column(a, key, (struct seal_place){ "mailbox", "sealed", box->id }, sealed, &plain, e) < 0)
		return e->code;
	w = wire_open(plain);
	if (wire_get_u8(&w) != VERSION)
		w.failed = true;
	box->name = wire_get_span(&w, IMAP_NAME_MAX);
	box->n_keywords = wire_get_u16(&w);
	if (w.failed || box->n_keywords > MAILBOX_KEYWORDS_MAX)
		return err_set(e, ERR_BROKEN, "Internal error", "mailbox %llu is unreadable", (unsigned long long)box->id);
	box->keywords = ARENA_ARRAY(a, struct span, box->n_keywords);
	for (size_t i = 0; i < box->n_keywords; i++)
		box->keywords[i] = wire_get_span(&w, 1024);
	return wire_done(&w) ? 0 : err_set(e, ERR_BROKEN, "Internal error", "mailbox %llu is cut", (unsigned long long)box->id);
}

void mailbox_read(struct sql *q, struct mailbox *out)
{
	*out = (struct mailbox){ .id = (uint64_t)sql_col_int(q, 0), .account_id = (uint64_t)sql_col_int(q, 1),
		.uidvalidity = (uint32_t)sql_col_int(q, 2), .uidnext = (uint32_t)sql_col_int(q, 3),
		.modseq = (uint64_t)sql_col_int(q, 4), .expunged_modseq = (uint64_t)sql_col_int(q, 5),
		.messages = (uint32_t)sql_col_int(q, 6), .unseen = (uint32_t)sql_col_int(q, 7),
		.deleted = (uint32_t)sql_col_int(q, 8), .bytes = (uint64_t)sql_col_int(q, 9),
		.special = (enum mailbox_special)sql_col_int(q, 10), .created_sec = sql_col_int(q, 11),
		.rights = RIGHT_OWNER };
}

static int read_full(struct org *o, struct tx *tx, struct arena *a, struct sql *q, struct mailbox *out, struct err *e)
{
	MAIL_KEY key = { { 0 } };

	mailbox_read(q, out);
	if (org_key(o, tx, out->account_id, &key, e) < 0)
		return e->code;
	return mailbox_unpack(a, &key, sql_col(q, 12), out, e);
}

static int missing(struct err *e)
{
	return err_set(e, ERR_MISSING, "No such mailbox", "no such mailbox");
}

int mailbox_state(struct tx *tx, uint64_t mailbox_id, struct mailbox *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE id = ?1");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	r = sql_next(q, e);
	if (r == 1)
		mailbox_read(q, out);
	return r < 0 ? r : r == 0 ? missing(e) : 0;
}

int mailbox_get(struct org *o, struct tx *tx, struct arena *a, uint64_t mailbox_id, struct mailbox *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT " MAILBOX_COLUMNS ", sealed FROM mailbox WHERE id = ?1");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	r = sql_next(q, e);
	return r < 0 ? r : r == 0 ? missing(e) : read_full(o, tx, a, q, out, e);
}

int mailbox_lookup(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span inner,
	struct mailbox *out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	SCOPED_SQL q = NULL;
	int r;

	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, "mailbox", inner, lookup);
	q = sql_open(tx, "SELECT " MAILBOX_COLUMNS ", sealed FROM mailbox WHERE account_id = ?1 AND lookup = ?2");
	sql_int(q, 1, (int64_t)account_id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	r = sql_next(q, e);
	return r < 0 ? r : r == 0 ? missing(e) : read_full(o, tx, a, q, out, e);
}

int mailbox_find(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name,
	struct mailbox *out, struct err *e)
{
	struct mailbox_place at;
	int r = mailbox_locate(o, tx, a, viewer_id, full_name, &at, e);

	if (r == ERR_PARAM)
		return missing(e);
	if (r < 0)
		return r;
	if (!at.name.n)
		return missing(e);
	r = mailbox_lookup(o, tx, a, at.account_id, at.name, out, e);
	if (r == 0 && at.shared)
		r = acl_rights(o, tx, a, viewer_id, at.account_id, out->id, &out->rights, e);
	return r < 0 ? r : out->rights & ~(uint32_t)RIGHT_SEND ? 0 : missing(e);
}

int mailbox_need(const struct mailbox *box, uint32_t rights, struct err *e)
{
	if ((box->rights & rights) == rights)
		return 0;
	if (!(box->rights & RIGHT_LOOKUP))
		return missing(e);
	return err_set(e, ERR_DENIED, "Not allowed in this mailbox", "rights %x of %x", box->rights & rights, rights);
}

uint64_t mailbox_flags_mask(uint32_t rights)
{
	return (rights & RIGHT_SEEN ? FLAG_SEEN : 0) | (rights & RIGHT_DELETE ? FLAG_DELETED : 0) |
		(rights & RIGHT_WRITE ? ~(uint64_t)(FLAG_SEEN | FLAG_DELETED) : 0);
}

int mailbox_by_special(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, enum mailbox_special special,
	struct mailbox *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT " MAILBOX_COLUMNS ", sealed FROM mailbox WHERE account_id = ?1 AND special = ?2");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, special);
	r = sql_next(q, e);
	return r < 0 ? r : r == 0 ? missing(e) : read_full(o, tx, a, q, out, e);
}

struct mailbox_row *mailbox_rows_add(struct arena *a, struct mailbox_rows *rows, struct span name)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 16;
		struct mailbox_row *v = ARENA_ARRAY(a, struct mailbox_row, cap);

		if (rows->n)
			memcpy(v, rows->v, rows->n * sizeof(*v));
		rows->v = v;
		rows->cap = cap;
	}
	rows->v[rows->n] = (struct mailbox_row){ .name = name };
	return &rows->v[rows->n++];
}

int mailbox_rows_of(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, uint32_t rights, struct span prefix,
	struct mailbox_rows *rows, struct err *e)
{
	MAIL_KEY key = { { 0 } };
	SCOPED_SQL q = sql_open(tx, "SELECT " MAILBOX_COLUMNS ", sealed FROM mailbox WHERE account_id = ?1");
	int r;

	if (org_key(o, tx, account_id, &key, e) < 0)
		return e->code;
	sql_int(q, 1, (int64_t)account_id);
	while ((r = sql_next(q, e)) == 1) {
		struct mailbox box;
		struct mailbox_row *row;

		mailbox_read(q, &box);
		if (mailbox_unpack(a, &key, sql_col(q, 12), &box, e) < 0)
			return e->code;
		box.rights = rights;
		row = mailbox_rows_add(a, rows, prefix.n ? arena_printf(a, "%.*s%.*s", SPAN_F(prefix), SPAN_F(box.name)) : box.name);
		row->box = box;
	}
	return r;
}

/* INBOX and what is below it first, then own, then shared; by name within each. */
static int row_rank(const struct mailbox_row *r)
{
	if (span_eqz(r->name, "INBOX") || span_starts(r->name, SPAN("INBOX/")))
		return 0;
	return span_eqz(r->name, MAILBOX_SHARED) || span_starts(r->name, SPAN(MAILBOX_SHARED "/")) ? 2 : 1;
}

/* Levels sort before what lies below them: '/' counts as the smallest octet. */
static int level_cmp(struct span a, struct span b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int x = a.p[i] == MAILBOX_DELIMITER ? 0 : (unsigned char)a.p[i];
		int y = b.p[i] == MAILBOX_DELIMITER ? 0 : (unsigned char)b.p[i];

		if (x != y)
			return x - y;
	}
	return (a.n > b.n) - (a.n < b.n);
}

static int row_cmp(const void *x, const void *y)
{
	const struct mailbox_row *a = x, *b = y;
	int d = row_rank(a) - row_rank(b);

	return d ? d : level_cmp(a->name, b->name);
}

static struct mailbox_row *row_find(const struct mailbox_rows *rows, size_t n, struct span name)
{
	struct mailbox_row key = { .name = name };

	return bsearch(&key, rows->v, n, sizeof(key), row_cmp);
}

static int add_shared(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct mailbox_rows *rows,
	struct err *e)
{
	struct role_access *roles;
	size_t n;

	if (role_access_list(o, tx, a, viewer_id, time_real_sec(), &roles, &n, e) < 0)
		return e->code;
	if (n)
		mailbox_rows_add(a, rows, SPAN(MAILBOX_SHARED));
	for (size_t i = 0; i < n; i++) {
		if (!(roles[i].rights & RIGHT_READ))
			continue;
		mailbox_rows_add(a, rows, arena_printf(a, MAILBOX_SHARED "/%.*s", SPAN_F(roles[i].address)));
		if (mailbox_rows_of(o, tx, a, roles[i].role_id, acl_of_term(roles[i].rights),
			    arena_printf(a, MAILBOX_SHARED "/%.*s/", SPAN_F(roles[i].address)), rows, e) < 0)
			return e->code;
	}
	return 0;
}

/* A mailbox that an entry opens: its row gets more rights, or it becomes a row. */
static int add_grant(struct org *o, struct tx *tx, struct arena *a, const struct acl_grant *g, const struct account *owner,
	struct mailbox_rows *rows, struct err *e)
{
	struct mailbox_row *row;
	struct mailbox box;

	for (size_t i = 0; i < rows->n; i++)
		if (rows->v[i].box.id == g->mailbox_id) {
			rows->v[i].box.rights |= g->rights;
			return 0;
		}
	if (!(g->rights & RIGHT_LOOKUP))
		return 0;
	if (mailbox_get(o, tx, a, g->mailbox_id, &box, e) < 0)
		return e->code;
	box.rights = g->rights;
	row = mailbox_rows_add(a, rows, arena_printf(a, MAILBOX_SHARED "/%.*s/%.*s", SPAN_F(owner->address), SPAN_F(box.name)));
	row->box = box;
	return 0;
}

static int add_granted(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct mailbox_rows *rows, struct err *e)
{
	struct acl_grant *g;
	struct account owner = { 0 };
	size_t n;

	if (acl_grants(o, tx, a, viewer_id, &g, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		if (g[i].owner_id != owner.id && account_get(o, tx, a, g[i].owner_id, &owner, e) < 0)
			return e->code;
		if (add_grant(o, tx, a, &g[i], &owner, rows, e) < 0)
			return e->code;
	}
	return 0;
}

/* Marks the subscribed and adds rows for subscribed names that are not there. */
static int add_subscribed(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct mailbox_rows *rows,
	struct err *e)
{
	MAIL_KEY key = { { 0 } };
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM subscription WHERE account_id = ?1");
	size_t n = rows->n;
	int r;

	if (org_key(o, tx, viewer_id, &key, e) < 0)
		return e->code;
	sql_int(q, 1, (int64_t)viewer_id);
	while ((r = sql_next(q, e)) == 1) {
		struct span name;
		struct mailbox_row *row;

		if (unseal_column(a, &key, (struct seal_place){ "subscription", "sealed", viewer_id }, sql_col(q, 0), &name, e) < 0)
			return e->code;
		row = row_find(rows, n, name);
		if (!row)
			row = mailbox_rows_add(a, rows, name);
		row->subscribed = true;
	}
	return r;
}

/* Every level above a name is listed too, though nothing is there (a parent that was deleted). */
static void add_levels(struct arena *a, struct mailbox_rows *rows)
{
	size_t n = rows->n;

	for (size_t i = 0; i < n; i++) {
		struct span name = rows->v[i].name;
		ssize_t cut;

		while ((cut = span_rchr(name, MAILBOX_DELIMITER)) > 0) {
			bool there;

			name.n = (size_t)cut;
			there = row_find(rows, n, name) != NULL;
			for (size_t k = n; k < rows->n && !there; k++)
				there = span_eq(rows->v[k].name, name);
			if (there)
				break;
			mailbox_rows_add(a, rows, name);
		}
	}
	if (rows->n > n)
		qsort(rows->v, rows->n, sizeof(*rows->v), row_cmp);
}

int mailbox_list(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct mailbox_row **out,
	size_t *n_out, struct err *e)
{
	struct mailbox_rows rows = { 0 };

	if (mailbox_rows_of(o, tx, a, viewer_id, RIGHT_OWNER, SPAN_NONE, &rows, e) < 0 ||
		add_shared(o, tx, a, viewer_id, &rows, e) < 0 || add_granted(o, tx, a, viewer_id, &rows, e) < 0)
		return e->code;
	qsort(rows.v, rows.n, sizeof(*rows.v), row_cmp);
	if (add_subscribed(o, tx, a, viewer_id, &rows, e) < 0)
		return e->code;
	qsort(rows.v, rows.n, sizeof(*rows.v), row_cmp);
	add_levels(a, &rows);
	for (size_t i = 0; i + 1 < rows.n; i++) {
		struct span me = rows.v[i].name, next = rows.v[i + 1].name;

		rows.v[i].has_children = next.n > me.n && span_starts(next, me) && next.p[me.n] == MAILBOX_DELIMITER;
	}
	*out = rows.v;
	*n_out = rows.n;
	return 0;
}
