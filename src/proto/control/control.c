#include "proto/control/control_int.h"
#include <stdlib.h>
#include <string.h>
#include "store/store.h"

static const struct control_command *find(struct arena *a, struct span verb)
{
	const struct control_noun *noun = control_find_noun(arena_strz(a, span_cut(&verb, ' ')));

	return noun ? control_find_command(noun, arena_strz(a, verb)) : NULL;
}

static const struct control_arg *arg_of(const struct control_command *m, const char *name)
{
	for (size_t i = 0; i < CONTROL_ARGS_LEN && m->args[i].name; i++)
		if (strcmp(m->args[i].name, name) == 0)
			return &m->args[i];
	return NULL;
}

static bool list_of_texts(const json_t *v)
{
	size_t i;
	json_t *one;

	if (!json_is_array(v))
		return false;
	json_array_foreach((json_t *)(uintptr_t)v, i, one)
		if (!json_is_string(one))
			return false;
	return true;
}

static bool fits(const struct control_arg *arg, const json_t *v)
{
	switch (arg->type) {
	case ARG_NUMBER:
	case ARG_SIZE:
		return json_is_string(v) || json_is_integer(v);
	case ARG_SWITCH:
		return json_is_boolean(v);
	case ARG_MANY:
		return list_of_texts(v);
	default:
		return json_is_string(v);
	}
}

static int check_args(const struct control_command *m, json_t *args, struct err *e)
{
	const char *name;
	json_t *v;

	if (!json_is_object(args))
		return err_set(e, ERR_SYNTAX, N_("The request cannot be read"), "arguments are not an object");
	json_object_foreach(args, name, v) {
		const struct control_arg *arg = arg_of(m, name);

		if (!arg || !fits(arg, v))
			return err_set(e, ERR_PARAM, N_("There is no such argument"), "argument %s", name);
	}
	for (size_t i = 0; i < CONTROL_ARGS_LEN && m->args[i].name; i++)
		if (m->args[i].flags & ARG_NEEDED && !json_object_get(args, m->args[i].name))
			return err_set(e, ERR_PARAM, N_("An argument is missing"), "argument %s", m->args[i].name);
	return 0;
}

struct running {
	struct control c;
	const struct control_command *m;
};

static int run_fn(struct tx *tx, void *arg, struct err *e)
{
	struct running *r = arg;

	control_result(&r->c, json_object());      /* it may be the second run */
	return r->m->run(&r->c, tx, e);
}

static int run(struct running *r, struct err *e)
{
	if (r->m->how != CONTROL_ALWAYS && !org_is_open(r->c.org))
		return err_set(e, ERR_LATER, N_("The house is sealed: kontor seal open"), "sealed");
	switch (r->m->how) {
	case CONTROL_READ:
		return store_read(r->c.call->house->store, run_fn, r, e);
	case CONTROL_WRITE:
		return store_write(r->c.call->house->store, run_fn, r, e);
	default:
		return run_fn(NULL, r, e);
	}
}

static void answer(struct call *call, json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);

	buf_reset(call->out);
	if (!text || !buf_addz(call->out, text)) {
		buf_reset(call->out);
		buf_addz(call->out, "{\"ok\":false,\"error\":\"The answer is too long\",\"class\":\"toobig\"}");
	}
	free(text);
	json_decref(reply);
}

void control_run(struct call *call)
{
	struct running r = { .c = { .call = call, .org = call->house->org, .arena = call->arena } };
	struct err e = ERR_INIT;
	json_error_t je;
	int rc;

	r.m = find(call->arena, call->cmd->verb);
	r.c.args = json_loadb(call->cmd->body.p, call->cmd->body.n, JSON_REJECT_DUPLICATES, &je);
	if (!r.m)
		rc = err_set(&e, ERR_PARAM, N_("There is no such command"), "control verb unknown");
	else if (!r.c.args)
		rc = err_set(&e, ERR_SYNTAX, N_("The request cannot be read"), "JSON: %s", je.text);
	else
		rc = check_args(r.m, r.c.args, &e);
	if (rc == 0)
		rc = run(&r, &e);
	if (rc < 0)
		answer(call, json_pack("{s:b,s:s,s:s,s:o,s:O?}", "ok", 0, "error", e.say[0] ? e.say : "Internal error",
			"class", err_name(e.code), "detail", control_span(span_str(e.log)), "result", r.c.result));
	else
		answer(call, json_pack("{s:b,s:O}", "ok", 1, "result", r.c.result));
	call->err = e;
	json_decref(r.c.result);
	json_decref(r.c.args);
}
