/* smtp_accept.c - a whole message: checks, final recipients, one transaction, the answer.
 *
 * Local accounts get it, outside recipients are queued, and what cannot be delivered for its own reason (quota) is
 * reported to the sender - all in the transaction after whose commit the 250 leaves. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/time.h"
#include "codec/mime/mime_header.h"
#include "domain/mail/filter.h"
#include "domain/mail/hold.h"
#include "domain/mail/forward.h"
#include "domain/mail/journal.h"
#include "domain/mail/queue.h"
#include "domain/mail/report.h"
#include "domain/mail/report_in.h"
#include "domain/mail/sign.h"
#include "proto/smtp/smtp_int.h"

#define EXPIRES_SEC (5 * 86400)
#define NOTED_MAX 100                    /* recipients of one mail that are remembered */
#define PUT_TRIES 3                      /* drafts of a report, should quotas change all the while */

struct accept {
	struct call *call;
	struct smtp_mail *mail;
	struct org *org;
	struct recipients all;
	size_t *first;                   /* of each RCPT's own recipients in all; n + 1 entries */
	bool over;                     /* the account's send limit is reached */
	bool any_local, any_outside;
	bool any_name, own_name;         /* From may say anything; says who the account is */
	bool any_report;                 /* a RCPT is the address for reports */
	struct report_in report_in;
	bool held;                       /* taken, but it stays in the queue */
	struct span header;
	struct smtp_checked checked;
	struct smtp_known known;
	struct mail_signer signer;
	struct journal_mail journal_mail;
	struct journal journal;
	struct email_prepared local, outside;
	struct delivery *deliveries;
	size_t n_deliveries;
	uint64_t queue_id;
	int nobody;                      /* class, when none of all recipients could have it */
	struct report report;
	struct report_draft draft;       /* of what the sender hears when the deliveries fare as in reported */
	int *reported;
	bool otherwise;                  /* they fared otherwise: once more, with a new draft */
};

static void answer(struct call *c, unsigned code, const char *status, const char *text)
{
	size_t n = c->session->service == SVC_LMTP ? smtp_session(c)->mail.n : 1;

	for (size_t i = 0; i < n; i++)
		smtpd_say(c, code, status, text);
}

static void refuse(struct call *c, int class, unsigned code, const char *status, const char *text)
{
	err_set(&c->err, class, text, "%s", text);
	answer(c, code, status, text);
}

/* Header of bounded size and count, not going round in circles. */
static bool header_ok(struct call *c, struct span body)
{
	struct span header = span_sub(body, 0, mime_header_len(body)), rest = header;
	struct mime_field f;
	unsigned fields = 0, hops = 0;

	if (header.n > SMTP_HEADER_MAX) {
		refuse(c, ERR_TOOBIG, 552, "5.3.4", "Header too large");
		return false;
	}
	while (mime_header_next(&rest, &f)) {
		fields++;
		hops += span_ieqz(f.name, "Received");
	}
	if (fields > SMTP_FIELDS_MAX) {
		refuse(c, ERR_TOOBIG, 552, "5.3.4", "Too many header fields");
		return false;
	}
	if (hops > SMTP_HOPS_MAX) {
		refuse(c, ERR_PARAM, 554, "5.4.6", "Too many hops: the mail goes round in circles");
		return false;
	}
	return true;
}

static void add_outside(struct accept *a, struct span address)
{
	struct recipients *l = &a->all;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 8;
		struct recipient *v = ARENA_ARRAY(a->call->arena, struct recipient, cap);

		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct recipient){ .address = address };
}

static bool leads_outside(const struct accept *a, size_t from)
{
	for (size_t k = from; k < a->all.n; k++)
		if (!a->all.v[k].account_id)
			return true;
	return false;
}

/* Always the same for one alias, and nobody else can tell which. */
static int mark(struct accept *a, struct tx *tx, struct smtp_rcpt *r, struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char lookup[SEAL_LOOKUP_LEN];

	if (org_lookup(a->org, tx, "loop", r->key, lookup, e) < 0)
		return e->code;
	for (size_t i = 0; i < SEAL_LOOKUP_LEN; i++) {
		r->loop[2 * i] = digits[lookup[i] >> 4];
		r->loop[2 * i + 1] = digits[lookup[i] & 15];
	}
	return 0;
}

/* The RCPT that recipient k came from. */
static const struct smtp_rcpt *origin(const struct accept *a, size_t k)
{
	size_t i = 0;

	while (a->first[i + 1] <= k)
		i++;
	return &a->mail->rcpts[i];
}

