#include "vault/vault_accounts.h"
#include "base/io.h"
#include "base/wire.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC SPAN("kontor account keys\n")
#define VERSION 1
#define SUM_LEN 32

/* Rows as they lie in the file, by id. */
struct table {
	unsigned char *p;
	size_t n, cap;                 /* rows */
};

struct accounts {
	int dirfd;
	pthread_mutex_t mu;            /* now; never held over the disk */
	struct table now;
	struct table next;             /* the writer's own: now with what is staged */
	bool staged;
};

static uint64_t row_id(const unsigned char *row)
{
	struct wire w = wire_open(SPAN_BYTES(row, 8));

	return wire_get_u64(&w);
}

/* --- the file --- */

static void sum_of(struct span s, unsigned char out[SUM_LEN])
{
	crypto_generichash(out, SUM_LEN, (const unsigned char *)s.p, s.n, NULL, 0);
}

void accounts_file_encode(struct buf *b, const struct accounts_file *f)
{
	unsigned char sum[SUM_LEN];
	size_t at = b->n;

	buf_add(b, MAGIC);
	wire_u8(b, VERSION);
	buf_add(b, SPAN_BYTES(f->check, sizeof(f->check)));
	wire_u64(b, f->rows.n / VAULT_KEY_ROW);
	buf_add(b, f->rows);
	if (b->failed)
		return;
	sum_of(span_from(buf_span(b), at), sum);
	buf_add(b, SPAN_BYTES(sum, sizeof(sum)));
}

static int damaged(struct err *e, const char *what)
{
	return err_set(e, ERR_BROKEN, "Internal error", "the file of the account keys is damaged: %s", what);
}

static struct span take(struct wire *w, size_t n)
{
	struct span s = span_sub(w->in, 0, n);

	w->failed |= s.n != n;
	w->in = span_from(w->in, s.n);
	return s;
}

int accounts_file_decode(struct span in, struct accounts_file *out, struct err *e)
{
	struct wire w = wire_open(span_from(in, MAGIC.n));
	unsigned char sum[SUM_LEN];
	unsigned version = wire_get_u8(&w);
	struct span check;
	uint64_t n;

	if (!span_starts(in, MAGIC) || w.failed)
		return damaged(e, "not such a file");
	if (version != VERSION)
		return err_set(e, ERR_BROKEN, "Internal error",
			"the file of the account keys has version %u, this program knows %u", version, VERSION);
	check = take(&w, ACCOUNTS_CHECK_LEN);
	n = wire_get_u64(&w);
	if (w.failed || n > ACCOUNTS_MAX || w.in.n != n * VAULT_KEY_ROW + SUM_LEN)
		return damaged(e, "its length");
	memcpy(out->check, check.p, sizeof(out->check));
	out->rows = take(&w, n * VAULT_KEY_ROW);
	sum_of(span_sub(in, 0, in.n - SUM_LEN), sum);
	if (!span_eq(w.in, SPAN_BYTES(sum, sizeof(sum))))
		return damaged(e, "its checksum");
	for (size_t i = 1; i < n; i++)
		if (accounts_file_id(out, i - 1) >= accounts_file_id(out, i))
			return damaged(e, "its order");
	return 0;
}

size_t accounts_file_count(const struct accounts_file *f)
{
	return f->rows.n / VAULT_KEY_ROW;
}

uint64_t accounts_file_id(const struct accounts_file *f, size_t i)
{
	return row_id((const unsigned char *)f->rows.p + i * VAULT_KEY_ROW);
}

/* --- tables --- */

/* Where the id is, or would be. */
static size_t table_at(const struct table *t, uint64_t id)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (row_id(t->p + mid * VAULT_KEY_ROW) < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool table_has(const struct table *t, uint64_t id, size_t *at_out)
{
	*at_out = table_at(t, id);
	return *at_out < t->n && row_id(t->p + *at_out * VAULT_KEY_ROW) == id;
}

static void table_room(struct table *t, size_t rows)
{
	if (rows <= t->cap)
		return;
	t->cap = rows + rows / 4 + 64;
	t->p = reallocarray(t->p, t->cap, VAULT_KEY_ROW);
	if (!t->p)
		abort();
}

static void table_set(struct table *t, struct span rows)
{
	table_room(t, rows.n / VAULT_KEY_ROW + 1);
	memcpy(t->p, rows.p, rows.n);
	t->n = rows.n / VAULT_KEY_ROW;
}

static struct span table_span(const struct table *t)
{
	return SPAN_BYTES(t->p, t->n * VAULT_KEY_ROW);
}

/* --- reading --- */

/* What io_write_file_durable left behind when we were killed in it: it holds keys, perhaps of removed accounts. */
static int sweep_halves(int dirfd, struct err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), gone = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d)
		return err_errno(e, "the vault's folder");
	while ((de = readdir(d)))
		if (span_starts(span_str(de->d_name), SPAN(ACCOUNTS_FILE ".")) &&
			span_ends(span_str(de->d_name), SPAN(".tmp")))
			gone += unlinkat(dirfd, de->d_name, 0) == 0;
	closedir(d);
	return gone ? io_fsync_dir(dirfd, e) : 0;
}

