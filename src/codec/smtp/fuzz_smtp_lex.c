/* One command line; then its text as an address: normalising twice must change nothing more. */
#include <assert.h>
#include "codec/smtp/smtp_lex.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct smtp_command c;
	struct err e = ERR_INIT;
	struct span in = SPAN_BYTES(p, n);
	struct span path = in;
	struct span once, twice;

	if (smtp_lex(a, in, &c, &e) < 0)
		assert(c.code && c.status && e.say[0]);
	else if ((c.verb == SMTP_MAIL || c.verb == SMTP_RCPT) && c.args.v[0].text.n)
		path = c.args.v[0].text;
	err_clear(&e);
	if (smtp_address_normalise(a, path, &once, &e) == 0) {
		/* folding may lengthen a local part beyond what may be typed */
		if (smtp_address_normalise(a, once, &twice, &e) == 0)
			assert(span_eq(once, twice));
		else
			assert(e.code == ERR_TOOBIG);
	} else {
		assert(path.p == (const char *)p || e.code != ERR_BROKEN);
	}
	err_clear(&e);
	(void)smtp_address_ascii(a, path, &once, &e);
	return 0;
}
