/* kontor account ... */
#include <string.h>
#include "base/time.h"
#include "domain/mail/hold.h"
#include "domain/org/address.h"
#include "domain/org/auth.h"
#include "domain/org/role.h"
#include "proto/control/control_int.h"

#define LIMIT_MAX UINT32_MAX

static int kind_of(const struct control *c, enum account_kind *out, struct err *e)
{
	struct span s = control_text(c, "kind");

	*out = ACCOUNT_PERSON;
	for (int k = ACCOUNT_PERSON; s.p && k <= ACCOUNT_RESOURCE; k++)
		if (span_ieqz(s, control_kind_name(k))) {
			*out = (enum account_kind)k;
			return 0;
		}
	return s.p ? err_set(e, ERR_PARAM, N_("An account is a person, a role or a resource"), "kind") : 0;
}

static int language_of(const struct control *c, struct span *out, struct err *e)
{
	*out = control_text(c, "language");
	if (out->p && !span_eqz(*out, "de") && !span_eqz(*out, "en"))
		return err_set(e, ERR_PARAM, N_("The language is de or en"), "language");
	return 0;
}

/* What account_add needs to know from the store before it may begin. */
struct lookup {
	struct control *c;
	uint64_t chapter_id, account_id;
	struct span language;
};

static int read_defaults(struct tx *tx, void *arg, struct err *e)
{
	struct lookup *l = arg;
	struct err none = ERR_INIT;
	int rc = control_chapter(l->c, tx, "chapter", &l->chapter_id, e);

	if (rc == 0 && !l->language.p)
		org_setting_get(l->c->org, tx, l->c->arena, "organisation.language", &l->language, &none);
	return rc;
}

static int read_account(struct tx *tx, void *arg, struct err *e)
{
	struct lookup *l = arg;
	struct account a;
	int rc = control_account(l->c, tx, control_text(l->c, "address"), &a, e);

	l->account_id = a.id;
	return rc;
}

static int find_account(struct control *c, uint64_t *id_out, struct err *e)
{
	struct lookup l = { .c = c };
	int rc = store_read(c->call->house->store, read_account, &l, e);

	*id_out = l.account_id;
	return rc;
}

static int add(struct control *c, struct tx *tx, struct err *e)
{
	struct lookup l = { .c = c };
	struct account_new n = { .address = control_text(c, "address"), .name = control_text(c, "name"),
		.password = control_text(c, "password") };
	uint64_t limit, id;
	int rc;

	(void)tx;
	if ((rc = kind_of(c, &n.kind, e)) < 0 || (rc = language_of(c, &l.language, e)) < 0 ||
		(rc = control_size(c, "quota", 0, &n.quota_bytes, e)) < 0 ||
		(rc = control_number(c, "messages", 0, INT64_MAX, &n.quota_messages, e)) < 0 ||
		(rc = control_number(c, "send-limit", 0, LIMIT_MAX, &limit, e)) < 0 ||
		(rc = store_read(c->call->house->store, read_defaults, &l, e)) < 0)
		return rc;
	n.chapter_id = l.chapter_id;
	n.language = l.language;
	n.send_limit = (uint32_t)limit;
	rc = account_add(c->org, &n, &id, e);
	if (rc == 0)
		control_put(c->result, "address", n.address);
	return rc;
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *rows = json_array();
	struct account *v;
	uint64_t chapter;
	size_t n = 0;
	int rc;

	control_result(c, rows);
	if ((rc = control_chapter(c, tx, "chapter", &chapter, e)) < 0 ||
		(rc = account_list(c->org, tx, c->arena, chapter, &v, &n, e)) < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, control_account_row(&v[i]));
	return 0;
}

static int put_addresses(struct control *c, struct tx *tx, const struct account *a, struct err *e)
{
	json_t *more = json_array();
	struct address_row *rows;
	size_t n = 0;
	int rc = address_list(c->org, tx, c->arena, &rows, &n, e);

	for (size_t i = 0; i < n && rc == 0; i++)
		if (rows[i].account_id == a->id && rows[i].kind == ADDRESS_ADDITIONAL)
			json_array_append_new(more, control_span(rows[i].address));
	json_object_set_new(c->result, "addresses", more);
	return rc;
}

static int put_chapter(struct control *c, struct tx *tx, const struct account *a, struct err *e)
{
	struct chapter *v;
	size_t n = 0;
	int rc = chapter_list(c->org, tx, c->arena, &v, &n, e);

	for (size_t i = 0; i < n && rc == 0; i++)
		if (v[i].id == a->chapter_id)
			control_put(c->result, "chapter", v[i].name);
	return rc;
}

