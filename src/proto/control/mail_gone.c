/* mail_gone.c - kontor mail undelete, kontor mail retention ... */
#include "base/time.h"
#include "domain/mail/deliver.h"
#include "domain/mail/gone.h"
#include "domain/mail/retention.h"
#include "domain/org/account.h"
#include "proto/control/mail_int.h"

/* ---- undelete ---- */

struct undelete {
	struct control *c;
	struct gone_filter f;
	uint64_t n, all;
};

static int filter_of(struct undelete *u, struct tx *tx, struct err *e)
{
	struct account who;

	if (control_account(u->c, tx, control_text(u->c, "account"), &who, e) < 0 ||
		control_date(u->c, "since", 0, &u->f.since_sec, e) < 0)
		return e->code;
	u->f.account_id = who.id;
	u->f.mailbox = control_text(u->c, "mailbox");
	return 0;
}

/* By mailbox and number, nothing of what the mails say: the administrator is not their reader. */
static int list_fn(struct tx *tx, void *arg, struct err *e)
{
	struct undelete *u = arg;
	struct gone_box *v;
	size_t n;

	control_result(u->c, json_array());
	if (filter_of(u, tx, e) < 0 || gone_list(u->c->org, tx, u->c->arena, &u->f, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		control_put(o, "mailbox", v[i].name);
		control_put_int(o, "messages", v[i].messages);
		control_put_int(o, "used_bytes", v[i].bytes);
		control_put_time(o, "first", v[i].first_sec);
		control_put_time(o, "last", v[i].last_sec);
		json_array_append_new(u->c->result, o);
	}
	return 0;
}

static int restore_fn(struct tx *tx, void *arg, struct err *e)
{
	struct undelete *u = arg;
	SCOPED_ARENA a = arena_new();

	return filter_of(u, tx, e) < 0 ? e->code : gone_restore(u->c->org, tx, a, &u->f, &u->n, e);
}

int control_mail_undelete(struct control *c, struct tx *tx, struct err *e)
{
	struct undelete u = { .c = c };
	struct store *s = c->call->house->store;

	(void)tx;
	if (control_has(c, "list"))
		return store_read(s, list_fn, &u, e);
	do {
		if (store_write(s, restore_fn, &u, e) < 0)
			break;
		u.all += u.n;
	} while (u.n);
	control_put_int(c->result, "restored", u.all);
	return e->code;
}

/* ---- retention ---- */

static const char *const uses[] = { [SPECIAL_DRAFTS] = "\\Drafts", [SPECIAL_SENT] = "\\Sent", [SPECIAL_JUNK] = "\\Junk",
	[SPECIAL_TRASH] = "\\Trash", [SPECIAL_ARCHIVE] = "\\Archive" };
#define USES (sizeof(uses) / sizeof(*uses))

/* ADDRESS MAILBOX, or "all" and a use. */
static int rule_of(struct control *c, struct tx *tx, struct retention_rule *out, struct err *e)
{
	struct span name = control_text(c, "mailbox");
	enum mailbox_special use = name.n && name.p[0] == '\\' ? deliver_special(name) : SPECIAL_NONE;
	struct account who;
	struct mailbox box;
	int r;

	*out = (struct retention_rule){ .special = use };
	if (span_eqz(control_text(c, "account"), "all"))
		return use != SPECIAL_NONE && use < USES && uses[use] ? 0 : err_set(e, ERR_PARAM,
			N_("For all accounts, name a use: \\Trash, \\Junk, \\Sent, \\Drafts, \\Archive"), "use");
	if (control_account(c, tx, control_text(c, "account"), &who, e) < 0)
		return e->code;
	r = use == SPECIAL_NONE ? mailbox_find(c->org, tx, c->arena, who.id, name, &box, e) :
		mailbox_by_special(c->org, tx, c->arena, who.id, use, &box, e);
	if (r < 0)
		return r;
	*out = (struct retention_rule){ .account_id = box.account_id, .mailbox_id = box.id };
	return box.account_id == who.id ? 0 : err_set(e, ERR_PARAM, N_("That mailbox is another account's"), "shared");
}

int control_retention_set(struct control *c, struct tx *tx, struct err *e)
{
	struct retention_rule rule;
	uint64_t days;

	if (control_number(c, "days", 0, RETENTION_DAYS_MAX, &days, e) < 0 || rule_of(c, tx, &rule, e) < 0)
		return e->code;
	rule.days = days;
	return retention_set(tx, &rule, e);
}

int control_retention_clear(struct control *c, struct tx *tx, struct err *e)
{
	struct retention_rule rule;

	return rule_of(c, tx, &rule, e) < 0 ? e->code : retention_clear(tx, &rule, e);
}

/* Address and name of a mailbox, "all" and the use of a rule for everybody. */
static int put_where(struct control *c, struct tx *tx, json_t *o, uint64_t account_id, uint64_t mailbox_id, unsigned special,
	struct err *e)
{
	struct account who;
	struct mailbox box;

	if (!account_id) {
		json_object_set_new(o, "account", json_string("all"));
		json_object_set_new(o, "mailbox", json_string(special < USES && uses[special] ? uses[special] : "?"));
		return 0;
	}
	if (account_get(c->org, tx, c->arena, account_id, &who, e) < 0 || mailbox_get(c->org, tx, c->arena, mailbox_id, &box, e) < 0)
		return e->code;
	control_put(o, "account", who.address);
	control_put(o, "mailbox", box.name);
	return 0;
}

int control_retention_list(struct control *c, struct tx *tx, struct err *e)
{
	struct retention_rule *v;
	struct account who = { .id = 0 };
	size_t n;

	control_result(c, json_array());
	if ((control_has(c, "account") && control_account(c, tx, control_text(c, "account"), &who, e) < 0) ||
		retention_list(tx, c->arena, who.id, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		json_array_append_new(c->result, o);
		if (put_where(c, tx, o, v[i].account_id, v[i].mailbox_id, v[i].special, e) < 0)
			return e->code;
		control_put_int(o, "days", v[i].days);
	}
	return 0;
}

static int due_fn(struct tx *tx, void *arg, struct err *e)
{
	struct control *c = arg;
	struct retention_due *v;
	size_t n;

	control_result(c, json_array());
	if (retention_due(tx, c->arena, time_past_sec(), &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		json_array_append_new(c->result, o);
		if (put_where(c, tx, o, v[i].account_id, v[i].mailbox_id, 0, e) < 0)
			return e->code;
		control_put_int(o, "days", v[i].days);
		control_put_int(o, "messages", v[i].messages);
		control_put_int(o, "used_bytes", v[i].bytes);
	}
	return 0;
}

int control_retention_run(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t n = 0;

	(void)tx;
	if (control_has(c, "dry-run"))
		return store_read(c->call->house->store, due_fn, c, e);
	if (retention_sweep(c->org, time_past_sec(), &n, e) < 0)
		return e->code;
	control_put_int(c->result, "removed", n);
	return 0;
}
