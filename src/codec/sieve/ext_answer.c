/* ext_answer.c - what writes mails: vacation (RFC 5230, 6131), enotify with mailto (RFC 5435, 5436), fcc (RFC 8580). */
#include "codec/sieve/sieve_int.h"
#include "base/scan.h"

#define DAYS_DEFAULT 7
#define DAYS_MAX 365
#define SECONDS_MIN 60       /* a shorter wait is lengthened: two machines shall not answer each other all day */

int sieve_check_vacation(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *seconds = sieve_tag_arg(n, TAG_SECONDS);

	if (seconds && sieve_need(c, seconds, EXT_VACATION_SEC, "\":seconds\"") < 0)
		return ERR_SYNTAX;
	return sieve_check_fcc(c, n);
}

static int fcc(struct sieve_run *r, const struct sieve_node *n, struct sieve_action *a)
{
	a->fcc_create = n->tags & T(CREATE);
	if (run_tag_str(r, n, TAG_FCC, &a->fcc) < 0 || run_tag_str(r, n, TAG_SPECIALUSE, &a->special_use) < 0 ||
		run_tag_str(r, n, TAG_MAILBOXID, &a->mailbox_id) < 0)
		return ERR_LIMIT;
	return n->tags & T(FLAGS) ? run_flags(r, n, &a->flags, &a->n_flags) : 0;
}

int sieve_run_vacation(struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *days = sieve_tag_arg(n, TAG_DAYS), *seconds = sieve_tag_arg(n, TAG_SECONDS),
		*addresses = sieve_tag_arg(n, TAG_ADDRESSES);
	struct sieve_action *a;

	if (run_delivers(r, n) < 0)
		return ERR_PARAM;
	for (size_t i = 0; i < r->out->n_actions; i++)
		if (r->out->actions[i].kind == SIEVE_VACATION || r->out->actions[i].kind == SIEVE_REJECT)
			return run_fail(r, n, "A message is answered once, and not when it is rejected");
	a = run_act(r, n, SIEVE_VACATION);
	if (!a || run_str(r, sieve_arg(n, 0)->v[0], &a->target) < 0 || run_tag_str(r, n, TAG_SUBJECT, &a->subject) < 0 ||
		run_tag_str(r, n, TAG_FROM, &a->from) < 0 || run_tag_str(r, n, TAG_HANDLE, &a->handle) < 0 || fcc(r, n, a) < 0)
		return ERR_PARAM;
	if (addresses && run_strs(r, addresses, &a->addresses, &a->n_addresses) < 0)
		return ERR_LIMIT;
	a->mime = n->tags & T(MIME);
	a->seconds = DAYS_DEFAULT * 86400;
	if (days)
		a->seconds = (int64_t)(days->number < 1 ? 1 : days->number > DAYS_MAX ? DAYS_MAX : days->number) * 86400;
	if (seconds)
		a->seconds = seconds->number < SECONDS_MIN ? SECONDS_MIN :
			seconds->number > DAYS_MAX * 86400ULL ? DAYS_MAX * 86400 : (int64_t)seconds->number;
	if (!a->handle.p)            /* section 4.2: one answer per text, subject, sender, mime */
		a->handle = arena_printf(r->a, "%d|%.*s|%.*s|%.*s", a->mime, SPAN_F(a->subject), SPAN_F(a->from), SPAN_F(a->target));
	return 0;
}

/* ---- enotify ---- */

/* mailtoURI = "mailto:" addr-spec [ "?" fields ] (RFC 6068; one address here) */
static bool method_ok(struct span uri)
{
	struct span address;
	ssize_t at;

	if (!span_istarts(uri, SPAN("mailto:")))
		return false;
	uri = span_from(uri, 7);
	address = span_cut(&uri, '?');
	at = span_rchr(address, '@');
	if (at < 1 || (size_t)at + 1 == address.n || address.n > 320)
		return false;
	for (size_t i = 0; i < address.n; i++)
		if ((unsigned char)address.p[i] <= ' ' || address.p[i] == 127 || span_chr(SPAN("<>,%\""), address.p[i]) >= 0)
			return false;
	return true;
}

int sieve_check_notify(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *method = sieve_arg(n, 0), *importance = sieve_tag_arg(n, TAG_IMPORTANCE);

	if (sieve_static(c, method->v[0]) && !method_ok(method->v[0]))
		return check_fail(c, method, "The way to notify is written as \"mailto:\" and one address");
	if (importance && sieve_static(c, importance->v[0]) &&
		(importance->v[0].n != 1 || span_chr(SPAN("123"), importance->v[0].p[0]) < 0))
		return check_fail(c, importance, "An importance is \"1\", \"2\" or \"3\"");
	return sieve_check_fcc(c, n);
}

int sieve_run_notify(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_action *a = run_act(r, n, SIEVE_NOTIFY);
	struct span importance;
	uint64_t v = 2;

	if (!a || run_str(r, sieve_arg(n, 0)->v[0], &a->target) < 0 || run_tag_str(r, n, TAG_MESSAGE, &a->subject) < 0 ||
		run_tag_str(r, n, TAG_FROM, &a->from) < 0 || run_tag_str(r, n, TAG_IMPORTANCE, &importance) < 0 || fcc(r, n, a) < 0)
		return ERR_PARAM;
	if (!method_ok(a->target))
		return run_fail(r, n, "The way to notify is written as \"mailto:\" and one address");
	if (importance.n && !span_num(importance, &v, 1, 3))
		return run_fail(r, n, "An importance is \"1\", \"2\" or \"3\"");
	a->importance = (unsigned)v;
	a->target = span_from(a->target, 7);
	a->target = span_cut(&a->target, '?');
	if (++r->redirects > SIEVE_REDIRECTS_MAX)     /* a mail of the script's own, like a redirect */
		return run_fail(r, n, "A script may send %d mails for one", SIEVE_REDIRECTS_MAX);
	return 0;
}

int sieve_run_validnotify(struct sieve_run *r, const struct sieve_node *n)
{
	struct span *v;
	size_t k;

	if (run_strs(r, sieve_arg(n, 0), &v, &k) < 0)
		return ERR_LIMIT;
	for (size_t i = 0; i < k; i++)
		if (!method_ok(v[i]))
			return 0;
	return 1;
}

/* "online": a mail reaches its reader whenever; so "maybe" (RFC 5436 section 2.5). Nothing else is known. */
int sieve_run_notifycapability(struct sieve_run *r, const struct sieve_node *n)
{
	struct span uri, name;
	struct sieve_match m;
	int k;

	if (run_str(r, sieve_arg(n, 0)->v[0], &uri) < 0 || run_str(r, sieve_arg(n, 1)->v[0], &name) < 0)
		return ERR_LIMIT;
	if (!method_ok(uri) || !span_ieqz(name, "online"))
		return 0;
	k = match_open(&m, r, n, sieve_arg(n, 2));
	return k < 0 ? k : match_end(&m, match_add(&m, SPAN("maybe")));
}
