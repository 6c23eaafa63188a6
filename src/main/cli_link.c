#include "main/cli_link.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/io.h"
#include "base/secret.h"
#include "main/i18n.h"

int cli_dial(const char *state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	SCOPED_FD dir = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return -1;
	/* However long the folder's name is, this one fits. */
	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/run/control", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		int no = errno;

		close(fd);
		errno = no;
		return -1;
	}
	return fd;
}

bool cli_send(int fd, int file, const char *request)
{
	size_t n = strlen(request);
	unsigned char head[4] = { (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
		(unsigned char)(n >> 24) };

	return io_send_fds(fd, SPAN_BYTES(head, 4), &file, file >= 0) == 4 && io_write_full(fd, SPAN_BYTES(request, n), NULL) == 0;
}

bool cli_receive(int fd, struct buf *reply)
{
	unsigned char head[4];
	uint32_t len;
	char *p;

	if (io_read_full(fd, head, 4, NULL) < 0)
		return false;
	len = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
	p = buf_space(reply, len);
	if (!p || io_read_full(fd, p, len, NULL) < 0)
		return false;
	buf_grow(reply, len);
	return true;
}

json_t *cli_failure(const char *text, const char *detail)
{
	return json_pack("{s:b,s:s,s:s}", "ok", 0, "error", text, "detail", detail ? detail : "");
}

int cli_ask_begin(const char *state, const char *verb, json_t *args, int file)
{
	json_t *request = json_pack("{s:s,s:O}", "verb", verb, "args", args);
	char *text = json_dumps(request, JSON_COMPACT);
	int fd = cli_dial(state);

	json_decref(request);
	if (fd >= 0 && (!text || !cli_send(fd, file, text))) {
		close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

json_t *cli_ask_end(int fd)
{
	SCOPED_BUF reply;
	json_error_t je;
	json_t *answer = NULL;

	buf_init(&reply, CLI_REPLY_MAX);
	if (fd < 0)
		return cli_failure(errno == EACCES ? N_("The server belongs to another user") : N_("No server is running here"), NULL);
	if (cli_receive(fd, &reply))
		answer = json_loadb(reply.p, reply.n, 0, &je);
	close(fd);
	return answer ? answer : cli_failure(N_("The server hung up"), NULL);
}
