#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/time.h"
#include "domain/mail/sort.h"

/* "uid/date/subject/id/ref ref": rows of a mailbox; a subject with "re:" is a reply */
static size_t rows_make(struct arena *a, const char *const *text, struct mail_thread_row *rows)
{
	size_t n = 0;

	for (; text[n]; n++) {
		struct span s = span_str(text[n]), f[5], ref;
		struct mail_thread_row *r = &rows[n];

		for (size_t i = 0; i < 5; i++)
			f[i] = span_cut(&s, '/');
		*r = (struct mail_thread_row){ .uid = (uint32_t)n + 1, .id = f[3] };
		for (size_t i = 0; i < f[1].n; i++)
			r->date_sec = r->date_sec * 10 + f[1].p[i] - '0';
		r->received_sec = r->date_sec;
		r->subject = imap_base_subject(f[2], &r->reply);
		r->refs = ARENA_ARRAY(a, struct span, 10);
		while (f[4].n) {
			ref = span_cut(&f[4], ' ');
			r->refs[r->n_refs++] = ref;
		}
	}
	return n;
}

static void put(struct buf *b, const struct mail_threads *t, int32_t i)
{
	for (; i >= 0; i = t->v[i].next) {
		buf_addf(b, "(%u", t->v[i].uid);
		put(b, t, t->v[i].child);
		buf_addc(b, ')');
	}
}

static void threads_are(const char *const *text, enum mail_thread_how how, const char *want)
{
	SCOPED_ARENA a = arena_new();
	struct mail_thread_row rows[32];
	struct mail_threads t;
	SCOPED_BUF b;

	buf_init(&b, 4096);
	mail_thread_rows(a, rows, rows_make(a, text, rows), how, &t);
	put(&b, &t, t.first);
	buf_addc(&b, 0);
	assert_string_equal(b.p, want);
}

static void test_references(void **state)
{
	(void)state;
	threads_are((const char *const[]){ NULL }, THREAD_REFERENCES, "");
	threads_are((const char *const[]){ "1/5/a/<a>/", "2/6/re: a/<b>/<a>", "3/7/re: a/<c>/<a> <b>", "4/1/x/<x>/", NULL },
		THREAD_REFERENCES, "(4)(1(2(3)))");
	/* the parent is not there: one child rises, two stay together */
	threads_are((const char *const[]){ "1/5/a/<b>/<a>", NULL }, THREAD_REFERENCES, "(1)");
	threads_are((const char *const[]){ "1/5/a/<b>/<a>", "2/4/b/<c>/<a>", NULL }, THREAD_REFERENCES, "(0(2)(1))");
	threads_are((const char *const[]){ "1/5/a/<d>/<a> <b> <c>", "2/4/b/<e>/<a> <x>", NULL }, THREAD_REFERENCES, "(0(2)(1))");
	/* a message in the middle is not there */
	threads_are((const char *const[]){ "1/5/a/<a>/", "2/6/b/<c>/<a> <b>", NULL }, THREAD_REFERENCES, "(1(2))");
	/* loops: the first link stands */
	threads_are((const char *const[]){ "1/5/a/<a>/<b>", "2/6/b/<b>/<a>", NULL }, THREAD_REFERENCES, "(2(1))");
	threads_are((const char *const[]){ "1/5/a/<a>/<a>", NULL }, THREAD_REFERENCES, "(1)");
	/* one id twice */
	threads_are((const char *const[]){ "1/5/a/<a>/", "2/6/b/<a>/", "3/7/c/<c>/<a>", NULL }, THREAD_REFERENCES,
		"(1(3))(2)");
	threads_are((const char *const[]){ "1/5/a//", "2/6/b//", NULL }, THREAD_REFERENCES, "(1)(2)");
}

static void test_subjects(void **state)
{
	const char *const mixed[] = { "1/5/a/<a>/", "2/6/re: a/<b>/", "3/7/a/<c>/", "4/1/x/<x>/", NULL };

	(void)state;
	/* 3 is no reply: it and the thread of 1 and 2 get a joint above them */
	threads_are(mixed, THREAD_REFERENCES, "(4)(0(1(2))(3))");
	threads_are(mixed, THREAD_REFS, "(4)(1)(2)(3)");
	threads_are(mixed, THREAD_ORDEREDSUBJECT, "(4)(1(2)(3))");
	threads_are((const char *const[]){ "1/5/re: a/<a>/", "2/6/a/<b>/", NULL }, THREAD_REFERENCES, "(2(1))");
	threads_are((const char *const[]){ "1/5/re: a/<a>/", "2/6/re: a/<b>/", NULL }, THREAD_REFERENCES, "(0(1)(2))");
	/* an empty subject joins nothing */
	threads_are((const char *const[]){ "1/5//<a>/", "2/6/re:/<b>/", NULL }, THREAD_REFERENCES, "(1)(2)");
	/* two joints become one */
	threads_are((const char *const[]){ "1/1/a/<a>/<m>", "2/2/a/<b>/<m>", "3/3/a/<c>/<n>", "4/4/a/<d>/<n>", NULL },
		THREAD_REFERENCES, "(0(1)(2)(3)(4))");
}

static void test_refs(void **state)
{
	(void)state;
	/* by the newest message of a thread */
	threads_are((const char *const[]){ "1/1/a/<a>/", "2/5/b/<b>/", "3/9/c/<c>/<a>", NULL }, THREAD_REFS, "(2)(1(3))");
	threads_are((const char *const[]){ "1/1/a/<a>/", "2/5/b/<b>/", "3/9/c/<c>/<a>", NULL }, THREAD_REFERENCES, "(1(3))(2)");
}

/* What made others quadratic: one long chain told from its end, and everybody naming everybody. */
static void test_cost(void **state)
{
	enum { N = 50000 };
	SCOPED_ARENA a = arena_new();
	struct mail_thread_row *rows = ARENA_ARRAY(a, struct mail_thread_row, N);
	struct span *ids = ARENA_ARRAY(a, struct span, N);
	int64_t start = time_mono_us();
	struct mail_threads t;

	(void)state;
	for (size_t i = 0; i < N; i++)
		ids[i] = arena_printf(a, "<%zu@x>", i);
	for (size_t i = 0; i < N; i++) {
		size_t me = N - 1 - i;

		rows[i] = (struct mail_thread_row){ .uid = (uint32_t)i + 1, .date_sec = (int64_t)me, .id = ids[me],
			.refs = me ? &ids[me - 1] : NULL, .n_refs = me ? 1 : 0, .subject = SPAN("s"), .reply = i & 1 };
		if (me >= MAIL_THREAD_REFS_MAX) {
			rows[i].refs = &ids[me - MAIL_THREAD_REFS_MAX];
			rows[i].n_refs = MAIL_THREAD_REFS_MAX;
		}
	}
	mail_thread_rows(a, rows, N, THREAD_REFERENCES, &t);
	assert_int_equal(t.v[t.first].uid, N);
	assert_int_equal(t.v[t.first].next, -1);
	for (size_t i = 0; i < N; i++)
		rows[i].n_refs = 0;
	mail_thread_rows(a, rows, N, THREAD_REFERENCES, &t);
	assert_int_equal(t.v[t.first].next, -1);
	mail_thread_rows(a, rows, N, THREAD_ORDEREDSUBJECT, &t);
	assert_int_equal(t.v[t.first].children, N - 1);
	assert_true(time_mono_us() - start < 20000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
