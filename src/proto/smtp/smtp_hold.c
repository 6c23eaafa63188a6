/* smtp_hold.c - submissions of an account that is held (domain/mail/hold.h), and those beyond its send limit. */
#include "base/time.h"
#include "domain/mail/hold.h"
#include "domain/mail/mail_view.h"
#include "proto/smtp/smtp_int.h"

struct held {
	struct call *call;
	struct hold hold;
	bool yes;
	uint64_t recipients;
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
		smtpd_say(c, 451, "4.7.1", SMTPD_ON_HOLD);
	}
	return !h.yes;
}

static int over(struct tx *tx, void *arg, struct err *e)
{
	struct held *h = arg;
	int r = hold_over_limit(h->call->house->org, tx, h->call->arena, h->call->session->account_id, h->recipients, time_steady_sec(), e);

	h->yes = r == 1;
	return r < 0 ? r : 0;
}

bool smtpd_hold_over(struct call *c, uint64_t recipients)
{
	struct held h = { .call = c, .recipients = recipients };
	struct err e = ERR_INIT;

	return store_write(c->house->store, over, &h, &e) == 0 && h.yes;
}
