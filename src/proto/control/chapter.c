/* kontor chapter ... */
#include "domain/org/role.h"
#include "proto/control/control_int.h"

static int add(struct control *c, struct tx *tx, struct err *e)
{
	uint64_t parent, id;
	int rc = control_chapter(c, tx, "parent", &parent, e);

	return rc < 0 ? rc : chapter_add(c->org, tx, parent, control_text(c, "name"), control_text(c, "code"), &id, e);
}

static struct span name_of(const struct chapter *v, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].id == id)
			return v[i].name;
	return SPAN_NONE;
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct chapter *v;
	size_t n = 0;
	int rc = chapter_list(c->org, tx, c->arena, &v, &n, e);

	control_result(c, out);
	for (size_t i = 0; i < n && rc == 0; i++) {
		json_t *o = json_object();

		control_put(o, "name", v[i].name);
		control_put(o, "code", v[i].code);
		control_put(o, "parent", name_of(v, n, v[i].parent_id));
		json_array_append_new(out, o);
	}
	return rc;
}

static const struct control_command commands[] = {
	{ "add", N_("make a chapter"), CONTROL_WRITE, add, {
		{ "name", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("its name") },
		{ "code", ARG_TEXT, 0, N_("short code, like a number") },
		{ "parent", ARG_TEXT, 0, N_("code or name of the chapter above; default: the whole organisation") } } },
	{ "list", N_("list the chapters"), CONTROL_READ, list, { { 0 } } },
};
CONTROL_NOUN(chapter, "chapter", N_("chapters: the organisation's tree"));
