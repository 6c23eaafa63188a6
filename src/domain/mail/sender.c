#include "domain/mail/sender.h"
#include "codec/mime/mime_header.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/mail_impl.h"

#define KEPT_ENOUGH 5                  /* mails of a week that nobody minded */
#define KEPT_AGE_SEC (7 * 86400)

int sender_parse(struct arena *a, struct span text, struct span *out, struct err *e)
{
	struct span domain;

	text = span_trim(text);
	if (!span_starts(text, SPAN("@")))
		return smtp_address_normalise(a, text, out, e);
	if (text.n < 2 || smtp_domain_unicode(a, span_from(text, 1), &domain, NULL) < 0)
		return err_set(e, ERR_PARAM, "This is neither an address nor @domain", "sender");
	*out = arena_printf(a, "@%.*s", SPAN_F(domain));
	return 0;
}

static struct span domain_of(struct span address)
{
	ssize_t at = span_rchr(address, '@');

	return at < 0 ? SPAN_NONE : span_from(address, (size_t)at);       /* "@domain" */
}

static int key_of(struct org *o, struct tx *tx, struct arena *a, const char *kind, uint64_t owner_id, struct span text,
	unsigned char out[SEAL_LOOKUP_LEN], struct err *e)
{
	return org_lookup(o, tx, kind, arena_printf(a, "%llu %.*s", (unsigned long long)owner_id, SPAN_F(text)), out, e);
}

static const char *kind_of(const struct sender *s)
{
	return s->verified ? "sender" : "sender-unverified";
}

/* ---- what an account knows ---- */

