/* Shares, the master file, ways of locking, verifiers and their cache: without the process around them. */
#include "vault/vault_keys.h"
#include "vault/vault_password.h"
#include "base/io.h"
#include "base/time.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define PW_OPS 1
#define PW_MEM (64 * 1024)

static char dir[64];
static int dirfd_;
static const struct key_lock BY_PASSPHRASE = { 'p', { "open sesame", 11 }, 0, 0, NULL };

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kontor-keys-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	unlinkat(dirfd_, "master", 0);
	unlinkat(dirfd_, "master.key", 0);
	close(dirfd_);
	return rmdir(dir);     /* fails when something else was left there */
}

static struct keys *load(void)
{
	struct keys_config c = { dirfd_, "master.key", PW_OPS, PW_MEM };
	struct err e = ERR_INIT;
	struct keys *k;

	assert_int_equal(keys_load(&c, &k, &e), 0);
	return k;
}

static struct vault_status status(struct keys *k)
{
	struct vault_status s;

	keys_status(k, &s);
	return s;
}

static int key_open(struct keys *k, struct span secret)
{
	struct err e = ERR_INIT;
	int r = keys_open(k, secret, &e);

	assert_int_equal(e.code, r);
	return r;
}

/* An account key that must survive whatever is done to the lock. */
struct proof {
	struct seal_key key;
	unsigned char row[8 + SEAL_WRAPPED_LEN];
};

static void proof_make(struct keys *k, struct proof *p)
{
	memset(p->row, 0, 8);
	p->row[0] = 42;
	assert_int_equal(keys_account_new(k, 42, &p->key, p->row + 8, NULL), 0);
}

static int proof_open(struct keys *k, const struct proof *p)
{
	unsigned char out[SEAL_KEY_LEN];
	int r = keys_account_open(k, SPAN_BYTES(p->row, sizeof(p->row)), out, NULL);

	if (r == 0)
		assert_memory_equal(out, p->key.k, sizeof(out));
	return r;
}

static void lines_split(struct buf *b, struct span *lines, unsigned n)
{
	struct span text = buf_span(b);

	for (unsigned i = 0; i < n; i++)
		lines[i] = span_cut(&text, '\n');
	assert_int_equal(text.n, 0);
}

static void test_share_line(void **state)
{
	struct share s = { .set_id = 0xabcdef, .nr = 3 }, t;
	SCOPED_BUF b = { 0 };
	struct err e = ERR_INIT;
	unsigned refused = 0;
	char *colon;

	(void)state;
	random_bytes(s.p, sizeof(s.p));
	buf_init(&b, 200);
	share_print(&b, &s);
	assert_true(span_starts(buf_span(&b), SPAN("share 3: ")));
	assert_int_equal(share_parse(buf_span(&b), &t, &e), 0);
	assert_memory_equal(t.p, s.p, sizeof(s.p));
	assert_true(t.set_id == s.set_id && t.nr == s.nr);
	/* as a human types it: no heading, small letters, blanks */
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = b.p[i] == '-' ? ' ' : ascii_lower(b.p[i]);
	assert_int_equal(share_parse(span_from(buf_span(&b), 9), &t, &e), 0);
	colon = memchr(b.p, ':', b.n);
	for (char *p = colon + 2; p < b.p + b.n; p++) {
		char was = *p;

		if (was == ' ')
			continue;
		*p = was == '7' ? '8' : '7';
		refused += share_parse(buf_span(&b), &t, NULL) == ERR_DENIED;
		*p = was;
	}
	assert_int_equal(refused, 64);
	assert_int_equal(share_parse(SPAN(""), &t, &e), ERR_DENIED);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(share_parse(span_sub(buf_span(&b), 0, n), &t, NULL), ERR_DENIED);
}

