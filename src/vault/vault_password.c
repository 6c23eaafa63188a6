#include "vault/vault_password.h"
#include "base/time.h"
#include "base/wire.h"
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define WAYS 4
#define TAG_LEN 32
#define DENIED "Wrong name or password"

struct memory {                        /* one remembered password */
	unsigned char tag[TAG_LEN];
	int64_t until_us;              /* monotonic; 0 = free */
};

struct passwords {
	struct keys *keys;
	uint64_t pw_ops, pw_mem;
	struct secret cache_key;       /* of this process only */
	pthread_mutex_t mu;
	struct memory cache[PASSWORD_CACHE_LEN / WAYS][WAYS];
};

struct verifier {
	char argon[crypto_pwhash_STRBYTES];
	uint32_t iterations;
	unsigned char salt[SCRAM_SALT_LEN];
	struct scram_keys scram;
};

struct passwords *passwords_new(struct keys *keys, uint64_t pw_ops, uint64_t pw_mem)
{
	struct passwords *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->keys = keys;
	p->pw_ops = pw_ops;
	p->pw_mem = pw_mem;
	secret_init(&p->cache_key, SEAL_KEY_LEN);
	random_bytes(p->cache_key.p, p->cache_key.n);
	pthread_mutex_init(&p->mu, NULL);
	return p;
}

void passwords_free(struct passwords *p)
{
	if (!p)
		return;
	secret_fini(&p->cache_key);
	pthread_mutex_destroy(&p->mu);
	secret_wipe(p, sizeof(*p));
	free(p);
}

void passwords_forget(struct passwords *p)
{
	pthread_mutex_lock(&p->mu);
	secret_wipe(p->cache, sizeof(p->cache));
	pthread_mutex_unlock(&p->mu);
}

/* --- SCRAM-SHA-256 --- */

static void hmac(const unsigned char key[SCRAM_KEY_LEN], struct span text, unsigned char out[SCRAM_KEY_LEN])
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, key, SCRAM_KEY_LEN);
	crypto_auth_hmacsha256_update(&st, (const unsigned char *)text.p, text.n);
	crypto_auth_hmacsha256_final(&st, out);
	secret_wipe(&st, sizeof(st));
}

/* RFC 5802 section 3: SaltedPassword = Hi(password, salt, i), ClientKey = HMAC(SaltedPassword, "Client Key"),
 * StoredKey = H(ClientKey), ServerKey = HMAC(SaltedPassword, "Server Key"). Hi is PBKDF2. */
int scram_derive(struct span password, struct span salt, uint32_t iterations, struct scram_keys *out,
	struct err *e)
{
	unsigned char salted[SCRAM_KEY_LEN], client[SCRAM_KEY_LEN];

	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)salt.p, (int)salt.n,
		    (int)iterations, EVP_sha256(), sizeof(salted), salted) != 1)
		return err_set(e, ERR_BROKEN, "Internal error", "PBKDF2 failed");
	hmac(salted, SPAN("Client Key"), client);
	crypto_hash_sha256(out->stored, client, sizeof(client));
	hmac(salted, SPAN("Server Key"), out->server);
	secret_wipe(salted, sizeof(salted));
	secret_wipe(client, sizeof(client));
	return 0;
}

int scram_verify(const struct scram_keys *s, struct span auth_message, struct span proof,
	unsigned char signature_out[SCRAM_KEY_LEN], struct err *e)
{
	unsigned char client[SCRAM_KEY_LEN], hash[SCRAM_KEY_LEN];
	bool ok;

	if (proof.n != SCRAM_KEY_LEN)
		return err_set(e, ERR_DENIED, DENIED, "scram: proof of %zu bytes", proof.n);
	hmac(s->stored, auth_message, client);     /* ClientSignature */
	for (size_t i = 0; i < sizeof(client); i++)
		client[i] ^= (unsigned char)proof.p[i];
	crypto_hash_sha256(hash, client, sizeof(client));
	ok = sodium_memcmp(hash, s->stored, sizeof(hash)) == 0;
	secret_wipe(client, sizeof(client));
	if (!ok)
		return err_set(e, ERR_DENIED, DENIED, "scram: wrong proof");
	hmac(s->server, auth_message, signature_out);
	return 0;
}

/* --- the verifier --- */

static struct seal_place verifier_place(uint64_t account_id)
{
	return (struct seal_place){ "account", "verifier", account_id };
}

static void span_wipe(struct span s)           /* bytes that this file put into the arena */
{
	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
}

