#include <string.h>
#include "base/time.h"
#include "codec/smtp/smtp_address.h"
#include "codec/smtp/smtp_data.h"
#include "codec/smtp/smtp_xtext.h"
#include "out/body.h"
#include "out/smtp_client.h"

#define BLOCK 65536
#define LATE_REPLY_MS 2000

/* One transaction under way. */
struct sending {
	struct smtp_connection *c;
	struct arena *a;
	const struct out_job *job;
	struct out_row *rows;
	struct span message;            /* as it will be sent */
	struct buf converted;
	struct span sender;             /* as the peer will read it */
	struct span rcpt[OUT_RCPTS_MAX];
	bool accepted[OUT_RCPTS_MAX];
	size_t n_accepted;
	bool utf8, body8;
};

static void row_set(struct sending *s, size_t i, enum out_outcome outcome, const char *status, struct span text)
{
	s->rows[i].outcome = outcome;
	s->rows[i].status = arena_span(s->a, span_str(status));
	s->rows[i].reply = text;
	s->rows[i].remote_mta = arena_span(s->a, span_str(s->c->name));
}

static void rest_set(struct sending *s, enum out_outcome outcome, const char *status, const char *text)
{
	for (size_t i = 0; i < s->job->n_rcpts; i++)
		if (!s->rows[i].outcome)
			row_set(s, i, outcome, status, span_str(text));
}

/* The peer's last reply decides the row. */
static void row_reply(struct sending *s, size_t i)
{
	const struct smtp_reply *r = &s->c->reply;
	enum out_outcome outcome = OUT_LATER;
	char plain[] = "4.0.0";

	if (r->code / 100 == 2)
		outcome = s->c->caps.flags & SMTP_CAP_DSN ? OUT_SENT : OUT_RELAYED;
	else if (r->code / 100 == 5)
		outcome = OUT_REFUSED;
	if (outcome != OUT_LATER)
		plain[0] = r->code / 100 == 2 ? '2' : '5';
	row_set(s, i, outcome, plain, smtp_reply_line(s->a, r));
	if (r->status.n && r->code / 100 != 3)
		s->rows[i].status = arena_span(s->a, r->status);
}

static void rest_reply(struct sending *s)
{
	for (size_t i = 0; i < s->job->n_rcpts; i++)
		if (!s->rows[i].outcome)
			row_reply(s, i);
}

static bool any_open(const struct sending *s)
{
	for (size_t i = 0; i < s->job->n_rcpts; i++)
		if (!s->rows[i].outcome)
			return true;
	return false;
}

/* ---- what this peer can take ---- */

/* A-labels wherever that is enough; SMTPUTF8 only for a message that needs it. */
static void fit_addresses(struct sending *s)
{
	bool can = s->c->caps.flags & SMTP_CAP_SMTPUTF8;
	bool header = body_header_utf8(s->message);

	int rc = s->job->sender.n ? smtp_address_ascii(s->a, s->job->sender, &s->sender, NULL) : 0;

	if (rc == ERR_PARAM)
		s->sender = s->job->sender;
	s->utf8 = header || rc == ERR_PARAM;
	if (rc < 0 && rc != ERR_PARAM) {
		rest_set(s, OUT_REFUSED, "5.1.7", "the sender's address is unreadable");
		return;
	}
	if (s->utf8 && !can) {
		/* RFC 6531 3.5: never sent on as if it were plain */
		rest_set(s, OUT_REFUSED, "5.6.7", header ? "the server does not take messages with UTF-8 headers (SMTPUTF8)"
			: "the server does not take a sender address with such characters (SMTPUTF8)");
		return;
	}
	for (size_t i = 0; i < s->job->n_rcpts; i++) {
		if (s->rows[i].outcome)
			continue;
		s->rcpt[i] = s->job->rcpts[i].address;
		rc = smtp_address_ascii(s->a, s->rcpt[i], &s->rcpt[i], NULL);
		if (rc == ERR_PARAM && can)
			s->utf8 = true;
		else if (rc == ERR_PARAM)
			row_set(s, i, OUT_REFUSED, "5.6.7", SPAN("the server does not take addresses with such characters (SMTPUTF8)"));
		else if (rc < 0)
			row_set(s, i, OUT_REFUSED, "5.1.3", SPAN("the address is unreadable"));
	}
}

static void fit_body(struct sending *s)
{
	struct err e = ERR_INIT;

	if (s->job->flags & JOB_BINARY) {
		rest_set(s, OUT_REFUSED, "5.6.1", "binary content (BINARYMIME) cannot be sent on");
		return;
	}
	s->body8 = body_eight_bit(s->message);
	if (s->body8 && !(s->c->caps.flags & SMTP_CAP_8BITMIME) && !(s->utf8 && s->c->caps.flags & SMTP_CAP_SMTPUTF8)) {
		if (body_to_seven_bit(s->message, &s->converted, &e) < 0) {
			rest_set(s, OUT_REFUSED, "5.6.3", arena_strz(s->a, span_str(e.say)));
			return;
		}
		s->message = buf_span(&s->converted);
		s->body8 = false;
	}
	if (s->c->caps.size_max && s->message.n > s->c->caps.size_max)
		rest_set(s, OUT_REFUSED, "5.3.4", "the message is larger than the server takes");
}

