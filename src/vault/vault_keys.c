#include "vault/vault_keys.h"
#include "base/io.h"
#include "base/time.h"
#include "base/wire.h"
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC SPAN("kontor master key\n")
#define VERSION 1
#define FILE_MAX 4096
#define PW_OPS_MAX 1000
#define PW_MEM_MAX (8ULL << 30)

/* All that must not be swapped or dumped. */
struct hidden {
	struct seal_key master;
	struct share shares[VAULT_SHARES_MAX];
};

struct keys {
	struct keys_config c;
	pthread_mutex_t admin_mu;      /* create, open, rewrap: held over Argon2 and the disk; before mu */
	pthread_mutex_t mu;            /* everything below; never held for long */
	bool have_file, open;
	struct master_file f;          /* changed under both */
	unsigned have;                 /* shares given so far */
	struct hidden *hidden;
};

/* --- the file --- */

void master_file_encode(struct buf *b, const struct master_file *f)
{
	buf_add(b, MAGIC);
	wire_u8(b, VERSION);
	wire_u8(b, f->mode);
	wire_u8(b, f->need);
	wire_u8(b, f->total);
	wire_u64(b, f->pw_ops);
	wire_u64(b, f->pw_mem);
	wire_span(b, SPAN_BYTES(f->salt, sizeof(f->salt)));
	wire_span(b, SPAN_BYTES(f->check, sizeof(f->check)));
	wire_span(b, SPAN_BYTES(f->wrapped, sizeof(f->wrapped)));
	wire_u32(b, f->set_id);
	wire_span(b, SPAN_BYTES(f->tags, (size_t)f->total * SHARE_TAG_LEN));
}

static void get_exact(struct wire *w, void *to, size_t n)
{
	struct span s = wire_get_span(w, n);

	if (s.n != n)
		w->failed = true;
	else if (n)
		memcpy(to, s.p, n);
}

static bool master_file_sound(const struct master_file *f)
{
	switch (f->mode) {
	case 'k':
		return f->total == 0;
	case 'p':
		return f->total == 0 && f->pw_ops >= 1 && f->pw_ops <= PW_OPS_MAX &&
			f->pw_mem >= crypto_pwhash_MEMLIMIT_MIN && f->pw_mem <= PW_MEM_MAX;
	case 's':
		return f->need >= 2 && f->need <= f->total && f->total <= VAULT_SHARES_MAX;
	default:
		return false;
	}
}

int master_file_decode(struct span in, struct master_file *out, struct err *e)
{
	struct wire w = wire_open(span_from(in, MAGIC.n));
	unsigned version = wire_get_u8(&w);

	*out = (struct master_file){ 0 };
	if (!span_starts(in, MAGIC) || w.failed)
		return err_set(e, ERR_BROKEN, "Internal error", "the vault's master file is damaged");
	if (version != VERSION)
		return err_set(e, ERR_BROKEN, "Internal error",
			"the vault's master file has version %u, this program knows %u", version, VERSION);
	out->mode = wire_get_u8(&w);
	out->need = wire_get_u8(&w);
	out->total = wire_get_u8(&w);
	out->pw_ops = wire_get_u64(&w);
	out->pw_mem = wire_get_u64(&w);
	get_exact(&w, out->salt, sizeof(out->salt));
	get_exact(&w, out->check, sizeof(out->check));
	get_exact(&w, out->wrapped, sizeof(out->wrapped));
	out->set_id = wire_get_u32(&w);
	if (out->total <= VAULT_SHARES_MAX)
		get_exact(&w, out->tags, (size_t)out->total * SHARE_TAG_LEN);
	if (!wire_done(&w) || !master_file_sound(out))
		return err_set(e, ERR_BROKEN, "Internal error", "the vault's master file is damaged");
	return 0;
}

/* --- load, status, forget --- */

int keys_load(const struct keys_config *c, struct keys **out, struct err *e)
{
	struct keys *k = calloc(1, sizeof(*k));
	SCOPED_BUF b = { 0 };
	struct err why = ERR_INIT;
	int r;

	*out = NULL;
	if (!k)
		abort();
	k->c = *c;
	pthread_mutex_init(&k->admin_mu, NULL);
	pthread_mutex_init(&k->mu, NULL);
	k->hidden = sodium_malloc(sizeof(*k->hidden));
	if (!k->hidden)
		abort();
	sodium_memzero(k->hidden, sizeof(*k->hidden));
	buf_init(&b, FILE_MAX);
	r = io_read_file(c->dirfd, MASTER_FILE, &b, &why);
	if (r == 0) {
		r = master_file_decode(buf_span(&b), &k->f, &why);
		k->have_file = r == 0;
	} else if (r == ERR_MISSING) {
		r = 0;
	}
	if (r < 0) {
		keys_free(k);
		return err_set(e, r, why.say, "%s", why.log);
	}
	*out = k;
	return 0;
}

