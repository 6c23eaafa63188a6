#include "base/scan.h"

bool scan_char(struct span *in, char c)
{
	if (!in->n || in->p[0] != c)
		return false;
	*in = span_from(*in, 1);
	return true;
}

bool scan_lit(struct span *in, struct span lit)
{
	if (!span_starts(*in, lit))
		return false;
	*in = span_from(*in, lit.n);
	return true;
}

bool scan_ilit(struct span *in, struct span lit)
{
	if (!span_istarts(*in, lit))
		return false;
	*in = span_from(*in, lit.n);
	return true;
}

bool scan_num(struct span *in, uint64_t *out, uint64_t min, uint64_t max)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < in->n && ascii_digit(in->p[i]); i++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(in->p[i] - '0'), &v))
			return false;
	}
	if (i == 0 || v < min || v > max)
		return false;
	*in = span_from(*in, i);
	*out = v;
	return true;
}

bool scan_num2(struct span *in, unsigned *out)
{
	if (in->n < 2 || !ascii_digit(in->p[0]) || !ascii_digit(in->p[1]))
		return false;
	*out = (unsigned)(in->p[0] - '0') * 10 + (unsigned)(in->p[1] - '0');
	*in = span_from(*in, 2);
	return true;
}

bool scan_while(struct span *in, struct span *out, bool (*ok)(char), size_t min, size_t max)
{
	size_t i = 0;

	while (i < in->n && i <= max && ok(in->p[i]))
		i++;
	if (i < min || i > max)
		return false;
	*out = span_sub(*in, 0, i);
	*in = span_from(*in, i);
	return true;
}

bool scan_until(struct span *in, struct span *out, char stop, size_t max)
{
	ssize_t at = span_chr(*in, stop);

	if (at < 0 || (size_t)at > max)
		return false;
	*out = span_sub(*in, 0, (size_t)at);
	*in = span_from(*in, (size_t)at);
	return true;
}

void scan_blanks(struct span *in)
{
	while (in->n && (in->p[0] == ' ' || in->p[0] == '\t'))
		*in = span_from(*in, 1);
}

static int hex_digit(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool scan_hex(struct span s, uint8_t *out, size_t out_len)
{
	if (s.n / 2 != out_len || s.n % 2)
		return false;
	for (size_t i = 0; i < out_len; i++) {
		int hi = hex_digit(s.p[2 * i]), lo = hex_digit(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

bool span_num(struct span s, uint64_t *out, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (!scan_num(&s, &v, min, max) || s.n)
		return false;
	*out = v;
	return true;
}
