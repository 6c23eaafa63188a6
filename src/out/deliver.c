#include "out/deliver.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/scan.h"
#include "base/time.h"
#include "codec/http/https_url.h"
#include "codec/smtp/smtp_address.h"
#include "net/resolver.h"
#include "out/https_get.h"
#include "out/tls_policy.h"

#define KEEP_MAX 64               /* idle connections */
#define KEEP_US (5 * US_PER_SEC)
#define KEEP_USES 100
#define ADDRESSES_MAX 8           /* dialled for one job */
#define POST_US (60 * US_PER_SEC)  /* one report to one URL */

struct kept {
	struct kept *next;
	struct smtp_connection connection;
	int64_t since_us;
	size_t key_len;
	char key[];
};

struct deliver {
	const struct out_config *conf;
	const struct smtp_timeouts *timeouts;
	struct resolver *resolver;
	SSL_CTX *tls;
	struct sts_config sts_conf;
	struct sts *sts;
	pthread_mutex_t lock;         /* kept */
	struct kept *kept;
	unsigned n_kept;
};

/* One job under way. */
struct attempt {
	struct deliver *d;
	struct arena *a;
	const struct out_job *job;
	struct span key, message;
	struct out_result *result;
	struct kept *k;               /* the connection in use */
	bool learnt_good, learnt_bad;
	const char *status;           /* why nobody could be reached, so far */
	struct span why, mta;
	unsigned dialled;
	struct tls_ask tls;
	bool lacks, passing;          /* some server failed for REQUIRETLS only; some for another reason */
};

struct deliver *deliver_new(const struct out_config *conf, struct err *e)
{
	struct resolver_config rc = { .hosts = conf->hosts, .forwarders = conf->forwarders,
		.n_forwarders = conf->n_forwarders, .anchor_file = conf->anchor_file, .timeout_ms = conf->dns_timeout_ms };
	struct deliver *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	pthread_mutex_init(&d->lock, NULL);
	d->conf = conf;
	d->timeouts = conf->timeouts ? conf->timeouts : &smtp_timeouts_default;
	d->tls = client_stream_context(conf->ca_file, e);
	d->resolver = d->tls ? resolver_new(&rc, e) : NULL;
	d->sts_conf = (struct sts_config){ d->resolver, d->tls, conf->sts_port };
	d->sts = sts_new(&d->sts_conf);
	if (d->resolver)
		return d;
	deliver_free(d);
	return NULL;
}

struct resolver *deliver_resolver(struct deliver *d)
{
	return d->resolver;
}

const struct sts_config *deliver_sts(struct deliver *d)
{
	return &d->sts_conf;
}

/* ---- kept connections ---- */

static void kept_free(struct kept *k)
{
	if (!k)
		return;
	smtp_connection_fini(&k->connection);
	free(k);
}

static struct kept *kept_new(struct deliver *d, struct span key)
{
	struct kept *k = calloc(1, sizeof(*k) + key.n + 1);

	if (!k)
		abort();
	smtp_connection_init(&k->connection, d->conf->hostname, d->timeouts);
	memcpy(k->key, key.p, key.n);
	k->key_len = key.n;
	return k;
}

static struct kept *kept_take(struct deliver *d, struct span key)
{
	struct kept *found = NULL;

	pthread_mutex_lock(&d->lock);
	for (struct kept **p = &d->kept; *p; p = &(*p)->next)
		if (span_eq(SPAN_BYTES((*p)->key, (*p)->key_len), key)) {
			found = *p;
			*p = found->next;
			d->n_kept--;
			break;
		}
	pthread_mutex_unlock(&d->lock);
	if (found && !client_stream_quiet(&found->connection.stream)) {
		kept_free(found);
		return NULL;
	}
	return found;
}

static void kept_put(struct deliver *d, struct kept *k)
{
	bool room;

	if (k->connection.stream.fd < 0 || k->connection.uses >= KEEP_USES) {
		kept_free(k);
		return;
	}
	k->since_us = time_mono_us();
	pthread_mutex_lock(&d->lock);
	room = d->n_kept < KEEP_MAX;
	if (room) {
		k->next = d->kept;
		d->kept = k;
		d->n_kept++;
	}
	pthread_mutex_unlock(&d->lock);
	if (!room)
		kept_free(k);
}

