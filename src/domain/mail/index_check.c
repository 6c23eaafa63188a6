/* index_check.c - `kontor store check` over the search index: every row opens and reads, and belongs to something. */
#include "domain/mail/index_words.h"
#include "domain/mail/mail_impl.h"

#define ROWS_AT_ONCE 100
#define TEXTS_AT_ONCE 100

struct check {
	struct org *org;
	struct findings found;
	uint64_t segment_id, account_id, email_id;   /* the last one looked at */
	int64_t bucket;                /* the same; -1: none of this segment yet */
	bool last, segment_done;
};

static int next_segment(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT id, account_id FROM search_segment WHERE id > ?1 AND state = 1 ORDER BY id LIMIT 1");
	int r;

	_Static_assert(SEGMENT_LIVE == 1, "in the SQL");
	sql_int(q, 1, (int64_t)c->segment_id);
	r = sql_next(q, e);
	c->last = r == 0;
	if (r == 1) {
		c->segment_id = (uint64_t)sql_col_int(q, 0);
		c->account_id = (uint64_t)sql_col_int(q, 1);
	}
	c->bucket = -1;
	c->segment_done = false;
	return r < 0 ? r : 0;
}

/* 1 open, 0: it has been replaced meanwhile, its account is removed, or it is reported. */
static int open_segment(struct check *c, struct tx *tx, struct arena *a, const struct index_keys *keys, struct segment *s, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT bits, bytes, emails, first_id, last_id, sealed FROM search_segment WHERE id = ?1 AND state = 1");
	struct err why = ERR_INIT;
	int64_t n, first, last;
	int r;

	sql_int(q, 1, (int64_t)c->segment_id);
	r = sql_next(q, e);
	if (r <= 0)
		return r;
	*s = (struct segment){ .id = c->segment_id, .bits = (unsigned)sql_col_int(q, 0), .bytes = (uint64_t)sql_col_int(q, 1) };
	n = sql_col_int(q, 2);
	first = sql_col_int(q, 3);
	last = sql_col_int(q, 4);
	if (s->bits > BUCKET_BITS_MAX) {
		findings_add(&c->found, "search segment %llu: %u bits", (unsigned long long)s->id, s->bits);
		return 0;
	}
	if (index_head_open(a, keys, sql_col(q, 5), s, &why) < 0) {
		findings_add(&c->found, "search segment %llu: %s", (unsigned long long)s->id, why.log);
		return 0;
	}
	if (c->bucket < 0 && ((int64_t)s->n != n || !n || (int64_t)s->emails[0] != first || (int64_t)s->emails[s->n - 1] != last))
		findings_add(&c->found, "search segment %llu: its row and its list of emails differ", (unsigned long long)s->id);
	return 1;
}

static void check_row(struct check *c, struct tx *tx, const struct index_keys *keys, const struct segment *s, uint32_t bucket)
{
	SCOPED_ARENA a = arena_new();
	uint16_t *docs = ARENA_ARRAY(a, uint16_t, s->n + 1);
	struct err why = ERR_INIT;
	struct posting_in in;
	uint32_t token;
	size_t n;
	int r = bucket >> s->bits ? err_set(&why, ERR_BROKEN, "", "there is no such row") : index_row_read(tx, a, keys, s, bucket, &in, &why);

	while (r >= 0 && (r = posting_next(&in, &token, docs, &n, &why)) == 1)
		if (bucket_of(token, s->bits) != bucket)
			r = err_set(&why, ERR_BROKEN, "", "a token of another row");
	if (r < 0)
		findings_add(&c->found, "search segment %llu row %u: %s", (unsigned long long)s->id, bucket, why.log);
}

/* The dictionary, word by word, and no row of it beside its blocks. */
static int check_words(struct check *c, struct tx *tx, struct arena *a, const struct index_keys *keys, const struct segment *s, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT count(*) FROM search_row WHERE segment_id = ?1 AND bucket >= ?2");
	struct err why = ERR_INIT;
	struct words_in in;

	words_in_init(&in, a, s);
	do
		words_in_next(tx, keys, &in, &why);
	while (!why.code && in.have);
	words_in_fini(&in);
	if (why.code)
		findings_add(&c->found, "search segment %llu, words of block %u: %s", (unsigned long long)s->id, in.block, why.log);
	sql_int(q, 1, (int64_t)s->id);
	sql_int(q, 2, 1 << BUCKET_BITS_MAX);
	if (sql_next(q, e) < 0)
		return e->code;
	if (!why.code && sql_col_int(q, 0) != 2 * (int64_t)in.block)
		findings_add(&c->found, "search segment %llu: %lld rows of words, %u blocks", (unsigned long long)s->id, (long long)sql_col_int(q, 0), in.block);
	return 0;
}

