/* mail_test.h - a house with mail for tests, and scenarios in one transaction each. */
#pragma once
#include <string.h>
#include "base/time.h"
#include "domain/mail/deliver.h"
#include "domain/mail/mail_check.h"
#include "domain/mail/mail_schema.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/message.h"
#include "domain/org/account.h"
#include "domain/org/org_schema.h"
#include "domain/org/role.h"
#include "support/play.h"

static inline int first_boxes(void *arg, struct tx *tx, uint64_t account_id, enum account_kind kind, struct span language,
	struct err *e)
{
	struct test_house *house = arg;

	return kind == ACCOUNT_ORG ? 0 : mailbox_create_first(house->org, tx, account_id, language, e);
}

/* Expunged mail is gone at once: what most tests count on. */
static inline int keep_nothing(struct tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return org_setting_set(h.org, tx, "undelete_days", SPAN("0"), e);
}

static inline int start(void **state)
{
	static const struct migration list[] = {
#define MIGRATION(name, domain, text) { name, text },
#include "core/migrations.def"
	};

	(void)state;
	account_on_add(first_boxes, &h);
	test_house_new(&h, list, sizeof(list) / sizeof(*list));
	assert_int_equal(store_write(h.store, keep_nothing, NULL, NULL), 0);
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	test_house_free(&h);
	account_on_add(NULL, NULL);
	return 0;
}

static inline int64_t count(struct play *p, const char *sql)
{
	SCOPED_SQL q = sql_open(p->tx, sql);

	assert_int_equal(sql_next(q, &p->e), 1);
	return sql_col_int(q, 0);
}

static inline struct mailbox box_of(struct play *p, uint64_t viewer, const char *name)
{
	struct mailbox box = { 0 };

	OK(mailbox_find(h.org, p->tx, p->a, viewer, span_str(name), &box, &p->e));
	return box;
}

static inline uint64_t test_role(const char *address)
{
	struct account_new n = { .kind = ACCOUNT_ROLE, .address = span_str(address), .name = span_str(address) };
	struct err e = ERR_INIT;
	uint64_t id = 0;

	if (account_add(h.org, &n, &id, &e) < 0)
		fail_msg("%s", e.log);
	return id;
}

static inline struct imap_set range_set(struct arena *a, uint32_t lo, uint32_t hi)
{
	struct imap_set s = { 0 };

	imap_set_add(a, &s, lo);
	s.v[0].hi = hi;
	return s;
}

static inline void say_problem(void *arg, const char *problem)
{
	(void)arg;
	print_error("%s\n", problem);
}

/* Counters, references, seals and bodies: nothing wrong anywhere. */
static inline void assert_all_well(void)
{
	struct err e = ERR_INIT;
	uint64_t problems = 1;

	if (mail_check(h.org, h.store, say_problem, NULL, &problems, &e) < 0)
		fail_msg("%s", e.log);
	assert_int_equal(problems, 0);
}
