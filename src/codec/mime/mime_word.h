/* mime_word.h - encoded words in header text.
 *
 * Decoding never fails: what is malformed stays as it is; bytes outside encoded words that are no
 * UTF-8 are read as windows-1252. Results are UTF-8 in the arena. Source: RFC 2047, RFC 2231 (language
 * tags). Not good for: structured fields as a whole (parse addresses first). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct span mime_word_decode(struct arena *a, struct span text);
/* Appends text (UTF-8) as it is when printable ASCII without "=?", else as encoded words of at most
 * 75 octets separated by blanks. `phrase`: the result must stand as a display name (quotes if needed). */
void mime_word_encode(struct buf *b, struct span text, bool phrase);
