#include "codec/mailauth/dkim_canon.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void dkim_body_init(struct dkim_body *b, enum dkim_canon canon, uint64_t limit)
{
	memset(b, 0, sizeof(*b));
	b->canon = canon;
	b->limit = limit;
	b->md = EVP_MD_CTX_new();
	if (!b->md || EVP_DigestInit_ex(b->md, EVP_sha256(), NULL) != 1)
		abort();
}

static void flush(struct dkim_body *b)
{
	uint64_t left = b->total > b->limit ? 0 : b->limit - b->total;
	size_t n = b->out_n < left ? b->out_n : (size_t)left;

	EVP_DigestUpdate(b->md, b->out, n);
	b->total += b->out_n;
	b->out_n = 0;
}

static inline void put(struct dkim_body *b, char c)
{
	if (b->out_n == sizeof(b->out))
		flush(b);
	b->out[b->out_n++] = c;
}

/* An octet that stays: what was held back before it stays too. */
static inline void keep(struct dkim_body *b, char c)
{
	for (; b->line_ends; b->line_ends--) {
		put(b, '\r');
		put(b, '\n');
	}
	if (b->blank)
		put(b, ' ');
	b->blank = false;
	b->any = true;
	put(b, c);
}

void dkim_body_add(struct dkim_body *b, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		char c = piece.p[i];

		if (b->cr) {
			b->cr = false;
			if (c == '\n') {
				b->blank = false;
				b->line_ends++;
				continue;
			}
			keep(b, '\r');
		}
		if (c == '\r')
			b->cr = true;
		else if (b->canon == DKIM_RELAXED && (c == ' ' || c == '\t'))
			b->blank = true;
		else
			keep(b, c);
	}
}

void dkim_body_finish(struct dkim_body *b, unsigned char hash_out[DKIM_HASH_LEN])
{
	if (b->cr)
		keep(b, '\r');
	if (b->any || b->canon == DKIM_SIMPLE) {
		put(b, '\r');
		put(b, '\n');
	}
	flush(b);
	EVP_DigestFinal_ex(b->md, hash_out, NULL);
	dkim_body_drop(b);
}

void dkim_body_drop(struct dkim_body *b)
{
	EVP_MD_CTX_free(b->md);
	b->md = NULL;
}

static void field_relaxed(struct buf *b, struct span raw)
{
	ssize_t colon = span_chr(raw, ':');
	struct span name = span_trim(span_sub(raw, 0, colon < 0 ? raw.n : (size_t)colon));
	struct span value = span_trim(colon < 0 ? SPAN_NONE : span_from(raw, (size_t)colon + 1));
	bool blank = false;

	for (size_t i = 0; i < name.n; i++)
		buf_addc(b, ascii_lower(name.p[i]));
	buf_addc(b, ':');
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == ' ' || c == '\t') {
			blank = true;
		} else if (c != '\r' && c != '\n') {
			if (blank)
				buf_addc(b, ' ');
			blank = false;
			buf_addc(b, c);
		}
	}
	buf_addz(b, "\r\n");
}

void dkim_field(struct buf *b, enum dkim_canon canon, struct span raw)
{
	if (canon == DKIM_RELAXED) {
		field_relaxed(b, raw);
		return;
	}
	buf_add(b, raw);
	if (!raw.n || raw.p[raw.n - 1] != '\n')
		buf_addz(b, "\r\n");
}
