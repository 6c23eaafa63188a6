/* The file of the account keys: written, read, damaged, torn, swept. */
#include "vault/vault_accounts.h"
#include "base/io.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static int dirfd;
static const unsigned char check[ACCOUNTS_CHECK_LEN] = "this house";

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kontor-accounts-XXXXXX");
	dirfd = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return dirfd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	unlinkat(dirfd, ACCOUNTS_FILE, 0);
	close(dirfd);
	return rmdir(dir);
}

static void row_make(uint64_t id, unsigned char row[VAULT_KEY_ROW])
{
	for (int i = 0; i < 8; i++)
		row[i] = (unsigned char)(id >> (8 * i));
	memset(row + 8, (int)(id % 251), SEAL_WRAPPED_LEN);
}

static void add(struct accounts *a, uint64_t id)
{
	unsigned char row[VAULT_KEY_ROW];

	row_make(id, row);
	assert_int_equal(accounts_stage(a, row, NULL), 0);
}

static struct accounts *load(void)
{
	struct accounts *a;

	assert_int_equal(accounts_load(dirfd, check, &a, NULL), 0);
	return a;
}

static bool has(struct accounts *a, uint64_t id)
{
	unsigned char row[VAULT_KEY_ROW], want[VAULT_KEY_ROW];

	if (!accounts_find(a, id, row))
		return false;
	row_make(id, want);
	assert_memory_equal(row, want, sizeof(row));
	return true;
}

static void test_changes(void **state)
{
	unsigned char row[VAULT_KEY_ROW];
	struct accounts *a = load();
	uint64_t ids[8];

	(void)state;
	assert_int_equal(accounts_commit(a, check, NULL), 0);          /* nothing to do, no file */
	assert_int_equal(faccessat(dirfd, ACCOUNTS_FILE, F_OK, 0), -1);
	for (uint64_t id = 20; id > 0; id -= 2)
		add(a, id);
	assert_false(has(a, 20));
	assert_true(accounts_staged(a, 20));
	row_make(20, row);
	assert_int_equal(accounts_stage(a, row, NULL), ERR_EXISTS);
	assert_int_equal(accounts_commit(a, check, NULL), 0);
	assert_true(has(a, 20) && has(a, 2) && !has(a, 3));
	accounts_stage_removal(a, 2);
	accounts_stage_removal(a, 3);
	accounts_stage_removal(a, 20);
	add(a, 20);            /* gone and come again in one writing */
	assert_true(has(a, 2));
	assert_int_equal(accounts_commit(a, check, NULL), 0);
	accounts_free(a);
	a = load();
	assert_true(!has(a, 2) && has(a, 20) && has(a, 4));
	assert_int_equal(accounts_list(a, 0, ids, 8), 8);
	assert_true(ids[0] == 4 && ids[7] == 18);
	assert_int_equal(accounts_list(a, 18, ids, 8), 1);
	assert_int_equal(ids[0], 20);
	assert_int_equal(accounts_list(a, UINT64_MAX, ids, 8), 0);
	accounts_free(a);
}

static void read_all(struct buf *b)
{
	buf_init(b, 1 << 20);
	assert_int_equal(io_read_file(dirfd, ACCOUNTS_FILE, b, NULL), 0);
}

/* Any bit turned, any end missing, another house, no house: refused, never taken for empty. */
static void test_damage(void **state)
{
	struct accounts *a = load(), *none;
	struct accounts_file f;
	struct err e = ERR_INIT;
	SCOPED_BUF b = { 0 };

	(void)state;
	add(a, 1);
	add(a, 7);
	assert_int_equal(accounts_commit(a, check, NULL), 0);
	accounts_free(a);
	read_all(&b);
	assert_int_equal(accounts_file_decode(buf_span(&b), &f, NULL), 0);
	assert_int_equal(accounts_file_count(&f), 2);
	assert_int_equal(accounts_file_id(&f, 1), 7);
	for (size_t i = 0; i < b.n; i++) {
		assert_int_equal(accounts_file_decode(span_sub(buf_span(&b), 0, i), &f, NULL), ERR_BROKEN);
		b.p[i] ^= 4;
		assert_int_equal(accounts_file_decode(buf_span(&b), &f, NULL), ERR_BROKEN);
		b.p[i] ^= 4;
	}
	assert_int_equal(accounts_load(dirfd, NULL, &none, NULL), ERR_BROKEN);
	assert_int_equal(accounts_load(dirfd, (const unsigned char *)"another house, another master k", &none, &e),
		ERR_BROKEN);
	assert_non_null(strstr(e.log, "another master key"));
	assert_int_equal(io_write_file_durable(dirfd, ACCOUNTS_FILE, SPAN_NONE, 0600, NULL), 0);
	assert_int_equal(accounts_load(dirfd, check, &none, NULL), ERR_BROKEN);
}

