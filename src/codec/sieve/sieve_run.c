/* sieve_run.c - evaluation: control, the budget, strings, actions. */
#include "codec/sieve/sieve_int.h"
#include "codec/mime/mime_header.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NODE_STEPS 1
#define OCTETS_PER_STEP 64

int run_spend(struct sieve_run *r, uint64_t octets)
{
	r->steps += NODE_STEPS + octets / OCTETS_PER_STEP;
	if (r->steps <= r->host->budget)
		return 0;
	snprintf(r->out->error.text, sizeof(r->out->error.text), "The script takes too long");
	return ERR_LIMIT;
}

int run_fail(struct sieve_run *r, const struct sieve_node *n, const char *fmt, ...)
{
	va_list ap;

	r->out->error.line = n->line;
	r->out->error.column = n->column;
	va_start(ap, fmt);
	vsnprintf(r->out->error.text, sizeof(r->out->error.text), fmt, ap);
	va_end(ap);
	return ERR_PARAM;
}

int run_test(struct sieve_run *r, const struct sieve_node *n)
{
	if (run_spend(r, 0) < 0)
		return ERR_LIMIT;
	if (!n->word)
		return run_fail(r, n, "There is no test \"%.*s\"", (int)(n->name.n < 60 ? n->name.n : 60), n->name.p);
	return n->word->run(r, n);
}

/* if, elsif* , else?: the first whose test is true. Runs one branch, steps over the others in run_block. */
int sieve_run_if(struct sieve_run *r, const struct sieve_node *n)
{
	for (; n; n = n->next) {
		int yes = n->tests ? run_test(r, n->tests) : 1;

		if (yes < 0)
			return yes;
		if (yes)
			return run_block(r, n->block);
		if (!n->next || (!span_ieqz(n->next->name, "elsif") && !span_ieqz(n->next->name, "else")))
			return 0;
	}
	return 0;
}

int run_block(struct sieve_run *r, const struct sieve_node *first)
{
	for (const struct sieve_node *n = first; n && r->state == RUN_GO; n = n->next) {
		int k;

		if (n->word && !n->word->run)
			continue;            /* elsif, else: their if has seen them */
		if (run_spend(r, 0) < 0)
			return ERR_LIMIT;
		if (!n->word)
			return run_fail(r, n, "There is no command \"%.*s\"", (int)(n->name.n < 60 ? n->name.n : 60), n->name.p);
		k = n->word->run(r, n);
		if (k < 0) {
			if (!r->out->error.text[0])
				run_fail(r, n, "\"%s\" failed", n->word->name);
			if (!r->out->error.line) {       /* the budget's end has no place of its own */
				r->out->error.line = n->line;
				r->out->error.column = n->column;
			}
			return k;
		}
	}
	return 0;
}

/* ---- strings: variables (RFC 5229 section 3) ----
 * variable-ref = "${" [namespace] variable-name "}" */

static struct span var_get(struct sieve_run *r, struct span name)
{
	bool global = span_istarts(name, SPAN("global."));
	const struct sieve_script *owner = global ? NULL : r->script;

	if (global)
		name = span_from(name, 7);
	for (size_t i = 0; !global && i < r->n_globals; i++)
		if (r->globals[i].owner == r->script && span_ieq(r->globals[i].name, name))
			owner = NULL;
	for (size_t i = 0; i < r->n_vars; i++)
		if (r->vars[i].owner == owner && span_ieq(r->vars[i].name, name))
			return r->vars[i].value;
	return SPAN_NONE;
}

