/* cmd_quota.c - GETQUOTA and GETQUOTAROOT (RFC 9208). Own root "", a role's root "shared/ADDRESS". */
#include "proto/imap/imap_int.h"

static int put_quota(struct imap_call *c, struct span root, uint64_t account_id, struct err *e)
{
	struct account a;

	if (account_get(c->org, c->tx, c->arena, account_id, &a, e) < 0)
		return e->code;
	buf_addz(c->out, "* QUOTA ");
	imap_write_string(c->out, root, c->s->utf8);
	buf_addz(c->out, " (");
	if (a.quota_bytes)
		buf_addf(c->out, "STORAGE %llu %llu", (unsigned long long)((a.used_bytes + 1023) / 1024),
			(unsigned long long)(a.quota_bytes / 1024));
	if (a.quota_messages)
		buf_addf(c->out, "%sMESSAGE %llu %llu", a.quota_bytes ? " " : "",
			(unsigned long long)a.used_messages, (unsigned long long)a.quota_messages);
	buf_addz(c->out, ")\r\n");
	return 0;
}

static struct span root_of(const struct mailbox_place *place)
{
	return place->shared && place->prefix.n ? span_sub(place->prefix, 0, place->prefix.n - 1) : SPAN("");
}

int imap_getquota(struct imap_call *c, struct err *e)
{
	struct mailbox_place place;
	struct span root;

	if (!imap_args_astring(&c->args, &root))
		return imap_bad(e, "Quota root expected");
	if (imap_arg_end(c, e) < 0)
		return e->code;
	if (!root.n)
		return put_quota(c, root, c->who, e);
	if (mailbox_locate(c->org, c->tx, c->arena, c->who, root, &place, e) < 0)
		return e->code;
	if (!place.shared || place.name.n || !place.account_id || !(place.rights & RIGHT_READ))
		return imap_no(e, ERR_MISSING, "No such quota root");
	return put_quota(c, root, place.account_id, e);
}

int imap_getquotaroot(struct imap_call *c, struct err *e)
{
	struct mailbox_place place;
	struct mailbox box;
	struct span name;

	if (imap_arg_mailbox(c, &name, e) < 0 || imap_arg_end(c, e) < 0 ||
		mailbox_find(c->org, c->tx, c->arena, c->who, name, &box, e) < 0 || mailbox_need(&box, RIGHT_READ, e) < 0 ||
		mailbox_locate(c->org, c->tx, c->arena, c->who, name, &place, e) < 0)
		return e->code;
	buf_addz(c->out, "* QUOTAROOT ");
	imap_write_mailbox(c->out, name, c->s->utf8);
	buf_addc(c->out, ' ');
	imap_write_string(c->out, root_of(&place), c->s->utf8);
	buf_addz(c->out, "\r\n");
	return put_quota(c, root_of(&place), box.account_id, e);
}
