/* kontor sender ... : whom an account knows, and who is allowed or blocked for an account, a domain or the house. */
#include "base/time.h"
#include "domain/mail/sender.h"
#include "proto/control/control_int.h"

/* --account, --domain, or neither: the house. */
static int owner(struct control *c, struct tx *tx, uint64_t *out, struct err *e)
{
	struct account a;
	int rc;

	*out = ORG_ACCOUNT_ID;
	if (control_has(c, "account") && control_has(c, "domain"))
		return err_set(e, ERR_PARAM, N_("Give either --account or --domain"), "two owners");
	if (control_has(c, "domain"))
		return domain_find(c->org, tx, control_text(c, "domain"), out, e);
	if (!control_has(c, "account"))
		return 0;
	rc = control_account(c, tx, control_text(c, "account"), &a, e);
	*out = a.id;
	return rc;
}

static const char *verdict_name(enum sender_verdict v)
{
	static const char *const names[] = { "unknown", "good", "bad", "allowed", "blocked" };

	return names[v];
}

static void put_counts(json_t *o, const char *key, const struct sender_counts *v)
{
	json_t *k = json_object();

	control_put_int(k, "kept", v->kept);
	control_put_int(k, "answered", v->answered);
	control_put_int(k, "junked", v->junked);
	control_put_time(k, "first", v->first_sec);
	control_put_time(k, "seen", v->seen_sec);
	json_object_set_new(o, key, k);
}

static int show(struct control *c, struct tx *tx, struct err *e)
{
	static const char *const keys[] = { "unverified", "verified" }, *const verdicts[] = { "verdict_unverified", "verdict" };
	struct sender s = { 0 };
	struct sender_counts counts;
	enum sender_verdict v;
	struct account a;
	uint64_t from;

	if (control_account(c, tx, control_text(c, "account"), &a, e) < 0 ||
		sender_parse(c->arena, control_text(c, "sender"), &s.address, e) < 0)
		return e->code;
	control_put(c->result, "sender", s.address);
	for (int i = 1; i >= 0; i--) {
		s.verified = i;
		if (sender_verdict(c->org, tx, c->arena, a.id, a.address, &s, time_steady_sec(), &v, &from, e) < 0 ||
			sender_known(c->org, tx, c->arena, a.id, &s, &counts, e) < 0)
			return e->code;
		json_object_set_new(c->result, verdicts[i], json_string(verdict_name(v)));
		put_counts(c->result, keys[i], &counts);
	}
	return 0;
}

static int put(struct control *c, struct tx *tx, enum sender_verdict verdict, struct err *e)
{
	struct sender_row row = { .verdict = verdict, .created_sec = time_real_sec() };

	if (owner(c, tx, &row.owner_id, e) < 0 || sender_parse(c->arena, control_text(c, "sender"), &row.sender, e) < 0)
		return e->code;
	return sender_list_put(c->org, tx, c->arena, &row, e);
}

static int allow(struct control *c, struct tx *tx, struct err *e)
{
	return put(c, tx, SENDER_ALLOWED, e);
}

static int block(struct control *c, struct tx *tx, struct err *e)
{
	return put(c, tx, SENDER_BLOCKED, e);
}

static int forget(struct control *c, struct tx *tx, struct err *e)
{
	struct span sender;
	uint64_t id;

	if (owner(c, tx, &id, e) < 0 || sender_parse(c->arena, control_text(c, "sender"), &sender, e) < 0)
		return e->code;
	return sender_list_remove(c->org, tx, c->arena, id, sender, e);
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct sender_row *v;
	uint64_t id;
	size_t n = 0;

	control_result(c, out);
	if (owner(c, tx, &id, e) < 0 || sender_list(c->org, tx, c->arena, id, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		control_put(o, "sender", v[i].sender);
		json_object_set_new(o, "verdict", json_string(verdict_name(v[i].verdict)));
		control_put_time(o, "since", v[i].created_sec);
		json_array_append_new(out, o);
	}
	return 0;
}

#define SENDER { "sender", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("address in From, or @domain") }
#define OWNER \
	{ "account", ARG_TEXT, 0, N_("for this account alone; default: for the whole house") }, \
	{ "domain", ARG_TEXT, 0, N_("for all accounts of this domain of ours") }

static const struct control_command commands[] = {
	{ "show", N_("show what an account knows of a sender, and what happens to its mail"), CONTROL_READ, show, {
		{ "account", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the account") }, SENDER } },
	{ "allow", N_("never Junk, no second try; only mail that is provably from there"), CONTROL_WRITE, allow, { SENDER, OWNER } },
	{ "block", N_("into Junk; for the whole house: refused"), CONTROL_WRITE, block, { SENDER, OWNER } },
	{ "remove", N_("take a sender off the list again"), CONTROL_WRITE, forget, { SENDER, OWNER } },
	{ "list", N_("list who is allowed and blocked"), CONTROL_READ, list, { OWNER } },
};
CONTROL_NOUN(sender, "sender", N_("senders of mail: known, allowed, blocked"));
