/* http.c - the routes, whose host a request is for, errors as statuses. */
#include "proto/http/http_int.h"
#include <string.h>
#include "base/scan.h"
#include "base/time.h"
#include "codec/http/http_head.h"
#include "codec/smtp/smtp_address.h"
#include "domain/org/address.h"
#include "domain/org/org.h"

#define HTTPS_AFTER_HTTP (443 - 80)   /* both ports move together, by base_port */
#define BODY_MAX 65536

static const struct route {
	const char *method, *path;        /* a GET row serves HEAD, too; letters of the path in any case */
	unsigned hosts;
	bool plain;                       /* also without TLS: for programs that look there */
	http_handler *run;
} routes[] = {
	{ "GET", "/.well-known/mta-sts.txt", HOST_MTA_STS, false, http_mta_sts },
	{ "GET", "/mail/config-v1.1.xml", HOST_AUTOCONFIG, true, http_autoconfig },
	{ "GET", "/.well-known/autoconfig/mail/config-v1.1.xml", HOST_HOUSE | HOST_AUTOCONFIG, true, http_autoconfig },
	{ "POST", "/autodiscover/autodiscover.xml", HOST_HOUSE | HOST_AUTODISCOVER, false, http_autodiscover },
	{ "GET", "/autodiscover/autodiscover.json", HOST_HOUSE | HOST_AUTODISCOVER, false, http_autodiscover_json },
	{ "GET", "/mail/setup", HOST_HOUSE | HOST_AUTOCONFIG, false, http_setup },
	{ "GET", "/mail/setup.css", HOST_HOUSE | HOST_AUTOCONFIG, false, http_style },
	{ "GET", "/mail/apple.mobileconfig", HOST_HOUSE | HOST_AUTOCONFIG, false, http_mobileconfig },
};

struct span http_field(const struct http_request *q, const char *name)
{
	struct span found = SPAN_NONE;
	size_t n = 0;

	for (size_t i = 0; i < q->cmd->ntok; i++) {
		const struct tok *t = &q->cmd->tok[i];

		if (t->kind == TOK_PAIR && span_ieqz(t->text, name)) {
			found = t->value;
			n++;
		}
	}
	return n == 1 ? found : SPAN_NONE;
}

/* ---- answers ---- */