static void test_share_all_pairs(void **state)
{
	unsigned char secret[SHARE_LEN], out[SHARE_LEN];
	struct share s[5];

	(void)state;
	random_bytes(secret, sizeof(secret));
	share_split(secret, 1, 3, 5, s);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++)
			for (int k = 0; k < 5; k++) {
				struct share some[3] = { s[i], s[j], s[k] };

				if (i == j || j == k || i == k)
					continue;
				share_join(some, 3, out);
				assert_memory_equal(out, secret, sizeof(secret));
				share_join(some, 2, out);
				assert_memory_not_equal(out, secret, sizeof(secret));
			}
}

static void test_passphrase(void **state)
{
	struct keys *k = load();
	struct err e = ERR_INIT;
	struct proof p;

	(void)state;
	assert_int_equal(status(k).state, VAULT_EMPTY);
	assert_int_equal(key_open(k, SPAN("x")), ERR_MISSING);
	assert_int_equal(keys_create(k, &(struct key_lock){ .mode = 'p' }, &e), ERR_PARAM);
	assert_int_equal(status(k).state, VAULT_EMPTY);
	err_clear(&e);
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, &e), 0);
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, &e), ERR_EXISTS);
	assert_true(status(k).state == VAULT_OPEN && status(k).mode == 'p');
	proof_make(k, &p);
	assert_int_equal(proof_open(k, &p), 0);
	p.row[0]++;            /* another account's */
	assert_int_equal(proof_open(k, &p), ERR_BROKEN);
	p.row[0]--;
	keys_seal(k);
	assert_int_equal(status(k).state, VAULT_SEALED);
	assert_int_equal(proof_open(k, &p), ERR_LATER);
	assert_int_equal(key_open(k, SPAN("open sesamE")), ERR_DENIED);
	assert_int_equal(key_open(k, SPAN("")), ERR_DENIED);
	assert_int_equal(status(k).state, VAULT_SEALED);
	assert_int_equal(key_open(k, SPAN("open sesame")), 0);
	assert_int_equal(proof_open(k, &p), 0);
	keys_free(k);
	k = load();            /* a new start is a sealed one */
	assert_int_equal(status(k).state, VAULT_SEALED);
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), ERR_EXISTS);
	assert_int_equal(key_open(k, SPAN("open sesame")), 0);
	assert_int_equal(proof_open(k, &p), 0);
	keys_free(k);
}

static void test_shares(void **state)
{
	struct keys *k = load();
	SCOPED_BUF b = { 0 }, fb = { 0 };
	struct span lines[3], foreign;
	struct key_lock how = { 's', SPAN_NONE, 2, 3, &b };
	struct share forged;
	struct proof p;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&fb, 4096);
	assert_int_equal(keys_create(k, &how, NULL), 0);
	lines_split(&b, lines, 3);
	proof_make(k, &p);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++) {
			keys_seal(k);
			assert_int_equal(key_open(k, lines[i]), 0);
			assert_true(status(k).state == VAULT_SEALED && status(k).have == 1);
			assert_int_equal(proof_open(k, &p), ERR_LATER);
			assert_int_equal(key_open(k, lines[j]), 0);    /* i == j: counts once */
			assert_int_equal(status(k).state, i == j ? VAULT_SEALED : VAULT_OPEN);
			assert_int_equal(status(k).have, i == j ? 1 : 0);
			assert_int_equal(proof_open(k, &p), i == j ? ERR_LATER : 0);
		}
	keys_seal(k);
	/* a well-formed share of another key, and one that only claims to be of this set: refused at once,
	 * and what was given before still counts */
	assert_int_equal(key_open(k, lines[0]), 0);
	random_bytes(forged.p, sizeof(forged.p));
	forged.set_id = 77;
	forged.nr = 2;
	share_print(&fb, &forged);
	foreign = buf_span(&fb);
	assert_int_equal(key_open(k, foreign), ERR_DENIED);
	assert_int_equal(share_parse(lines[1], &forged, NULL), 0);
	forged.p[5] ^= 1;
	buf_reset(&fb);
	share_print(&fb, &forged);
	assert_int_equal(key_open(k, buf_span(&fb)), ERR_DENIED);
	forged.p[5] ^= 1;
	forged.nr = 200;
	buf_reset(&fb);
	share_print(&fb, &forged);
	assert_int_equal(key_open(k, buf_span(&fb)), ERR_DENIED);
	assert_int_equal(status(k).have, 1);
	assert_int_equal(key_open(k, lines[1]), 0);
	assert_int_equal(proof_open(k, &p), 0);
	keys_free(k);
}