/* Each final recipient with the RCPT that led there, and RCPTs that led to nobody new. */
static int find_journal(struct accept *a, struct tx *tx, struct err *e)
{
	struct journal_row *rows = ARENA_ARRAY(a->call->arena, struct journal_row, a->all.n + a->mail->n);
	size_t n = 0;

	for (size_t i = 0; i < a->mail->n; i++) {
		for (size_t k = a->first[i]; k < a->first[i + 1]; k++)
			rows[n++] = (struct journal_row){ .rcpt = a->mail->rcpts[i].address, .to = a->all.v[k] };
		if (a->first[i] == a->first[i + 1] && !a->mail->rcpts[i].report)
			rows[n++] = (struct journal_row){ .rcpt = a->mail->rcpts[i].address };
	}
	a->journal_mail = (struct journal_mail){ .hostname = a->call->house->hostname, .sender = a->mail->sender, .rows = rows, .n = n,
		.account_id = a->call->session->service == SVC_SUBMISSION ? a->call->session->account_id : 0, .now_sec = time_real_sec() };
	return journal_find(a->org, tx, a->call->arena, &a->journal_mail, &a->journal, e);
}

static int resolve(struct tx *tx, void *arg, struct err *e)
{
	struct accept *a = arg;
	struct smtp_mail *m = a->mail;

	a->all = (struct recipients){ 0 };
	for (size_t i = 0; i < m->n; i++) {
		struct smtp_rcpt *r = &m->rcpts[i];
		struct err why = ERR_INIT;

		a->first[i] = a->all.n;
		r->result = 0;
		a->any_report |= r->report;
		if (r->report)
			continue;
		if (r->outside) {
			add_outside(a, r->address);
			continue;
		}
		if (address_resolve(a->org, tx, a->call->arena, r->address, &a->all, &why) < 0) {
			if (why.code == ERR_LATER || why.code == ERR_BROKEN)
				return err_set(e, why.code, why.say, "%s", why.log);
			r->result = why.code;
		}
		if (leads_outside(a, a->first[i]) && mark(a, tx, r, e) < 0)
			return e->code;
	}
	a->first[m->n] = a->all.n;
	for (size_t k = 0; k < a->all.n; k++) {
		a->any_local |= a->all.v[k].account_id != 0;
		a->any_outside |= a->all.v[k].account_id == 0;
	}
	if (find_journal(a, tx, e) < 0)
		return e->code;
	if (a->call->session->service != SVC_SUBMISSION)
		return 0;
	if (!a->any_name && mail_author_check(a->org, tx, a->call->arena, a->call->session->account_id, a->header, &a->own_name, e) < 0)
		return e->code;
	if (!a->any_outside)
		return 0;
	return mail_signer_find(a->org, tx, a->call->arena, a->call->session->account_id, a->header, time_real_sec(),
		&a->signer, e);
}

static bool is_marked(const struct accept *a, struct span mark)
{
	for (size_t i = 0; i < a->mail->n; i++)
		if (a->mail->rcpts[i].loop[0] && span_eqz(mark, a->mail->rcpts[i].loop))
			return true;
	return false;
}

/* An alias that leads outside marks what it forwards; what comes back to it with its own mark stops here. */
static bool looped(const struct accept *a, struct span body)
{
	struct span rest = span_sub(body, 0, mime_header_len(body));
	struct mime_field f;

	while (a->any_outside && mime_header_next(&rest, &f))
		if (span_ieqz(f.name, SMTP_LOOP_FIELD) && is_marked(a, span_trim(f.value)))
			return true;
	return false;
}

/* Several people behind one RCPT: the sender hears that it was expanded (RFC 3464 section 2.3.3), not who they are. */
static bool is_group(const struct accept *a, const struct smtp_rcpt *r)
{
	size_t i = (size_t)(r - a->mail->rcpts);

	return a->first[i + 1] - a->first[i] > 1;
}

static unsigned member_notify(const struct accept *a, const struct smtp_rcpt *r)
{
	if (!is_group(a, r) || !(r->notify & NOTIFY_SUCCESS))
		return r->notify;
	return r->notify == NOTIFY_SUCCESS ? NOTIFY_NEVER : r->notify & ~(unsigned)NOTIFY_SUCCESS;
}

