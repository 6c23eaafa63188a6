/* tls_files.h - the server's certificates: given in kontor.conf, or self-signed in DIR/tls.
 *
 * Errors: ERR_MISSING, ERR_SYNTAX (a file that is no PEM pair). Keys are read by the supervisor only and
 * travel to the gates over their links. Not good for: ACME (step 3). */
#pragma once
#include "base/arena.h"
#include "bus/link.h"
#include "main/settings.h"

/* Makes DIR/tls/self.crt and self.key (P-256, ten years) for these names unless they exist. */
int tls_files_self(int dirfd, const char *hostname, struct err *e);
/* All pairs, ready for link_tls_encode. */
int tls_files_read(struct arena *a, int dirfd, const struct settings *s, struct link_cert out[LINK_CERTS_MAX],
	size_t *n_out, struct err *e);
/* SHA-256 of each certificate's public key, hex, blanks between: for TLSA records 3 1 1 (RFC 6698). */
int tls_files_tlsa(struct arena *a, int dirfd, const struct settings *s, struct span *out, struct err *e);