static void test_rewrap(void **state)
{
	struct keys *k = load();
	SCOPED_BUF b = { 0 };
	struct span lines[2];
	struct key_lock by_shares = { 's', SPAN_NONE, 2, 2, &b };
	struct err e = ERR_INIT;
	struct stat st;
	struct proof p;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), 0);
	proof_make(k, &p);
	assert_int_equal(keys_rewrap(k, &by_shares, &e), 0);
	lines_split(&b, lines, 2);
	assert_true(status(k).mode == 's' && status(k).state == VAULT_OPEN);
	keys_seal(k);
	assert_int_equal(keys_rewrap(k, &BY_PASSPHRASE, NULL), ERR_LATER);
	assert_int_equal(key_open(k, SPAN("open sesame")), ERR_DENIED);
	assert_int_equal(key_open(k, lines[1]), 0);
	assert_int_equal(key_open(k, lines[0]), 0);
	assert_int_equal(proof_open(k, &p), 0);
	assert_int_equal(keys_rewrap(k, &(struct key_lock){ .mode = 'k' }, &e), 0);
	assert_int_equal(fstatat(dirfd_, "master.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(keys_rewrap(k, &(struct key_lock){ .mode = 'k' }, NULL), ERR_EXISTS);
	keys_seal(k);
	assert_int_equal(key_open(k, SPAN_NONE), 0);
	assert_int_equal(proof_open(k, &p), 0);
	assert_int_equal(keys_rewrap(k, &BY_PASSPHRASE, &e), 0);
	assert_int_equal(fstatat(dirfd_, "master.key", &st, 0), -1);
	keys_seal(k);
	assert_int_equal(key_open(k, SPAN("open sesame")), 0);
	assert_int_equal(proof_open(k, &p), 0);
	assert_int_equal(keys_rewrap(k, &(struct key_lock){ .mode = 'x' }, &e), ERR_PARAM);
	keys_free(k);
}

/* The key itself lies nowhere, and a damaged file is never "no key yet" (that would invite a new one). */
static void test_master_file(void **state)
{
	struct keys *k = load();
	struct keys_config c = { dirfd_, "master.key", PW_OPS, PW_MEM };
	struct master_file f;
	SCOPED_BUF b = { 0 };
	struct keys *none;

	(void)state;
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), 0);
	keys_free(k);
	buf_init(&b, 4096);
	assert_int_equal(io_read_file(dirfd_, "master", &b, NULL), 0);
	assert_int_equal(master_file_decode(buf_span(&b), &f, NULL), 0);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(master_file_decode(span_sub(buf_span(&b), 0, n), &f, NULL), ERR_BROKEN);
	assert_int_equal(io_write_file_durable(dirfd_, "master", span_sub(buf_span(&b), 0, b.n - 1), 0600, NULL),
		0);
	assert_int_equal(keys_load(&c, &none, NULL), ERR_BROKEN);
	assert_null(none);
	assert_int_equal(io_write_file_durable(dirfd_, "master", SPAN(""), 0600, NULL), 0);
	assert_int_equal(keys_load(&c, &none, NULL), ERR_BROKEN);
	/* a flipped bit in the wrapped key: the right passphrase opens nothing */
	b.p[b.n - 20] ^= 1;
	assert_int_equal(io_write_file_durable(dirfd_, "master", buf_span(&b), 0600, NULL), 0);
	k = load();
	assert_int_equal(key_open(k, SPAN("open sesame")), ERR_DENIED);
	keys_free(k);
}

