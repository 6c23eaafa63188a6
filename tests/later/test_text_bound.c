/* The client of the role that reads attachments, against one that says what it should not. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/io.h"
#include "later/text_client.h"

static struct sockaddr_un at = { .sun_family = AF_UNIX };
static int listener;

/* One question each, answered with so many octets. */
static void *serve(void *arg)
{
	const size_t n = *(size_t *)arg;
	SCOPED_FD fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int fds[IO_FDS_MAX];
	size_t n_fds;
	SCOPED_BUF b;
	char verb;

	buf_init(&b, n + 4);
	for (unsigned i = 0; i < 4; i++)
		buf_addc(&b, (char)(n >> (8 * i)));
	buf_fill(&b, 'x', n);
	if (io_recv_fds(fd, &verb, 1, fds, &n_fds) == 1 && n_fds == 1)
		close(fds[0]);
	(void)io_write_full(fd, buf_span(&b), NULL);
	return NULL;
}

static void test_answer_bound(void **state)
{
	(void)state;
	for (size_t n = TEXT_CLIENT_MAX; n <= TEXT_CLIENT_MAX + 1; n++) {
		SCOPED_ARENA a = arena_new();
		struct text_client t;
		struct err e = ERR_INIT;
		struct span out;
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, serve, &n), 0);
		text_client_init(&t, at.sun_path);
		assert_int_equal(text_client_ask(&t, a, SPAN("%PDF-1.4"), &out, &e), n > TEXT_CLIENT_MAX ? ERR_LATER : 0);
		assert_int_equal(out.n, n > TEXT_CLIENT_MAX ? 0 : n);
		text_client_fini(&t);
		pthread_join(thread, NULL);
	}
}

static int start(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);                    /* who is not listened to to the end */
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/kt-text-client-%d", (int)getpid());
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 4) < 0 ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	unlink(at.sun_path);
	close(listener);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answer_bound) };

	return cmocka_run_group_tests_name("text_client", tests, start, stop);
}
