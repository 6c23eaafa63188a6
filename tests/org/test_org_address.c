/* Domains and addresses: what is accepted, where it leads, who may send with it. */
#include "org/org_test.h"
#include <stdio.h>

static uint64_t anna, bert, umlaut;

static struct recipients leads(struct play *p, const char *address)
{
	struct recipients r = { 0 };

	OK(address_resolve(h.org, p->tx, p->a, span_str(address), &r, &p->e));
	return r;
}

static void set(struct play *p, enum address_kind kind, const char *address, const char *const *targets, size_t n)
{
	struct span t[8];

	for (size_t i = 0; i < n; i++)
		t[i] = span_str(targets[i]);
	OK(address_set(h.org, p->tx, kind, span_str(address), t, n, &p->e));
}
#define SET(kind, address, ...) \
	set(p, kind, address, (const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void play_domains(struct play *p)
{
	struct span *list;
	size_t n;

	OK(domain_add(h.org, p->tx, SPAN("Müller-Verein.example"), &p->e));
	FAILS(ERR_EXISTS, domain_add(h.org, p->tx, SPAN("xn--mller-verein-dlb.EXAMPLE"), &p->e));
	FAILS(ERR_PARAM, domain_add(h.org, p->tx, SPAN("a b"), &p->e));
	FAILS(ERR_PARAM, domain_add(h.org, p->tx, SPAN("[192.0.2.1]"), &p->e));
	FAILS(ERR_PARAM, domain_add(h.org, p->tx, SPAN(""), &p->e));
	assert_true(domain_is_local(h.org, p->tx, SPAN("MÜLLER-verein.example")));
	assert_true(domain_is_local(h.org, p->tx, SPAN("xn--mller-verein-dlb.example")));
	assert_true(domain_is_local(h.org, p->tx, SPAN("Example.ORG")));
	assert_false(domain_is_local(h.org, p->tx, SPAN("example.com")));
	OK(domain_add(h.org, p->tx, SPAN("empty.example"), &p->e));
	OK(domain_list(h.org, p->tx, p->a, &list, &n, &p->e));
	assert_int_equal(n, 3);
	assert_span(list[0], "example.org");
	assert_span(list[1], "müller-verein.example");
	FAILS(ERR_EXISTS, domain_remove(h.org, p->tx, SPAN("example.org"), &p->e));
	FAILS(ERR_MISSING, domain_remove(h.org, p->tx, SPAN("example.net"), &p->e));
	OK(domain_remove(h.org, p->tx, SPAN("empty.example"), &p->e));
}

static void test_domains(void **state)
{
	(void)state;
	play(play_domains);
	anna = test_person(&h, "Anna.Alt@example.org", "Anna Alt");
	bert = test_person(&h, "bert@example.org", "Bert Berg");
	umlaut = test_person(&h, "jörg@müller-verein.example", "Jörg Müller");
}

static void play_accepts(struct play *p)
{
	uint64_t id = 0;

	OK(address_accepts(h.org, p->tx, p->a, SPAN("anna.alt@EXAMPLE.org"), &id, &p->e));
	assert_int_equal(id, anna);
	OK(address_accepts(h.org, p->tx, p->a, SPAN("anna.alt+Urlaub@example.org"), &id, &p->e));
	assert_int_equal(id, anna);
	/* Decomposed, other case, A-label: the same person. */
	OK(address_accepts(h.org, p->tx, p->a, SPAN("JO\xcc\x88RG@xn--mller-verein-dlb.example"), &id, &p->e));
	assert_int_equal(id, umlaut);
	FAILS(ERR_MISSING, address_accepts(h.org, p->tx, p->a, SPAN("nobody@example.org"), &id, &p->e));
	FAILS(ERR_MISSING, address_accepts(h.org, p->tx, p->a, SPAN("nobody+x@example.org"), &id, &p->e));
	FAILS(ERR_DENIED, address_accepts(h.org, p->tx, p->a, SPAN("anna@example.com"), &id, &p->e));
	FAILS(ERR_PARAM, address_accepts(h.org, p->tx, p->a, SPAN("anna@"), &id, &p->e));
	FAILS(ERR_PARAM, address_accepts(h.org, p->tx, p->a, SPAN("@example.org"), &id, &p->e));
	FAILS(ERR_PARAM, address_accepts(h.org, p->tx, p->a, SPAN(""), &id, &p->e));
}

static void test_accepts(void **state)
{
	(void)state;
	play(play_accepts);
}

static void play_postmaster(struct play *p)
{
	struct recipients r = leads(p, "PostMaster");

	assert_int_equal(r.n, 1);
	assert_span(r.v[0].address, "admin@example.org");
	r = leads(p, "postmaster@müller-verein.example");
	assert_span(r.v[0].address, "admin@example.org");
	/* A catch-all does not define it, an alias does. */
	SET(ADDRESS_ALIAS, "@example.org", "bert@example.org");
	r = leads(p, "postmaster@example.org");
	assert_span(r.v[0].address, "admin@example.org");
	r = leads(p, "who.ever+x@example.org");
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].account_id, bert);
	SET(ADDRESS_ALIAS, "postmaster@example.org", "bert@example.org");
	r = leads(p, "postmaster");
	assert_int_equal(r.v[0].account_id, bert);
	OK(address_remove(h.org, p->tx, SPAN("@example.org"), &p->e));
	OK(address_remove(h.org, p->tx, SPAN("postmaster@example.org"), &p->e));
	FAILS(ERR_MISSING, address_remove(h.org, p->tx, SPAN("postmaster@example.org"), &p->e));
}

