#include "domain/mail/uid_set.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct run {                      /* uids lo..hi; `before` of them come in earlier runs */
	uint32_t lo, hi, before;
};
struct uid_set {
	atomic_uint refs;
	size_t n, cap;
	struct run *v;
};

struct uid_set *uid_set_new(void)
{
	struct uid_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	atomic_init(&s->refs, 1);
	return s;
}

struct uid_set *uid_set_ref(const struct uid_set *s)
{
	struct uid_set *w = (struct uid_set *)(uintptr_t)s;

	atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	return w;
}

void uid_set_unref(const struct uid_set *s)
{
	struct uid_set *w = (struct uid_set *)(uintptr_t)s;

	if (!s || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(w->v);
	free(w);
}

void uid_set_add_range(struct uid_set *s, uint32_t lo, uint32_t hi)
{
	struct run *last = s->n ? &s->v[s->n - 1] : NULL;

	assert(lo <= hi && (!last || lo > last->hi));
	if (last && lo == last->hi + 1) {
		last->hi = hi;
		return;
	}
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1;
		s->v = realloc(s->v, s->cap * sizeof(*s->v));
		if (!s->v)
			abort();
		last = s->n ? &s->v[s->n - 1] : NULL;
	}
	s->v[s->n++] = (struct run){ lo, hi, last ? last->before + (last->hi - last->lo + 1) : 0 };
}

uint32_t uid_set_count(const struct uid_set *s)
{
	const struct run *r = s->n ? &s->v[s->n - 1] : NULL;

	return r ? r->before + (r->hi - r->lo + 1) : 0;
}

uint32_t uid_set_max(const struct uid_set *s)
{
	return s->n ? s->v[s->n - 1].hi : 0;
}

uint32_t uid_set_uid(const struct uid_set *s, uint32_t seq)
{
	size_t lo = 0, hi = s->n;

	if (seq == 0 || seq > uid_set_count(s))
		return 0;
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;

		if (s->v[mid].before < seq)
			lo = mid;
		else
			hi = mid;
	}
	return s->v[lo].lo + (seq - 1 - s->v[lo].before);
}

uint32_t uid_set_seq_at_or_after(const struct uid_set *s, uint32_t uid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) { /* first run that ends at or after uid */
		size_t mid = (lo + hi) / 2;

		if (s->v[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->n)
		return 0;
	return s->v[lo].before + 1 + (uid > s->v[lo].lo ? uid - s->v[lo].lo : 0);
}

uint32_t uid_set_seq(const struct uid_set *s, uint32_t uid)
{
	uint32_t seq = uid_set_seq_at_or_after(s, uid);

	return seq && uid_set_uid(s, seq) == uid ? seq : 0;
}

struct uid_set *uid_set_changed(const struct uid_set *s, const struct imap_set *gone, const struct imap_set *more)
{
	struct uid_set *out = uid_set_new();
	size_t g = 0;

	for (size_t i = 0; i < s->n; i++) {
		uint32_t lo = s->v[i].lo, hi = s->v[i].hi;
		bool rest = true;

		while (g < gone->n && gone->v[g].hi < lo)
			g++;
		for (size_t k = g; k < gone->n && gone->v[k].lo <= hi && rest; k++) {
			if (gone->v[k].lo > lo)
				uid_set_add_range(out, lo, gone->v[k].lo - 1);
			rest = gone->v[k].hi < hi;
			if (rest && gone->v[k].hi >= lo)
				lo = gone->v[k].hi + 1;
		}
		if (rest)
			uid_set_add_range(out, lo, hi);
	}
	for (size_t i = 0; i < more->n; i++)
		uid_set_add_range(out, more->v[i].lo, more->v[i].hi);
	return out;
}

/* imap_set has single numbers only in its interface; ranges are appended here, neighbours joined. */
static void put_range(struct arena *a, struct imap_set *out, uint32_t lo, uint32_t hi)
{
	imap_set_add(a, out, lo);
	out->v[out->n - 1].hi = hi;
}

void uid_set_from_seqs(struct arena *a, const struct uid_set *s, const struct imap_set *seqs, struct imap_set *out)
{
	uint32_t count = uid_set_count(s);

	*out = (struct imap_set){ 0 };
	for (size_t i = 0; i < seqs->n; i++) {
		uint32_t seq = seqs->v[i].lo, last = seqs->v[i].hi < count ? seqs->v[i].hi : count;

		while (seq && seq <= last) {
			uint32_t lo = uid_set_uid(s, seq), hi = uid_set_uid(s, last);

			if (hi - lo != last - seq) { /* a gap inside: take this run only */
				size_t k = 0, n = s->n;

				while (n - k > 1) {
					size_t mid = (k + n) / 2;

					if (s->v[mid].lo <= lo)
						k = mid;
					else
						n = mid;
				}
				hi = s->v[k].hi;
			}
			put_range(a, out, lo, hi);
			seq += hi - lo + 1;
		}
	}
}

void uid_set_existing(struct arena *a, const struct uid_set *s, const struct imap_set *uids, struct imap_set *out)
{
	size_t i = 0, k = 0;

	*out = (struct imap_set){ 0 };
	while (i < s->n && k < uids->n) {
		uint32_t lo = s->v[i].lo > uids->v[k].lo ? s->v[i].lo : uids->v[k].lo;
		uint32_t hi = s->v[i].hi < uids->v[k].hi ? s->v[i].hi : uids->v[k].hi;

		if (lo <= hi)
			put_range(a, out, lo, hi);
		if (s->v[i].hi < uids->v[k].hi)
			i++;
		else
			k++;
	}
}

void uid_set_all(struct arena *a, const struct uid_set *s, struct imap_set *out)
{
	*out = (struct imap_set){ 0 };
	for (size_t i = 0; i < s->n; i++)
		put_range(a, out, s->v[i].lo, s->v[i].hi);
}
