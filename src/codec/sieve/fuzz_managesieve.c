/* First byte: piece size. The rest in pieces: the frame takes all or says why not; what is whole lexes or is refused. */
#include <assert.h>
#include "codec/sieve/managesieve.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_frame f;
	size_t piece = n ? p[0] % 16 + 1 : 1;
	struct span in = n ? SPAN_BYTES(p + 1, n - 1) : SPAN_NONE;

	ms_frame_init(&f, 100);
	while (in.n) {
		SCOPED_ARENA a = arena_new();
		struct ms_command c;
		struct err e = ERR_INIT;
		size_t used;
		int r = ms_frame(&f, span_sub(in, 0, piece), &used);

		assert(used <= piece && (used || r < 0));
		in = span_from(in, used);
		if (r < 0) {
			assert(f.fatal && f.why);
			break;
		}
		if (r == 0)
			continue;
		if (ms_lex(a, ms_frame_text(&f), piece & 1, &c, &e) < 0)
			assert(e.say[0]);
		ms_frame_reset(&f);
	}
	ms_frame_fini(&f);
	return 0;
}
