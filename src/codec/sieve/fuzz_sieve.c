/* "script NUL message": whatever it is, it compiles or is refused with a place, and runs within its budget. */
#include "codec/sieve/sieve.h"
#include <assert.h>

static int sometimes(void *arg, struct span name)
{
	(void)arg;
	return name.n % 2;
}

static int duplicate(void *arg, struct span id, int64_t seconds)
{
	(void)arg;
	return (int64_t)id.n > seconds;
}

static int include(void *arg, struct span name, bool global, const struct sieve_script **out)
{
	(void)name;
	*out = arg;                  /* itself: the worst there is */
	return !global;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = SPAN_BYTES(p, n), text = span_cut(&in, '\0');
	struct sieve_limits limits = SIEVE_LIMITS;
	struct sieve_script *s;
	struct sieve_error why;
	struct sieve_result out;
	SCOPED_ARENA a = arena_new();
	int r = sieve_compile(a, text, &limits, &s, &why);

	if (r < 0) {
		assert(why.text[0]);
		return 0;
	}
	struct sieve_host h = { .arg = s, .message = in, .from = SPAN("a@example.net"), .to = SPAN("b+c@example.org"),
		.now_sec = 1790000000, .budget = 20000, .separator = '+', .mailbox = sometimes, .mailbox_id = sometimes,
		.duplicate = duplicate, .include = include };

	r = sieve_run(a, s, &h, &out);
	assert(r == 0 || (out.error.text[0] && out.n_actions == 1 && out.actions[0].kind == SIEVE_KEEP));
	assert(out.n_actions <= SIEVE_ACTIONS_MAX && out.steps <= h.budget + 4000000);
	return 0;
}
