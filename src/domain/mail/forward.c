#include "domain/mail/forward.h"
#include "codec/smtp/smtp_address.h"
#include "codec/smtp/srs.h"
#include "domain/mail/mail_impl.h"
#include "domain/org/address.h"

#define DAY_SEC 86400

static int keyed(struct org *o, struct tx *tx, struct arena *a, enum srs_kind kind, struct span body, struct span *hash_out,
	struct err *e)
{
	MAIL_KEY house = { { 0 } };
	unsigned char mac[32];

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	seal_mac(&house, "srs", srs_signed(a, kind, body), mac);
	*hash_out = srs_hash(a, mac);
	return 0;
}

static struct seal_place place_of(uint64_t id)
{
	return (struct seal_place){ "forward_sender", "sealed", id };
}

static int keep_long(struct org *o, struct tx *tx, struct arena *a, struct span sender, int64_t now_sec, uint64_t *id_out,
	struct err *e)
{
	MAIL_KEY house = { { 0 } };
	uint64_t id = tx_id(tx);
	struct sql *q;

	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO forward_sender (id, until_sec, sealed) VALUES (?1, ?2, ?3)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, now_sec + (FORWARD_DAYS + 1) * DAY_SEC);
	sql_blob(q, 3, seal_column(a, &house, place_of(id), sender));
	*id_out = id;
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int find_long(struct org *o, struct tx *tx, struct arena *a, uint64_t id, struct span *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM forward_sender WHERE id = ?1");
	MAIL_KEY house = { { 0 } };
	int r;

	sql_int(q, 1, (int64_t)id);
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "No such return address", "forward_sender %llu", (unsigned long long)id);
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	return unseal_column(a, &house, place_of(id), sql_col(q, 0), out, e);
}

/* SRS1 keeps the first forwarder and leaves those between out, so that addresses do not grow from one to the next. */
static struct span body_of(struct arena *a, const struct smtp_address *from, int64_t now_sec, enum srs_kind *kind_out)
{
	struct srs s;

	*kind_out = SRS_TWICE;
	if (srs_parse(from->local, &s) && s.kind == SRS_TWICE)
		return s.body;
	if (s.kind == SRS_PLAIN && s.rest.n)
		return srs_body_again(a, from->domain, from->local);
	*kind_out = SRS_PLAIN;
	return srs_body(a, now_sec / DAY_SEC, from->domain, from->local);
}

int forward_sender(struct org *o, struct tx *tx, struct arena *a, struct span sender, int64_t now_sec, struct span *out,
	struct err *e)
{
	struct smtp_address from;
	struct span *domains, body, hash;
	enum srs_kind kind;
	uint64_t id = 0;
	size_t n;

	*out = sender;
	if (!sender.n || smtp_address_split(a, sender, &from, NULL) < 0 || !from.domain.n || domain_is_local(o, tx, from.domain))
		return 0;
	if (domain_list(o, tx, a, &domains, &n, e) < 0 || n == 0)
		return n == 0 ? 0 : e->code;
	body = body_of(a, &from, now_sec, &kind);
	if (keyed(o, tx, a, kind, body, &hash, e) < 0)
		return e->code;
	*out = smtp_address_join(a, srs_local(a, kind, hash, body), domains[0]);
	if (out->n - domains[0].n - 1 <= SMTP_LOCAL_MAX)
		return 0;
	if (keep_long(o, tx, a, sender, now_sec, &id, e) < 0)
		return e->code;
	body = srs_body_long(a, now_sec / DAY_SEC, id);
	if (keyed(o, tx, a, SRS_LONG, body, &hash, e) < 0)
		return e->code;
	*out = smtp_address_join(a, srs_local(a, SRS_LONG, hash, body), domains[0]);
	return 0;
}

int forward_origin(struct org *o, struct tx *tx, struct arena *a, struct span address, int64_t now_sec, struct span *out,
	struct err *e)
{
	struct smtp_address to;
	struct span hash, local, domain;
	struct srs s;
	uint64_t id;

	if (smtp_address_split(a, address, &to, NULL) < 0 || !to.domain.n || !srs_parse(to.local, &s) ||
		!domain_is_local(o, tx, to.domain))
		return 0;
	if (keyed(o, tx, a, s.kind, s.body, &hash, e) < 0)
		return e->code;
	if (!srs_hash_equal(hash, s.hash))
		return err_set(e, ERR_MISSING, "This return address is not from here", "SRS address with a wrong hash");
	if (s.kind != SRS_TWICE && (srs_age(s.day, now_sec / DAY_SEC) < 0 || srs_age(s.day, now_sec / DAY_SEC) > FORWARD_DAYS))
		return err_set(e, ERR_MISSING, "This return address has expired", "SRS address of another time");
	if (s.kind == SRS_LONG) {
		if (!srs_token(s.rest, &id))
			return err_set(e, ERR_MISSING, "This return address is not from here", "SRS address without a number");
		return find_long(o, tx, a, id, out, e) < 0 ? e->code : 1;
	}
	srs_origin(a, &s, &local, &domain);
	*out = smtp_address_join(a, local, domain);
	return 1;
}

int forward_forget(struct tx *tx, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM forward_sender WHERE until_sec < ?1");

	sql_int(q, 1, now_sec);
	return sql_run(q, e) < 0 ? e->code : 0;
}
