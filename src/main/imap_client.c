#include "main/imap_client.h"
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "codec/base64.h"
#include "main/i18n.h"

#define ROOTS "/etc/ssl/certs/ca-certificates.crt"
#define RATE_MIN 1024            /* octets a second that a server must at least give */
#define WORDS_MAX 200
#define UNREADABLE N_("The other server's answer cannot be read")

void imap_client_init(struct imap_client *c, const struct imap_remote *at)
{
	memset(c, 0, sizeof(*c));
	c->at = at;
	c->stream.fd = -1;
	c->arena = arena_new();
	imap_reply_init(&c->reply);
	buf_init(&c->caps, 16384);
	buf_init(&c->body, at->body_max + 1);
}

void imap_client_close(struct imap_client *c)
{
	client_stream_close(&c->stream);
	imap_reply_fini(&c->reply);
	imap_reply_init(&c->reply);
	c->up = false;
}

void imap_client_fini(struct imap_client *c)
{
	imap_client_close(c);
	imap_reply_fini(&c->reply);
	buf_fini(&c->caps);
	buf_fini(&c->body);
	arena_free(c->arena);
	SSL_CTX_free(c->tls);
}

bool imap_client_can(const struct imap_client *c, const char *capability)
{
	return imap_words_have(buf_span(&c->caps), capability);
}

struct span imap_client_words(struct imap_client *c)
{
	struct span s = span_sub(c->answer.text, 0, WORDS_MAX);
	char *p;

	if (c->answer.code.n)
		s = arena_printf(c->arena, "[%.*s] %.*s", (int)(c->answer.code.n > 40 ? 40 : c->answer.code.n), c->answer.code.p, SPAN_F(s));
	p = arena_dup(c->arena, s.p, s.n);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)p[i] < 32 || (unsigned char)p[i] > 126)
			p[i] = '?';
	return SPAN_BYTES(p, s.n);
}

static int64_t deadline(const struct imap_client *c)
{
	return c->began_us + c->at->patience_us + (int64_t)(c->got / RATE_MIN) * US_PER_SEC;
}

static int lost(struct imap_client *c, int rc, struct err *e)
{
	struct err why = *e;

	imap_client_close(c);
	err_clear(e);
	return err_set(e, rc, rc == ERR_LATER ? N_("The other server does not answer") : N_("The other server hung up"), "%s", why.log);
}

int imap_client_say(struct imap_client *c, struct span command, struct err *e)
{
	SCOPED_BUF line;
	int rc;

	buf_init(&line, 65536);
	buf_secret(&line);
	buf_addf(&line, "k%u ", ++c->tag);
	buf_add(&line, command);
	buf_addz(&line, "\r\n");
	if (line.failed)
		return err_set(e, ERR_SYNTAX, N_("A name or password is too long for the other server"), "command of %zu octets", command.n);
	c->began_us = time_mono_us();
	c->got = 0;
	rc = client_stream_write(&c->stream, buf_span(&line), deadline(c), e);
	return rc < 0 ? lost(c, rc, e) : 0;
}

static int unreadable(struct imap_client *c, int rc, const char *why, struct err *e)
{
	imap_client_close(c);
	err_clear(e);
	return err_set(e, rc, UNREADABLE, "%s", why);
}

static int whole_reply(struct imap_client *c, struct err *e)
{
	int rc = 0;

	while (rc == 0) {
		size_t used;

		rc = client_stream_fill(&c->stream, deadline(c), e);
		if (rc < 0)
			return lost(c, rc, e);
		rc = imap_reply(&c->reply, client_stream_unread(&c->stream), &used);
		client_stream_eat(&c->stream, used);
		c->got += used;
		if (rc < 0)
			return unreadable(c, ERR_SYNTAX, rc == ERR_TOOBIG ? "an answer beyond all bounds" : "no IMAP", e);
		if (!c->reply.piece.n)
			continue;
		if (c->reply.body_len > c->at->body_max)
			return unreadable(c, ERR_TOOBIG, "a mail larger than it was said to be", e);
		buf_add(&c->body, c->reply.piece);
	}
	return 0;
}

static void take_caps(struct imap_client *c, struct span words)
{
	buf_reset(&c->caps);
	buf_add(&c->caps, words);
}

