/* ext_world.c - what the host knows: environment (5183), ihave (5463), include (6609), duplicate (7352), mailbox (5490),
 * mboxmetadata and servermetadata (5490), special-use (8579), mailboxid (9042), extlists (6134), spamtest and virustest (5235). */
#include "codec/sieve/sieve_int.h"
#include "base/scan.h"

int sieve_run_environment(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct span name, value = SPAN_NONE;
	int k = match_open(&m, r, n, sieve_arg(n, 1));

	if (k < 0)
		return k;
	if (run_str(r, sieve_arg(n, 0)->v[0], &name) < 0)
		return match_end(&m, ERR_LIMIT);
	if (span_ieqz(name, "name"))
		value = SPAN("kontor");
	else if (r->host->environment)
		k = r->host->environment(r->host->arg, name, &value);
	if (k >= 0)
		k = value.p ? match_add(&m, value) : 0;   /* unknown items fail every match (section 4) */
	return match_end(&m, k);
}

int sieve_check_ihave(struct sieve_check *c, struct sieve_node *n)
{
	for (size_t i = 0; i < sieve_arg(n, 0)->n; i++)
		c->exts |= EXT_BIT(sieve_ext_find(sieve_arg(n, 0)->v[i])) & ~EXT_BIT(EXT_NONE);
	return 0;
}

int sieve_run_ihave(struct sieve_run *r, const struct sieve_node *n)
{
	for (size_t i = 0; i < sieve_arg(n, 0)->n; i++) {
		enum sieve_ext ext = sieve_ext_find(sieve_arg(n, 0)->v[i]);

		if (!ext || (ext == EXT_IMAPSIEVE && !r->host->event))
			return 0;
	}
	return 1;
}

int sieve_run_error(struct sieve_run *r, const struct sieve_node *n)
{
	struct span text;

	if (run_str(r, sieve_arg(n, 0)->v[0], &text) < 0)
		return ERR_LIMIT;
	return run_fail(r, n, "%.*s", (int)(text.n < 150 ? text.n : 150), text.p);
}

/* ---- include ---- */

int sieve_check_include(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *name = sieve_arg(n, 0);

	return name->v[0].n && name->v[0].n <= 512 && sieve_static(c, name->v[0]) ? 0 :
		check_fail(c, name, "The name of a script is plain text");
}

int sieve_check_global(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *v = sieve_arg(n, 0);

	if (!(c->exts & EXT_BIT(EXT_VARIABLES)))
		return check_fail(c, n, "\"global\" needs require \"variables\"");
	for (size_t i = 0; i < v->n; i++)
		if (!sieve_variable_name(v->v[i]) || span_chr(v->v[i], '.') >= 0)
			return check_fail(c, v, "This is no name of a variable");
	return 0;
}

int sieve_run_global(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *v = sieve_arg(n, 0);

	if (!r->globals)
		r->globals = arena_array(r->a, sizeof(*r->globals), SIEVE_VARIABLES_MAX);
	for (size_t i = 0; i < v->n; i++) {
		if (r->n_globals == SIEVE_VARIABLES_MAX)
			return run_fail(r, n, "There are more than %d variables", SIEVE_VARIABLES_MAX);
		r->globals[r->n_globals].name = v->v[i];
		r->globals[r->n_globals++].owner = r->script;
	}
	return 0;
}

int sieve_run_return(struct sieve_run *r, const struct sieve_node *n)
{
	(void)n;
	r->state = r->include_depth ? RUN_RETURN : RUN_STOP;
	return 0;
}

static bool included_before(const struct sieve_run *r, struct span name, bool global)
{
	for (size_t i = 0; i < r->n_included; i++)
		if (r->once[i].global == global && span_eq(r->once[i].name, name))
			return true;
	return false;
}

int sieve_run_include(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_script *before = r->script, *script = NULL;
	struct span name = sieve_arg(n, 0)->v[0];
	bool global = n->tags & T(GLOBAL);
	struct mime_part *part = r->part;
	int k;

	if (n->tags & T(ONCE) && included_before(r, name, global))
		return 0;
	if (r->n_included == SIEVE_INCLUDES_MAX || r->include_depth == SIEVE_INCLUDE_DEPTH)
		return run_fail(r, n, "Scripts include each other without end");
	k = r->host->include ? r->host->include(r->host->arg, name, global, &script) : 0;
	if (k < 0)
		return run_fail(r, n, "The included script cannot be used");
	if (k == 0)
		return n->tags & T(OPTIONAL) ? 0 : run_fail(r, n, "The script to include does not exist");
	if (run_may_begin(r, n, script) < 0)
		return ERR_PARAM;
	if (!r->once)
		r->once = arena_array(r->a, sizeof(*r->once), SIEVE_INCLUDES_MAX);
	r->once[r->n_included].name = name;
	r->once[r->n_included++].global = global;
	if (run_spend(r, 64) < 0)
		return ERR_LIMIT;
	r->script = script;
	r->part = NULL;
	r->include_depth++;
	k = run_block(r, script->first);
	r->include_depth--;
	r->part = part;
	r->script = before;
	if (r->state == RUN_RETURN)
		r->state = RUN_GO;
	return k;
}

