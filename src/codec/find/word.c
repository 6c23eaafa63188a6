#include "codec/find/word.h"
#include <string.h>

static bool in_word(char c, bool address)
{
	return (unsigned char)c > 127 || ascii_alpha(c) || ascii_digit(c) ||
		(address && (c == '@' || c == '.' || c == '-' || c == '_' || c == '+'));
}

bool word_inside(struct span needle, bool address)
{
	for (size_t i = 0; i < needle.n; i++)
		if (!in_word(needle.p[i], address))
			return false;
	return needle.n && needle.n <= WORD_NEEDLE_MAX;
}

bool word_next(struct word_cut *w, struct span *out)
{
	if (!w->run.n) {
		size_t from = 0, to;

		while (from < w->rest.n && !in_word(w->rest.p[from], w->address))
			from++;
		for (to = from; to < w->rest.n && in_word(w->rest.p[to], w->address);)
			to++;
		w->run = span_sub(w->rest, from, to - from);
		w->rest = span_from(w->rest, to);
		if (!w->run.n)
			return false;
	}
	*out = span_sub(w->run, 0, WORD_MAX);
	w->run = w->run.n > WORD_MAX ? span_from(w->run, WORD_MAX - WORD_NEEDLE_MAX) : SPAN_NONE;
	return true;
}

bool word_find(struct word_look *l, char place, struct span needle, uint32_t *line_out)
{
	const char *p, *start, *end;

	while (l->rest.n && (p = memmem(l->rest.p, l->rest.n, needle.p, needle.n))) {
		start = l->rest.p;
		for (const char *q = start; q < p; q++)
			if (*q == '\n') {
				l->line++;
				start = q + 1;
			}
		end = memchr(p, '\n', (size_t)(l->rest.p + l->rest.n - p));
		l->rest = end ? span_from(l->rest, (size_t)(end + 1 - l->rest.p)) : SPAN_NONE;
		*line_out = l->line++;
		if (start < p && *start == place)
			return true;
	}
	return false;
}
