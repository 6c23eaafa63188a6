#include "codec/http/http_write.h"
#include <time.h>
#include "base/scan.h"

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = { { 200, "OK" }, { 308, "Permanent Redirect" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].status == status)
			return rows[i].reason;
	return "Unknown";
}

void http_date(struct buf *b, int64_t sec)
{
	static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
		"Dec" };
	time_t t = (time_t)sec;
	struct tm m;

	if (!gmtime_r(&t, &m))
		return;
	buf_addf(b, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[m.tm_wday], m.tm_mday, month[m.tm_mon], m.tm_year + 1900,
		m.tm_hour, m.tm_min, m.tm_sec);
}

void http_status(struct buf *b, int status, int64_t now_sec, bool close)
{
	buf_addf(b, "HTTP/1.1 %d %s\r\nDate: ", status, http_reason(status));
	http_date(b, now_sec);
	buf_addz(b, close ? "\r\nConnection: close\r\n" : "\r\n");
}

static struct span decode(struct arena *a, struct span s, bool keep_plus)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t byte = (uint8_t)s.p[i];

		if (s.p[i] == '%') {
			if (!scan_hex(span_sub(s, i + 1, 2), &byte, 1))
				return SPAN_NONE;
			i += 2;
		} else if (s.p[i] == '+' && !keep_plus) {
			byte = ' ';
		}
		p[n++] = (char)byte;
	}
	return SPAN_BYTES(p, n);
}

struct span http_form_value(struct arena *a, struct span form, const char *name, bool keep_plus)
{
	struct span found = SPAN_NONE;
	size_t n = 0;

	while (form.n) {
		struct span value = span_cut(&form, '&'), key = span_cut(&value, '=');

		if (span_ieqz(decode(a, key, false), name) && ++n)
			found = value;
	}
	return n == 1 ? decode(a, found, keep_plus) : SPAN_NONE;
}

void http_escape(struct buf *b, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '&': buf_addz(b, "&amp;"); break;
		case '<': buf_addz(b, "&lt;"); break;
		case '>': buf_addz(b, "&gt;"); break;
		case '"': buf_addz(b, "&quot;"); break;
		case '\'': buf_addz(b, "&#39;"); break;
		default: buf_addc(b, text.p[i]);
		}
	}
}
