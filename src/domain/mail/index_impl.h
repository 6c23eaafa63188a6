/* index_impl.h - what the files of the search index share. */
#pragma once
#include "codec/find/gram.h"
#include "codec/find/posting.h"
#include "domain/mail/mail_impl.h"
#include "domain/mail/mail_index.h"

enum segment_state { SEGMENT_BUILDING, SEGMENT_LIVE, SEGMENT_DEAD };

#define BUCKET_BITS_MAX 11             /* a row's number goes into 64 bits beside its segment's */
#define ROW_GOAL 6000                  /* octets in a row, about */

struct segment {
	uint64_t id;
	unsigned bits;                 /* 2^bits rows: a token's upper bits are its row */
	uint64_t bytes;
	uint64_t *emails;              /* document number to email, ascending */
	size_t n;
	uint64_t *always;              /* document numbers that every question gets */
	size_t n_always;
	uint64_t *unsure;              /* document numbers that the dictionary says nothing about (index_words.h) */
	size_t n_unsure;
};

/* The account's secrets for its index. */
struct index_keys {
	struct seal_key seal;
	unsigned char token[16];       /* SipHash */
};
void index_keys_make(struct index_keys *k, const struct seal_key *account_key);
static inline void index_keys_wipe(struct index_keys *k)
{
	secret_wipe(k, sizeof(*k));
}
uint32_t index_token(const struct index_keys *k, enum mail_where where, uint32_t gram);

static inline uint32_t bucket_of(uint32_t token, unsigned bits)
{
	return bits ? token >> (32 - bits) : 0;
}
static inline uint64_t bucket_base(uint32_t bucket, unsigned bits)
{
	return bits ? (uint64_t)bucket << (32 - bits) : 0;
}
unsigned index_bits_for(uint64_t bytes);
/* The head: emails, always and unsure, sealed. Reading fills them. */
struct span index_head_seal(struct arena *a, const struct index_keys *k, const struct segment *s);
int index_head_open(struct arena *a, const struct index_keys *k, struct span sealed, struct segment *s, struct err *e);
struct span index_row_seal(struct arena *a, const struct index_keys *k, uint64_t segment_id, uint32_t bucket, struct span row);
/* A row that does not exist is empty. */
int index_row_read(struct tx *tx, struct arena *a, const struct index_keys *k, const struct segment *s, uint32_t bucket,
	struct posting_in *out, struct err *e);
int index_row_write(struct tx *tx, uint64_t segment_id, uint32_t bucket, struct span sealed, struct err *e);
int index_segment_write(struct tx *tx, uint64_t account_id, enum segment_state state, const struct segment *s, struct span head,
	struct err *e);
/* Live segments of an account, oldest first, with their heads. */
int index_segments(struct tx *tx, struct arena *a, const struct index_keys *k, uint64_t account_id, struct segment **out,
	size_t *n_out, struct err *e);
int index_position(struct tx *tx, uint64_t account_id, uint64_t *out, struct err *e);

struct mail_index_builder {
	struct org *org;
	struct store *store;
	struct gram_set grams[WHERE_COUNT];
	uint64_t *postings;            /* token << 16 | document */
	size_t n, cap;
	struct words *words;
	bool (*pace)(void *arg);
	void *pace_arg;
	int (*read)(void *arg, struct arena *a, struct span document, struct span *out, struct err *e);
	void *read_arg;
};
/* index_text.c: the documents attached to a message, decoded; their texts joined, cut at TEXT_KEPT_MAX. */
#define TEXT_KEPT_MAX (1u << 20)
struct span_list {
	struct span *v;
	size_t n;
};
void index_documents(struct arena *a, struct span message, struct span_list *out);
int index_text_read(struct mail_index_builder *b, struct arena *a, const struct span_list *documents, struct span *out, struct err *e);
int index_text_write(struct tx *tx, const struct index_keys *k, struct arena *a, uint64_t email_id, struct span text, struct err *e);
bool index_go_on(const struct mail_index_builder *b);