/* ---- duplicate ---- */

int sieve_run_duplicate(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *header = sieve_tag_arg(n, TAG_HEADER), *unique = sieve_tag_arg(n, TAG_UNIQUEID),
		*seconds = sieve_tag_arg(n, TAG_SECONDS);
	struct span id, handle, *raw;
	struct sieve_seen seen = { .seconds = 7 * 86400, .last = n->tags & T(LAST) };
	int k;

	if (run_tag_str(r, n, TAG_HANDLE, &handle) < 0 || run_spend(r, r->header.n) < 0)
		return ERR_LIMIT;
	if (unique) {
		if (run_str(r, unique->v[0], &id) < 0)
			return ERR_LIMIT;
	} else {
		struct span name = SPAN("Message-ID");

		if (header && run_str(r, header->v[0], &name) < 0)
			return ERR_LIMIT;
		if (!run_fields(r, r->header, name, (struct sieve_pick){ 1, false }, &raw))
			return 0;
		id = run_text(r, raw[0]);
	}
	if (!id.n)
		return 0;
	if (seconds)
		seen.seconds = seconds->number > 90 * 86400 ? 90 * 86400 : (int64_t)seconds->number;
	seen.id = arena_printf(r->a, "%c%zu:%.*s%.*s", header ? 'h' : unique ? 'u' : 'm', handle.n, SPAN_F(handle), SPAN_F(id));
	k = r->host->duplicate ? r->host->duplicate(r->host->arg, seen.id, seen.seconds) : 0;
	for (size_t i = 0; i < r->out->n_seen && k == 0; i++)
		if (span_eq(r->out->seen[i].id, seen.id))
			return 0;        /* asked again within this run: the same answer */
	if (k < 0 || (k > 0 && !seen.last))
		return k;
	if (!r->out->seen)
		r->out->seen = ARENA_ARRAY(r->a, struct sieve_seen, SIEVE_ACTIONS_MAX);
	if (r->out->n_seen == SIEVE_ACTIONS_MAX)
		return run_fail(r, n, "The script asks for too many duplicates");
	r->out->seen[r->out->n_seen++] = seen;
	return k;
}

/* ---- mailboxes ---- */

static int all_of(struct sieve_run *r, const struct sieve_value *v, int (*ask)(void *arg, struct span name))
{
	struct span *names;
	size_t n;
	int k = 1;

	if (run_strs(r, v, &names, &n) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < n && k == 1; i++)
		k = run_spend(r, 640) < 0 ? ERR_LIMIT : ask ? ask(r->host->arg, names[i]) : 0;
	return k;
}

int sieve_run_mailboxexists(struct sieve_run *r, const struct sieve_node *n)
{
	return all_of(r, sieve_arg(n, 0), r->host->mailbox);
}

int sieve_run_mailboxidexists(struct sieve_run *r, const struct sieve_node *n)
{
	return all_of(r, sieve_arg(n, 0), r->host->mailbox_id);
}

int sieve_run_specialuse(struct sieve_run *r, const struct sieve_node *n)
{
	bool named = n->n_args - n->n_tags == 2;
	struct span name = SPAN_NONE, *uses;
	size_t n_uses;
	int k = 1;

	if ((named && run_str(r, sieve_arg(n, 0)->v[0], &name) < 0) || run_strs(r, sieve_arg(n, named), &uses, &n_uses) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < n_uses && k == 1; i++)
		k = run_spend(r, 640) < 0 ? ERR_LIMIT : r->host->special_use ? r->host->special_use(r->host->arg, name, uses[i]) : 0;
	return k;
}

/* ---- annotations: of a mailbox, or of the server when there is no mailbox in the arguments ---- */

#define METADATA_COST 32768              /* octets that one look-up may open */

static int annotation(struct sieve_run *r, struct span mailbox, struct span name, struct span *out)
{
	*out = SPAN_NONE;
	if (run_spend(r, METADATA_COST) < 0)
		return ERR_LIMIT;
	return r->host->metadata ? r->host->metadata(r->host->arg, mailbox, name, out) : 0;
}

static int metadata_match(struct sieve_run *r, const struct sieve_node *n, size_t at)
{
	struct sieve_match m;
	struct span mailbox = SPAN_NONE, name, value = SPAN_NONE;
	int k = match_open(&m, r, n, sieve_arg(n, at + 1));

	if (k < 0)
		return k;
	if ((at && run_str(r, sieve_arg(n, 0)->v[0], &mailbox) < 0) || run_str(r, sieve_arg(n, at)->v[0], &name) < 0)
		return match_end(&m, ERR_LIMIT);
	k = annotation(r, mailbox, name, &value);
	if (k >= 0)
		k = value.p ? match_add(&m, value) : 0;
	return match_end(&m, k);
}

