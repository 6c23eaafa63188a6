/* cmd_esearch.c - ESEARCH over many mailboxes, whether or not one is selected (RFC 7377).
 *
 * esearch = "ESEARCH" [SP "IN" SP "(" 1*source [SP "(" scope-options ")"] ")"] [SP return-opts] SP search-program
 * source = "selected" / "selected-delayed" / "inboxes" / "personal" / "subscribed" /
 *          ("subtree" / "subtree-one" / "mailboxes") SP (mailbox / "(" mailbox *(SP mailbox) ")")
 * A mailbox that is not there, may not be read or has no hit is left out. "inboxes" are all of the account: Sieve may
 * deliver anywhere (RFC 5465 section 6.3). No scope options exist yet. One mailbox at a time is in memory.
 * After SLICE_WORK the command makes room for others and goes on with the mailboxes that are left of those it began with. More
 * messages than one command may look at (RFC 9738) are refused at once: no UID could say where it ended. */
#include "base/time.h"
#include "codec/mime/mime_charset.h"
#include "domain/mail/search.h"
#include "proto/imap/imap_int.h"

#define NAMES_MAX 256
#define REPLY_MAX (3u << 20)             /* call->out holds a little less than 4 MiB */
#define SLICE_WORK 20000                 /* messages looked at in one go */
#define MAILBOX_WORK 50                  /* opening one costs as much as so many messages */

struct sources {
	struct mailbox_row *rows;
	bool *take;                      /* one per row */
	size_t n, names;
	bool other;                      /* anything but the selected mailbox was named */
};

enum depth { DEPTH_NAME, DEPTH_CHILDREN, DEPTH_ALL };

static bool below(struct span name, struct span top, enum depth depth)
{
	struct span rest;

	if (span_eq(name, top))
		return true;
	if (depth == DEPTH_NAME || name.n <= top.n || !span_starts(name, top) || name.p[top.n] != MAILBOX_DELIMITER)
		return false;
	rest = span_from(name, top.n + 1);
	return depth == DEPTH_ALL || span_find(rest, SPAN("/")) < 0;
}

static int take_name(struct imap_call *c, struct imap_args *g, struct sources *s, enum depth depth, struct err *e)
{
	struct span wire, name;

	if (!imap_args_astring(g, &wire))
		return imap_bad(e, "Mailbox name expected");
	if (s->names++ == NAMES_MAX)
		return imap_no(e, ERR_LIMIT, "Too many mailbox names");
	if (imap_mailbox_decode(c->arena, wire, c->s->utf8, &name, e) < 0)
		return e->code;
	if (span_ieqz(name, "INBOX"))
		name = SPAN("INBOX");
	for (size_t i = 0; i < s->n; i++)
		s->take[i] |= below(s->rows[i].name, name, depth);
	return 0;
}

static int take_names(struct imap_call *c, struct imap_args *g, struct sources *s, enum depth depth, struct err *e)
{
	struct imap_args list;

	if (!imap_args_list(g, &list))
		return take_name(c, g, s, depth, e);
	do {
		if (take_name(c, &list, s, depth, e) < 0)
			return e->code;
	} while (!imap_args_end(&list));
	return 0;
}

static int take_selected(struct imap_call *c, struct sources *s, struct err *e)
{
	if (c->s->at != ST_SELECTED)
		return imap_bad(e, "No mailbox is selected");
	for (size_t i = 0; i < s->n; i++)
		s->take[i] |= s->rows[i].box.id == c->s->box_id;
	return 0;
}

static int take_source(struct imap_call *c, struct imap_args *g, struct sources *s, struct err *e)
{
	if (imap_args_word(g, "selected") || imap_args_word(g, "selected-delayed"))
		return take_selected(c, s, e);
	s->other = true;
	if (imap_args_word(g, "subtree"))
		return take_names(c, g, s, DEPTH_ALL, e);
	if (imap_args_word(g, "subtree-one"))
		return take_names(c, g, s, DEPTH_CHILDREN, e);
	if (imap_args_word(g, "mailboxes"))
		return take_names(c, g, s, DEPTH_NAME, e);
	if (imap_args_word(g, "personal") || imap_args_word(g, "inboxes")) {
		for (size_t i = 0; i < s->n; i++)
			s->take[i] |= s->rows[i].box.account_id == c->who;
		return 0;
	}
	if (!imap_args_word(g, "subscribed"))
		return imap_bad(e, "Unknown source of a search");
	for (size_t i = 0; i < s->n; i++)
		s->take[i] |= s->rows[i].subscribed;
	return 0;
}

static int take_sources(struct imap_call *c, struct sources *s, struct err *e)
{
	struct imap_args list;

	if (mailbox_list(c->org, c->tx, c->arena, c->who, &s->rows, &s->n, e) < 0)
		return e->code;
	s->take = ARENA_ARRAY(c->arena, bool, s->n + 1);
	if (!imap_args_word(&c->args, "IN"))
		return take_selected(c, s, e);
	if (!imap_args_list(&c->args, &list) || imap_args_end(&list))
		return imap_bad(e, "Sources of the search expected");
	do {
		if (take_source(c, &list, s, e) < 0)
			return e->code;
	} while (!imap_args_end(&list));
	return 0;
}

