/* cmd_status.c - STATUS (RFC 9051 6.3.11, 7162, 8438, 8474, 7889), also for LIST RETURN (STATUS (...)). */
#include "codec/imap/imap_frame.h"
#include "proto/imap/imap_int.h"

static const char *const names[] = { "MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE",
	"HIGHESTMODSEQ", "RECENT", "MAILBOXID",
	"APPENDLIMIT" };
#define NAMES (sizeof(names) / sizeof(*names))

int imap_status_parse(struct imap_call *c, struct imap_args *g, unsigned *items_out, struct err *e)
{
	struct imap_args list;
	struct span word;

	*items_out = 0;
	if (!imap_args_list(g, &list))
		return imap_bad(e, "STATUS takes a list of items");
	while (imap_args_atom(&list, &word)) {
		size_t i = 0;

		while (i < NAMES && !span_ieqz(word, names[i]))
			i++;
		if (i == NAMES)
			return imap_bad(e, "Unknown STATUS item");
		*items_out |= 1u << i;
		if (i == 6)
			imap_condstore_on(c);
	}
	return *items_out && imap_args_end(&list) ? 0 : imap_bad(e, "STATUS takes a list of items");
}

void imap_status_put(struct imap_call *c, struct span name, const struct mailbox *box, unsigned items)
{
	const uint64_t values[NAMES] = { box->messages, box->uidnext, box->uidvalidity, box->unseen, box->deleted,
		box->bytes, box->modseq, 0, box->id, imap_limits_post_auth.literal_max };
	const char *sep = "";

	buf_addz(c->out, "* STATUS ");
	imap_write_mailbox(c->out, name, c->s->utf8);
	buf_addz(c->out, " (");
	for (size_t i = 0; i < NAMES; i++) {
		if (!(items >> i & 1))
			continue;
		buf_addf(c->out, "%s%s ", sep, names[i]);
		if (i == 8)
			buf_addf(c->out, "(F%llu)", (unsigned long long)values[i]);
		else
			buf_addu(c->out, values[i]);
		sep = " ";
	}
	buf_addz(c->out, ")\r\n");
}

int imap_status_cmd(struct imap_call *c, struct err *e)
{
	struct mailbox box;
	struct span name;
	unsigned items;

	if (imap_arg_mailbox(c, &name, e) < 0 || imap_status_parse(c, &c->args, &items, e) < 0 ||
		imap_arg_end(c, e) < 0 || mailbox_find(c->org, c->tx, c->arena, c->who, name, &box, e) < 0)
		return e->code;
	if (mailbox_need(&box, RIGHT_READ, e) < 0)
		return e->code;
	imap_status_put(c, name, &box, items);
	return 0;
}