/* What a kill left half written is swept at the next start: it may hold keys that were destroyed since. */
static void test_halves(void **state)
{
	static const char *const names[] = { ACCOUNTS_FILE ".0123456789abcdef.tmp", "master.0123456789abcdef.tmp" };
	struct accounts *a;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(io_write_file_durable(dirfd, names[i], SPAN("half"), 0600, NULL), 0);
	a = load();
	assert_int_equal(faccessat(dirfd, names[0], F_OK, 0), -1);
	assert_int_equal(faccessat(dirfd, names[1], F_OK, 0), 0);      /* not ours */
	unlinkat(dirfd, names[1], 0);
	accounts_free(a);
}

/* A failed writing changes nothing: not in memory, not on disk, and the next one carries none of it. */
static void test_failed(void **state)
{
	struct accounts *a = load();
	int real = dirfd;

	(void)state;
	add(a, 1);
	assert_int_equal(accounts_commit(a, check, NULL), 0);
	accounts_free(a);
	dirfd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);        /* nothing can be made there */
	assert_int_equal(accounts_load(dirfd, check, &a, NULL), 0);
	add(a, 2);
	assert_true(accounts_commit(a, check, NULL) < 0);
	assert_false(has(a, 2));
	assert_false(accounts_staged(a, 2));
	accounts_free(a);
	close(dirfd);
	dirfd = real;
	a = load();
	assert_true(has(a, 1) && !has(a, 2));
	accounts_free(a);
}

/* One file more than there may be is refused, whatever its sum says; to the fullest one no key is added. */
static void test_full(void **state)
{
	struct accounts_file f = { .check = "this house" };
	struct accounts *a;
	unsigned char row[VAULT_KEY_ROW];
	SCOPED_BUF rows = { 0 }, file = { 0 };

	(void)state;
	buf_init(&rows, ACCOUNTS_FILE_MAX);
	buf_space(&rows, (ACCOUNTS_MAX + 1) * (size_t)VAULT_KEY_ROW);
	for (uint64_t id = 1; id <= ACCOUNTS_MAX + 1; id++) {
		row_make(id, row);
		buf_add(&rows, SPAN_BYTES(row, sizeof(row)));
	}
	f.rows = buf_span(&rows);
	buf_init(&file, 2 * ACCOUNTS_FILE_MAX);
	accounts_file_encode(&file, &f);
	assert_int_equal(accounts_file_decode(buf_span(&file), &f, NULL), ERR_BROKEN);
	buf_reset(&file);
	f.rows = span_sub(buf_span(&rows), 0, ACCOUNTS_MAX * (size_t)VAULT_KEY_ROW);
	accounts_file_encode(&file, &f);
	assert_true(file.n <= ACCOUNTS_FILE_MAX);
	assert_int_equal(io_write_file_durable(dirfd, ACCOUNTS_FILE, buf_span(&file), 0600, NULL), 0);
	buf_fini(&file);
	a = load();
	assert_int_equal(accounts_stage(a, row, NULL), ERR_LIMIT);
	accounts_stage_removal(a, 1);
	assert_int_equal(accounts_stage(a, row, NULL), 0);
	accounts_free(a);
	for (size_t n = ACCOUNTS_FILE_MAX; n <= ACCOUNTS_FILE_MAX + 1; n++) {   /* how far a file is read that is none of ours */
		int fd = openat(dirfd, ACCOUNTS_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		close(fd);
		assert_int_equal(accounts_load(dirfd, check, &a, NULL), n > ACCOUNTS_FILE_MAX ? ERR_TOOBIG : ERR_BROKEN);
	}
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_changes),
		WITH_DIR(test_damage),
		WITH_DIR(test_halves),
		WITH_DIR(test_failed),
		WITH_DIR(test_full),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
