/* kontor admin ... : who may administer what. */
#include "domain/org/role.h"
#include "proto/control/control_int.h"

static const struct control_bit rights[] = { { "all", ADMIN_ALL }, { "none", 0 }, { "accounts", ADMIN_ACCOUNTS },
	{ "addresses", ADMIN_ADDRESSES }, { "roles", ADMIN_ROLES }, { "queue", ADMIN_QUEUE }, { "seal", ADMIN_SEAL },
	{ NULL, 0 } };

static int set(struct control *c, struct tx *tx, struct err *e)
{
	struct account who;
	uint64_t chapter;
	uint32_t bits;
	int rc;

	if ((rc = control_account(c, tx, control_text(c, "address"), &who, e)) < 0 ||
		(rc = control_chapter(c, tx, "chapter", &chapter, e)) < 0 ||
		(rc = control_bits(c, "rights", rights, ADMIN_ALL, &bits, e)) < 0)
		return rc;
	return admin_set(c->org, tx, who.id, chapter, bits, e);
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct admin_row *v;
	struct chapter *chapters;
	size_t n = 0, n_chapters = 0;
	int rc;

	control_result(c, out);
	if ((rc = admin_list(tx, c->arena, &v, &n, e)) < 0 ||
		(rc = chapter_list(c->org, tx, c->arena, &chapters, &n_chapters, e)) < 0)
		return rc;
	for (size_t i = 0; i < n && rc == 0; i++) {
		json_t *o = json_object();
		struct account who;

		json_array_append_new(out, o);
		rc = account_get(c->org, tx, c->arena, v[i].account_id, &who, e);
		if (rc < 0)
			break;
		control_put(o, "address", who.address);
		for (size_t k = 0; k < n_chapters; k++)
			if (chapters[k].id == v[i].chapter_id)
				control_put(o, "chapter", chapters[k].name);
		json_object_set_new(o, "rights", control_bit_names(rights, v[i].rights));
	}
	return rc;
}

static const struct control_command commands[] = {
	{ "set", N_("let a person administer a chapter and all below"), CONTROL_WRITE, set, {
		{ "address", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("mail address of the person") },
		{ "chapter", ARG_TEXT, 0, N_("code or name of the chapter; default: the whole organisation") },
		{ "rights", ARG_TEXT, 0, N_("all (default), none, or some of accounts,addresses,roles,queue,seal") } } },
	{ "list", N_("list the administrators"), CONTROL_READ, list, { { 0 } } },
};
CONTROL_NOUN(admin, "admin", N_("administrators and their rights"));
