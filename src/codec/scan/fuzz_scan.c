/* What a scanner may answer, whole and in pieces; the first octet says which. Nothing that comes out begins a line. */
#include <assert.h>
#include "codec/scan/scan.h"

static void one_line(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		assert(s.p[i] >= ' ' && s.p[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES((const char *)p + 1, n ? n - 1 : 0), body = SPAN_NONE, virus;
	struct sockaddr_storage at;
	struct scan_spam v;
	socklen_t len;
	bool ok = false;

	if (n && p[0] == 'c') {
		if (clamd_verdict(a, in, &virus, NULL) == 0)
			one_line(virus);
	} else if (n && p[0] == 'p') {
		if (scan_place(in, &at, &len, NULL) == 0)
			assert(len <= sizeof(at));
	} else if (rspamd_answer(in, n && p[0] == 'e', &ok, &body, NULL) == 1 && ok && rspamd_verdict(a, body, &v, NULL) == 0) {
		one_line(v.words);
		one_line(v.message);
		assert(v.words.n <= SCAN_WORDS_MAX && v.action);
	}
	return 0;
}
