/* ext_mime.c - what looks inside: body (RFC 5173), foreverypart and extracttext (RFC 5703), editheader (RFC 5293). */
#include "codec/sieve/sieve_int.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_word.h"
#include <string.h>

#define TEXT_MAX 1048576     /* octets of one part that a test looks at */

/* Does content type "a/b" of a part match one of the list: "a/b", "a" or "" (section 5.2)? */
static bool type_wanted(const struct mime_part *p, const struct span *types, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct span t = types[i], major = span_cut(&t, '/');

		if (!types[i].n || (span_ieq(major, p->type) && (span_chr(types[i], '/') < 0 || span_ieq(t, p->subtype))))
			return true;
	}
	return false;
}

static struct span part_body(struct sieve_run *r, const struct mime_part *p)
{
	return span_sub(r->host->message, p->body_off, p->body_len);
}

/* Every part that is wanted, one after the other. */
static int match_parts(struct sieve_match *m, const struct mime_part *p, const struct span *types, size_t n)
{
	struct sieve_run *r = m->r;
	int k = run_spend(r, 64);

	if (k == 0 && p->kind == MIME_LEAF && (types ? type_wanted(p, types, n) : span_ieqz(p->type, "text"))) {
		k = run_spend(r, p->body_len < TEXT_MAX ? p->body_len : TEXT_MAX);
		if (k == 0)
			k = match_add(m, span_ieqz(p->type, "text") && !types ? mime_body_text(r->a, r->host->message, p, TEXT_MAX) :
				mime_charset_utf8(r->a, mime_body_decode(r->a, part_body(r, p), p->encoding, TEXT_MAX),
					mime_param_value(r->a, p->params, p->param_count, "charset"), TEXT_MAX));
	} else if (k == 0 && types && p->kind == MIME_MESSAGE && type_wanted(p, types, n)) {
		struct span inner = part_body(r, p);

		k = match_add(m, span_sub(inner, 0, mime_header_len(inner)));   /* section 5.2: the header of the message */
	}
	for (const struct mime_part *c = p->child; c && k == 0; c = c->next)
		k = match_parts(m, c, types, n);
	return k;
}

int sieve_run_body(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *types = sieve_tag_arg(n, TAG_CONTENT);
	struct mime_part *root;
	struct sieve_match m;
	struct span *wanted = NULL, groups[10];
	size_t n_wanted = 0, n_groups = r->n_matched;
	int k = match_open(&m, r, n, sieve_arg(n, 0));

	if (k < 0)
		return k;
	memcpy(groups, r->matched, sizeof(groups));
	if (types && run_strs(r, types, &wanted, &n_wanted) < 0)
		k = ERR_LIMIT;
	else if (n->tags & T(RAW))
		k = match_add(&m, span_sub(r->body, 0, TEXT_MAX));
	else if (run_root(r, &root) < 0)
		k = ERR_LIMIT;
	else
		k = match_parts(&m, root, wanted, n_wanted);
	memcpy(r->matched, groups, sizeof(groups));       /* section 6: body sets no match variables */
	r->n_matched = n_groups;
	return match_end(&m, k);
}

/* ---- foreverypart ---- */

int sieve_check_foreverypart(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_arg(n, TAG_NAME);
	int k;

	if (c->loops == 8)
		return check_fail(c, n, "\"foreverypart\" is nested too deeply");
	c->loop_names[c->loops++] = name ? name->v[0] : SPAN_NONE;
	k = sieve_check_block(c, n->block);
	c->loops--;
	return k;
}

int sieve_check_break(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_arg(n, TAG_NAME);

	if (!c->loops)
		return check_fail(c, n, "\"break\" belongs into \"foreverypart\"");
	for (size_t i = 0; name && i <= c->loops; i++)
		if (i == c->loops)
			return check_fail(c, name, "There is no loop of this name around");
		else if (span_eq(c->loop_names[i], name->v[0]))
			break;
	return 0;
}

/* Children in depth-first order; the part itself is not its own child (section 3: all parts of the message). */
static int each_part(struct sieve_run *r, const struct sieve_node *n, struct mime_part *p)
{
	int k = 0;

	for (; p && k == 0 && r->state == RUN_GO; p = p->next) {
		r->part = p;
		k = run_block(r, n->block);
		if (k == 0 && r->state == RUN_GO && p->child)
			k = each_part(r, n, p->child);
	}
	return k;
}

int sieve_run_foreverypart(struct sieve_run *r, const struct sieve_node *n)
{
	struct mime_part *before = r->part, *root;
	int k;

	if (run_root(r, &root) < 0)
		return ERR_LIMIT;
	r->loops[r->loop_depth++] = n;
	if (before)
		k = each_part(r, n, before->child);
	else
		k = each_part(r, n, root);
	r->loop_depth--;
	r->part = before;
	if (r->state == RUN_BREAK && r->break_to == n)
		r->state = RUN_GO;
	return k;
}

int sieve_run_break(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *name = sieve_tag_arg(n, TAG_NAME);

	for (unsigned i = r->loop_depth; i > 0; i--) {
		const struct sieve_value *of = sieve_tag_arg(r->loops[i - 1], TAG_NAME);

		if (!name || (of && span_eq(of->v[0], name->v[0]))) {
			r->break_to = r->loops[i - 1];
			r->state = RUN_BREAK;
			return 0;
		}
	}
	return run_fail(r, n, "There is no loop to break");
}

