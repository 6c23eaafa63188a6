#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>
#include "base/scan.h"
#include "base/secret.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/sasl.h"
#include "out/smtp_client.h"

#define NONCE_LEN 18
#define SALT_MAX 256
#define ROUNDS_MIN 4096
#define ROUNDS_MAX 1000000

/* A buffer that may hold a password: wiped whole, as it never grew beyond its first space. */
static void secret_buf_fini(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}
#define SECRET_BUF __attribute__((cleanup(secret_buf_fini))) struct buf

static void secret_buf_init(struct buf *b)
{
	buf_init(b, 8192);
	buf_space(b, 8000);
}

/* prefix, base64 of message, CRLF; then the reply. */
static int answer(struct smtp_connection *c, const char *prefix, struct span message, struct err *e)
{
	SECRET_BUF line;
	int rc;

	secret_buf_init(&line);
	buf_addz(&line, prefix);
	base64_encode(&line, message, 0);
	buf_addz(&line, "\r\n");
	if (line.failed)
		return err_set(e, ERR_DENIED, "the smarthost's name or password is too long", "AUTH too long");
	rc = smtp_say(c, buf_span(&line), e);
	return rc < 0 ? rc : smtp_hear(c, c->timeouts->reply, e);
}

static int denied(struct smtp_connection *c, struct err *e)
{
	return smtp_refused(c, ERR_DENIED, "the server refuses our name or password", e);
}

static int finish(struct smtp_connection *c, int rc, struct err *e)
{
	if (rc < 0)
		return rc;
	return c->reply.code == 235 ? 0 : denied(c, e);
}

/* RFC 4616: message = [authzid] UTF8NUL authcid UTF8NUL passwd */
static int auth_plain(struct smtp_connection *c, struct span user, struct span password, struct err *e)
{
	SECRET_BUF m;

	secret_buf_init(&m);
	buf_addc(&m, 0);
	buf_add(&m, user);
	buf_addc(&m, 0);
	buf_add(&m, password);
	return finish(c, answer(c, "AUTH PLAIN ", buf_span(&m), e), e);
}

static int auth_login(struct smtp_connection *c, struct span user, struct span password, struct err *e)
{
	int rc = smtp_say(c, SPAN("AUTH LOGIN\r\n"), e);

	if (rc == 0)
		rc = smtp_hear(c, c->timeouts->reply, e);
	if (rc == 0 && c->reply.code == 334)
		rc = answer(c, "", user, e);
	if (rc == 0 && c->reply.code == 334)
		rc = answer(c, "", password, e);
	return finish(c, rc, e);
}

/* ---- SCRAM-SHA-256, client side (RFC 5802 section 3) ---- */

struct scram {
	struct buf bare;                  /* client-first-message-bare */
	struct span server_first, nonce, salt;
	uint64_t rounds;
	struct buf without_proof;
	uint8_t signature[SHA256_DIGEST_LENGTH];  /* the server must show this */
};

static void mac(const uint8_t *key, struct span data, uint8_t out[SHA256_DIGEST_LENGTH])
{
	HMAC(EVP_sha256(), key, SHA256_DIGEST_LENGTH, (const unsigned char *)data.p, data.n, out, NULL);
}

/* saslname: "," is "=2C", "=" is "=3D" */
static void name_add(struct buf *b, struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == ',')
			buf_addz(b, "=2C");
		else if (name.p[i] == '=')
			buf_addz(b, "=3D");
		else
			buf_addc(b, name.p[i]);
	}
}

static int challenge(struct arena *a, struct smtp_connection *c, struct span *out)
{
	struct span text = span_trim(c->reply.text);
	char *p = arena_alloc(a, text.n + 1);
	size_t n = 0;
	int rc = base64_decode(text, p, text.n, &n);

	*out = SPAN_BYTES(p, n);
	return rc;
}

/* server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions] */
static bool server_first_read(struct arena *a, struct scram *s, struct span client_nonce)
{
	struct span rest = s->server_first, nonce = span_cut(&rest, ','), salt = span_cut(&rest, ','),
		    rounds = span_cut(&rest, ',');
	char *p = arena_alloc(a, SALT_MAX);
	size_t n = 0;

	if (!scan_lit(&nonce, SPAN("r=")) || !span_starts(nonce, client_nonce) || nonce.n == client_nonce.n ||
	    nonce.n > SASL_NONCE_MAX || !scan_lit(&salt, SPAN("s=")) || base64_decode(salt, p, SALT_MAX, &n) < 0 ||
	    n == 0 || !scan_lit(&rounds, SPAN("i=")) || !span_num(rounds, &s->rounds, ROUNDS_MIN, ROUNDS_MAX))
		return false;
	s->nonce = nonce;
	s->salt = SPAN_BYTES(p, n);
	return true;
}

