#include "codec/imap/imap_set.h"
#include "base/scan.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STAR 0 /* "*" while its meaning is not looked at */

/* seq-number = nz-number / "*";  nz-number = digit-nz *DIGIT */
static bool scan_seq(struct span *in, uint32_t *out)
{
	uint64_t n;

	if (scan_char(in, '*')) {
		*out = STAR;
		return true;
	}
	if (!in->n || in->p[0] == '0' || !scan_num(in, &n, 1, UINT32_MAX))
		return false;
	*out = (uint32_t)n;
	return true;
}

/* sequence-set = (seq-number / seq-range) ["," sequence-set];  seq-range = seq-number ":"
 * seq-number */
static bool scan_range(struct span *in, uint32_t *a, uint32_t *b)
{
	if (!scan_seq(in, a))
		return false;
	*b = *a;
	if (scan_char(in, ':') && !scan_seq(in, b))
		return false;
	return !in->n || (scan_char(in, ',') && in->n);
}

bool imap_set_valid(struct span s)
{
	uint32_t a, b;

	if (!s.n)
		return false;
	while (s.n)
		if (!scan_range(&s, &a, &b))
			return false;
	return true;
}

static int range_cmp(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void merge(struct imap_set *s)
{
	size_t to = 0;

	for (size_t i = 1; i < s->n; i++) {
		if (s->v[to].hi == UINT32_MAX)
			break;
		if (s->v[i].lo <= s->v[to].hi + 1) {
			if (s->v[i].hi > s->v[to].hi)
				s->v[to].hi = s->v[i].hi;
		} else {
			s->v[++to] = s->v[i];
		}
	}
	if (s->n)
		s->n = to + 1;
}

int imap_set_parse(
	struct arena *a, struct span s, uint32_t max, struct imap_set *out, struct err *e)
{
	size_t ranges = 1;
	bool sorted = true;

	*out = (struct imap_set){NULL};
	for (size_t i = 0; i < s.n; i++)
		ranges += s.p[i] == ',';
	if (ranges > IMAP_SET_RANGES_MAX)
		return err_set(
			e, ERR_LIMIT, "Too many ranges in the sequence set", "%zu ranges", ranges);
	if (!s.n)
		return err_set(e, ERR_SYNTAX, "Bad sequence set", "empty");
	out->v = ARENA_ARRAY(a, struct imap_range, ranges);
	out->cap = ranges;
	while (s.n) {
		uint32_t lo, hi;
		bool star;

		if (!scan_range(&s, &lo, &hi))
			return err_set(e, ERR_SYNTAX, "Bad sequence set", "%zu bytes left", s.n);
		star = lo == STAR || hi == STAR;
		lo = lo == STAR ? max : lo;
		hi = hi == STAR ? max : hi;
		if (star && !max)
			continue;
		if (out->n && (lo < hi ? lo : hi) < out->v[out->n - 1].lo)
			sorted = false;
		out->v[out->n++] =
			lo < hi ? (struct imap_range){lo, hi} : (struct imap_range){hi, lo};
	}
	if (!sorted)
		qsort(out->v, out->n, sizeof(*out->v), range_cmp);
	merge(out);
	return 0;
}

void imap_set_add(struct arena *a, struct imap_set *s, uint32_t n)
{
	struct imap_range *last = s->n ? &s->v[s->n - 1] : NULL;

	assert(n > (last ? last->hi : 0));
	if (last && last->hi + 1 == n) {
		last->hi = n;
		return;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct imap_range *v = ARENA_ARRAY(a, struct imap_range, cap);

		if (s->n)
			memcpy(v, s->v, s->n * sizeof(*v));
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = (struct imap_range){n, n};
}

/* Index of the first range that ends at n or later. */
static size_t first_from(const struct imap_set *s, uint32_t n)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].hi < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool imap_set_contains(const struct imap_set *s, uint32_t n)
{
	size_t i = first_from(s, n);

	return i < s->n && s->v[i].lo <= n;
}

uint64_t imap_set_count(const struct imap_set *s)
{
	uint64_t count = 0;

	for (size_t i = 0; i < s->n; i++)
		count += (uint64_t)s->v[i].hi - s->v[i].lo + 1;
	return count;
}

void imap_set_format(struct buf *b, const struct imap_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_addc(b, ',');
		buf_addu(b, s->v[i].lo);
		if (s->v[i].hi != s->v[i].lo) {
			buf_addc(b, ':');
			buf_addu(b, s->v[i].hi);
		}
	}
}

