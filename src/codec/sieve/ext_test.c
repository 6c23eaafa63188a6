/* ext_test.c - the tests of RFC 5228 section 5, with index (5260) and mime (5703). */
#include "codec/sieve/sieve_int.h"
#include "codec/mime/mime_envelope.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_word.h"
#include <string.h>

#define FIELDS_MAX 1000

int sieve_run_true(struct sieve_run *r, const struct sieve_node *n)
{
	(void)r;
	(void)n;
	return 1;
}

int sieve_run_false(struct sieve_run *r, const struct sieve_node *n)
{
	(void)r;
	(void)n;
	return 0;
}

int sieve_run_not(struct sieve_run *r, const struct sieve_node *n)
{
	int k = run_test(r, n->tests);

	return k < 0 ? k : !k;
}

int sieve_run_allof(struct sieve_run *r, const struct sieve_node *n)
{
	int k = 1;

	for (const struct sieve_node *t = n->tests; t && k == 1; t = t->next)
		k = run_test(r, t);
	return k;
}

int sieve_run_anyof(struct sieve_run *r, const struct sieve_node *n)
{
	int k = 0;

	for (const struct sieve_node *t = n->tests; t && k == 0; t = t->next)
		k = run_test(r, t);
	return k;
}

struct sieve_pick run_pick(const struct sieve_node *n)
{
	const struct sieve_value *v = sieve_tag_arg(n, TAG_INDEX);

	return (struct sieve_pick){ v ? (int64_t)v->number : 0, n->tags & T(LAST) };
}

struct span run_text(struct sieve_run *r, struct span raw)
{
	return span_trim(mime_word_decode(r->a, mime_header_unfold(r->a, raw)));
}

/* Values of all fields of this name (or the one picked), as they are in the block. */
size_t run_fields(struct sieve_run *r, struct span header, struct span name, struct sieve_pick pick, struct span **raw_out)
{
	struct span *v = NULL, rest = header;
	struct mime_field f;
	size_t n = 0, cap = 0;

	while (n < FIELDS_MAX && mime_header_next(&rest, &f)) {
		if (!span_ieq(f.name, name))
			continue;
		if (n == cap) {
			struct span *more = ARENA_ARRAY(r->a, struct span, cap ? 2 * cap : 4);

			if (n)
				memcpy(more, v, n * sizeof(*v));
			v = more;
			cap = cap ? 2 * cap : 4;
		}
		v[n++] = f.value;
	}
	if (pick.index) {
		if ((uint64_t)pick.index > n) {
			n = 0;
		} else {
			v += pick.last ? n - (size_t)pick.index : (size_t)pick.index - 1;
			n = 1;
		}
	}
	*raw_out = v;
	return n;
}

int run_root(struct sieve_run *r, struct mime_part **out)
{
	struct mime_limits limits = MIME_LIMITS;

	if (!r->root) {
		if (run_spend(r, r->host->message.n) < 0 || mime_parse(r->a, r->host->message, &limits, &r->root, NULL) < 0)
			return ERR_LIMIT;
	}
	*out = r->root;
	return 0;
}

struct span run_part_header(struct sieve_run *r, const struct mime_part *p)
{
	return p->parent ? span_sub(r->host->message, p->head_off, p->head_len) : r->header;
}

/* The header blocks a test looks at: the message's, the current part's (:mime), or all below (:anychild). */
struct blocks {
	const struct mime_part **part;
	size_t n, cap;
};

static void add_part(struct sieve_run *r, struct blocks *b, const struct mime_part *p, bool deep)
{
	if (b->n == b->cap) {
		const struct mime_part **more = ARENA_ARRAY(r->a, const struct mime_part *, b->cap ? 2 * b->cap : 8);

		if (b->n)
			memcpy(more, b->part, b->n * sizeof(*more));
		b->part = more;
		b->cap = b->cap ? 2 * b->cap : 8;
	}
	b->part[b->n++] = p;
	for (const struct mime_part *c = deep ? p->child : NULL; c; c = c->next)
		add_part(r, b, c, true);
}

