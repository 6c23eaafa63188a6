/* kontor mail ... : absence notices and rules of an account, without writing Sieve. */
#include "domain/mail/rules.h"
#include "domain/org/account.h"
#include "proto/control/mail_int.h"

#include "proto/control/control_int.h"
#include "proto/control/mail_index.h"

struct work {
	struct account account;
	struct rules rules;
};

static int load(struct control *c, struct tx *tx, struct work *w, struct err *e)
{
	int rc = control_account(c, tx, control_text(c, "account"), &w->account, e);

	return rc < 0 ? rc : rules_load(c->org, tx, c->arena, w->account.id, &w->rules, e);
}

static int save(struct control *c, struct tx *tx, const struct work *w, struct err *e)
{
	return rules_save(c->org, tx, c->arena, w->account.id, &w->rules, e);
}

/* "2026-08-01" as Sieve compares it; none when not given. */
static int day(struct control *c, const char *name, struct span *out, struct err *e)
{
	int64_t sec;

	*out = SPAN_NONE;
	if (!control_has(c, name))
		return 0;
	if (control_date(c, name, 0, &sec, e) < 0)
		return e->code;
	*out = span_sub(control_text(c, name), 0, 10);
	return 0;
}

static int vacation_set(struct control *c, struct tx *tx, struct err *e)
{
	struct work w;
	uint64_t days;

	if (load(c, tx, &w, e) < 0 || control_number(c, "days", 7, 365, &days, e) < 0 || day(c, "from", &w.rules.from, e) < 0 ||
		day(c, "until", &w.rules.until, e) < 0)
		return e->code;
	w.rules.away = true;
	w.rules.text = control_text(c, "text");
	w.rules.subject = control_text(c, "subject");
	w.rules.days = days ? (unsigned)days : 1;
	return save(c, tx, &w, e);
}

static int vacation_clear(struct control *c, struct tx *tx, struct err *e)
{
	struct work w;

	if (load(c, tx, &w, e) < 0)
		return e->code;
	w.rules.away = false;
	return save(c, tx, &w, e);
}

static int vacation_show(struct control *c, struct tx *tx, struct err *e)
{
	struct work w;
	json_t *o = json_object();

	control_result(c, o);
	if (load(c, tx, &w, e) < 0)
		return e->code;
	json_object_set_new(o, "away", json_boolean(w.rules.away));
	if (w.rules.away) {
		control_put(o, "subject", w.rules.subject);
		control_put(o, "text", w.rules.text);
		control_put_int(o, "days", w.rules.days);
		control_put(o, "from", w.rules.from);
		control_put(o, "until", w.rules.until);
	}
	return 0;
}

/* Exactly one of --move, --redirect, --discard, --flag. */
static int action_of(struct control *c, struct rule *r, struct err *e)
{
	static const struct { const char *name; enum rule_action action; } rows[] = { { "move", RULE_MOVE }, { "redirect", RULE_REDIRECT },
		{ "discard", RULE_DISCARD }, { "flag", RULE_FLAG } };
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!control_has(c, rows[i].name))
			continue;
		n++;
		r->action = rows[i].action;
		r->arg = r->action == RULE_DISCARD ? SPAN_NONE : control_text(c, rows[i].name);
	}
	return n == 1 ? 0 : err_set(e, ERR_PARAM, N_("Give one of --move, --redirect, --discard, --flag"), "%u actions", n);
}

static int rule_add(struct control *c, struct tx *tx, struct err *e)
{
	struct rule r = { .name = control_text(c, "name"), .field = control_text(c, "header"), .is = control_has(c, "is") };
	struct work w;

	r.value = control_text(c, r.is ? "is" : "contains");
	if (r.is == control_has(c, "contains"))
		return err_set(e, ERR_PARAM, N_("Give one of --contains, --is"), "match");
	if (action_of(c, &r, e) < 0 || load(c, tx, &w, e) < 0)
		return e->code;
	for (size_t i = 0; i < w.rules.n; i++)
		if (span_eq(w.rules.v[i].name, r.name)) {
			w.rules.v[i] = r;
			return save(c, tx, &w, e);
		}
	if (w.rules.n == RULES_MAX)
		return err_set(e, ERR_LIMIT, N_("There are too many rules"), "rules");
	w.rules.v[w.rules.n++] = r;
	return save(c, tx, &w, e);
}

static int rule_remove(struct control *c, struct tx *tx, struct err *e)
{
	struct span name = control_text(c, "name");
	struct work w;
	size_t k = 0;

	if (load(c, tx, &w, e) < 0)
		return e->code;
	for (size_t i = 0; i < w.rules.n; i++)
		if (!span_eq(w.rules.v[i].name, name))
			w.rules.v[k++] = w.rules.v[i];
	if (k == w.rules.n)
		return err_set(e, ERR_MISSING, N_("There is no rule of this name"), "rule");
	w.rules.n = k;
	return save(c, tx, &w, e);
}

static int rule_list(struct control *c, struct tx *tx, struct err *e)
{
	static const char *const names[] = { "", "move", "redirect", "discard", "flag" };
	json_t *out = json_array();
	struct work w;

	control_result(c, out);
	if (load(c, tx, &w, e) < 0)
		return e->code;
	for (size_t i = 0; i < w.rules.n; i++) {
		const struct rule *r = &w.rules.v[i];
		json_t *o = json_object();

		control_put(o, "name", r->name);
		control_put(o, "header", r->field);
		json_object_set_new(o, "match", json_string(r->is ? "is" : "contains"));
		control_put(o, "value", r->value);
		json_object_set_new(o, "action", json_string(names[r->action]));
		control_put(o, "argument", r->arg);
		json_array_append_new(out, o);
	}
	return 0;
}

