/* imap_filter.c - FILTER keys of searches (RFC 5466): criteria stored as entries of the server, the viewer's before the house's.
 *
 * A filter may name others; FILTER_DEPTH_MAX steps end every loop, FILTERS_MAX and IMAP_SEARCH_KEYS_MAX what one command
 * can become. A filter of several keys stands as if it were in parentheses. */
#include "codec/mime/mime_charset.h"
#include "domain/mail/metadata.h"
#include "proto/imap/imap_int.h"

#define FILTER_DEPTH_MAX 8
#define FILTERS_MAX 100

static const struct span roots[] = { SPAN("/private/filters/values/"), SPAN("/shared/filters/values/") };

struct fill {
	struct imap_call *c;
	struct imap_search *q;
	unsigned left;
};

static int undefined(struct imap_call *c, struct span name, struct err *e)
{
	err_clear(e);
	c->no_code = arena_printf(c->arena, "UNDEFINED-FILTER %.*s", SPAN_F(name)).p;
	return imap_no(e, ERR_MISSING, "No such filter");
}

static int value_of(struct imap_call *c, struct span name, struct span *out, struct err *e)
{
	struct span entry;

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		err_clear(e);
		if (metadata_name(c->arena, arena_printf(c->arena, "%.*s%.*s", SPAN_F(roots[i]), SPAN_F(name)), &entry, e) < 0 ||
			metadata_get(c->org, c->tx, c->arena, c->who, NULL, entry, out, e) == 0)
			break;
		if (e->code != ERR_MISSING)
			return e->code;
	}
	return e->code == ERR_MISSING || e->code == ERR_PARAM ? undefined(c, name, e) : e->code;
}

static int fill(struct fill *f, struct imap_search_key *k, unsigned depth, struct err *e)
{
	struct span name = k->name, value;

	if (k->kind == IMAP_SEARCH_FILTER) {
		if (depth == FILTER_DEPTH_MAX)
			return undefined(f->c, name, e);
		if (!f->left--)
			return imap_no(e, ERR_LIMIT, "Too many filters in one search");
		if (value_of(f->c, name, &value, e) < 0)
			return e->code;
		if (imap_search_fill(f->c->arena, f->q, k, value, e) < 0)
			return e->code == ERR_SYNTAX ? undefined(f->c, name, e) : e->code;
		return fill(f, k, depth + 1, e);
	}
	for (struct imap_search_key *i = k->child; i; i = i->next)
		if (fill(f, i, depth, e) < 0)
			return e->code;
	return 0;
}

int imap_filters_fill(struct imap_call *c, struct imap_search *q, struct err *e)
{
	struct fill f = { c, q, FILTERS_MAX };

	if (q->charset.n && !span_ieqz(q->charset, "UTF-8") && !span_ieqz(q->charset, "US-ASCII")) {
		c->no_code = "BADCHARSET (UTF-8 US-ASCII)";
		return imap_bad(e, "Filters are in UTF-8");
	}
	q->charset = SPAN("UTF-8");
	return fill(&f, q->root, 0, e);
}

int imap_filter_check(struct imap_call *c, struct span entry, struct span value, struct err *e)
{
	struct imap_search_key filter = { .kind = IMAP_SEARCH_FILTER };
	struct imap_search q = { .root = &filter };

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		if (!span_starts(entry, roots[i]))
			continue;
		if (!imap_filter_name(span_from(entry, roots[i].n)))
			return imap_no(e, ERR_PARAM, "Not the name of a filter");
		if (imap_search_fill(c->arena, &q, &filter, value, e) < 0) {
			err_clear(e);
			return imap_no(e, ERR_PARAM, "Not a search criterion");
		}
	}
	return 0;
}
