#include "main/i18n.h"
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef KONTOR_LOCALEDIR
#define KONTOR_LOCALEDIR "/usr/share/locale"
#endif

/* LANG=de_DE.UTF-8 on a machine that has only C.UTF-8: keep the language, forget the rest. */
static void lend_locale(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *want = NULL;

	for (size_t i = 0; i < 3 && (!want || !*want); i++)
		want = getenv(names[i]);
	if (!setlocale(LC_ALL, "C.UTF-8") || !want || !*want)
		return;
	if (strncmp(want, "C", 1) != 0 && strcmp(want, "POSIX") != 0)
		setenv("LANGUAGE", want, 0);
}

/* Run from the build tree, the catalogues are beside the program (or above src/main). */
static const char *directory(char *out, size_t n)
{
	static const char *const places[] = { "po", "../po", "../../po" };
	char exe[PATH_MAX], probe[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (len <= 0)
		return KONTOR_LOCALEDIR;
	exe[len] = 0;
	slash = strrchr(exe, '/');
	if (slash)
		*slash = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(out, n, "%s/%s", exe, places[i]);
		if (snprintf(probe, sizeof(probe), "%s/de/LC_MESSAGES/kontor.mo", out) < (int)sizeof(probe) &&
			access(probe, R_OK) == 0)
			return out;
	}
	return KONTOR_LOCALEDIR;
}

void i18n_init(void)
{
	char path[PATH_MAX + 16];

	if (!setlocale(LC_ALL, ""))
		lend_locale();
	bindtextdomain("kontor", directory(path, sizeof(path)));
	bind_textdomain_codeset("kontor", "UTF-8");
	textdomain("kontor");
}
