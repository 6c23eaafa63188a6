/* Asking the reader of attachments: what it says, and a reader that is away, lies, dies in the middle or comes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/io.h"
#include "later/text_client.h"

enum { SAYS, SAYS_NOTHING, LIES, CUTS, GOES };
static struct {
	char dir[64], path[96];
	int listen_fd;
	pthread_t thread;
	const int *plan;             /* what happens to one document after the other */
	size_t n;
	unsigned dialled;
} reader;

/* The document, upside down, so that what comes back is surely its own. */
static void answer(int fd, int document, int how)
{
	struct stat st;
	char *text;
	unsigned char head[4] = { 0 };

	assert_int_equal(fstat(document, &st), 0);
	text = malloc((size_t)st.st_size + 1);
	assert_int_equal(pread(document, text, (size_t)st.st_size, 0), st.st_size);
	for (off_t i = 0; i < st.st_size / 2; i++) {
		char c = text[i];

		text[i] = text[st.st_size - 1 - i];
		text[st.st_size - 1 - i] = c;
	}
	if (how == SAYS || how == CUTS)
		head[0] = (unsigned char)st.st_size;
	if (how == LIES)
		memset(head, 0xff, sizeof(head));
	if (how != GOES)
		assert_int_equal(io_write_full(fd, SPAN_BYTES(head, sizeof(head)), NULL), 0);
	if (how == SAYS || how == CUTS)
		assert_int_equal(io_write_full(fd, SPAN_BYTES(text, (size_t)st.st_size - (how == CUTS)), NULL), 0);
	free(text);
}

static void *serve(void *arg)
{
	size_t done = 0;

	(void)arg;
	while (done < reader.n) {
		int fd = accept(reader.listen_fd, NULL, NULL);

		assert_true(fd >= 0);
		reader.dialled++;
		while (done < reader.n) {
			char what[2];
			int fds[IO_FDS_MAX], how = reader.plan[done];
			size_t n_fds = 0;
			ssize_t n = io_recv_fds(fd, what, sizeof(what), fds, &n_fds);

			if (n <= 0)
				break;
			assert_true(n == 1 && what[0] == 'D' && n_fds == 1);
			answer(fd, fds[0], how);
			close(fds[0]);
			done++;
			if (how >= LIES)
				break;
		}
		close(fd);
	}
	return NULL;
}

static void open_reader(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", reader.path);
	reader.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(reader.listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(reader.listen_fd, 5), 0);
}

static void start(const int *plan, size_t n)
{
	reader.plan = plan;
	reader.n = n;
	reader.dialled = 0;
	open_reader();
	assert_int_equal(pthread_create(&reader.thread, NULL, serve, NULL), 0);
}

static void end(void)
{
	pthread_join(reader.thread, NULL);
	close(reader.listen_fd);
	unlink(reader.path);
}

static void says(struct text_client *t, const char *document, const char *want)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	struct span out;

	assert_int_equal(text_client_ask(t, a, span_str(document), &out, &e), 0);
	assert_true(span_eqz(out, want));
}

static void is_late(struct text_client *t)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	struct span out;

	assert_int_equal(text_client_ask(t, a, SPAN("abc"), &out, &e), ERR_LATER);
}

static void test_asks(void **state)
{
	static const int plan[] = { SAYS, SAYS_NOTHING, SAYS };
	struct text_client t;

	(void)state;
	start(plan, 3);
	text_client_init(&t, reader.path);
	says(&t, "lager", "regal");
	says(&t, "stumm", "");
	says(&t, "nie", "ein");
	text_client_fini(&t);
	end();
	assert_int_equal(reader.dialled, 1);         /* one line for all */
}

static void test_nobody(void **state)
{
	struct text_client t;

	(void)state;
	text_client_init(&t, reader.path);
	is_late(&t);
	is_late(&t);
	text_client_fini(&t);
}

/* Whatever happened to a document, the next one is asked for on a new line. */
static void test_bad_readers(void **state)
{
	static const int plan[] = { LIES, SAYS, CUTS, GOES, SAYS };
	struct text_client t;

	(void)state;
	start(plan, 5);
	text_client_init(&t, reader.path);
	is_late(&t);
	says(&t, "ab", "ba");
	is_late(&t);
	is_late(&t);
	says(&t, "cd", "dc");
	text_client_fini(&t);
	end();
	assert_int_equal(reader.dialled, 4);
	is_late(&t);
	text_client_fini(&t);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(reader.dir, sizeof(reader.dir), "/tmp/kt-text-client-XXXXXX");
	if (!mkdtemp(reader.dir))
		return -1;
	snprintf(reader.path, sizeof(reader.path), "%s/text", reader.dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(reader.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nobody), cmocka_unit_test(test_asks), cmocka_unit_test(test_bad_readers) };

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
