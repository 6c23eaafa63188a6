#include "codec/sieve/sieve_lex.h"
#include "codec/mime/mime_charset.h"

static unsigned column(const struct sieve_lex *l)
{
	return (unsigned)(l->rest.p - l->start_of_line) + 1;
}

static int fail(const struct sieve_lex *l, const char *text)
{
	return sieve_fail(l->why, ERR_SYNTAX, l->line, column(l), "%s", text);
}

static void eat(struct sieve_lex *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (l->rest.p[i] == '\n') {
			l->line++;
			l->start_of_line = l->rest.p + i + 1;
		}
	l->rest = span_from(l->rest, n);
}

/* Scripts are UTF-8 (section 2.1); a byte order mark in front is an editor's. */
int sieve_lex_open(struct sieve_lex *l, struct arena *a, struct span text, struct sieve_error *why)
{
	if (span_starts(text, SPAN("\xEF\xBB\xBF")))
		text = span_from(text, 3);
	*l = (struct sieve_lex){ a, text, text.p, 1, why };
	if (span_has_nul(text))
		return fail(l, "The script holds a NUL character");
	if (!mime_utf8_valid(text))
		return fail(l, "The script is not valid UTF-8");
	return 0;
}

/* hash-comment    = "#" *octet-not-crlf CRLF
 * bracket-comment = "/" "*" *not-star 1*STAR *(not-star-slash *not-star 1*STAR) "/"
 * white-space     = 1*(SP / CRLF / HTAB / comment) */
static int skip_blank(struct sieve_lex *l)
{
	for (;;) {
		ssize_t end;

		if (l->rest.n && (*l->rest.p == ' ' || *l->rest.p == '\t' || *l->rest.p == '\r' || *l->rest.p == '\n')) {
			eat(l, 1);
		} else if (l->rest.n && *l->rest.p == '#') {
			end = span_chr(l->rest, '\n');
			eat(l, end < 0 ? l->rest.n : (size_t)end + 1);
		} else if (span_starts(l->rest, SPAN("/*"))) {
			end = span_find(span_from(l->rest, 2), SPAN("*/"));
			if (end < 0)
				return fail(l, "This comment has no end");
			eat(l, (size_t)end + 4);
		} else {
			return 0;
		}
	}
}

static bool word_start(char c)
{
	return ascii_alpha(c) || c == '_';
}

/* identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_") */
static struct span word(struct sieve_lex *l)
{
	size_t n = 0;
	struct span out;

	while (n < l->rest.n && (word_start(l->rest.p[n]) || (n && ascii_digit(l->rest.p[n]))))
		n++;
	out = span_sub(l->rest, 0, n);
	eat(l, n);
	return out;
}

/* number = 1*DIGIT [ "K" / "M" / "G" ] */
static int number(struct sieve_lex *l, uint64_t *out)
{
	uint64_t v = 0;
	unsigned shift = 0;

	for (; l->rest.n && ascii_digit(*l->rest.p); eat(l, 1)) {
		v = v * 10 + (uint64_t)(*l->rest.p - '0');
		if (v > INT64_MAX / 16)
			return fail(l, "This number is too large");
	}
	if (l->rest.n) {
		char c = ascii_lower(*l->rest.p);

		shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : 0;
		if (shift)
			eat(l, 1);
	}
	if (l->rest.n && (word_start(*l->rest.p) || ascii_digit(*l->rest.p)))
		return fail(l, "A number ends with a digit, K, M or G");
	if (shift && v > (uint64_t)INT64_MAX >> shift)
		return fail(l, "This number is too large");
	*out = v << shift;
	return 0;
}

/* quoted-string = DQUOTE quoted-text DQUOTE; quoted-text = *(quoted-safe / quoted-special / quoted-other) */
static int quoted(struct sieve_lex *l, struct span *out)
{
	size_t n = 1, escapes = 0, w = 0;
	char *p;

	for (; n < l->rest.n && l->rest.p[n] != '"'; n++)
		if (l->rest.p[n] == '\\') {
			escapes++;
			n++;
		}
	if (n >= l->rest.n)
		return fail(l, "This string has no closing quote");
	*out = span_sub(l->rest, 1, n - 1);
	if (escapes) {
		p = arena_alloc(l->a, n);
		for (size_t i = 0; i < out->n; i++) {
			if (out->p[i] == '\\')
				i++;
			p[w++] = out->p[i];
		}
		*out = (struct span){ p, w };
	}
	eat(l, n + 1);
	return 0;
}

/* multi-line          = "text:" *(SP / HTAB) (hash-comment / CRLF) *(multiline-literal / multiline-dotstart) "." CRLF
 * multiline-literal   = [ octet-not-period *octet-not-crlf ] CRLF
 * multiline-dotstart  = "." 1*octet-not-crlf CRLF      ; a leading dot of two is removed */
static int multi_line(struct sieve_lex *l, struct span *out)
{
	char *p = arena_alloc(l->a, l->rest.n + 1);
	size_t w = 0;
	ssize_t end;

	while (l->rest.n && (*l->rest.p == ' ' || *l->rest.p == '\t'))
		eat(l, 1);
	if (span_starts(l->rest, SPAN("\r")))
		eat(l, 1);
	if (!l->rest.n || (*l->rest.p != '\n' && *l->rest.p != '#'))
		return fail(l, "A line end must follow \"text:\"");
	end = span_chr(l->rest, '\n');
	eat(l, end < 0 ? l->rest.n : (size_t)end + 1);
	while (l->rest.n) {
		struct span line;

		end = span_chr(l->rest, '\n');
		line = span_sub(l->rest, 0, end < 0 ? l->rest.n : (size_t)end + 1);
		if (span_eqz(line, ".\r\n") || span_eqz(line, ".\n") || span_eqz(line, ".")) {
			eat(l, line.n);
			*out = (struct span){ p, w };
			return 0;
		}
		for (size_t i = span_starts(line, SPAN("..")); i < line.n; i++)
			p[w++] = line.p[i];
		eat(l, line.n);
	}
	return fail(l, "The text has no end: a line with a single dot");
}

int sieve_lex_next(struct sieve_lex *l, struct sieve_token *out)
{
	char c;

	if (skip_blank(l) < 0)
		return ERR_SYNTAX;
	*out = (struct sieve_token){ .line = l->line, .column = column(l) };
	if (!l->rest.n)
		return 0;
	c = *l->rest.p;
	if (word_start(c)) {
		out->kind = TOKEN_WORD;
		out->text = word(l);
		if (span_ieqz(out->text, "text") && l->rest.n && *l->rest.p == ':') {
			eat(l, 1);
			out->kind = TOKEN_STRING;
			return multi_line(l, &out->text);
		}
		return 0;
	}
	if (c == ':') {
		eat(l, 1);
		out->kind = TOKEN_TAG;
		out->text = word(l);
		return out->text.n ? 0 : fail(l, "A colon must be followed by a name");
	}
	if (ascii_digit(c)) {
		out->kind = TOKEN_NUMBER;
		return number(l, &out->number);
	}
	if (c == '"') {
		out->kind = TOKEN_STRING;
		return quoted(l, &out->text);
	}
	if (span_chr(SPAN("[]{}(),;"), c) < 0)
		return fail(l, "This character has no meaning here");
	eat(l, 1);
	out->kind = TOKEN_CHAR;
	out->c = c;
	return 0;
}