/* How often these bytes (given inverted, so that the question does not find itself) lie in our memory. */
static unsigned memory_count(const unsigned char inverted[SEAL_KEY_LEN])
{
	static unsigned char page[4096 + SEAL_KEY_LEN];
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long from, to;
	unsigned found = 0;
	char line[512];

	assert_true(maps && mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		char *end;

		from = strtoul(line, &end, 16);
		to = strtoul(end + 1, &end, 16);
		if (end[2] != 'w' || to - from > (64UL << 20))
			continue;
		for (; from < to; from += 4096) {
			ssize_t n = pread(mem, page, sizeof(page), (off_t)from);

			for (ssize_t i = 0; i < 4096 && i + SEAL_KEY_LEN <= n; i++) {
				size_t k = 0;

				while (k < SEAL_KEY_LEN && (unsigned char)~page[i + k] == inverted[k])
					k++;
				/* this page buffer is memory, too */
				found += k == SEAL_KEY_LEN && (from + (size_t)i < (uintptr_t)page ||
					from + (size_t)i >= (uintptr_t)page + sizeof(page));
			}
		}
	}
	fclose(maps);
	close(mem);
	secret_wipe(page, sizeof(page));
	return found;
}

/* One copy of the master key while open, none when sealed. */
static void test_memory(void **state)
{
	struct keys *k = load();
	struct master_file f;
	struct seal_key kek, master;
	SCOPED_BUF b = { 0 };
	struct proof p;

	(void)state;
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), 0);
	buf_init(&b, 4096);
	assert_int_equal(io_read_file(dirfd_, "master", &b, NULL), 0);
	assert_int_equal(master_file_decode(buf_span(&b), &f, NULL), 0);
	assert_int_equal(crypto_pwhash(kek.k, SEAL_KEY_LEN, "open sesame", 11, f.salt, f.pw_ops, f.pw_mem,
		crypto_pwhash_ALG_ARGON2ID13), 0);
	assert_int_equal(seal_key_unwrap(&kek, 0, SPAN_BYTES(f.wrapped, sizeof(f.wrapped)), &master, NULL), 0);
	for (int i = 0; i < SEAL_KEY_LEN; i++) {
		kek.k[i] = (unsigned char)~kek.k[i];
		master.k[i] = (unsigned char)~master.k[i];
	}
	proof_make(k, &p);
	assert_int_equal(proof_open(k, &p), 0);
	assert_int_equal(memory_count(master.k), 1);
	assert_int_equal(memory_count(kek.k), 0);
	keys_seal(k);
	assert_int_equal(memory_count(master.k), 0);
	assert_int_equal(key_open(k, SPAN("open sesame")), 0);
	assert_int_equal(memory_count(master.k), 1);
	assert_int_equal(memory_count(kek.k), 0);
	keys_free(k);
	assert_int_equal(memory_count(master.k), 0);
}

