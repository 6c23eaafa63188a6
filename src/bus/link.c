#include "bus/link.h"
#include <errno.h>
#include <unistd.h>
#include "base/io.h"
#include "base/wire.h"

int link_send(int sock, enum link_kind kind, struct span payload, int fd, struct err *e)
{
	SCOPED_BUF b;
	ssize_t n;

	buf_init(&b, LINK_PAYLOAD_MAX + 1);
	wire_u8(&b, kind);
	buf_add(&b, payload);
	if (b.failed)
		return err_set(e, ERR_TOOBIG, "", "link payload of %zu bytes", payload.n);
	do {
		n = io_send_fds(sock, buf_span(&b), &fd, fd >= 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)b.n)
		return err_set(e, ERR_GONE, "", "link: %m");
	return 0;
}

int link_recv(int sock, struct arena *a, struct link_msg *out, struct err *e)
{
	char *p = arena_alloc(a, LINK_PAYLOAD_MAX + 1);
	int fds[IO_FDS_MAX];
	size_t nfds = 0;
	ssize_t n = io_recv_fds(sock, p, LINK_PAYLOAD_MAX + 1, fds, &nfds);

	*out = (struct link_msg){ .fd = -1 };
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return err_set(e, ERR_GONE, "", "link closed");
	if (nfds)
		out->fd = fds[0];
	for (size_t i = 1; i < nfds; i++)
		close(fds[i]);
	out->kind = (enum link_kind)p[0];
	out->payload = SPAN_BYTES(p + 1, (size_t)n - 1);
	if (out->kind < LINK_READY || out->kind > LINK_DRAIN) {
		io_close(&out->fd);
		return err_set(e, ERR_SYNTAX, "", "link message of kind %d", p[0]);
	}
	return 1;
}

void link_tls_encode(struct buf *b, const struct link_cert *certs, size_t n)
{
	wire_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_span(b, certs[i].chain);
		wire_span(b, certs[i].key);
	}
}

int link_tls_decode(struct span payload, struct link_cert out[LINK_CERTS_MAX], size_t *n_out, struct err *e)
{
	struct wire w = wire_open(payload);
	size_t n = wire_get_u16(&w);

	if (n > LINK_CERTS_MAX)
		return err_set(e, ERR_SYNTAX, "", "%zu certificates", n);
	for (size_t i = 0; i < n; i++) {
		out[i].chain = wire_get_span(&w, LINK_PAYLOAD_MAX);
		out[i].key = wire_get_span(&w, LINK_PAYLOAD_MAX);
	}
	if (!wire_done(&w))
		return err_set(e, ERR_SYNTAX, "", "certificates message is cut");
	*n_out = n;
	return 0;
}
