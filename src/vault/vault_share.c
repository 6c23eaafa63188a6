#include "vault/vault_share.h"
#include "base/secret.h"
#include "base/time.h"
#include <assert.h>
#include <libgfshare.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SUM_LEN 4
#define RAW_LEN (3 + 1 + SHARE_LEN + SUM_LEN)
#define LETTERS (RAW_LEN * 8 / 5)
#define SHARES_MAX 16

_Static_assert(RAW_LEN % 5 == 0, "whole groups of eight letters");

static void fill(unsigned char *p, unsigned n)
{
	random_bytes(p, n);
}

void share_setup(void)
{
	gfshare_fill_rand = fill;
}

void share_split(const unsigned char secret[SHARE_LEN], uint32_t set_id, unsigned need, unsigned total,
	struct share *out)
{
	unsigned char nrs[SHARES_MAX], copy[SHARE_LEN];
	gfshare_ctx *g;

	assert(need >= 2 && need <= total && total <= SHARES_MAX);
	for (unsigned i = 0; i < total; i++)
		nrs[i] = (unsigned char)(i + 1);
	g = gfshare_ctx_init_enc(nrs, total, (unsigned char)need, SHARE_LEN);
	if (!g)
		abort();
	memcpy(copy, secret, sizeof(copy));
	gfshare_ctx_enc_setsecret(g, copy);
	secret_wipe(copy, sizeof(copy));
	for (unsigned i = 0; i < total; i++) {
		out[i].set_id = set_id;
		out[i].nr = nrs[i];
		gfshare_ctx_enc_getshare(g, (unsigned char)i, out[i].p);
	}
	gfshare_ctx_free(g);   /* overwrites its memory with fill first */
}

void share_join(const struct share *shares, unsigned need, unsigned char secret_out[SHARE_LEN])
{
	unsigned char nrs[SHARES_MAX], copy[SHARE_LEN];
	gfshare_ctx *g;

	assert(need >= 2 && need <= SHARES_MAX);
	for (unsigned i = 0; i < need; i++)
		nrs[i] = shares[i].nr;
	g = gfshare_ctx_init_dec(nrs, need, SHARE_LEN);
	if (!g)
		abort();
	for (unsigned i = 0; i < need; i++) {
		memcpy(copy, shares[i].p, sizeof(copy));
		gfshare_ctx_dec_giveshare(g, (unsigned char)i, copy);
	}
	secret_wipe(copy, sizeof(copy));
	gfshare_ctx_dec_extract(g, secret_out);
	gfshare_ctx_free(g);
}

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int letter_value(char c)
{
	const char *at;

	c = ascii_upper(c);
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	at = c ? strchr(ALPHABET, c) : NULL;
	return at ? (int)(at - ALPHABET) : -1;
}

static void raw_sum(const unsigned char *raw, unsigned char out[SUM_LEN])
{
	unsigned char h[16];

	crypto_generichash(h, sizeof(h), raw, RAW_LEN - SUM_LEN, NULL, 0);
	memcpy(out, h, SUM_LEN);
}

static void raw_make(const struct share *s, unsigned char raw[RAW_LEN])
{
	raw[0] = (unsigned char)(s->set_id >> 16);
	raw[1] = (unsigned char)(s->set_id >> 8);
	raw[2] = (unsigned char)s->set_id;
	raw[3] = s->nr;
	memcpy(raw + 4, s->p, SHARE_LEN);
	raw_sum(raw, raw + 4 + SHARE_LEN);
}

void share_print(struct buf *b, const struct share *s)
{
	unsigned char raw[RAW_LEN];

	raw_make(s, raw);
	buf_addf(b, "share %u: ", s->nr);
	for (unsigned i = 0; i < LETTERS; i++) {
		unsigned v = 0;

		for (unsigned k = i * 5; k < i * 5 + 5; k++)
			v = v << 1 | (raw[k / 8] >> (7 - k % 8) & 1);
		if (i && i % 4 == 0)
			buf_addc(b, '-');
		buf_addc(b, ALPHABET[v]);
	}
	secret_wipe(raw, sizeof(raw));
}

/* The letters behind the last colon, or the whole line. */
static bool raw_read(struct span line, unsigned char raw[RAW_LEN])
{
	ssize_t colon = span_rchr(line, ':');
	unsigned letters = 0;

	line = span_trim(span_from(line, (size_t)(colon + 1)));
	memset(raw, 0, RAW_LEN);
	for (size_t i = 0; i < line.n; i++) {
		int v = letter_value(line.p[i]);

		if (line.p[i] == '-' || line.p[i] == ' ' || line.p[i] == '\t')
			continue;
		if (v < 0 || letters == LETTERS)
			return false;
		for (unsigned k = 0; k < 5; k++) {
			unsigned bit = letters * 5 + k;

			raw[bit / 8] |= (unsigned char)((v >> (4 - k) & 1) << (7 - bit % 8));
		}
		letters++;
	}
	return letters == LETTERS;
}

int share_parse(struct span line, struct share *out, struct err *e)
{
	unsigned char raw[RAW_LEN], sum[SUM_LEN];
	bool ok = raw_read(line, raw);

	if (ok) {
		raw_sum(raw, sum);
		ok = memcmp(sum, raw + 4 + SHARE_LEN, SUM_LEN) == 0 && raw[3] != 0;
	}
	if (ok) {
		out->set_id = (uint32_t)raw[0] << 16 | (uint32_t)raw[1] << 8 | raw[2];
		out->nr = raw[3];
		memcpy(out->p, raw + 4, SHARE_LEN);
	}
	secret_wipe(raw, sizeof(raw));
	return ok ? 0 : err_set(e, ERR_DENIED, "This is not a whole share, look for a typing error",
		"share line of %zu bytes is malformed", line.n);
}

void share_tag(const struct share *s, unsigned char out[SHARE_TAG_LEN])
{
	unsigned char raw[RAW_LEN];

	raw_make(s, raw);
	crypto_generichash(out, SHARE_TAG_LEN, raw, sizeof(raw), (const unsigned char *)"kontor share tag", 16);
	secret_wipe(raw, sizeof(raw));
}