static int verifier_write(struct passwords *p, struct arena *a, uint64_t account_id, const struct verifier *v,
	struct span *out, struct err *e)
{
	unsigned char room[512];
	struct buf b = { .p = (char *)room, .cap = sizeof(room), .max = sizeof(room) };
	struct seal_key k;
	int r = keys_derive(p->keys, "password verifier", &k, e);

	if (r < 0)
		return r;
	wire_u8(&b, VERSION);
	wire_span(&b, span_str(v->argon));
	wire_u32(&b, v->iterations);
	wire_span(&b, SPAN_BYTES(v->salt, sizeof(v->salt)));
	wire_span(&b, SPAN_BYTES(&v->scram, sizeof(v->scram)));
	assert(!b.failed);
	*out = seal_column(a, &k, verifier_place(account_id), buf_span(&b));
	secret_wipe(room, sizeof(room));
	seal_key_wipe(&k);
	return 0;
}

static int verifier_parse(struct span plain, struct verifier *v)
{
	struct wire w = wire_open(plain);
	unsigned version = wire_get_u8(&w);
	struct span argon = wire_get_span(&w, sizeof(v->argon) - 1);
	struct span salt, scram;

	v->iterations = wire_get_u32(&w);
	salt = wire_get_span(&w, sizeof(v->salt));
	scram = wire_get_span(&w, sizeof(v->scram));
	if (!wire_done(&w) || version != VERSION || salt.n != sizeof(v->salt) || scram.n != sizeof(v->scram))
		return -1;
	memset(v->argon, 0, sizeof(v->argon));
	memcpy(v->argon, argon.p, argon.n);
	memcpy(v->salt, salt.p, salt.n);
	memcpy(&v->scram, scram.p, scram.n);
	return 0;
}

static int verifier_read(struct passwords *p, struct arena *a, uint64_t account_id, struct span sealed,
	struct verifier *v, struct err *e)
{
	struct seal_key k;
	struct span plain = SPAN_NONE;
	int r = keys_derive(p->keys, "password verifier", &k, e);

	if (r < 0)
		return r;
	r = unseal_column(a, &k, verifier_place(account_id), sealed, &plain, e);
	seal_key_wipe(&k);
	if (r == 0 && verifier_parse(plain, v) < 0)
		r = err_set(e, ERR_BROKEN, "Internal error", "password verifier of account %llu is unreadable",
			(unsigned long long)account_id);
	span_wipe(plain);
	return r;
}

static int need_open(struct passwords *p, struct err *e)
{
	struct vault_status s;

	keys_status(p->keys, &s);
	return s.state == VAULT_OPEN ? 0 :
		err_set(e, ERR_LATER, "Temporarily sealed, try again later", "the vault is sealed");
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_LATER, "Temporary shortage, try again later", "no memory for Argon2id");
}

int password_make(struct passwords *p, struct arena *a, uint64_t account_id, struct span password,
	struct span *verifier_out, struct err *e)
{
	struct verifier v = { .iterations = SCRAM_ITERATIONS };
	int r = need_open(p, e);

