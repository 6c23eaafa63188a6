/* cmd_any.c - the greeting, CAPABILITY, NOOP, CHECK, LOGOUT, ID, STARTTLS, ENABLE, NAMESPACE (RFC 9051 6.1, 6.2.1). */
#include "proto/imap/imap_int.h"

#define ID_PAIRS_MAX 30

int imap_greeting(struct imap_call *c, struct err *e)
{
	(void)e;
	buf_addz(c->out, "* OK [");
	imap_capability(c, c->out);
	buf_addf(c->out, "] %s ready\r\n", c->call->house->hostname);
	c->answered = true;
	return 0;
}

int imap_cmd_capability(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	buf_addz(c->out, "* ");
	imap_capability(c, c->out);
	buf_addz(c->out, "\r\n");
	return 0;
}

int imap_noop(struct imap_call *c, struct err *e)
{
	return imap_arg_end(c, e);
}

int imap_check(struct imap_call *c, struct err *e)
{
	return imap_arg_end(c, e);
}

int imap_logout(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	imap_unselect(c);
	buf_addz(c->out, "* BYE Good bye\r\n");
	c->call->reply->next = NEXT_CLOSE;
	return 0;
}

/* id_params_list = "(" string SP nstring *(SP string SP nstring) ")" / nil, at most 30 pairs */
int imap_id(struct imap_call *c, struct err *e)
{
	struct imap_args list;
	struct span name, value;
	unsigned n = 0;

	if (imap_args_is_list(&c->args)) {
		if (!imap_args_list(&c->args, &list))
			return imap_bad(e, "ID takes a list");
		while (!imap_args_end(&list)) {
			if (!imap_args_string(&list, &name) || !imap_args_nstring(&list, &value))
				return imap_bad(e, "ID takes pairs of strings");
			if (++n > ID_PAIRS_MAX || name.n > 30 || value.n > 1024)
				return imap_bad(e, "ID is too long");
		}
	} else if (!imap_args_nstring(&c->args, &value) || value.p) {
		return imap_bad(e, "ID takes a list or NIL");
	}
	if (imap_arg_end(c, e) < 0)
		return e->code;
	buf_addz(c->out, "* ID (\"name\" \"kontor\")\r\n");
	return 0;
}

int imap_starttls(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	if (c->call->session->peer.tls)
		return imap_bad(e, "TLS is in use already");
	c->text = "Begin TLS negotiation now";
	c->call->reply->next = NEXT_STARTTLS;
	return 0;
}

int imap_enable(struct imap_call *c, struct err *e)
{
	static const char *const known[] = { "CONDSTORE", "QRESYNC", "IMAP4rev2", "UTF8=ACCEPT", "UIDONLY" };
	enum { CONDSTORE = 1, QRESYNC = 2, REV2 = 4, UTF8 = 8, UIDONLY = 16 };
	unsigned asked = 0;
	struct span word;
	unsigned n = 0;

	for (; imap_args_atom(&c->args, &word); n++)
		for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
			asked |= span_ieqz(word, known[i]) ? 1u << i : 0;
	if (!n)
		return imap_bad(e, "ENABLE takes capabilities");
	if (imap_arg_end(c, e) < 0)
		return e->code;
	buf_addz(c->out, "* ENABLED");
	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (asked >> i & 1)
			buf_addf(c->out, " %s", known[i]);
	buf_addz(c->out, "\r\n");
	if (asked & (CONDSTORE | QRESYNC))
		imap_condstore_on(c);
	c->s->qresync |= (asked & QRESYNC) != 0;
	c->s->rev2 |= (asked & REV2) != 0;
	c->s->uidonly |= (asked & UIDONLY) != 0;
	c->s->utf8_accept |= (asked & UTF8) != 0;
	c->s->utf8 = c->s->rev2 || c->s->utf8_accept;
	return 0;
}

int imap_namespace(struct imap_call *c, struct err *e)
{
	if (imap_arg_end(c, e) < 0)
		return e->code;
	buf_addz(c->out, "* NAMESPACE ((\"\" \"/\")) NIL ((\"" MAILBOX_SHARED "/\" \"/\"))\r\n");
	return 0;
}