static int enqueue(struct accept *a, struct tx *tx, struct err *e)
{
	int64_t now = time_real_sec();
	struct queue_entry q = { .account_id = a->call->session->account_id, .created_sec = now, .expires_sec = now + EXPIRES_SEC,
		.flags = a->mail->flags, .sender = a->mail->sender, .envid = a->mail->envid };

	if (forward_sender(a->org, tx, a->call->arena, a->mail->sender, now, &q.sender, e) < 0)
		return e->code;
	q.rcpts = ARENA_ARRAY(a->call->arena, struct queue_rcpt, a->all.n);
	for (size_t k = 0; k < a->all.n; k++) {
		const struct smtp_rcpt *r = origin(a, k);

		if (!a->all.v[k].account_id)
			q.rcpts[q.n_rcpts++] = (struct queue_rcpt){ .address = a->all.v[k].address, .orcpt = r->orcpt,
				.notify = member_notify(a, r), .next_sec = now };
	}
	return queue_add(a->org, tx, a->call->arena, &a->outside, false, &q, &a->queue_id, e);
}

/* Local outcomes the sender must hear of: failures (not in LMTP, where the client hears them), successes if asked. */
static void report_fill(struct accept *a, struct span body)
{
	bool lmtp = a->call->session->service == SVC_LMTP;
	struct report_rcpt *rows = ARENA_ARRAY(a->call->arena, struct report_rcpt, a->all.n + a->mail->n);

	a->report = (struct report){ .hostname = a->call->house->hostname, .sender = a->mail->sender, .envid = a->mail->envid,
		.arrival_sec = time_real_sec(), .flags = a->mail->flags,
		.message = span_sub(body, 0, report_original_len(body.n)), .rcpts = rows };

	for (size_t k = 0, d = 0; k < a->all.n; k++) {
		const struct smtp_rcpt *r = origin(a, k);
		const struct delivery *to;
		int result;

		if (!a->all.v[k].account_id)
			continue;
		to = &a->deliveries[d];
		result = a->reported[d++];
		if (result < 0 ? lmtp : is_group(a, r))
			continue;
		rows[a->report.n_rcpts++] = (struct report_rcpt){ .address = r->address, .orcpt = r->orcpt, .notify = r->notify,
			.action = result < 0 ? REPORT_FAILED : REPORT_DELIVERED,
			.status = result == 0 ? SPAN("2.0.0") : result == ERR_LIMIT ? SPAN("5.2.2") : result == ERR_DENIED ? SPAN("5.7.1") :
				SPAN("5.1.1"),
			.reply = result == 0 ? SPAN_NONE : result == ERR_LIMIT ? SPAN("Mailbox full") : result == ERR_DENIED ? to->reject :
				SPAN("No such user here") };
	}
	for (size_t i = 0; i < a->mail->n; i++) {
		const struct smtp_rcpt *r = &a->mail->rcpts[i];

		if (r->result == 0 && is_group(a, r))
			rows[a->report.n_rcpts++] = (struct report_rcpt){ .address = r->address, .orcpt = r->orcpt,
				.notify = r->notify, .action = REPORT_EXPANDED, .status = SPAN("2.0.0") };
		else if (r->result < 0 && !lmtp)       /* gone since RCPT */
			rows[a->report.n_rcpts++] = (struct report_rcpt){ .address = r->address, .orcpt = r->orcpt,
				.notify = r->notify, .action = REPORT_FAILED, .status = SPAN("5.1.1"),
				.reply = SPAN("No such user here") };
	}
}

static int find_readers(struct tx *tx, void *arg, struct err *e)
{
	struct accept *a = arg;
	int r = report_find(a->org, tx, a->call->arena, &a->report, &a->draft, e);

	return r < 0 ? r : 0;
}

/* Before the transaction, for outcomes expected or already seen. */
static int draft_report(struct accept *a, struct span body, struct err *e)
{
	report_draft_fini(&a->draft);
	a->draft = (struct report_draft){ 0 };
	report_fill(a, body);
	if (!a->report.n_rcpts)
		return 0;
	if (store_read(a->call->house->store, find_readers, a, e) < 0)
		return e->code;
	return report_prepare(a->call->house->mail, a->call->arena, &a->report, &a->draft, e);
}

static bool as_reported(const struct accept *a)
{
	for (size_t d = 0; d < a->n_deliveries; d++)
		if (a->deliveries[d].result != a->reported[d])
			return false;
	return true;
}

