/* arena.h - memory by lifetime: everything a command (session, process) allocates dies at once.
 *
 * Ownership: the arena owns all it hands out; callers never free. Allocation does not fail (out of
 * memory aborts), so bound the input before you allocate for it. Not thread-safe: one arena belongs to
 * one command. Not good for: outside resources (descriptors, statements) - release those by scope; secrets
 * that stay (those that pass: arena_wipe). */
#pragma once
#include "base/span.h"

struct arena;

struct arena *arena_new(void);
void arena_reset(struct arena *a);                 /* forget all, keep the first block */
void arena_wipe(struct arena *a);                  /* the same, and what was in it is overwritten */
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t n);      /* zeroed, 16-byte aligned */
void *arena_dup(struct arena *a, const void *p, size_t n);
struct span arena_span(struct arena *a, struct span s);       /* copy */
char *arena_strz(struct arena *a, struct span s);             /* copy with a NUL, for libraries */
struct span arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), sizeof(type), (count)))
void *arena_array(struct arena *a, size_t size, size_t count);   /* overflow-checked */

static inline void arena_cleanup(struct arena **a)
{
	if (*a)
		arena_free(*a);
}
#define SCOPED_ARENA __attribute__((cleanup(arena_cleanup))) struct arena *
