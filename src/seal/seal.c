#include "seal/seal.h"
#include "base/secret.h"
#include "base/time.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NAME_MAX_LEN 63

_Static_assert(NONCE_LEN + TAG_LEN == SEAL_OVERHEAD, "overhead");
_Static_assert(SEAL_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

/* The additional data: length-prefixed names, so that ("ab","c") and ("a","bc") differ, then the row. */
struct aad {
	unsigned char p[2 * (NAME_MAX_LEN + 1) + 8];
	size_t n;
};

static void aad_name(struct aad *d, const char *name)
{
	size_t n = strlen(name);

	assert(n <= NAME_MAX_LEN);
	d->p[d->n++] = (unsigned char)n;
	memcpy(d->p + d->n, name, n);
	d->n += n;
}

static void aad_make(struct aad *d, struct seal_place at)
{
	d->n = 0;
	aad_name(d, at.table);
	aad_name(d, at.column);
	for (int i = 0; i < 8; i++)
		d->p[d->n++] = (unsigned char)(at.row_id >> (8 * i));
}

static void seal_into(unsigned char *out, const struct seal_key *k, struct seal_place at, struct span plain)
{
	unsigned long long n;
	struct aad d;

	aad_make(&d, at);
	random_bytes(out, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, &n, (const unsigned char *)plain.p, plain.n,
		d.p, d.n, NULL, out, k->k);
	assert(n == plain.n + TAG_LEN);
}

/* out has room for sealed.n - SEAL_OVERHEAD bytes; the caller has checked the length. */
static bool unseal_into(unsigned char *out, const struct seal_key *k, struct seal_place at, struct span sealed)
{
	const unsigned char *p = (const unsigned char *)sealed.p;
	struct aad d;

	aad_make(&d, at);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, p + NONCE_LEN, sealed.n - NONCE_LEN,
		d.p, d.n, p, k->k) == 0;
}

int seal_init(struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, ERR_BROKEN, "Internal error", "sodium_init failed");
	return 0;
}

void seal_key_new(struct seal_key *out)
{
	random_bytes(out->k, sizeof(out->k));
}

void seal_key_wipe(struct seal_key *k)
{
	secret_wipe(k, sizeof(*k));
}

struct span seal_column(struct arena *a, const struct seal_key *k, struct seal_place at, struct span plain)
{
	unsigned char *out = arena_alloc(a, plain.n + SEAL_OVERHEAD);

	seal_into(out, k, at, plain);
	return SPAN_BYTES(out, plain.n + SEAL_OVERHEAD);
}

int unseal_column(struct arena *a, const struct seal_key *k, struct seal_place at, struct span sealed,
	struct span *out, struct err *e)
{
	unsigned char *p;

	*out = SPAN_NONE;
	if (sealed.n < SEAL_OVERHEAD)
		return err_set(e, ERR_BROKEN, "Internal error", "sealed %s.%s of row %llu has only %zu bytes",
			at.table, at.column, (unsigned long long)at.row_id, sealed.n);
	p = arena_alloc(a, sealed.n - SEAL_OVERHEAD);
	if (!unseal_into(p, k, at, sealed))
		return err_set(e, ERR_BROKEN, "Internal error", "sealed %s.%s of row %llu does not verify",
			at.table, at.column, (unsigned long long)at.row_id);
	*out = SPAN_BYTES(p, sealed.n - SEAL_OVERHEAD);
	return 0;
}

/* BLAKE2b takes the output length into its parameters: a look-up of 16 bytes says nothing about a MAC of 32. */
static void keyed_hash(const struct seal_key *k, const char *kind, struct span text, unsigned char *out,
	size_t out_len)
{
	crypto_generichash_state st;
	size_t n = strlen(kind);
	unsigned char head = (unsigned char)n;

	assert(n <= NAME_MAX_LEN);
	crypto_generichash_init(&st, k->k, sizeof(k->k), out_len);
	crypto_generichash_update(&st, &head, 1);
	crypto_generichash_update(&st, (const unsigned char *)kind, n);
	crypto_generichash_update(&st, (const unsigned char *)text.p, text.n);
	crypto_generichash_final(&st, out, out_len);
}

void seal_lookup(const struct seal_key *k, const char *kind, struct span text, unsigned char out[SEAL_LOOKUP_LEN])
{
	keyed_hash(k, kind, text, out, SEAL_LOOKUP_LEN);
}

void seal_mac(const struct seal_key *k, const char *kind, struct span text, unsigned char out[32])
{
	keyed_hash(k, kind, text, out, 32);
}

/* No table has an empty name: a wrapped key is never a column. */
static struct seal_place wrap_place(uint64_t owner_id)
{
	return (struct seal_place){ "", "key", owner_id };
}

void seal_key_wrap(const struct seal_key *under, uint64_t owner_id, const struct seal_key *k,
	unsigned char out[SEAL_WRAPPED_LEN])
{
	seal_into(out, under, wrap_place(owner_id), SPAN_BYTES(k->k, sizeof(k->k)));
}

int seal_key_unwrap(const struct seal_key *under, uint64_t owner_id, struct span wrapped,
	struct seal_key *out, struct err *e)
{
	seal_key_wipe(out);
	if (wrapped.n != SEAL_WRAPPED_LEN || !unseal_into(out->k, under, wrap_place(owner_id), wrapped)) {
		seal_key_wipe(out);
		return err_set(e, ERR_BROKEN, "Internal error", "wrapped key of %llu (%zu bytes) does not verify",
			(unsigned long long)owner_id, wrapped.n);
	}
	return 0;
}