int sender_note(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct sender *s, int kept, int answered,
	int junked, int64_t now_sec, struct err *e)
{
	unsigned char key[SEAL_LOOKUP_LEN];
	struct sql *q;

	if (!s->address.n)
		return 0;
	if (key_of(o, tx, a, kind_of(s), account_id, s->address, key, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO sender_known (account_id, lookup, kept, answered, junked, first_sec, seen_sec)"
		" VALUES (?1, ?2, 0, 0, 0, ?3, ?3) ON CONFLICT (account_id, lookup) DO NOTHING");
	sql_int(q, 1, (int64_t)account_id);
	sql_blob(q, 2, SPAN_BYTES(key, sizeof(key)));
	sql_int(q, 3, now_sec);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE sender_known SET kept = CASE WHEN kept + ?3 < 0 THEN 0 ELSE kept + ?3 END,"
		" answered = CASE WHEN answered + ?4 < 0 THEN 0 ELSE answered + ?4 END,"
		" junked = CASE WHEN junked + ?5 < 0 THEN 0 ELSE junked + ?5 END, seen_sec = CASE WHEN seen_sec > ?6 THEN seen_sec ELSE ?6 END WHERE account_id = ?1 AND lookup = ?2");
	sql_int(q, 1, (int64_t)account_id);
	sql_blob(q, 2, SPAN_BYTES(key, sizeof(key)));
	sql_int(q, 3, kept);
	sql_int(q, 4, answered);
	sql_int(q, 5, junked);
	sql_int(q, 6, now_sec);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int sender_known(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct sender *s,
	struct sender_counts *out, struct err *e)
{
	unsigned char key[SEAL_LOOKUP_LEN];
	int r;

	*out = (struct sender_counts){ 0 };
	if (!s->address.n)
		return 0;
	if (key_of(o, tx, a, kind_of(s), account_id, s->address, key, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT kept, answered, junked, first_sec, seen_sec FROM sender_known WHERE account_id = ?1 AND lookup = ?2");

	sql_int(q, 1, (int64_t)account_id);
	sql_blob(q, 2, SPAN_BYTES(key, sizeof(key)));
	r = sql_next(q, e);
	if (r == 1)
		*out = (struct sender_counts){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), (uint64_t)sql_col_int(q, 2),
			sql_col_int(q, 3), sql_col_int(q, 4) };
	return r;
}

enum sender_verdict sender_judge(const struct sender_counts *c, bool verified, int64_t now_sec)
{
	if (!verified)                         /* once may be a forger's doing */
		return c->junked > 1 && c->junked > c->kept ? SENDER_BAD : SENDER_UNKNOWN;
	if (c->junked > c->answered && c->junked > c->kept)
		return SENDER_BAD;
	if (c->answered > c->junked)
		return SENDER_GOOD;
	return !c->junked && c->kept >= KEPT_ENOUGH && now_sec - c->first_sec >= KEPT_AGE_SEC ? SENDER_GOOD : SENDER_UNKNOWN;
}

void sender_field(struct buf *b, const struct sender *s)
{
	if (s->address.n && !span_has_nul(s->address))
		buf_addf(b, SENDER_FIELD ": <%.*s>; %s\r\n", SPAN_F(s->address), s->verified ? "verified" : "unverified");
}

bool sender_of_mail(struct arena *a, struct span header, struct sender *out)
{
	struct mime_field f;
	struct span value, address;

	if (!mime_header_find(header, SENDER_FIELD, &f))
		return false;
	value = mime_header_unfold(a, f.value);
	if (!span_starts(value, SPAN("<")) || span_rchr(value, '>') < 0)
		return false;
	address = span_sub(value, 1, (size_t)span_rchr(value, '>') - 1);
	*out = (struct sender){ .verified = span_ends(value, SPAN(">; verified")) };
	return sender_parse(a, address, &out->address, NULL) == 0;
}

/* ---- lists ---- */

/* The verdict of one owner's list about an address or "@domain"; SENDER_UNKNOWN: not in it. */
static int listed(struct org *o, struct tx *tx, struct arena *a, uint64_t owner_id, struct span what, enum sender_verdict *out,
	struct err *e)
{
	unsigned char key[SEAL_LOOKUP_LEN];
	int r;

	*out = SENDER_UNKNOWN;
	if (key_of(o, tx, a, "sender-list", owner_id, what, key, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT verdict FROM sender_list WHERE owner_id = ?1 AND lookup = ?2");

	sql_int(q, 1, (int64_t)owner_id);
	sql_blob(q, 2, SPAN_BYTES(key, sizeof(key)));
	r = sql_next(q, e);
	if (r == 1)
		*out = (enum sender_verdict)sql_col_int(q, 0);
	return r < 0 ? r : 0;
}

/* The address says more than its domain, the account more than the house. */
static int find_listed(struct org *o, struct tx *tx, struct arena *a, const uint64_t owners[3], const struct sender *s,
	enum sender_verdict *out, uint64_t *owner_out, struct err *e)
{
	struct span forms[] = { s->address, domain_of(s->address) };

	*out = SENDER_UNKNOWN;
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 2 && owners[i]; k++) {
			if (listed(o, tx, a, owners[i], forms[k], out, e) < 0)
				return e->code;
			*owner_out = owners[i];
			if (*out == SENDER_BLOCKED || (*out == SENDER_ALLOWED && s->verified))
				return 0;
		}
	*out = SENDER_UNKNOWN;
	*owner_out = 0;
	return 0;
}

/* Nearly every house has none, and every mail asks. */
static int any_list(struct tx *tx, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT 1 FROM sender_list LIMIT 1");

	return sql_next(q, e);
}

int sender_verdict(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span primary, const struct sender *s,
	int64_t now_sec, enum sender_verdict *out, uint64_t *owner_out, struct err *e)
{
	uint64_t owners[3] = { account_id, 0, ORG_ACCOUNT_ID };
	struct sender_counts c;
	struct span domain = domain_of(primary);
	int r;

	*out = SENDER_UNKNOWN;
	*owner_out = 0;
	if (!s->address.n)
		return 0;
	r = any_list(tx, e);
	if (r == 1 && domain.n && domain_find(o, tx, span_from(domain, 1), &owners[1], e) == ERR_MISSING)
		err_clear(e);
	if (r < 0 || e->code || (r == 1 && find_listed(o, tx, a, owners, s, out, owner_out, e) < 0))
		return e->code;
	if (*out)
		return 0;
	if (sender_known(o, tx, a, account_id, s, &c, e) < 0)
		return e->code;
	*out = sender_judge(&c, s->verified, now_sec);
	return 0;
}

/* 1 full of others. */
static int list_full(struct tx *tx, uint64_t owner_id, struct span key, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM sender_list WHERE owner_id = ?1 AND lookup <> ?2");
	int r;

	sql_int(q, 1, (int64_t)owner_id);
	sql_blob(q, 2, key);
	r = sql_next(q, e);
	return r < 0 ? r : sql_col_int(q, 0) >= SENDER_LIST_MAX;
}

int sender_list_put(struct org *o, struct tx *tx, struct arena *a, const struct sender_row *row, struct err *e)
{
	unsigned char key[SEAL_LOOKUP_LEN];
	MAIL_KEY house = { { 0 } };
	struct sql *q;
	int r;

	if (key_of(o, tx, a, "sender-list", row->owner_id, row->sender, key, e) < 0 || org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	r = list_full(tx, row->owner_id, SPAN_BYTES(key, sizeof(key)), e);
	if (r)
		return r < 0 ? r : err_set(e, ERR_LIMIT, "The list is full", "owner %llu", (unsigned long long)row->owner_id);
	q = sql_open(tx, "INSERT INTO sender_list (owner_id, lookup, verdict, created_sec, sealed) VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (owner_id, lookup) DO UPDATE SET verdict = excluded.verdict, created_sec = excluded.created_sec,"
		" sealed = excluded.sealed");
	sql_int(q, 1, (int64_t)row->owner_id);
	sql_blob(q, 2, SPAN_BYTES(key, sizeof(key)));
	sql_int(q, 3, row->verdict);
	sql_int(q, 4, row->created_sec);
	sql_blob(q, 5, seal_column(a, &house, (struct seal_place){ "sender_list", "sealed", row->owner_id }, row->sender));
	return sql_run(q, e) < 0 ? e->code : 0;
}

int sender_list_remove(struct org *o, struct tx *tx, struct arena *a, uint64_t owner_id, struct span sender, struct err *e)
{
	unsigned char key[SEAL_LOOKUP_LEN];
	struct sql *q;
	int r;

	if (key_of(o, tx, a, "sender-list", owner_id, sender, key, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM sender_list WHERE owner_id = ?1 AND lookup = ?2");
	sql_int(q, 1, (int64_t)owner_id);
	sql_blob(q, 2, SPAN_BYTES(key, sizeof(key)));
	r = sql_run(q, e);
	return r < 0 ? r : r ? 0 : err_set(e, ERR_MISSING, "This sender is not in the list", "not listed");
}

int sender_list(struct org *o, struct tx *tx, struct arena *a, uint64_t owner_id, struct sender_row **out, size_t *n_out, struct err *e)
{
	MAIL_KEY house = { { 0 } };
	int r;

	*n_out = 0;
	*out = ARENA_ARRAY(a, struct sender_row, SENDER_LIST_MAX);
	if (org_key(o, tx, ORG_ACCOUNT_ID, &house, e) < 0)
		return e->code;
	SCOPED_SQL q = sql_open(tx, "SELECT verdict, created_sec, sealed FROM sender_list WHERE owner_id = ?1 ORDER BY created_sec, lookup LIMIT ?2");

	sql_int(q, 1, (int64_t)owner_id);
	sql_int(q, 2, SENDER_LIST_MAX);
	while ((r = sql_next(q, e)) == 1) {
		struct sender_row *row = &(*out)[*n_out];

		*row = (struct sender_row){ .owner_id = owner_id, .verdict = (enum sender_verdict)sql_col_int(q, 0), .created_sec = sql_col_int(q, 1) };
		if (unseal_column(a, &house, (struct seal_place){ "sender_list", "sealed", owner_id }, sql_col(q, 2), &row->sender, e) < 0)
			return e->code;
		++*n_out;
	}
	return r;
}

int sender_sweep(struct tx *tx, int64_t now_sec, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM greylist WHERE (passed = 0 AND first_sec < ?1) OR seen_sec < ?2");

	sql_int(q, 1, now_sec - GREY_WINDOW_SEC);
	sql_int(q, 2, now_sec - GREY_KEEP_SEC);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "DELETE FROM sender_known WHERE seen_sec < ?1");
	sql_int(q, 1, now_sec - SENDER_KEEP_SEC);
	return sql_run(q, e) < 0 ? e->code : 0;
}
