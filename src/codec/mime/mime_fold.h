/* mime_fold.h - text made comparable for searching: NFKC case folding (Unicode), ASCII fast path.
 *
 * "Grüße", "GRÜSSE" and the decomposed forms become the same octets. Input UTF-8 (malformed octets
 * become U+FFFD); result in the arena. Sources: RFC 5051 in spirit, Unicode NFKC_Casefold. Not good
 * for: sorting, passwords. */
#pragma once
#include "base/arena.h"

struct span mime_fold(struct arena *a, struct span text);
/* Both already folded. An empty needle matches. */
bool mime_fold_contains(struct span folded_text, struct span folded_needle);