/* ---- commands ---- */

static void put_mail(struct sending *s, struct buf *b)
{
	const struct smtp_caps *caps = &s->c->caps;

	buf_addf(b, "MAIL FROM:<%.*s>", SPAN_F(s->sender));
	if (caps->flags & SMTP_CAP_SIZE)
		buf_addf(b, " SIZE=%zu", s->message.n);
	if (s->body8 && caps->flags & SMTP_CAP_8BITMIME)
		buf_addz(b, " BODY=8BITMIME");
	if (s->utf8)
		buf_addz(b, " SMTPUTF8");
	if (s->job->flags & JOB_REQUIRETLS)
		buf_addz(b, " REQUIRETLS");
	if (caps->flags & SMTP_CAP_DSN) {
		if (s->job->flags & (JOB_RET_HDRS | JOB_RET_FULL))
			buf_addz(b, s->job->flags & JOB_RET_FULL ? " RET=FULL" : " RET=HDRS");
		if (s->job->envid.n) {
			buf_addz(b, " ENVID=");
			smtp_xtext_encode(b, s->job->envid);
		}
	}
	buf_addz(b, "\r\n");
}

static void put_notify(struct buf *b, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = { { SMTP_NOTIFY_NEVER, "NEVER" }, { SMTP_NOTIFY_SUCCESS, "SUCCESS" }, { SMTP_NOTIFY_FAILURE, "FAILURE" },
		{ SMTP_NOTIFY_DELAY, "DELAY" } };
	const char *between = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (notify & words[i].bit) {
			buf_addf(b, "%s%s", between, words[i].word);
			between = ",";
		}
}

static void put_rcpt(struct sending *s, struct buf *b, size_t i)
{
	const struct out_rcpt *r = &s->job->rcpts[i];

	buf_addf(b, "RCPT TO:<%.*s>", SPAN_F(s->rcpt[i]));
	if (s->c->caps.flags & SMTP_CAP_DSN) {
		struct span address = r->orcpt, type = span_cut(&address, ';');

		put_notify(b, r->notify);
		if (address.n && (span_ieqz(type, "rfc822") || span_ieqz(type, "utf-8"))) {
			buf_addz(b, " ORCPT=");
			smtp_orcpt_write(b, &(struct smtp_orcpt){ type, address }, s->utf8);
		}
	}
	buf_addz(b, "\r\n");
}

static void rcpt_heard(struct sending *s, size_t i)
{
	if (s->c->reply.code / 100 == 2) {
		s->accepted[i] = true;
		s->n_accepted++;
	} else {
		row_reply(s, i);
	}
}

static int hear(struct sending *s, struct err *e)
{
	int rc = smtp_hear(s->c, s->c->timeouts->reply, e);

	s->c->begun |= rc == 0;
	return rc;
}

static int say_and_hear(struct sending *s, struct buf *b, struct err *e)
{
	int rc = b->failed ? err_set(e, ERR_BROKEN, "internal error", "command too long") : smtp_say(s->c, buf_span(b), e);

	buf_reset(b);
	return rc < 0 ? rc : hear(s, e);
}

/* One command, one reply. 0, also when nobody is left to send to. */
static int envelope_in_turn(struct sending *s, struct buf *b, struct err *e)
{
	int rc;

	put_mail(s, b);
	rc = say_and_hear(s, b, e);
	if (rc < 0)
		return rc;
	if (s->c->reply.code / 100 != 2) {
		rest_reply(s);
		return 0;
	}
	for (size_t i = 0; i < s->job->n_rcpts; i++) {
		if (s->rows[i].outcome)
			continue;
		put_rcpt(s, b, i);
		rc = say_and_hear(s, b, e);
		if (rc < 0)
			return rc;
		rcpt_heard(s, i);
	}
	if (!s->n_accepted)
		return 0;
	buf_addz(b, "DATA\r\n");
	return say_and_hear(s, b, e);
}

/* RFC 2920: MAIL, all RCPT and DATA at once. A refused MAIL decides for all; the rest is only read then. */
static int envelope_at_once(struct sending *s, struct buf *b, struct err *e)
{
	size_t asked[OUT_RCPTS_MAX], n = 0;
	bool mail_ok;
	int rc;

	put_mail(s, b);
	for (size_t i = 0; i < s->job->n_rcpts; i++)
		if (!s->rows[i].outcome) {
			put_rcpt(s, b, i);
			asked[n++] = i;
		}
	buf_addz(b, "DATA\r\n");
	rc = say_and_hear(s, b, e);
	if (rc < 0)
		return rc;
	mail_ok = s->c->reply.code / 100 == 2;
	if (!mail_ok)
		rest_reply(s);
	for (size_t i = 0; i < n; i++) {
		rc = hear(s, e);
		if (rc < 0)
			return rc;
		if (mail_ok)
			rcpt_heard(s, asked[i]);
	}
	return hear(s, e);
}

