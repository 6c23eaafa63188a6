#include "codec/http/http_head.h"
#include "base/scan.h"

size_t http_head_end(struct span in, size_t *seen)
{
	size_t from = *seen > 3 ? *seen - 3 : 0;
	ssize_t at = span_find(span_from(in, from), SPAN("\r\n\r\n"));

	*seen = in.n;
	return at < 0 ? 0 : from + (size_t)at + 4;
}

static int refuse(struct http_request_head *h, int status, const char *why)
{
	h->why = why;
	return status;
}

static bool is_tchar(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || (c && span_chr(SPAN("!#$%&'*+-.^_`|~"), c) >= 0);
}

static bool is_target(char c)
{
	return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' &&
		c != '{' && c != '|' && c != '}';
}

static bool is_host(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '.' || c == '_';
}

static bool is_ip6(char c)
{
	return ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

/* uri-host [ ":" port ]; the user part of a URI is never right here */
static bool authority(struct span in, struct http_request_head *h)
{
	uint64_t port = 0;
	struct span start = in, inner;

	if (scan_char(&in, '[')) {
		if (!scan_while(&in, &inner, is_ip6, 2, 45) || !scan_char(&in, ']'))
			return false;
		h->host = span_sub(start, 0, inner.n + 2);
	} else if (!scan_while(&in, &h->host, is_host, 1, 255)) {
		return false;
	}
	h->port = 0;
	if (in.n && (!scan_char(&in, ':') || (in.n && !scan_num(&in, &port, 1, 65535))))
		return false;
	h->port = (unsigned)port;
	return in.n == 0;
}

static bool target(struct span in, struct http_request_head *h)
{
	struct span scheme_end = in, host;
	bool absolute = scan_ilit(&scheme_end, SPAN("http://")) || scan_ilit(&scheme_end, SPAN("https://"));

	if (span_eqz(in, "*") && span_eqz(h->method, "OPTIONS")) {
		h->path = in;
		return true;
	}
	if (absolute) {
		size_t n = 0;

		while (n < scheme_end.n && scheme_end.p[n] != '/' && scheme_end.p[n] != '?')
			n++;
		host = span_sub(scheme_end, 0, n);
		in = span_from(scheme_end, n);
		if (!authority(host, h))
			return false;
	} else if (!in.n || in.p[0] != '/') {
		return false;
	}
	h->path = span_cut(&in, '?');
	h->query = in;
	if (absolute && !h->path.n)
		h->path = SPAN("/");
	return true;
}

/* method SP request-target SP HTTP-version */
static int request_line(struct span line, struct http_request_head *h)
{
	struct span t;
	uint64_t major, minor;

	if (!scan_while(&line, &h->method, is_tchar, 1, SIZE_MAX))
		return refuse(h, 400, "method");
	if (h->method.n > HTTP_METHOD_MAX)
		return refuse(h, 501, "method is too long");
	if (!scan_char(&line, ' '))
		return refuse(h, 400, "no blank after the method");
	if (!scan_while(&line, &t, is_target, 1, SIZE_MAX))
		return refuse(h, 400, "target");
	if (t.n > HTTP_TARGET_MAX)
		return refuse(h, 414, "target is too long");
	if (!scan_lit(&line, SPAN(" HTTP/")) || !scan_num(&line, &major, 0, 9) || !scan_char(&line, '.') ||
		!scan_num(&line, &minor, 0, 9) || line.n)
		return refuse(h, 400, "version");
	if (major != 1)
		return refuse(h, 505, "major version");
	h->minor = (unsigned)minor;
	if (!target(t, h))
		return refuse(h, 400, "form of the target");
	return 0;
}

static bool clean_value(struct span v)
{
	for (size_t i = 0; i < v.n; i++)
		if (((unsigned char)v.p[i] < 0x20 && v.p[i] != '\t') || v.p[i] == 0x7f)
			return false;
	return true;
}

static struct span trim(struct span v)
{
	scan_blanks(&v);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

static int field_line(struct span line, struct http_request_head *h)
{
	struct http_field *f = &h->field[h->n];

	if (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
		return refuse(h, 400, "folded line");
	if (h->n == HTTP_REQUEST_FIELDS_MAX)
		return refuse(h, 431, "too many fields");
	if (!scan_while(&line, &f->name, is_tchar, 1, 256) || !scan_char(&line, ':'))
		return refuse(h, 400, "field name");
	f->value = trim(line);
	if (!clean_value(f->value))
		return refuse(h, 400, "control in a field");
	h->n++;
	return 0;
}

static size_t count(const struct http_request_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += span_ieqz(h->field[i].name, name);
	return n;
}

struct span http_head_field(const struct http_request_head *h, const char *name)
{
	struct span found = SPAN_NONE;

	if (count(h, name) != 1)
		return SPAN_NONE;
	for (size_t i = 0; i < h->n; i++)
		if (span_ieqz(h->field[i].name, name))
			found = h->field[i].value;
	return found;
}

bool http_list_has(struct span list, const char *word)
{
	while (list.n)
		if (span_ieqz(trim(span_cut(&list, ',')), word))
			return true;
	return false;
}

static bool any_has(const struct http_request_head *h, const char *name, const char *word)
{
	for (size_t i = 0; i < h->n; i++)
		if (span_ieqz(h->field[i].name, name) && http_list_has(h->field[i].value, word))
			return true;
	return false;
}

/* RFC 9112 section 3.2: exactly one, also beside the absolute form, which wins. */
static int check_host(struct http_request_head *h)
{
	size_t n = count(h, "Host");
	struct http_request_head from_field = { .n = 0 };

	if (n == 0 && h->minor == 0)
		return 0;
	if (n != 1)
		return refuse(h, 400, n ? "two Hosts" : "no Host");
	if (!authority(http_head_field(h, "Host"), &from_field))
		return refuse(h, 400, "Host");
	if (!h->host.n) {
		h->host = from_field.host;
		h->port = from_field.port;
	}
	return 0;
}

/* RFC 9112 section 6 */
static int check_body(struct http_request_head *h)
{
	size_t lengths = count(h, "Content-Length"), codings = count(h, "Transfer-Encoding");

	if (lengths > 1 || (lengths && codings))
		return refuse(h, 400, lengths > 1 ? "Content-Length twice" : "Content-Length and Transfer-Encoding");
	if (codings)
		return h->minor == 0 || codings > 1 ? refuse(h, 400, "Transfer-Encoding") :
			span_ieqz(http_head_field(h, "Transfer-Encoding"), "chunked") ? refuse(h, 411, "chunked body") :
			refuse(h, 501, "transfer coding");
	if (lengths && !span_num(http_head_field(h, "Content-Length"), &h->body_len, 0, UINT64_MAX / 16))
		return refuse(h, 400, "Content-Length");
	return 0;
}

int http_head_parse(struct span head, struct http_request_head *h)
{
	struct span rest = head, line;
	int status = 0;
	bool first = true;

	*h = (struct http_request_head){ .why = "" };
	for (;;) {
		ssize_t end = span_find(rest, SPAN("\r\n"));

		if (end < 0)
			return refuse(h, 400, "no end");
		line = span_sub(rest, 0, (size_t)end);
		rest = span_from(rest, (size_t)end + 2);
		if (span_chr(line, '\r') >= 0 || span_chr(line, '\n') >= 0 || span_has_nul(line))
			return refuse(h, 400, "bare CR, LF or NUL");
		if (!first && !line.n)
			break;
		status = first ? request_line(line, h) : field_line(line, h);
		if (status)
			return status;
		first = false;
	}
	if (rest.n)
		return refuse(h, 400, "more than a head");
	status = check_host(h);
	if (!status)
		status = check_body(h);
	h->close = any_has(h, "Connection", "close") || (h->minor == 0 && !any_has(h, "Connection", "keep-alive"));
	h->expects = h->minor && h->body_len && span_ieqz(http_head_field(h, "Expect"), "100-continue");
	return status;
}
