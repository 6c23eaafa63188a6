/* Strangers' words (replies, addresses, messages), cut at "|", in a report: it must stay three
 * parts with one block per recipient, whatever they are. */
#include <assert.h>
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_dsn.h"
#include "codec/mime/mime_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct span in = SPAN_BYTES(p, n);
	struct mime_limits limits = MIME_LIMITS;
	struct err e = ERR_INIT;
	struct mime_dsn_recipient r = {.action = MIME_DSN_FAILED, .status = SPAN("5.0.0")};
	struct mime_dsn d = {.reporting_mta = SPAN("a"),
		.from = SPAN("b@a"),
		.boundary = SPAN("=_x"),
		.recipients = &r,
		.recipient_count = 1,
		.date_sec = 1};
	struct mime_part *root, *part;
	struct span body;
	int parts = 0;

	buf_init(&b, 1 << 24);
	if (n < 1)
		return 0;
	d.utf8 = p[0] & 1;
	d.full = p[0] & 2;
	in = span_from(in, 1);
	r.address = span_cut(&in, '|');
	r.original = span_cut(&in, '|');
	r.diagnostic = span_cut(&in, '|');
	r.remote_mta = span_cut(&in, '|');
	d.to = span_cut(&in, '|');
	d.subject = d.envelope_id = span_cut(&in, '|');
	d.text = span_cut(&in, '|');
	d.original = in;
	if (mime_dsn_compose(a, &d, &b, &e) < 0)
		return 0;
	assert(mime_parse(a, buf_span(&b), &limits, &root, &e) == 0);
	for (part = root->child; part; part = part->next)
		parts++;
	assert(parts == (d.original.n && mime_header_len(d.original) ? 3 : 2));
	part = root->child->next;
	body = span_sub(buf_span(&b), part->body_off, part->body_len);
	body = span_from(body, mime_header_len(body));
	assert(mime_header_count(span_sub(body, 0, mime_header_len(body)), "Action") == 1);
	assert(mime_header_len(body) == body.n);
	return 0;
}
