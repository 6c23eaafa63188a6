/* The bounds of what the supervisor reads, opens and hands on. Started as a child (@NAME) it looks at what it was given. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/io.h"
#include "main/child.h"
#include "main/listeners.h"

static int read_conf(struct arena *a, const char *text, struct settings *s, struct err *e)
{
	char dir[] = "/tmp/kt-conf-XXXXXX";
	SCOPED_FD fd = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(io_write_file_durable(fd, "kontor.conf", span_str(text), 0600, NULL), 0);
	rc = settings_read(a, fd, s, e);
	unlinkat(fd, "kontor.conf", 0);
	rmdir(dir);
	return rc;
}

/* So many lines of one list; a value that had no room is not passed over in silence. */
static void test_setting_list(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct settings s = { 0 };
	struct err e = ERR_INIT;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 65536);
	for (int i = 0; i < SETTING_LIST_MAX; i++)
		buf_addf(&b, "without = name%d\n", i);
	assert_int_equal(read_conf(a, arena_strz(a, buf_span(&b)), &s, &e), 0);
	assert_int_equal(s.without.n, SETTING_LIST_MAX);
	buf_addz(&b, "without = onemore\n");
	assert_int_equal(read_conf(a, arena_strz(a, buf_span(&b)), &s, &e), ERR_SYNTAX);
	assert_non_null(strstr(e.log, "without"));
}

static void close_all(struct listener_row *rows, size_t n)
{
	while (n)
		close(rows[--n].fd);
}

/* Of the services all but one are left out, so every address is one listener; the first port that is free for all of them. */
static void test_listeners(void **state)
{
	static const char *const others[] = {
#define PORT(name, number, id, tls, loopback_only) name,
#include "bus/services.def"
	};
	SCOPED_ARENA a = arena_new();
	struct listener_row *rows = ARENA_ARRAY(a, struct listener_row, LISTENERS_MAX);
	struct settings s = { .metrics_port = 0 };
	struct err e = ERR_INIT;
	size_t n, kept = 0;
	int rc = ERR_EXISTS;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (kept < 4 && strcmp(others[i], "lmtp") != 0 && strcmp(others[i], "metrics") != 0)
			kept++;
		else
			s.without.v[s.without.n++] = others[i];
	}
	assert_int_equal(kept, 4);
	for (s.listen.n = 0; s.listen.n < LISTENERS_MAX / 4; s.listen.n++)
		s.listen.v[s.listen.n] = arena_strz(a, arena_printf(a, "127.0.0.%zu", s.listen.n + 1));
	for (s.base_port = 30000; rc == ERR_EXISTS && s.base_port < 50000; s.base_port += 500) {
		err_clear(&e);
		rc = listeners_open(&s, rows, &n, &e);
		close_all(rows, n);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(n, LISTENERS_MAX);
	s.base_port -= 500;
	s.listen.v[s.listen.n++] = "127.0.0.200";
	assert_int_equal(listeners_open(&s, rows, &n, &e), ERR_PARAM);
	close_all(rows, n);
	assert_int_equal(n, LISTENERS_MAX);
	assert_non_null(strstr(e.log, "more than"));
}

static void test_child_descriptors(void **state)
{
	json_t *boot = json_object();
	int fds[CHILD_FDS_MAX + 1], link, status;
	struct err e = ERR_INIT;
	pid_t pid;

	(void)state;
	for (int i = 0; i <= CHILD_FDS_MAX; i++)
		fds[i] = STDERR_FILENO;
	assert_int_equal(child_start("look", boot, fds, CHILD_FDS_MAX + 1, &pid, &link, &e), ERR_BROKEN);
	err_clear(&e);
	assert_int_equal(child_start("look", boot, fds, CHILD_FDS_MAX, &pid, &link, &e), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(link);
	json_decref(boot);
}

/* The child: all of them are there, and nothing behind them. */
static int look(void)
{
	int last = CHILD_FDS_AT + CHILD_FDS_MAX - 1;

	return fcntl(last, F_GETFD) >= 0 && fcntl(last + 1, F_GETFD) < 0 && fcntl(CHILD_FDS_AT, F_GETFD) >= 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_setting_list), cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_child_descriptors) };

	return argc > 1 && argv[1][0] == '@' ? look() : cmocka_run_group_tests_name("main", tests, NULL, NULL);
}