int run_var_set(struct sieve_run *r, const struct sieve_node *n, struct span name, struct span value)
{
	bool global = span_istarts(name, SPAN("global."));
	const struct sieve_script *owner = global ? NULL : r->script;

	if (value.n > SIEVE_VALUE_MAX) {      /* cut at a character (section 3: "MAY truncate") */
		value.n = SIEVE_VALUE_MAX;
		while (value.n && ((unsigned char)value.p[value.n] & 0xC0) == 0x80)
			value.n--;
	}
	if (global)
		name = span_from(name, 7);
	for (size_t i = 0; !global && i < r->n_globals; i++)
		if (r->globals[i].owner == r->script && span_ieq(r->globals[i].name, name))
			owner = NULL;
	for (size_t i = 0; i < r->n_vars; i++)
		if (r->vars[i].owner == owner && span_ieq(r->vars[i].name, name)) {
			r->vars[i].value = value;
			return 0;
		}
	if (r->n_vars == SIEVE_VARIABLES_MAX)
		return run_fail(r, n, "There are more than %d variables", SIEVE_VARIABLES_MAX);
	if (!r->vars)
		r->vars = ARENA_ARRAY(r->a, struct sieve_var, SIEVE_VARIABLES_MAX);
	r->vars[r->n_vars++] = (struct sieve_var){ name, value, owner };
	return 0;
}

static size_t name_len(struct span s)
{
	size_t n = 0;

	while (n < s.n && (ascii_alpha(s.p[n]) || s.p[n] == '_' || (n && ascii_digit(s.p[n]))))
		n++;
	return n;
}

bool sieve_variable_name(struct span name)
{
	size_t n = name_len(name);

	if (n && n < name.n && span_istarts(name, SPAN("global.")))
		return name.n > 7 && name_len(span_from(name, 7)) == name.n - 7;
	return n && n == name.n;
}

int run_str(struct sieve_run *r, struct span s, struct span *out)
{
	ssize_t at;

	*out = s;
	if (!(r->script->exts & EXT_BIT(EXT_VARIABLES)) || span_find(s, SPAN("${")) < 0)
		return 0;
	SCOPED_BUF b;
	buf_init(&b, 4 * SIEVE_VALUE_MAX + s.n);
	while ((at = span_find(s, SPAN("${"))) >= 0) {
		struct span inner = span_from(s, (size_t)at + 2);
		ssize_t end = span_chr(inner, '}');
		struct span name = end < 0 ? SPAN_NONE : span_sub(inner, 0, (size_t)end);
		size_t digits = 0;

		buf_add(&b, span_sub(s, 0, (size_t)at));
		while (digits < name.n && ascii_digit(name.p[digits]))
			digits++;
		if (name.n && digits == name.n) {
			size_t k = 0;

			for (size_t i = 0; i < digits && k < 10; i++)
				k = k * 10 + (size_t)(name.p[i] - '0');
			if (k < r->n_matched)
				buf_add(&b, r->matched[k]);
		} else if (sieve_variable_name(name)) {
			buf_add(&b, var_get(r, name));
		} else {
			buf_addz(&b, "${");
			s = inner;
			continue;
		}
		s = span_from(inner, (size_t)end + 1);
	}
	buf_add(&b, s);
	if (b.failed || run_spend(r, b.n) < 0) {
		snprintf(r->out->error.text, sizeof(r->out->error.text), "A string with variables grows too long");
		return ERR_LIMIT;
	}
	*out = arena_span(r->a, buf_span(&b));
	return 0;
}

int run_strs(struct sieve_run *r, const struct sieve_value *v, struct span **out, size_t *n_out)
{
	*n_out = v->n;
	*out = v->v;
	if (!(r->script->exts & EXT_BIT(EXT_VARIABLES)))
		return 0;
	*out = ARENA_ARRAY(r->a, struct span, v->n + 1);
	for (size_t i = 0; i < v->n; i++)
		if (run_str(r, v->v[i], &(*out)[i]) < 0)
			return ERR_LIMIT;
	return run_spend(r, v->n * sizeof(struct span));
}

int run_tag_str(struct sieve_run *r, const struct sieve_node *n, enum sieve_tag_id tag, struct span *out)
{
	const struct sieve_value *v = sieve_tag_arg(n, tag);

	*out = SPAN_NONE;
	return v ? run_str(r, v->v[0], out) : 0;
}

