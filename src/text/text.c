#include "text/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"

bool text_is_document(struct span begin)
{
	return span_starts(begin, SPAN("%PDF-")) || span_starts(begin, SPAN("PK\3\4"));
}

void text_read(struct span document, struct buf *out)
{
	if (span_starts(document, SPAN("%PDF-")))
		text_read_pdf(document, out);
	else if (span_starts(document, SPAN("PK\3\4")))
		text_read_office(document, out);
}

static void limit(int what, rlim_t n)
{
	struct rlimit r = { n, n };

	if (setrlimit(what, &r) < 0)
		_exit(71);
}

/* The child: everything but the document and the pipe is closed or refused. */
static void read_document(const struct text_config *c, int document, int to)
{
	struct stat st;
	struct span in;
	SCOPED_BUF out;

	buf_init(&out, TEXT_OUT_MAX);
	if (fstat(document, &st) < 0 || st.st_size <= 0 || st.st_size > TEXT_IN_MAX)
		_exit(1);
	in = SPAN_BYTES(mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, document, 0), (size_t)st.st_size);
	if (in.p == MAP_FAILED)
		_exit(1);
	close(document);
	limit(RLIMIT_CPU, TEXT_CPU_SEC);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	limit(RLIMIT_AS, TEXT_MEMORY);
#endif
	if (c->enter_reader)
		c->enter_reader();
	text_read(in, &out);
	_exit(io_write_full(to, buf_span(&out), NULL) < 0);
}

/* Until the child has closed its end, is too late, or has said enough. */
static void collect(const struct text_config *c, int from, struct buf *out)
{
	int64_t until_us = time_mono_us() + TEXT_WALL_MS * 1000;

	for (;;) {
		struct pollfd p[] = { { from, POLLIN, 0 }, { c->stop_fd, POLLIN, 0 } };
		int64_t left_ms = (until_us - time_mono_us()) / 1000;
		char *to = buf_space(out, 65536);
		ssize_t n;

		if (left_ms <= 0 || !to || poll(p, 2, (int)left_ms) <= 0 || p[1].revents)
			return;
		n = read(from, to, 65536);
		if (n <= 0)
			return;
		buf_grow(out, (size_t)n);
	}
}

static void run_reader(const struct text_config *c, int document, int client, struct buf *out)
{
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		close(client);
		close(c->listen_fd);
		close(c->stop_fd);
		read_document(c, document, ends[1]);
	}
	close(ends[1]);
	if (pid > 0) {
		collect(c, ends[0], out);
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
}

/* False: the client is gone, or nonsense came. */
static bool serve_one(const struct text_config *c, int client)
{
	unsigned char head[4];
	int fds[IO_FDS_MAX];
	size_t n = 0;
	bool ok;
	char verb;
	SCOPED_BUF out;

	buf_init(&out, TEXT_OUT_MAX + 65536);
	ok = io_recv_fds(client, &verb, 1, fds, &n) == 1 && n == 1 && verb == 'D';
	if (ok)
		run_reader(c, fds[0], client, &out);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	for (unsigned i = 0; i < 4; i++)
		head[i] = (unsigned char)(out.n >> (8 * i));
	return ok && io_write_full(client, SPAN_BYTES(head, 4), NULL) == 0 && io_write_full(client, buf_span(&out), NULL) == 0;
}

int text_main(const struct text_config *c, struct err *e)
{
	struct pollfd p[] = { { c->stop_fd, POLLIN, 0 }, { c->listen_fd, POLLIN, 0 }, { -1, POLLIN, 0 } };

	(void)e;
	if (c->enter_sandbox)
		c->enter_sandbox();
	if (c->ready)
		c->ready();
	for (;;) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents) {
			io_close(&p[2].fd);
			return 0;
		}
		if (p[2].fd >= 0 && p[2].revents && !serve_one(c, p[2].fd))
			io_close(&p[2].fd);
		if (p[1].revents) {         /* core again: it has one line */
			io_close(&p[2].fd);
			p[2].fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		}
		p[2].revents = 0;
	}
}