/* The class when there is nobody to whom the mail went: then the client hears it, and no report is needed. */
static int nobody(const struct accept *a)
{
	int class = ERR_MISSING;

	for (size_t d = 0; d < a->n_deliveries; d++) {
		if (a->deliveries[d].result == 0)
			return 0;
		if (class != ERR_DENIED)
			class = a->deliveries[d].result;
	}
	return a->any_outside || a->any_report ? 0 : class;
}

/* The first script's words, fit for one line of an SMTP reply. */
static const char *rejection(const struct accept *a)
{
	static const struct span plain = { "Rejected by the recipient", 25 };
	struct span why = plain;
	char *p;

	for (size_t d = 0; d < a->n_deliveries; d++)
		if (a->deliveries[d].result == ERR_DENIED && a->deliveries[d].reject.n) {
			why = span_sub(a->deliveries[d].reject, 0, 200);
			break;
		}
	for (size_t i = 0; i < why.n; i++)
		if ((unsigned char)why.p[i] > 126)
			why = plain;         /* other languages do not fit into a reply */
	p = arena_strz(a->call->arena, why);
	for (char *c = p; *c; c++)
		if (*c < ' ')
			*c = ' ';
	return p;
}

/* To whom the account wrote; very many it never wrote to before may mean that somebody else has its password. */
static int note_sent(struct accept *a, struct tx *tx, int64_t now, struct err *e)
{
	uint64_t id = a->call->session->account_id;
	unsigned fresh = 0, noted = 0;
	int r;

	for (size_t k = 0; k < a->all.n; k++) {
		struct sender to = { .verified = true };
		struct sender_counts counts = { 0 };

		if (a->all.v[k].account_id)
			continue;
		if (noted++ < NOTED_MAX && sender_parse(a->call->arena, a->all.v[k].address, &to.address, NULL) == 0 &&
			(sender_known(a->org, tx, a->call->arena, id, &to, &counts, e) < 0 ||
			sender_note(a->org, tx, a->call->arena, id, &to, 0, 1, 0, now, e) < 0))
			return e->code;
		fresh += !counts.answered;
	}
	r = hold_watch(a->org, tx, a->call->arena, id, fresh, 0, now, e);
	a->held = r == 1;
	return r < 0 ? r : 0;
}

/* The accounts remember who wrote to them, and to whom they wrote. */
static int note_senders(struct accept *a, struct tx *tx, struct err *e)
{
	const struct session *s = a->call->session;
	int64_t now = time_steady_sec();

	for (size_t d = 0; d < a->n_deliveries && a->checked.from.address.n; d++)
		if (a->deliveries[d].result == 0 && !a->deliveries[d].junk && sender_note(a->org, tx, a->call->arena,
			a->deliveries[d].account_id, &a->checked.from, 1, 0, 0, now, e) < 0)
			return e->code;
	return s->service == SVC_SUBMISSION && a->any_outside ? note_sent(a, tx, now, e) : 0;
}

static int put(struct tx *tx, void *arg, struct err *e)
{
	struct accept *a = arg;
	const struct session *s = a->call->session;

	a->over = false;
	if (s->service == SVC_SUBMISSION && account_count_sent(tx, s->account_id, (uint32_t)a->all.n, time_steady_sec(), e) < 0) {
		a->over = e->code == ERR_LIMIT;
		return e->code;
	}
	if (a->any_report && report_in_put(a->org, tx, a->call->arena, &a->report_in, e) < 0)
		return e->code;
	if (a->any_local && deliver(a->org, tx, a->call->arena, &a->local, a->deliveries, a->n_deliveries, time_real_sec(), e) < 0)
		return e->code;
	a->nobody = s->service == SVC_LMTP ? 0 : nobody(a);
	if (a->nobody)
		return err_set(e, a->nobody, "Nobody could have it", "no recipient could have it");
	a->otherwise = !as_reported(a);
	if (a->otherwise)
		return err_set(e, ERR_BUSY, "Try again later", "the recipients fared otherwise");
	if ((a->any_outside && enqueue(a, tx, e) < 0) || note_senders(a, tx, e) < 0 || smtpd_dmarc_taken(a->call, tx, &a->checked, e) < 0 ||
		journal_put(a->org, tx, a->call->arena, &a->journal_mail, &a->journal, e) < 0)
		return e->code;
	return report_put(a->org, tx, a->call->arena, &a->report, &a->draft, e);
}

