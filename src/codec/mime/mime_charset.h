/* mime_charset.h - any charset to UTF-8.
 *
 * Never fails: an unknown label, or "us-ascii"/"utf-8" that is not, is read as UTF-8 if valid, else as
 * windows-1252. Malformed sequences give U+FFFD. Output at most `max` octets. Converters are cached per
 * thread (8). Not good for: EBCDIC line ends, guessing of undeclared charsets. */
#pragma once
#include "base/arena.h"

struct span mime_charset_utf8(struct arena *a, struct span text, struct span label, size_t max);
bool mime_charset_known(struct span label);   /* SEARCH CHARSET */
bool mime_utf8_valid(struct span text);
bool mime_ascii(struct span text);            /* all octets below 128 */
