/* kontor alias ..., kontor group ... : addresses that lead to others. */
#include "domain/org/address.h"
#include "proto/control/control_int.h"

static int set(struct control *c, struct tx *tx, enum address_kind kind, struct err *e)
{
	struct span *targets;
	size_t n;

	control_many(c, "targets", &targets, &n);
	return address_set(c->org, tx, kind, control_text(c, "address"), targets, n, e);
}

static int set_alias(struct control *c, struct tx *tx, struct err *e)
{
	return set(c, tx, ADDRESS_ALIAS, e);
}

static int set_group(struct control *c, struct tx *tx, struct err *e)
{
	return set(c, tx, ADDRESS_GROUP, e);
}

static json_t *targets_of(const struct address_row *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_targets; i++)
		json_array_append_new(list, control_span(r->targets[i]));
	return list;
}

static int list(struct control *c, struct tx *tx, enum address_kind kind, struct err *e)
{
	json_t *out = json_array();
	struct address_row *rows;
	size_t n = 0;
	int rc = address_list(c->org, tx, c->arena, &rows, &n, e);

	control_result(c, out);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (rows[i].kind == kind) {
			json_t *o = json_object();

			control_put(o, "address", rows[i].address);
			json_object_set_new(o, "targets", targets_of(&rows[i]));
			json_array_append_new(out, o);
		}
	return rc;
}

static int list_aliases(struct control *c, struct tx *tx, struct err *e)
{
	return list(c, tx, ADDRESS_ALIAS, e);
}

static int list_groups(struct control *c, struct tx *tx, struct err *e)
{
	return list(c, tx, ADDRESS_GROUP, e);
}

static int remove_it(struct control *c, struct tx *tx, struct err *e)
{
	return address_remove(c->org, tx, control_text(c, "address"), e);
}

/* The group's members as written, plus or minus those given (compared as addresses are). */
static int change(struct control *c, struct tx *tx, bool join, struct err *e)
{
	struct address_row *group = NULL;
	struct span *names, *all;
	size_t n = 0, n_all = 0;
	int rc;

	control_many(c, "targets", &names, &n);
	rc = address_find_group(c->org, tx, c->arena, control_text(c, "address"), &group, e);
	if (rc < 0)
		return rc;
	all = ARENA_ARRAY(c->arena, struct span, group->n_targets + n + 1);
	for (size_t i = 0; i < group->n_targets; i++) {
		bool named = false;

		for (size_t k = 0; k < n && !named; k++)
			named = address_same(c->arena, group->targets[i], names[k]);
		if (!named)
			all[n_all++] = group->targets[i];
	}
	if (!join && n_all == group->n_targets)
		return err_set(e, ERR_MISSING, N_("None of these is in the group"), "nothing to remove");
	for (size_t k = 0; join && k < n; k++)
		all[n_all++] = names[k];
	return address_set(c->org, tx, ADDRESS_GROUP, group->address, all, n_all, e);
}

static int join(struct control *c, struct tx *tx, struct err *e)
{
	return change(c, tx, true, e);
}

static int leave(struct control *c, struct tx *tx, struct err *e)
{
	return change(c, tx, false, e);
}

#define ADDRESS { "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("the address") }

static const struct control_command commands[] = {
	{ "add", N_("let an address lead to others; replaces what was there"), CONTROL_WRITE, set_alias, {
		{ "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("the address; @DOMAIN catches all that is not there") },
		{ "targets", ARG_MANY, ARG_POSITION | ARG_NEEDED, N_("addresses here or outside") } } },
	{ "list", N_("list the aliases"), CONTROL_READ, list_aliases, { { 0 } } },
	{ "remove", N_("remove an alias"), CONTROL_WRITE, remove_it, { ADDRESS } },
};
CONTROL_NOUN(alias, "alias", N_("addresses that lead elsewhere"));

static const struct control_command group_commands[] = {
	{ "add", N_("make a group, or set all its members anew"), CONTROL_WRITE, set_group, { ADDRESS,
		{ "targets", ARG_MANY, ARG_POSITION, N_("members: addresses here or outside") } } },
	{ "list", N_("list the groups and their members"), CONTROL_READ, list_groups, { { 0 } } },
	{ "join", N_("add members"), CONTROL_WRITE, join, { ADDRESS,
		{ "targets", ARG_MANY, ARG_POSITION | ARG_NEEDED, N_("members: addresses here or outside") } } },
	{ "leave", N_("take members away"), CONTROL_WRITE, leave, { ADDRESS,
		{ "targets", ARG_MANY, ARG_POSITION | ARG_NEEDED, N_("members to take away") } } },
	{ "remove", N_("remove a group"), CONTROL_WRITE, remove_it, { ADDRESS } },
};
const struct control_noun noun_group = { "group", N_("groups: one address, many members"), group_commands,
	sizeof(group_commands) / sizeof(group_commands[0]) };