/* Usually all goes well and once is enough; a mailbox found full needs another report, drafted outside again. */
static int put_reported(struct accept *a, struct span body, struct err *e)
{
	int r;

	for (int tries = 0; ; tries++) {
		if (draft_report(a, body, e) < 0)
			return e->code;
		a->otherwise = false;
		r = store_write(a->call->house->store, put, a, e);
		if (r == 0 || !a->otherwise || tries == PUT_TRIES)
			return r;
		err_clear(e);
		for (size_t d = 0; d < a->n_deliveries; d++)
			a->reported[d] = a->deliveries[d].result;
	}
}

/* How an account fared that an earlier RCPT has reached already. */
static int result_of(const struct accept *a, uint64_t account_id)
{
	for (size_t d = 0; d < a->n_deliveries; d++)
		if (a->deliveries[d].account_id == account_id)
			return a->deliveries[d].result;
	return 0;
}

/* LMTP: each RCPT fares by its own recipients; one that reached anybody is fine. */
static void answer_each(struct accept *a)
{
	struct smtp_mail *m = a->mail;

	for (size_t i = 0, d = 0; i < m->n; i++) {
		const struct smtp_rcpt *r = &m->rcpts[i];
		int result = r->result == 0 && r->account_id ? result_of(a, r->account_id) : r->result;
		bool any = a->first[i] == a->first[i + 1] && result == 0;

		for (size_t k = a->first[i]; k < a->first[i + 1]; k++) {
			if (!a->all.v[k].account_id) {
				any = true;
				continue;
			}
			if (a->deliveries[d].result == 0)
				any = true;
			else
				result = a->deliveries[d].result;
			d++;
		}
		if (any)
			smtpd_say(a->call, 250, "2.0.0", "Delivered");
		else if (result == ERR_LIMIT)
			smtpd_say(a->call, 452, "4.2.2", "Mailbox full");
		else if (result == ERR_DENIED)
			smtpd_say(a->call, 550, "5.7.1", rejection(a));
		else
			smtpd_say(a->call, 550, "5.1.1", "No such user here");
	}
}

/* The recipients' scripts; they may add recipients here, behind those of the envelope. */
static int filter(struct accept *a, struct span text, struct err *e)
{
	struct filter_mail fm = { .hostname = a->call->house->hostname, .message = text, .sender = a->mail->sender,
		.auth = a->call->session->login, .flags = a->mail->flags, .now_sec = time_real_sec() };

	fm.zone_min = filter_zone_min(fm.now_sec);   /* scripts ask for dates as the house lives them */
	return filter_plan(a->call->house->mail, a->call->arena, &fm, &a->deliveries, &a->n_deliveries, e);
}

/* What the account knows of the sender outweighs lists and filter, not the sender's own domain (DMARC). */
static bool goes_to_junk(const struct accept *a, uint64_t account_id)
{
	enum sender_verdict v = smtpd_verdict(&a->known, account_id);

	return a->checked.junk || v == SENDER_BAD || v == SENDER_BLOCKED ||
		(a->checked.spam && v != SENDER_GOOD && v != SENDER_ALLOWED);
}

static int prepare(struct accept *a, struct span body, struct err *e)
{
	struct smtp_text text;

	if (smtp_text(a->call, body, a->checked.field, a->any_outside, &text, e) < 0)
		return e->code;
	if (a->any_local && email_prepare(a->org, a->call->arena, text.local, &a->local, e) < 0)
		return e->code;
	if (a->signer.n && mail_sign(a->org, a->call->arena, &a->signer, text.outside, time_real_sec(), &text.outside, e) < 0)
		return e->code;
	if (a->any_outside && email_prepare(a->org, a->call->arena, text.outside, &a->outside, e) < 0)
		return e->code;
	if (journal_prepare(a->org, a->call->arena, &a->journal_mail, a->any_outside ? text.outside : text.local, &a->journal, e) < 0)
		return e->code;
	a->deliveries = ARENA_ARRAY(a->call->arena, struct delivery, a->all.n);
	for (size_t k = 0; k < a->all.n; k++) {
		const struct smtp_rcpt *r = origin(a, k);

		if (a->all.v[k].account_id)
			a->deliveries[a->n_deliveries++] = (struct delivery){ .account_id = a->all.v[k].account_id, .tag = a->all.v[k].tag,
				.junk = goes_to_junk(a, a->all.v[k].account_id), .address = a->all.v[k].address, .rcpt = r->account_id ? r->address : SPAN_NONE };
	}
	if (a->any_local && filter(a, text.local, e) < 0)
		return e->code;
	a->reported = ARENA_ARRAY(a->call->arena, int, a->n_deliveries + 1);
	for (size_t d = 0; d < a->n_deliveries; d++)
		a->reported[d] = a->deliveries[d].reject.p ? ERR_DENIED : 0;
	return 0;
}