void keys_free(struct keys *k)
{
	if (!k)
		return;
	sodium_free(k->hidden);        /* wipes */
	pthread_mutex_destroy(&k->admin_mu);
	pthread_mutex_destroy(&k->mu);
	free(k);
}

void keys_status(struct keys *k, struct vault_status *out)
{
	pthread_mutex_lock(&k->mu);
	*out = (struct vault_status){ .state = !k->have_file ? VAULT_EMPTY : k->open ? VAULT_OPEN : VAULT_SEALED,
		.mode = k->f.mode, .need = k->f.need, .total = k->f.total, .have = (uint8_t)k->have };
	pthread_mutex_unlock(&k->mu);
}

bool keys_check(struct keys *k, unsigned char out[32])
{
	bool have;

	pthread_mutex_lock(&k->mu);
	have = k->have_file;
	memcpy(out, k->f.check, sizeof(k->f.check));
	pthread_mutex_unlock(&k->mu);
	return have;
}

void keys_seal(struct keys *k)
{
	pthread_mutex_lock(&k->mu);
	k->open = false;
	k->have = 0;
	sodium_memzero(k->hidden, sizeof(*k->hidden));
	pthread_mutex_unlock(&k->mu);
}

/* libsodium leaves copies of keys in dead frames below ours (seen with Argon2id): overwrite them. */
static __attribute__((noinline)) void stack_wipe(void)
{
	unsigned char below[16 * 1024];

	secret_wipe(below, sizeof(below));
}

/* --- the KEK in its three forms --- */

