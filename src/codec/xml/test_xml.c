#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/buf.h"
#include "codec/xml/autodiscover.h"
#include "codec/xml/xml_read.h"

static struct buf said;

static int begin(void *arg, struct span path)
{
	(void)arg;
	buf_addf(&said, "<%.*s", SPAN_F(path));
	return 0;
}

static int end(void *arg, struct span path, struct span text)
{
	(void)arg;
	buf_addf(&said, ">%.*s=%.*s", SPAN_F(path), SPAN_F(text));
	return span_eqz(text, "stop") ? ERR_DENIED : 0;
}

static int run(struct span document, size_t elements)
{
	struct xml_sink sink = { .begin = begin, .end = end, .elements_max = elements };
	struct err e = ERR_INIT;

	buf_reset(&said);
	return xml_read(document, &sink, &e);
}

static void test_paths(void **state)
{
	(void)state;
	assert_int_equal(run(SPAN("<?xml version='1.0'?><x:a y='1'> <b> t&amp;u </b><c/></x:a>"), 3), 0);
	assert_true(span_eqz(buf_span(&said), "<a<a/b>a/b=t&u<a/c>a/c=>a="));
	assert_int_equal(run(SPAN("<a><b>stop</b><c/></a>"), 9), ERR_DENIED);
	assert_true(span_find(buf_span(&said), SPAN("a/c")) < 0);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "", " ", "<a>", "<a></b>", "<!DOCTYPE a><a/>", "<a>&x;</a>",
		"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "<a/><b/>",
		"<?xml version='1.0' encoding='x-none'?><a/>", "<a>\xff</a>" };
	SCOPED_BUF deep;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(run(span_str(bad[i]), 9), ERR_SYNTAX);
	assert_int_equal(run(SPAN("<a><b/><b/></a>"), 2), ERR_TOOBIG);
	buf_init(&deep, 100000);
	for (int i = 0; i < XML_DEPTH_MAX + 1; i++)
		buf_addz(&deep, "<d>");
	assert_int_equal(run(buf_span(&deep), 999), ERR_TOOBIG);
	buf_reset(&deep);
	buf_addz(&deep, "<d>");
	buf_fill(&deep, 'x', XML_TEXT_MAX + 1);
	buf_addz(&deep, "</d>");
	assert_int_equal(run(buf_span(&deep), 9), ERR_TOOBIG);
	buf_reset(&deep);
	buf_addc(&deep, '<');
	buf_fill(&deep, 'x', XML_PATH_MAX + 1);
	buf_addz(&deep, "/>");
	assert_int_equal(run(buf_span(&deep), 9), ERR_TOOBIG);
}

static void test_autodiscover(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct autodiscover d;

	(void)state;
	assert_int_equal(autodiscover_parse(a, SPAN("<Autodiscover xmlns='http://schemas.microsoft.com/exchange/autodiscover/"
		"outlook/requestschema/2006'><Request><EMailAddress> a@b.example </EMailAddress><AcceptableResponseSchema>"
		"urn:x</AcceptableResponseSchema></Request></Autodiscover>"), &d, NULL), 0);
	assert_true(span_eqz(d.address, "a@b.example") && span_eqz(d.schema, "urn:x"));
	assert_int_equal(autodiscover_parse(a, SPAN("<x/>"), &d, NULL), 0);
	assert_false(d.address.n);
	assert_int_equal(autodiscover_parse(a, SPAN("EMailAddress"), &d, NULL), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_autodiscover) };
	int failed;

	buf_init(&said, 100000);
	failed = cmocka_run_group_tests_name("xml", tests, NULL, NULL);
	buf_fini(&said);
	return failed;
}