static int metadata_all(struct sieve_run *r, const struct sieve_node *n, size_t at)
{
	struct span mailbox = SPAN_NONE, value, *names;
	size_t count;

	if ((at && run_str(r, sieve_arg(n, 0)->v[0], &mailbox) < 0) || run_strs(r, sieve_arg(n, at), &names, &count) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		int k = annotation(r, mailbox, names[i], &value);

		if (k < 0 || !value.p)
			return k < 0 ? k : 0;
	}
	return 1;
}

int sieve_run_metadata(struct sieve_run *r, const struct sieve_node *n)
{
	return metadata_match(r, n, 1);
}

int sieve_run_servermetadata(struct sieve_run *r, const struct sieve_node *n)
{
	return metadata_match(r, n, 0);
}

int sieve_run_metadataexists(struct sieve_run *r, const struct sieve_node *n)
{
	return metadata_all(r, n, 1);
}

int sieve_run_servermetadataexists(struct sieve_run *r, const struct sieve_node *n)
{
	return metadata_all(r, n, 0);
}

/* ---- spamtest: 0 not tested, 1 clean .. 10 spam (or 0 .. 100 percent), from the header the filter has written:
 * "X-Spam-Score: 4.2 / 15" or rspamd's "X-Spamd-Result: default: False [4.20 / 15.00]" ---- */

static bool decimal(struct span *s, double *out)
{
	uint64_t whole, part = 0;
	double scale = 1;
	bool minus = scan_char(s, '-');

	if (!scan_num(s, &whole, 0, 1000000))
		return false;
	if (scan_char(s, '.'))
		for (; s->n && ascii_digit(*s->p) && scale < 1e6; *s = span_from(*s, 1)) {
			part = part * 10 + (uint64_t)(*s->p - '0');
			scale *= 10;
		}
	*out = ((double)whole + (double)part / scale) * (minus ? -1 : 1);
	return true;
}

static bool score(struct sieve_run *r, double *share)
{
	struct span *raw, v;
	double have, need;
	ssize_t at;

	if (run_fields(r, r->header, SPAN("X-Spamd-Result"), (struct sieve_pick){ 1, false }, &raw)) {
		v = run_text(r, raw[0]);
		at = span_chr(v, '[');
		v = at < 0 ? SPAN_NONE : span_from(v, (size_t)at + 1);
	} else if (run_fields(r, r->header, SPAN("X-Spam-Score"), (struct sieve_pick){ 1, false }, &raw)) {
		v = run_text(r, raw[0]);
	} else {
		return false;
	}
	if (!decimal(&v, &have))
		return false;
	scan_blanks(&v);
	need = 15;
	if (scan_char(&v, '/')) {
		scan_blanks(&v);
		if (!decimal(&v, &need) || need <= 0)
			return false;
	}
	*share = have <= 0 ? 0 : have >= need ? 1 : have / need;
	return true;
}

int sieve_run_spamtest(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	double share = 0;
	bool tested, percent = n->tags & T(PERCENT);
	int k = match_open(&m, r, n, sieve_arg(n, 0));

	if (k < 0)
		return k;
	if (run_spend(r, r->header.n) < 0)
		return match_end(&m, ERR_LIMIT);
	tested = score(r, &share);
	if (m.how == TAG_COUNT) {
		m.count += tested;
		return match_end(&m, 0);
	}
	return match_end(&m, match_add(&m, arena_printf(r->a, "%d", !tested ? 0 : percent ? (int)(share * 100) : 1 + (int)(share * 9))));
}

/* 0 not tested, 1 clean, 5 a virus: as the scanner's header says. */
int sieve_run_virustest(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct span *raw;
	const char *value = "0";
	int k = match_open(&m, r, n, sieve_arg(n, 0));

	if (k < 0)
		return k;
	if (run_fields(r, r->header, SPAN("X-Virus-Scanned"), (struct sieve_pick){ 1, false }, &raw))
		value = "1";
	if (run_fields(r, r->header, SPAN("X-Virus"), (struct sieve_pick){ 1, false }, &raw))
		value = "5";
	return match_end(&m, match_add(&m, span_str(value)));
}

int sieve_run_validlist(struct sieve_run *r, const struct sieve_node *n)
{
	struct span *names;
	size_t count;

	if (run_strs(r, sieve_arg(n, 0), &names, &count) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		int k = r->host->in_list ? r->host->in_list(r->host->arg, names[i], SPAN_NONE) : 0;

		if (k != 1)
			return k;
	}
	return 1;
}