static int blocks_of(struct sieve_run *r, const struct sieve_node *n, struct blocks *b)
{
	struct mime_part *root = NULL;

	*b = (struct blocks){ 0 };
	if (!(n->tags & T(MIME))) {
		add_part(r, b, NULL, false);
		return 0;
	}
	if (run_root(r, &root) < 0)
		return ERR_LIMIT;
	add_part(r, b, r->part ? r->part : root, n->tags & T(ANYCHILD));
	return run_spend(r, 64 * b->n);
}

static struct span block_header(struct sieve_run *r, const struct mime_part *p)
{
	return p ? run_part_header(r, p) : r->header;
}

/* RFC 5703 section 4.1: pieces of Content-Type and Content-Disposition. Calls match_add for each. */
static int match_mime(struct sieve_match *m, const struct sieve_node *n, struct span raw)
{
	struct sieve_run *r = m->r;
	struct mime_param *params;
	struct span head, type;
	size_t count;
	const struct sieve_value *names = sieve_tag_arg(n, TAG_PARAM);
	int k = 0;

	mime_params_parse(r->a, mime_header_unfold(r->a, raw), 64, &head, &params, &count);
	head = span_trim(head);
	if (n->tags & T(CONTENTTYPE))
		return match_add(m, head);
	if (n->tags & (T(TYPE) | T(SUBTYPE))) {
		type = span_cut(&head, '/');
		return match_add(m, n->tags & T(TYPE) ? type : head);
	}
	for (size_t i = 0; names && i < names->n && k == 0; i++) {
		struct span value;

		value = mime_param_value(r->a, params, count, arena_strz(r->a, names->v[i]));
		if (value.p)
			k = match_add(m, value);
	}
	return k;
}

int sieve_run_header(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct span *names, *raw;
	size_t n_names, found;
	struct blocks b;
	int k = match_open(&m, r, n, sieve_arg(n, 1));

	if (k < 0)
		return k;
	if (run_strs(r, sieve_arg(n, 0), &names, &n_names) < 0 || blocks_of(r, n, &b) < 0)
		k = ERR_LIMIT;
	for (size_t p = 0; k == 0 && p < b.n; p++)
		for (size_t i = 0; k == 0 && i < n_names; i++) {
			struct span header = block_header(r, b.part[p]);

			k = run_spend(r, header.n);
			found = k < 0 ? 0 : run_fields(r, header, span_trim(names[i]), run_pick(n), &raw);
			for (size_t j = 0; k == 0 && j < found; j++)
				k = n->tags & (T(CONTENTTYPE) | T(TYPE) | T(SUBTYPE) | T(PARAM)) ? match_mime(&m, n, raw[j]) :
					match_add(&m, run_text(r, raw[j]));
		}
	return match_end(&m, k);
}

int sieve_run_exists(struct sieve_run *r, const struct sieve_node *n)
{
	struct span *names, *raw;
	size_t n_names;
	struct blocks b;

	if (run_strs(r, sieve_arg(n, 0), &names, &n_names) < 0 || blocks_of(r, n, &b) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < n_names; i++) {
		bool any = false;

		for (size_t p = 0; !any && p < b.n; p++) {
			struct span header = block_header(r, b.part[p]);

			if (run_spend(r, header.n) < 0)
				return ERR_LIMIT;
			any = run_fields(r, header, names[i], (struct sieve_pick){ 0 }, &raw) > 0;
		}
		if (!any)
			return 0;
	}
	return 1;
}

/* ---- addresses ---- */

/* local and domain cut by the address part; user and detail at the separator (RFC 5233). False: no such part. */
static bool address_part(struct sieve_run *r, const struct sieve_node *n, struct span local, struct span domain, struct span *out)
{
	ssize_t at = span_chr(local, r->host->separator ? r->host->separator : '+');

	if (n->tags & T(LOCALPART))
		*out = local;
	else if (n->tags & T(DOMAIN))
		*out = domain;
	else if (n->tags & T(USER))
		*out = at < 0 ? local : span_sub(local, 0, (size_t)at);
	else if (n->tags & T(DETAIL))
		*out = at < 0 ? SPAN_NONE : span_from(local, (size_t)at + 1);
	else
		*out = domain.n ? arena_printf(r->a, "%.*s@%.*s", SPAN_F(local), SPAN_F(domain)) : local;
	return !(n->tags & T(DETAIL)) || at >= 0;
}