/* ---- actions ---- */

static bool same_place(const struct sieve_action *a, const struct sieve_action *b)
{
	return a->kind == b->kind && span_eq(a->target, b->target) && span_eq(a->header, b->header);
}

struct sieve_action *run_act(struct sieve_run *r, const struct sieve_node *n, enum sieve_action_kind kind)
{
	if (!r->out->actions)
		r->out->actions = ARENA_ARRAY(r->a, struct sieve_action, SIEVE_ACTIONS_MAX + 1);
	if (r->out->n_actions == SIEVE_ACTIONS_MAX) {
		run_fail(r, n, "The script wants more than %d things done", SIEVE_ACTIONS_MAX);
		return NULL;
	}
	r->out->actions[r->out->n_actions] = (struct sieve_action){ .kind = kind, .header = r->header };
	return &r->out->actions[r->out->n_actions++];
}

/* The newest action is dropped when the same is to be done already (section 2.10.3); its flags win (RFC 5232). */
static void merge(struct sieve_run *r)
{
	struct sieve_action *new = &r->out->actions[r->out->n_actions - 1];

	for (size_t i = 0; i + 1 < r->out->n_actions; i++)
		if (same_place(&r->out->actions[i], new)) {
			r->out->actions[i].flags = new->flags;
			r->out->actions[i].n_flags = new->n_flags;
			r->out->n_actions--;
			return;
		}
}

static bool any(const struct sieve_run *r, enum sieve_action_kind kind)
{
	for (size_t i = 0; i < r->out->n_actions; i++)
		if (r->out->actions[i].kind == kind)
			return true;
	return false;
}

int sieve_run_stop(struct sieve_run *r, const struct sieve_node *n)
{
	(void)n;
	r->state = RUN_STOP;
	return 0;
}

int sieve_run_keep(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_action *a = run_act(r, n, SIEVE_KEEP);

	if (!a || run_flags(r, n, &a->flags, &a->n_flags) < 0)
		return ERR_PARAM;
	r->implicit_keep = false;
	merge(r);
	return 0;
}

int sieve_run_discard(struct sieve_run *r, const struct sieve_node *n)
{
	(void)n;
	r->implicit_keep = false;
	return 0;
}

int sieve_run_fileinto(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_action *a = run_act(r, n, SIEVE_FILEINTO);

	if (!a || run_flags(r, n, &a->flags, &a->n_flags) < 0 || run_str(r, sieve_arg(n, 0)->v[0], &a->target) < 0 ||
		run_tag_str(r, n, TAG_SPECIALUSE, &a->special_use) < 0 || run_tag_str(r, n, TAG_MAILBOXID, &a->mailbox_id) < 0)
		return ERR_PARAM;
	a->create = n->tags & T(CREATE);
	if (!(n->tags & T(COPY)))
		r->implicit_keep = false;
	if (any(r, SIEVE_REJECT))
		return run_fail(r, n, "A message that is rejected cannot be filed");
	merge(r);
	return 0;
}

/* An address as redirect takes it: one "@", no blanks, nothing that ends an SMTP path. */
static bool address_plain(struct span s)
{
	ssize_t at = span_rchr(s, '@');

	if (at < 1 || (size_t)at + 1 == s.n || s.n > 320)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == 127 || s.p[i] == ',')
			return false;
	return true;
}

/* redirect :list - a group's own address stands for its members; a list without one cannot be written to. */
static int list_address(struct sieve_run *r, const struct sieve_node *n, struct span *target)
{
	int k = r->host->in_list ? r->host->in_list(r->host->arg, *target, SPAN_NONE) : 0;

	if (k < 0)
		return k;
	if (!k || !span_istarts(*target, SPAN("mailto:")))
		return run_fail(r, n, "\"redirect\" knows no members of this list");
	*target = span_from(*target, 7);
	return 0;
}

