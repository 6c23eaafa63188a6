/* span.h - a read-only run of bytes: pointer and length, never NUL-terminated by assumption.
 *
 * Owner: whoever owns the bytes (arena, buffer, literal); a span never frees.
 * Not good for: secrets (secret.h), building text (buf.h). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct span {
	const char *p;
	size_t n;
};

#define SPAN(lit) ((struct span){ "" lit, sizeof(lit) - 1 })
#define SPAN_NONE ((struct span){ NULL, 0 })
#define SPAN_BYTES(ptr, len) ((struct span){ (const char *)(ptr), (len) })
/* printf("%.*s", SPAN_F(s)) */
#define SPAN_F(s) (int)(s).n, (s).p

struct span span_str(const char *z);                  /* from a NUL-terminated string; NULL -> none */
bool span_eq(struct span a, struct span b);
bool span_eqz(struct span a, const char *z);
bool span_ieq(struct span a, struct span b);          /* ASCII case folded */
bool span_ieqz(struct span a, const char *z);
int span_cmp(struct span a, struct span b);           /* bytewise, shorter first on a tie */
bool span_equal_ct(struct span a, struct span b);     /* constant time in the content, for secrets */
bool span_starts(struct span s, struct span prefix);
bool span_istarts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
struct span span_sub(struct span s, size_t from, size_t len);  /* clamped */
struct span span_from(struct span s, size_t from);             /* clamped */
struct span span_trim(struct span s);                 /* blanks, tabs, CR, LF at both ends */
ssize_t span_chr(struct span s, char c);              /* index or -1 */
ssize_t span_rchr(struct span s, char c);
ssize_t span_find(struct span s, struct span needle);  /* index or -1 */
bool span_has_nul(struct span s);
/* Cuts s at the first c: left part returned, s becomes what follows (none when c is absent). */
struct span span_cut(struct span *s, char c);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline char ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
static inline bool ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}
static inline bool ascii_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
