/* sasl.h - the messages of PLAIN, LOGIN and SCRAM-SHA-256(-PLUS), read and written; no
 * cryptography.
 *
 * Input is the decoded SASL message (base64.h). Passwords stay where they are: spans point into the
 * input, which belongs in a struct secret. Errors: ERR_SYNTAX, ERR_TOOBIG; e->say is fit for a
 * client. Names come out as written, UTF-8 checked, without control octets; normalise them before
 * look-up. Bounds: SASL_NAME_MAX, SASL_PASSWORD_MAX, SASL_NONCE_MAX.
 *
 * SCRAM, server: scram_first_parse -> scram_server_first -> scram_final_parse -> scram_binding_ok
 * (false: "other error", end) -> scram_auth_message -> the vault compares the proof ->
 * scram_server_final. Sources: RFC 4616, draft-murchison-sasl-login, RFC 5802 sections 5 to 7, RFC
 * 7677, RFC 9266. Not good for: OAUTHBEARER, mandatory extensions (m= is refused, as it must be).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SASL_NAME_MAX 255
#define SASL_PASSWORD_MAX 1024
#define SASL_NONCE_MAX 256
#define SCRAM_PROOF_LEN 32

struct sasl_plain {
	struct span authorise; /* authzid, empty: same as login */
	struct span login;     /* authcid */
	struct span password;
};
int sasl_plain_parse(struct span message, struct sasl_plain *out, struct err *e);
int sasl_login_name(
	struct span message, struct span *out, struct err *e); /* answer to "Username:" */
int sasl_login_password(
	struct span message, struct span *out, struct err *e); /* answer to "Password:" */

struct scram_first {
	char gs2; /* 'n' no binding, 'y' client can but thinks we cannot, 'p' binding used */
	struct span binding;	      /* "tls-exporter" with 'p' */
	struct span authorise, login; /* saslname decoded (in the arena) */
	struct span nonce;
	struct span gs2_header, bare; /* of the message, as sent */
};
struct scram_final {
	struct span channel; /* c= decoded, in the arena */
	struct span nonce;   /* client's and ours */
	uint8_t proof[SCRAM_PROOF_LEN];
	struct span without_proof; /* of the message, as sent */
};
int scram_first_parse(struct arena *a, struct span message, struct scram_first *out, struct err *e);
int scram_final_parse(struct arena *a, struct span message, struct scram_final *out, struct err *e);
/* c= must be the gs2 header we saw, plus the channel's data for 'p'. With 'y' and plus_offered it
 * is a downgrade: false. */
bool scram_binding_ok(const struct scram_first *first, const struct scram_final *final,
	struct span channel_data, bool plus_offered);
/* nonce: the client's followed by ours (printable, no comma). */
void scram_server_first(struct buf *b, struct span client_nonce, struct span server_nonce,
	struct span salt, uint32_t iterations);
void scram_auth_message(struct buf *b, const struct scram_first *first, struct span server_first,
	const struct scram_final *final);
void scram_server_final(struct buf *b, struct span signature);
void scram_server_error(
	struct buf *b, const char *error); /* "invalid-proof", "unknown-user", ... */