static int check_rows(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	SCOPED_ARENA a = arena_new();
	__attribute__((cleanup(index_keys_wipe))) struct index_keys keys;
	MAIL_KEY key = { { 0 } };
	uint32_t buckets[ROWS_AT_ONCE];
	struct segment s;
	size_t n = 0;
	int r = org_key(c->org, tx, c->account_id, &key, e);

	c->segment_done = true;
	if (r == ERR_MISSING)                /* removed: nobody is to open this */
		err_clear(e);
	if (r < 0)
		return e->code;
	index_keys_make(&keys, &key);
	r = open_segment(c, tx, a, &keys, &s, e);
	if (r <= 0)
		return r;
	{
		SCOPED_SQL q = sql_open(tx, "SELECT bucket FROM search_row WHERE segment_id = ?1 AND bucket > ?2 AND bucket < ?4"
			" ORDER BY bucket LIMIT ?3");

		sql_int(q, 1, (int64_t)s.id);
		sql_int(q, 2, c->bucket);
		sql_int(q, 3, ROWS_AT_ONCE);
		sql_int(q, 4, 1 << BUCKET_BITS_MAX);
		while ((r = sql_next(q, e)) == 1)
			buckets[n++] = (uint32_t)sql_col_int(q, 0);
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		check_row(c, tx, &keys, &s, buckets[i]);
	if (n)
		c->bucket = buckets[n - 1];
	c->segment_done = n < ROWS_AT_ONCE;
	return r == 0 && c->segment_done ? check_words(c, tx, a, &keys, &s, e) : r;
}

/* The kept texts of attachments. */
static int check_texts(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	uint64_t ids[TEXTS_AT_ONCE], accounts[TEXTS_AT_ONCE];
	size_t n = 0;
	int r;

	{
		SCOPED_SQL q = sql_open(tx, "SELECT t.email_id, coalesce(e.account_id, 0) FROM search_text t LEFT JOIN email e ON e.id = t.email_id"
			" WHERE t.email_id > ?1 ORDER BY t.email_id LIMIT ?2");

		sql_int(q, 1, (int64_t)c->email_id);
		sql_int(q, 2, TEXTS_AT_ONCE);
		while ((r = sql_next(q, e)) == 1) {
			ids[n] = (uint64_t)sql_col_int(q, 0);
			accounts[n++] = (uint64_t)sql_col_int(q, 1);
		}
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		SCOPED_ARENA a = arena_new();
		MAIL_KEY key = { { 0 } };
		struct err why = ERR_INIT;
		struct span text;

		c->email_id = ids[i];
		if (!accounts[i])
			findings_add(&c->found, "text of email %llu: there is no such email", (unsigned long long)ids[i]);
		else if (org_key(c->org, tx, accounts[i], &key, &why) == 0 && mail_index_text(tx, a, &key, ids[i], &text, &why) < 0)
			findings_add(&c->found, "text of email %llu: %s", (unsigned long long)ids[i], why.log);
		if (why.code == ERR_LATER)
			return err_set(e, why.code, why.say, "%s", why.log);
	}
	c->last = n < TEXTS_AT_ONCE;
	return r;
}

static int check_orphans(struct tx *tx, void *arg, struct err *e)
{
	struct check *c = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT r.segment_id, count(*) FROM search_row r WHERE NOT EXISTS"
		" (SELECT 1 FROM search_segment s WHERE s.id = r.segment_id) GROUP BY r.segment_id");
	int r;

	while ((r = sql_next(q, e)) == 1)
		findings_add(&c->found, "search segment %lld is missing, %lld rows are left of it", (long long)sql_col_int(q, 0), (long long)sql_col_int(q, 1));
	return r;
}

int mail_index_check(struct org *o, struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e)
{
	struct check c = { .org = o, .found = { say, arg, 0 } };

	for (;;) {
		if (store_read(s, next_segment, &c, e) < 0)
			return e->code;
		if (c.last)
			break;
		while (!c.segment_done)
			if (store_read(s, check_rows, &c, e) < 0)
				return e->code;
	}
	for (c.last = false; !c.last; )
		if (store_read(s, check_texts, &c, e) < 0)
			return e->code;
	if (store_read(s, check_orphans, &c, e) < 0)
		return e->code;
	*problems_out = c.found.n;
	return 0;
}
