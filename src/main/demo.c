#include "main/demo.h"
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "base/time.h"
#include "codec/mime/mime_word.h"
#include "domain/mail/queue.h"
#include "domain/org/address.h"
#include "main/demo_mail.h"
#include "main/demo_text.h"
#include "main/i18n.h"
#include "main/init.h"

#define LOGINS "demo-logins.txt"
#define CHAPTERS_MAX 32
#define LETTERS_MAX 200
#define TO_MAX 16
#define DAY_SEC 86400
#define TERM_RIGHTS (RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_CREATE | RIGHT_DELETE | RIGHT_SEND)

struct demo {
	struct arena *a;
	struct offline house;
	struct buf logins;
	int64_t now_sec;
	uint64_t chapters[CHAPTERS_MAX];
	struct past {                          /* letters written so far, for References */
		const char *key;
		struct span thread;            /* all ids from the first to this one */
	} past[LETTERS_MAX];
	size_t n_past;
};

static struct span full(struct arena *a, const char *address)
{
	return strchr(address, '@') ? span_str(address) : arena_printf(a, "%s@" DEMO_DOMAIN, address);
}

/* ---- the organisation ---- */

static uint64_t chapter_id(const struct demo *d, const char *code)
{
	for (size_t i = 0; code && demo_chapters[i].code; i++)
		if (strcmp(demo_chapters[i].code, code) == 0)
			return d->chapters[i];
	return 0;
}

static int fill_chapters(struct tx *tx, void *arg, struct err *e)
{
	struct demo *d = arg;

	for (size_t i = 0; demo_chapters[i].code; i++)
		if (chapter_add(d->house.org, tx, chapter_id(d, demo_chapters[i].parent), span_str(demo_chapters[i].name),
			span_str(demo_chapters[i].code), &d->chapters[i], e) < 0)
			return e->code;
	return 0;
}

/* Easy to type: "Kranich-Welle-Moos-47". */
static struct span password_new(struct arena *a)
{
	static const char *const words[] = { "Kranich", "Welle", "Moos", "Birke", "Nebel", "Kahn", "Schilf", "Reiher", "Insel",
		"Otter", "Segel", "Anker", "Steg", "Linde", "Hecht", "Sonne", "Regen", "Heide", "Erle", "Distel", "Biber",
		"Lerche", "Ruder", "Bucht", "Weide", "Falter", "Quelle", "Kiesel", "Mohn", "Amsel", "Farn", "Wolke" };
	uint64_t r = random_u64();

	return arena_printf(a, "%s-%s-%s-%02u", words[r & 31], words[r >> 5 & 31], words[r >> 10 & 31],
		(unsigned)(r >> 16) % 100);
}

static int add_account(struct demo *d, const struct demo_account *p, enum account_kind kind, struct err *e)
{
	struct account_new n = { .kind = kind, .chapter_id = chapter_id(d, p->chapter), .address = full(d->a, p->local),
		.name = span_str(p->name), .language = SPAN("de"), .quota_bytes = 1ULL << 30 };
	uint64_t id;

	if (kind == ACCOUNT_PERSON) {
		n.password = password_new(d->a);
		buf_addf(&d->logins, "%-42.*s %-26.*s %s\n", SPAN_F(n.address), SPAN_F(n.password), p->name);
	}
	return account_add(d->house.org, &n, &id, e);
}

static int account_id(struct demo *d, struct tx *tx, const char *local, uint64_t *id_out, struct err *e)
{
	struct account who;
	int r = account_find(d->house.org, tx, d->a, full(d->a, local), false, &who, e);

	*id_out = r == 0 ? who.id : 0;
	return r;
}

static int add_term(struct demo *d, struct tx *tx, const struct demo_term *t, struct err *e)
{
	struct term term = { .from_sec = d->now_sec + t->from_days * (int64_t)DAY_SEC, .rights = TERM_RIGHTS,
		.to_sec = d->now_sec + t->to_days * (int64_t)DAY_SEC };
	uint64_t id;

	if (account_id(d, tx, t->role, &term.role_id, e) < 0 || account_id(d, tx, t->holder, &term.holder_id, e) < 0)
		return e->code;
	return term_add(d->house.org, tx, &term, &id, e);
}

static size_t split(struct arena *a, const char *words, struct span out[TO_MAX])
{
	struct span rest = span_str(words);
	size_t n = 0;

	while (rest.n && n < TO_MAX)
		out[n++] = full(a, arena_strz(a, span_cut(&rest, ' ')));
	return n;
}