static int check(struct imap_call *c, struct imap_search *q, const struct sources *s, struct err *e)
{
	if (imap_search_check(c, q, e) < 0)
		return e->code;
	if (q->ret & (IMAP_RETURN_UPDATE | IMAP_RETURN_CONTEXT))
		return imap_bad(e, "UPDATE and CONTEXT are those of SEARCH and SORT");
	if (s->other && (q->has_numbers || q->has_saved || (q->ret & IMAP_RETURN_SAVE)))
		return imap_bad(e, "Message numbers, $ and SAVE are those of the selected mailbox");
	return 0;
}

static int search_in(struct imap_call *c, const struct imap_search *q, struct arena *a, const struct mailbox_row *row,
	const struct uid_set *uids, struct err *e)
{
	struct mail_search how = { .query = q, .uids = uids, .saved = &c->s->saved, .now_sec = time_real_sec(),
		.orders = mail_orders(c->call->house->mail) };
	struct imap_set found = { 0 };
	size_t before = c->out->n;
	struct mailbox box;
	uint64_t modseq;
	uint8_t *scores;

	how.scores_out = &scores;
	if (mailbox_get(c->org, c->tx, a, row->box.id, &box, e) < 0 ||
		mail_search(c->org, c->tx, a, &box, &how, &found, &modseq, e) < 0)
		return e->code;
	if (q->ret & IMAP_RETURN_SAVE)
		imap_search_save_result(c, q, &found);
	if (found.n && q->ret != IMAP_RETURN_SAVE)
		imap_put_esearch(c, q, &found, modseq, scores, row);
	if (!c->out->failed && c->out->n < REPLY_MAX)
		return 0;
	c->out->n = before;              /* no half of an answer */
	c->out->failed = false;
	return imap_no(e, ERR_LIMIT, "Too many hits, please ask for COUNT or fewer mailboxes");
}

static int search_row(struct imap_call *c, const struct imap_search *q, struct arena *a, const struct mailbox_row *row,
	struct err *e)
{
	struct mail_view v;
	int r;

	if (c->s->at == ST_SELECTED && row->box.id == c->s->box_id) /* what the client knows */
		return search_in(c, q, a, row, c->s->view.uids, e);
	if (mail_view_open(c->call->house->mail, c->tx, row->box.id, &v, e) < 0)
		return e->code;
	r = search_in(c, q, a, row, v.uids, e);
	mail_view_close(&v);
	return r;
}

static bool searched(const struct sources *s, size_t i)
{
	return s->take[i] && s->rows[i].box.id && (s->rows[i].box.rights & RIGHT_READ);
}

/* The mailboxes of the whole command, in the session's hands until it ends (imap.c). */
static int begin(struct imap_call *c, const struct sources *s, struct err *e)
{
	uint64_t messages = 0;

	imap_more_end(c->s);
	for (size_t i = 0; i < s->n; i++)
		messages += searched(s, i) ? s->rows[i].box.messages : 0;
	if (messages > imap_limit(c)) {
		c->no_code = arena_printf(c->arena, "MESSAGELIMIT %llu", (unsigned long long)imap_limit(c)).p;
		return imap_no(e, ERR_LIMIT, "Too many messages, please name fewer mailboxes");
	}
	imap_more_begin(c);
	c->s->more_boxes = ARENA_ARRAY(c->s->more, uint64_t, s->n + 1);
	for (size_t i = 0; i < s->n; i++)
		if (searched(s, i))
			c->s->more_boxes[c->s->more_nboxes++] = s->rows[i].box.id;
	return 0;
}

static const struct mailbox_row *row_of(const struct sources *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].box.id == id)
			return searched(s, i) ? &s->rows[i] : NULL;
	return NULL;
}

/* From mailbox `at` on, as far as it goes in one go. */
static int slice(struct imap_call *c, const struct imap_search *q, const struct sources *s, size_t at, struct err *e)
{
	SCOPED_ARENA scratch = arena_new();
	uint64_t work = 0;

	for (; at < c->s->more_nboxes && work < SLICE_WORK && c->out->n < IMAP_MORE_LEN; at++) {
		const struct mailbox_row *row = row_of(s, c->s->more_boxes[at]);

		imap_progress(c, at, c->s->more_nboxes);
		if (!row)
			continue;
		if (search_row(c, q, scratch, row, e) < 0)
			return e->code;
		work += row->box.messages + MAILBOX_WORK;
		arena_reset(scratch);
	}
	if (at >= c->s->more_nboxes)
		return 0;
	c->call->reply->next = NEXT_MORE;
	c->call->reply->cursor = at;
	c->answered = true;
	return 0;
}

int imap_esearch(struct imap_call *c, struct err *e)
{
	bool more = c->call->cmd->flags & CMD_MORE;
	struct sources s = { 0 };
	struct imap_search q;

	if (more)
		c->args = imap_args(c->s->more_tok, c->s->more_ntok);
	c->call->reply->next = NEXT_READ;
	if (take_sources(c, &s, e) < 0 || imap_search_parse(c->arena, &c->args, &q, e) < 0 || check(c, &q, &s, e) < 0 ||
		(!more && begin(c, &s, e) < 0))
		return e->code;
	c->text = "ESEARCH completed";
	return slice(c, &q, &s, more ? (size_t)c->call->cmd->cursor : 0, e);
}