static void test_postmaster(void **state)
{
	(void)state;
	play(play_postmaster);
}

static void play_tags(struct play *p)
{
	struct recipients r = leads(p, "bert+Archiv@example.org");

	assert_int_equal(r.n, 1);
	assert_span(r.v[0].tag, "Archiv");
	assert_span(r.v[0].address, "bert@example.org");
	/* A real address wins over a tag. */
	OK(address_add(h.org, p->tx, SPAN("bert+sport@example.org"), anna, &p->e));
	r = leads(p, "bert+sport@example.org");
	assert_int_equal(r.v[0].account_id, anna);
	assert_null(r.v[0].tag.p);
	assert_span(r.v[0].address, "anna.alt@example.org");
	OK(address_remove(h.org, p->tx, SPAN("bert+sport@example.org"), &p->e));
	/* The tag goes through an alias. */
	SET(ADDRESS_ALIAS, "berty@example.org", "bert@example.org");
	r = leads(p, "berty+x@example.org");
	assert_span(r.v[0].tag, "x");
	OK(address_remove(h.org, p->tx, SPAN("berty@example.org"), &p->e));
}

static void test_tags(void **state)
{
	(void)state;
	play(play_tags);
}

static void play_alias(struct play *p)
{
	struct recipients r;
	uint64_t id;

	/* A loop that also leads somewhere, and one that does not. */
	SET(ADDRESS_ALIAS, "loop-a@example.org", "loop-b@example.org", "anna.alt@example.org");
	SET(ADDRESS_ALIAS, "loop-b@example.org", "loop-a@example.org", "Fritz@Extern.EXAMPLE");
	r = leads(p, "loop-a@example.org");
	assert_int_equal(r.n, 2);
	assert_int_equal(r.v[0].account_id, 0);
	assert_span(r.v[0].address, "Fritz@extern.example");
	assert_int_equal(r.v[1].account_id, anna);
	OK(address_accepts(h.org, p->tx, p->a, SPAN("loop-a@example.org"), &id, &p->e));
	assert_int_equal(id, 0);
	SET(ADDRESS_ALIAS, "self@example.org", "self@example.org");
	FAILS(ERR_MISSING, address_resolve(h.org, p->tx, p->a, SPAN("self@example.org"), &r, &p->e));
	assert_int_equal(r.n, 2);

	/* Groups within groups, duplicates in any spelling once, the gone are skipped. */
	SET(ADDRESS_GROUP, "board@example.org", "anna.alt@example.org", "ANNA.ALT@example.org", "fritz@extern.example",
		"gone@example.org", "loop-a@example.org", "jörg@xn--mller-verein-dlb.example");
	r = (struct recipients){ 0 };
	OK(address_resolve(h.org, p->tx, p->a, SPAN("board@example.org"), &r, &p->e));
	assert_int_equal(r.n, 3);
	assert_int_equal(r.v[0].account_id, anna);
	assert_span(r.v[1].address, "fritz@extern.example");
	assert_int_equal(r.v[2].account_id, umlaut);
	/* What the transaction already has does not come again. */
	OK(address_resolve(h.org, p->tx, p->a, SPAN("anna.alt@example.org"), &r, &p->e));
	OK(address_resolve(h.org, p->tx, p->a, SPAN("loop-b@example.org"), &r, &p->e));
	assert_int_equal(r.n, 3);

	FAILS(ERR_PARAM, address_set(h.org, p->tx, ADDRESS_ALIAS, SPAN("x@example.org"), NULL, 0, &p->e));
	FAILS(ERR_PARAM, address_set(h.org, p->tx, ADDRESS_ALIAS, SPAN("x@example.com"), &SPAN("a@b"), 1, &p->e));
	FAILS(ERR_EXISTS, address_set(h.org, p->tx, ADDRESS_ALIAS, SPAN("bert@example.org"), &SPAN("a@b"), 1, &p->e));
	FAILS(ERR_EXISTS, address_add(h.org, p->tx, SPAN("BOARD@example.org"), anna, &p->e));
	FAILS(ERR_DENIED, address_remove(h.org, p->tx, SPAN("bert@example.org"), &p->e));
	FAILS(ERR_MISSING, address_add(h.org, p->tx, SPAN("new@example.org"), 12345, &p->e));
}