static int fill_offices(struct tx *tx, void *arg, struct err *e)
{
	struct demo *d = arg;
	uint64_t soeren, guenther;

	for (const struct demo_term *t = demo_terms; t->role; t++)
		if (add_term(d, tx, t, e) < 0)
			return e->code;
	for (const struct demo_alias *t = demo_aliases; t->local; t++) {
		struct span to[TO_MAX];
		size_t n = split(d->a, t->targets, to);

		if (address_set(d->house.org, tx, t->group ? ADDRESS_GROUP : ADDRESS_ALIAS, full(d->a, t->local), to, n, e) < 0)
			return e->code;
	}
	if (account_id(d, tx, "soeren.vossbeck", &soeren, e) < 0 || account_id(d, tx, "guenther.ploetz", &guenther, e) < 0 ||
		admin_set(d->house.org, tx, soeren, ORG_ROOT_CHAPTER_ID, ADMIN_ALL, e) < 0)
		return e->code;
	return admin_set(d->house.org, tx, guenther, chapter_id(d, "N"), ADMIN_ACCOUNTS | ADMIN_ADDRESSES | ADMIN_ROLES, e);
}

/* ---- letters ---- */

static void header_address(struct buf *b, const char *address)
{
	const char *name = demo_name(address);

	if (name)
		mime_word_encode(b, span_str(name), true);
	if (strchr(address, '@'))
		buf_addf(b, "%s<%s>", name ? " " : "", address);
	else
		buf_addf(b, "%s<%s@" DEMO_DOMAIN ">", name ? " " : "", address);
}

static struct span header_to(struct arena *a, const char *words)
{
	struct span rest = span_str(words), out;
	SCOPED_BUF b;

	buf_init(&b, 65536);
	while (rest.n) {
		header_address(&b, arena_strz(a, span_cut(&rest, ' ')));
		if (rest.n)
			buf_addz(&b, ",\r\n ");
	}
	out = arena_span(a, buf_span(&b));
	return out;
}

static struct span thread_of(const struct demo *d, const char *key)
{
	for (size_t i = 0; key && i < d->n_past; i++)
		if (strcmp(d->past[i].key, key) == 0)
			return d->past[i].thread;
	return SPAN_NONE;
}

struct letter {
	struct demo *d;
	const struct demo_mail *m;
	struct email_prepared p;
	int64_t sent_sec;
	bool hold;                             /* not delivered: one for the queue */
};

static int box_of(struct demo *d, struct tx *tx, uint64_t account, const char *name, struct mailbox *out, struct err *e)
{
	struct org *o = d->house.org;
	int r;

	if (!name || name[0] == '\\')
		return mailbox_by_special(o, tx, d->a, account, name ? SPECIAL_JUNK : SPECIAL_INBOX, out, e);
	r = mailbox_find(o, tx, d->a, account, span_str(name), out, e);
	if (r != ERR_MISSING)
		return r;
	err_clear(e);
	r = mailbox_create(o, tx, d->a, account, span_str(name), SPECIAL_NONE, out, e);
	return r < 0 ? r : mailbox_subscribe(o, tx, d->a, account, span_str(name), true, e);
}

/* Everybody of ours who gets it, and the sender's own copy. */
static int put_letter(struct tx *tx, void *arg, struct err *e)
{
	struct letter *l = arg;
	struct demo *d = l->d;
	struct recipients who = { 0 };
	struct message_put to[64];
	struct span words[TO_MAX];
	struct mailbox box;
	uint32_t uids[64];
	uint64_t sender;
	size_t n = 0, n_words = split(d->a, l->m->to, words);

	for (size_t i = 0; i < n_words && !l->hold; i++)
		if (address_resolve(d->house.org, tx, d->a, words[i], &who, e) < 0 && e->code != ERR_DENIED)
			return e->code;
	err_clear(e);
	for (size_t i = 0; i < who.n && n < 63; i++) {
		if (!who.v[i].account_id)
			continue;
		if (box_of(d, tx, who.v[i].account_id, l->m->mailbox, &box, e) < 0)
			return e->code;
		to[n++] = (struct message_put){ .mailbox_id = box.id, .account_id = box.account_id, .force = true,
			.received_sec = l->sent_sec + 4, .flags = (l->m->flags & DEMO_SEEN ? FLAG_SEEN : 0) |
			(l->m->flags & DEMO_FLAGGED ? FLAG_FLAGGED : 0) | (l->m->flags & DEMO_ANSWERED ? FLAG_ANSWERED : 0) };
	}
	if (!strchr(l->m->from, '@')) {
		if (account_id(d, tx, l->m->from, &sender, e) < 0 ||
			mailbox_by_special(d->house.org, tx, d->a, sender, SPECIAL_SENT, &box, e) < 0)
			return e->code;
		to[n++] = (struct message_put){ .mailbox_id = box.id, .account_id = sender, .force = true,
			.received_sec = l->sent_sec, .flags = FLAG_SEEN };
	}
	return message_put(d->house.org, tx, d->a, &l->p, to, n, uids, NULL, e);
}

