/* cmd_search.c - SEARCH and UID SEARCH (RFC 9051 6.4.4; RETURN: RFC 4731; SAVE and $: RFC 5182; MODSEQ: RFC 7162;
 * FUZZY, RELEVANCY: RFC 6203).
 * Evaluation: domain/mail/search.h. */
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "codec/mime/mime_charset.h"
#include "domain/mail/search.h"
#include "proto/imap/context.h"

static void save(struct imap_session *s, const struct imap_set *uids)
{
	free(s->saved.v);
	s->saved = (struct imap_set){ 0 };
	if (!uids->n)
		return;
	s->saved.v = malloc(uids->n * sizeof(*uids->v));
	if (!s->saved.v)
		abort();
	memcpy(s->saved.v, uids->v, uids->n * sizeof(*uids->v));
	s->saved.n = s->saved.cap = uids->n;
}

void imap_search_save_result(struct imap_call *c, const struct imap_search *q, const struct imap_set *uids)
{
	struct imap_set ends = { 0 };

	if ((q->ret & IMAP_RETURN_PARTIAL) && !(q->ret & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT))) {
		imap_partial_cut(c->arena, uids, &q->partial, &ends); /* RFC 9394 section 3.1: only what was told */
		save(c->s, &ends);
		return;
	}
	if ((q->ret & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT)) || !(q->ret & (IMAP_RETURN_MIN | IMAP_RETURN_MAX)) || !uids->n) {
		save(c->s, uids);
		return;
	}
	if (q->ret & IMAP_RETURN_MIN)
		imap_set_add(c->arena, &ends, uids->v[0].lo);
	if ((q->ret & IMAP_RETURN_MAX) && (!ends.n || uids->v[uids->n - 1].hi > uids->v[0].lo))
		imap_set_add(c->arena, &ends, uids->v[uids->n - 1].hi);
	save(c->s, &ends);
}

static struct imap_set numbers(struct imap_call *c, const struct imap_set *uids)
{
	struct imap_set_iter it = imap_set_iter(uids);
	struct imap_set seqs = { 0 };
	uint32_t uid;

	if (c->uid)
		return *uids;
	while (imap_set_next(&it, &uid))
		imap_set_add(c->arena, &seqs, uid_set_seq(c->s->view.uids, uid));
	return seqs;
}

static void put_partial(struct imap_call *c, const struct imap_search *q, const struct imap_set *set)
{
	const struct imap_partial *p = &q->partial;
	const char *sign = p->from_end ? "-" : "";
	struct imap_set part;

	buf_addf(c->out, " PARTIAL (%s%u:%s%u ", sign, p->lo, sign, p->hi);
	imap_partial_cut(c->arena, set, p, &part);
	if (part.n)
		imap_set_format(c->out, &part);
	else
		buf_addz(c->out, "NIL");
	buf_addc(c->out, ')');
}

void imap_put_scores(struct buf *b, const uint8_t *scores, size_t from, size_t n)
{
	buf_addz(b, " RELEVANCY (");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(b, ' ');
		buf_addu(b, scores[from + i]);
	}
	buf_addc(b, ')');
}

/* Of the messages that are told: all, or those of PARTIAL. */
static void put_relevancy(struct imap_call *c, const struct imap_search *q, const struct imap_set *set, const uint8_t *scores)
{
	size_t n = imap_set_count(set), lo = 1, hi = n;

	if (q->ret & IMAP_RETURN_PARTIAL)
		imap_partial_bounds(&q->partial, n, &lo, &hi);
	imap_put_scores(c->out, scores, lo - 1, hi >= lo ? hi - lo + 1 : 0);
}

