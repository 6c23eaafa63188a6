#include "codec/mime/mime_fold.h"
#include "codec/mime/mime_charset.h"
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

static struct span fold_ascii(struct arena *a, struct span text)
{
	char *to = arena_alloc(a, text.n + 1);

	for (size_t i = 0; i < text.n; i++)
		to[i] = ascii_lower(text.p[i]);
	return (struct span){ to, text.n };
}

struct span mime_fold(struct arena *a, struct span text)
{
	UErrorCode st = U_ZERO_ERROR;
	const UNormalizer2 *nf;
	int32_t n16 = 0, folded = 0, n8 = 0;
	size_t cap;
	UChar *in, *out;
	char *to;

	if (mime_ascii(text))
		return fold_ascii(a, text);
	if (text.n > INT32_MAX / 8)
		text.n = INT32_MAX / 8;
	nf = unorm2_getNFKCCasefoldInstance(&st);
	in = ARENA_ARRAY(a, UChar, text.n + 1);
	u_strFromUTF8WithSub(in, (int32_t)text.n + 1, &n16, text.p, (int32_t)text.n, 0xFFFD, NULL, &st);
	cap = (size_t)n16 * 2 + 32;
	out = ARENA_ARRAY(a, UChar, cap);
	folded = unorm2_normalize(nf, in, n16, out, (int32_t)cap, &st);
	if (st == U_BUFFER_OVERFLOW_ERROR) {
		st = U_ZERO_ERROR;
		cap = (size_t)folded + 1;
		out = ARENA_ARRAY(a, UChar, cap);
		folded = unorm2_normalize(nf, in, n16, out, (int32_t)cap, &st);
	}
	to = arena_alloc(a, (size_t)folded * 3 + 1);
	u_strToUTF8WithSub(to, folded * 3 + 1, &n8, out, folded, 0xFFFD, NULL, &st);
	if (U_FAILURE(st))
		return fold_ascii(a, text);
	return (struct span){ to, (size_t)n8 };
}

bool mime_fold_contains(struct span folded_text, struct span folded_needle)
{
	if (!folded_needle.n)
		return true;
	return folded_text.n && memmem(folded_text.p, folded_text.n, folded_needle.p, folded_needle.n);
}