static int show(struct control *c, struct tx *tx, struct err *e)
{
	struct hold held;
	struct account a;
	int rc = control_account(c, tx, control_text(c, "address"), &a, e);

	if (rc < 0)
		return rc;
	control_result(c, control_account_row(&a));
	if ((rc = put_chapter(c, tx, &a, e)) < 0 || (rc = put_addresses(c, tx, &a, e)) < 0)
		return rc;
	control_put(c->result, "language", a.language);
	control_put_int(c->result, "quota_bytes", a.quota_bytes);
	control_put_int(c->result, "quota_messages", a.quota_messages);
	control_put_int(c->result, "send_limit", a.send_limit);
	json_object_set_new(c->result, "password", json_boolean(a.has_password));
	control_put_time(c->result, "created", a.created_sec);
	control_put_int(c->result, "id", a.id);
	if (hold_get(tx, a.id, &held, e) < 0)
		return e->code;
	json_object_set_new(c->result, "held", held.reason ? json_string(hold_reason_name(held.reason)) : json_null());
	return 0;
}

static int password(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t id;
	int rc;

	(void)tx;
	if (control_has(c, "password") == control_has(c, "none"))
		return err_set(e, ERR_PARAM, N_("Give either a password file or --none"), "password");
	rc = find_account(c, &id, e);
	return rc < 0 ? rc : account_set_password(c->org, id, control_text(c, "password"), e);
}

static int limits(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t quota, messages, limit;
	struct account a;
	int rc;

	if ((rc = control_account(c, tx, control_text(c, "address"), &a, e)) < 0 ||
		(rc = control_size(c, "quota", a.quota_bytes, &quota, e)) < 0 ||
		(rc = control_number(c, "messages", a.quota_messages, INT64_MAX, &messages, e)) < 0 ||
		(rc = control_number(c, "send-limit", a.send_limit, LIMIT_MAX, &limit, e)) < 0)
		return rc;
	return account_set_limits(c->org, tx, a.id, quota, messages, (uint32_t)limit, e);
}

static int set_state(struct control *c, struct tx *tx, enum account_state state, struct err *e)
{
	struct account a;
	int rc = control_account(c, tx, control_text(c, "address"), &a, e);

	return rc < 0 ? rc : account_set_state(c->org, tx, a.id, state, e);
}

static int lock(struct control *c, struct tx *tx, struct err *e)
{
	return set_state(c, tx, ACCOUNT_LOCKED, e);
}

static int unlock(struct control *c, struct tx *tx, struct err *e)
{
	return set_state(c, tx, ACCOUNT_ACTIVE, e);
}

static int hold(struct control *c, struct tx *tx, struct err *e)
{
	struct account a;
	int rc = control_account(c, tx, control_text(c, "address"), &a, e);

	return rc < 0 ? rc : hold_set(tx, a.id, HOLD_BY_ADMIN, time_real_sec(), e);
}

static int release(struct control *c, struct tx *tx, struct err *e)
{
	struct account a;
	int rc = control_account(c, tx, control_text(c, "address"), &a, e);

	return rc < 0 ? rc : hold_release(c->org, tx, a.id, control_has(c, "drop"), time_real_sec(), e);
}

struct removing {
	struct control *c;
	uint64_t account_id;
};

static int remove_fn(struct tx *tx, void *arg, struct err *e)
{
	struct removing *r = arg;
	struct account a;
	int rc = control_account(r->c, tx, control_text(r->c, "address"), &a, e);

	r->account_id = a.id;
	return rc < 0 ? rc : account_remove(r->c->org, tx, a.id, e);
}

/* The answer comes when the key is gone, so that a backup of the keys made after it is without it. */
static int remove_account(struct control *c, struct tx *tx, struct err *e)
{
	struct removing r = { .c = c };
	struct err why = ERR_INIT;
	int rc;

	(void)tx;
	if (!control_has(c, "yes"))
		return err_set(e, ERR_PARAM, N_("Nothing of the account can be read again, nor from backups once older .keys files are deleted: say --yes"),
			"remove without yes");
	if ((rc = store_write(c->call->house->store, remove_fn, &r, e)) < 0)
		return rc;
	rc = account_remove_key(c->org, r.account_id, &why);
	return rc == 0 ? 0 : err_set(e, ERR_LATER,
		N_("The account is removed, but its key could not be destroyed yet; that is tried again every hour"), "%s", why.log);
}

