#include "codec/find/fuzzy.h"
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#define WORD_MAX 64             /* octets; longer words of a text are only looked into */
#define PIECE_MIN 3             /* what an index knows */

static bool in_word(UChar32 c)
{
	return c >= 0 && (c < 0x80 ? ascii_alpha((char)c) || ascii_digit((char)c)
				   : (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK)) != 0);
}

/* The letter under accents. */
static UChar32 letter(UChar32 c)
{
	UErrorCode st = U_ZERO_ERROR;
	UChar u[32];
	int32_t n, i = 0;
	UChar32 base, mark;

	if (c < 0x80)
		return c;
	switch (c) {
	case 0xe6: return 'a';
	case 0xf8: case 0x153: return 'o';
	}
	n = unorm2_getDecomposition(unorm2_getNFDInstance(&st), c, u, 32, &st);
	if (U_FAILURE(st) || n < 2)
		return c;
	U16_NEXT(u, i, n, base);
	while (i < n) {
		U16_NEXT(u, i, n, mark);
		if (u_charType(mark) != U_NON_SPACING_MARK)
			return c;
	}
	return base;
}

/* Never longer than `in`. "ae", "oe", "ue" become one letter, as "ä", "ö", "ü" do. */
static size_t make_bare(struct span in, char *out)
{
	int32_t at = 0, to = 0, len = (int32_t)in.n;
	UChar32 c, last = 0;

	while (at < len) {
		U8_NEXT(in.p, at, len, c);
		if (c < 0)
			c = '?';
		if (c == 'e' && (last == 'a' || last == 'o' || last == 'u')) {
			last = 0;
			continue;
		}
		last = c;
		c = letter(c);
		U8_APPEND_UNSAFE(out, to, c);
	}
	return (size_t)to;
}

static struct span cut_ending(struct span s)
{
	static const char *const endings[] = { "ern", "ing", "em", "en", "er", "es", "ed", "e", "s", "n" };

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t n = strlen(endings[i]);

		if (s.n >= n + 4 && !memcmp(s.p + s.n - n, endings[i], n))
			return span_sub(s, 0, s.n - n);
	}
	return s;
}

/* "meetings" has two. */
static struct span stem_of(struct span s)
{
	return cut_ending(cut_ending(s));
}

static const struct { struct span digraph, umlaut; } umlauts[] = {
	{ SPAN("ae"), SPAN("\xc3\xa4") }, { SPAN("oe"), SPAN("\xc3\xb6") }, { SPAN("ue"), SPAN("\xc3\xbc") } };

/* Both have two octets. */
static struct span respelled(struct arena *a, struct span word, bool with_umlauts)
{
	char *to = arena_alloc(a, word.n + 1);

	memcpy(to, word.p, word.n);
	for (size_t i = 0; i + 1 < word.n; i++) {
		for (size_t k = 0; k < 3; k++) {
			struct span from = with_umlauts ? umlauts[k].digraph : umlauts[k].umlaut;

			if (!memcmp(word.p + i, from.p, 2))
				memcpy(to + i, (with_umlauts ? umlauts[k].umlaut : umlauts[k].digraph).p, 2);
		}
	}
	return (struct span){ to, word.n };
}

static void piece_add(struct fuzzy_word *w, struct span piece)
{
	for (size_t i = 0; i < w->n_pieces; i++)
		if (span_eq(w->piece[i], piece))
			return;
	if (w->n_pieces < FUZZY_PIECES)
		w->piece[w->n_pieces++] = piece;
}

static void halves_add(struct fuzzy_word *w, struct span s)
{
	size_t half = s.n / 2 > PIECE_MIN ? s.n / 2 : PIECE_MIN;

	if (s.n <= PIECE_MIN) {
		piece_add(w, s);
		return;
	}
	piece_add(w, span_sub(s, 0, half));
	half = s.n - s.n / 2 > PIECE_MIN ? s.n - s.n / 2 : PIECE_MIN;
	piece_add(w, span_from(s, s.n - half));
}

static void pieces_add(struct fuzzy_word *w, struct span form)
{
	halves_add(w, stem_of(form));
	halves_add(w, form);
}

static void word_make(struct arena *a, struct span word, struct fuzzy_word *w)
{
	char *bare = arena_alloc(a, word.n + 1);

	*w = (struct fuzzy_word){ .word = word };
	w->bare = (struct span){ bare, make_bare(word, bare) };
	w->stem = stem_of(w->bare);
	pieces_add(w, word);
	pieces_add(w, respelled(a, word, true));
	pieces_add(w, respelled(a, word, false));
	pieces_add(w, w->bare);
}

static bool next_word(struct span in, int32_t *at, struct span *out)
{
	int32_t len = (int32_t)in.n, start = *at, end;
	UChar32 c = -1;

	while (start < len) {
		end = start;
		U8_NEXT(in.p, end, len, c);
		if (in_word(c))
			break;
		start = end;
	}
	if (start >= len)
		return false;
	for (*at = end = start; *at < len; end = *at) {
		U8_NEXT(in.p, *at, len, c);
		if (!in_word(c))
			break;
	}
	*out = span_sub(in, (size_t)start, (size_t)(end - start));
	return true;
}

