#include "codec/smtp/smtp_lex.h"
#include <string.h>
#include "base/scan.h"
#include "codec/mime/mime_charset.h"

/* ehlo       = "EHLO" SP ( Domain / address-literal )      helo = "HELO" SP Domain
 * mail       = "MAIL FROM:" Reverse-path [SP Mail-parameters]
 * rcpt       = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP
 * Rcpt-parameters] vrfy       = "VRFY" SP String     expn = "EXPN" SP String    help = "HELP" [SP
 * String]    noop = "NOOP" [SP String] data, rset, quit, starttls: the word alone auth       =
 * "AUTH" SP sasl-mech [SP initial-response]   (RFC 4954: initial-response = base64 / "=") bdat =
 * "BDAT" SP chunk-size [SP "LAST"]            (RFC 3030) */

struct lexer {
	struct arena *arena;
	struct smtp_command *cmd;
	struct span rest; /* after the verb and one blank */
	struct err *e;
};

static int refuse(struct lexer *x, int code, unsigned reply, const char *status, const char *say)
{
	x->cmd->code = reply;
	x->cmd->status = status;
	return err_set(x->e, code, say, "%.*s: %s", SPAN_F(x->cmd->word), say);
}

static int bad_argument(struct lexer *x, const char *say)
{
	return refuse(x, ERR_SYNTAX, 501, "5.5.4", say);
}

static void add(struct lexer *x, uint8_t kind, struct span text)
{
	toks_add(&x->cmd->args, (struct tok){.kind = kind, .text = text});
}

static struct span upper(struct arena *a, struct span s)
{
	char *to = arena_dup(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		to[i] = ascii_upper(to[i]);
	return (struct span){to, s.n};
}

/* Lenient where clients are known to be sloppy and it hurts nobody: "_" and a dot at the end. */
static bool helo_ok(struct arena *a, struct span name)
{
	char *copy;

	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	if (!name.n || name.n > SMTP_DOMAIN_MAX)
		return false;
	copy = arena_dup(a, name.p, name.n);
	for (size_t i = 0; i < name.n; i++)
		if (copy[i] == '_')
			copy[i] = 'x';
	return smtp_domain_ok((struct span){copy, name.n}) || smtp_literal_ok(name);
}

static int lex_helo(struct lexer *x)
{
	if (!helo_ok(x->arena, x->rest))
		return bad_argument(x, "Domain or address literal required");
	add(x, TOK_ATOM, x->rest);
	return 0;
}

static bool keyword_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-';
}

static bool value_char(char c)
{
	return (unsigned char)c > 32 && c != '=' && c != 127;
}

/* esmtp-param = esmtp-keyword ["=" esmtp-value]
 * esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 * esmtp-value = 1*(%d33-60 / %d62-126 / UTF8-non-ascii) */
static int lex_params(struct lexer *x)
{
	struct toks *args = &x->cmd->args;

	while (x->rest.n) {
		struct tok tok = {.kind = TOK_PAIR};

		if (!scan_char(&x->rest, ' '))
			return bad_argument(x, "Parameters follow a blank");
		scan_blanks(&x->rest);
		if (!scan_while(&x->rest, &tok.text, keyword_char, 1, 64) || tok.text.p[0] == '-')
			return bad_argument(x, "Malformed parameter");
		if (scan_char(&x->rest, '=') &&
			!scan_while(&x->rest, &tok.value, value_char, 1, SIZE_MAX))
			return bad_argument(x, "Malformed parameter value");
		if (args->n > SMTP_PARAMS_MAX)
			return bad_argument(x, "Too many parameters");
		tok.text = upper(x->arena, tok.text);
		for (size_t i = 1; i < args->n; i++)
			if (span_eq(args->v[i].text, tok.text))
				return bad_argument(x, "Parameter given twice");
		toks_add(args, tok);
	}
	return 0;
}

/* A-d-l = At-domain *( "," At-domain ), At-domain = "@" Domain; obsolete: read and forgotten. */
static bool skip_route(struct span *in)
{
	struct span rest = *in;
	struct span domain;

	if (!rest.n || rest.p[0] != '@')
		return true;
	while (scan_char(&rest, '@')) {
		size_t n = 0;

		while (n < rest.n && rest.p[n] != ',' && rest.p[n] != ':' && rest.p[n] != '>')
			n++;
		domain = span_sub(rest, 0, n);
		rest = span_from(rest, n);
		if (!smtp_domain_ok(domain))
			return false;
		if (scan_char(&rest, ':')) {
			*in = rest;
			return true;
		}
		if (!scan_char(&rest, ','))
			return false;
	}
	return false;
}

static int lex_path(struct lexer *x, struct span keyword, bool empty_ok, const char *status)
{
	struct span from, local, domain, whole;
	int r;

	if (!scan_ilit(&x->rest, keyword))
		return bad_argument(x,
			empty_ok ? "MAIL FROM:<address> required" : "RCPT TO:<address> required");
	scan_blanks(&x->rest);
	whole = x->rest;
	if (!scan_char(&x->rest, '<'))
		return refuse(x, ERR_SYNTAX, 501, status, "Address in angle brackets required");
	if (empty_ok && scan_char(&x->rest, '>')) {
		add(x, TOK_STRING, SPAN(""));
		return lex_params(x);
	}
	if (!skip_route(&x->rest))
		return refuse(x, ERR_SYNTAX, 501, status, "Malformed source route");
	from = x->rest;
	r = smtp_mailbox_scan(&x->rest, &local, &domain);
	if (r == ERR_TOOBIG)
		return refuse(x, r, 501, status, "Address too long");
	from.n -= x->rest.n;
	if (r < 0 || !scan_char(&x->rest, '>'))
		return refuse(x, ERR_SYNTAX, 501, status, "Malformed address");
	if (whole.n - x->rest.n > SMTP_PATH_MAX)
		return refuse(x, ERR_TOOBIG, 501, status, "Address too long");
	add(x, TOK_STRING, from);
	return lex_params(x);
}

