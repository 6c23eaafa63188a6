/* kontor seal ... : is the master key in the vault's memory? All of it works while it is not. */
#include "proto/control/control_int.h"

static const char *mode_name(uint8_t mode)
{
	return mode == 'k' ? "key file" : mode == 'p' ? "passphrase" : mode == 's' ? "shares" : "none";
}

static void put_status(struct control *c, const struct vault_status *s)
{
	static const char *const names[] = { "sealed", "open", "empty" };

	json_object_set_new(c->result, "seal", json_string(names[s->state]));
	json_object_set_new(c->result, "opened_by", json_string(mode_name(s->mode)));
	if (s->mode == 's') {
		control_put_int(c->result, "shares_needed", s->need);
		control_put_int(c->result, "shares_given", s->state == VAULT_SEALED ? s->have : 0);
		control_put_int(c->result, "shares_in_all", s->total);
	}
}

static int status(struct control *c, struct tx *tx, struct err *e)
{
	struct vault_status s;
	int rc = vault_status(org_vault(c->org), &s, e);

	(void)tx;
	if (rc == 0)
		put_status(c, &s);
	return rc;
}

static int open_it(struct control *c, struct tx *tx, struct err *e)
{
	struct span secret = control_text(c, control_has(c, "share") ? "share" : "passphrase");
	struct vault_status before, s;
	int rc;

	(void)tx;
	if ((rc = vault_status(org_vault(c->org), &before, e)) < 0)
		return rc;
	if (before.state == VAULT_SEALED && before.mode != 'k' && !secret.n)
		return err_set(e, ERR_PARAM, before.mode == 's' ? N_("A share is needed: --share-file") :
			N_("The passphrase is needed: --passphrase-file"), "nothing given");
	if ((rc = vault_open(org_vault(c->org), secret, &s, e)) < 0)
		return rc;
	if (s.state == VAULT_SEALED && before.state == VAULT_SEALED && s.have == before.have)
		return err_set(e, ERR_EXISTS, N_("This share was given before"), "%u of %u shares", s.have, s.need);
	put_status(c, &s);
	return 0;
}

static int close_it(struct control *c, struct tx *tx, struct err *e)
{
	int rc = vault_seal(org_vault(c->org), e);

	if (rc < 0)
		return rc;
	org_forget(c->org);
	return status(c, tx, e);
}

/* The master key stays the same, locked up in a new way. */
static int shares(struct control *c, struct tx *tx, struct err *e)
{
	struct span lines[VAULT_SHARES_MAX] = { 0 };
	json_t *list = json_array();
	uint64_t need, total;
	int rc;

	(void)tx;
	control_result(c, list);
	if ((rc = control_number(c, "need", 0, VAULT_SHARES_MAX, &need, e)) < 0 ||
		(rc = control_number(c, "total", 0, VAULT_SHARES_MAX, &total, e)) < 0)
		return rc;
	if (need < 2 || total < need)
		return err_set(e, ERR_PARAM, N_("At least two shares must be needed, and not more than there are"),
			"%u of %u shares", (unsigned)need, (unsigned)total);
	rc = vault_rewrap(org_vault(c->org), c->arena, 's', SPAN_NONE, (unsigned)need, (unsigned)total, lines, e);
	for (size_t i = 0; i < total && rc == 0; i++)
		json_array_append_new(list, control_span(lines[i]));
	return rc;
}

static const struct control_command commands[] = {
	{ "status", N_("is the house open, and what opens it"), CONTROL_ALWAYS, status, { { 0 } } },
	{ "open", N_("give the passphrase or one share; with a key file nothing is needed"), CONTROL_ALWAYS, open_it, {
		{ "passphrase", ARG_SECRET, 0, N_("file with the passphrase on its first line, or -") },
		{ "share", ARG_SECRET, 0, N_("file with one share on its first line, or -") } } },
	{ "close", N_("forget all keys: nobody gets at anything until it is opened again"), CONTROL_ALWAYS, close_it,
		{ { 0 } } },
	{ "shares", N_("replace what opens the house by new shares, printed once; old ones are worth nothing"),
		CONTROL_ALWAYS, shares, {
		{ "need", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("how many of them open it") },
		{ "total", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("how many there are") } } },
};
CONTROL_NOUN(seal, "seal", N_("open and close the house"));