static void kept_drop(struct deliver *d, int64_t before_us)
{
	struct kept *old = NULL;

	pthread_mutex_lock(&d->lock);
	for (struct kept **p = &d->kept; *p;) {
		struct kept *k = *p;

		if (k->since_us >= before_us) {
			p = &k->next;
			continue;
		}
		*p = k->next;
		k->next = old;
		old = k;
		d->n_kept--;
	}
	pthread_mutex_unlock(&d->lock);
	while (old) {
		struct kept *next = old->next;

		kept_free(old);
		old = next;
	}
}

void deliver_sweep(struct deliver *d)
{
	kept_drop(d, time_mono_us() - KEEP_US);
}

void deliver_free(struct deliver *d)
{
	if (!d)
		return;
	kept_drop(d, INT64_MAX);
	sts_free(d->sts);
	resolver_free(d->resolver);
	SSL_CTX_free(d->tls);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* ---- outcomes ---- */

static void all_set(struct attempt *t, enum out_outcome outcome, const char *status, struct span why)
{
	for (size_t i = 0; i < t->result->n_rows; i++) {
		struct out_row *r = &t->result->rows[i];

		if (r->outcome)
			continue;
		r->outcome = outcome;
		r->status = arena_span(t->a, span_str(status));
		r->reply = arena_span(t->a, why);
		r->remote_mta = t->mta;
	}
}

static bool any_open(const struct attempt *t)
{
	for (size_t i = 0; i < t->result->n_rows; i++)
		if (!t->result->rows[i].outcome)
			return true;
	return false;
}

static void rows_make(struct arena *a, const struct out_job *job, struct out_result *result)
{
	*result = (struct out_result){ .message_id = job->message_id, .n_rows = job->n_rcpts };
	result->rows = ARENA_ARRAY(a, struct out_row, job->n_rcpts);
	for (size_t i = 0; i < job->n_rcpts; i++)
		result->rows[i].rcpt_id = job->rcpts[i].id;
}

void deliver_later(struct arena *a, const struct out_job *job, const char *status, const char *why,
	struct out_result *result)
{
	struct attempt t = { .a = a, .job = job, .result = result };

	rows_make(a, job, result);
	all_set(&t, OUT_LATER, status, span_str(why));
}

struct span deliver_destination(struct arena *a, const struct out_job *job)
{
	if (!job->smarthost.n || (job->flags & JOB_HTTPS))
		return job->domain;
	return arena_printf(a, "%.*s %.*s %d", SPAN_F(job->smarthost), SPAN_F(job->smarthost_user), job->smarthost_tls);
}

/* ---- one server ---- */

/* A server that cannot be used, whatever it said, is a reason to try again: class 4. */
static void failure_note(struct attempt *t, const struct smtp_connection *c, const struct err *e)
{
	char *status = arena_strz(t->a, span_str(c->status[0] ? c->status : "4.4.0"));

	status[0] = '4';
	t->status = status;
	t->why = c->words[0] ? arena_span(t->a, span_str(c->words)) : arena_span(t->a, span_str(e->say));
	t->mta = arena_span(t->a, span_str(c->name));
	t->lacks |= c->lacks;
	t->passing |= !c->lacks;
}

/* ---- what reports on TLS count ---- */

static void session_count(struct attempt *t, const struct tls_choice *p, const char *fault, struct span mx,
	const struct sockaddr_storage *sa)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (t->tls.relaxed || t->result->n_sessions == OUT_TLS_MAX)
		return;
	if (sa && sa->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr, ip, sizeof(ip));
	else if (sa)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)sa)->sin6_addr, ip, sizeof(ip));
	t->result->sessions[t->result->n_sessions++] = (struct out_tls){ .policy = p->policy, .text = p->text, .mx = arena_span(t->a, mx),
		.fault = span_str(p->fault ? p->fault : fault), .ip = arena_span(t->a, span_str(ip)) };
}

/* One transaction over t->k. true: every recipient has its outcome. */
static bool transact(struct attempt *t, struct err *e)
{
	struct smtp_connection *c = &t->k->connection;
	int rc;

	t->result->tls = c->stream.ssl != NULL;
	rc = smtp_send(c, t->a, t->job, t->message, t->result->rows, e);
	t->learnt_good = c->stream.fd >= 0;
	t->learnt_bad |= c->stream.fd < 0 && t->dialled; /* a kept one may have ended for its age */
	if (rc < 0)
		failure_note(t, c, e);
	kept_put(t->d, t->k);
	t->k = NULL;
	return rc == 0;
}