int imap_client_next(struct imap_client *c, struct err *e)
{
	SCOPED_BUF tag;
	struct imap_answer *x = &c->answer;

	buf_init(&tag, 20);
	arena_reset(c->arena);
	if (c->body.cap > 1 << 20)
		buf_fini(&c->body), buf_init(&c->body, c->at->body_max + 1);
	buf_reset(&c->body);
	if (whole_reply(c, e) < 0)
		return e->code;
	if (imap_answer_parse(c->arena, imap_reply_text(&c->reply), x, e) < 0)
		return unreadable(c, ERR_SYNTAX, e->log, e);
	if (x->says == IMAP_SAYS_CAPABILITY)
		take_caps(c, x->words);
	if (x->says == IMAP_SAYS_STATUS && x->condition == IMAP_COND_BYE) {
		struct span words = imap_client_words(c);

		imap_client_close(c);
		return err_set(e, ERR_GONE, N_("The other server hung up"), "%.*s", SPAN_F(words));
	}
	if (x->says != IMAP_SAYS_TAGGED)
		return 1;
	buf_addf(&tag, "k%u", c->tag);
	return span_eq(x->tag, buf_span(&tag)) ? 0 : unreadable(c, ERR_SYNTAX, "an answer to another command", e);
}

/* All answers of one command; its condition in c->answer. */
static int command(struct imap_client *c, const char *text, struct err *e)
{
	int rc = imap_client_say(c, span_str(text), e);

	while (rc == 0 && (rc = imap_client_next(c, e)) == 1)
		rc = 0;
	return rc;
}

/* ---- dialling ---- */

static bool is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static int dial(struct imap_client *c, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int r = getaddrinfo(c->at->host, c->at->port, &hints, &list), rc = ERR_GONE;

	if (r)
		return err_set(e, ERR_GONE, N_("The other server's name is not known"), "%s", gai_strerror(r));
	for (struct addrinfo *at = list; at && rc < 0; at = at->ai_next) {
		err_clear(e);
		c->began_us = time_mono_us();
		rc = client_stream_dial(&c->stream, at->ai_addr, at->ai_addrlen, c->began_us + 30 * US_PER_SEC, e);
		c->to_itself = rc == 0 && is_loopback(at->ai_addr);
	}
	freeaddrinfo(list);
	if (rc < 0) {
		struct err why = *e;

		err_clear(e);
		return err_set(e, rc, N_("The other server cannot be reached"), "%s", why.log);
	}
	c->up = true;
	return 0;
}

static int context(struct imap_client *c, struct err *e)
{
	const char *roots = c->at->ca_file ? c->at->ca_file : ROOTS;

	if (c->tls)
		return 0;
	if (c->at->ca_file && access(roots, R_OK) < 0)
		return err_set(e, ERR_DENIED, N_("The file of roots cannot be read"), "%s", roots);
	c->tls = client_stream_context(roots, e);
	if (c->tls)
		return 0;
	err_clear(e);
	return err_set(e, ERR_DENIED, N_("The file of roots cannot be read"), "%s", roots);
}

/* The fingerprint stands as a TLSA record does: DANE-EE(3) Cert(0) SHA-256(1). */
static int secure(struct imap_client *c, struct err *e)
{
	unsigned char record[3 + 32] = { 3, 0, 1 };
	struct span tlsa = SPAN_BYTES(record, sizeof(record));
	struct client_tls t = { .name = c->at->host, .how = CLIENT_TLS_VERIFY, .tlsa = &tlsa, .n_tlsa = c->at->pinned ? 1 : 0 };
	struct err why = ERR_INIT;

	memcpy(record + 3, c->at->pin, 32);
	if (context(c, e) < 0)
		return e->code;
	if (client_stream_tls(&c->stream, c->tls, &t, time_mono_us() + 30 * US_PER_SEC, &why) == 0)
		return 0;
	imap_client_close(c);
	if (t.verdict != X509_V_OK)
		return err_set(e, ERR_DENIED, N_("The other server's certificate is not trusted; --ca-file or --fingerprint can say what to trust"),
			"%s", why.log);
	return err_set(e, ERR_GONE, N_("The TLS handshake with the other server failed"), "%s", why.log);
}

static int start_tls(struct imap_client *c, bool signed_in, struct err *e)
{
	if (c->at->security != IMAP_STARTTLS)
		return 0;
	if (signed_in || !imap_client_can(c, "STARTTLS")) {
		if (c->to_itself && !c->at->ca_file && !c->at->pinned)
			return 0;
		return err_set(e, ERR_DENIED, N_("The other server offers no STARTTLS; use imaps:// or, at your own risk, --insecure"), "STARTTLS");
	}
	if (command(c, "STARTTLS", e) < 0)
		return e->code;
	if (c->answer.condition != IMAP_COND_OK)
		return err_set(e, ERR_DENIED, N_("The other server offers no STARTTLS; use imaps:// or, at your own risk, --insecure"), "%.*s",
			SPAN_F(imap_client_words(c)));
	imap_reply_fini(&c->reply);
	imap_reply_init(&c->reply);
	if (secure(c, e) < 0)
		return e->code;
	buf_reset(&c->caps);         /* said in clear: worth nothing */
	return command(c, "CAPABILITY", e);
}

