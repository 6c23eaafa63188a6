/* import.c - kontor mail import ACCOUNT SOURCE. */
#include "main/import.h"
#include "main/cli.h"

/* What core needs to know: no passwords of other servers. */
static json_t *for_core(json_t *args)
{
	static const char *const names[] = { "account", "source", "into", "over-quota", "again" };
	json_t *out = json_object(), *v;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if ((v = json_object_get(args, names[i])))
			json_object_set(out, names[i], v);
	return out;
}

json_t *cli_import(const char *state, json_t *args)
{
	const char *source = json_string_value(json_object_get(args, "source"));
	json_t *few = for_core(args), *reply;
	struct mover m;

	mover_begin(&m, state, few);
	m.wishes = args;
	if (import_is_imap(source))
		import_imap(&m, source);
	else
		import_files(&m, source);
	reply = mover_end(&m, NULL);
	json_decref(few);
	return reply;
}
