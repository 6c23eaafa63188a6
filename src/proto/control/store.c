/* kontor store ... */
#include <limits.h>
#include "domain/mail/mail_check.h"
#include "domain/mail/mail_sweep.h"
#include "proto/control/control_int.h"
#include "store/blob.h"

#define SAID_MAX 200

struct said {
	json_t *list;
	size_t more;
};

static void say(void *arg, const char *problem)
{
	struct said *s = arg;

	if (json_array_size(s->list) < SAID_MAX)
		json_array_append_new(s->list, json_string(problem));
	else
		s->more++;
}

static int check(struct control *c, struct tx *tx, struct err *e)
{
	struct said said = { json_array(), 0 };
	uint64_t structure = 0, meaning = 0;

	(void)tx;
	json_object_set_new(c->result, "problems", said.list);
	if (store_check(c->call->house->store, say, &said, &structure, e) < 0)
		return e->code;
	if (org_is_open(c->org) && mail_check(c->org, c->call->house->store, say, &said, &meaning, e) < 0)
		return e->code;
	json_object_set_new(c->result, "mail_opened", json_boolean(org_is_open(c->org)));
	if (structure + meaning == 0)
		return 0;
	return err_set(e, ERR_BROKEN, N_("The store has problems"), "%llu: %s", (unsigned long long)(structure + meaning),
		json_array_size(said.list) ? json_string_value(json_array_get(said.list, 0)) : "");
}

/* What otherwise comes by the clock (later/). */
static int sweep(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t files, keys, messages;

	(void)tx;
	if (org_keys_sweep(c->org, &keys, e) < 0 || mail_sweep_removed(c->call->house->store, UINT_MAX, &messages, e) < 0 ||
		blob_sweep(c->call->house->store, &files, e) < 0)
		return e->code;
	control_put_int(c->result, "keys", keys);
	control_put_int(c->result, "messages", messages);
	control_put_int(c->result, "files", files);
	return 0;
}

static const struct control_command commands[] = {
	{ "check", N_("read everything again: rows, bodies, counters"), CONTROL_ALWAYS, check, { { 0 } } },
	{ "sweep", N_("remove now what is swept every hour: mail of removed accounts, keys and files that nobody needs"),
		CONTROL_FREE, sweep, { { 0 } } },
};
CONTROL_NOUN(store, "store", N_("the store's health"));