static int app_add(struct control *c, struct tx *tx, struct err *e)
{
	struct span word;
	uint64_t id, account_id;
	int rc;

	(void)tx;
	if ((rc = find_account(c, &account_id, e)) < 0 ||
		(rc = app_password_add(c->org, c->arena, account_id, control_text(c, "label"), &word, &id, e)) < 0)
		return rc;
	control_put(c->result, "password", word);
	control_put_int(c->result, "id", id);
	return 0;
}

static int app_list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *rows = json_array();
	struct app_password *v;
	uint64_t account_id;
	size_t n = 0;
	int rc;

	(void)tx;
	control_result(c, rows);
	if ((rc = find_account(c, &account_id, e)) < 0 ||
		(rc = app_password_list(c->org, c->arena, account_id, &v, &n, e)) < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		control_put_int(o, "id", v[i].id);
		control_put(o, "label", v[i].label);
		control_put_time(o, "created", v[i].created_sec);
		control_put_time(o, "used", v[i].used_sec);
		json_array_append_new(rows, o);
	}
	return 0;
}

static int app_remove(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t account_id, id;
	int rc;

	(void)tx;
	if ((rc = find_account(c, &account_id, e)) < 0 || (rc = control_number(c, "id", 0, INT64_MAX, &id, e)) < 0)
		return rc;
	return app_password_remove(c->org, account_id, id, e);
}

#define ADDRESS { "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the account") }
#define LIMITS \
	{ "quota", ARG_SIZE, 0, N_("octets it may hold, like 2G; 0: no limit") }, \
	{ "messages", ARG_NUMBER, 0, N_("messages it may hold; 0: no limit") }, \
	{ "send-limit", ARG_NUMBER, 0, N_("recipients an hour; 0: no limit") }

static const struct control_command commands[] = {
	{ "add", N_("make an account"), CONTROL_FREE, add, { ADDRESS,
		{ "name", ARG_TEXT, 0, N_("name of the person or office") },
		{ "kind", ARG_TEXT, 0, N_("person (default), role or resource") },
		{ "chapter", ARG_TEXT, 0, N_("code or name of the chapter; default: the whole organisation") },
		{ "language", ARG_TEXT, 0, N_("de or en; default: the organisation's") }, LIMITS,
		{ "password", ARG_SECRET, 0, N_("without one nobody can sign in") } } },
	{ "list", N_("list the accounts"), CONTROL_READ, list, {
		{ "chapter", ARG_TEXT, 0, N_("only this chapter and those below") } } },
	{ "show", N_("show one account"), CONTROL_READ, show, { ADDRESS } },
	{ "password", N_("set a new password"), CONTROL_FREE, password, { ADDRESS,
		{ "password", ARG_SECRET, 0, N_("the new one") },
		{ "none", ARG_SWITCH, 0, N_("take it away: nobody can sign in") } } },
	{ "limits", N_("set quota and sending limit"), CONTROL_WRITE, limits, { ADDRESS, LIMITS } },
	{ "lock", N_("let nobody sign in; mail still arrives"), CONTROL_WRITE, lock, { ADDRESS } },
	{ "unlock", N_("let people sign in again"), CONTROL_WRITE, unlock, { ADDRESS } },
	{ "hold", N_("let its mail to outside wait, and take no more"), CONTROL_WRITE, hold, { ADDRESS } },
	{ "release", N_("let its held mail go"), CONTROL_WRITE, release, { ADDRESS,
		{ "drop", ARG_SWITCH, 0, N_("throw the held mail away instead; nobody is told") } } },
	{ "remove", N_("remove it and destroy its key: nothing of it can be read any more"), CONTROL_FREE, remove_account,
		{ ADDRESS, { "yes", ARG_SWITCH, 0, N_("really") } } },
	{ "app-add", N_("make an app password; it is shown only now"), CONTROL_FREE, app_add, { ADDRESS,
		{ "label", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("what it is for") } } },
	{ "app-list", N_("list the app passwords of an account"), CONTROL_FREE, app_list, { ADDRESS } },
	{ "app-remove", N_("revoke an app password"), CONTROL_FREE, app_remove, { ADDRESS,
		{ "id", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("number in app-list") } } },
};
CONTROL_NOUN(account, "account", N_("accounts of people, offices and resources"));
