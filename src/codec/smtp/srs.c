#include "codec/smtp/srs.h"
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char *const names[] = { "", "SRS0", "SRS1", "SRSL" };

static int digit(char c)
{
	c = ascii_upper(c);
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static bool separator(struct span s)
{
	return s.n && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '-');
}

/* Up to the next "="; false when there is none or nothing before it. */
static bool word(struct span *s, struct span *out)
{
	ssize_t at = span_chr(*s, '=');

	if (at <= 0)
		return false;
	*out = span_cut(s, '=');
	return true;
}

bool srs_parse(struct span local, struct srs *out)
{
	struct span rest = span_from(local, 5);

	*out = (struct srs){ 0 };
	for (size_t i = 0; i < local.n; i++)
		if ((unsigned char)local.p[i] < 32 || local.p[i] == 127)
			return false;
	for (int kind = SRS_PLAIN; kind <= SRS_LONG; kind++)
		if (span_istarts(local, span_str(names[kind])) && separator(span_from(local, 4)))
			out->kind = (enum srs_kind)kind;
	if (!out->kind || !word(&rest, &out->hash))
		return false;
	out->body = rest;
	if (out->kind == SRS_TWICE ? !word(&rest, &out->host) || !separator(rest) : !word(&rest, &out->day))
		return false;
	if (out->kind == SRS_PLAIN && !word(&rest, &out->host))
		return false;
	out->rest = rest;
	return rest.n > 0;
}

struct span srs_signed(struct arena *a, enum srs_kind kind, struct span body)
{
	struct span out = arena_printf(a, "%s=%.*s", names[kind], SPAN_F(body));

	for (size_t i = 0; i < out.n; i++)
		((char *)out.p)[i] = ascii_lower(out.p[i]);
	return out;
}

struct span srs_hash(struct arena *a, const unsigned char *mac)
{
	char *p = arena_alloc(a, SRS_HASH_LEN + 1);
	uint64_t bits = 0;

	for (int i = 0; i < 5; i++)
		bits = bits << 8 | mac[i];
	for (int i = 0; i < SRS_HASH_LEN; i++)
		p[i] = digits[bits >> (35 - 5 * i) & 31];
	return SPAN_BYTES(p, SRS_HASH_LEN);
}

bool srs_hash_equal(struct span x, struct span y)
{
	char u[2][SRS_HASH_LEN];

	if (x.n != SRS_HASH_LEN || y.n != SRS_HASH_LEN)
		return false;
	for (size_t i = 0; i < SRS_HASH_LEN; i++) {
		u[0][i] = ascii_upper(x.p[i]);
		u[1][i] = ascii_upper(y.p[i]);
	}
	return span_equal_ct(SPAN_BYTES(u[0], SRS_HASH_LEN), SPAN_BYTES(u[1], SRS_HASH_LEN));
}

struct span srs_body(struct arena *a, int64_t day, struct span domain, struct span local)
{
	return arena_printf(a, "%c%c=%.*s=%.*s", digits[day >> 5 & 31], digits[day & 31], SPAN_F(domain), SPAN_F(local));
}

struct span srs_body_again(struct arena *a, struct span host, struct span local)
{
	return arena_printf(a, "%.*s=%.*s", SPAN_F(host), SPAN_F(span_from(local, 4)));
}

struct span srs_body_long(struct arena *a, int64_t day, uint64_t token)
{
	char text[16];
	size_t n = sizeof(text);

	do {
		text[--n] = digits[token & 31];
		token >>= 5;
	} while (token && n);
	return arena_printf(a, "%c%c=%.*s", digits[day >> 5 & 31], digits[day & 31], (int)(sizeof(text) - n), text + n);
}

bool srs_token(struct span rest, uint64_t *out)
{
	*out = 0;
	if (rest.n > 12)             /* 60 bits */
		return false;
	for (size_t i = 0; i < rest.n; i++) {
		int d = digit(rest.p[i]);

		if (d < 0)
			return false;
		*out = *out << 5 | (uint64_t)d;
	}
	return rest.n > 0;
}

struct span srs_local(struct arena *a, enum srs_kind kind, struct span hash, struct span body)
{
	return arena_printf(a, "%s=%.*s=%.*s", names[kind], SPAN_F(hash), SPAN_F(body));
}

int srs_age(struct span day, int64_t today)
{
	int high = day.n == 2 ? digit(day.p[0]) : -1, low = day.n == 2 ? digit(day.p[1]) : -1;

	if (high < 0 || low < 0)
		return -1;
	return (int)((today - (high << 5 | low)) & (SRS_DAYS - 1));
}

void srs_origin(struct arena *a, const struct srs *s, struct span *local_out, struct span *domain_out)
{
	*local_out = s->kind == SRS_TWICE ? arena_printf(a, "SRS0%.*s", SPAN_F(s->rest)) : s->rest;
	*domain_out = s->host;
}
