/* smtp_hold.c - submissions of an account that is held (domain/mail/hold.h), and sign-ins that make one held. */
#include "base/time.h"
#include "domain/mail/hold.h"
#include "domain/mail/mail_view.h"
#include "proto/smtp/smtp_int.h"

struct held {
	struct call *call;
	struct hold hold;
	bool yes;
	uint64_t networks_max;
};

static int read_hold(struct tx *tx, void *arg, struct err *e)
{
	struct held *h = arg;
	int r = hold_get(tx, h->call->session->account_id, &h->hold, e);

	h->yes = r == 1;
	return r < 0 ? r : 0;
}

bool smtpd_hold_mail(struct call *c)
{
	struct held h = { .call = c };
	struct err e = ERR_INIT;

	if (c->session->service != SVC_SUBMISSION)
		return true;
	if (store_read(c->house->store, read_hold, &h, &e) < 0) {
		smtpd_fail(c, &e);
		return false;
	}
	if (h.yes) {
		err_set(&c->err, ERR_DENIED, "", "account is held: %s", hold_reason_name(h.hold.reason));
		smtpd_say(c, 451, "4.7.1", "Sending from your account is on hold, please ask your postmaster");
	}
	return !h.yes;
}

static int read_bound(struct tx *tx, void *arg, struct err *e)
{
	struct held *h = arg;

	return hold_bound(h->call->house->org, tx, h->call->arena, "submission.hold_networks", HOLD_NETWORKS, &h->networks_max, e);
}

static int write_hold(struct tx *tx, void *arg, struct err *e)
{
	struct held *h = arg;

	return hold_set(tx, h->call->session->account_id, HOLD_BY_NETWORKS, time_real_sec(), e);
}

void smtpd_hold_login(struct call *c)
{
	struct held h = { .call = c };
	unsigned char network[PEER_NETWORK_LEN];
	struct err e = ERR_INIT;
	unsigned n;

	if (!peer_network(c->session->peer.address, network))
		return;
	n = visitors_login(mail_visitors(c->house->mail), c->session->account_id, network, time_mono_us());
	if (n > 1 && store_read(c->house->store, read_bound, &h, &e) == 0 && h.networks_max && n > h.networks_max)
		store_write(c->house->store, write_hold, &h, &e);
}
