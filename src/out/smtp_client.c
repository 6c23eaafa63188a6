#include "out/smtp_client.h"
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"

const struct smtp_timeouts smtp_timeouts_default = {
	.connect = 30000,
	.greeting = 300000,
	.reply = 300000,
	.data_start = 120000,
	.data_block = 180000,
	.data_end = 600000,
};

static int64_t deadline_in(int64_t ms)
{
	return time_mono_us() + ms * 1000;
}

void smtp_connection_init(struct smtp_connection *c, const char *hostname, const struct smtp_timeouts *timeouts)
{
	memset(c, 0, sizeof(*c));
	c->stream.fd = -1;
	c->hostname = hostname;
	c->timeouts = timeouts;
	smtp_reply_init(&c->reply);
}

void smtp_connection_fini(struct smtp_connection *c)
{
	if (c->stream.fd >= 0) /* politeness, not a duty: no waiting for the 221 */
		client_stream_write(&c->stream, SPAN("QUIT\r\n"), deadline_in(100), NULL);
	client_stream_close(&c->stream);
	smtp_reply_fini(&c->reply);
}

static void status_set(struct smtp_connection *c, const char *status)
{
	snprintf(c->status, sizeof(c->status), "%s", status);
	c->words[0] = 0;
}

static int lost(struct smtp_connection *c, int rc)
{
	client_stream_close(&c->stream);
	status_set(c, rc == ERR_LATER ? "4.4.1" : "4.4.2");
	return rc;
}

int smtp_say(struct smtp_connection *c, struct span line, struct err *e)
{
	int rc = client_stream_write(&c->stream, line, deadline_in(c->timeouts->reply), e);

	return rc < 0 ? lost(c, rc) : 0;
}

int smtp_hear(struct smtp_connection *c, int64_t timeout_ms, struct err *e)
{
	int64_t deadline_us = deadline_in(timeout_ms);
	int rc;

	for (;;) {
		size_t used = 0;

		rc = client_stream_fill(&c->stream, deadline_us, e);
		if (rc < 0)
			return lost(c, rc);
		rc = smtp_reply(&c->reply, client_stream_unread(&c->stream), &used);
		client_stream_eat(&c->stream, used);
		if (rc == 0)
			continue;
		if (rc < 0) {
			client_stream_close(&c->stream);
			status_set(c, "4.5.0");
			return err_set(e, ERR_GONE, rc == ERR_TOOBIG ? "the server's reply does not end"
				: "the server does not speak SMTP", "reply: %s", err_name(rc));
		}
		if (c->reply.code != 421)
			return 0;
		smtp_refused(c, ERR_GONE, "the server closes the connection", e);
		client_stream_close(&c->stream);
		return ERR_GONE;
	}
}

struct span smtp_reply_line(struct arena *a, const struct smtp_reply *r)
{
	struct span text = span_sub(r->text, 0, 400), line;
	char *p;

	/* do not cut a character in two */
	while (text.n && text.n < r->text.n && ((unsigned char)r->text.p[text.n] & 0xc0) == 0x80)
		text.n--;
	line = arena_printf(a, "%u%s%.*s %.*s", r->code, r->status.n ? " " : "", SPAN_F(r->status), SPAN_F(text));
	p = (char *)line.p;
	for (size_t i = 0; i < line.n; i++)
		if (p[i] == '\n')
			p[i] = ' ';
	return span_trim(line);
}

int smtp_refused(struct smtp_connection *c, int class, const char *what, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct span line = smtp_reply_line(a, &c->reply);

	if (c->reply.status.n)
		snprintf(c->status, sizeof(c->status), "%.*s", SPAN_F(c->reply.status));
	else
		snprintf(c->status, sizeof(c->status), "%u.0.0", c->reply.code / 100);
	snprintf(c->words, sizeof(c->words), "%.*s", SPAN_F(line));
	return err_set(e, class, what, "%u", c->reply.code);
}

static int hello(struct smtp_connection *c, struct arena *a, struct err *e)
{
	int rc;

	memset(&c->caps, 0, sizeof(c->caps));
	rc = smtp_say(c, arena_printf(a, "EHLO %s\r\n", c->hostname), e);
	if (rc == 0)
		rc = smtp_hear(c, c->timeouts->reply, e);
	if (rc < 0)
		return rc;
	if (c->reply.code / 100 == 2) {
		smtp_caps_parse(c->reply.text, &c->caps);
		return 0;
	}
	rc = smtp_say(c, arena_printf(a, "HELO %s\r\n", c->hostname), e);
	if (rc == 0)
		rc = smtp_hear(c, c->timeouts->reply, e);
	if (rc < 0)
		return rc;
	return c->reply.code / 100 == 2 ? 0 : smtp_refused(c, ERR_LATER, "the server refuses our greeting", e);
}

static const char *fault_of(long verdict)
{
	switch (verdict) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "certificate-host-mismatch";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "certificate-expired";
	default:
		return "certificate-not-trusted";
	}
}