static int read_report(struct accept *a, struct span body, struct err *e)
{
	if (report_in_read(a->call->arena, body, &a->report_in, e) < 0)
		return e->code;
	a->report_in.authentic = a->checked.authentic;
	a->report_in.received_sec = time_real_sec();
	return 0;
}

static void accept_checked(struct call *c, struct span body, const struct accept *checked)
{
	struct accept a = *checked;
	struct err e = ERR_INIT;
	int r;

	a.first = ARENA_ARRAY(c->arena, size_t, a.mail->n + 1);
	a.any_name = c->session->service == SVC_SUBMISSION && smtpd_setting_is(c, "submission.from", "any");
	r = store_read(c->house->store, resolve, &a, &e);
	if (r == 0 && !a.own_name) {
		refuse(c, ERR_DENIED, 550, "5.7.1", "The address in From is not yours to send with");
		return;
	}
	if (r == 0 && looped(&a, body)) {
		refuse(c, ERR_PARAM, 554, "5.4.6", "The mail has been here before: it goes round in circles");
		return;
	}
	if (r == 0 && a.any_report && read_report(&a, body, &e) < 0) {
		refuse(c, e.code, 550, "5.6.0", "There is no report in this mail that can be read");
		return;
	}
	if (r == 0)
		r = prepare(&a, body, &e);
	if (r == 0)
		r = put_reported(&a, body, &e);
	filter_free(a.deliveries, a.n_deliveries);
	email_prepared_fini(&a.local);
	email_prepared_fini(&a.outside);
	report_draft_fini(&a.draft);
	journal_fini(&a.journal);
	if (r < 0) {
		err_set(&c->err, e.code, e.say, "%s", e.log);
		if (a.nobody == e.code && e.code != ERR_LIMIT)
			smtpd_dmarc_refused(c, &a.checked);
		if (a.nobody == ERR_LIMIT && e.code == ERR_LIMIT)
			answer(c, 452, "4.2.2", "Mailbox full");
		else if (a.nobody == ERR_DENIED && e.code == ERR_DENIED)
			answer(c, 550, "5.7.1", rejection(&a));
		else if (a.nobody && e.code == ERR_MISSING)
			answer(c, 550, "5.1.1", "No such user here");
		else if (e.code == ERR_LIMIT && a.over && smtpd_hold_over(c, a.all.n))
			answer(c, 451, "4.7.1", SMTPD_ON_HOLD);
		else if (e.code == ERR_LIMIT)
			answer(c, 450, "4.7.1", e.say);
		else if (e.code == ERR_TOOBIG)
			answer(c, 552, "5.3.4", e.say);
		else
			answer(c, 451, "4.3.0", "Could not be stored, try again later");
	} else if (c->session->service == SVC_LMTP) {
		answer_each(&a);
	} else {
		char text[100];

		snprintf(text, sizeof(text), a.held ? "Taken, but held as %llu: please ask your postmaster" : a.queue_id ? "Taken, queued as %llu" : "Taken", (unsigned long long)a.queue_id);
		smtpd_say(c, 250, "2.0.0", text);
	}
}

bool smtpd_accept(struct call *c, struct smtp_kept *k)
{
	struct accept a = { .call = c, .own_name = true, .mail = &smtp_session(c)->mail, .org = c->house->org };
	struct span body = k->body;

	if (!header_ok(c, body))
		return true;
	a.header = span_sub(body, 0, mime_header_len(body));
	if (!k->is_checked && !smtpd_check(c, a.header, span_from(body, a.header.n), &k->checked))
		return false;
	k->is_checked = true;
	if (!k->checked.refuse.n && !smtpd_known(c, k))
		return false;
	a.checked = k->checked;
	a.known = k->known;
	if (!a.checked.refuse.n && !a.checked.defer.n && !smtpd_scan(c, body, &a.checked))
		return false;
	if (!a.checked.defer.n && !a.known.good)
		a.checked.defer = a.checked.later;
	if (a.checked.refuse.n)
		smtpd_dmarc_refused(c, &a.checked);
	if (a.checked.refuse.n)
		refuse(c, ERR_DENIED, 550, "5.7.1", arena_strz(c->arena, a.checked.refuse));
	else if (a.checked.defer.n)
		refuse(c, ERR_LATER, 451, "4.7.1", arena_strz(c->arena, a.checked.defer));
	else
		accept_checked(c, body, &a);
	return true;
}