static void play_alias_list(struct play *p)
{
	struct address_row *rows;
	size_t n, groups = 0;

	OK(address_list(h.org, p->tx, p->a, &rows, &n, &p->e));
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == ADDRESS_GROUP) {
			groups++;
			assert_span(rows[i].address, "board@example.org");
			assert_int_equal(rows[i].n_targets, 6);
			assert_span(rows[i].targets[1], "ANNA.ALT@example.org");
		}
	assert_int_equal(groups, 1);
	/* Replacing takes the old targets away. */
	SET(ADDRESS_GROUP, "board@example.org", "bert@example.org");
	assert_int_equal(leads(p, "board@example.org").n, 1);
}

static void test_alias(void **state)
{
	(void)state;
	play(play_alias);
	play(play_alias_list);
}

/* A chain of n aliases to bert: d1 -> d2 -> ... -> bert. */
static void chain(struct play *p, int n)
{
	char from[32], to[32];

	for (int i = 1; i <= n; i++) {
		snprintf(from, sizeof(from), "d%d@example.org", i);
		snprintf(to, sizeof(to), i == n ? "bert@example.org" : "d%d@example.org", i + 1);
		SET(ADDRESS_ALIAS, from, to);
	}
}

static void play_bounds(struct play *p)
{
	struct recipients r = { 0 };
	struct span *many = ARENA_ARRAY(p->a, struct span, ADDRESS_EXPAND_MAX + 1);

	chain(p, ADDRESS_DEPTH_MAX);
	assert_int_equal(leads(p, "d1@example.org").n, 1);
	chain(p, ADDRESS_DEPTH_MAX + 1);
	FAILS(ERR_LIMIT, address_resolve(h.org, p->tx, p->a, SPAN("d1@example.org"), &r, &p->e));
	assert_int_equal(r.n, 0);

	for (size_t i = 0; i <= ADDRESS_EXPAND_MAX; i++)
		many[i] = arena_printf(p->a, "u%zu@extern.example", i);
	FAILS(ERR_LIMIT, address_set(h.org, p->tx, ADDRESS_GROUP, SPAN("all@example.org"), many,
		ADDRESS_EXPAND_MAX + 1, &p->e));
	OK(address_set(h.org, p->tx, ADDRESS_GROUP, SPAN("all@example.org"), many, ADDRESS_EXPAND_MAX, &p->e));
	OK(address_resolve(h.org, p->tx, p->a, SPAN("all@example.org"), &r, &p->e));
	assert_int_equal(r.n, ADDRESS_EXPAND_MAX);
	SET(ADDRESS_GROUP, "more@example.org", "all@example.org", "bert@example.org");
	r.n = 1;
	FAILS(ERR_LIMIT, address_resolve(h.org, p->tx, p->a, SPAN("more@example.org"), &r, &p->e));
	assert_int_equal(r.n, 1);
}

static void test_bounds(void **state)
{
	(void)state;
	play(play_bounds);
}

static bool may(struct play *p, uint64_t account_id, const char *address)
{
	bool yes;

	OK(address_may_send(h.org, p->tx, p->a, account_id, span_str(address), &yes, &p->e));
	return yes;
}

static void play_may_send(struct play *p)
{
	OK(address_add(h.org, p->tx, SPAN("a.alt@example.org"), anna, &p->e));
	assert_true(may(p, anna, "anna.alt@example.org"));
	assert_true(may(p, anna, "Anna.Alt+shop@example.org"));
	assert_true(may(p, anna, "a.alt@example.org"));
	assert_false(may(p, bert, "anna.alt@example.org"));
	assert_false(may(p, anna, "board@example.org"));
	assert_false(may(p, anna, "nobody@example.org"));
	assert_false(may(p, anna, "anna.alt@example.com"));
	assert_false(may(p, anna, "no address"));
	assert_true(may(p, umlaut, "Jörg@MÜLLER-verein.example"));
}

static void test_may_send(void **state)
{
	(void)state;
	play(play_may_send);
}

static void play_sealed(struct play *p)
{
	struct recipients r = { 0 };
	uint64_t id;
	struct span *list;
	size_t n;

	FAILS(ERR_LATER, address_accepts(h.org, p->tx, p->a, SPAN("bert@example.org"), &id, &p->e));
	FAILS(ERR_LATER, address_resolve(h.org, p->tx, p->a, SPAN("bert@example.org"), &r, &p->e));
	FAILS(ERR_LATER, address_accepts(h.org, p->tx, p->a, SPAN("x@example.com"), &id, &p->e));
	FAILS(ERR_LATER, domain_list(h.org, p->tx, p->a, &list, &n, &p->e));
	FAILS(ERR_LATER, domain_add(h.org, p->tx, SPAN("new.example"), &p->e));
	assert_false(domain_is_local(h.org, p->tx, SPAN("example.org")));
}

static void test_sealed(void **state)
{
	(void)state;
	test_house_seal(&h);
	play(play_sealed);
	assert_false(org_is_open(h.org));
	test_house_unseal(&h);
	assert_true(org_is_open(h.org));
	play(play_accepts);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains), cmocka_unit_test(test_accepts), cmocka_unit_test(test_postmaster),
		cmocka_unit_test(test_tags), cmocka_unit_test(test_alias), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_may_send), cmocka_unit_test(test_sealed),
	};

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("org address", group);
}