static int fill(struct accounts *a, const unsigned char *check, struct err *e)
{
	struct accounts_file f;
	struct err why = ERR_INIT;
	SCOPED_BUF b = { 0 };
	int r = sweep_halves(a->dirfd, e);

	buf_init(&b, ACCOUNTS_FILE_MAX);
	if (r < 0)
		return r;
	r = io_read_file(a->dirfd, ACCOUNTS_FILE, &b, &why);
	if (r == ERR_MISSING)
		return 0;
	if (r < 0)
		return err_set(e, r, why.say, "%s", why.log);
	if ((r = accounts_file_decode(buf_span(&b), &f, e)) < 0)
		return r;
	if (!check || memcmp(check, f.check, sizeof(f.check)) != 0)
		return err_set(e, ERR_BROKEN, "Internal error", "the account keys belong to another master key");
	table_set(&a->now, f.rows);
	return 0;
}

int accounts_load(int dirfd, const unsigned char *check, struct accounts **out, struct err *e)
{
	struct accounts *a = calloc(1, sizeof(*a));
	int r;

	*out = NULL;
	if (!a)
		abort();
	a->dirfd = dirfd;
	pthread_mutex_init(&a->mu, NULL);
	table_room(&a->now, 1);
	r = fill(a, check, e);
	if (r < 0) {
		accounts_free(a);
		return r;
	}
	*out = a;
	return 0;
}

void accounts_free(struct accounts *a)
{
	if (!a)
		return;
	free(a->now.p);
	free(a->next.p);
	pthread_mutex_destroy(&a->mu);
	free(a);
}

bool accounts_find(struct accounts *a, uint64_t account_id, unsigned char row_out[VAULT_KEY_ROW])
{
	size_t at;
	bool have;

	pthread_mutex_lock(&a->mu);
	have = table_has(&a->now, account_id, &at);
	if (have)
		memcpy(row_out, a->now.p + at * VAULT_KEY_ROW, VAULT_KEY_ROW);
	pthread_mutex_unlock(&a->mu);
	return have;
}

size_t accounts_list(struct accounts *a, uint64_t after, uint64_t *ids_out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&a->mu);
	for (size_t i = after < UINT64_MAX ? table_at(&a->now, after + 1) : a->now.n; i < a->now.n && n < max; i++)
		ids_out[n++] = row_id(a->now.p + i * VAULT_KEY_ROW);
	pthread_mutex_unlock(&a->mu);
	return n;
}

/* --- changing: the writer's thread only, so it may read `now` without the lock --- */

static void stage_begin(struct accounts *a)
{
	if (!a->staged)
		table_set(&a->next, table_span(&a->now));
	a->staged = true;
}

bool accounts_staged(const struct accounts *a, uint64_t account_id)
{
	size_t at;

	return table_has(a->staged ? &a->next : &a->now, account_id, &at);
}

int accounts_stage(struct accounts *a, const unsigned char row[VAULT_KEY_ROW], struct err *e)
{
	struct table *t = &a->next;
	size_t at;

	stage_begin(a);
	if (table_has(t, row_id(row), &at))
		return err_set(e, ERR_EXISTS, "There is such a key already", "account %llu has a key",
			(unsigned long long)row_id(row));
	if (t->n >= ACCOUNTS_MAX)
		return err_set(e, ERR_LIMIT, "There is no room for one more account", "%d account keys", ACCOUNTS_MAX);
	table_room(t, t->n + 1);
	memmove(t->p + (at + 1) * VAULT_KEY_ROW, t->p + at * VAULT_KEY_ROW, (t->n - at) * VAULT_KEY_ROW);
	memcpy(t->p + at * VAULT_KEY_ROW, row, VAULT_KEY_ROW);
	t->n++;
	return 0;
}

void accounts_stage_removal(struct accounts *a, uint64_t account_id)
{
	struct table *t = &a->next;
	size_t at;

	if (!accounts_staged(a, account_id))
		return;
	stage_begin(a);
	at = table_at(t, account_id);
	t->n--;
	memmove(t->p + at * VAULT_KEY_ROW, t->p + (at + 1) * VAULT_KEY_ROW, (t->n - at) * VAULT_KEY_ROW);
	secret_wipe(t->p + t->n * VAULT_KEY_ROW, VAULT_KEY_ROW);
}

int accounts_commit(struct accounts *a, const unsigned char check[ACCOUNTS_CHECK_LEN], struct err *e)
{
	struct accounts_file f;
	SCOPED_BUF b = { 0 };
	struct table old = a->now;
	int r;

	if (!a->staged)
		return 0;
	a->staged = false;
	buf_init(&b, ACCOUNTS_FILE_MAX);
	memcpy(f.check, check, sizeof(f.check));
	f.rows = table_span(&a->next);
	accounts_file_encode(&b, &f);
	if (b.failed)
		return err_set(e, ERR_BROKEN, "Internal error", "no room for %zu account keys", a->next.n);
	r = io_write_file_durable(a->dirfd, ACCOUNTS_FILE, buf_span(&b), 0600, e);
	if (r < 0)
		return r;
	pthread_mutex_lock(&a->mu);
	a->now = a->next;
	pthread_mutex_unlock(&a->mu);
	secret_wipe(old.p, old.n * VAULT_KEY_ROW);
	old.n = 0;
	a->next = old;
	return 0;
}
