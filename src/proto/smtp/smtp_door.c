/* smtp_door.c - strangers at port 25, before their mail is taken: lists of bad addresses (RFC 5782), rates, guessed
 * addresses.
 *
 * A stranger is who comes neither from this machine nor from a relay that is trusted (setting smtp.trusted_relays). Refused for
 * good is only who stands in a list that the administrator has named; all else is "later". Postmaster hears everybody
 * (RFC 5321 section 4.5.1). */
#include <string.h>
#include "base/log.h"
#include "base/scan.h"
#include "base/time.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/mail_view.h"
#include "proto/smtp/smtp_int.h"

bool smtpd_stranger(struct call *c)
{
	struct smtp_session *s = smtp_session(c);

	if (!s->origin)
		s->origin = c->session->service == SVC_SMTP && !c->session->peer.loopback &&
			!smtpd_listed(c, "smtp.trusted_relays") ? ORIGIN_STRANGER : ORIGIN_TRUSTED;
	return s->origin == ORIGIN_STRANGER;
}

bool smtpd_find_name(void *call, struct span name, enum dns_type type, struct dns_answer *out)
{
	struct call *c = call;

	return c->house->name_find(c, name, type, out);
}

/* ---- rates ---- */

struct rates {
	struct call *call;
	struct visitor_limits limits;
};

static void number(const struct rates *r, struct tx *tx, const char *name, uint64_t *out)
{
	struct err e = ERR_INIT;
	struct span value;

	if (org_setting_get(r->call->house->org, tx, r->call->arena, name, &value, &e) == 0)
		span_num(value, out, 0, UINT32_MAX);
}

static int read_rates(struct tx *tx, void *arg, struct err *e)
{
	struct rates *r = arg;

	(void)e;
	r->limits = (struct visitor_limits){ VISITOR_NEW_MINUTE, VISITOR_MINUTE, VISITOR_UNKNOWN_HOUR };
	number(r, tx, "smtp.rate_new", &r->limits.new_minute);
	number(r, tx, "smtp.rate", &r->limits.minute);
	number(r, tx, "smtp.rate_unknown", &r->limits.unknown_hour);
	return 0;
}

static bool rates(struct call *c, struct visitor_limits *out, unsigned char network[PEER_NETWORK_LEN])
{
	struct rates r = { .call = c };
	struct err e = ERR_INIT;

	if (!smtpd_stranger(c) || !peer_network(c->session->peer.address, network) ||
		store_read(c->house->store, read_rates, &r, &e) < 0)
		return false;
	*out = r.limits;
	return true;
}

static void later(struct call *c, const char *text)
{
	err_set(&c->err, ERR_LIMIT, "", "%s", text);
	smtpd_say(c, 451, "4.7.1", text);
}

bool smtpd_door_mail(struct call *c)
{
	unsigned char network[PEER_NETWORK_LEN];
	struct visitor_limits l;

	if (!rates(c, &l, network) || visitors_message(mail_visitors(c->house->mail), network, &l, time_mono_us()))
		return true;
	later(c, "Too much mail from your network in this minute, try again later");
	return false;
}

void smtpd_door_asked(struct call *c, bool known)
{
	unsigned char network[PEER_NETWORK_LEN];

	if (smtpd_stranger(c) && peer_network(c->session->peer.address, network))
		visitors_recipient(mail_visitors(c->house->mail), network, known, time_mono_us());
}

/* ---- lists ---- */

struct zones {
	struct call *call;
	struct dnsbl_zone v[DNSBL_ZONES_MAX];
	size_t n;
};

static int read_zones(struct tx *tx, void *arg, struct err *e)
{
	struct zones *z = arg;
	struct span value;

	z->n = 0;
	if (org_setting_get(z->call->house->org, tx, z->call->arena, "smtp.dnsbl", &value, e) < 0 ||
		dnsbl_parse(value, z->v, &z->n, e) < 0)
		z->n = 0;
	err_clear(e);
	return 0;
}

/* A list that has 127.0.0.1 lists the whole world: it is dead (RFC 5782 section 5). */
static bool sound(struct call *c, const struct dns_source *dns, struct span zone, bool *more)
{
	struct dns_answer found;

	if (!dns_ask(dns, c->arena, arena_printf(c->arena, "1.0.0.127.%.*s", SPAN_F(zone)), DNS_A, &found)) {
		*more = true;
		return false;
	}
	return !dnsbl_listed(&found);
}

static void log_listing(const struct call *c, const struct smtp_listing *l)
{
	struct logline line;

	log_begin(&line, "dnsbl");
	log_ki(&line, "session", (int64_t)c->session->id);
	log_kv(&line, "peer", c->session->peer.address);
	log_kz(&line, "zone", l->zone);
	log_ki(&line, "weight", l->weight);
	log_end(&line);
}

bool smtpd_door_lists(struct call *c)
{
	struct smtp_listing *l = &smtp_session(c)->listing, now = { .known = true };
	struct dns_source dns = { smtpd_find_name, c };
	struct zones z = { .call = c };
	struct err e = ERR_INIT;
	bool more = false;

	if (l->known || !c->house->name_find || !smtpd_stranger(c) || store_read(c->house->store, read_zones, &z, &e) < 0)
		return true;
	for (size_t i = 0; i < z.n; i++) {
		struct span name = peer_reversed(c->arena, c->session->peer.address, z.v[i].name);
		struct dns_answer found;

		if (!name.n)
			continue;
		if (!dns_ask(&dns, c->arena, name, DNS_A, &found)) {
			more = true;
		} else if (dnsbl_listed(&found) && sound(c, &dns, z.v[i].name, &more)) {
			if (!now.weight)
				memcpy(now.zone, z.v[i].name.p, z.v[i].name.n);
			now.weight += z.v[i].weight;
		}
	}
	if (more) {
		c->waits = true;
		return false;
	}
	*l = now;
	if (l->weight)
		log_listing(c, l);
	return true;
}

/* postmaster, at whatever domain. */
static bool is_postmaster(struct span address)
{
	ssize_t at = span_rchr(address, '@');

	return span_ieqz(at < 0 ? address : span_sub(address, 0, (size_t)at), "postmaster");
}

bool smtpd_door_rcpt(struct call *c, struct span address)
{
	const struct smtp_listing *l = &smtp_session(c)->listing;
	unsigned char network[PEER_NETWORK_LEN];
	struct visitor_limits limits;

	if (is_postmaster(address))
		return true;
	if (l->weight >= DNSBL_REJECT) {
		err_set(&c->err, ERR_DENIED, "", "listed by %s", l->zone);
		smtpd_say(c, 550, "5.7.1", arena_strz(c->arena, arena_printf(c->arena,
			"Refused: %.*s is listed by %s; postmaster here can be reached", SPAN_F(c->session->peer.address), l->zone)));
		return false;
	}
	if (!rates(c, &limits, network) || visitors_welcome(mail_visitors(c->house->mail), network, &limits, time_mono_us()))
		return true;
	later(c, "Too many unknown recipients asked for by your network, try again later");
	return false;
}
