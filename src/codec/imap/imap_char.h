/* imap_char.h - inside codec/imap: which bytes may stand where.
 *
 * Source: RFC 9051 section 9 (ATOM-CHAR, ASTRING-CHAR, tag). Not good for: UTF-8, which is legal
 * inside quoted strings only (imap_utf8_valid). */
#pragma once
#include "base/span.h"

#define IMAP_TAG_MAX 128

/* atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / "]" */
static inline bool imap_is_atom(char c)
{
	return c > ' ' && c < 0x7f && c != '(' && c != ')' && c != '{' && c != '%' && c != '*' &&
	       c != '"' && c != '\\' && c != ']';
}

static inline bool imap_is_astring(char c)
{
	return imap_is_atom(c) || c == ']';
}

/* tag = 1*<any ASTRING-CHAR except "+">; at most IMAP_TAG_MAX bytes, followed by SP or the end */
static inline bool imap_tag_scan(struct span *in, struct span *tag_out)
{
	size_t i = 0;

	while (i < in->n && i <= IMAP_TAG_MAX && imap_is_astring(in->p[i]) && in->p[i] != '+')
		i++;
	if (!i || i > IMAP_TAG_MAX || (i < in->n && in->p[i] != ' '))
		return false;
	*tag_out = span_sub(*in, 0, i);
	*in = span_from(*in, i);
	return true;
}
