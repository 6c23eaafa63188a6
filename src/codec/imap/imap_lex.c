#include "codec/imap/imap_lex.h"
#include "codec/imap/imap_utf7.h"
#include "codec/imap/imap_write.h"
#include "base/scan.h"
#include <string.h>

#define SECTION_MAX 65536 /* one BODY[...] with its literals written as quoted strings */

struct lex {
	struct arena *arena;
	struct span text;
	size_t at;
	const struct imap_literal *lit;
	size_t lit_n, lit_at;
	struct imap_command *out;
	struct err *e;
};

static int bad(struct lex *l, const char *say)
{
	l->out->err_at = l->at;
	return err_set(l->e, ERR_SYNTAX, say, "at byte %zu of %zu", l->at, l->text.n);
}

static int peek(const struct lex *l)
{
	return l->at < l->text.n ? (unsigned char)l->text.p[l->at] : -1;
}

static void blanks(struct lex *l)
{
	while (peek(l) == ' ')
		l->at++;
}

static int put(struct lex *l, struct tok tok)
{
	if (toks_add(&l->out->args, tok))
		return 0;
	l->out->err_at = l->at;
	return err_set(l->e, ERR_LIMIT, "Too many arguments or too many parentheses",
		"%zu tokens, depth %u", l->out->args.n, l->out->args.depth);
}

/* quoted       = DQUOTE *QUOTED-CHAR DQUOTE
 * QUOTED-CHAR  = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials / UTF8-2/3/4 */
static int quoted(struct lex *l, struct span *out)
{
	size_t from = ++l->at, to = 0;
	bool escapes = false, high = false;
	char *copy;

	for (;; l->at++) {
		int c = peek(l);

		if (c < 0 || c == '\r' || c == '\n' || c == 0)
			return bad(l, "Quoted string without end");
		if (c == '"')
			break;
		high |= c >= 0x80;
		if (c != '\\')
			continue;
		escapes = true;
		l->at++;
		if (peek(l) != '"' && peek(l) != '\\')
			return bad(l, "Only \\\" and \\\\ may follow a backslash");
	}
	*out = span_sub(l->text, from, l->at - from);
	l->at++;
	if (high && !imap_utf8_valid(*out))
		return bad(l, "Quoted string is not UTF-8");
	if (!escapes)
		return 0;
	copy = arena_alloc(l->arena, out->n);
	for (size_t i = 0; i < out->n; i++) {
		if (out->p[i] == '\\')
			i++;
		copy[to++] = out->p[i];
	}
	*out = (struct span){copy, to};
	return 0;
}

/* The frame has read the header already and noted where the body is. */
static int literal(struct lex *l, struct tok *out)
{
	const struct imap_literal *lit = l->lit_at < l->lit_n ? &l->lit[l->lit_at] : NULL;
	struct span in = span_from(l->text, l->at);
	uint64_t len;
	bool binary = scan_char(&in, '~');

	if (!scan_char(&in, '{') || !scan_num(&in, &len, 0, INT64_MAX))
		return bad(l, "Malformed literal");
	scan_char(&in, '+');
	if (!scan_lit(&in, SPAN("}\r\n")) || !lit || lit->len != len || lit->binary != binary ||
		lit->at != l->text.n - in.n)
		return bad(l, "Malformed literal");
	if (lit->has_nul && !binary)
		return bad(l, "A literal with NUL has to be a literal8");
	l->lit_at++;
	l->at = lit->at;
	if (lit->spooled) {
		*out = (struct tok){.kind = TOK_SPOOL, .off = lit->off, .len = lit->len};
		return 0;
	}
	if (len > in.n)
		return bad(l, "Malformed literal");
	*out = (struct tok){.kind = TOK_STRING, .text = span_sub(in, 0, (size_t)len)};
	l->at += (size_t)len;
	return 0;
}

/* Inside [ ] of a FETCH attribute: a literal header name becomes a quoted one, so that the
 * attribute stays one text. */
static int section(struct lex *l, struct buf *b)
{
	struct tok t;
	struct span s;

	for (;;) {
		int c = peek(l);
		size_t from = l->at;

		if (c == '"') {
			if (quoted(l, &s) < 0)
				return ERR_SYNTAX;
			buf_add(b, span_sub(l->text, from, l->at - from));
		} else if (c == '{') {
			if (literal(l, &t) < 0)
				return ERR_SYNTAX;
			if (t.kind != TOK_STRING || span_chr(t.text, '\r') >= 0 ||
				span_chr(t.text, '\n') >= 0)
				return bad(l, "Bad header field name");
			imap_write_quoted(b, t.text);
		} else if (c < ' ' || c >= 0x7f || c == '\\') {
			return bad(l, "Section without end");
		} else {
			l->at++;
			buf_addc(b, (char)c);
			if (c == ']')
				break;
		}
	}
	if (!b->failed)
		return 0;
	l->out->err_at = l->at;
	return err_set(l->e, ERR_LIMIT, "Section too long", "over %d bytes", SECTION_MAX);
}