static bool is_loopback(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;

	return sa->ss_family == AF_INET ? (ntohl(v4->sin_addr.s_addr) >> 24) == 127 : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void port_set(struct resolver_address *at, uint16_t port)
{
	if (at->sa.ss_family == AF_INET)
		((struct sockaddr_in *)&at->sa)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&at->sa)->sin6_port = htons(port);
}

/* A smarthost named as this machine itself: nothing of it is on any network, and no certificate names it. A name that
 * merely leads here is verified like any other: anybody may answer for a name. */
static bool is_here(struct span host, const struct sockaddr_storage *sa)
{
	struct resolver_address literal;

	return is_loopback(sa) && (span_ieqz(host, "localhost") || resolver_numeric(host, &literal));
}

static void smarthost_tls(const struct attempt *t, struct smtp_target *to, uint16_t port)
{
	bool demanded = t->job->smarthost_tls || to->user.n || (t->job->flags & JOB_REQUIRETLS);

	to->tls = port == 465 ? TLS_AT_ONCE : demanded ? TLS_DEMANDED : TLS_IF_OFFERED;
	if (to->tls == TLS_DEMANDED && to->loopback && !t->job->smarthost_tls)
		to->tls = TLS_IF_OFFERED;
	to->requiretls = t->job->flags & JOB_REQUIRETLS;
}

/* policy: of an MX, or NULL. true: done with the job. */
static bool try_address(struct attempt *t, const struct smtp_target *how, struct resolver_address *at, uint16_t port,
	const struct tls_choice *policy)
{
	struct smtp_target to = *how;
	struct err e = ERR_INIT;
	int rc;

	to.sa = (const struct sockaddr *)&at->sa;
	to.sa_len = at->len;
	to.loopback = is_here(to.name, &at->sa);
	port_set(at, port);
	if (t->job->smarthost.n)
		smarthost_tls(t, &to, port);
	t->k = kept_new(t->d, t->key);
	t->dialled++;
	rc = smtp_open(&t->k->connection, t->a, t->d->tls, &to, &e);
	if (policy && t->k->connection.talked)
		session_count(t, policy, t->k->connection.fault, to.name, &at->sa);
	if (rc < 0 && t->k->connection.tls_failed && to.tls == TLS_IF_OFFERED) {
		to.tls = TLS_NEVER; /* opportunistic: better in clear than not at all (RFC 7435) */
		err_clear(&e);
		rc = smtp_open(&t->k->connection, t->a, t->d->tls, &to, &e);
	}
	if (rc == 0)
		return transact(t, &e);
	failure_note(t, &t->k->connection, &e);
	t->learnt_bad = true;
	kept_free(t->k);
	t->k = NULL;
	return false;
}

/* mx: a server of the domain, so that its policies are asked for; else the smarthost. */
static bool try_host(struct attempt *t, struct span host, uint16_t port, bool mx)
{
	struct smtp_target to = { .name = host, .user = t->job->smarthost_user, .password = t->job->smarthost_password };
	struct tls_choice policy;
	struct resolver_address_list l;
	enum resolve_status s = resolver_addresses(t->d->resolver, t->a, host, &l);

	if (s != RESOLVE_FOUND) {
		t->passing = true;
		t->status = s == RESOLVE_FAILED ? "4.4.3" : "4.4.4";
		t->why = arena_printf(t->a, "%.*s: %s", SPAN_F(host), l.why);
		return false;
	}
	if (mx)
		tls_choose(&t->tls, t->a, host, &l, &policy, &to);
	if (mx && policy.why) {
		if (policy.fault)            /* else nobody was asked to show TLS */
			session_count(t, &policy, NULL, host, NULL);
		t->status = policy.fault && policy.policy == OUT_POLICY_TLSA ? "4.7.5" : "4.7.0";
		t->why = span_str(policy.why);
		t->mta = host;
		t->lacks |= policy.lacks;
		t->passing |= !policy.lacks;
		return false;
	}
	for (size_t i = 0; i < l.n && t->dialled < ADDRESSES_MAX; i++)
		if (try_address(t, &to, &l.v[i], port, mx ? &policy : NULL))
			return true;
	return false;
}

