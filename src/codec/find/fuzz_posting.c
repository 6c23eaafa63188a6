/* Any octets as a row of 1 to 300 documents and as a list of ids: what can be read is written again as the same lists. */
#include <assert.h>
#include "codec/find/posting.h"

static void row(struct arena *a, struct span in, uint32_t docs)
{
	struct posting_in i = { in, docs, 5 }, again;
	uint16_t *doc = ARENA_ARRAY(a, uint16_t, docs), *doc2 = ARENA_ARRAY(a, uint16_t, docs);
	struct posting_out o = { NULL, docs, 5 };
	uint32_t token;
	size_t n, n2;
	SCOPED_BUF b;

	buf_init(&b, 1u << 24);
	o.b = &b;
	while (posting_next(&i, &token, doc, &n, NULL) == 1) {
		posting_add(&o, token, doc, n);
		again = (struct posting_in){ buf_span(&b), docs, 5 };
		assert(posting_find(again, token, doc2, &n2, NULL) == 0 && n2 == n);
		for (size_t k = 0; k < n; k++)
			assert(doc[k] == doc2[k]);
		if (b.n > 100000)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(p, n);
	uint64_t *ids;
	size_t count;

	if (n < 2 || n > 4096)
		return 0;
	row(a, span_from(in, 2), 1 + (p[0] | (uint32_t)p[1] << 8) % 300);
	if (posting_ids_read(a, &in, 1000, &ids, &count, NULL) == 0)
		for (size_t i = 1; i < count; i++)
			assert(ids[i] > ids[i - 1]);
	return 0;
}
