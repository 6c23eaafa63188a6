/* cmd_acl.c - SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 section 3), MYRIGHTS for LIST (RFC 8440). */
#include "domain/mail/acl.h"
#include "proto/imap/imap_int.h"

/* mailbox SP identifier, and the right to administer it */
static int mailbox_and_identifier(struct imap_call *c, struct mailbox *box, struct span *name, struct span *identifier,
	struct err *e)
{
	if (imap_arg_mailbox(c, name, e) < 0)
		return e->code;
	if (identifier && (!imap_args_astring(&c->args, identifier) || !identifier->n))
		return imap_bad(e, "Identifier expected");
	if (mailbox_find(c->org, c->tx, c->arena, c->who, *name, box, e) < 0)
		return e->code;
	return mailbox_need(box, RIGHT_ADMIN, e);
}

int imap_setacl(struct imap_call *c, struct err *e)
{
	enum acl_change how = ACL_REPLACE;
	struct span name, identifier, letters;
	struct mailbox box;
	uint32_t rights;

	if (mailbox_and_identifier(c, &box, &name, &identifier, e) < 0)
		return e->code;
	if (!imap_args_astring(&c->args, &letters))
		return imap_bad(e, "Rights expected");
	if (imap_arg_end(c, e) < 0)
		return e->code;
	if (span_starts(letters, SPAN("+")) || span_starts(letters, SPAN("-"))) {
		how = letters.p[0] == '+' ? ACL_ADD : ACL_REMOVE;
		letters = span_from(letters, 1);
	}
	if (acl_letters_parse(letters, &rights, e) < 0)
		return *e = (struct err)ERR_INIT, imap_bad(e, "There is no such right");
	c->text = "SETACL completed";
	return acl_set(c->org, c->tx, c->arena, &box, identifier, how, rights, e);
}

int imap_deleteacl(struct imap_call *c, struct err *e)
{
	struct span name, identifier;
	struct mailbox box;

	if (mailbox_and_identifier(c, &box, &name, &identifier, e) < 0 || imap_arg_end(c, e) < 0)
		return e->code;
	c->text = "DELETEACL completed";
	return acl_set(c->org, c->tx, c->arena, &box, identifier, ACL_REPLACE, 0, e);
}

static void put_head(struct imap_call *c, const char *word, struct span name)
{
	buf_addf(c->out, "* %s ", word);
	imap_write_mailbox(c->out, name, c->s->utf8);
}

int imap_getacl(struct imap_call *c, struct err *e)
{
	struct acl_entry *v;
	struct span name;
	struct mailbox box;
	size_t n;

	if (mailbox_and_identifier(c, &box, &name, NULL, e) < 0 || imap_arg_end(c, e) < 0 ||
		acl_list(c->org, c->tx, c->arena, &box, &v, &n, e) < 0)
		return e->code;
	put_head(c, "ACL", name);
	for (size_t i = 0; i < n; i++) {
		buf_addc(c->out, ' ');
		imap_write_string(c->out, v[i].identifier, c->s->utf8);
		buf_addc(c->out, ' ');
		acl_letters_put(c->out, v[i].rights);
	}
	buf_addz(c->out, "\r\n");
	c->text = "GETACL completed";
	return 0;
}

/* Always there, then what may be given, each by itself (section 3.7). */
int imap_listrights(struct imap_call *c, struct err *e)
{
	struct span name, identifier;
	struct mailbox box;
	bool owner;

	if (mailbox_and_identifier(c, &box, &name, &identifier, e) < 0 || imap_arg_end(c, e) < 0 ||
		acl_is_owner(c->org, c->tx, c->arena, &box, identifier, &owner, e) < 0)
		return e->code;
	put_head(c, "LISTRIGHTS", name);
	buf_addc(c->out, ' ');
	imap_write_string(c->out, identifier, c->s->utf8);
	buf_addz(c->out, owner ? " lrswipkxteacd\r\n" : " \"\" l r s w i p k x t e a c d\r\n");
	c->text = "LISTRIGHTS completed";
	return 0;
}

void imap_myrights_put(struct imap_call *c, struct span name, const struct mailbox *box)
{
	put_head(c, "MYRIGHTS", name);
	buf_addc(c->out, ' ');
	acl_letters_put(c->out, box->rights);
	buf_addz(c->out, "\r\n");
}

int imap_myrights(struct imap_call *c, struct err *e)
{
	struct span name;
	struct mailbox box;

	if (imap_arg_mailbox(c, &name, e) < 0 || imap_arg_end(c, e) < 0 ||
		mailbox_find(c->org, c->tx, c->arena, c->who, name, &box, e) < 0)
		return e->code;
	imap_myrights_put(c, name, &box);
	c->text = "MYRIGHTS completed";
	return 0;
}
