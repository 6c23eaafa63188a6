/* kontor status: what core says; the command line adds the processes (main/cli_status.c). */
#include "domain/mail/hold.h"
#include "domain/mail/queue.h"
#include "proto/control/control_int.h"

struct counts {
	uint64_t queue[5], held_accounts;
};

static int read_counts(struct tx *tx, void *arg, struct err *e)
{
	struct counts *n = arg;

	return queue_count(tx, n->queue, e) < 0 || hold_count(tx, &n->held_accounts, e) < 0 ? e->code : 0;
}

static int status(struct control *c, struct tx *tx, struct err *e)
{
	static const char *const seals[] = { "sealed", "open", "empty" };
	static const char *const states[] = { NULL, "waiting", "sending", "held", "shunted" };
	const struct house *house = c->call->house;
	struct vault_status v;
	struct counts counts;
	json_t *queue;
	int rc;

	(void)tx;
	json_object_set_new(c->result, "version", json_string(KONTOR_VERSION));
	rc = vault_status(org_vault(c->org), &v, NULL);
	json_object_set_new(c->result, "seal", json_string(rc == 0 ? seals[v.state] : "unknown"));
	if (house->sessions)
		control_put_int(c->result, "sessions", house->sessions(house));
	rc = store_read(house->store, read_counts, &counts, e);
	if (rc < 0)
		return rc;
	queue = json_object();
	for (int i = QUEUE_READY; i <= QUEUE_SHUNTED; i++)
		control_put_int(queue, states[i], counts.queue[i]);
	json_object_set_new(c->result, "queue", queue);
	control_put_int(c->result, "held_accounts", counts.held_accounts);
	return 0;
}

static const struct control_command commands[] = {
	{ "", N_("show the processes, whether the house is open, sessions and waiting mail"), CONTROL_ALWAYS, status,
		{ { 0 } } },
};
CONTROL_NOUN(status, "status", N_("how the server is"));