static int put_held(struct tx *tx, void *arg, struct err *e)
{
	struct letter *l = arg;
	struct queue_rcpt rcpt = { .address = span_str(l->m->to), .state = QUEUE_HELD, .next_sec = l->sent_sec };
	struct queue_entry q = { .created_sec = l->sent_sec, .expires_sec = l->sent_sec + 30 * DAY_SEC,
		.flags = QUEUE_8BIT, .sender = full(l->d->a, l->m->from), .rcpts = &rcpt, .n_rcpts = 1 };
	uint64_t id;

	if (put_letter(tx, arg, e) < 0 || account_id(l->d, tx, l->m->from, &q.account_id, e) < 0)
		return e->code;
	return queue_add(l->d->house.org, tx, l->d->a, &l->p, true, &q, &id, e);
}

static int write_letter(struct demo *d, const struct demo_mail *m, bool hold, struct err *e)
{
	struct letter l = { .d = d, .m = m, .hold = hold };
	struct demo_letter text = { .references = thread_of(d, m->re), .subject = m->subject, .body = m->body,
		.pdf = m->flags & DEMO_PDF, .png = m->flags & DEMO_PNG };
	SCOPED_BUF b, from;
	int r;

	l.sent_sec = d->now_sec - d->now_sec % DAY_SEC + m->days * (int64_t)DAY_SEC + 7 * 3600 +
		(int64_t)(d->n_past * 37 % 600) * 60;
	buf_init(&b, 1u << 20);
	buf_init(&from, 4096);
	header_address(&from, m->from);
	text.sent_sec = l.sent_sec;
	text.from = arena_span(d->a, buf_span(&from));
	text.to = header_to(d->a, m->to);
	text.id = arena_printf(d->a, "<%s.%zu@" DEMO_DOMAIN ">", m->key, d->n_past);
	demo_letter_write(&b, &text);
	if (d->n_past == LETTERS_MAX || b.failed)
		return err_set(e, ERR_TOOBIG, "", "demo: too much text");
	d->past[d->n_past++] = (struct past){ m->key, text.references.n ? arena_printf(d->a, "%.*s %.*s",
		SPAN_F(text.references), SPAN_F(text.id)) : text.id };
	r = email_prepare(d->house.org, d->a, buf_span(&b), &l.p, e);
	if (r == 0)
		r = store_write(d->house.store, hold ? put_held : put_letter, &l, e);
	email_prepared_fini(&l.p);
	return r < 0 ? r : 0;
}

/* The row's text with its word in place of %s. */
static const char *with_word(struct arena *a, const char *text, struct span word)
{
	const char *at = strstr(text, "%s");

	return at ? arena_strz(a, arena_printf(a, "%.*s%.*s%s", (int)(at - text), text, SPAN_F(word), at + 2)) : text;
}

static int write_series(struct demo *d, const struct demo_series *s, struct err *e)
{
	struct span rest = span_str(s->words);

	for (int i = 0; rest.n; i++) {
		struct span word = span_cut(&rest, '|');
		struct demo_mail m = { s->key, NULL, s->from, s->to, with_word(d->a, s->subject, word),
			with_word(d->a, s->body, word), s->days + i * s->every_days, s->flags, s->mailbox };

		if (write_letter(d, &m, false, e) < 0)
			return e->code;
	}
	return 0;
}

