/* spf_macro.c - macros (RFC 7208 section 7). */
#include <arpa/inet.h>
#include <string.h>
#include "base/scan.h"
#include "codec/mailauth/spf_int.h"

#define EXPANDED_MAX 4096
#define PARTS_MAX 130

struct macro {
	char letter;
	bool escape, reverse;
	uint64_t keep;                /* rightmost parts, 0: all */
	struct span delimiters;
};

static void ip_dotted(struct spf *s, struct buf *b)
{
	if (!s->v6) {
		buf_addf(b, "%u.%u.%u.%u", s->ip[0], s->ip[1], s->ip[2], s->ip[3]);
		return;
	}
	for (size_t i = 0; i < 16; i++)
		buf_addf(b, "%s%X.%X", i ? "." : "", s->ip[i] >> 4, s->ip[i] & 15);
}

static void ip_plain(struct spf *s, struct buf *b)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(s->v6 ? AF_INET6 : AF_INET, s->ip, text, sizeof(text));
	buf_addz(b, text);
}

static bool value(struct spf *s, char letter, struct span domain, bool exp, struct buf *b)
{
	struct span name;

	switch (letter) {
	case 's':
		buf_addf(b, "%.*s@%.*s", SPAN_F(s->local), SPAN_F(s->sender_domain));
		return true;
	case 'l':
		return buf_add(b, s->local);
	case 'o':
		return buf_add(b, s->sender_domain);
	case 'd':
		return buf_add(b, domain);
	case 'i':
		ip_dotted(s, b);
		return true;
	case 'p':
		name = spf_validated(s, domain, false);
		return buf_add(b, name.n ? name : SPAN("unknown"));
	case 'v':
		return buf_addz(b, s->v6 ? "ip6" : "in-addr");
	case 'h':
		return buf_add(b, s->helo);
	case 'c':
		if (exp)
			ip_plain(s, b);
		return exp;
	case 'r':
		return exp && buf_add(b, s->q->receiver.n ? s->q->receiver : SPAN("unknown"));
	case 't':
		return exp && buf_addf(b, "%lld", (long long)s->q->now_sec);
	default:
		return false;
	}
}

static bool is_delimiter(const struct macro *m, char c)
{
	return span_chr(m->delimiters.n ? m->delimiters : SPAN("."), c) >= 0;
}

static void escape(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
			buf_addc(b, c);
		else
			buf_addf(b, "%%%02X", (unsigned char)c);
	}
}

static void transform(const struct macro *m, struct span text, struct buf *b)
{
	struct span part[PARTS_MAX];
	size_t n = 0, start = 0, keep;

	for (size_t i = 0; i <= text.n && n < PARTS_MAX; i++)
		if (i == text.n || is_delimiter(m, text.p[i])) {
			part[n++] = span_sub(text, start, i - start);
			start = i + 1;
		}
	keep = m->keep && m->keep < n ? (size_t)m->keep : n;
	for (size_t i = n - keep; i < n; i++) {
		struct span p = m->reverse ? part[n - 1 - i] : part[i];

		if (i > n - keep)
			buf_addc(b, '.');
		if (m->escape)
			escape(b, p);
		else
			buf_add(b, p);
	}
}

/* With reverse, the rightmost parts after reversing are the leftmost before. */
static bool expand_one(struct spf *s, const struct macro *m, struct span domain, bool exp, struct buf *b)
{
	SCOPED_BUF v;

	buf_init(&v, EXPANDED_MAX);
	if (!value(s, m->letter, domain, exp, &v) || v.failed)
		return false;
	transform(m, buf_span(&v), b);
	return true;
}

/* macro-expand = "%{" macro-letter transformers *delimiter "}" / "%%" / "%_" / "%-"
 * transformers = *DIGIT [ "r" ]   delimiter = "." / "-" / "+" / "," / "/" / "_" / "=" */
static bool macro_scan(struct span *in, struct macro *m)
{
	struct span digits;
	size_t n = 0;

	memset(m, 0, sizeof(*m));
	if (!scan_char(in, '{') || !in->n || !ascii_alpha(in->p[0]))
		return false;
	m->letter = ascii_lower(in->p[0]);
	m->escape = in->p[0] != m->letter;
	*in = span_from(*in, 1);
	if (scan_while(in, &digits, ascii_digit, 1, 9) && !span_num(digits, &m->keep, 1, 1000000000))
		return false;
	m->reverse = in->n && ascii_lower(in->p[0]) == 'r';
	*in = span_from(*in, m->reverse);
	while (n < in->n && span_chr(SPAN(".-+,/_="), in->p[n]) >= 0)
		n++;
	m->delimiters = span_sub(*in, 0, n);
	*in = span_from(*in, n);
	return scan_char(in, '}');
}

static bool expand_next(struct spf *s, struct span *text, struct span domain, bool exp, struct buf *b)
{
	struct macro m;
	char c = text->p[0];

	*text = span_from(*text, 1);
	if (c != '%')
		return c > 32 || (exp && c == ' ') ? buf_addc(b, c) : false;
	if (scan_char(text, '%'))
		return buf_addc(b, '%');
	if (scan_char(text, '_'))
		return buf_addc(b, ' ');
	if (scan_char(text, '-'))
		return buf_addz(b, "%20");
	return macro_scan(text, &m) && expand_one(s, &m, domain, exp, b);
}

bool spf_expand(struct spf *s, struct span text, struct span domain, bool exp, struct span *out)
{
	SCOPED_BUF b;

	buf_init(&b, 4 * EXPANDED_MAX);
	while (text.n)
		if (!expand_next(s, &text, domain, exp, &b))
			return false;
	*out = arena_span(s->arena, buf_span(&b));
	return true;
}
