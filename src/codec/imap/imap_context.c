#include "codec/imap/imap_context.h"
#include "base/scan.h"

/* "*" stands for another message as soon as one comes, unless it only closes a range that begins among those there are. */
static bool set_stays(struct span set, uint32_t max)
{
	while (set.n) {
		struct span part = span_cut(&set, ','), lo = span_cut(&part, ':');
		uint64_t n;

		if (span_eqz(lo, "*")) { /* "*:5" is "5:*" */
			lo = part;
			part = SPAN("*");
		}
		if (!span_eqz(part, "*"))
			continue;
		if (!span_num(lo, &n, 1, UINT32_MAX) || n > (max ? max : 1))
			return false;
	}
	return true;
}

static enum imap_context_kind key_kind(const struct imap_search_key *k, uint32_t max)
{
	enum imap_context_kind kind = IMAP_CONTEXT_FIXED, child;

	switch (k->kind) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
		for (const struct imap_search_key *i = k->child; i && kind; i = i->next) {
			child = key_kind(i, max);
			kind = child == IMAP_CONTEXT_FIXED ? kind : child;
		}
		return kind;
	case IMAP_SEARCH_UID:
		return set_stays(k->set, max) ? IMAP_CONTEXT_FIXED : IMAP_CONTEXT_NOT;
	case IMAP_SEARCH_FLAG:
	case IMAP_SEARCH_MODSEQ:
		return IMAP_CONTEXT_FLAGS;
	case IMAP_SEARCH_ALL:
	case IMAP_SEARCH_RECENT:
	case IMAP_SEARCH_HEADER:
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
	case IMAP_SEARCH_BEFORE:
	case IMAP_SEARCH_ON:
	case IMAP_SEARCH_SINCE:
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
	case IMAP_SEARCH_SAVEDBEFORE:
	case IMAP_SEARCH_SAVEDON:
	case IMAP_SEARCH_SAVEDSINCE:
	case IMAP_SEARCH_SAVEDATESUPPORTED:
	case IMAP_SEARCH_LARGER:
	case IMAP_SEARCH_SMALLER:
	case IMAP_SEARCH_EMAILID:
	case IMAP_SEARCH_THREADID:
		return IMAP_CONTEXT_FIXED;
	default:
		return IMAP_CONTEXT_NOT;
	}
}

enum imap_context_kind imap_context_kind(const struct imap_search *q, uint32_t max_uid)
{
	return key_kind(q->root, max_uid);
}

static struct imap_search_key *key_copy(struct arena *a, const struct imap_search_key *k)
{
	struct imap_search_key *first = NULL, **at = &first;

	for (; k; k = k->next) {
		*at = ARENA_NEW(a, struct imap_search_key);
		**at = *k;
		(*at)->name = arena_span(a, k->name);
		(*at)->value = arena_span(a, k->value);
		(*at)->set = arena_span(a, k->set);
		(*at)->child = key_copy(a, k->child);
		at = &(*at)->next;
	}
	return first;
}

void imap_search_copy(struct arena *a, const struct imap_search *q, struct imap_search *out)
{
	*out = *q;
	out->charset = arena_span(a, q->charset);
	out->root = key_copy(a, q->root);
}

void imap_context_change(struct arena *a, const struct imap_set *found, const struct imap_set *looked, const struct imap_set *hits,
	struct imap_context_change *out)
{
	struct imap_set_iter old = imap_set_iter(found), it = imap_set_iter(looked), fresh;
	uint32_t uid, add = 0;
	bool more;

	*out = (struct imap_context_change){ 0 };
	while (imap_set_next(&it, &uid))
		if (imap_set_contains(found, uid) && !imap_set_contains(hits, uid))
			imap_set_add(a, &out->removed, uid);
	it = imap_set_iter(hits);
	while (imap_set_next(&it, &uid))
		if (!imap_set_contains(found, uid))
			imap_set_add(a, &out->added, uid);
	fresh = imap_set_iter(&out->added);
	more = imap_set_next(&fresh, &add);
	while (imap_set_next(&old, &uid)) {
		for (; more && add < uid; more = imap_set_next(&fresh, &add))
			imap_set_add(a, &out->now, add);
		if (!imap_set_contains(&out->removed, uid))
			imap_set_add(a, &out->now, uid);
	}
	for (; more; more = imap_set_next(&fresh, &add))
		imap_set_add(a, &out->now, add);
}
