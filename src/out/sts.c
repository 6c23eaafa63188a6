#include "out/sts.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/log.h"
#include "base/time.h"
#include "out/https_get.h"

#define TXT 16

struct known {
	UT_hash_handle hh;
	int64_t until_sec;             /* of text */
	int64_t look_us;               /* not asked again before */
	bool busy;                     /* somebody asks */
	const char *fault;
	char id[STS_ID_MAX + 1];
	struct buf text;               /* the policy, or empty */
	size_t name_len;
	char name[];
};

struct sts {
	struct sts_config c;
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct known *known;
};

struct sts *sts_new(const struct sts_config *c)
{
	struct sts *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->c = *c;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->done, NULL);
	return s;
}

static void known_free(struct sts *s, struct known *k)
{
	HASH_DEL(s->known, k);
	buf_fini(&k->text);
	free(k);
}

void sts_free(struct sts *s)
{
	struct known *k, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->known, k, next)
		known_free(s, k);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->done);
	free(s);
}

static void make_room(struct sts *s)
{
	struct known *k, *next;

	if (HASH_COUNT(s->known) < STS_KNOWN_MAX)
		return;
	HASH_ITER(hh, s->known, k, next)
		if (!k->busy) {
			known_free(s, k);
			return;
		}
}

/* Under lock. */
static struct known *known_get(struct sts *s, struct span domain)
{
	struct known *k;

	HASH_FIND(hh, s->known, domain.p, domain.n, k);
	if (k)
		return k;
	make_room(s);
	k = calloc(1, sizeof(*k) + domain.n + 1);
	if (!k)
		abort();
	memcpy(k->name, domain.p, domain.n);
	k->name_len = domain.n;
	buf_init(&k->text, STS_POLICY_MAX);
	HASH_ADD(hh, s->known, name, k->name_len, k);
	return k;
}

static void keep(struct known *k, struct span id, struct span text, int64_t until_sec)
{
	size_t n = id.n < STS_ID_MAX ? id.n : STS_ID_MAX;

	memcpy(k->id, id.p, n);
	k->id[n] = 0;
	buf_reset(&k->text);
	buf_add(&k->text, text);
	k->until_sec = until_sec;
}

/* ---- fetching ---- */

struct fetch {
	struct span id, text;
	int64_t max_age_sec;
	const char *fault;
};

static enum resolve_status look(const struct sts_config *c, struct arena *a, struct span domain, unsigned timeout_ms,
	struct span *id_out, bool *any_out)
{
	struct resolver_records *r = ARENA_NEW(a, struct resolver_records);
	enum resolve_status s = resolver_records(c->resolver, a, arena_printf(a, "_mta-sts.%.*s", SPAN_F(domain)), TXT, timeout_ms, r);

	*any_out = s == RESOLVE_FOUND && sts_record(r->v, r->n, id_out);
	return s;
}

static void get(const struct sts_config *c, struct arena *a, struct span domain, int64_t timeout_ms, struct fetch *f)
{
	struct https_request q = { .host = arena_printf(a, "mta-sts.%.*s", SPAN_F(domain)), .port = c->port ? c->port : 443,
		.path = "/.well-known/mta-sts.txt", .type = "text/plain", .deadline_us = time_mono_us() + timeout_ms * 1000 };
	struct sts_policy *p = ARENA_NEW(a, struct sts_policy);
	struct err e = ERR_INIT;
	SCOPED_BUF body, text;
	int rc;

	buf_init(&body, STS_POLICY_MAX);
	buf_init(&text, STS_POLICY_MAX);
	rc = https_get(c->resolver, c->tls, a, &q, &body, &e);
	f->fault = rc == ERR_DENIED ? "sts-webpki-invalid" : rc < 0 ? "sts-policy-fetch-error" : NULL;
	if (rc == 0 && sts_policy_parse(a, arena_span(a, buf_span(&body)), p, &e) < 0)
		f->fault = "sts-policy-invalid";
	if (f->fault) {
		log_msg("mta_sts", "policy of %.*s: %s: %s", SPAN_F(domain), f->fault, e.log);
		return;
	}
	sts_policy_write(&text, p);
	f->text = arena_span(a, buf_span(&text));
	f->max_age_sec = p->max_age_sec;
}

bool sts_fetch(const struct sts_config *c, struct arena *a, struct span domain, unsigned timeout_ms, struct span *id_out,
	struct span *text_out)
{
	struct fetch f = { 0 };
	bool any;

	if (look(c, a, domain, timeout_ms / 2, &f.id, &any) != RESOLVE_FOUND || !any)
		return false;
	get(c, a, domain, timeout_ms / 2, &f);
	*id_out = f.id;
	*text_out = f.text;
	return !f.fault;
}

/* ---- finding ---- */

static bool good(const struct known *k)
{
	return k->text.n && k->until_sec > time_real_sec();
}

/* Asks without the lock; k is busy meanwhile and stays. */
static void renew(struct sts *s, struct arena *a, struct known *k, struct span domain, struct sts_found *out)
{
	struct span had = good(k) ? arena_span(a, span_str(k->id)) : SPAN_NONE;
	struct fetch f = { 0 };
	bool any;

	k->busy = true;
	pthread_mutex_unlock(&s->lock);
	look(&s->c, a, domain, 0, &f.id, &any);
	if (any && !span_eq(f.id, had))
		get(&s->c, a, domain, STS_FETCH_MS, &f);
	pthread_mutex_lock(&s->lock);
	k->busy = false;
	k->look_us = time_mono_us() + STS_LOOK_SEC * US_PER_SEC;
	k->fault = f.fault;
	if (f.text.n) {
		keep(k, f.id, f.text, time_real_sec() + f.max_age_sec);
		out->new_id = f.id;
		out->new_text = f.text;
	}
	pthread_cond_broadcast(&s->done);
}

void sts_find(struct sts *s, struct arena *a, struct span domain, const struct sts_stored *stored, struct sts_found *out)
{
	struct known *k;

	*out = (struct sts_found){ 0 };
	pthread_mutex_lock(&s->lock);
	while ((k = known_get(s, domain))->busy)
		pthread_cond_wait(&s->done, &s->lock);
	if (stored->text.n && !good(k))
		keep(k, stored->id, stored->text, stored->until_sec);
	if (time_mono_us() >= k->look_us)
		renew(s, a, k, domain, out);
	if (good(k))
		out->text = arena_span(a, buf_span(&k->text));
	else
		out->fault = k->fault;
	pthread_mutex_unlock(&s->lock);
	out->any = out->text.n && sts_policy_parse(a, out->text, &out->policy, NULL) == 0 && out->policy.mode != STS_NONE;
}