/* RFC 7677 section 3 */
static void test_scram_vector(void **state)
{
	struct span message = SPAN("n=user,r=rOprNGfwEbeRWgbNEkqO,"
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	unsigned char salt[16], proof[32], signature[32], want[32];
	struct scram_keys s;

	(void)state;
	assert_int_equal(sodium_base642bin(salt, 16, "W22ZaJ0SNY7soEsUEjb6gQ==", 24, NULL, NULL, NULL,
		sodium_base64_VARIANT_ORIGINAL), 0);
	assert_int_equal(sodium_base642bin(proof, 32, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", 44, NULL,
		NULL, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
	assert_int_equal(sodium_base642bin(want, 32, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", 44, NULL,
		NULL, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
	assert_int_equal(scram_derive(SPAN("pencil"), SPAN_BYTES(salt, 16), 4096, &s, NULL), 0);
	assert_int_equal(scram_verify(&s, message, SPAN_BYTES(proof, 32), signature, NULL), 0);
	assert_memory_equal(signature, want, 32);
	proof[31] ^= 1;
	assert_int_equal(scram_verify(&s, message, SPAN_BYTES(proof, 32), signature, NULL), ERR_DENIED);
	assert_int_equal(scram_verify(&s, message, SPAN_BYTES(proof, 31), signature, NULL), ERR_DENIED);
}

static void test_verifier(void **state)
{
	struct keys *k = load();
	struct passwords *p = passwords_new(k, PW_OPS, PW_MEM);
	SCOPED_ARENA a = arena_new();
	struct span v, none = SPAN_NONE, copy;

	(void)state;
	assert_int_equal(password_make(p, a, 7, SPAN("geheim"), &v, NULL), ERR_LATER);
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), 0);
	assert_int_equal(password_make(p, a, 7, SPAN(""), &v, NULL), ERR_PARAM);
	assert_int_equal(password_make(p, a, 7, SPAN("geheim"), &v, NULL), 0);
	assert_int_equal(span_find(v, SPAN("argon2")), -1);
	assert_int_equal(password_check(p, a, 7, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_check(p, a, 7, v, SPAN("Geheim"), NULL), ERR_DENIED);
	assert_int_equal(password_check(p, a, 7, v, SPAN(""), NULL), ERR_DENIED);
	assert_int_equal(password_check(p, a, 8, v, SPAN("geheim"), NULL), ERR_BROKEN);
	assert_int_equal(password_check(p, a, 7, none, SPAN("geheim"), NULL), ERR_DENIED);
	copy = arena_span(a, v);
	((char *)(uintptr_t)copy.p)[v.n / 2] ^= 1;
	assert_int_equal(password_check(p, a, 7, copy, SPAN("geheim"), NULL), ERR_BROKEN);
	keys_seal(k);
	assert_int_equal(password_check(p, a, 7, v, SPAN("geheim"), NULL), ERR_LATER);
	assert_int_equal(password_check(p, a, 7, none, SPAN("geheim"), NULL), ERR_LATER);
	passwords_free(p);
	keys_free(k);
}

static void test_cache(void **state)
{
	struct keys *k = load();
	struct passwords *p = passwords_new(k, PW_OPS, PW_MEM);
	SCOPED_ARENA a = arena_new();
	struct span v, newer;

	(void)state;
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), 0);
	assert_int_equal(password_make(p, a, 7, SPAN("geheim"), &v, NULL), 0);
	assert_int_equal(password_make(p, a, 7, SPAN("geheim"), &newer, NULL), 0);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_check(p, a, 7, v, SPAN("falsch"), NULL), ERR_DENIED);
	assert_int_equal(password_known(p, 7, v, SPAN("falsch"), NULL), 0);
	assert_int_equal(password_check(p, a, 7, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), 1);
	assert_int_equal(password_known(p, 8, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_known(p, 7, newer, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_known(p, 7, SPAN_NONE, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim2"), NULL), 0);
	time_test_advance_mono(599 * US_PER_SEC);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), 1);
	time_test_advance_mono(2 * US_PER_SEC);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_check(p, a, 7, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), 1);
	passwords_forget(p);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), 0);
	assert_int_equal(password_check(p, a, 7, v, SPAN("geheim"), NULL), 0);
	keys_seal(k);
	assert_int_equal(password_known(p, 7, v, SPAN("geheim"), NULL), ERR_LATER);
	passwords_free(p);
	keys_free(k);
}