/* ---- the message ---- */

/* The peer may have said why before it closed. */
static int cut_off(struct sending *s, int rc, struct err *e)
{
	struct err late = ERR_INIT;

	if (s->c->stream.fd < 0 || rc != ERR_GONE || smtp_hear(s->c, LATE_REPLY_MS, &late) < 0) {
		client_stream_close(&s->c->stream);
		rest_set(s, OUT_LATER, "4.4.2", rc == ERR_LATER ? "timed out while sending the message"
			: "the server closed the connection while the message was sent");
		return rc;
	}
	client_stream_close(&s->c->stream);
	if (s->c->reply.code / 100 == 2)        /* cannot be true: the end was not sent */
		rest_set(s, OUT_LATER, "4.5.0", "the server answered before the message's end");
	else
		rest_reply(s);
	(void)e;
	return 0;
}

static int block_send(struct sending *s, struct span block, struct err *e)
{
	int64_t deadline_us = time_mono_us() + s->c->timeouts->data_block * 1000;

	return client_stream_write(&s->c->stream, block, deadline_us, e);
}

static int message_send(struct sending *s, struct span message, struct err *e)
{
	struct smtp_stuff stuff;
	SCOPED_BUF b;
	int rc = 0;

	buf_init(&b, BLOCK * 4);
	smtp_stuff_init(&stuff);
	while (message.n && rc == 0) {
		size_t used = 0;

		smtp_stuff(&stuff, span_sub(message, 0, BLOCK), &used);
		message = span_from(message, used);
		buf_add(&b, stuff.run);
		if (b.n >= BLOCK) {
			rc = block_send(s, buf_span(&b), e);
			buf_reset(&b);
		}
	}
	buf_add(&b, smtp_stuff_end(&stuff));
	return rc < 0 ? rc : block_send(s, buf_span(&b), e);
}

/* 354 was said. Without accepted recipients an empty message ends the transaction (RFC 2920 3.1). */
static int data_send(struct sending *s, struct err *e)
{
	int rc;

	if (!s->n_accepted) {
		rc = smtp_say(s->c, SPAN(".\r\n"), e);
		return rc < 0 ? rc : hear(s, e);
	}
	rc = message_send(s, s->message, e);
	if (rc < 0)
		return cut_off(s, rc, e);
	rc = smtp_hear(s->c, s->c->timeouts->data_end, e);
	if (rc == 0 || s->c->words[0]) {
		/* 421 instead of 250: it was not taken, but this round is over for these recipients */
		rest_reply(s);
		return rc;
	}
	rest_set(s, OUT_LATER, "4.4.2", rc == ERR_LATER ? "timed out waiting for the answer to the message; it may arrive twice"
		: "no answer to the message; it may arrive twice");
	return rc;
}

static int transaction(struct sending *s, struct err *e)
{
	SCOPED_BUF b;
	int rc;

	buf_init(&b, 1u << 20);
	s->c->begun = false;
	rc = s->c->caps.flags & SMTP_CAP_PIPELINING ? envelope_at_once(s, &b, e) : envelope_in_turn(s, &b, e);
	if (rc < 0)
		return rc;
	if (s->c->reply.code == 354 && (s->n_accepted || s->c->caps.flags & SMTP_CAP_PIPELINING))
		return data_send(s, e);
	if (s->n_accepted && s->c->reply.code / 100 == 2) {
		client_stream_close(&s->c->stream);
		rest_set(s, OUT_LATER, "4.5.0", "the server answered DATA in a way we do not understand");
	} else if (s->n_accepted) {
		rest_reply(s);
	}
	if (s->c->stream.fd < 0)
		return 0;
	buf_addz(&b, "RSET\r\n");
	rc = say_and_hear(s, &b, e);
	return any_open(s) ? rc : 0;
}

int smtp_send(struct smtp_connection *c, struct arena *a, const struct out_job *job, struct span message,
	struct out_row *rows, struct err *e)
{
	struct sending *s = ARENA_NEW(a, struct sending);
	int rc = 0;

	*s = (struct sending){ .c = c, .a = a, .job = job, .rows = rows, .message = message };
	buf_init(&s->converted, BODY_CONVERT_MAX);
	c->words[0] = 0;
	fit_addresses(s);
	if (any_open(s))
		fit_body(s);
	if (any_open(s)) {
		c->uses++;
		rc = transaction(s, e);
	}
	buf_fini(&s->converted);
	return any_open(s) ? rc : 0;
}
