#include "seal/vault_proto.h"
#include "base/io.h"
#include "base/wire.h"
#include <errno.h>
#include <sys/socket.h>

/* The length is written last, over the four bytes kept for it. */
static size_t frame_begin(struct buf *b)
{
	size_t at = b->n;

	wire_u32(b, 0);
	return at;
}

static void frame_end(struct buf *b, size_t at)
{
	size_t n;

	if (b->failed)
		return;
	n = b->n - at - 4;
	for (size_t i = 0; i < 4; i++)
		b->p[at + i] = (char)(n >> (8 * i));
}

void vault_request_encode(struct buf *b, const struct vault_request *r)
{
	size_t at = frame_begin(b);

	wire_u32(b, r->id);
	wire_u8(b, r->op);
	wire_u8(b, r->mode);
	wire_u8(b, r->need);
	wire_u8(b, r->total);
	wire_u64(b, r->account_id);
	wire_span(b, r->secret);
	wire_span(b, r->verifier);
	wire_span(b, r->text);
	wire_span(b, r->proof);
	wire_span(b, r->keys);
	frame_end(b, at);
}

static bool keys_fit(const struct vault_request *q)
{
	size_t row = q->op == VAULT_OP_KEY_PUT ? VAULT_KEY_ROW : 8;

	return q->keys.n % row == 0 && q->keys.n / row <= VAULT_KEYS_MAX;
}

int vault_request_decode(struct span frame, struct vault_request *out, struct err *e)
{
	struct wire w = wire_open(frame);

	out->id = wire_get_u32(&w);
	out->op = wire_get_u8(&w);
	out->mode = wire_get_u8(&w);
	out->need = wire_get_u8(&w);
	out->total = wire_get_u8(&w);
	out->account_id = wire_get_u64(&w);
	out->secret = wire_get_span(&w, VAULT_SECRET_MAX);
	out->verifier = wire_get_span(&w, VAULT_VERIFIER_MAX);
	out->text = wire_get_span(&w, VAULT_TEXT_MAX);
	out->proof = wire_get_span(&w, 32);
	out->keys = wire_get_span(&w, VAULT_KEYS_MAX * VAULT_KEY_ROW);
	if (!wire_done(&w) || out->op < VAULT_OP_STATUS || out->op > VAULT_OP_LAST ||
	    !keys_fit(out))
		return err_set(e, ERR_SYNTAX, "Internal error", "vault request of %zu bytes is malformed", frame.n);
	return 0;
}

void vault_reply_encode(struct buf *b, const struct vault_reply *r)
{
	size_t at = frame_begin(b);

	wire_u32(b, r->id);
	wire_u8(b, (uint8_t)-r->code);
	wire_span(b, r->say);
	wire_span(b, r->log);
	wire_u8(b, (uint8_t)r->status.state);
	wire_u8(b, r->status.mode);
	wire_u8(b, r->status.need);
	wire_u8(b, r->status.have);
	wire_u8(b, r->status.total);
	wire_u32(b, r->number);
	wire_span(b, r->data);
	frame_end(b, at);
}

int vault_reply_decode(struct span frame, struct vault_reply *out, struct err *e)
{
	struct wire w = wire_open(frame);

	out->id = wire_get_u32(&w);
	out->code = -(int)wire_get_u8(&w);
	out->say = wire_get_span(&w, sizeof(e->say));
	out->log = wire_get_span(&w, sizeof(e->log));
	out->status.state = wire_get_u8(&w);
	out->status.mode = wire_get_u8(&w);
	out->status.need = wire_get_u8(&w);
	out->status.have = wire_get_u8(&w);
	out->status.total = wire_get_u8(&w);
	out->number = wire_get_u32(&w);
	out->data = wire_get_span(&w, VAULT_FRAME_MAX);
	if (!wire_done(&w) || out->code < ERR_BROKEN || out->status.state > VAULT_EMPTY)
		return err_set(e, ERR_SYNTAX, "Internal error", "vault reply of %zu bytes is malformed", frame.n);
	return 0;
}

int vault_frame_send(int fd, struct span s, struct err *e)
{
	while (s.n) {
		ssize_t r = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errno == EPIPE || errno == ECONNRESET ?
				err_set(e, ERR_GONE, "", "vault socket: closed") : err_errno(e, "vault socket");
		s = span_from(s, (size_t)r);
	}
	return 0;
}

int vault_frame_recv(int fd, unsigned char *p, size_t cap, struct span *frame_out, struct err *e)
{
	char head[4];
	struct wire w;
	uint32_t n;
	int r = io_read_full(fd, head, sizeof(head), e);

	if (r < 0)
		return r;
	w = wire_open(SPAN_BYTES(head, sizeof(head)));
	n = wire_get_u32(&w);
	if (n > cap)
		return err_set(e, ERR_TOOBIG, "Internal error", "vault frame of %u bytes", n);
	r = io_read_full(fd, p, n, e);
	*frame_out = SPAN_BYTES(p, n);
	return r;
}
