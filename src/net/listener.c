#include "net/listener.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include "base/io.h"

#define REST_MS 1000
#define ROUND 64 /* connections taken before others get their turn */

static void on_rested(void *arg)
{
	struct listener *l = arg;

	loop_fd_want(&l->io, LOOP_READ);
}

static bool fatal(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_ready(void *arg, unsigned what)
{
	struct listener *l = arg;
	int one = 1;

	(void)what;
	for (int i = 0; i < ROUND && l->io.fd >= 0; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t n = sizeof(from);
		int fd = accept4(l->io.fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && fatal(errno)) {
			l->rests++;
			loop_fd_want(&l->io, 0);
			loop_timer_set(l->io.loop, &l->rest, loop_now_ms() + REST_MS);
			return;
		}
		if (fd < 0 && (errno == EAGAIN || errno == EBADF || errno == EINVAL))
			return;
		if (fd < 0) /* that connection died while it waited */
			continue;
		if (from.ss_family != AF_UNIX)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		l->accepted(l->arg, fd, &from);
	}
}

void listener_init(struct listener *l, struct loop *loop, int fd,
	void (*accepted)(void *, int, const struct sockaddr_storage *), void *arg)
{
	*l = (struct listener){ .accepted = accepted, .arg = arg };
	loop_timer_init(&l->rest, on_rested, l);
	io_nonblock(fd);
	loop_fd_init(&l->io, loop, fd, on_ready, l);
	loop_fd_want(&l->io, LOOP_READ);
}

void listener_fini(struct listener *l)
{
	int fd = l->io.fd;

	loop_timer_stop(&l->rest);
	loop_fd_fini(&l->io);
	if (fd >= 0)
		close(fd);
}
