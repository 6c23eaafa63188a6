/* mime_print.h - inside codec/mime: IMAP text of envelopes and structures from the parsed tree.
 *
 * Used once per message by mime_summary_build. Strings are quoted strings without CR, LF, NUL, cut at
 * MIME_SUMMARY_STRING_MAX; octets above 127 only with utf8, else encoded words. Source: RFC 9051
 * sections 7.5.2 and 9 (envelope, body). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/mime/mime_envelope.h"
#include "codec/mime/mime_parse.h"

struct mime_print {
	struct arena *a;
	struct buf *b;
	struct span message;
	bool utf8, extended;    /* extended: BODYSTRUCTURE */
};
void mime_print_envelope(struct mime_print *p, const struct mime_envelope *env);
void mime_print_body(struct mime_print *p, const struct mime_part *part);
