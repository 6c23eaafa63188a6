#include "codec/sasl.h"
#include <assert.h>
#include <string.h>
#include "base/scan.h"
#include "codec/base64.h"
#include "codec/mime/mime_charset.h"

static int bad(struct err *e, const char *say)
{
	return err_set(e, ERR_SYNTAX, say, "%s", say);
}

/* A name someone may sign in with: UTF-8, no controls. */
static int check_name(struct span s, bool empty_ok, struct err *e)
{
	if (s.n > SASL_NAME_MAX)
		return err_set(e, ERR_TOOBIG, "Name too long", "name of %zu octets", s.n);
	if (!s.n && !empty_ok)
		return bad(e, "Empty name");
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 32 || s.p[i] == 127)
			return bad(e, "Control octet in name");
	return mime_utf8_valid(s) ? 0 : bad(e, "Name is not UTF-8");
}

static int check_password(struct span s, struct err *e)
{
	if (s.n > SASL_PASSWORD_MAX)
		return err_set(e, ERR_TOOBIG, "Password too long", "password of %zu octets", s.n);
	if (!s.n)
		return bad(e, "Empty password");
	return span_has_nul(s) ? bad(e, "NUL in password") : 0;
}

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd       (RFC 4616 section 2) */
int sasl_plain_parse(struct span message, struct sasl_plain *out, struct err *e)
{
	ssize_t first = span_chr(message, 0);
	ssize_t second = first < 0 ? -1 : span_chr(span_from(message, (size_t)first + 1), 0);
	int r;

	if (second < 0)
		return bad(e, "Malformed PLAIN message");
	out->authorise = span_sub(message, 0, (size_t)first);
	out->login = span_sub(message, (size_t)first + 1, (size_t)second);
	out->password = span_from(message, (size_t)first + (size_t)second + 2);
	if ((r = check_name(out->authorise, true, e)) < 0 ||
		(r = check_name(out->login, false, e)) < 0)
		return r;
	return check_password(out->password, e);
}

int sasl_login_name(struct span message, struct span *out, struct err *e)
{
	*out = message;
	return check_name(message, false, e);
}

int sasl_login_password(struct span message, struct span *out, struct err *e)
{
	*out = message;
	return check_password(message, e);
}

/* client-first-message      = gs2-header client-first-message-bare
 * gs2-header                = gs2-cbind-flag "," [ authzid ] ","
 * gs2-cbind-flag            = ("p=" cb-name) / "n" / "y"         cb-name = 1*(ALPHA / DIGIT / "." /
 * "-") authzid                   = "a=" saslname       username = "n=" saslname       nonce = "r="
 * c-nonce client-first-message-bare = [reserved-mext ","] username "," nonce ["," extensions]
 * saslname                  = 1*(value-safe-char / "=2C" / "=3D")
 * extensions                = attr-val *("," attr-val),   attr-val = ALPHA "=" value
 * client-final-message      = channel-binding "," nonce ["," extensions] "," proof
 * channel-binding           = "c=" base64                        proof = "p=" base64
 * (RFC 5802 section 7) */

static bool binding_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '.' || c == '-';
}

static bool nonce_char(char c)
{
	return c > 32 && c < 127 && c != ',';
}

/* "x=value" up to the next comma or the end; the comma is eaten. */
static bool scan_attribute(struct span *in, char name, struct span *value_out)
{
	struct span rest = *in;

	if (!scan_char(&rest, name) || !scan_char(&rest, '='))
		return false;
	*value_out = span_cut(&rest, ',');
	*in = rest;
	return true;
}

static int saslname(struct arena *a, struct span s, struct span *out, struct err *e)
{
	char *to;
	size_t n = 0;

	if (s.n > 3 * SASL_NAME_MAX)
		return err_set(e, ERR_TOOBIG, "Name too long", "name of %zu octets", s.n);
	to = arena_alloc(a, s.n + 1);
	while (s.n) {
		char c = s.p[0];

		if (scan_lit(&s, SPAN("=2C")))
			c = ',';
		else if (scan_lit(&s, SPAN("=3D")))
			c = '=';
		else if (c == '=')
			return bad(e, "Malformed name");
		else
			s = span_from(s, 1);
		to[n++] = c;
	}
	*out = (struct span){to, n};
	return check_name(*out, false, e);
}

static int check_nonce(struct span s, struct err *e)
{
	struct span all;

	if (s.n > SASL_NONCE_MAX)
		return err_set(e, ERR_TOOBIG, "Nonce too long", "nonce of %zu octets", s.n);
	if (!scan_while(&s, &all, nonce_char, 1, SASL_NONCE_MAX) || s.n)
		return bad(e, "Malformed nonce");
	return 0;
}

static int check_extensions(struct span s, struct err *e)
{
	while (s.n) {
		struct span one = span_cut(&s, ',');

		if (one.n < 3 || !ascii_alpha(one.p[0]) || one.p[1] != '=' || span_has_nul(one))
			return bad(e, "Malformed extension");
		if (one.p[0] == 'm')
			return bad(e, "Unknown mandatory extension");
	}
	return 0;
}