/* Does the text here begin with an attribute that has a section? Length up to and with "[". */
static size_t section_head(const struct lex *l)
{
	static const char *const heads[] = {
		"BODY[", "BODY.PEEK[", "BINARY[", "BINARY.PEEK[", "BINARY.SIZE["};
	struct span in = span_from(l->text, l->at);

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (span_istarts(in, span_str(heads[i])))
			return span_str(heads[i]).n;
	return 0;
}

static bool atom_goes_on(const struct lex *l)
{
	int c = peek(l);

	return c == '*' || c == '%' || (c >= 0 && imap_is_astring((char)c));
}

static int atom(struct lex *l)
{
	size_t from = l->at, head = section_head(l);
	struct tok t = {.kind = TOK_ATOM};

	if (head) {
		SCOPED_BUF b;

		buf_init(&b, SECTION_MAX);
		buf_add(&b, span_sub(l->text, from, head));
		l->at += head;
		if (section(l, &b) < 0)
			return l->e->code;
		for (from = l->at; atom_goes_on(l); l->at++)
			;
		buf_add(&b, span_sub(l->text, from, l->at - from));
		if (b.failed)
			return bad(l, "Section too long");
		t.text = arena_span(l->arena, buf_span(&b));
		return put(l, t);
	}
	if (peek(l) == '\\')
		l->at++;
	while (atom_goes_on(l))
		l->at++;
	t.text = span_sub(l->text, from, l->at - from);
	if (!t.text.n || span_eqz(t.text, "\\"))
		return bad(l, "Unexpected character");
	if (span_ieqz(t.text, "NIL"))
		t.kind = TOK_NIL;
	return put(l, t);
}

static int argument(struct lex *l)
{
	struct tok t = {.kind = TOK_STRING};

	switch (peek(l)) {
	case '"':
		if (quoted(l, &t.text) < 0)
			return ERR_SYNTAX;
		return put(l, t);
	case '~':
		if (span_sub(l->text, l->at + 1, 1).n == 0 || l->text.p[l->at + 1] != '{')
			return atom(l);
		/* fall through */
	case '{':
		if (literal(l, &t) < 0)
			return ERR_SYNTAX;
		return put(l, t);
	default:
		return atom(l);
	}
}

/* Arguments are separated by SP; none is needed behind "(" and before ")". */
static int arguments(struct lex *l)
{
	bool apart = true; /* something may begin here */
	int r = 0;

	for (;;) {
		int c = peek(l);

		if (c < 0)
			break;
		if (c == ' ') {
			blanks(l);
			apart = true;
			continue;
		}
		if (c == ')' && !l->out->args.depth)
			return bad(l, "Unexpected closing parenthesis");
		if (c != ')' && !apart)
			return bad(l, "Space expected");
		if (c == '(' || c == ')') {
			r = put(l, (struct tok){.kind = c == '(' ? TOK_OPEN : TOK_CLOSE});
			l->at++;
			apart = c == '(';
		} else {
			r = argument(l);
			apart = false;
		}
		if (r < 0)
			return r;
	}
	if (l->out->args.depth)
		return bad(l, "Closing parenthesis missing");
	return l->lit_at == l->lit_n ? 0 : bad(l, "Malformed literal");
}

static bool is_atom(char c)
{
	return imap_is_atom(c);
}

/* command-verb = atom; "UID" SP atom counts as one */
static bool verb(struct lex *l)
{
	struct span in = span_from(l->text, l->at), a, b = SPAN_NONE;
	char *v;

	if (!scan_while(&in, &a, is_atom, 1, IMAP_VERB_MAX) || (in.n && in.p[0] != ' '))
		return false;
	l->at = l->text.n - in.n;
	if (span_ieqz(a, "UID")) {
		blanks(l);
		in = span_from(l->text, l->at);
		if (!scan_while(&in, &b, is_atom, 1, IMAP_VERB_MAX) || (in.n && in.p[0] != ' '))
			return false;
		l->at = l->text.n - in.n;
	}
	v = arena_alloc(l->arena, a.n + b.n + 1);
	memcpy(v, a.p, a.n);
	if (b.n) {
		v[a.n] = ' ';
		memcpy(v + a.n + 1, b.p, b.n);
	}
	l->out->verb = (struct span){v, a.n + (b.n ? b.n + 1 : 0)};
	for (size_t i = 0; i < l->out->verb.n; i++)
		v[i] = ascii_upper(v[i]);
	return true;
}

int imap_lex(struct arena *a, struct span text, const struct imap_literal *literals,
	size_t literal_count, struct imap_command *out, struct err *e)
{
	struct err own = ERR_INIT;
	struct lex l = {a, text, 0, literals, literal_count, 0, out, e ? e : &own};
	struct span in = text;

	*out = (struct imap_command){.tag = SPAN_NONE};
	toks_init(&out->args, a);
	if (!imap_tag_scan(&in, &out->tag))
		return bad(&l, "Tag missing or malformed");
	l.at = out->tag.n;
	blanks(&l);
	if (!verb(&l))
		return bad(&l, "Command missing or malformed");
	return arguments(&l);
}
