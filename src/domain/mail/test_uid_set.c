/* uid_set against a plain array of booleans; references from several threads (TSan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include "base/time.h"
#include "domain/mail/uid_set.h"

#define MAX 200

struct plain {
	bool on[MAX + 1];
};

static struct uid_set *from_plain(const struct plain *p)
{
	struct uid_set *s = uid_set_new();

	for (uint32_t u = 1; u <= MAX; u++)
		if (p->on[u])
			uid_set_add_range(s, u, u);
	return s;
}

static void same_set(struct imap_set *s, const bool *want)
{
	for (uint32_t u = 1; u <= MAX; u++)
		assert_int_equal(imap_set_contains(s, u), want[u]);
	for (size_t i = 1; i < s->n; i++)
		assert_true(s->v[i].lo > s->v[i - 1].hi + 1);
}

static void same(const struct uid_set *s, const struct plain *p)
{
	SCOPED_ARENA a = arena_new();
	struct imap_set all;
	uint32_t count = 0, max = 0;

	for (uint32_t u = 1; u <= MAX; u++) {
		assert_int_equal(uid_set_seq(s, u), p->on[u] ? count + 1 : 0);
		if (!p->on[u])
			continue;
		max = u;
		assert_int_equal(uid_set_uid(s, ++count), u);
	}
	for (uint32_t u = MAX, at = 0, left = count; u >= 1; u--) {
		if (p->on[u])
			at = left--;
		assert_int_equal(uid_set_seq_at_or_after(s, u), at);
	}
	assert_int_equal(uid_set_count(s), count);
	assert_int_equal(uid_set_max(s), max);
	assert_int_equal(uid_set_uid(s, 0), 0);
	assert_int_equal(uid_set_uid(s, count + 1), 0);
	assert_int_equal(uid_set_uid(s, UINT32_MAX), 0);
	assert_int_equal(uid_set_seq(s, 0), 0);
	assert_int_equal(uid_set_seq(s, UINT32_MAX), 0);
	uid_set_all(a, s, &all);
	same_set(&all, p->on);
}

static void random_set(struct arena *a, unsigned one_in, uint32_t from, struct imap_set *out, bool *on)
{
	*out = (struct imap_set){ 0 };
	memset(on, 0, MAX + 1);
	for (uint32_t u = from; u <= MAX; u++)
		if (random_u64() % one_in == 0) {
			on[u] = true;
			imap_set_add(a, out, u);
		}
}

static void one_round(struct arena *a)
{
	struct plain p = { 0 }, q = { 0 };
	bool gone_on[MAX + 1], more_on[MAX + 1], ask_on[MAX + 1], want[MAX + 1] = { 0 };
	struct imap_set gone, more, ask, got;
	struct uid_set *s, *t;
	unsigned dense = 1 + (unsigned)(random_u64() % 5);
	uint32_t seq = 0;

	for (uint32_t u = 1; u <= MAX / 2; u++)
		p.on[u] = random_u64() % 6 < dense;
	s = from_plain(&p);
	same(s, &p);
	random_set(a, 1 + (unsigned)(random_u64() % 8), 1, &gone, gone_on);
	random_set(a, 1 + (unsigned)(random_u64() % 8), MAX / 2 + 1, &more, more_on);
	t = uid_set_changed(s, &gone, &more);
	for (uint32_t u = 1; u <= MAX; u++)
		q.on[u] = (p.on[u] && !gone_on[u]) || more_on[u];
	same(t, &q);
	same(s, &p);

	random_set(a, 1 + (unsigned)(random_u64() % 8), 1, &ask, ask_on);
	uid_set_existing(a, t, &ask, &got);
	for (uint32_t u = 1; u <= MAX; u++)
		want[u] = ask_on[u] && q.on[u];
	same_set(&got, want);
	uid_set_from_seqs(a, t, &ask, &got);
	for (uint32_t u = 1; u <= MAX; u++) {
		want[u] = q.on[u] && ask_on[seq + 1];
		seq += q.on[u];
	}
	same_set(&got, want);
	uid_set_unref(s);
	uid_set_unref(t);
}

static void test_random(void **state)
{
	(void)state;
	random_test_seed(4711);
	for (int i = 0; i < 2000; i++) {
		SCOPED_ARENA a = arena_new();

		one_round(a);
	}
	random_test_seed(0);
}

static void test_edges(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct imap_range whole = { 1, UINT32_MAX }, last = { UINT32_MAX, UINT32_MAX };
	struct imap_set all = { &whole, 1, 1 }, top = { &last, 1, 1 }, none = { 0 }, got;
	struct uid_set *s = uid_set_new(), *t;

	(void)state;
	assert_int_equal(uid_set_count(s), 0);
	assert_int_equal(uid_set_max(s), 0);
	assert_int_equal(uid_set_seq_at_or_after(s, 1), 0);
	uid_set_from_seqs(a, s, &all, &got);
	assert_int_equal(got.n, 0);
	uid_set_add_range(s, 5, 9);
	uid_set_add_range(s, UINT32_MAX - 1, UINT32_MAX);
	assert_int_equal(uid_set_count(s), 7);
	assert_int_equal(uid_set_seq(s, UINT32_MAX), 7);
	uid_set_from_seqs(a, s, &all, &got);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.v[1].hi, UINT32_MAX);
	uid_set_existing(a, s, &top, &got);
	assert_int_equal(imap_set_count(&got), 1);
	t = uid_set_changed(s, &top, &none);
	assert_int_equal(uid_set_max(t), UINT32_MAX - 1);
	uid_set_unref(t);
	t = uid_set_changed(s, &all, &none);
	assert_int_equal(uid_set_count(t), 0);
	uid_set_unref(t);
	uid_set_unref(s);
}

static void *holder(void *arg)
{
	const struct uid_set *s = arg;

	for (int i = 0; i < 20000; i++) {
		struct uid_set *mine = uid_set_ref(s);

		assert_int_equal(uid_set_seq(mine, 7), 7);
		uid_set_unref(mine);
	}
	uid_set_unref(s);
	return NULL;
}

static void test_threads(void **state)
{
	struct uid_set *s = uid_set_new();
	pthread_t t[4];

	(void)state;
	uid_set_add_range(s, 1, 1000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, holder, uid_set_ref(s)), 0);
	uid_set_unref(s);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("uid_set", tests, NULL, NULL);
}