static void begin_answer(struct call *c, const struct http_request *q, int status, const char *type, struct span more)
{
	http_status(c->out, status, time_real_sec(), q->close);
	if (type)
		buf_addf(c->out, "Content-Type: %s\r\n", type);
	buf_addz(c->out, "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"
		"Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: default-src 'none'; style-src 'self'; "
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n");
	buf_add(c->out, more);
	c->reply->next = q->close ? NEXT_CLOSE : NEXT_READ;
}

void http_say(struct call *c, const struct http_request *q, int status, const char *type, struct span more, struct span body)
{
	begin_answer(c, q, status, type, more);
	buf_addf(c->out, "Content-Length: %zu\r\n\r\n", body.n);
	if (!q->head_only)
		buf_add(c->out, body);
}

void http_say_signed(struct call *c, const struct http_request *q, const char *type, struct span more, struct span body)
{
	begin_answer(c, q, 200, type, more);
	buf_addz(c->out, "\r\n");
	if (q->head_only)
		return;                         /* the length would have to be computed by signing */
	buf_add(c->out, body);
	c->reply->next = q->close ? NEXT_SIGN_CLOSE : NEXT_SIGN;
}

void http_error(struct call *c, const struct http_request *q, int status)
{
	http_say(c, q, status, "text/plain; charset=utf-8", SPAN_NONE, arena_printf(c->arena, "%d %s\n", status,
		http_reason(status)));
}

/* ---- whose host ---- */

struct lookup {
	struct call *c;
	struct http_request *q;
	struct span domain;               /* asked: is it ours? */
	bool local;
};

static int setting(struct lookup *l, struct tx *tx, const char *name, struct span *out, struct err *e)
{
	struct err why = ERR_INIT;

	if (org_setting_get(l->c->house->org, tx, l->c->arena, name, out, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	return 0;
}

static int look_up(struct tx *tx, void *arg, struct err *e)
{
	struct lookup *l = arg;
	struct span language = SPAN_NONE;

	l->local = l->domain.n && domain_is_local(l->c->house->org, tx, l->domain);
	if (!l->q)
		return 0;
	if (setting(l, tx, "organisation.name", &l->q->organisation, e) < 0 ||
		setting(l, tx, "organisation.language", &language, e) < 0)
		return e->code;
	l->q->german = span_eqz(language, "de");
	return 0;
}

static bool is_this_machine(struct span host)
{
	size_t i = 0;

	while (i < host.n && (ascii_digit(host.p[i]) || host.p[i] == '.'))
		i++;
	return host.n && (i == host.n || host.p[0] == '[' || span_ieqz(host, "localhost"));
}

/* What a person reads in: the first of the languages named that we have. */
static void choose_language(struct http_request *q)
{
	struct span list = http_field(q, "Accept-Language");

	while (list.n) {
		struct span tag = span_trim(span_cut(&list, ','));

		if (span_istarts(tag, SPAN("de")) || span_istarts(tag, SPAN("en"))) {
			q->german = span_istarts(tag, SPAN("de"));
			return;
		}
	}
}

static int recognise(struct call *c, struct http_request *q, struct err *e)
{
	static const struct {
		struct span prefix;
		unsigned host;
	} kinds[] = { { { "autoconfig.", 11 }, HOST_AUTOCONFIG }, { { "autodiscover.", 13 }, HOST_AUTODISCOVER },
		{ { "mta-sts.", 8 }, HOST_MTA_STS } };
	struct span host = q->host;
	struct lookup l = { .c = c, .q = q };

	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	l.domain = host;
	q->hosts = HOST_HOUSE;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (span_istarts(host, kinds[i].prefix)) {
			l.domain = span_from(host, kinds[i].prefix.n);
			q->hosts = kinds[i].host;
		}
	}
	if (store_read(c->house->store, look_up, &l, e) < 0)
		return e->code;
	if (l.local)
		q->domain = l.domain;
	else
		q->hosts = span_ieqz(host, c->house->hostname) || is_this_machine(host) ? HOST_HOUSE : 0;
	choose_language(q);
	return 0;
}

int http_own_address(struct call *c, struct span address, struct span *domain_out, struct err *e)
{
	struct lookup l = { .c = c };
	struct smtp_address parts;

	if (!address.n)
		return ERR_MISSING;
	if (smtp_address_split(c->arena, address, &parts, NULL) < 0 || !parts.domain.n || parts.literal)
		return ERR_SYNTAX;
	l.domain = parts.domain;
	if (store_read(c->house->store, look_up, &l, e) < 0)
		return e->code;
	*domain_out = parts.domain;
	return l.local ? 0 : ERR_DENIED;
}

struct span http_parameter(struct call *c, const struct http_request *q, const char *name)
{
	return span_trim(http_form_value(c->arena, q->query, name, true));
}

/* ---- the driver ---- */

static bool known_method(struct span m)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (span_eqz(m, known[i]))
			return true;
	return false;
}

static void redirect(struct call *c, const struct http_request *q)
{
	unsigned port = q->port && q->port != 80 ? q->port + HTTPS_AFTER_HTTP : 0;
	struct span where = port ? arena_printf(c->arena, ":%u", port) : SPAN_NONE;
	struct span to = arena_printf(c->arena, "Location: https://%.*s%.*s%.*s%s%.*s\r\n", SPAN_F(q->host), SPAN_F(where),
		SPAN_F(q->path), q->query.n ? "?" : "", SPAN_F(q->query));

	http_say(c, q, 308, NULL, to, SPAN_NONE);
}

static void not_allowed(struct call *c, const struct http_request *q, const char *method)
{
	http_say(c, q, 405, NULL, arena_printf(c->arena, "Allow: %s%s\r\n", method, strcmp(method, "GET") ? "" : ", HEAD"),
		SPAN_NONE);
}

static void run_route(struct call *c, struct http_request *q, const struct route *r)
{
	struct err e = ERR_INIT;

	c->log_verb = r->path;
	if (!r->plain && !c->session->peer.tls) {
		redirect(c, q);
	} else if (c->cmd->spool_fd >= 0 || q->body.n > BODY_MAX) {
		http_error(c, q, 413);
	} else if (r->run(c, q, &e) < 0) {
		buf_reset(c->out);
		c->err = e;
		http_error(c, q, e.code == ERR_LATER || e.code == ERR_BUSY ? 503 : 500);
	}
}

static void find_route(struct call *c, struct http_request *q)
{
	struct span method = q->head_only ? SPAN("GET") : q->method;
	const struct route *other = NULL;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *r = &routes[i];

		if (!(r->hosts & q->hosts) || !span_ieqz(q->path, r->path))
			continue;
		other = r;
		if (span_eqz(method, r->method)) {
			run_route(c, q, r);
			return;
		}
	}
	if (other)
		not_allowed(c, q, other->method);
	else
		http_error(c, q, 404);
}

static struct http_request request_of(const struct cmd *m)
{
	uint64_t port = 0;
	struct http_request q = { .method = m->verb, .body = m->body, .cmd = m, .close = true };

	q.head_only = span_eqz(m->verb, "HEAD");
	if (m->ntok < 5)
		return q;
	q.close = !span_eqz(m->tok[0].text, "keep");
	q.host = m->tok[1].text;
	if (span_num(m->tok[2].text, &port, 0, 65535))
		q.port = (unsigned)port;
	q.path = m->tok[3].text;
	q.query = m->tok[4].text;
	return q;
}

static void run(struct call *c)
{
	struct http_request q = request_of(c->cmd);
	struct err e = ERR_INIT;

	if (!known_method(q.method)) {
		http_error(c, &q, 501);
	} else if (recognise(c, &q, &e) < 0) {
		c->err = e;
		http_error(c, &q, 503);
	} else if (!q.hosts) {
		http_error(c, &q, 421);
	} else {
		find_route(c, &q);
	}
}

static int begin(struct call *c, struct span state)
{
	(void)c;
	(void)state;
	return 0;
}

static void refuse(struct call *c, int err_class, bool sealed)
{
	struct http_request q = request_of(c->cmd);

	(void)err_class;
	(void)sealed;
	http_say(c, &q, 503, "text/plain; charset=utf-8", SPAN("Retry-After: 60\r\n"), SPAN("Temporarily not available\n"));
}

const struct proto http_proto = { .name = "http", .begin = begin, .run = run, .refuse = refuse };
