/* script_text.h - tests: the lines of conversation files. "<<3 ab>>" stands for "ababab", "<#" in it for the
 * number (1, 2, 3); in what is expected
 * "{{regex}}" stands for what fits, all else for itself. NULL spans and negative results: the script is wrong. */
#pragma once
#include "base/arena.h"

struct span script_expand(struct arena *a, struct span in);
int script_fits(struct arena *a, struct span want, struct span line);    /* 1, 0, <0 bad pattern */
/* \r \n \0 \\ and \xHH are octets. */
struct span script_unescape(struct arena *a, struct span in);
