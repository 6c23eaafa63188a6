/* posting.h - which documents hold which tokens, packed: the rows of a search index.
 *
 * A row is a list of entries in ascending order of their tokens (32 bits, above a base that both sides know):
 *
 *	entry = token-distance count documents          ; varints of 7 bits, least first
 *	documents = 1*gap / bitmap                      ; bitmap of `docs` bits when more than an eighth have the token
 *
 * Documents are numbers from 0 below `docs`, at most POSTING_DOCS_MAX. Readers distrust their input: ERR_SYNTAX. Pure;
 * whoever stores rows seals them. Not good for: positions of words, scores. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define POSTING_DOCS_MAX 65535

struct posting_out {
	struct buf *b;
	uint32_t docs;
	uint64_t next;            /* the least token that may follow */
};
/* n documents, ascending, at least one. */
void posting_add(struct posting_out *o, uint32_t token, const uint16_t *doc, size_t n);

struct posting_in {
	struct span in;
	uint32_t docs;
	uint64_t next;            /* begins as the row's base */
};
/* 1 an entry (doc_out: room for `docs`; NULL: skip them), 0 the end. */
int posting_next(struct posting_in *i, uint32_t *token_out, uint16_t *doc_out, size_t *n_out, struct err *e);
/* The documents of one token; *n_out 0: none. */
int posting_find(struct posting_in row, uint32_t token, uint16_t *doc_out, size_t *n_out, struct err *e);

/* Ascending ids, each once. */
void posting_ids_write(struct buf *b, const uint64_t *ids, size_t n);
int posting_ids_read(struct arena *a, struct span *in, size_t max, uint64_t **ids_out, size_t *n_out, struct err *e);
