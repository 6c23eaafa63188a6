/* cmd_uidbatches.c - UIDBATCHES (RFC 10022, built by what is public of its drafts and of other servers' tests): UID ranges with
 * `size` messages each, the newest first, from the UID of one message to that of another; the last reaches down to 1.
 *
 * uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]      batches of that rank only
 * "$" is left alone. */
#include "proto/imap/imap_int.h"

#define BATCH_MIN 500
#define SPAN_MAX 100000                  /* messages in the batches of a range */

struct batches {
	uint64_t size, first, last;
};

static int range(struct imap_call *c, struct batches *b, struct err *e)
{
	struct imap_args lo = { 0 }, hi = { 0 };
	struct span text, first;
	struct tok t[2];

	b->first = 1;
	b->last = UINT32_MAX;
	if (imap_args_end(&c->args))
		return 0;
	if (!imap_args_atom(&c->args, &text) || span_find(text, SPAN(":")) < 0)
		return imap_bad(e, "Range of batches expected");
	first = span_cut(&text, ':');
	t[0] = (struct tok){ .kind = TOK_ATOM, .text = first };
	t[1] = (struct tok){ .kind = TOK_ATOM, .text = text };
	lo = imap_args(&t[0], 1);
	hi = imap_args(&t[1], 1);
	if (!imap_args_number(&lo, &b->first, 1, UINT32_MAX) || !imap_args_number(&hi, &b->last, 1, UINT32_MAX))
		return imap_bad(e, "Range of batches expected");
	if (b->first > b->last) {
		c->no_code = "CLIENTBUG";
		return imap_bad(e, "The range is upside down");
	}
	if (b->size * (b->last - b->first + 1) > SPAN_MAX) {
		c->no_code = "TOOMANY";
		return imap_no(e, ERR_LIMIT, "Too many messages in this range of batches");
	}
	return imap_arg_end(c, e);
}

static int parse(struct imap_call *c, struct batches *b, struct err *e)
{
	if (!imap_args_number(&c->args, &b->size, 1, UINT32_MAX))
		return imap_bad(e, "Size of a batch expected");
	if (range(c, b, e) < 0)
		return e->code;
	if (b->size >= BATCH_MIN)
		return 0;
	c->no_code = "TOOFEW";
	return imap_no(e, ERR_LIMIT, "A batch has at least 500 messages");
}

int imap_uidbatches(struct imap_call *c, struct err *e)
{
	const struct uid_set *uids = c->s->view.uids;
	uint64_t left = uid_set_count(uids), rank = 1;
	uint32_t high = uid_set_max(uids), low;
	struct batches b = { 0 };
	char sep = ' ';

	if (parse(c, &b, e) < 0)
		return e->code;
	buf_addz(c->out, "* UIDBATCHES (TAG ");
	imap_write_quoted(c->out, c->call->cmd->tag);
	buf_addc(c->out, ')');
	for (; left && rank <= b.last; rank++, high = left ? uid_set_uid(uids, (uint32_t)left) : 0) {
		left -= b.size < left ? b.size : left;
		low = left ? uid_set_uid(uids, (uint32_t)left + 1) : 1;
		if (rank < b.first)
			continue;
		buf_addf(c->out, "%c%u:%u", sep, high, low);
		sep = ',';
	}
	buf_addz(c->out, "\r\n");
	c->text = "UIDBATCHES completed";
	return 0;
}
