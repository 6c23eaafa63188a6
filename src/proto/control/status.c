/* kontor status - what core knows; the command line adds the table of processes (DIR/run/status). */
#include "domain/mail/queue.h"
#include "proto/control/control_int.h"

static int count(struct tx *tx, void *arg, struct err *e)
{
	return queue_count(tx, arg, e);
}

static int status(struct control *c, struct tx *tx, struct err *e)
{
	static const char *const names[] = { NULL, "queue_ready", "queue_leased", "queue_held", "queue_shunted" };
	uint64_t counts[5] = { 0 };

	(void)tx;
	json_object_set_new(c->result, "hostname", json_string(c->call->house->hostname));
	json_object_set_new(c->result, "state", json_string(org_is_open(c->org) ? "open" : "sealed"));
	if (store_read(c->call->house->store, count, counts, e) < 0)
		return e->code;
	for (int i = 1; i < 5; i++)
		control_put_int(c->result, names[i], counts[i]);
	return 0;
}

static const struct control_command commands[] = {
	{ "", N_("what runs, and how it is"), CONTROL_FREE, status, { { 0 } } },
};
CONTROL_NOUN(status, "status", N_("the processes and the house at a glance"));
