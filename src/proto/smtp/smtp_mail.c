/* smtp_mail.c - the mail transaction: sender, recipients as given, final recipients each once. */
#include <string.h>
#include "codec/smtp/smtp_address.h"
#include "proto/smtp/smtp_int.h"

void smtp_mail_begin(struct smtp_call *c)
{
	struct arena *a = arena_new();

	smtp_mail_end(c->s);
	c->s->mail = ARENA_NEW(a, struct smtp_mail);
	c->s->mail->arena = a;
	c->s->reopened = false;
}

void smtp_mail_end(struct smtp_session *s)
{
	struct smtp_mail *m = s->mail;

	if (!m)
		return;
	HASH_CLEAR(hh, m->by_key);
	HASH_CLEAR(hh, m->by_target);
	s->mail = NULL;
	arena_free(m->arena); /* m itself lives in it */
}

int smtp_mail_need(struct smtp_call *c, struct err *e)
{
	if (c->s->mail)
		return 0;
	if (c->s->reopened)
		return smtp_no(c, ERR_LATER, 451, "4.3.0", "Server was restarted, please send the message again", e);
	return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "Say MAIL first", e);
}

struct smtp_rcpt *smtp_mail_rcpt(struct smtp_mail *m, struct span key)
{
	struct smtp_rcpt *r;

	HASH_FIND(hh, m->by_key, key.p, key.n, r);
	return r;
}

/* Key of a final recipient: the account's number, or the outside address as addresses are compared. */
static struct span target_key(struct arena *a, const uint64_t *account_id, struct span address)
{
	struct span key;

	if (*account_id)
		return SPAN_BYTES(account_id, sizeof(*account_id));
	return smtp_address_normalise(a, address, &key, NULL) < 0 ? address : key;
}

static void add_target(struct smtp_mail *m, const struct recipient *to, size_t rcpt, struct arena *scratch)
{
	struct span key = target_key(scratch, &to->account_id, to->address);
	struct smtp_target *t;

	HASH_FIND(hh, m->by_target, key.p, key.n, t);
	if (t)
		return;
	if (m->n_targets == m->cap_targets) {
		size_t cap = m->cap_targets ? 2 * m->cap_targets : 8;
		struct smtp_target **v = ARENA_ARRAY(m->arena, struct smtp_target *, cap);

		if (m->n_targets)
			memcpy(v, m->targets, m->n_targets * sizeof(*v));
		m->targets = v;
		m->cap_targets = cap;
	}
	t = ARENA_NEW(m->arena, struct smtp_target);
	*t = (struct smtp_target){ .account_id = to->account_id, .address = arena_span(m->arena, to->address),
		.tag = arena_span(m->arena, to->tag), .rcpt = rcpt };
	key = arena_span(m->arena, key);
	HASH_ADD_KEYPTR(hh, m->by_target, key.p, key.n, t);
	m->targets[m->n_targets++] = t;
}

struct smtp_target *smtp_mail_account(struct smtp_mail *m, uint64_t account_id)
{
	struct smtp_target *t;

	HASH_FIND(hh, m->by_target, &account_id, sizeof(account_id), t);
	return t;
}

void smtp_mail_add(struct smtp_mail *m, const struct smtp_rcpt *rcpt, struct span key, const struct recipients *to,
	struct arena *scratch)
{
	struct smtp_rcpt *r = ARENA_NEW(m->arena, struct smtp_rcpt);

	*r = *rcpt;
	r->address = arena_span(m->arena, rcpt->address);
	r->orcpt = arena_span(m->arena, rcpt->orcpt);
	r->first = m->n_targets;
	if (m->n_rcpts == m->cap_rcpts) {
		size_t cap = m->cap_rcpts ? 2 * m->cap_rcpts : 4;
		struct smtp_rcpt **v = ARENA_ARRAY(m->arena, struct smtp_rcpt *, cap);

		if (m->n_rcpts)
			memcpy(v, m->rcpts, m->n_rcpts * sizeof(*v));
		m->rcpts = v;
		m->cap_rcpts = cap;
	}
	for (size_t i = 0; i < to->n; i++)
		add_target(m, &to->v[i], m->n_rcpts, scratch);
	r->n = m->n_targets - r->first;
	key = arena_span(m->arena, key);
	HASH_ADD_KEYPTR(hh, m->by_key, key.p, key.n, r);
	m->rcpts[m->n_rcpts++] = r;
}

int smtp_address_check(struct smtp_call *c, struct span address, bool utf8, struct err *e)
{
	struct smtp_address split;

	if (smtp_address_split(c->arena, address, &split, NULL) < 0)
		return smtp_no(c, ERR_SYNTAX, 501, "5.1.3", "Malformed address", e);
	if (split.utf8 && !utf8)
		return smtp_no(c, ERR_PARAM, 553, "5.6.7", "This address needs SMTPUTF8", e);
	return 0;
}