static int match_addresses(struct sieve_match *m, const struct sieve_node *n, struct span raw)
{
	struct mime_addresses list;
	int k = 0;

	mime_addresses_parse(m->r->a, mime_header_unfold(m->r->a, raw), &list);
	for (size_t i = 0; k == 0 && i < list.count; i++) {
		struct span part;

		if (list.rows[i].group_start || list.rows[i].group_end)
			continue;
		if (address_part(m->r, n, list.rows[i].local, list.rows[i].domain, &part))
			k = match_add(m, part);
	}
	return k;
}

int sieve_run_address(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct span *names, *raw;
	size_t n_names, found;
	struct blocks b;
	int k = match_open(&m, r, n, sieve_arg(n, 1));

	if (k < 0)
		return k;
	if (run_strs(r, sieve_arg(n, 0), &names, &n_names) < 0 || blocks_of(r, n, &b) < 0)
		k = ERR_LIMIT;
	for (size_t p = 0; k == 0 && p < b.n; p++)
		for (size_t i = 0; k == 0 && i < n_names; i++) {
			struct span header = block_header(r, b.part[p]);

			k = run_spend(r, header.n);
			found = k < 0 ? 0 : run_fields(r, header, span_trim(names[i]), run_pick(n), &raw);
			for (size_t j = 0; k == 0 && j < found; j++)
				k = match_addresses(&m, n, raw[j]);
		}
	return match_end(&m, k);
}

int sieve_run_envelope(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_host *h = r->host;
	struct sieve_match m;
	struct span *names, value, part;
	size_t n_names;
	int k = run_delivers(r, n);

	if (k == 0)
		k = match_open(&m, r, n, sieve_arg(n, 1));
	if (k < 0)
		return k;
	if (run_strs(r, sieve_arg(n, 0), &names, &n_names) < 0)
		k = ERR_LIMIT;
	for (size_t i = 0; k == 0 && i < n_names; i++) {
		ssize_t at;

		value = span_ieqz(names[i], "from") ? h->from : span_ieqz(names[i], "to") ? h->to : SPAN_NONE;
		if (!span_ieqz(names[i], "from") && !span_ieqz(names[i], "to"))
			continue;
		at = span_rchr(value, '@');
		if (address_part(r, n, at < 0 ? value : span_sub(value, 0, (size_t)at), at < 0 ? SPAN_NONE : span_from(value, (size_t)at + 1),
			&part))
			k = match_add(&m, part);
	}
	return match_end(&m, k);
}

int sieve_check_size(struct sieve_check *c, struct sieve_node *n)
{
	return n->tags ? 0 : check_fail(c, n, "\"size\" needs \":over\" or \":under\"");
}

int sieve_run_size(struct sieve_run *r, const struct sieve_node *n)
{
	uint64_t size = r->header.n + r->body.n, limit = sieve_arg(n, 0)->number;

	return n->tags & T(OVER) ? size > limit : size < limit;
}

int sieve_check_header(struct sieve_check *c, struct sieve_node *n)
{
	if (n->tags & (TAGS_MIME & ~T(MIME)) && !(n->tags & T(MIME)))
		return check_fail(c, n, "Arguments for MIME parts need \":mime\"");
	if (n->tags & T(MIME) && sieve_need(c, &n->args[0], EXT_MIME, "\":mime\"") < 0)
		return ERR_SYNTAX;
	return sieve_check_match(c, n) < 0 ? ERR_SYNTAX : sieve_check_index(c, n);
}

int sieve_check_address(struct sieve_check *c, struct sieve_node *n)
{
	return sieve_check_header(c, n);
}