void imap_set_both(struct arena *a, const struct imap_set *x, const struct imap_set *y, struct imap_set *out)
{
	*out = (struct imap_set){0};
	for (size_t i = 0, k = 0; i < x->n && k < y->n;) {
		uint32_t lo = x->v[i].lo > y->v[k].lo ? x->v[i].lo : y->v[k].lo;
		uint32_t hi = x->v[i].hi < y->v[k].hi ? x->v[i].hi : y->v[k].hi;

		if (lo <= hi) {
			imap_set_add(a, out, lo);
			out->v[out->n - 1].hi = hi;
		}
		if (x->v[i].hi < y->v[k].hi)
			i++;
		else
			k++;
	}
}

void imap_set_clip(struct imap_set *s, uint32_t lo, uint32_t hi)
{
	size_t to = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct imap_range r = s->v[i];

		r.lo = r.lo < lo ? lo : r.lo;
		r.hi = r.hi > hi ? hi : r.hi;
		if (r.lo <= r.hi)
			s->v[to++] = r;
	}
	s->n = to;
}

struct imap_set_iter imap_set_iter(const struct imap_set *s)
{
	return (struct imap_set_iter){s, 0, s->n ? s->v[0].lo : 0};
}

bool imap_set_next(struct imap_set_iter *it, uint32_t *out)
{
	if (it->at >= it->set->n)
		return false;
	*out = (uint32_t)it->next++;
	if (it->next > it->set->v[it->at].hi && ++it->at < it->set->n)
		it->next = it->set->v[it->at].lo;
	return true;
}

bool imap_partial_parse(struct span s, struct imap_partial *out)
{
	struct span left = span_cut(&s, ':');
	uint64_t a, b;

	out->from_end = scan_char(&left, '-');
	if (out->from_end && !scan_char(&s, '-'))
		return false;
	if (!span_num(left, &a, 1, UINT32_MAX) || !span_num(s, &b, 1, UINT32_MAX))
		return false;
	out->lo = (uint32_t)(a < b ? a : b);
	out->hi = (uint32_t)(a < b ? b : a);
	return true;
}

void imap_partial_bounds(const struct imap_partial *p, size_t n, size_t *lo_out, size_t *hi_out)
{
	size_t hi = p->hi;

	*lo_out = p->lo;
	if (p->from_end) {
		*lo_out = n > p->hi ? n - p->hi + 1 : 1;
		hi = n >= p->lo ? n - p->lo + 1 : 0;
	}
	*hi_out = hi < n ? hi : n;
}

void imap_partial_cut(struct arena *a, const struct imap_set *s, const struct imap_partial *p, struct imap_set *out)
{
	size_t lo, hi, at = 0;

	imap_partial_bounds(p, imap_set_count(s), &lo, &hi);
	*out = (struct imap_set){0};
	for (size_t i = 0; i < s->n && at < hi; i++) {
		uint64_t len = (uint64_t)s->v[i].hi - s->v[i].lo + 1, from = lo > at ? lo - at - 1 : 0;
		uint64_t to = hi - at < len ? hi - at : len;

		if (from < to) {
			imap_set_add(a, out, s->v[i].lo + (uint32_t)from);
			out->v[out->n - 1].hi = s->v[i].lo + (uint32_t)(to - 1);
		}
		at += len;
	}
}