static int kek_passphrase(const struct master_file *f, struct span secret, struct seal_key *kek, struct err *e)
{
	if (crypto_pwhash(kek->k, sizeof(kek->k), secret.p, secret.n, f->salt, f->pw_ops, (size_t)f->pw_mem,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_set(e, ERR_LATER, "Temporary shortage, try again later",
			"Argon2id with %llu bytes failed", (unsigned long long)f->pw_mem);
	return 0;
}

static int kek_read(const struct keys *k, struct seal_key *kek, struct err *e)
{
	SCOPED_FD fd = openat(k->c.dirfd, k->c.key_file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_BROKEN, "Internal error", "the vault's key file %s cannot be opened: %m",
			k->c.key_file);
	return io_read_full(fd, kek->k, sizeof(kek->k), NULL) == 0 ? 0 :
		err_set(e, ERR_BROKEN, "Internal error", "the vault's key file %s is damaged", k->c.key_file);
}

static void kek_split(const struct seal_key *kek, struct master_file *f, struct buf *lines_out)
{
	struct share shares[VAULT_SHARES_MAX];

	f->set_id = (uint32_t)(random_u64() & SHARE_SET_MASK);
	share_split(kek->k, f->set_id, f->need, f->total, shares);
	for (unsigned i = 0; i < f->total; i++) {
		share_tag(&shares[i], f->tags[i]);
		share_print(lines_out, &shares[i]);
		buf_addc(lines_out, '\n');
	}
	secret_wipe(shares, sizeof(shares));
}

/* Makes the KEK the caller wants, and all of f but the wrapped key. */
static int kek_make(struct keys *k, const struct key_lock *how, struct master_file *f, struct seal_key *kek,
	struct err *e)
{
	f->mode = (uint8_t)how->mode;
	seal_key_new(kek);
	switch (how->mode) {
	case 'k':
		return io_write_file_durable(k->c.dirfd, k->c.key_file, SPAN_BYTES(kek->k, sizeof(kek->k)), 0600,
			e);
	case 'p':
		if (!how->secret.n)
			return err_set(e, ERR_PARAM, "The passphrase is empty", "empty passphrase");
		f->pw_ops = k->c.pw_ops;
		f->pw_mem = k->c.pw_mem;
		random_bytes(f->salt, sizeof(f->salt));
		return kek_passphrase(f, how->secret, kek, e);
	case 's':
		if (how->need < 2 || how->need > how->total || how->total > VAULT_SHARES_MAX)
			return err_set(e, ERR_PARAM, "That many shares make no sense", "%u of %u shares",
				how->need, how->total);
		f->need = (uint8_t)how->need;
		f->total = (uint8_t)how->total;
		kek_split(kek, f, how->lines_out);
		return 0;
	default:
		return err_set(e, ERR_PARAM, "No such way to keep the key", "mode %d", how->mode);
	}
}

static void master_check(const struct seal_key *master, unsigned char out[32])
{
	seal_mac(master, "vault master check", SPAN_NONE, out);
}

static int master_unwrap(const struct master_file *f, const struct seal_key *kek, struct seal_key *master)
{
	unsigned char check[32];
	int r = seal_key_unwrap(kek, 0, SPAN_BYTES(f->wrapped, sizeof(f->wrapped)), master, NULL);

	if (r == 0) {
		master_check(master, check);
		if (sodium_memcmp(check, f->check, sizeof(check)) != 0)
			r = ERR_BROKEN;
	}
	if (r < 0)
		seal_key_wipe(master);
	return r;
}

/* --- create, rewrap, open: under admin_mu --- */

static int lock_up(struct keys *k, const struct key_lock *how, const struct seal_key *master,
	struct master_file *f, struct err *e)
{
	SCOPED_BUF b = { 0 };
	struct seal_key kek;
	int r = kek_make(k, how, f, &kek, e);

	if (r == 0) {
		master_check(master, f->check);
		seal_key_wrap(&kek, 0, master, f->wrapped);
		buf_init(&b, FILE_MAX);
		master_file_encode(&b, f);
		assert(!b.failed);
		r = io_write_file_durable(k->c.dirfd, MASTER_FILE, buf_span(&b), 0600, e);
	}
	seal_key_wipe(&kek);
	return r;
}

int keys_create(struct keys *k, const struct key_lock *how, struct err *e)
{
	struct master_file f = { 0 };
	struct seal_key master;
	int r;

	pthread_mutex_lock(&k->admin_mu);
	if (k->have_file) {
		pthread_mutex_unlock(&k->admin_mu);
		return err_set(e, ERR_EXISTS, "There is a master key already", "create: master key exists");
	}
	seal_key_new(&master);
	r = lock_up(k, how, &master, &f, e);
	if (r == 0) {
		pthread_mutex_lock(&k->mu);
		k->f = f;
		k->have_file = k->open = true;
		k->hidden->master = master;
		pthread_mutex_unlock(&k->mu);
	}
	pthread_mutex_unlock(&k->admin_mu);
	seal_key_wipe(&master);
	stack_wipe();
	return r;
}

static int master_copy(struct keys *k, struct seal_key *out, struct err *e)
{
	bool open;

	pthread_mutex_lock(&k->mu);
	open = k->open;
	if (open)
		*out = k->hidden->master;
	pthread_mutex_unlock(&k->mu);
	return open ? 0 : err_set(e, ERR_LATER, "Temporarily sealed, try again later", "the vault is sealed");
}

int keys_rewrap(struct keys *k, const struct key_lock *how, struct err *e)
{
	struct master_file f = { 0 };
	struct seal_key master;
	int r;

	pthread_mutex_lock(&k->admin_mu);
	r = master_copy(k, &master, e);
	if (r == 0 && how->mode == 'k' && k->f.mode == 'k')
		r = err_set(e, ERR_EXISTS, "The key is kept in a file already", "rewrap: mode k");
	if (r == 0)
		r = lock_up(k, how, &master, &f, e);
	if (r == 0) {
		bool had_file = k->f.mode == 'k';

		pthread_mutex_lock(&k->mu);
		k->f = f;
		k->have = 0;
		pthread_mutex_unlock(&k->mu);
		if (had_file && (unlinkat(k->c.dirfd, k->c.key_file, 0) < 0 || io_fsync_dir(k->c.dirfd, NULL) < 0))
			r = err_errno(e, "the old key file cannot be removed");
	}
	pthread_mutex_unlock(&k->admin_mu);
	seal_key_wipe(&master);
	stack_wipe();
	return r;
}

/* 1 when this share completes the set (KEK made), 0 when more are needed. */
static int share_take(struct keys *k, struct span line, struct seal_key *kek, struct err *e)
{
	unsigned char tag[SHARE_TAG_LEN];
	struct share s = { 0 };
	int r = share_parse(line, &s, e);
	bool again = false;

	if (r == 0) {
		share_tag(&s, tag);
		if (s.set_id != k->f.set_id || s.nr > k->f.total ||
		    sodium_memcmp(tag, k->f.tags[s.nr - 1], sizeof(tag)) != 0)
			r = err_set(e, ERR_DENIED, "This share does not belong to this key",
				"share %u of set %06x, set %06x wanted", s.nr, s.set_id, k->f.set_id);
	}
	if (r == 0) {
		pthread_mutex_lock(&k->mu);
		for (unsigned i = 0; i < k->have; i++)
			again |= k->hidden->shares[i].nr == s.nr;
		if (!again)
			k->hidden->shares[k->have++] = s;
		if (k->have == k->f.need) {
			share_join(k->hidden->shares, k->f.need, kek->k);
			sodium_memzero(k->hidden->shares, sizeof(k->hidden->shares));
			k->have = 0;
			r = 1;
		}
		pthread_mutex_unlock(&k->mu);
	}
	secret_wipe(&s, sizeof(s));
	return r;
}

static int kek_get(struct keys *k, struct span secret, struct seal_key *kek, struct err *e)
{
	int r;

	if (k->f.mode == 's')
		return share_take(k, secret, kek, e);
	r = k->f.mode == 'k' ? kek_read(k, kek, e) : kek_passphrase(&k->f, secret, kek, e);
	return r < 0 ? r : 1;
}

static bool is_open(struct keys *k)
{
	bool open;

	pthread_mutex_lock(&k->mu);
	open = k->open;
	pthread_mutex_unlock(&k->mu);
	return open;
}

static int open_locked(struct keys *k, struct span secret, struct err *e)
{
	struct seal_key kek = { 0 }, master = { 0 };
	int r;

	if (!k->have_file)
		return err_set(e, ERR_MISSING, "There is no master key yet", "open: no master key");
	if (is_open(k))
		return 0;
	r = kek_get(k, secret, &kek, e);
	if (r <= 0)
		return r;
	r = master_unwrap(&k->f, &kek, &master);
	if (r < 0 && k->f.mode == 'k') {
		err_set(e, r, "Internal error", "the vault's key file does not fit its master file");
	} else if (r < 0) {
		r = err_set(e, ERR_DENIED, "This does not open the key", "wrong passphrase or shares");
	} else {
		pthread_mutex_lock(&k->mu);
		k->open = true;
		k->hidden->master = master;
		pthread_mutex_unlock(&k->mu);
	}
	seal_key_wipe(&kek);
	seal_key_wipe(&master);
	return r;
}

int keys_open(struct keys *k, struct span secret, struct err *e)
{
	int r;

	pthread_mutex_lock(&k->admin_mu);
	r = open_locked(k, secret, e);
	pthread_mutex_unlock(&k->admin_mu);
	stack_wipe();
	return r;
}

/* --- use --- */

int keys_account_new(struct keys *k, uint64_t account_id, struct seal_key *out,
	unsigned char wrapped_out[SEAL_WRAPPED_LEN], struct err *e)
{
	struct seal_key master;
	int r = master_copy(k, &master, e);

	if (r == 0) {
		seal_key_new(out);
		seal_key_wrap(&master, account_id, out, wrapped_out);
		seal_key_wipe(&master);
		stack_wipe();
	}
	return r;
}

int keys_account_open(struct keys *k, struct span rows, unsigned char *out, struct err *e)
{
	const size_t row_len = 8 + SEAL_WRAPPED_LEN;
	struct wire w = wire_open(rows);
	struct seal_key master, one;
	int r = master_copy(k, &master, e);

	for (size_t at = 0; r == 0 && at < rows.n; at += row_len) {
		uint64_t account_id;

		w.in = span_from(rows, at);
		account_id = wire_get_u64(&w);
		r = seal_key_unwrap(&master, account_id, span_sub(w.in, 0, SEAL_WRAPPED_LEN), &one, e);
		memcpy(out, one.k, sizeof(one.k));
		out += sizeof(one.k);
	}
	seal_key_wipe(&one);
	seal_key_wipe(&master);
	stack_wipe();
	return r;
}

int keys_derive(struct keys *k, const char *purpose, struct seal_key *out, struct err *e)
{
	struct seal_key master;
	int r = master_copy(k, &master, e);

	if (r == 0) {
		seal_mac(&master, purpose, SPAN_NONE, out->k);
		seal_key_wipe(&master);
		stack_wipe();
	}
	return r;
}