int sieve_run_extracttext(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *first = sieve_tag_arg(n, TAG_FIRST);
	struct span text;
	size_t chars = 0, i = 0;

	if (!r->part)
		return run_fail(r, n, "\"extracttext\" belongs into \"foreverypart\"");
	if (run_spend(r, r->part->body_len < TEXT_MAX ? r->part->body_len : TEXT_MAX) < 0)
		return ERR_LIMIT;
	text = mime_body_text(r->a, r->host->message, r->part, TEXT_MAX);
	for (; first && i < text.n; i++) {
		chars += ((unsigned char)text.p[i] & 0xC0) != 0x80;
		if (chars > first->number)
			break;
	}
	return run_var_set(r, n, sieve_arg(n, 0)->v[0], first ? span_sub(text, 0, i) : text);
}

/* ---- editheader ---- */

static bool field_name_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127 || s.p[i] == ':')
			return false;
	return s.n > 0 && s.n <= 76;
}

/* Fields that tell where a message came from are not a script's to change (section 6); what cannot be is ignored. */
static bool fixed(struct span name)
{
	static const char *const names[] = { "Received", "Auto-Submitted", "Return-Path", "Authentication-Results",
		"X-Kontor-Loop", "X-Sieve-Redirected" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (span_ieqz(name, names[i]))
			return true;
	return false;
}

int sieve_run_addheader(struct sieve_run *r, const struct sieve_node *n)
{
	struct span name, value;
	size_t head = r->header.n;
	SCOPED_BUF b;

	buf_init(&b, r->header.n + 8 * SIEVE_VALUE_MAX);
	if (run_str(r, sieve_arg(n, 0)->v[0], &name) < 0 || run_str(r, sieve_arg(n, 1)->v[0], &value) < 0 ||
		run_spend(r, r->header.n) < 0)
		return ERR_LIMIT;
	name = span_trim(name);
	if (!field_name_ok(name))
		return run_fail(r, n, "This is no name of a header field");
	if (fixed(name) || value.n > SIEVE_VALUE_MAX)
		return 0;
	if (n->tags & T(LAST)) {
		while (head && (r->header.p[head - 1] == '\n' || r->header.p[head - 1] == '\r') &&
			(head == 1 || r->header.p[head - 2] == '\n' || r->header.p[head - 2] == '\r'))
			head--;
		buf_add(&b, span_sub(r->header, 0, head));
	}
	SCOPED_BUF word;
	buf_init(&word, 8 * SIEVE_VALUE_MAX);
	mime_word_encode(&word, value, false);
	mime_header_add(&b, arena_strz(r->a, name), buf_span(&word));
	buf_add(&b, n->tags & T(LAST) ? span_from(r->header, head) : r->header);
	if (!b.failed && !word.failed)
		r->header = arena_span(r->a, buf_span(&b));
	return b.failed || word.failed ? run_fail(r, n, "The header grows too large") : 0;
}

int sieve_check_deleteheader(struct sieve_check *c, struct sieve_node *n)
{
	if (n->n_args - n->n_tags == 2 && sieve_check_match(c, n) < 0)
		return ERR_SYNTAX;
	if (n->tags & T(LAST) && !(n->tags & T(INDEX)))
		return check_fail(c, n, "\":last\" needs \":index\"");
	return n->n_args - n->n_tags == 1 && n->tags & TAGS_MATCH ? check_fail(c, n, "A match needs values to match") : 0;
}

static int field_goes(struct sieve_run *r, struct sieve_match *m, const struct sieve_node *n, struct span value, size_t at, size_t count)
{
	struct sieve_pick pick = run_pick(n);

	if (pick.index && at != (pick.last ? count + 1 - (size_t)pick.index : (size_t)pick.index))
		return 0;
	return sieve_arg(n, 1) ? match_add(m, run_text(r, value)) : 1;
}

int sieve_run_deleteheader(struct sieve_run *r, const struct sieve_node *n)
{
	struct span name, rest = r->header;
	struct mime_field f;
	struct sieve_match m = { 0 };
	size_t at = 0, count;
	int k = 0;
	SCOPED_BUF b;

	buf_init(&b, r->header.n + 1);
	if (run_str(r, sieve_arg(n, 0)->v[0], &name) < 0 || run_spend(r, r->header.n) < 0)
		return ERR_LIMIT;
	if (!field_name_ok(name))
		return run_fail(r, n, "This is no name of a header field");
	if (fixed(name))
		return 0;
	if (sieve_arg(n, 1) && match_open(&m, r, n, sieve_arg(n, 1)) < 0)
		return ERR_PARAM;
	count = mime_header_count(r->header, arena_strz(r->a, name));
	while (k >= 0 && mime_header_next(&rest, &f)) {
		k = span_ieq(f.name, name) ? field_goes(r, &m, n, f.value, ++at, count) : 0;
		if (k == 0)
			buf_add(&b, f.raw);
	}
	match_end(&m, 1);
	buf_add(&b, rest);
	if (k < 0)
		return k;
	if (b.n != r->header.n)
		r->header = arena_span(r->a, buf_span(&b));
	return 0;
}