	if (r < 0)
		return r;
	if (!password.n)
		return err_set(e, ERR_PARAM, "The password is empty", "empty password");
	if (crypto_pwhash_str_alg(v.argon, password.p, password.n, p->pw_ops, (size_t)p->pw_mem,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return no_memory(e);
	random_bytes(v.salt, sizeof(v.salt));
	r = scram_derive(password, SPAN_BYTES(v.salt, sizeof(v.salt)), v.iterations, &v.scram, e);
	if (r == 0)
		r = verifier_write(p, a, account_id, &v, verifier_out, e);
	secret_wipe(&v, sizeof(v));
	return r;
}

/* --- the cache --- */

static void cache_tag(const struct passwords *p, uint64_t account_id, struct span verifier,
	struct span password, unsigned char out[TAG_LEN])
{
	crypto_generichash_state st;
	uint64_t head[2] = { account_id, verifier.n };

	crypto_generichash_init(&st, p->cache_key.p, p->cache_key.n, TAG_LEN);
	crypto_generichash_update(&st, (const unsigned char *)head, sizeof(head));
	crypto_generichash_update(&st, (const unsigned char *)verifier.p, verifier.n);
	crypto_generichash_update(&st, (const unsigned char *)password.p, password.n);
	crypto_generichash_final(&st, out, TAG_LEN);
	secret_wipe(&st, sizeof(st));
}

static struct memory *cache_row(struct passwords *p, const unsigned char tag[TAG_LEN])
{
	return p->cache[(tag[0] | (unsigned)tag[1] << 8) % (PASSWORD_CACHE_LEN / WAYS)];
}

static void cache_put(struct passwords *p, const unsigned char tag[TAG_LEN])
{
	struct memory *row = cache_row(p, tag), *old = row;

	pthread_mutex_lock(&p->mu);
	for (int i = 0; i < WAYS; i++) {
		if (sodium_memcmp(row[i].tag, tag, TAG_LEN) == 0) {
			old = &row[i];
			break;
		}
		if (row[i].until_us < old->until_us)
			old = &row[i];
	}
	memcpy(old->tag, tag, TAG_LEN);
	old->until_us = time_mono_us() + PASSWORD_CACHE_SEC * US_PER_SEC;
	pthread_mutex_unlock(&p->mu);
}

int password_known(struct passwords *p, uint64_t account_id, struct span verifier, struct span password,
	struct err *e)
{
	int64_t now_us = time_mono_us();
	unsigned char tag[TAG_LEN];
	struct memory *row;
	int known = need_open(p, e);

	if (known < 0 || !verifier.n)
		return known;
	cache_tag(p, account_id, verifier, password, tag);
	row = cache_row(p, tag);
	pthread_mutex_lock(&p->mu);
	for (int i = 0; i < WAYS; i++)
		known |= (sodium_memcmp(row[i].tag, tag, TAG_LEN) == 0) & (row[i].until_us > now_us);
	pthread_mutex_unlock(&p->mu);
	return known;
}

/* --- checks --- */

/* Nobody there: the same work, then no. */
static int check_nobody(struct passwords *p, struct span password, struct err *e)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = { 1 };
	unsigned char out[32];

	if (crypto_pwhash(out, sizeof(out), password.p, password.n, salt, p->pw_ops, (size_t)p->pw_mem,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return no_memory(e);
	secret_wipe(out, sizeof(out));
	return err_set(e, ERR_DENIED, DENIED, "no such account");
}

int password_check(struct passwords *p, struct arena *a, uint64_t account_id, struct span verifier,
	struct span password, struct err *e)
{
	unsigned char tag[TAG_LEN];
	struct verifier v;
	int r = need_open(p, e);

	if (r < 0)
		return r;
	if (!verifier.n)
		return check_nobody(p, password, e);
	r = verifier_read(p, a, account_id, verifier, &v, e);
	if (r < 0)
		return r;
	errno = 0;
	if (crypto_pwhash_str_verify(v.argon, password.p, password.n) != 0) {
		/* libsodium says EINVAL for a mismatch and nothing or ENOMEM when it could not work */
		r = errno == EINVAL ? err_set(e, ERR_DENIED, DENIED, "wrong password") : no_memory(e);
	} else {
		cache_tag(p, account_id, verifier, password, tag);
		cache_put(p, tag);
	}
	secret_wipe(&v, sizeof(v));
	return r;
}

int password_scram_begin(struct passwords *p, struct arena *a, uint64_t account_id, struct span verifier,
	struct span name, struct span *salt_out, uint32_t *iterations_out, struct err *e)
{
	unsigned char mac[32];
	struct verifier v;
	struct seal_key k;
	int r;

	if (verifier.n) {
		r = verifier_read(p, a, account_id, verifier, &v, e);
		if (r == 0) {
			*salt_out = SPAN_BYTES(arena_dup(a, v.salt, sizeof(v.salt)), sizeof(v.salt));
			*iterations_out = v.iterations;
		}
		secret_wipe(&v, sizeof(v));
		return r;
	}
	r = keys_derive(p->keys, "scram salt of nobody", &k, e);
	if (r < 0)
		return r;
	seal_mac(&k, "salt", name, mac);
	seal_key_wipe(&k);
	*salt_out = SPAN_BYTES(arena_dup(a, mac, SCRAM_SALT_LEN), SCRAM_SALT_LEN);
	*iterations_out = SCRAM_ITERATIONS;
	return 0;
}

int password_scram_check(struct passwords *p, struct arena *a, uint64_t account_id, struct span verifier,
	struct span auth_message, struct span proof, unsigned char signature_out[SCRAM_KEY_LEN], struct err *e)
{
	struct verifier v = { .iterations = SCRAM_ITERATIONS };
	int r = need_open(p, e);

	if (r == 0 && verifier.n)
		r = verifier_read(p, a, account_id, verifier, &v, e);
	else if (r == 0)
		random_bytes(&v.scram, sizeof(v.scram));      /* nobody: no proof fits */
	if (r == 0)
		r = scram_verify(&v.scram, auth_message, proof, signature_out, e);
	secret_wipe(&v, sizeof(v));
	return r;
}
