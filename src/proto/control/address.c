/* kontor address ... : additional addresses of accounts, and where an address leads. */
#include "domain/org/address.h"
#include "proto/control/control_int.h"

static int add(struct control *c, struct tx *tx, struct err *e)
{
	struct account owner;
	int rc = control_account(c, tx, control_text(c, "owner"), &owner, e);

	return rc < 0 ? rc : address_add(c->org, tx, control_text(c, "address"), owner.id, e);
}

static int remove_address(struct control *c, struct tx *tx, struct err *e)
{
	return address_remove(c->org, tx, control_text(c, "address"), e);
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	static const char *const kinds[] = { "?", "account", "additional", "alias", "group" };
	json_t *out = json_array();
	struct address_row *rows;
	size_t n = 0;
	int rc = address_list(c->org, tx, c->arena, &rows, &n, e);

	control_result(c, out);
	for (size_t i = 0; i < n && rc == 0; i++) {
		json_t *o = json_object();

		control_put(o, "address", rows[i].address);
		json_object_set_new(o, "kind", json_string(kinds[rows[i].kind]));
		if (rows[i].account_id) {
			struct account a;

			rc = account_get(c->org, tx, c->arena, rows[i].account_id, &a, e);
			control_put(o, "account", rc == 0 ? a.address : SPAN_NONE);
		} else {
			json_object_set_new(o, "account", json_null());
		}
		json_array_append_new(out, o);
	}
	return rc;
}

static int resolve(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct recipients r = { 0 };
	int rc = address_resolve(c->org, tx, c->arena, control_text(c, "address"), &r, e);

	control_result(c, out);
	for (size_t i = 0; i < r.n && rc == 0; i++) {
		json_t *o = json_object();

		control_put(o, "address", r.v[i].address);
		json_object_set_new(o, "where", json_string(r.v[i].account_id ? "here" : "outside"));
		control_put(o, "tag", r.v[i].tag);
		json_array_append_new(out, o);
	}
	return rc;
}

static const struct control_command commands[] = {
	{ "add", N_("give an account one more address"), CONTROL_WRITE, add, {
		{ "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("the new address") },
		{ "owner", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the account") } } },
	{ "remove", N_("take an additional address, alias or group away"), CONTROL_WRITE, remove_address, {
		{ "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("the address") } } },
	{ "list", N_("list all addresses"), CONTROL_READ, list, { { 0 } } },
	{ "resolve", N_("show who gets mail to this address"), CONTROL_READ, resolve, {
		{ "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("any address") } } },
};
CONTROL_NOUN(address, "address", N_("additional addresses, and where an address leads"));
