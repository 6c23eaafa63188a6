/* A sealed blob as a damaged disk or a thief might leave it: refused or opened, never more. */
#include "seal/seal.h"
#include "store/blob.h"
#include "store/blob_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct seal_key key = { { 1, 2, 3 } };
	SCOPED_ARENA a = arena_new();
	struct span in = SPAN_BYTES(data, size), out;
	struct err e = ERR_INIT;
	struct blob_source s;
	unsigned char sum[BLOB_SUM];

	blob_sum(in, sum);
	blob_form_check(in, size + 1, &e);
	err_clear(&e);
	if (blob_unseal(a, &key, 1, in, &out, &e) == 0 && out.n > size * 4000)
		__builtin_trap();
	err_clear(&e);
	if (blob_source_mem(&s, 1, in, &e) == 0)
		blob_source_range(a, &s, &key, 70000, 100, &out, &e);
	return 0;
}