/* Client side of RFC 5802 with the announced salt. */
static void scram_proof(struct span password, struct span salt, uint32_t n, struct span message,
	unsigned char proof[32])
{
	unsigned char client[32];
	struct scram_keys s;

	(void)n;
	assert_int_equal(scram_derive(password, salt, n, &s, NULL), 0);
	/* proof = ClientKey XOR HMAC(StoredKey, message); ClientKey needs the salted password again */
	{
		unsigned char salted[32], block[20], u[32], sig[32];

		memcpy(block, salt.p, 16);
		memcpy(block + 16, "\0\0\0\1", 4);
		crypto_auth_hmacsha256_state st, base;

		crypto_auth_hmacsha256_init(&base, (const unsigned char *)password.p, password.n);
		st = base;
		crypto_auth_hmacsha256_update(&st, block, sizeof(block));
		crypto_auth_hmacsha256_final(&st, u);
		memcpy(salted, u, 32);
		for (uint32_t i = 1; i < n; i++) {
			st = base;
			crypto_auth_hmacsha256_update(&st, u, 32);
			crypto_auth_hmacsha256_final(&st, u);
			for (int b = 0; b < 32; b++)
				salted[b] ^= u[b];
		}
		crypto_auth_hmacsha256(client, (const unsigned char *)"Client Key", 10, salted);
		crypto_auth_hmacsha256(sig, (const unsigned char *)message.p, message.n, s.stored);
		for (int b = 0; b < 32; b++)
			proof[b] = client[b] ^ sig[b];
	}
}

static void test_scram(void **state)
{
	struct keys *k = load();
	struct passwords *p = passwords_new(k, PW_OPS, PW_MEM);
	SCOPED_ARENA a = arena_new();
	struct span v, none = SPAN_NONE, salt, salt2, message = SPAN("n=anna,r=1,r=12,s=x,i=4096,c=biws,r=12");
	unsigned char proof[32], signature[32];
	uint32_t n;

	(void)state;
	assert_int_equal(keys_create(k, &BY_PASSPHRASE, NULL), 0);
	assert_int_equal(password_make(p, a, 7, SPAN("geheim"), &v, NULL), 0);
	assert_int_equal(password_scram_begin(p, a, 7, v, SPAN("anna"), &salt, &n, NULL), 0);
	assert_true(salt.n == 16 && n == 4096);
	scram_proof(SPAN("geheim"), salt, n, message, proof);
	assert_int_equal(password_scram_check(p, a, 7, v, message, SPAN_BYTES(proof, 32), signature, NULL), 0);
	assert_int_equal(password_scram_check(p, a, 7, none, message, SPAN_BYTES(proof, 32), signature, NULL),
		ERR_DENIED);
	scram_proof(SPAN("falsch"), salt, n, message, proof);
	assert_int_equal(password_scram_check(p, a, 7, v, message, SPAN_BYTES(proof, 32), signature, NULL),
		ERR_DENIED);
	/* nobody's salt: stable over a restart, differs by name, looks like any other */
	assert_int_equal(password_scram_begin(p, a, 0, none, SPAN("nobody"), &salt, &n, NULL), 0);
	assert_true(salt.n == 16 && n == 4096);
	keys_seal(k);
	assert_int_equal(password_scram_begin(p, a, 0, none, SPAN("nobody"), &salt2, &n, NULL), ERR_LATER);
	assert_int_equal(key_open(k, SPAN("open sesame")), 0);
	assert_int_equal(password_scram_begin(p, a, 0, none, SPAN("nobody"), &salt2, &n, NULL), 0);
	assert_true(span_eq(salt, salt2));
	assert_int_equal(password_scram_begin(p, a, 0, none, SPAN("nobodx"), &salt2, &n, NULL), 0);
	assert_false(span_eq(salt, salt2));
	passwords_free(p);
	keys_free(k);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_line),
		cmocka_unit_test(test_share_all_pairs),
		WITH_DIR(test_passphrase),
		WITH_DIR(test_shares),
		WITH_DIR(test_rewrap),
		WITH_DIR(test_master_file),
		WITH_DIR(test_memory),
		cmocka_unit_test(test_scram_vector),
		WITH_DIR(test_verifier),
		WITH_DIR(test_cache),
		WITH_DIR(test_scram),
	};

	share_setup();
	if (seal_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