/* ---- which servers ---- */

static uint16_t mail_port(const struct attempt *t)
{
	return t->d->conf->port ? t->d->conf->port : 25;
}

/* "host:port", "[2001:db8::1]:587", "host" */
static bool smarthost_split(struct span text, struct span *host, uint16_t *port)
{
	ssize_t colon = span_rchr(text, ':'), bracket = span_rchr(text, ']');
	uint64_t n = 587;

	*host = text;
	if (colon > bracket) {
		*host = span_sub(text, 0, (size_t)colon);
		if (!span_num(span_from(text, (size_t)colon + 1), &n, 1, 65535))
			return false;
	}
	*port = (uint16_t)n;
	return host->n > 0;
}

static void to_smarthost(struct attempt *t)
{
	struct span host;
	uint16_t port;

	if (smarthost_split(t->job->smarthost, &host, &port))
		try_host(t, host, port, false);
	else
		t->why = SPAN("the smarthost setting is unreadable");
}

/* RFC 5321 5.1: when we are in the list, only servers preferred over us may be tried. */
static bool cut_at_ourselves(struct attempt *t, struct resolver_mx_list *mx)
{
	for (size_t i = 0; i < mx->n; i++) {
		if (!span_ieqz(mx->v[i].host, t->d->conf->hostname))
			continue;
		while (i > 0 && mx->v[i - 1].preference == mx->v[i].preference)
			i--;
		mx->n = i;
	}
	return mx->n > 0;
}

static void to_domain(struct attempt *t, struct span domain)
{
	struct resolver_mx_list *mx = ARENA_NEW(t->a, struct resolver_mx_list);
	struct resolver_address_list *l;
	enum resolve_status s = resolver_mx(t->d->resolver, t->a, domain, mx);

	if (s == RESOLVE_NO_NAME) {
		all_set(t, OUT_REFUSED, "5.1.2", span_str(mx->why));
		return;
	}
	if (s == RESOLVE_NULL_MX) {
		all_set(t, OUT_REFUSED, "5.1.10", span_str(mx->why));
		return;
	}
	if (s != RESOLVE_FOUND) {
		t->status = "4.4.3";
		t->why = span_str(mx->why);
		return;
	}
	if (!cut_at_ourselves(t, mx)) {
		all_set(t, OUT_REFUSED, "5.4.6", SPAN("554 5.4.6 mail loop: the domain's mail server is this server, which does not know the domain"));
		return;
	}
	t->tls.mx_secure = mx->secure;
	t->tls.domain = domain;
	l = ARENA_NEW(t->a, struct resolver_address_list);
	if (mx->implicit && resolver_addresses(t->d->resolver, t->a, domain, l) == RESOLVE_NO_DATA) {
		all_set(t, OUT_REFUSED, "5.1.2", SPAN("the domain has no mail server and no address"));
		return;
	}
	for (size_t i = 0; i < mx->n && t->dialled < ADDRESSES_MAX; i++)
		if (try_host(t, mx->v[i].host, mail_port(t), true))
			return;
}

/* A report by HTTPS: its recipients are one URL. Whatever is wrong may be better later. */
static void to_url(struct attempt *t)
{
	struct https_request q = { .type = "application/tlsrpt+gzip", .body = t->message, .deadline_us = time_mono_us() + POST_US };
	struct https_url url;
	struct err e = ERR_INIT;

	if (!https_url_parse(t->job->domain, &url)) {
		all_set(t, OUT_REFUSED, "5.1.2", SPAN("the URL is unreadable"));
		return;
	}
	q.host = t->mta = url.host;
	q.port = url.port;
	q.path = arena_strz(t->a, url.path);
	if (https_post(t->d->resolver, t->d->tls, t->a, &q, &e) == 0)
		all_set(t, OUT_SENT, "2.0.0", SPAN("posted"));
	else
		t->why = arena_span(t->a, span_str(e.say));
	t->result->tls = e.code == 0;
	t->learnt_good = e.code == 0;
	t->learnt_bad = !t->learnt_good;
}