#define ACCOUNT { "account", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the account") }
#define WHOSE { "account", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of a person or an office, or: all") }
#define MAILBOX { "mailbox", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("its name, or its use: \\Trash, \\Junk ...") }
#define RULE { "name", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("name of the rule") }

static const struct control_command commands[] = {
	{ "vacation set", N_("answer mails while somebody is away"), CONTROL_WRITE, vacation_set, { ACCOUNT,
		{ "text", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("what the answer says") },
		{ "subject", ARG_TEXT, 0, N_("its subject; else that of the mail") },
		{ "days", ARG_NUMBER, 0, N_("answer a sender once in so many days (default: 7)") },
		{ "from", ARG_DATE, 0, N_("first day of absence") },
		{ "until", ARG_DATE, 0, N_("last day of absence") } } },
	{ "vacation clear", N_("answer no more"), CONTROL_WRITE, vacation_clear, { ACCOUNT } },
	{ "vacation show", N_("show the absence notice"), CONTROL_READ, vacation_show, { ACCOUNT } },
	{ "rule add", N_("add a rule for incoming mail, or replace the one of this name"), CONTROL_WRITE, rule_add, { ACCOUNT, RULE,
		{ "header", ARG_TEXT, ARG_NEEDED, N_("header field to look at: subject, from, list-id ...") },
		{ "contains", ARG_TEXT, 0, N_("text that its value contains") },
		{ "is", ARG_TEXT, 0, N_("text that its value is") },
		{ "move", ARG_TEXT, 0, N_("folder to put the mail into; made when it is not there") },
		{ "redirect", ARG_TEXT, 0, N_("address to send the mail on to") },
		{ "discard", ARG_SWITCH, 0, N_("throw the mail away") },
		{ "flag", ARG_TEXT, 0, N_("flag or keyword to set") } } },
	{ "rule list", N_("list the rules"), CONTROL_READ, rule_list, { ACCOUNT } },
	{ "index", N_("index what waits, or everything anew, and wait until it is done"), CONTROL_WRITE, control_mail_index, {
		{ "account", ARG_TEXT, ARG_POSITION, N_("mail address of the account; without: all") },
		{ "rebuild", ARG_SWITCH, 0, N_("forget the index first") } } },
	{ "index status", N_("show the search index of accounts"), CONTROL_READ, control_mail_index_status, {
		{ "account", ARG_TEXT, ARG_POSITION, N_("mail address of the account; without: all") } } },
	{ "rule remove", N_("remove a rule"), CONTROL_WRITE, rule_remove, { ACCOUNT, RULE } },
	{ "import", N_("bring mails from Maildir, mbox or EML files or from another IMAP server; run again, it goes on where it was interrupted"), CONTROL_FREE,
		control_mail_import, { ACCOUNT,
		{ "source", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("file or folder to read, or imaps://HOST[:PORT], imap://HOST[:PORT] (with STARTTLS)") },
		{ "into", ARG_TEXT, 0, N_("folder to put everything below") },
		{ "over-quota", ARG_SWITCH, 0, N_("bring them even beyond the account's quota") },
		{ "again", ARG_SWITCH, 0, N_("also what an earlier import has brought") },
		{ "user", ARG_TEXT, 0, N_("name on the other server (default: ACCOUNT)") },
		{ "password", ARG_SECRET, 0, N_("password or app password there; without it you are asked") },
		{ "master", ARG_TEXT, 0, N_("name of the other server's administrator: signs in with his password for the user") },
		{ "folder", ARG_MANY, 0, N_("only this folder; may be repeated") },
		{ "ca-file", ARG_TEXT, 0, N_("PEM file of the roots its certificate must lead to (default: the system's)") },
		{ "fingerprint", ARG_TEXT, 0, N_("SHA-256 of its certificate, in place of roots and name") },
		{ "insecure", ARG_SWITCH, 0, N_("without TLS, password and mails in clear") },
		{ "patience", ARG_NUMBER, 0, N_("seconds the other server may be silent (default 120)") } } },
	{ "export", N_("write all mails of an account into a new folder"), CONTROL_FREE, control_mail_export, { ACCOUNT,
		{ "path", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("folder to make; it must not exist") },
		{ "format", ARG_TEXT, 0, N_("maildir (default) or mbox") } } },
	{ "undelete", N_("bring back expunged mails, with flags, into the mailbox they were in"), CONTROL_FREE, control_mail_undelete, { ACCOUNT,
		{ "mailbox", ARG_TEXT, ARG_POSITION, N_("only of this mailbox") },
		{ "since", ARG_DATE, 0, N_("only those expunged since") },
		{ "list", ARG_SWITCH, 0, N_("only show how many there are") } } },
	{ "retention set", N_("have old mail leave a mailbox by itself"), CONTROL_WRITE, control_retention_set, { WHOSE, MAILBOX,
		{ "days", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("days since the mail came into the mailbox; 0: never, whatever holds for all") } } },
	{ "retention clear", N_("take such a rule back"), CONTROL_WRITE, control_retention_clear, { WHOSE, MAILBOX } },
	{ "retention list", N_("list these rules"), CONTROL_READ, control_retention_list, {
		{ "account", ARG_TEXT, ARG_POSITION, N_("only of this account") } } },
	{ "retention run", N_("remove what is too old now, not only at the next hour"), CONTROL_FREE, control_retention_run, {
		{ "dry-run", ARG_SWITCH, 0, N_("only show what would go") } } },
};
CONTROL_NOUN(mail, "mail", N_("absence notices, rules for incoming mail, moving mail in and out, the search index"));
