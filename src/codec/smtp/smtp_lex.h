/* smtp_lex.h - a command line becomes verb and tokens; what they mean is the core's business.
 *
 * Tokens (codec/token.h) by verb:
 * - HELO, EHLO, LHLO: TOK_ATOM the domain or address literal ("[192.0.2.1]", "[IPv6:2001:db8::1]").
 * - MAIL, RCPT: TOK_STRING the path without angle brackets (empty for <>; source route dropped; a
 * quoted local part stays quoted: smtp_address.h reads it), then one TOK_PAIR per esmtp-param: text
 * = keyword in upper case, value as written (value.p NULL: none).
 * - AUTH: TOK_ATOM mechanism in upper case, then TOK_STRING initial response as written ("=" is
 * empty).
 * - BDAT: TOK_ATOM size, then TOK_ATOM "LAST" if given.
 * - VRFY, EXPN: TOK_STRING. NOOP, HELP: TOK_STRING if an argument was given.
 * - DATA, RSET, QUIT, STARTTLS: none; an argument is refused.
 *
 * Errors: ERR_SYNTAX, or ERR_TOOBIG for a too long path; out->code and out->status hold the reply
 * (500 5.5.2 unknown verb, 501 5.5.4 bad argument, 501 5.1.7 sender, 501 5.1.3 recipient path),
 * e->say its text. verb and word are set when readable. Non-ASCII is allowed in paths, parameter
 * values, VRFY and EXPN when it is UTF-8, and flagged in out->utf8: core refuses it without the
 * SMTPUTF8 parameter (553 5.6.7). Control octets are refused everywhere. Spans point into `line` or
 * the arena. Tolerated: blanks after ":" and at the line's end. Limits: local part 64, domain 255,
 * path 256 octets (RFC 5321 section 4.5.3.1), params 32. Source: RFC 5321 4.1.1, 4.1.2; RFC 6531;
 * RFC 4954; RFC 3030; RFC 2033. Not good for: order of commands, unknown parameters (555),
 * existence of addresses. */
#pragma once
#include "base/err.h"
#include "codec/smtp/smtp_address.h"
#include "codec/token.h"

#define SMTP_PATH_MAX 256 /* with the angle brackets */
#define SMTP_PARAMS_MAX 32

enum smtp_verb {
	SMTP_UNKNOWN,
	SMTP_HELO,
	SMTP_EHLO,
	SMTP_LHLO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BDAT,
	SMTP_RSET,
	SMTP_NOOP,
	SMTP_QUIT,
	SMTP_HELP,
	SMTP_VRFY,
	SMTP_EXPN,
	SMTP_AUTH,
	SMTP_STARTTLS,
};

struct smtp_command {
	enum smtp_verb verb;
	struct span word; /* the verb in upper case, also an unknown one; none when unreadable */
	struct toks args;
	bool utf8;
	unsigned code;	    /* after an error: 500 or 501 */
	const char *status; /* "5.5.2" */
};

int smtp_lex(struct arena *a, struct span line, struct smtp_command *out, struct err *e);