static void to_job(struct attempt *t)
{
	struct resolver_address at;
	struct span domain = t->job->domain;

	if (t->job->smarthost.n) {
		to_smarthost(t);
	} else if (domain.n && domain.p[0] == '[') {
		if (t->job->flags & JOB_REQUIRETLS)
			t->lacks = true;     /* nobody can say whose server that is */
		else if (resolver_numeric(domain, &at))
			try_address(t, &(struct smtp_target){ .name = domain }, &at, mail_port(t), NULL);
		else
			all_set(t, OUT_REFUSED, "5.1.2", SPAN("the address literal is unreadable"));
	} else if (smtp_domain_ascii(t->a, domain, &domain, NULL) == 0) {
		to_domain(t, domain);
	} else {
		all_set(t, OUT_REFUSED, "5.1.2", SPAN("the domain is no name that could exist"));
	}
}

static void attempt_log(const struct attempt *t, int64_t from_us)
{
	static const char *const policies[] = { "", "none", "sts", "dane" };
	size_t count[OUT_REFUSED + 1] = { 0 };
	const struct out_row *worst = t->result->rows;
	struct logline l;

	for (size_t i = 0; i < t->result->n_rows; i++) {
		count[t->result->rows[i].outcome]++;
		if (t->result->rows[i].outcome > worst->outcome)
			worst = &t->result->rows[i];
	}
	log_begin(&l, "attempt");
	log_ki(&l, "message", (int64_t)t->job->message_id);
	log_kv(&l, "destination", t->job->domain);
	log_kv(&l, "remote", t->mta.n ? t->mta : worst->remote_mta);
	log_ki(&l, "sent", (int64_t)(count[OUT_SENT] + count[OUT_RELAYED]));
	log_ki(&l, "later", (int64_t)count[OUT_LATER]);
	log_ki(&l, "refused", (int64_t)count[OUT_REFUSED]);
	log_kv(&l, "status", worst->status);
	if (worst->outcome >= OUT_LATER && !worst->remote_mta.n)
		log_kv(&l, "why", worst->reply); /* our own words; a peer's may repeat addresses */
	log_ki(&l, "tls", t->result->tls);
	log_ki(&l, "dnssec", t->tls.mx_secure);
	if (t->result->n_sessions)
		log_kv(&l, "policy", span_str(policies[t->result->sessions[t->result->n_sessions - 1].policy]));
	log_ki(&l, "ms", (time_mono_us() - from_us) / 1000);
	log_end(&l);
}

enum schedule_experience deliver_job(struct deliver *d, struct arena *a, const struct out_job *job,
	struct span message, struct out_result *result)
{
	struct attempt t = { .d = d, .a = a, .job = job, .message = message, .result = result, .status = "4.4.0",
		.why = SPAN("no server could be reached") };
	int64_t from_us = time_mono_us();
	struct err e = ERR_INIT;
	bool done = false;

	rows_make(a, job, result);
	t.tls = (struct tls_ask){ .resolver = d->resolver, .sts = d->sts, .job = job, .port = mail_port(&t),
		.relaxed = tls_relaxed(job, message) };
	/* what was opened for less must not carry what demands more */
	t.key = arena_printf(a, "%.*s %d %d", SPAN_F(deliver_destination(a, job)), t.tls.relaxed, (job->flags & JOB_REQUIRETLS) != 0);
	/* A kept connection that died meanwhile costs nothing but another look. */
	if (job->flags & JOB_HTTPS) {
		to_url(&t);
		done = true;
	}
	while (!done && (t.k = kept_take(d, t.key))) {
		err_clear(&e);
		done = transact(&t, &e);
	}
	if (!done && any_open(&t))
		to_job(&t);
	if (t.lacks && !t.passing)
		all_set(&t, OUT_REFUSED, "5.7.30", SPAN("the mail demands TLS all the way (REQUIRETLS), which the recipient's server does not offer"));
	all_set(&t, OUT_LATER, t.status, t.why);
	result->sts_id = t.tls.found.new_id;
	result->sts_text = t.tls.found.new_text;
	attempt_log(&t, from_us);
	return t.learnt_good ? SCHEDULE_GOOD : t.learnt_bad ? SCHEDULE_BAD : SCHEDULE_NEUTRAL;
}