/* Proof for the client, signature to expect from the server. */
static void keys(struct arena *a, struct scram *s, struct span password, uint8_t proof[SHA256_DIGEST_LENGTH])
{
	uint8_t salted[SHA256_DIGEST_LENGTH], client[SHA256_DIGEST_LENGTH], stored[SHA256_DIGEST_LENGTH];
	struct span text = arena_printf(a, "%.*s,%.*s,%.*s", SPAN_F(buf_span(&s->bare)), SPAN_F(s->server_first),
		SPAN_F(buf_span(&s->without_proof)));

	PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)s->salt.p, (int)s->salt.n,
		(int)s->rounds, EVP_sha256(), sizeof(salted), salted);
	mac(salted, SPAN("Client Key"), client);
	SHA256(client, sizeof(client), stored);
	mac(stored, text, proof);
	for (size_t i = 0; i < sizeof(client); i++)
		proof[i] ^= client[i];
	mac(salted, SPAN("Server Key"), stored);
	mac(stored, text, s->signature);
	secret_wipe(salted, sizeof(salted));
	secret_wipe(client, sizeof(client));
	secret_wipe(stored, sizeof(stored));
}

static int scram_prove(struct smtp_connection *c, struct arena *a, struct scram *s, struct span password,
	struct err *e)
{
	uint8_t proof[SHA256_DIGEST_LENGTH];
	struct span last;
	SCOPED_BUF final, expect;
	int rc;

	buf_init(&final, 4096);
	buf_init(&expect, 256);
	buf_addf(&s->without_proof, "c=biws,r=%.*s", SPAN_F(s->nonce));
	keys(a, s, password, proof);
	buf_add(&final, buf_span(&s->without_proof));
	buf_addz(&final, ",p=");
	base64_encode(&final, SPAN_BYTES(proof, sizeof(proof)), 0);
	rc = answer(c, "", buf_span(&final), e);
	if (rc < 0)
		return rc;
	if (c->reply.code != 334 && c->reply.code != 235)
		return denied(c, e);
	buf_addz(&expect, "v=");
	base64_encode(&expect, SPAN_BYTES(s->signature, sizeof(s->signature)), 0);
	if (challenge(a, c, &last) < 0 || !span_equal_ct(last, buf_span(&expect)))
		return err_set(e, ERR_DENIED, "the server does not know our password itself", "SCRAM signature");
	if (c->reply.code == 235)
		return 0;
	return finish(c, answer(c, "", SPAN(""), e), e);
}

static int auth_scram(struct smtp_connection *c, struct arena *a, struct span user, struct span password,
	struct err *e)
{
	uint8_t raw[NONCE_LEN];
	struct scram s = { 0 };
	SCOPED_BUF nonce, first;
	int rc;

	random_bytes(raw, sizeof(raw));
	buf_init(&nonce, 64);
	buf_init(&first, 1024);
	buf_init(&s.bare, 1024);
	buf_init(&s.without_proof, 1024);
	base64_encode(&nonce, SPAN_BYTES(raw, sizeof(raw)), 0);
	buf_addz(&s.bare, "n=");
	name_add(&s.bare, user);
	buf_addf(&s.bare, ",r=%.*s", SPAN_F(buf_span(&nonce)));
	buf_addz(&first, "n,,");
	buf_add(&first, buf_span(&s.bare));
	rc = answer(c, "AUTH SCRAM-SHA-256 ", buf_span(&first), e);
	if (rc == 0 && c->reply.code != 334)
		rc = denied(c, e);
	if (rc == 0 && (challenge(a, c, &s.server_first) < 0 || !server_first_read(a, &s, buf_span(&nonce))))
		rc = err_set(e, ERR_DENIED, "the server's SCRAM challenge is unreadable", "SCRAM challenge");
	if (rc == 0)
		rc = scram_prove(c, a, &s, password, e);
	buf_fini(&s.bare);
	buf_fini(&s.without_proof);
	return rc;
}

int smtp_authenticate(struct smtp_connection *c, struct arena *a, struct span user, struct span password,
	struct err *e)
{
	c->words[0] = 0;
	memcpy(c->status, "4.7.8", 6);
	if (c->caps.auth & SMTP_AUTH_SCRAM_SHA_256)
		return auth_scram(c, a, user, password, e);
	if (c->caps.auth & SMTP_AUTH_PLAIN)
		return auth_plain(c, user, password, e);
	if (c->caps.auth & SMTP_AUTH_LOGIN)
		return auth_login(c, user, password, e);
	return err_set(e, ERR_DENIED, "the server offers no way of signing in that we know", "no AUTH");
}
