#include "script/house.h"
#include "base/time.h"
#include "core/migrations.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/script.h"
#include "domain/org/role.h"

static struct seal_key ticket;

static int make_term(struct tx *tx, void *arg, struct err *e)
{
	struct script_house *t = arg;
	struct term term = { .role_id = t->role, .holder_id = t->anna, .from_sec = time_real_sec() - 10,
		.rights = RIGHT_ALL };

	return term_add(t->house.org, tx, &term, &t->term, e);
}

static int end_term(struct tx *tx, void *arg, struct err *e)
{
	struct script_house *t = arg;

	return term_end(t->house.org, tx, t->term, time_real_sec() - 1, e);
}

#define EVENT "require [\"imapsieve\",\"environment\",\"imap4flags\",\"fileinto\",\"variables\",\"copy\",\"mailbox\",\"enotify\"];"

static int put_scripts(struct tx *tx, void *arg, struct err *e)
{
	static const struct {
		const char *name, *text;
	} scripts[] = {
		{ "marks", EVENT "if environment \"imap.cause\" [\"APPEND\",\"COPY\"] { addflag \"$New\"; }"
			"if environment :contains \"imap.changedflags\" \"\\\\Flagged\" { if hasflag \"\\\\Flagged\" { addflag \"$Star\"; } "
			"else { removeflag \"$Star\"; } }" },
		{ "files", EVENT "if header \"subject\" \"copy\" { fileinto :copy \"Archive\"; } elsif header \"subject\" \"file\" { fileinto :flags \"$Filed\" \"Archive\"; } "
			"elsif header \"subject\" \"nowhere\" { fileinto \"Not there\"; } elsif header \"subject\" \"self\" { fileinto \"INBOX\"; } elsif header \"subject\" \"gone\" { discard; }" },
		{ "says", EVENT "if allof(environment \"location\" \"MS\", environment \"phase\" \"post\", environment \"imap.user\" \"anna@example.org\","
			"environment \"imap.email\" \"anna@example.org\", environment :matches \"imap.mailbox\" \"*\") { set \"box\" \"${1}\"; "
			"if environment :matches \"imap.cause\" \"*\" { addflag [\"$At-${box}\", \"$By-${1}\"]; } }" },
		{ "rejects", "require [\"imapsieve\",\"reject\",\"imap4flags\"]; addflag \"$Bad\"; reject \"no\";" },
		{ "answers", "require [\"imapsieve\",\"vacation\",\"imap4flags\"]; addflag \"$Bad\"; vacation \"no\";" },
		{ "asks", "require [\"imapsieve\",\"envelope\",\"imap4flags\"]; addflag \"$Bad\"; if envelope \"from\" \"x\" { discard; }" },
		{ "endless", EVENT "redirect \"anna@example.org\";" },
		{ "sends", EVENT "redirect :copy \"ben@example.org\";" },
	};
	struct script_house *t = arg;
	SCOPED_ARENA a = arena_new();

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct span why;

		if (script_check(a, span_str(scripts[i].text), &why, e) < 0)
			fail_msg("%s: %.*s", scripts[i].name, SPAN_F(why));
		if (script_put(t->house.org, tx, a, t->anna, span_str(scripts[i].name), span_str(scripts[i].text), e) < 0)
			return e->code;
	}
	return 0;
}

static uint64_t add(struct script_house *t, enum account_kind kind, const char *address, const char *password,
	uint64_t quota_bytes)
{
	struct account_new n = { .kind = kind, .address = span_str(address), .name = span_str(address),
		.language = SPAN("en"), .password = span_str(password), .quota_bytes = quota_bytes };
	struct err e = ERR_INIT;
	uint64_t id = 0;

	if (account_add(t->house.org, &n, &id, &e) < 0)
		fail_msg("account_add %s: %s (%s)", address, e.say, e.log);
	return id;
}

static void watch_nothing(struct house *h, uint64_t session, uint64_t object_id)
{
	(void)h;
	(void)session;
	(void)object_id;
}

