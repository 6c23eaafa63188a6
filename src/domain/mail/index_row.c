/* index_row.c - segments and rows of the search index in the store, sealed. */
#include <sodium.h>
#include <string.h>
#include "domain/mail/index_impl.h"

#define HEAD_VERSION 2

void index_keys_make(struct index_keys *k, const struct seal_key *account_key)
{
	unsigned char mac[32];

	_Static_assert(crypto_shorthash_KEYBYTES == sizeof(k->token), "SipHash key");
	k->seal = *account_key;
	seal_mac(account_key, "search token", SPAN_NONE, mac);
	memcpy(k->token, mac, sizeof(k->token));
	secret_wipe(mac, sizeof(mac));
}

uint32_t index_token(const struct index_keys *k, enum mail_where where, uint32_t gram)
{
	const unsigned char in[4] = { (unsigned char)where, (unsigned char)(gram >> 16), (unsigned char)(gram >> 8), (unsigned char)gram };
	unsigned char out[crypto_shorthash_BYTES];

	crypto_shorthash(out, in, sizeof(in), k->token);
	return (uint32_t)out[0] | (uint32_t)out[1] << 8 | (uint32_t)out[2] << 16 | (uint32_t)out[3] << 24;
}

unsigned index_bits_for(uint64_t bytes)
{
	unsigned bits = 0;

	while (bits < BUCKET_BITS_MAX && bytes >> bits > ROW_GOAL)
		bits++;
	return bits;
}

static struct seal_place head_place(uint64_t segment_id)
{
	return (struct seal_place){ "search_segment", "sealed", segment_id };
}

static struct seal_place row_place(uint64_t segment_id, uint32_t bucket)
{
	return (struct seal_place){ "search_row", "sealed", segment_id << BUCKET_BITS_MAX | bucket };
}

struct span index_head_seal(struct arena *a, const struct index_keys *k, const struct segment *s)
{
	SCOPED_BUF b;

	buf_init(&b, 1u << 24);
	buf_addc(&b, HEAD_VERSION);
	posting_ids_write(&b, s->emails, s->n);
	posting_ids_write(&b, s->always, s->n_always);
	posting_ids_write(&b, s->unsure, s->n_unsure);
	return seal_column(a, &k->seal, head_place(s->id), buf_span(&b));
}

int index_head_open(struct arena *a, const struct index_keys *k, struct span sealed, struct segment *s, struct err *e)
{
	struct span plain;

	if (unseal_column(a, &k->seal, head_place(s->id), sealed, &plain, e) < 0)
		return e->code;
	if (!plain.n || plain.p[0] != HEAD_VERSION)
		return err_set(e, ERR_BROKEN, "Internal error", "search segment %llu: unknown version", (unsigned long long)s->id);
	plain = span_from(plain, 1);
	if (posting_ids_read(a, &plain, POSTING_DOCS_MAX, &s->emails, &s->n, e) < 0 ||
		posting_ids_read(a, &plain, s->n, &s->always, &s->n_always, e) < 0 ||
		posting_ids_read(a, &plain, s->n, &s->unsure, &s->n_unsure, e) < 0)
		return e->code;
	if ((s->n_always && s->always[s->n_always - 1] >= s->n) || (s->n_unsure && s->unsure[s->n_unsure - 1] >= s->n))
		return err_set(e, ERR_BROKEN, "Internal error", "search segment %llu: bad list", (unsigned long long)s->id);
	return 0;
}

struct span index_row_seal(struct arena *a, const struct index_keys *k, uint64_t segment_id, uint32_t bucket, struct span row)
{
	return seal_column(a, &k->seal, row_place(segment_id, bucket), row);
}

int index_row_read(struct tx *tx, struct arena *a, const struct index_keys *k, const struct segment *s, uint32_t bucket,
	struct posting_in *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM search_row WHERE segment_id = ?1 AND bucket = ?2");
	int r;

	*out = (struct posting_in){ SPAN_NONE, (uint32_t)s->n, bucket_base(bucket, s->bits) };
	sql_int(q, 1, (int64_t)s->id);
	sql_int(q, 2, bucket);
	r = sql_next(q, e);
	if (r <= 0)
		return r;
	return unseal_column(a, &k->seal, row_place(s->id, bucket), sql_col(q, 0), &out->in, e);
}

int index_row_write(struct tx *tx, uint64_t segment_id, uint32_t bucket, struct span sealed, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO search_row (segment_id, bucket, sealed) VALUES (?1, ?2, ?3)");

	sql_int(q, 1, (int64_t)segment_id);
	sql_int(q, 2, bucket);
	sql_blob(q, 3, sealed);
	return sql_run(q, e) < 0 ? e->code : 0;
}

int index_segment_write(struct tx *tx, uint64_t account_id, enum segment_state state, const struct segment *s, struct span head,
	struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO search_segment (id, account_id, state, emails, bits, bytes, first_id, last_id, sealed)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");

	sql_int(q, 1, (int64_t)s->id);
	sql_int(q, 2, (int64_t)account_id);
	sql_int(q, 3, state);
	sql_int(q, 4, (int64_t)s->n);
	sql_int(q, 5, s->bits);
	sql_int(q, 6, (int64_t)s->bytes);
	sql_int(q, 7, s->n ? (int64_t)s->emails[0] : 0);
	sql_int(q, 8, s->n ? (int64_t)s->emails[s->n - 1] : 0);
	sql_blob(q, 9, head);
	return sql_run(q, e) < 0 ? e->code : 0;
}

static int count_live(struct tx *tx, uint64_t account_id, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT count(*) FROM search_segment WHERE account_id = ?1 AND state = 1");

	_Static_assert(SEGMENT_LIVE == 1, "in the SQL");
	sql_int(q, 1, (int64_t)account_id);
	if (sql_next(q, e) != 1)
		return e->code;
	*n_out = (size_t)sql_col_int(q, 0);
	return 0;
}

int index_segments(struct tx *tx, struct arena *a, const struct index_keys *k, uint64_t account_id, struct segment **out,
	size_t *n_out, struct err *e)
{
	SCOPED_SQL q = NULL;
	size_t most = 0;
	int r;

	*n_out = 0;
	if (count_live(tx, account_id, &most, e) < 0)
		return e->code;
	*out = ARENA_ARRAY(a, struct segment, most + 1);
	q = sql_open(tx, "SELECT id, bits, bytes, sealed FROM search_segment WHERE account_id = ?1 AND state = 1 ORDER BY first_id, id");
	sql_int(q, 1, (int64_t)account_id);
	while ((r = sql_next(q, e)) == 1 && *n_out < most) {
		struct segment *s = &(*out)[(*n_out)++];

		*s = (struct segment){ .id = (uint64_t)sql_col_int(q, 0), .bits = (unsigned)sql_col_int(q, 1),
			.bytes = (uint64_t)sql_col_int(q, 2) };
		if (s->bits > BUCKET_BITS_MAX)
			return err_set(e, ERR_BROKEN, "Internal error", "search segment %llu: %u bits", (unsigned long long)s->id, s->bits);
		if (index_head_open(a, k, sql_col(q, 3), s, e) < 0)
			return e->code;
	}
	return r < 0 ? r : 0;
}

int index_position(struct tx *tx, uint64_t account_id, uint64_t *out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT position FROM search_account WHERE account_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)account_id);
	r = sql_next(q, e);
	*out = r == 1 ? (uint64_t)sql_col_int(q, 0) : 0;
	return r < 0 ? r : 0;
}
