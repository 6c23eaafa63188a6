#include "proto/control/control.h"
#include <string.h>

#define NOUN(id) extern const struct control_noun noun_##id;
#include "proto/control/control.def"
#undef NOUN

const struct control_noun *const control_nouns[] = {
#define NOUN(id) &noun_##id,
#include "proto/control/control.def"
#undef NOUN
	NULL
};

const struct control_noun *control_find_noun(const char *name)
{
	for (const struct control_noun *const *n = control_nouns; *n; n++)
		if (strcmp((*n)->name, name) == 0)
			return *n;
	return NULL;
}

const struct control_command *control_find_command(const struct control_noun *noun, const char *verb)
{
	for (size_t i = 0; i < noun->n; i++)
		if (strcmp(noun->commands[i].verb, verb) == 0)
			return &noun->commands[i];
	return NULL;
}
