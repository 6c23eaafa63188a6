/* The front of a backup: there and back, and its parts at their bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/io.h"
#include "proto/control/backup_head.h"

static int read_with(struct arena *a, size_t conf_len, size_t master_len, struct span *conf, struct span *master)
{
	SCOPED_FD fd = io_memfd("head");
	struct err e = ERR_INIT;
	unsigned version;
	SCOPED_BUF b, x;

	buf_init(&b, 1u << 20);
	buf_init(&x, 1u << 20);
	buf_fill(&x, 'x', conf_len + master_len);
	backup_head_write(&b, span_sub(buf_span(&x), 0, conf_len), span_sub(buf_span(&x), 0, master_len));
	assert_int_equal(io_write_full(fd, buf_span(&b), NULL), 0);
	lseek(fd, 0, SEEK_SET);
	return backup_head_read(fd, a, &version, conf, master, &e);
}

static void test_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span conf, master;

	(void)state;
	assert_int_equal(read_with(a, BACKUP_FILE_MAX, BACKUP_FILE_MAX, &conf, &master), 0);
	assert_true(conf.n == BACKUP_FILE_MAX && master.n == BACKUP_FILE_MAX);
	assert_int_equal(read_with(a, BACKUP_FILE_MAX + 1, 1, &conf, &master), ERR_SYNTAX);
	assert_int_equal(read_with(a, 1, BACKUP_FILE_MAX + 1, &conf, &master), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds) };

	return cmocka_run_group_tests_name("backup_head", tests, NULL, NULL);
}
