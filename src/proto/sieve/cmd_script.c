/* cmd_script.c - scripts put, checked, listed, activated, fetched, deleted, renamed (RFC 5804 section 2.5 to 2.12). */
#include "base/scan.h"
#include "domain/mail/script.h"
#include "proto/sieve/sieve_int.h"

enum what { DO_PUT, DO_ROOM, DO_ACTIVATE, DO_REMOVE, DO_RENAME, DO_GET, DO_LIST };
struct work {
	struct call *c;
	enum what what;
	struct span name, text, got;
	uint64_t size;
	struct script_row *rows;
	size_t n;
};

static int work(struct tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;
	struct org *o = w->c->house->org;
	struct arena *a = w->c->arena;
	uint64_t id = w->c->session->account_id;

	switch (w->what) {
	case DO_PUT:
		return script_put(o, tx, a, id, w->name, w->text, e);
	case DO_ROOM:
		return script_room(o, tx, id, w->name, w->size, e);
	case DO_ACTIVATE:
		return script_activate(o, tx, id, w->name, e);
	case DO_REMOVE:
		return script_remove(o, tx, id, w->name, e);
	case DO_RENAME:
		return script_rename(o, tx, a, id, w->name, w->text, e);
	case DO_GET:
		return script_get(o, tx, a, id, w->name, &w->got, e);
	default:
		return script_list(o, tx, a, id, &w->rows, &w->n, e);
	}
}

/* False: said already. */
static bool done(struct work *w)
{
	bool reads = w->what == DO_ROOM || w->what == DO_GET || w->what == DO_LIST;
	struct err e = ERR_INIT;
	int r = reads ? store_read(w->c->house->store, work, w, &e) : store_write(w->c->house->store, work, w, &e);

	if (r < 0)
		sieved_fail(w->c, &e);
	return r == 0;
}

/* n strings; the rest may be a number. False: said already. */
static bool strings(struct call *c, size_t n, size_t all, const char *usage)
{
	bool good = c->cmd->ntok == all;

	for (size_t i = 0; i < n && good; i++)
		good = c->cmd->tok[i].kind == TOK_STRING;
	if (!good)
		sieved_bad(c, usage);
	return good;
}

void sieved_havespace(struct call *c)
{
	struct work w = { .c = c, .what = DO_ROOM };

	if (!strings(c, 1, 2, "HAVESPACE takes a name and a number"))
		return;
	w.name = c->cmd->tok[0].text;
	if (c->cmd->tok[1].kind != TOK_ATOM || !span_num(c->cmd->tok[1].text, &w.size, 0, UINT32_MAX))
		sieved_bad(c, "HAVESPACE takes a name and a number");
	else if (done(&w))
		sieved_say(c, "OK", NULL, SPAN_NONE);
}

static bool checked(struct call *c, struct span text)
{
	struct err e = ERR_INIT;
	struct span why;

	if (script_check(c->arena, text, &why, &e) == 0)
		return true;
	err_set(&c->err, e.code, e.say, "%s", e.log);
	sieved_say(c, "NO", e.code == ERR_TOOBIG ? "QUOTA/MAXSIZE" : NULL, why);
	return false;
}

void sieved_putscript(struct call *c)
{
	struct work w = { .c = c, .what = DO_PUT };

	if (!strings(c, 2, 2, "PUTSCRIPT takes a name and a script"))
		return;
	w.name = c->cmd->tok[0].text;
	w.text = c->cmd->tok[1].text;
	if (checked(c, w.text) && done(&w))
		sieved_say(c, "OK", NULL, SPAN_NONE);
}

void sieved_checkscript(struct call *c)
{
	if (strings(c, 1, 1, "CHECKSCRIPT takes a script") && checked(c, c->cmd->tok[0].text))
		sieved_say(c, "OK", NULL, SPAN_NONE);
}

void sieved_listscripts(struct call *c)
{
	struct work w = { .c = c, .what = DO_LIST };

	if (!strings(c, 0, 0, "LISTSCRIPTS takes nothing") || !done(&w))
		return;
	for (size_t i = 0; i < w.n; i++) {
		ms_string(c->out, w.rows[i].name);
		buf_addz(c->out, w.rows[i].active ? " ACTIVE\r\n" : "\r\n");
	}
	sieved_say(c, "OK", NULL, SPAN_NONE);
}

void sieved_setactive(struct call *c)
{
	struct work w = { .c = c, .what = DO_ACTIVATE };

	if (!strings(c, 1, 1, "SETACTIVE takes a name"))
		return;
	w.name = c->cmd->tok[0].text;
	if (done(&w))
		sieved_say(c, "OK", NULL, SPAN_NONE);
}

void sieved_getscript(struct call *c)
{
	struct work w = { .c = c, .what = DO_GET };

	if (!strings(c, 1, 1, "GETSCRIPT takes a name"))
		return;
	w.name = c->cmd->tok[0].text;
	if (!done(&w))
		return;
	buf_addf(c->out, "{%zu}\r\n", w.got.n);
	buf_add(c->out, w.got);
	buf_addz(c->out, "\r\n");
	sieved_say(c, "OK", NULL, SPAN_NONE);
}

void sieved_deletescript(struct call *c)
{
	struct work w = { .c = c, .what = DO_REMOVE };

	if (!strings(c, 1, 1, "DELETESCRIPT takes a name"))
		return;
	w.name = c->cmd->tok[0].text;
	if (done(&w))
		sieved_say(c, "OK", NULL, SPAN_NONE);
}

void sieved_renamescript(struct call *c)
{
	struct work w = { .c = c, .what = DO_RENAME };

	if (!strings(c, 2, 2, "RENAMESCRIPT takes two names"))
		return;
	w.name = c->cmd->tok[0].text;
	w.text = c->cmd->tok[1].text;
	if (done(&w))
		sieved_say(c, "OK", NULL, SPAN_NONE);
}
