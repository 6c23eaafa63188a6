/* Any bytes as a request or reply of the vault, as a share line, as the master file, as the account keys: read or refused, and
 * what was read is written back the same. */
#include "base/arena.h"
#include "base/secret.h"
#include "seal/vault_proto.h"
#include "vault/vault_accounts.h"
#include "vault/vault_keys.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void same(struct buf *b, struct span in, size_t head)
{
	if (b->failed || !span_eq(span_from(buf_span(b), head), in))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_BUF b = { 0 };
	struct vault_request q;
	struct vault_reply r;
	struct master_file f;
	struct accounts_file keys;
	struct share s;
	struct span in;

	if (n < 1 || n > VAULT_FRAME_MAX)
		return 0;
	in = SPAN_BYTES(p + 1, n - 1);
	buf_init(&b, 2 * VAULT_FRAME_MAX);
	switch (p[0] % 5) {
	case 0:
		if (vault_request_decode(in, &q, NULL) == 0) {
			vault_request_encode(&b, &q);
			same(&b, in, 4);
		}
		break;
	case 1:
		if (vault_reply_decode(in, &r, NULL) == 0) {
			vault_reply_encode(&b, &r);
			same(&b, in, 4);
		}
		break;
	case 2:
		if (master_file_decode(in, &f, NULL) == 0) {
			master_file_encode(&b, &f);
			same(&b, in, 0);
		}
		break;
	case 4:
		if (accounts_file_decode(in, &keys, NULL) == 0) {
			accounts_file_encode(&b, &keys);
			same(&b, in, 0);
		}
		break;
	default:
		if (share_parse(in, &s, NULL) == 0) {
			share_print(&b, &s);
			if (share_parse(buf_span(&b), &s, NULL) < 0)
				abort();
		}
	}
	return 0;
}