void imap_put_esearch(struct imap_call *c, const struct imap_search *q, const struct imap_set *set, uint64_t modseq,
	const uint8_t *scores, const struct mailbox_row *row)
{
	unsigned ret = q->ret ? q->ret : IMAP_RETURN_ALL;
	struct buf *b = c->out;

	buf_addz(b, "* ESEARCH (TAG ");
	imap_write_quoted(b, c->call->cmd->tag);
	if (row) {
		buf_addz(b, " MAILBOX ");
		imap_write_mailbox(b, row->name, c->s->utf8);
		buf_addf(b, " UIDVALIDITY %u", row->box.uidvalidity);
	}
	buf_addz(b, c->uid ? ") UID" : ")");
	if ((ret & IMAP_RETURN_MIN) && set->n)
		buf_addf(b, " MIN %u", set->v[0].lo);
	if ((ret & IMAP_RETURN_MAX) && set->n)
		buf_addf(b, " MAX %u", set->v[set->n - 1].hi);
	if ((ret & IMAP_RETURN_ALL) && set->n) {
		buf_addz(b, " ALL ");
		imap_set_format(b, set);
	}
	if (ret & IMAP_RETURN_PARTIAL)
		put_partial(c, q, set);
	if (ret & IMAP_RETURN_RELEVANCY)
		put_relevancy(c, q, set, scores);
	if (ret & IMAP_RETURN_COUNT)
		buf_addf(b, " COUNT %llu", (unsigned long long)imap_set_count(set));
	if (q->has_modseq && set->n)
		buf_addf(b, " MODSEQ %llu", (unsigned long long)modseq);
	buf_addz(b, "\r\n");
}

static void put_search(struct imap_call *c, const struct imap_search *q, const struct imap_set *set, uint64_t modseq)
{
	struct imap_set_iter it = imap_set_iter(set);
	uint32_t n;

	buf_addz(c->out, "* SEARCH");
	while (imap_set_next(&it, &n)) {
		buf_addc(c->out, ' ');
		buf_addu(c->out, n);
	}
	if (q->has_modseq && set->n)
		buf_addf(c->out, " (MODSEQ %llu)", (unsigned long long)modseq);
	buf_addz(c->out, "\r\n");
}

void imap_search_save(struct imap_call *c, const struct imap_set *uids)
{
	save(c->s, uids);
}

int imap_search_check(struct imap_call *c, struct imap_search *q, struct err *e)
{
	if (q->charset.n && !mime_charset_known(q->charset)) {
		c->no_code = "BADCHARSET (UTF-8 US-ASCII ISO-8859-1 ISO-8859-15 WINDOWS-1252)";
		return imap_no(e, ERR_PARAM, "Unknown charset");
	}
	if (q->has_filter && imap_filters_fill(c, q, e) < 0)
		return e->code;
	if (q->has_numbers && c->s->uidonly)
		return imap_uid_required(c, e);
	if (q->has_modseq)
		imap_condstore_on(c);
	return 0;
}

int imap_search_run(struct imap_call *c, struct imap_search *q, struct mailbox *box, struct imap_set *found,
	uint64_t *modseq_out, uint8_t **scores_out, struct err *e)
{
	struct mail_search how = { .query = q, .uids = c->s->view.uids, .saved = &c->s->saved, .now_sec = time_real_sec(),
		.scores_out = scores_out, .max = imap_limit(c), .lowest_out = &c->limit_uid,
		.orders = mail_orders(c->call->house->mail), .progress = imap_progress, .progress_arg = c };
	struct imap_set none = { 0 };
	uint64_t modseq;

	if (imap_search_check(c, q, e) < 0)
		return e->code;
	if (imap_box(c, box, e) == 0 && mail_search(c->org, c->tx, c->arena, box, &how, found,
		modseq_out ? modseq_out : &modseq, e) == 0)
		return 0;
	if (q->ret & IMAP_RETURN_SAVE)
		save(c->s, &none);
	return e->code;
}

int imap_search(struct imap_call *c, struct err *e)
{
	struct imap_set found = { 0 }, set;
	struct imap_search q;
	struct mailbox box;
	uint64_t modseq = 0;
	uint8_t *scores;

	if (imap_search_parse(c->arena, &c->args, &q, e) < 0)
		return e->code;
	if (q.charset.n && c->s->utf8_accept)
		return imap_bad(e, "With UTF8=ACCEPT a search names no charset");
	if (imap_search_run(c, &q, &box, &found, &modseq, &scores, e) < 0)
		return e->code;
	set = numbers(c, &found);
	c->text = "SEARCH completed";
	if (q.ret & IMAP_RETURN_SAVE)
		imap_search_save_result(c, &q, &found);
	if (q.ret & IMAP_RETURN_UPDATE)
		context_begin(c, &q, NULL, &found, NULL, 0);
	if (q.has_return && q.ret == IMAP_RETURN_SAVE)
		return 0;
	if (q.has_return || c->s->rev2)
		imap_put_esearch(c, &q, &set, modseq, scores, NULL);
	else
		put_search(c, &q, &set, modseq);
	return 0;
}
