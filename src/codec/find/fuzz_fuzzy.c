/* First octet: how long the needle is; the rest is a text. Scores are in range, do not change with another look, and a text
 * without any piece of a word does not fit. */
#include <assert.h>
#include <string.h>
#include "codec/find/fuzzy.h"
#include "codec/mime/mime_fold.h"

static bool has_pieces(const struct fuzzy *f, struct span text)
{
	for (size_t k = 0; k < f->n; k++) {
		bool any = false;

		for (size_t i = 0; i < f->v[k].n_pieces; i++) {
			assert(f->v[k].piece[i].n);
			any |= memmem(text.p, text.n, f->v[k].piece[i].p, f->v[k].piece[i].n) != NULL;
		}
		if (!any)
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p, n), text;
	struct fuzzy_tally t = { { 0 }, 0 }, again = { { 0 }, 0 };
	struct fuzzy f;
	size_t len;

	if (!n)
		return 0;
	len = p[0] < n - 1 ? p[0] : n - 1;
	text = mime_fold(a, span_from(in, 1 + len));
	if (fuzzy_parse(a, mime_fold(a, span_sub(in, 1, len)), &f, NULL) < 0)
		return 0;
	fuzzy_look(&f, text, 70, &t);
	assert(fuzzy_score(&f, &t) <= 70);
	assert(!fuzzy_score(&f, &t) || has_pieces(&f, text));
	again = t;
	fuzzy_look(&f, text, 70, &again);
	assert(!memcmp(&t, &again, sizeof(t)));
	return 0;
}