int sieve_run_redirect(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_action *a = run_act(r, n, SIEVE_REDIRECT);

	if (!a || run_str(r, sieve_arg(n, 0)->v[0], &a->target) < 0)
		return ERR_PARAM;
	a->target = span_trim(a->target);
	if ((n->tags & T(LIST)) && list_address(r, n, &a->target) < 0)
		return ERR_PARAM;
	if (a->target.n > 2 && a->target.p[0] == '<' && a->target.p[a->target.n - 1] == '>')
		a->target = span_sub(a->target, 1, a->target.n - 2);
	if (!address_plain(a->target))
		return run_fail(r, n, "\"redirect\" needs one e-mail address");
	if (!(n->tags & T(COPY)))
		r->implicit_keep = false;
	merge(r);
	if (any(r, SIEVE_REJECT))
		return run_fail(r, n, "A message that is rejected cannot be redirected");
	if (++r->redirects > SIEVE_REDIRECTS_MAX)
		return run_fail(r, n, "A script may redirect a message to %d addresses", SIEVE_REDIRECTS_MAX);
	return 0;
}

int run_delivers(struct sieve_run *r, const struct sieve_node *n)
{
	return r->host->event ? run_fail(r, n, "\"%s\" is for mail that is delivered", n->word->name) : 0;
}

int run_may_begin(struct sieve_run *r, const struct sieve_node *n, const struct sieve_script *script)
{
	return script->events_only && !r->host->event ? run_fail(r, n, "\"imapsieve\" is for what happens in IMAP") : 0;
}

/* RFC 5429 section 2.4: incompatible with actions that deliver, with vacation, and with itself. */
int sieve_run_reject(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_action *a;

	if (run_delivers(r, n) < 0)
		return ERR_PARAM;
	if (any(r, SIEVE_REJECT) || any(r, SIEVE_FILEINTO) || any(r, SIEVE_REDIRECT) || any(r, SIEVE_KEEP) || any(r, SIEVE_VACATION))
		return run_fail(r, n, "\"%s\" and another action exclude each other", n->word->name);
	a = run_act(r, n, SIEVE_REJECT);
	if (!a || run_str(r, sieve_arg(n, 0)->v[0], &a->target) < 0)
		return ERR_PARAM;
	a->ereject = n->word->ext == EXT_EREJECT;
	r->implicit_keep = false;
	return 0;
}

/* ---- the whole ---- */

void sieve_keep(struct arena *a, const struct sieve_host *host, struct sieve_result *out)
{
	size_t head = mime_header_len(host->message);

	out->actions = ARENA_NEW(a, struct sieve_action);
	out->actions[0] = (struct sieve_action){ .kind = SIEVE_KEEP, .header = span_sub(host->message, 0, head) };
	out->n_actions = 1;
	out->n_seen = 0;
}

int sieve_run(struct arena *a, const struct sieve_script *script, const struct sieve_host *host, struct sieve_result *out)
{
	size_t head = mime_header_len(host->message);
	struct sieve_run r = { .a = a, .host = host, .script = script, .out = out, .implicit_keep = true,
		.header = span_sub(host->message, 0, head), .body = span_from(host->message, head) };
	int k;

	*out = (struct sieve_result){ 0 };
	r.flags = arena_dup(a, host->flags, host->n_flags * sizeof(*host->flags));
	r.n_flags = host->n_flags;
	k = run_may_begin(&r, &(struct sieve_node){ 0 }, script);
	if (k == 0)
		k = run_block(&r, script->first);
	out->steps = r.steps;
	if (k == 0 && r.implicit_keep) {
		struct sieve_action *keep = run_act(&r, &(struct sieve_node){ 0 }, SIEVE_KEEP);

		if (keep) {
			keep->flags = r.flags;
			keep->n_flags = r.n_flags;
			merge(&r);
		} else {
			k = ERR_PARAM;
		}
	}
	if (k < 0)
		sieve_keep(a, host, out);
	return k;
}