void script_house_run(struct script_house *t, int (*how)(struct store *, store_fn *, void *, struct err *), store_fn *fn, void *arg)
{
	struct err e = ERR_INIT;

	if (how(t->house.store, fn, arg, &e) < 0)
		fail_msg("%s (%s)", e.say, e.log);
}

static int count_queue(struct tx *tx, void *arg, struct err *e)
{
	return queue_count(tx, arg, e);
}

uint64_t script_house_queued(struct script_house *t, enum queue_state state)
{
	uint64_t counts[5];

	script_house_run(t, store_read, count_queue, counts);
	return counts[state];
}

void script_house_clock(int64_t real_sec)
{
	time_test_advance_mono((real_sec - time_real_sec()) * US_PER_SEC);
	time_test_set_real(real_sec * US_PER_SEC);
}

void script_house_open(struct script_house *t, void (*watch)(struct house *h, uint64_t session, uint64_t object_id),
	void (*changed)(void *arg, const struct change *c, size_t n))
{
	*t = (struct script_house){ 0 };
	test_house_new(&t->under, core_migrations, core_migrations_n);
	seal_key_new(&ticket);
	t->house = (struct house){ .store = t->under.store, .vault = t->under.vault, .org = t->under.org,
		.mail = mail_new(t->under.org), .hostname = "mail.example.org", .ticket_key = &ticket,
		.watch = watch ? watch : watch_nothing, .sieve_url = "sieve://mail.example.org" };
	account_on_add(core_account_made, t->under.org);
	if (changed)
		store_subscribe(t->under.store, changed, NULL);
	t->anna = add(t, ACCOUNT_PERSON, "anna@example.org", "geheim-eins", 0);
	t->ben = add(t, ACCOUNT_PERSON, "ben@example.org", "geheim-zwei", 0);
	t->last = add(t, ACCOUNT_PERSON, "last@example.org", "geheim-drei", 40960);
	t->role = add(t, ACCOUNT_ROLE, "vorstand@example.org", NULL, 0);
	script_house_run(t, store_write, make_term, t);
	script_house_run(t, store_write, put_scripts, t);
}

void script_house_end_term(struct script_house *t)
{
	script_house_run(t, store_write, end_term, t);
}

void script_house_close(struct script_house *t)
{
	mail_free(t->house.mail);
	test_house_free(&t->under);
}

struct filling {
	struct script_house *t;
	uint32_t first, last, step;
};

static int fill(struct tx *tx, void *arg, struct err *e)
{
	const struct filling *f = arg;
	SCOPED_ARENA a = arena_new();
	struct mailbox box;
	struct sql *q;

	if (mailbox_by_special(f->t->house.org, tx, a, f->t->anna, SPECIAL_INBOX, &box, e) < 0)
		return e->code;
	q = sql_open(tx, "INSERT INTO message (mailbox_id, uid, modseq, flags, email_id, size, received_sec, saved_sec) WITH RECURSIVE n (i) AS"
		" (SELECT CAST(?2 AS BIGINT) UNION ALL SELECT i + CAST(?4 AS BIGINT) FROM n WHERE i < ?3) SELECT ?1, i, 1, 0, 1, 7, 0, 0 FROM n");
	sql_int(q, 1, (int64_t)box.id);
	sql_int(q, 2, f->first);
	sql_int(q, 3, f->last);
	sql_int(q, 4, f->step);
	if (sql_run(q, e) < 0)
		return e->code;
	q = sql_open(tx, "UPDATE mailbox SET messages = messages + ?2, unseen = unseen + ?2, uidnext = ?3 + 1 WHERE id = ?1");
	sql_int(q, 1, (int64_t)box.id);
	sql_int(q, 2, (f->last - f->first) / f->step + 1);
	sql_int(q, 3, f->last);
	return sql_run(q, e) < 0 ? e->code : 0;
}

void script_house_fill(struct script_house *t, uint32_t first, uint32_t last, uint32_t step)
{
	script_house_run(t, store_write, fill, &(struct filling){ t, first, last, step });
}
