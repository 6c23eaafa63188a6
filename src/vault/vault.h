/* vault.h - the process that holds the master key: opens and makes account keys, checks passwords.
 *
 * Speaks seal/vault_proto.h with core on a UNIX socket; one thread per connection, and a few for what takes
 * Argon2id, so that a sign-in never delays a key. Whoever can connect is trusted with the keys of all accounts:
 * the socket must be core's alone. Frames are bounded and their decoder is fuzzed all the same.
 * Returns 0 after stop_fd became readable; ERR_BROKEN when the master file is damaged (never taken for empty).
 * Not good for: more than VAULT_CONNS_MAX cores; anything with a network. */
#pragma once
#include "base/err.h"
#include "base/span.h"
#include <stdbool.h>
#include <stdint.h>

#define VAULT_CONNS_MAX 16
#define VAULT_JOBS_MAX 256             /* waiting for Argon2id; more are told to come later */

struct vault_config {
	int dirfd;                     /* DIR/vault, the only folder it touches, after the sandbox too */
	int listen_fd;                 /* UNIX stream socket, listening */
	int stop_fd;                   /* readable: stop */
	const char *key_file;          /* name in dirfd for mode 'k'; NULL = "master.key" */
	unsigned password_threads;     /* Argon2id at the same time, each with pw_mem; 0 = 2 */
	uint64_t pw_ops, pw_mem;       /* Argon2id; 0 = 2 passes, 64 MiB (passphrases 3, 256 MiB) */
	bool in_process;               /* tests: leave the process's core limit and dumpable flag alone */
	void (*enter_sandbox)(void);   /* before the first thread and the first connection; may be NULL */
	void (*ready)(void);           /* connections are taken from now on; may be NULL */
};

int vault_main(const struct vault_config *c, struct err *e);
