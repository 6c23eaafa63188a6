/* ManageSieve at the gate: what is not a SASL answer cancels the sign-in, it harms nothing. */
#include "gate/test_rig.h"

static void test_answers(void **state)
{
	static const struct {
		const char *said, *core_sees;
	} row[] = {
		{ "\"AGEAYg==\"\r\n", "AGEAYg==" }, { "{3+}\r\nabc\r\n", "abc" },
		{ "#s HTTP/1.1\r\n", "*" }, { "\r\n", "*" }, { "\"a\" \"b\"\r\n", "*" },
	};
	struct rig r;
	struct client c;

	(void)state;
	rig_init(&r);
	rig_up(&r);
	rig_greet(&r, &c, PORT_SIEVE);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct cmd *m;

		client_sayz(&c, "AUTHENTICATE \"PLAIN\"\r\n");
		rig_reply(&r, rig_cmd(&r, "AUTHENTICATE"), NEXT_CONTINUE, "\"\"\r\n");
		client_hears(&c, "\"\"\r\n");
		client_sayz(&c, row[i].said);
		m = rig_cmd(&r, "*CONTINUE");
		assert_int_equal(m->ntok, 1);
		assert_true(span_eqz(m->tok[0].text, row[i].core_sees));
		rig_reply(&r, m, NEXT_READ, "NO\r\n");
		client_hears(&c, "NO\r\n");
	}
	client_close(&c);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
