/* scram_client.h - tests: the client's half of SCRAM-SHA-256(-PLUS), by libcrypto, apart from the code under test.
 * Source: RFC 5802, 7677. Not good for: anything but tests (fixed nonce, no SASLprep). */
#pragma once
#include "base/arena.h"

#define SCRAM_TEST_NONCE "rOprNGfwEbeRWgbNEkqO"

/* channel: bytes of tls-exporter, none without -PLUS. Spans in the arena. */
struct span scram_client_first(struct arena *a, struct span login, struct span channel);
struct span scram_client_final(struct arena *a, struct span login, struct span password, struct span channel,
	struct span server_first, struct span *server_final_out);