int fuzzy_parse(struct arena *a, struct span needle, struct fuzzy *out, struct err *e)
{
	struct span word;
	int32_t at = 0;

	if (needle.n > INT32_MAX / 2)
		return err_set(e, ERR_LIMIT, "Text too long for a fuzzy search", "%zu octets", needle.n);
	*out = (struct fuzzy){ .v = ARENA_ARRAY(a, struct fuzzy_word, FUZZY_WORDS_MAX), .phrase = needle };
	while (next_word(needle, &at, &word)) {
		if (out->n == FUZZY_WORDS_MAX)
			return err_set(e, ERR_LIMIT, "Too many words for a fuzzy search", "over %d", FUZZY_WORDS_MAX);
		word_make(a, word, &out->v[out->n++]);
	}
	return 0;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Octets put in, left out, exchanged, or two neighbours changed over: how many times, or max + 1. Only as far from the
 * diagonal as max. */
static size_t mistakes(struct span a, struct span b, size_t max)
{
	size_t row[3][WORD_MAX + 2], *two = row[0], *one = row[1], *now = row[2], *free;

	if (a.n > b.n + max || b.n > a.n + max)
		return max + 1;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j <= b.n + 1; j++)
			row[i][j] = max + 1;
	for (size_t j = 0; j <= least(max, b.n); j++)
		one[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t lo = i > max ? i - max : 1, hi = least(i + max, b.n), best = max + 1;

		now[lo - 1] = lo == 1 ? i : max + 1;
		for (size_t j = lo; j <= hi; j++) {
			size_t d = least(least(one[j], now[j - 1]) + 1, one[j - 1] + (a.p[i - 1] != b.p[j - 1]));

			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				d = least(d, two[j - 2] + 1);
			now[j] = d;
			best = least(best, d);
		}
		now[hi + 1] = max + 1;
		if (best > max)
			return max + 1;
		free = two;
		two = one;
		one = now;
		now = free;
	}
	return least(one[b.n], max + 1);
}

static bool has_digit(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ascii_digit(s.p[i]))
			return true;
	return false;
}

/* Another number is another thing. */
static unsigned mistaken(const struct fuzzy_word *w, struct span bare, struct span stem)
{
	size_t max = w->bare.n >= 8 ? 2 : 1, n;

	if (w->bare.n < 4 || w->bare.n > WORD_MAX || has_digit(w->bare))
		return 0;
	n = least(mistakes(bare, w->bare, max), mistakes(stem, w->stem, max));
	return n > max ? 0 : n == 1 ? 50 : 30;
}

/* t: a word of a text. */
static unsigned word_fits(const struct fuzzy_word *w, struct span t)
{
	char room[WORD_MAX];
	struct span bare, stem;

	if (span_eq(t, w->word))
		return 100;
	if (t.n > WORD_MAX)
		return w->word.n >= PIECE_MIN && memmem(t.p, t.n, w->word.p, w->word.n) ? 65 : 0;
	bare = (struct span){ room, make_bare(t, room) };
	if (span_eq(bare, w->bare))
		return 95;
	if (w->word.n < PIECE_MIN)
		return 0;
	stem = stem_of(bare);
	if (span_eq(stem, w->stem))
		return 85;
	if (span_starts(bare, w->stem))
		return 75;
	if (memmem(bare.p, bare.n, w->stem.p, w->stem.n))
		return 65;
	return mistaken(w, bare, stem);
}

/* The word around octets lo to hi, not in front of `from`. */
static struct span word_around(struct span text, int32_t from, int32_t lo, int32_t *hi)
{
	const uint8_t *p = (const uint8_t *)text.p;
	int32_t len = (int32_t)text.n, at, end = *hi;
	UChar32 c;

	U8_SET_CP_START(p, from, lo);
	while (lo > from) {
		at = lo;
		U8_PREV(p, from, at, c);
		if (!in_word(c))
			break;
		lo = at;
	}
	U8_SET_CP_START(p, lo, end);
	for (at = end; at < len; end = at) {
		U8_NEXT(p, at, len, c);
		if (!in_word(c))
			break;
	}
	*hi = *hi > end ? *hi : end;
	return span_sub(text, (size_t)lo, (size_t)(end - lo));
}

static unsigned best_for(const struct fuzzy_word *w, struct span piece, struct span text)
{
	int32_t at = 0, hi;
	unsigned best = 0, now;
	const char *p;

	while (best < 100 && (p = memmem(text.p + at, text.n - (size_t)at, piece.p, piece.n))) {
		struct span t;

		hi = (int32_t)(p - text.p) + (int32_t)piece.n;
		t = word_around(text, at, (int32_t)(p - text.p), &hi);
		now = word_fits(w, t);
		best = now > best ? now : best;
		at = hi;
	}
	return best;
}

void fuzzy_look(const struct fuzzy *f, struct span text, unsigned weight, struct fuzzy_tally *t)
{
	if (!text.n || text.n > INT32_MAX / 2)
		return;
	for (size_t k = 0; k < f->n; k++) {
		const struct fuzzy_word *w = &f->v[k];
		unsigned best = 0, now;

		for (size_t i = 0; i < w->n_pieces && best < 100; i++) {
			now = best_for(w, w->piece[i], text);
			best = now > best ? now : best;
		}
		now = best && best * weight < 100 ? 1 : best * weight / 100;
		if (now > t->best[k])
			t->best[k] = (uint8_t)now;
	}
	if (f->n > 1 && weight > t->phrase && memmem(text.p, text.n, f->phrase.p, f->phrase.n))
		t->phrase = (uint8_t)weight;
}

unsigned fuzzy_score(const struct fuzzy *f, const struct fuzzy_tally *t)
{
	unsigned sum = 0;

	for (size_t k = 0; k < f->n; k++) {
		if (!t->best[k])
			return t->phrase;
		sum += t->best[k];
	}
	if (!f->n)
		return 0;
	sum = f->n == 1 ? sum : (unsigned)(sum * 9 / (10 * f->n));
	sum = sum ? sum : 1;
	return sum > t->phrase ? sum : t->phrase;
}
