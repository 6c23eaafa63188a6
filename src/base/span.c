#include "base/span.h"
#include <string.h>

struct span span_str(const char *z)
{
	return z ? (struct span){ z, strlen(z) } : SPAN_NONE;
}

bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_eqz(struct span a, const char *z)
{
	return span_eq(a, span_str(z));
}

bool span_ieq(struct span a, struct span b)
{
	return a.n == b.n && span_istarts(a, b);
}

bool span_ieqz(struct span a, const char *z)
{
	return span_ieq(a, span_str(z));
}

int span_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool span_equal_ct(struct span a, struct span b)
{
	unsigned char diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= (unsigned char)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

bool span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool span_istarts(struct span s, struct span prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++)
		if (ascii_lower(s.p[i]) != ascii_lower(prefix.p[i]))
			return false;
	return true;
}

bool span_ends(struct span s, struct span suffix)
{
	return s.n >= suffix.n && span_eq(span_from(s, s.n - suffix.n), suffix);
}

struct span span_sub(struct span s, size_t from, size_t len)
{
	s = span_from(s, from);
	if (len < s.n)
		s.n = len;
	return s;
}

struct span span_from(struct span s, size_t from)
{
	if (from > s.n)
		from = s.n;
	return (struct span){ s.p ? s.p + from : NULL, s.n - from };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.n && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

ssize_t span_chr(struct span s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

ssize_t span_rchr(struct span s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

ssize_t span_find(struct span s, struct span needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return at ? at - s.p : -1;
}

bool span_has_nul(struct span s)
{
	return span_chr(s, '\0') >= 0;
}

struct span span_cut(struct span *s, char c)
{
	ssize_t at = span_chr(*s, c);
	struct span left = at < 0 ? *s : span_sub(*s, 0, (size_t)at);

	*s = at < 0 ? SPAN_NONE : span_from(*s, (size_t)at + 1);
	return left;
}