/* ---- signing in ---- */

/* Until the command's end; a server that asks further gets a refusal. */
static int sign_in_end(struct imap_client *c, struct err *e)
{
	int rc;

	while ((rc = imap_client_next(c, e)) == 1)
		if (c->answer.says == IMAP_SAYS_CONTINUE && (rc = client_stream_write(&c->stream, SPAN("*\r\n"), deadline(c), e)) < 0)
			return lost(c, rc, e);
	if (rc < 0)
		return rc;
	return c->answer.condition == IMAP_COND_OK ? 0 : err_set(e, ERR_DENIED, N_("The other server refuses this name or password"), "%.*s",
		SPAN_F(imap_client_words(c)));
}

/* RFC 4616: message = [authzid] UTF8NUL authcid UTF8NUL passwd */
static int sign_in_plain(struct imap_client *c, struct err *e)
{
	bool at_once = imap_client_can(c, "SASL-IR");
	SCOPED_BUF message, line;
	int rc;

	buf_init(&message, 8192);
	buf_init(&line, 16384);
	buf_secret(&message);
	buf_secret(&line);
	buf_add(&message, c->at->master.n ? c->at->user : SPAN_NONE);
	buf_addc(&message, 0);
	buf_add(&message, c->at->master.n ? c->at->master : c->at->user);
	buf_addc(&message, 0);
	buf_add(&message, c->at->password);
	buf_addz(&line, at_once ? "AUTHENTICATE PLAIN " : "");
	base64_encode(&line, buf_span(&message), 0);
	if (at_once) {
		rc = imap_client_say(c, buf_span(&line), e);
		return rc < 0 ? rc : sign_in_end(c, e);
	}
	rc = imap_client_say(c, SPAN("AUTHENTICATE PLAIN"), e);
	while (rc == 0 && (rc = imap_client_next(c, e)) == 1 && c->answer.says != IMAP_SAYS_CONTINUE)
		rc = 0;
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, ERR_DENIED, N_("The other server refuses this name or password"), "%.*s", SPAN_F(imap_client_words(c)));
	buf_addz(&line, "\r\n");
	rc = client_stream_write(&c->stream, buf_span(&line), deadline(c), e);
	return rc < 0 ? lost(c, rc, e) : sign_in_end(c, e);
}

static int sign_in(struct imap_client *c, struct err *e)
{
	SCOPED_BUF line;
	int rc;

	buf_init(&line, 16384);
	buf_secret(&line);
	if (imap_client_can(c, "AUTH=PLAIN"))
		return sign_in_plain(c, e);
	if (c->at->master.n || imap_client_can(c, "LOGINDISABLED"))
		return err_set(e, ERR_DENIED, N_("The other server offers no way of signing in that we know"), "%s",
			c->at->master.n ? "no AUTH=PLAIN" : "LOGINDISABLED");
	buf_addz(&line, "LOGIN ");
	if (!imap_quoted_add(&line, c->at->user) || !buf_addc(&line, ' ') || !imap_quoted_add(&line, c->at->password))
		return err_set(e, ERR_DENIED, N_("The name or password has characters that no server takes"), "LOGIN");
	rc = imap_client_say(c, buf_span(&line), e);
	return rc < 0 ? rc : sign_in_end(c, e);
}

static int greeting(struct imap_client *c, bool *signed_in, struct err *e)
{
	int rc;

	c->began_us = time_mono_us();
	c->got = 0;
	rc = imap_client_next(c, e);
	if (rc < 0)
		return rc;
	*signed_in = c->answer.condition == IMAP_COND_PREAUTH;
	if (rc == 0 || c->answer.says != IMAP_SAYS_STATUS || (!*signed_in && c->answer.condition != IMAP_COND_OK))
		return unreadable(c, ERR_SYNTAX, "no greeting", e);
	return 0;
}

int imap_client_open(struct imap_client *c, struct err *e)
{
	bool signed_in = false;

	imap_client_close(c);
	c->utf8 = false;
	if (dial(c, e) < 0 || (c->at->security == IMAP_TLS && secure(c, e) < 0) || greeting(c, &signed_in, e) < 0 ||
		command(c, "CAPABILITY", e) < 0 || start_tls(c, signed_in, e) < 0 || (!signed_in && sign_in(c, e) < 0) ||
		command(c, "CAPABILITY", e) < 0)
		return e->code;
	if (imap_client_can(c, "ENABLE") && imap_client_can(c, "UTF8=ACCEPT")) {
		if (command(c, "ENABLE UTF8=ACCEPT", e) < 0)
			return e->code;
		c->utf8 = c->answer.condition == IMAP_COND_OK;
	}
	return 0;
}
