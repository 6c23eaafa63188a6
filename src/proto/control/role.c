/* kontor role ... : offices and their terms. */
#include "domain/org/role.h"
#include "base/time.h"
#include "proto/control/control_int.h"

static const struct control_bit rights[] = { { "all", RIGHT_ALL }, { "read", RIGHT_READ }, { "seen", RIGHT_SEEN },
	{ "write", RIGHT_WRITE }, { "insert", RIGHT_INSERT }, { "create", RIGHT_CREATE }, { "delete", RIGHT_DELETE },
	{ "send", RIGHT_SEND }, { "admin", RIGHT_ADMIN }, { NULL, 0 } };

static int role_of(struct control *c, struct tx *tx, struct account *out, struct err *e)
{
	int rc = control_account(c, tx, control_text(c, "role"), out, e);

	if (rc == 0 && out->kind != ACCOUNT_ROLE)
		return err_set(e, ERR_PARAM, N_("This account is not an office"), "kind %d", out->kind);
	return rc;
}

static int assign(struct control *c, struct tx *tx, struct err *e)
{
	struct account role, holder;
	struct term t;
	uint64_t id;
	int rc;

	if ((rc = role_of(c, tx, &role, e)) < 0 ||
		(rc = control_account(c, tx, control_text(c, "holder"), &holder, e)) < 0 ||
		(rc = control_date(c, "from", time_real_sec(), &t.from_sec, e)) < 0 ||
		(rc = control_date(c, "to", 0, &t.to_sec, e)) < 0 ||
		(rc = control_bits(c, "rights", rights, RIGHT_ALL & ~RIGHT_ADMIN, &t.rights, e)) < 0)
		return rc;
	t.role_id = role.id;
	t.holder_id = holder.id;
	rc = term_add(c->org, tx, &t, &id, e);
	if (rc == 0)
		control_put_int(c->result, "term", id);
	return rc;
}

static int end(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t term;
	int64_t to;
	int rc;

	if ((rc = control_number(c, "term", 0, INT64_MAX, &term, e)) < 0 ||
		(rc = control_date(c, "to", time_real_sec(), &to, e)) < 0)
		return rc;
	return term_end(c->org, tx, term, to, e);
}

static int put_terms(struct control *c, struct tx *tx, uint64_t role_id, uint64_t holder_id, json_t *out, struct err *e)
{
	int64_t now = time_real_sec();
	struct term *v;
	size_t n = 0;
	int rc = term_list(c->org, tx, c->arena, role_id, holder_id, &v, &n, e);

	for (size_t i = 0; i < n && rc == 0; i++) {
		json_t *o = json_object();
		struct account role, holder;

		json_array_append_new(out, o);
		if ((rc = account_get(c->org, tx, c->arena, v[i].role_id, &role, e)) < 0 ||
			(rc = account_get(c->org, tx, c->arena, v[i].holder_id, &holder, e)) < 0)
			break;
		control_put_int(o, "term", v[i].id);
		control_put(o, "role", role.address);
		control_put(o, "holder", holder.address);
		control_put_time(o, "from", v[i].from_sec);
		control_put_time(o, "to", v[i].to_sec);
		json_object_set_new(o, "now", json_boolean(v[i].from_sec <= now && (!v[i].to_sec || now < v[i].to_sec)));
		json_object_set_new(o, "rights", control_bit_names(rights, v[i].rights));
	}
	return rc;
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct account *v;
	size_t n = 0;
	int rc = account_list(c->org, tx, c->arena, 0, &v, &n, e);

	control_result(c, out);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (v[i].kind == ACCOUNT_ROLE)
			json_array_append_new(out, control_account_row(&v[i]));
	return rc;
}

static int show(struct control *c, struct tx *tx, struct err *e)
{
	struct account role;
	int rc = role_of(c, tx, &role, e);

	control_result(c, json_array());
	return rc < 0 ? rc : put_terms(c, tx, role.id, 0, c->result, e);
}

static int of(struct control *c, struct tx *tx, struct err *e)
{
	struct account holder;
	int rc = control_account(c, tx, control_text(c, "holder"), &holder, e);

	control_result(c, json_array());
	return rc < 0 ? rc : put_terms(c, tx, 0, holder.id, c->result, e);
}

#define ROLE { "role", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the office") }
#define HOLDER { "holder", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the person") }

static const struct control_command commands[] = {
	{ "list", N_("list the offices (make one with: account add --kind role)"), CONTROL_READ, list, { { 0 } } },
	{ "assign", N_("give an office to a person for a term"), CONTROL_WRITE, assign, { ROLE, HOLDER,
		{ "from", ARG_DATE, 0, N_("first day; default: now") },
		{ "to", ARG_DATE, 0, N_("day on which it is over; default: open") },
		{ "rights", ARG_TEXT, 0,
			N_("all, or some of read,seen,write,insert,create,delete,send,admin; default: all but admin") } } },
	{ "end", N_("end a term"), CONTROL_WRITE, end, {
		{ "term", ARG_NUMBER, ARG_POSITION | ARG_NEEDED, N_("number of the term in show") },
		{ "to", ARG_DATE, 0, N_("day on which it is over; default: now") } } },
	{ "show", N_("show the terms of an office, past ones too"), CONTROL_READ, show, { ROLE } },
	{ "of", N_("show the offices of a person, past ones too"), CONTROL_READ, of, { HOLDER } },
};
CONTROL_NOUN(role, "role", N_("offices, who holds them and when"));
