/* cmd_data.c - DATA and the message after it (RFC 5321 4.1.1.4), BDAT (RFC 3030). */
#include "base/scan.h"
#include "proto/smtp/smtp_int.h"

static int need_rcpts(struct smtp_call *c, struct err *e)
{
	if (smtp_mail_need(c, e) < 0)
		return e->code;
	if (!c->s->mail->n_rcpts)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "No recipient was accepted", e);
	return 0;
}

int cmd_data(struct smtp_call *c, struct err *e)
{
	if (need_rcpts(c, e) < 0)
		return e->code;
	if (c->s->mail->bdat || c->s->mail->body == BODY_BINARY)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", "Use BDAT", e);
	buf_addz(c->out, "354 End with a dot on a line of its own\r\n");
	c->call->reply->next = NEXT_DATA;
	return 0;
}

/* LMTP has one answer for each recipient; after a restart nobody knows how many that is. */
static int lost(struct smtp_call *c, struct err *e)
{
	if (!smtp_is_lmtp(c))
		return need_rcpts(c, e);
	c->call->reply->next = NEXT_CLOSE;
	return smtp_no(c, ERR_LATER, 421, "4.3.0", "Server was restarted, please send the message again", e);
}

int cmd_message(struct smtp_call *c, struct err *e)
{
	if (!c->s->mail || !c->s->mail->n_rcpts)
		return lost(c, e);
	return smtp_take(c, e);
}

static int refuse_chunk(struct smtp_call *c, struct err *e)
{
	c->call->reply->mood = MOOD_BAD_COMMAND; /* the gate drops what it has gathered */
	return e->code;
}

int cmd_bdat(struct smtp_call *c, struct err *e)
{
	bool last = c->ntok > 1 && span_ieqz(c->tok[1].text, "LAST");
	struct smtp_mail *m;
	uint64_t n;

	if (!c->s->mail && c->s->reopened && last && smtp_is_lmtp(c))
		return lost(c, e);
	if (need_rcpts(c, e) < 0)
		return refuse_chunk(c, e);
	m = c->s->mail;
	if (c->ntok < 1 || !span_num(c->tok[0].text, &n, 0, UINT64_MAX / 4)) {
		smtp_no(c, ERR_SYNTAX, 501, "5.5.4", "Chunk size required", e);
		return refuse_chunk(c, e);
	}
	m->bdat = true;
	m->bdat_len = m->bdat_len + n < n ? UINT64_MAX : m->bdat_len + n;
	if (last)
		return smtp_take(c, e);
	if (m->bdat_len > SMTP_SIZE_MAX) {
		smtp_mail_end(c->s);
		smtp_no(c, ERR_TOOBIG, 552, "5.3.4", "Message too large", e);
		return refuse_chunk(c, e);
	}
	buf_addf(c->out, "250 2.0.0 %llu octets received\r\n", (unsigned long long)n);
	return 0;
}
