/* import.c - kontor mail import ACCOUNT SOURCE. */
#include "main/import.h"
#include "main/cli.h"

json_t *cli_import(const char *state, json_t *args)
{
	struct mover m;

	mover_begin(&m, state, args);
	import_files(&m, json_string_value(json_object_get(args, "source")));
	return mover_end(&m, NULL);
}
