/* i18n.h - English texts are the message ids; gettext gives the reader's language (domain "kontor", po/).
 *
 * Texts of errors cross processes as English constants and are translated where a person reads them: _(e.say).
 * Not good for: protocol replies and logs, which stay English. */
#pragma once
#include <libintl.h>

#define _(text) gettext(text)
#define N_(text) text

/* Locale from the environment (also when the system lacks it), catalogues of the installation or the build. */
void i18n_init(void);
