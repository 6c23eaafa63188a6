/* cmd_create.c - CREATE with USE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4-6.3.8, RFC 6154 section 3). */
#include "proto/imap/notify.h"

/* create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")" */
static int create_use(struct imap_call *c, enum mailbox_special *special_out, struct err *e)
{
	struct imap_args list, uses;
	struct span use;

	*special_out = SPECIAL_NONE;
	if (imap_args_end(&c->args))
		return 0;
	if (!imap_args_list(&c->args, &list) || !imap_args_word(&list, "USE") || !imap_args_list(&list, &uses) ||
		!imap_args_end(&list))
		return imap_bad(e, "CREATE takes (USE (...))");
	if (imap_args_atom(&uses, &use)) {
		*special_out = imap_special_parse(use);
		if (!*special_out || !imap_args_end(&uses)) {
			c->no_code = "USEATTR";
			return imap_no(e, ERR_PARAM, "This use is not offered");
		}
	}
	return imap_arg_end(c, e);
}

int imap_create(struct imap_call *c, struct err *e)
{
	enum mailbox_special special;
	struct mailbox box;
	struct span name;

	if (imap_arg_mailbox(c, &name, e) < 0 || create_use(c, &special, e) < 0)
		return e->code;
	if (name.n > 1 && name.p[name.n - 1] == MAILBOX_DELIMITER)
		name.n--;
	notify_own(c, name);
	if (mailbox_create(c->org, c->tx, c->arena, c->who, name, special, &box, e) < 0)
		return e->code;
	c->code = arena_printf(c->arena, "MAILBOXID (F%llu)", (unsigned long long)box.id);
	c->text = "CREATE completed";
	return 0;
}

int imap_delete(struct imap_call *c, struct err *e)
{
	struct span name;

	if (imap_arg_mailbox(c, &name, e) < 0 || imap_arg_end(c, e) < 0)
		return e->code;
	notify_own(c, name);
	return mailbox_delete(c->org, c->tx, c->arena, c->who, name, e);
}

int imap_rename(struct imap_call *c, struct err *e)
{
	struct span from, to;

	if (imap_arg_mailbox(c, &from, e) < 0 || imap_arg_mailbox(c, &to, e) < 0 || imap_arg_end(c, e) < 0)
		return e->code;
	notify_own(c, from);
	notify_own(c, to);
	return mailbox_rename(c->org, c->tx, c->arena, c->who, from, to, e);
}

static int subscribe(struct imap_call *c, bool on, struct err *e)
{
	struct span name;

	if (imap_arg_mailbox(c, &name, e) < 0 || imap_arg_end(c, e) < 0)
		return e->code;
	notify_own(c, name);
	return mailbox_subscribe(c->org, c->tx, c->arena, c->who, name, on, e);
}

int imap_subscribe(struct imap_call *c, struct err *e)
{
	return subscribe(c, true, e);
}

int imap_unsubscribe(struct imap_call *c, struct err *e)
{
	return subscribe(c, false, e);
}
