/* hold_tell.c - postmaster hears that an account is held, in the house's language. */
#include <stdio.h>
#include "base/log.h"
#include "base/time.h"
#include "codec/mime/mime_date.h"
#include "domain/mail/filter.h"
#include "domain/mail/hold.h"
#include "domain/mail/mail_impl.h"

#define TOLD_MAX 20                    /* in one turn */
#define LETTER_MAX 8192

struct telling {
	struct mail *mail;
	struct org *org;
	struct arena *a;
	struct hold v[TOLD_MAX];
	size_t n;
	/* of one */
	struct account account;
	struct recipients to;
	bool german, removed;
	struct email_prepared email;
	uint64_t account_id;
	struct delivery *local;
	size_t n_local;
};

static int read_untold(struct tx *tx, void *arg, struct err *e)
{
	struct telling *t = arg;
	SCOPED_SQL q = sql_open(tx, "SELECT account_id, reason, since_sec FROM outgoing_hold WHERE told = 0 ORDER BY since_sec LIMIT ?1");
	int r;

	t->n = 0;
	sql_int(q, 1, TOLD_MAX);
	while ((r = sql_next(q, e)) == 1)
		t->v[t->n++] = (struct hold){ (uint64_t)sql_col_int(q, 0), (enum hold_reason)sql_col_int(q, 1), sql_col_int(q, 2) };
	return r;
}

static int read_one(struct tx *tx, void *arg, struct err *e)
{
	struct telling *t = arg;
	struct err why = ERR_INIT;
	struct span language;

	t->to = (struct recipients){ 0 };
	t->german = org_setting_get(t->org, tx, t->a, "organisation.language", &language, &why) == 0 && span_istarts(language, SPAN("de"));
	err_clear(&why);
	t->removed = account_get(t->org, tx, t->a, t->account_id, &t->account, &why) == ERR_MISSING;
	if (why.code && !t->removed)
		return err_set(e, why.code, why.say, "%s", why.log);
	err_clear(&why);
	if (address_resolve(t->org, tx, t->a, SPAN("postmaster"), &t->to, &why) < 0 && (why.code == ERR_LATER || why.code == ERR_BROKEN))
		return err_set(e, why.code, why.say, "%s", why.log);
	return 0;
}

static void letter(struct telling *t, const struct hold *h, const char *hostname, struct buf *b)
{
	static const char *const english[] = { "", "an administrator asked for it", "it wrote to very many people it never wrote to before",
		"very many of its recipients were refused", "it was signed in to from very many networks",
		"it tried to write to far more people than it may in an hour" };
	static const char *const german[] = { "", "jemand aus der Verwaltung das wollte", "es an sehr viele bisher unbekannte Empfänger geschrieben hat",
		"sehr viele seiner Empfänger abgewiesen wurden", "sich jemand aus sehr vielen Netzen daran angemeldet hat",
		"es an viel mehr Empfänger schreiben wollte, als es in einer Stunde darf" };

	buf_addf(b, "Return-Path: <>\r\nFrom: MAILER-DAEMON@%s\r\nTo: postmaster@%s\r\nDate: ", hostname, hostname);
	mime_date_format(b, time_real_sec(), 0);
	buf_addf(b, "\r\nMessage-ID: <%016llx.%llx@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", (unsigned long long)random_u64(),
		(unsigned long long)time_real_us(), hostname);
	if (t->german)
		buf_addf(b, "Subject: Ausgehende Post angehalten\r\n\r\nDie ausgehende Post des Kontos %.*s ist angehalten, weil %s.\r\n"
			"Vielleicht ist sein Passwort gestohlen. Es geht nichts verloren.\r\n\r\n"
			"Ansehen:    kontor queue held\r\nFreigeben:  kontor account release %.*s\r\nVerwerfen:  kontor account release %.*s --drop\r\n"
			"Passwort:   kontor account password %.*s --password-file -\r\n", SPAN_F(t->account.address), german[h->reason],
			SPAN_F(t->account.address), SPAN_F(t->account.address), SPAN_F(t->account.address));
	else
		buf_addf(b, "Subject: Outgoing mail is held\r\n\r\nThe outgoing mail of the account %.*s is held, because %s.\r\n"
			"Perhaps its password was stolen. Nothing is lost.\r\n\r\n"
			"To see it:    kontor queue held\r\nto send it:   kontor account release %.*s\r\nto drop it:   kontor account release %.*s --drop\r\n"
			"new password: kontor account password %.*s --password-file -\r\n", SPAN_F(t->account.address), english[h->reason],
			SPAN_F(t->account.address), SPAN_F(t->account.address), SPAN_F(t->account.address));
}

static int put(struct tx *tx, void *arg, struct err *e)
{
	struct telling *t = arg;
	struct sql *q = sql_open(tx, "UPDATE outgoing_hold SET told = 1 WHERE account_id = ?1");

	sql_int(q, 1, (int64_t)t->account_id);
	if (sql_run(q, e) < 0)
		return e->code;
	return t->n_local ? deliver(t->org, tx, t->a, &t->email, t->local, t->n_local, time_real_sec(), e) : 0;
}

/* Their scripts may file it. */
static int plan(struct telling *t, const char *hostname, struct span text, struct err *e)
{
	struct filter_mail fm = { .hostname = hostname, .message = text, .now_sec = time_real_sec(), .ours = true };

	fm.zone_min = filter_zone_min(fm.now_sec);
	t->local = ARENA_ARRAY(t->a, struct delivery, t->to.n + 1);
	t->n_local = 0;
	for (size_t i = 0; i < t->to.n && !t->removed; i++)
		if (t->to.v[i].account_id)
			t->local[t->n_local++] = (struct delivery){ .account_id = t->to.v[i].account_id, .address = t->to.v[i].address, .force = true };
	if (filter_plan(t->mail, t->a, &fm, &t->local, &t->n_local, e) < 0)
		return e->code;
	return email_prepare(t->org, t->a, text, &t->email, e);
}

static int tell_one(struct telling *t, const struct hold *h, const char *hostname, struct err *e)
{
	struct logline l;
	SCOPED_BUF b;
	int r;

	buf_init(&b, LETTER_MAX);
	t->account_id = h->account_id;
	t->email = (struct email_prepared){ 0 };
	if (store_read(org_store(t->org), read_one, t, e) < 0)
		return e->code;
	letter(t, h, hostname, &b);
	r = plan(t, hostname, arena_span(t->a, buf_span(&b)), e);
	if (r == 0)
		r = store_write(org_store(t->org), put, t, e);
	email_prepared_fini(&t->email);
	filter_free(t->local, t->n_local);
	if (r < 0)
		return r;
	log_begin(&l, "account_held");
	log_ki(&l, "account", (int64_t)h->account_id);
	log_kz(&l, "reason", hold_reason_name(h->reason));
	log_end(&l);
	return 0;
}

int hold_tell(struct mail *m, const char *hostname, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct telling t = { .mail = m, .org = mail_org(m), .a = a };

	if (store_read(org_store(t.org), read_untold, &t, e) < 0)
		return e->code;
	for (size_t i = 0; i < t.n; i++)
		if (tell_one(&t, &t.v[i], hostname, e) < 0)
			return e->code;
	return 0;
}