static int handshake(struct smtp_connection *c, struct arena *a, SSL_CTX *tls, const struct smtp_target *to,
	struct err *e)
{
	bool verify = (to->tls == TLS_DEMANDED || to->tls == TLS_AT_ONCE) && !to->loopback;
	struct client_tls t = { .how = verify ? CLIENT_TLS_VERIFY : to->look ? CLIENT_TLS_LOOK : CLIENT_TLS_ANY, .also = to->also,
		.tlsa = to->tlsa, .n_tlsa = verify ? to->n_tlsa : 0 };
	struct span bare = to->tls_name.n ? to->tls_name : to->name;
	int rc;

	if (span_starts(bare, SPAN("["))) {
		bare = span_sub(bare, 1, bare.n - 2);
		if (span_istarts(bare, SPAN("IPv6:")))
			bare = span_from(bare, 5);
	}
	t.name = arena_strz(a, bare);
	rc = client_stream_tls(&c->stream, tls, &t, deadline_in(c->timeouts->greeting), e);
	if (t.verdict != X509_V_OK)
		c->fault = fault_of(t.verdict);
	if (rc < 0) {
		client_stream_close(&c->stream);
		c->tls_failed = true;
		if (!c->fault)
			c->fault = "validation-failure";
		status_set(c, "4.7.5");
	}
	c->verified = rc == 0 && t.how != CLIENT_TLS_ANY && t.verdict == X509_V_OK;
	return rc;
}

/* STARTTLS when offered; without it only where nobody demanded it. */
static int start_tls(struct smtp_connection *c, struct arena *a, SSL_CTX *tls, const struct smtp_target *to,
	struct err *e)
{
	int rc;

	if (c->stream.ssl || to->tls == TLS_NEVER)
		return 0;
	if (c->caps.flags & SMTP_CAP_STARTTLS) {
		rc = smtp_say(c, SPAN("STARTTLS\r\n"), e);
		if (rc == 0)
			rc = smtp_hear(c, c->timeouts->reply, e);
		if (rc < 0)
			return rc;
		if (c->reply.code == 220) {
			rc = handshake(c, a, tls, to, e);
			return rc < 0 ? rc : hello(c, a, e);
		}
	}
	c->fault = "starttls-not-supported";
	if (to->tls != TLS_DEMANDED && to->tls != TLS_ANY)
		return 0;
	status_set(c, "4.7.4");
	return err_set(e, ERR_DENIED, "TLS is demanded, but the server does not offer it", "no TLS");
}

static int open_session(struct smtp_connection *c, struct arena *a, SSL_CTX *tls, const struct smtp_target *to,
	struct err *e)
{
	int rc = to->tls == TLS_AT_ONCE ? handshake(c, a, tls, to, e) : 0;

	if (rc == 0)
		rc = smtp_hear(c, c->timeouts->greeting, e);
	if (rc < 0)
		return rc;
	if (c->reply.code / 100 != 2)
		return smtp_refused(c, ERR_LATER, "the server takes no mail now", e);
	rc = hello(c, a, e);
	if (rc == 0) {
		c->talked = true;
		rc = start_tls(c, a, tls, to, e);
	}
	if (rc == 0 && to->requiretls && !(c->stream.ssl && c->caps.flags & SMTP_CAP_REQUIRETLS)) {
		c->lacks = true;
		status_set(c, "5.7.30");
		return err_set(e, ERR_DENIED, "the mail demands TLS all the way (REQUIRETLS), but the server does not offer it", "no REQUIRETLS");
	}
	if (rc < 0 || !to->user.n)
		return rc;
	if (!c->stream.ssl && !to->loopback) {
		status_set(c, "4.7.4");
		return err_set(e, ERR_DENIED, "the password is not sent without TLS", "no TLS for AUTH");
	}
	return smtp_authenticate(c, a, to->user, to->password, e);
}

int smtp_open(struct smtp_connection *c, struct arena *a, SSL_CTX *tls, const struct smtp_target *to, struct err *e)
{
	int rc;

	client_stream_close(&c->stream);
	smtp_reply_fini(&c->reply);
	smtp_reply_init(&c->reply);
	c->tls_failed = c->talked = c->verified = c->lacks = false;
	c->fault = NULL;
	c->uses = 0;
	snprintf(c->name, sizeof(c->name), "%.*s", SPAN_F(to->name));
	rc = client_stream_dial(&c->stream, to->sa, to->sa_len, deadline_in(c->timeouts->connect), e);
	if (rc < 0) {
		status_set(c, "4.4.1");
		return rc;
	}
	rc = open_session(c, a, tls, to, e);
	if (rc < 0) {
		if (c->stream.fd >= 0)
			client_stream_write(&c->stream, SPAN("QUIT\r\n"), deadline_in(100), NULL);
		client_stream_close(&c->stream);
	}
	return rc;
}
