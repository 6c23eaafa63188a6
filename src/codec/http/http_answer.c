#include "codec/http/http_answer.h"
#include "base/err.h"
#include "base/scan.h"

#define CHUNK_LINE_MAX 256

static bool token_char(char c)
{
	static const struct span others = { "!#$%&'*+-.^_`|~", 15 };

	return ascii_alpha(c) || ascii_digit(c) || span_chr(others, c) >= 0;
}

/* One line without its end; 0: not whole yet. A bare LF ends it too (RFC 9112 section 2.2). */
static int line_take(struct span in, struct span *line, size_t *used)
{
	ssize_t at = span_chr(in, '\n');

	if (at < 0)
		return 0;
	*used = (size_t)at + 1;
	*line = span_sub(in, 0, (size_t)at);
	if (span_ends(*line, SPAN("\r")))
		line->n--;
	for (size_t i = 0; i < line->n; i++)
		if (((unsigned char)line->p[i] < 32 && line->p[i] != '\t') || line->p[i] == 127)
			return ERR_SYNTAX;
	return 1;
}

/* status-line = "HTTP/1." DIGIT SP 3DIGIT SP [ reason ] */
static int status_line(struct span line, struct http_head *out)
{
	uint64_t minor, status;

	if (!scan_lit(&line, SPAN("HTTP/1.")) || !scan_num(&line, &minor, 0, 9) || !scan_char(&line, ' ') ||
		!span_num(span_sub(line, 0, 3), &status, 100, 599) || (line.n > 3 && line.p[3] != ' '))
		return ERR_SYNTAX;
	out->status = (unsigned)status;
	return 1;
}

static int field(struct span line, struct http_head *out)
{
	struct span value = line, name;
	uint64_t n;

	if (span_chr(line, ':') <= 0)
		return ERR_SYNTAX;
	name = span_cut(&value, ':');
	value = span_trim(value);
	for (size_t i = 0; i < name.n; i++)
		if (!token_char(name.p[i]))
			return ERR_SYNTAX;
	if (span_ieqz(name, "Content-Type") && !out->type.p)
		out->type = span_trim(span_cut(&value, ';'));
	if (span_ieqz(name, "Content-Length")) {
		if (!span_num(value, &n, 0, INT64_MAX) || (out->has_length && n != out->length))
			return ERR_SYNTAX;
		out->has_length = true;
		out->length = n;
	}
	if (span_ieqz(name, "Transfer-Encoding")) {
		if (out->chunked || !span_ieqz(value, "chunked"))
			return ERR_SYNTAX;
		out->chunked = true;
	}
	return 1;
}

int http_head(struct span in, struct http_head *out, size_t *used)
{
	struct span rest = in, line;
	int r = 1;

	*out = (struct http_head){ 0 };
	for (unsigned n = 0; r == 1; n++) {
		size_t took = 0;

		r = line_take(rest, &line, &took);
		if (r <= 0)
			break;
		rest = span_from(rest, took);
		if (in.n - rest.n > HTTP_HEAD_MAX || n > HTTP_FIELDS_MAX + 1)
			return ERR_TOOBIG;
		if (n && !line.n) {
			*used = in.n - rest.n;
			return out->chunked && out->has_length ? ERR_SYNTAX : 1;
		}
		r = n ? field(line, out) : status_line(line, out);
	}
	return r == 0 && in.n >= HTTP_HEAD_MAX ? ERR_TOOBIG : r;
}

void http_body_init(struct http_body *b, const struct http_head *h)
{
	*b = (struct http_body){ .kind = h->chunked ? HTTP_BODY_CHUNKED : h->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_CLOSE,
		.left = h->length };
}

static int chunk_size(struct http_body *b, struct span line)
{
	struct span digits = span_trim(span_cut(&line, ';'));

	b->left = 0;
	if (!digits.n || digits.n > 8)
		return ERR_SYNTAX;
	for (size_t i = 0; i < digits.n; i++) {
		char c = ascii_lower(digits.p[i]);

		if (!ascii_digit(c) && (c < 'a' || c > 'f'))
			return ERR_SYNTAX;
		b->left = b->left << 4 | (uint64_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	b->state = b->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
	return 0;
}

/* The lines between the chunks; 1: the last. */
static int chunk_line(struct http_body *b, struct span line, size_t len)
{
	if (b->state == HTTP_CHUNK_SIZE)
		return chunk_size(b, line);
	if (b->state == HTTP_CHUNK_END) {
		b->state = HTTP_CHUNK_SIZE;
		return line.n ? ERR_SYNTAX : 0;
	}
	b->trailer_len += len;
	return b->trailer_len > HTTP_HEAD_MAX ? ERR_TOOBIG : line.n == 0;
}

static int data_take(struct http_body *b, struct span in, size_t *used, struct buf *out)
{
	struct span part = b->kind == HTTP_BODY_CLOSE ? in : span_sub(in, 0, b->left < in.n ? (size_t)b->left : in.n);

	if (!buf_add(out, part))
		return ERR_TOOBIG;
	*used += part.n;
	if (b->kind != HTTP_BODY_CLOSE)
		b->left -= part.n;
	return 0;
}

int http_body(struct http_body *b, struct span in, size_t *used, struct buf *out)
{
	int r = 0;

	*used = 0;
	if (b->kind != HTTP_BODY_CHUNKED) {
		r = data_take(b, in, used, out);
		return r < 0 ? r : b->kind == HTTP_BODY_LENGTH && b->left == 0;
	}
	while (r == 0 && *used < in.n) {
		struct span rest = span_from(in, *used), line;
		size_t took = 0;

		if (b->state == HTTP_CHUNK_DATA) {
			r = data_take(b, rest, used, out);
			if (b->left == 0)
				b->state = HTTP_CHUNK_END;
			continue;
		}
		r = line_take(rest, &line, &took);
		if (r == 0)
			return rest.n > CHUNK_LINE_MAX ? ERR_TOOBIG : 0;
		if (r == 1)
			r = took > CHUNK_LINE_MAX ? ERR_TOOBIG : chunk_line(b, line, took);
		*used += took;
	}
	return r;
}