static int fill(struct demo *d, struct err *e)
{
	static const struct demo_mail held = { "finanzamt", NULL, "joerg.kaestner", "poststelle@finanzamt.example",
		"Körperschaftsteuer: Rückfrage zum Bescheid",
		"Sehr geehrte Damen und Herren,\n\nder Bescheid nennt ein falsches Wirtschaftsjahr. Bitte prüfen Sie das.\n\n"
		"Jörg Kästner\nSchatzmeister\n", 0, DEMO_PDF, NULL };

	if (store_write(d->house.store, fill_chapters, d, e) < 0)
		return e->code;
	for (const struct demo_account *p = demo_people; p->local; p++)
		if (add_account(d, p, ACCOUNT_PERSON, e) < 0)
			return e->code;
	for (const struct demo_account *p = demo_roles; p->local; p++)
		if (add_account(d, p, ACCOUNT_ROLE, e) < 0)
			return e->code;
	if (store_write(d->house.store, fill_offices, d, e) < 0)
		return e->code;
	for (const struct demo_series *s = demo_series; s->key; s++)
		if (write_series(d, s, e) < 0)
			return e->code;
	for (const struct demo_mail *m = demo_mails; m->key; m++)
		if (write_letter(d, m, false, e) < 0)
			return e->code;
	return write_letter(d, &held, true, e);
}

static int make(const char *dir, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct demo d = { .a = a, .now_sec = time_real_sec() };
	struct span password = password_new(a);
	struct init_options o = { .dir = dir, .domain = SPAN(DEMO_DOMAIN), .admin = SPAN("admin@" DEMO_DOMAIN),
		.name = SPAN(DEMO_NAME), .password = password, .language = SPAN("de"), .seal = 'k',
		.conf = "# A demonstration: cheap password checks, and no gate for every processor.\n"
			"password_memory = 8388608\ngates = 2\nhostname = mail." DEMO_DOMAIN "\n" };
	int r = init_organisation(&o, NULL, e);

	if (r < 0)
		return r;
	buf_init(&d.logins, 65536);
	buf_addf(&d.logins, "%-42s %-26.*s %s\n", "admin@" DEMO_DOMAIN, SPAN_F(password), "Administration");
	r = offline_open(a, dir, &d.house, e);
	if (r == 0)
		r = fill(&d, e);
	offline_close(&d.house);
	if (r == 0)
		r = init_hand_over(dir, &d.house.settings, e);
	if (r == 0) {
		SCOPED_FD dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

		r = io_write_file_durable(dirfd, LOGINS, buf_span(&d.logins), 0600, e);
	}
	buf_fini(&d.logins);
	return r;
}

/* ---- telling ---- */

static int show(const char *dir, uint64_t base, struct err *e)
{
	static const struct {
		const char *name;
		unsigned port;
	} ports[] = { { "SMTP", 25 }, { "Submission (STARTTLS)", 587 }, { "Submission (TLS)", 465 }, { "IMAP (STARTTLS)", 143 },
		{ "IMAP (TLS)", 993 }, { "POP3 (STARTTLS)", 110 }, { "POP3 (TLS)", 995 }, { "LMTP", 24 },
		{ "Web (TLS): /mail/setup", 443 }, { "Prometheus", 9100 } };
	SCOPED_FD dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	SCOPED_BUF text;

	buf_init(&text, 65536);
	if (dirfd < 0 || io_read_file(dirfd, LOGINS, &text, e) < 0)
		return err_set(e, ERR_MISSING, "", "%s: %s", dir, _("no demonstration is here"));
	printf("%s - %s\n\n", DEMO_NAME, _("an invented association, served on 127.0.0.1"));
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		printf("  %-24s %llu\n", ports[i].name, (unsigned long long)base + ports[i].port);
	printf("\n%s\n\n%.*s\n", _("Who may sign in, with password:"), (int)text.n, text.p);
	return fflush(stdout) ? err_set(e, ERR_BROKEN, "", "%s: %m", "stdout") : 0;
}

int demo_main(int argc, char **argv)
{
	static const struct option options[] = { { "state", 1, NULL, 's' }, { "base-port", 1, NULL, 'b' },
		{ "show", 0, NULL, 'w' }, { NULL, 0, NULL, 0 } };
	const char *dir = getenv("KONTOR_STATE");
	struct err e = ERR_INIT;
	uint64_t base = 10000;
	bool shown = false, good = true;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			dir = optarg;
		else if (c == 'w')
			shown = true;
		else
			good = good && c == 'b' && span_num(span_str(optarg), &base, 0, 56000);
	}
	if (!good || !dir || optind != argc) {
		fprintf(stderr, _("usage: %s\n"), "kontor demo --state DIR [--show [--base-port N]]");
		return 2;
	}
	if ((shown ? show(dir, base, &e) : make(dir, &e)) < 0) {
		fprintf(stderr, "kontor: %s\n", e.log[0] ? e.log : e.say);
		return 1;
	}
	return 0;
}
