/* control.c - the command line's socket: one request and its answer per connection, for the state's owner.
 *
 * Frames: u32 little endian length, JSON. Each connection has a thread of its own (at most CONTROL_MAX), so
 * that administration works while all lanes are full. */
#include "core/core_int.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/time.h"
#include "proto/control/control.h"

#define CONTROL_MAX 16
#define REQUEST_MAX (1u << 20)
#define REPLY_MAX (64u << 20)

struct visitor {
	struct core *core;
	int fd;
};
static atomic_int visitors;

static bool is_owner(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 && (cred.uid == 0 || cred.uid == geteuid());
}

/* A descriptor may come with the first byte: a file the command line has made for us. */
static int read_frame(int fd, struct arena *a, struct span *out, int *fd_out, struct err *e)
{
	unsigned char head[4];
	int fds[IO_FDS_MAX];
	size_t nfds = 0;
	ssize_t got = io_recv_fds(fd, head, sizeof(head), fds, &nfds);
	uint32_t n;
	char *p;

	for (size_t i = 1; i < nfds; i++)
		close(fds[i]);
	if (nfds)
		*fd_out = fds[0];
	if (got <= 0 || io_read_full(fd, head + got, sizeof(head) - (size_t)got, e) < 0)
		return err_set(e, ERR_GONE, "", "control connection ended");
	n = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
	if (n > REQUEST_MAX)
		return err_set(e, ERR_TOOBIG, "Request too large", "control request of %u bytes", n);
	p = arena_alloc(a, n + 1);
	*out = (struct span){ p, n };
	return io_read_full(fd, p, n, e);
}

static void write_frame(int fd, struct span s)
{
	char head[4] = { (char)(s.n & 255), (char)(s.n >> 8 & 255), (char)(s.n >> 16 & 255), (char)(s.n >> 24 & 255) };

	if (io_write_full(fd, SPAN_BYTES(head, 4), NULL) == 0)
		io_write_full(fd, s, NULL);
}

static void log_control(const struct call *c, int64_t us)
{
	struct logline l;

	log_begin(&l, "control");
	log_kv(&l, "verb", span_sub(c->cmd->verb, 0, 64));
	log_ki(&l, "us", us);
	log_kz(&l, "result", c->err.code ? err_name(c->err.code) : "ok");
	if (c->err.code)
		log_kz(&l, "detail", c->err.log);
	log_end(&l);
}

static void serve(struct core *core, int fd, struct arena *a)
{
	SCOPED_BUF out;
	struct session who = { .service = SVC_CONTROL, .arena = a, .peer.loopback = true };
	struct cmd cmd = { .service = SVC_CONTROL, .spool_fd = -1 };
	struct reply r;
	struct call c = { .arena = a, .house = &core->house, .session = &who, .cmd = &cmd, .reply = &r, .out = &out };
	struct err e = ERR_INIT;
	int64_t start = time_mono_us();
	json_t *request;
	json_error_t je;

	buf_init(&out, REPLY_MAX);
	buf_secret(&out); /* shares, new passwords */
	if (read_frame(fd, a, &cmd.body, &cmd.spool_fd, &e) < 0)
		return;
	request = json_loadb(cmd.body.p, cmd.body.n, JSON_REJECT_DUPLICATES, &je);
	cmd.verb = arena_span(a, span_str(json_string_value(json_object_get(request, "verb"))));
	if (json_object_get(request, "args")) {
		char *args = json_dumps(json_object_get(request, "args"), JSON_COMPACT | JSON_ENCODE_ANY);

		cmd.body = arena_span(a, span_str(args));
		secret_wipe(args, cmd.body.n);
		free(args);
	} else {
		cmd.body = SPAN("{}");
	}
	json_decref(request);
	reply_init(&r, &cmd);
	control_run(&c);
	log_control(&c, time_mono_us() - start);
	metrics_command(&core->metrics, SVC_CONTROL, c.err.code, time_mono_us() - start);
	write_frame(fd, buf_span(&out));
	if (cmd.spool_fd >= 0)
		close(cmd.spool_fd);
}

static void *visit(void *arg)
{
	struct visitor *v = arg;
	struct arena *a = arena_new();
	struct timeval limit = { .tv_sec = 30 };

	setsockopt(v->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(v->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (is_owner(v->fd))
		serve(v->core, v->fd, a);
	close(v->fd);
	arena_wipe(a);
	arena_free(a);
	free(v);
	atomic_fetch_sub(&visitors, 1);
	return NULL;
}

static void *control_loop(void *arg)
{
	struct core *c = arg;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (!c->stopping) {
		int fd = accept4(c->config->control_listen_fd, NULL, NULL, SOCK_CLOEXEC);
		struct visitor *v;
		pthread_t t;

		if (fd < 0) {
			usleep(10000);
			continue;
		}
		v = malloc(sizeof(*v));
		if (!v)
			abort();
		*v = (struct visitor){ c, fd };
		if (atomic_fetch_add(&visitors, 1) >= CONTROL_MAX || pthread_create(&t, &attr, visit, v)) {
			atomic_fetch_sub(&visitors, 1);
			close(fd);
			free(v);
		}
	}
	return NULL;
}

int control_start(struct core *c, struct err *e)
{
	pthread_t t;

	if (pthread_create(&t, NULL, control_loop, c))
		return err_set(e, ERR_BROKEN, "", "no thread for the control socket");
	pthread_detach(t);
	return 0;
}
