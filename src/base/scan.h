/* scan.h - cut bounded pieces off the front of a span; the only way kontor parses by hand.
 *
 * Every function takes the rest to read (*in), advances it on success only, and returns true/false.
 * Not good for: numbers with sign or fraction. */
#pragma once
#include "base/span.h"

bool scan_char(struct span *in, char c);
bool scan_lit(struct span *in, struct span lit);             /* exact */
bool scan_ilit(struct span *in, struct span lit);            /* ASCII case folded */
bool scan_num(struct span *in, uint64_t *out, uint64_t min, uint64_t max);  /* 1+ digits, no sign */
bool scan_num2(struct span *in, unsigned *out);              /* exactly two digits */
bool scan_while(struct span *in, struct span *out, bool (*ok)(char), size_t min, size_t max);
bool scan_until(struct span *in, struct span *out, char stop, size_t max);  /* stop not consumed, must exist */
void scan_blanks(struct span *in);                           /* SP and HTAB */
bool scan_hex(struct span s, uint8_t *out, size_t out_len);  /* exactly 2*out_len hex digits */
/* The whole span must be one decimal number in range. */
bool span_num(struct span s, uint64_t *out, uint64_t min, uint64_t max);