static int lex_mail(struct lexer *x)
{
	return lex_path(x, SPAN("FROM:"), true, "5.1.7");
}

static int lex_rcpt(struct lexer *x)
{
	return lex_path(x, SPAN("TO:"), false, "5.1.3");
}

static int lex_none(struct lexer *x)
{
	return x->rest.n ? bad_argument(x, "No argument allowed") : 0;
}

static int lex_text(struct lexer *x)
{
	if (x->rest.n)
		add(x, TOK_STRING, x->rest);
	return 0;
}

/* RFC 6531 section 3.7.4: VRFY and EXPN may end with SMTPUTF8. */
static int lex_name(struct lexer *x)
{
	static const struct span utf8 = SPAN("SMTPUTF8");
	struct span name = x->rest;
	ssize_t at = span_rchr(name, ' ');

	if (at > 0 && span_ieq(span_from(name, (size_t)at + 1), utf8))
		name = span_trim(span_sub(name, 0, (size_t)at));
	if (!name.n)
		return bad_argument(x, "Name required");
	add(x, TOK_STRING, name);
	if (name.n < x->rest.n)
		add(x, TOK_PAIR, utf8);
	return 0;
}

static int lex_bdat(struct lexer *x)
{
	struct span size = span_sub(x->rest, 0, x->rest.n);
	uint64_t n;

	if (!scan_num(&x->rest, &n, 0, INT64_MAX))
		return bad_argument(x, "Chunk size required");
	size.n -= x->rest.n;
	add(x, TOK_ATOM, size);
	if (!x->rest.n)
		return 0;
	if (!scan_char(&x->rest, ' ') || !span_ieqz(x->rest, "LAST"))
		return bad_argument(x, "Only LAST may follow the chunk size");
	add(x, TOK_ATOM, SPAN("LAST"));
	return 0;
}

static bool mechanism_char(char c)
{
	return keyword_char(c) || c == '_';
}

static bool base64_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '+' || c == '/' || c == '=';
}

static int lex_auth(struct lexer *x)
{
	struct span mechanism, initial;

	if (!scan_while(&x->rest, &mechanism, mechanism_char, 1, 20) ||
		(x->rest.n && x->rest.p[0] != ' '))
		return bad_argument(x, "Mechanism required");
	add(x, TOK_ATOM, upper(x->arena, mechanism));
	if (!x->rest.n)
		return 0;
	scan_blanks(&x->rest);
	if (!scan_while(&x->rest, &initial, base64_char, 1, SIZE_MAX) || x->rest.n)
		return refuse(x, ERR_SYNTAX, 501, "5.5.2", "Initial response is not base64");
	add(x, TOK_STRING, initial);
	return 0;
}

static const struct {
	const char *word;
	enum smtp_verb verb;
	int (*lex)(struct lexer *x);
	bool argument; /* required */
	bool utf8;     /* may be in the argument */
} verbs[] = {
	{"HELO", SMTP_HELO, lex_helo, true, true},
	{"EHLO", SMTP_EHLO, lex_helo, true, true},
	{"LHLO", SMTP_LHLO, lex_helo, true, true},
	{"MAIL", SMTP_MAIL, lex_mail, true, true},
	{"RCPT", SMTP_RCPT, lex_rcpt, true, true},
	{"DATA", SMTP_DATA, lex_none, false, false},
	{"BDAT", SMTP_BDAT, lex_bdat, true, false},
	{"RSET", SMTP_RSET, lex_none, false, false},
	{"NOOP", SMTP_NOOP, lex_text, false, true},
	{"QUIT", SMTP_QUIT, lex_none, false, false},
	{"HELP", SMTP_HELP, lex_text, false, true},
	{"VRFY", SMTP_VRFY, lex_name, true, true},
	{"EXPN", SMTP_EXPN, lex_name, true, true},
	{"AUTH", SMTP_AUTH, lex_auth, true, false},
	{"STARTTLS", SMTP_STARTTLS, lex_none, false, false},
};

static bool clean(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 32 || s.p[i] == 127)
			return false;
	return mime_utf8_valid(s);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

int smtp_lex(struct arena *a, struct span line, struct smtp_command *out, struct err *e)
{
	struct lexer x = {.arena = a, .cmd = out, .e = e};
	struct span word;

	*out = (struct smtp_command){.verb = SMTP_UNKNOWN};
	toks_init(&out->args, a);
	while (line.n && blank(line.p[line.n - 1]))
		line.n--;
	if (!scan_while(&line, &word, ascii_alpha, 1, 16) || (line.n && line.p[0] != ' '))
		return refuse(&x, ERR_SYNTAX, 500, "5.5.2", "Command not recognised");
	out->word = upper(a, word);
	x.rest = line;
	scan_blanks(&x.rest);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (!span_eqz(out->word, verbs[i].word))
			continue;
		out->verb = verbs[i].verb;
		out->utf8 = !mime_ascii(x.rest);
		if (verbs[i].argument && !x.rest.n)
			return bad_argument(&x, "Argument required");
		if (!clean(x.rest) || (out->utf8 && !verbs[i].utf8))
			return bad_argument(&x, "Argument has octets that are not allowed");
		return verbs[i].lex(&x);
	}
	return refuse(&x, ERR_SYNTAX, 500, "5.5.2", "Command not recognised");
}
