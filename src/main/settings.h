/* settings.h - DIR/kontor.conf: what must be known before the store opens.
 *
 * Lines "name = value", '#' begins a comment. Unknown names and bad numbers are errors that name the line.
 * Ownership: all in the given arena. Errors: ERR_MISSING (no file), ERR_SYNTAX. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SETTING_LIST_MAX 64

struct setting_list {
	const char *v[SETTING_LIST_MAX];
	size_t n;
};
typedef const char *setting_TEXT;
typedef const char *setting_PLACE;
typedef uint64_t setting_NUMBER;
typedef struct setting_list setting_LIST;

struct settings {
#define SETTING(name, kind, fallback, help) setting_##kind name;
#include "main/settings.def"
#undef SETTING
};

int settings_read(struct arena *a, int dirfd, struct settings *out, struct err *e);
/* One setting from the command line, replacing what the file said. */
int settings_set(struct arena *a, struct settings *s, struct span name, struct span value, struct err *e);
/* The text of a fresh kontor.conf with every setting explained and commented out. */
void settings_template(struct buf *out);
