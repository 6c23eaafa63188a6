#include "later/text_client.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/io.h"

#define PATIENCE_SEC 30

void text_client_init(struct text_client *t, const char *path)
{
	*t = (struct text_client){ path, -1 };
}

void text_client_fini(struct text_client *t)
{
	io_close(&t->fd);
}

static int dial(struct text_client *t, struct err *e)
{
	const struct timeval patience = { .tv_sec = PATIENCE_SEC };
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (t->fd >= 0)
		return 0;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", t->path);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd >= 0 && connect(t->fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0)
		return 0;
	io_close(&t->fd);
	return err_set(e, ERR_LATER, "", "nobody reads attachments now: %m");
}

static int talk(struct text_client *t, struct arena *a, int document, struct span *out)
{
	unsigned char head[4];
	size_t n;
	char *p;

	if (io_send_fds(t->fd, SPAN("D"), &document, 1) != 1 || io_read_full(t->fd, head, 4, NULL) < 0)
		return -1;
	n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	if (n > TEXT_CLIENT_MAX)
		return -1;
	p = arena_alloc(a, n + 1);
	*out = (struct span){ p, n };
	return io_read_full(t->fd, p, n, NULL);
}

int text_client_ask(void *arg, struct arena *a, struct span document, struct span *out, struct err *e)
{
	struct text_client *t = arg;
	SCOPED_FD file = io_memfd("document");

	*out = SPAN_NONE;
	if (file < 0)
		return err_errno(e, "memory file");
	if (io_write_full(file, document, e) < 0 || dial(t, e) < 0)
		return e->code;
	if (talk(t, a, file, out) == 0)
		return 0;
	io_close(&t->fd);
	return err_set(e, ERR_LATER, "", "the reader of attachments has gone");
}
