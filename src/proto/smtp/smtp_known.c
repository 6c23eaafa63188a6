/* smtp_known.c - do the recipients know the sender of this mail, and may somebody nobody knows come in at once?
 *
 * For strangers' mail only, after its origin was checked. Who is refused by the house's own list hears so; what one account or
 * domain does not want goes to its Junk. The grey list (setting smtp.greylist) asks by default only those who have neither a
 * passing SPF or DKIM nor a name in the reverse DNS that leads back to them, and nobody whom a recipient knows as good. */
#include "base/time.h"
#include "base/scan.h"
#include "proto/smtp/smtp_int.h"

enum grey_mode { GREY_OFF, GREY_UNPROVEN, GREY_ON };

struct ask {
	struct call *call;
	struct smtp_kept *kept;
	struct recipients all;
	struct grey grey;
	enum grey_mode mode;
	bool passes;
};

static int read_settings(struct ask *k, struct tx *tx, struct err *e)
{
	struct call *c = k->call;
	struct err why = ERR_INIT;
	struct span value;
	uint64_t wait = GREY_WAIT_SEC;

	k->mode = GREY_UNPROVEN;
	if (org_setting_get(c->house->org, tx, c->arena, "smtp.greylist", &value, &why) == 0)
		k->mode = span_eqz(value, "off") ? GREY_OFF : span_eqz(value, "on") ? GREY_ON : GREY_UNPROVEN;
	else if (why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (org_setting_get(c->house->org, tx, c->arena, "smtp.greylist_wait", &value, &why) == 0)
		span_num(value, &wait, 0, GREY_WINDOW_SEC / 2);
	k->grey.wait_sec = (int64_t)wait;
	return 0;
}

static int judge(struct ask *k, struct tx *tx, struct err *e)
{
	struct smtp_known *v = &k->kept->known;
	struct call *c = k->call;
	int64_t now = time_steady_sec();
	size_t refused = 0;

	*v = (struct smtp_known){ .rows = ARENA_ARRAY(c->arena, struct smtp_verdict, k->all.n + 1) };
	for (size_t i = 0; i < k->all.n; i++) {
		struct smtp_verdict *row = &v->rows[v->n];
		uint64_t owner;

		row->account_id = k->all.v[i].account_id;
		if (!row->account_id)
			continue;
		if (sender_verdict(c->house->org, tx, c->arena, row->account_id, k->all.v[i].address, &k->kept->checked.from, now, &row->verdict,
			&owner, e) < 0)
			return e->code;
		v->good |= row->verdict == SENDER_GOOD || row->verdict == SENDER_ALLOWED;
		refused += row->verdict == SENDER_BLOCKED && owner == ORG_ACCOUNT_ID;
		v->n++;
	}
	v->refused = v->n && refused == v->n;
	return 0;
}

static struct span sender_domain(struct call *c)
{
	const struct smtp_session *s = smtp_session(c);
	ssize_t at = span_rchr(s->mail.sender, '@');
	struct span domain = at < 0 ? span_str(s->helo) : span_from(s->mail.sender, (size_t)at + 1), lower;

	return smtp_domain_unicode(c->arena, domain, &lower, NULL) < 0 ? domain : lower;
}

static int read_known(struct tx *tx, void *arg, struct err *e)
{
	struct ask *k = arg;
	struct call *c = k->call;
	struct smtp_mail *m = &smtp_session(c)->mail;
	uint64_t *accounts;
	int r;

	k->all = (struct recipients){ 0 };
	for (size_t i = 0; i < m->n; i++) {
		struct err why = ERR_INIT;

		if (address_resolve(c->house->org, tx, c->arena, m->rcpts[i].address, &k->all, &why) < 0 &&
			(why.code == ERR_LATER || why.code == ERR_BROKEN))
			return err_set(e, why.code, why.say, "%s", why.log);
	}
	if (judge(k, tx, e) < 0 || read_settings(k, tx, e) < 0)
		return e->code;
	accounts = ARENA_ARRAY(c->arena, uint64_t, k->kept->known.n + 1);
	for (size_t i = 0; i < k->kept->known.n; i++)
		accounts[i] = k->kept->known.rows[i].account_id;
	k->grey.ip = c->session->peer.address;
	k->grey.domain = sender_domain(c);
	k->grey.accounts = accounts;
	k->grey.n = k->kept->known.n;
	k->grey.now_sec = time_steady_sec();
	r = k->mode == GREY_OFF ? 1 : grey_passes(c->house->org, tx, c->arena, &k->grey, e);
	k->passes = r == 1;
	return r < 0 ? r : 0;
}

static int write_grey(struct tx *tx, void *arg, struct err *e)
{
	struct ask *k = arg;
	int r = grey_passes(k->call->house->org, tx, k->call->arena, &k->grey, e);

	k->passes = r == 1;
	return r < 0 ? r : 0;
}

/* 1: a name of this address leads back to it, or nobody can say now. MAILAUTH_MORE through *more. */
static bool has_name(struct call *c, bool *more)
{
	struct dns_source dns = { smtpd_find_name, c };
	struct span ip = c->session->peer.address;
	bool v6 = span_chr(ip, ':') >= 0 && span_chr(ip, '.') < 0, unknown = false;
	struct span name = peer_reversed(c->arena, ip, v6 ? SPAN("ip6.arpa") : SPAN("in-addr.arpa"));
	struct dns_answer names, found;

	if (!name.n)
		return false;
	if (!dns_ask(&dns, c->arena, name, DNS_PTR, &names))
		return *more = true, false;
	for (size_t i = 0; i < names.n && i < 3; i++) {
		if (!dns_ask(&dns, c->arena, names.v[i], v6 ? DNS_AAAA : DNS_A, &found))
			unknown = true;
		else if (found.status == DNS_FAILED || peer_is(ip, &found))
			return true;
	}
	*more = unknown;
	return names.status == DNS_FAILED;
}

/* False: waits for names. What is unproven is noted and comes later. */
static bool pass_grey(struct call *c, struct ask *k)
{
	struct smtp_checked *v = &k->kept->checked;
	struct err e = ERR_INIT;
	bool more = false, named;

	if (k->mode == GREY_UNPROVEN && v->proven)
		return true;
	if (k->mode == GREY_UNPROVEN) {
		named = has_name(c, &more);
		if (!named && more) {
			c->waits = true;
			return false;
		}
		if (named)
			return true;
	}
	if (store_write(c->house->store, write_grey, k, &e) < 0 || k->passes)
		return true;                  /* the list is no reason to lose a mail */
	v->defer = SPAN("We do not know you yet: please try again in a few minutes");
	return true;
}

bool smtpd_known(struct call *c, struct smtp_kept *k)
{
	struct ask ask = { .call = c, .kept = k };
	struct err e = ERR_INIT;

	if (k->is_known || !smtpd_stranger(c))
		return true;
	if (store_read(c->house->store, read_known, &ask, &e) < 0)
		k->known = (struct smtp_known){ 0 };
	else if (k->known.refused)
		k->checked.refuse = SPAN("Mail of this sender is not wanted here");
	else if (!ask.passes && !k->known.good && !k->checked.listed && c->house->name_find && !pass_grey(c, &ask))
		return false;
	k->is_known = true;
	return true;
}

enum sender_verdict smtpd_verdict(const struct smtp_known *v, uint64_t account_id)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->rows[i].account_id == account_id)
			return v->rows[i].verdict;
	return SENDER_UNKNOWN;
}