static int gs2_header(struct arena *a, struct span *in, struct scram_first *out, struct err *e)
{
	struct span name;

	if (scan_lit(in, SPAN("p="))) {
		out->gs2 = 'p';
		if (!scan_while(in, &out->binding, binding_char, 1, 64))
			return bad(e, "Malformed channel binding name");
	} else if (scan_char(in, 'n')) {
		out->gs2 = 'n';
	} else if (scan_char(in, 'y')) {
		out->gs2 = 'y';
	}
	if (!out->gs2 || !scan_char(in, ','))
		return bad(e, "Malformed SCRAM header");
	if (scan_char(in, ','))
		return 0;
	if (span_chr(*in, ',') < 0 || !scan_attribute(in, 'a', &name))
		return bad(e, "Malformed SCRAM header");
	return saslname(a, name, &out->authorise, e);
}

int scram_first_parse(struct arena *a, struct span message, struct scram_first *out, struct err *e)
{
	struct span rest = message;
	struct span name;
	int r;

	*out = (struct scram_first){0};
	if ((r = gs2_header(a, &rest, out, e)) < 0)
		return r;
	out->gs2_header = span_sub(message, 0, message.n - rest.n);
	out->bare = rest;
	if (span_starts(rest, SPAN("m=")))
		return bad(e, "Unknown mandatory extension");
	if (!scan_attribute(&rest, 'n', &name) || !scan_attribute(&rest, 'r', &out->nonce))
		return bad(e, "Malformed SCRAM message");
	if ((r = saslname(a, name, &out->login, e)) < 0 || (r = check_nonce(out->nonce, e)) < 0)
		return r;
	return check_extensions(rest, e);
}

static int scan_channel(struct arena *a, struct span *in, struct span *out, struct err *e)
{
	struct span text;
	unsigned char *octets;
	size_t n;

	if (!scan_attribute(in, 'c', &text) || !text.n)
		return bad(e, "Malformed SCRAM message");
	if (text.n > BASE64_LEN(4096))
		return err_set(
			e, ERR_TOOBIG, "Channel binding too long", "c= of %zu octets", text.n);
	octets = arena_alloc(a, text.n);
	if (base64_decode(text, octets, text.n, &n) < 0)
		return bad(e, "Channel binding is not base64");
	*out = SPAN_BYTES(octets, n);
	return 0;
}

int scram_final_parse(struct arena *a, struct span message, struct scram_final *out, struct err *e)
{
	struct span rest = message;
	struct span proof;
	ssize_t comma = span_rchr(message, ',');
	size_t n;
	int r;

	*out = (struct scram_final){0};
	if (comma < 0)
		return bad(e, "Malformed SCRAM message");
	out->without_proof = span_sub(message, 0, (size_t)comma);
	proof = span_from(message, (size_t)comma + 1);
	rest = out->without_proof;
	if ((r = scan_channel(a, &rest, &out->channel, e)) < 0)
		return r;
	if (!scan_attribute(&rest, 'r', &out->nonce))
		return bad(e, "Malformed SCRAM message");
	if ((r = check_nonce(out->nonce, e)) < 0 || (r = check_extensions(rest, e)) < 0)
		return r;
	if (!scan_lit(&proof, SPAN("p=")) ||
		base64_decode(proof, out->proof, SCRAM_PROOF_LEN, &n) < 0 || n != SCRAM_PROOF_LEN)
		return bad(e, "Malformed proof");
	return 0;
}

bool scram_binding_ok(const struct scram_first *first, const struct scram_final *final,
	struct span channel_data, bool plus_offered)
{
	struct span head = span_sub(final->channel, 0, first->gs2_header.n);
	struct span data = span_from(final->channel, first->gs2_header.n);

	if (!span_eq(head, first->gs2_header))
		return false;
	if (first->gs2 == 'p')
		return channel_data.n && span_equal_ct(data, channel_data);
	return !data.n && !(first->gs2 == 'y' && plus_offered);
}

void scram_server_first(struct buf *b, struct span client_nonce, struct span server_nonce,
	struct span salt, uint32_t iterations)
{
	assert(check_nonce(server_nonce, NULL) == 0);
	buf_addz(b, "r=");
	buf_add(b, client_nonce);
	buf_add(b, server_nonce);
	buf_addz(b, ",s=");
	base64_encode(b, salt, 0);
	buf_addz(b, ",i=");
	buf_addu(b, iterations);
}

void scram_auth_message(struct buf *b, const struct scram_first *first, struct span server_first,
	const struct scram_final *final)
{
	buf_add(b, first->bare);
	buf_addc(b, ',');
	buf_add(b, server_first);
	buf_addc(b, ',');
	buf_add(b, final->without_proof);
}

void scram_server_final(struct buf *b, struct span signature)
{
	buf_addz(b, "v=");
	base64_encode(b, signature, 0);
}

void scram_server_error(struct buf *b, const char *error)
{
	buf_addz(b, "e=");
	buf_addz(b, error);
}
