/* kontor seal ... - works while the house is sealed; needs no key itself. */
#include "domain/org/org.h"
#include "proto/control/control_int.h"

static void put_status(struct control *c, const struct vault_status *s)
{
	static const char *const states[] = { "sealed", "open", "empty" };

	json_object_set_new(c->result, "state", json_string(states[s->state]));
	json_object_set_new(c->result, "mode", json_string(s->mode == 'k' ? "key file" : s->mode == 'p' ? "passphrase" : "shares"));
	if (s->mode != 's')
		return;
	control_put_int(c->result, "shares_needed", s->need);
	control_put_int(c->result, "shares_given", s->state == VAULT_OPEN ? s->need : s->have);
	control_put_int(c->result, "shares_made", s->total);
}

static int status(struct control *c, struct tx *tx, struct err *e)
{
	struct vault_status s;

	(void)tx;
	if (vault_status(org_vault(c->org), &s, e) < 0)
		return e->code;
	put_status(c, &s);
	return 0;
}

static int open_house(struct control *c, struct tx *tx, struct err *e)
{
	struct vault_client *v = org_vault(c->org);
	struct vault_status before, s;
	struct span secret = control_text(c, control_has(c, "share") ? "share" : "passphrase");

	(void)tx;
	if (vault_status(v, &before, e) < 0)
		return e->code;
	if (before.state == VAULT_SEALED && !secret.n && before.mode != 'k')
		return err_set(e, ERR_PARAM, N_("A share or the passphrase is needed"), "nothing given");
	if (vault_open(v, secret, &s, e) < 0)
		return e->code;
	if (before.state == VAULT_SEALED && s.state == VAULT_SEALED && s.have == before.have)
		return err_set(e, ERR_EXISTS, N_("This share was given already"), "%u of %u", s.have, s.need);
	if (s.state == VAULT_OPEN)
		org_is_open(c->org);
	put_status(c, &s);
	return 0;
}

static int close_house(struct control *c, struct tx *tx, struct err *e)
{
	struct vault_status s;

	(void)tx;
	if (vault_seal(org_vault(c->org), e) < 0)
		return e->code;
	org_forget(c->org);
	if (c->call->house->sealed)
		c->call->house->sealed(c->call->house);
	if (vault_status(org_vault(c->org), &s, e) < 0)
		return e->code;
	put_status(c, &s);
	return 0;
}

/* Another lock on the same master key; nothing needs to be sealed again. */
static int rewrap(struct control *c, struct tx *tx, struct err *e)
{
	struct span shares[VAULT_SHARES_MAX] = { { 0 } }, pass = control_text(c, "passphrase");
	uint64_t need, total;
	json_t *list = json_array();

	(void)tx;
	json_object_set_new(c->result, "shares", list);
	if (control_number(c, "need", 0, VAULT_SHARES_MAX, &need, e) < 0 || control_number(c, "total", 0, VAULT_SHARES_MAX, &total, e) < 0)
		return e->code;
	if (pass.n)
		return vault_rewrap(org_vault(c->org), c->arena, 'p', pass, 0, 0, NULL, e);
	if (need < 2 || total < need)
		return err_set(e, ERR_PARAM, N_("Give a passphrase, or --need and --total of the shares"), "need %d total %d", (int)need,
			(int)total);
	if (vault_rewrap(org_vault(c->org), c->arena, 's', SPAN_NONE, (unsigned)need, (unsigned)total, shares, e) < 0)
		return e->code;
	for (uint64_t i = 0; i < total; i++)
		json_array_append_new(list, control_span(shares[i]));
	return 0;
}

static const struct control_command commands[] = {
	{ "status", N_("is the house open, and what does opening take"), CONTROL_ALWAYS, status, { { 0 } } },
	{ "open", N_("open the house with one share after the other, or the passphrase"), CONTROL_ALWAYS, open_house,
		{ { "share", ARG_SECRET, 0, N_("one share of the master key") },
		  { "passphrase", ARG_SECRET, 0, N_("the passphrase") } } },
	{ "close", N_("forget all keys: the ports answer \"temporarily sealed\""), CONTROL_ALWAYS, close_house, { { 0 } } },
	{ "change", N_("lock the same master key up in another way"), CONTROL_ALWAYS, rewrap,
		{ { "passphrase", ARG_SECRET, 0, N_("the new passphrase") },
		  { "need", ARG_NUMBER, 0, N_("how many shares open the house") },
		  { "total", ARG_NUMBER, 0, N_("how many shares are made") } } },
};
CONTROL_NOUN(seal, "seal", N_("opening and closing the house"));
