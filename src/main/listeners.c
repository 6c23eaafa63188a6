#include "main/listeners.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "bus/bus.h"

static const struct port {
	const char *name;
	uint16_t port;
	uint8_t service;
	bool tls, loopback_only;
} ports[] = {
#define PORT(name, number, id, tls, loopback_only) { name, number, SVC_##id, tls, loopback_only },
#include "bus/services.def"
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse(const char *text, uint16_t port, union address *out, bool *loopback)
{
	*out = (union address){ 0 };
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		*loopback = ntohl(out->v4.sin_addr.s_addr) >> 24 == 127;
		return sizeof(out->v4);
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		*loopback = IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr);
		return sizeof(out->v6);
	}
	return 0;
}

static int open_one(const char *address, const struct port *p, uint16_t port, struct listener_row *out, struct err *e)
{
	union address a;
	bool loopback;
	socklen_t n = parse(address, port, &a, &loopback);
	int fd, on = 1;

	if (!n)
		return err_set(e, ERR_PARAM, "Bad address", "listen = %s: not an IPv4 or IPv6 address", address);
	if (p->loopback_only && !loopback)
		return 1;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a.any, n) < 0 || listen(fd, 4096) < 0) {
		int code = errno == EADDRINUSE ? ERR_EXISTS : errno == EACCES ? ERR_DENIED : ERR_BROKEN;

		err_set(e, code, "Cannot listen", "%s port %u (%s): %m", address, port, p->name);
		close(fd);
		return code;
	}
	*out = (struct listener_row){ fd, p->service, p->tls, port, p->name, address };
	return 0;
}

static bool is_without(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->without.n; i++)
		if (strcmp(s->without.v[i], name) == 0)
			return true;
	return false;
}

int listeners_open(const struct settings *s, struct listener_row out[LISTENERS_MAX], size_t *n_out, struct err *e)
{
	*n_out = 0;
	for (size_t i = 0; i < s->listen.n; i++) {
		for (size_t k = 0; k < sizeof(ports) / sizeof(*ports); k++) {
			uint64_t port = s->base_port + (ports[k].port ? ports[k].port : s->metrics_port);
			int r;

			if ((!ports[k].port && !s->metrics_port) || is_without(s, ports[k].name))
				continue;
			if (*n_out == LISTENERS_MAX)
				return err_set(e, ERR_PARAM, "Too many addresses", "more than %d ports at all addresses together", LISTENERS_MAX);
			if (port == 0 || port > 65535)
				return err_set(e, ERR_PARAM, "Bad port", "%s would be at port %llu", ports[k].name,
					(unsigned long long)port);
			r = open_one(s->listen.v[i], &ports[k], (uint16_t)port, &out[*n_out], e);
			if (r < 0)
				return r;
			*n_out += r == 0;
		}
	}
	return 0;
}

int listeners_unix(int dirfd, const char *dir, const char *name, unsigned uid, unsigned gid, int *fd_out, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "run/%s", name);
	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, path) >= sizeof(a.sun_path))
		return err_set(e, ERR_PARAM, "Path too long", "%s/%s: sockets need paths under %zu bytes", dir, path,
			sizeof(a.sun_path));
	unlinkat(dirfd, path, 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 512) < 0) {
		err_set(e, ERR_BROKEN, "Cannot listen", "%s: %m", a.sun_path);
		if (fd >= 0)
			close(fd);
		return e->code;
	}
	if (fchmodat(dirfd, path, 0600, 0) < 0 || (geteuid() == 0 && fchownat(dirfd, path, uid, gid, 0) < 0))
		return err_errno(e, a.sun_path);
	*fd_out = fd;
	return 0;
}
