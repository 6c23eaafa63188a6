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

void script_house_open(struct script_house *t, void (*watch)(struct house *h, uint64_t session, uint64_t object_id),
	void (*changed)(void *arg, const struct change *c, size_t n))
{
	struct err e = ERR_INIT;

	*t = (struct script_house){ 0 };
	test_house_new(&t->under, core_migrations, core_migrations_n);
	seal_key_new(&ticket);
	t->house = (struct house){ .store = t->under.store, .vault = t->under.vault, .org = t->under.org,
		.mail = mail_new(t->under.org), .hostname = "mail.example.org", .ticket_key = &ticket, .watch = watch,
		.sieve_url = "sieve://mail.example.org" };
	account_on_add(core_account_made, t->under.org);
	store_subscribe(t->under.store, changed, NULL);
	t->anna = add(t, ACCOUNT_PERSON, "anna@example.org", "geheim-eins", 0);
	t->ben = add(t, ACCOUNT_PERSON, "ben@example.org", "geheim-zwei", 0);
	t->last = add(t, ACCOUNT_PERSON, "last@example.org", "geheim-drei", 40960);
	t->role = add(t, ACCOUNT_ROLE, "vorstand@example.org", NULL, 0);
	if (store_write(t->under.store, make_term, t, &e) < 0)
		fail_msg("term: %s (%s)", e.say, e.log);
	if (store_write(t->under.store, put_scripts, t, &e) < 0)
		fail_msg("scripts: %s (%s)", e.say, e.log);
}

void script_house_end_term(struct script_house *t)
{
	struct err e = ERR_INIT;

	if (store_write(t->under.store, end_term, t, &e) < 0)
		fail_msg("end of term: %s (%s)", e.say, e.log);
}

void script_house_close(struct script_house *t)
{
	mail_free(t->house.mail);
	test_house_free(&t->under);
}
