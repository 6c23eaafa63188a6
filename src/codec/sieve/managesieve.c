#include "codec/sieve/managesieve.h"
#include "base/scan.h"
#include "codec/mime/mime_charset.h"

#define QUOTED_MAX 1024
#define ARGS_MAX 8

void ms_frame_init(struct ms_frame *f, uint64_t literal_max)
{
	*f = (struct ms_frame){ .literal_max = literal_max };
	buf_init(&f->text, MS_LINE_MAX + MS_LITERALS_MAX * (literal_max + 16));
}

void ms_frame_fini(struct ms_frame *f)
{
	buf_fini(&f->text);
}

void ms_frame_reset(struct ms_frame *f)
{
	uint64_t max = f->literal_max;

	buf_fini(&f->text);
	ms_frame_init(f, max);
}

bool ms_frame_idle(const struct ms_frame *f)
{
	return !f->text.n && !f->left && !f->literals;
}

struct span ms_frame_text(const struct ms_frame *f)
{
	return buf_span(&f->text);
}

static int fatal(struct ms_frame *f, const char *why)
{
	f->fatal = true;
	f->why = why;
	return ERR_SYNTAX;
}

/* literal-c2s = "{" number "+}" CRLF *OCTET, at the end of a line. False: the line ends the command. */
static bool literal_begins(struct span line, uint64_t *n)
{
	ssize_t at = span_rchr(line, '{');
	struct span in = at < 0 ? SPAN_NONE : span_from(line, (size_t)at + 1);

	return at >= 0 && scan_num(&in, n, 0, UINT32_MAX) && span_eqz(in, "+}\r\n");
}

static int line_end(struct ms_frame *f)
{
	struct span line = span_from(buf_span(&f->text), f->line_from);
	uint64_t n;

	if (!literal_begins(line, &n))
		return 1;
	if (++f->literals > MS_LITERALS_MAX || n > MS_SKIP_MAX)
		return fatal(f, "Too many or too large literals");
	f->left = n;
	f->skip = n > f->literal_max;
	f->toobig |= f->skip;
	if (!n)
		f->line_from = f->text.n;
	return 0;
}

static size_t take_literal(struct ms_frame *f, struct span in)
{
	size_t n = in.n < f->left ? in.n : (size_t)f->left;

	if (!f->skip)
		buf_add(&f->text, span_sub(in, 0, n));
	f->left -= n;
	if (!f->left)
		f->line_from = f->text.n;
	return n;
}

int ms_frame(struct ms_frame *f, struct span in, size_t *used)
{
	*used = 0;
	while (*used < in.n) {
		struct span rest = span_from(in, *used);
		ssize_t nl;
		size_t n;

		if (f->left) {
			*used += take_literal(f, rest);
			continue;
		}
		nl = span_chr(rest, '\n');
		n = nl < 0 ? rest.n : (size_t)nl + 1;
		if (f->text.n - f->line_from + n > MS_LINE_MAX)
			return fatal(f, "Line without end");
		buf_add(&f->text, span_sub(rest, 0, n));
		*used += n;
		if (nl >= 0) {
			int r = line_end(f);

			if (r)
				return r;
		}
	}
	return 0;
}

static int bad(struct err *e, const char *say)
{
	return err_set(e, ERR_SYNTAX, say, "%s", say);
}

/* quoted = <"> *QUOTED-CHAR <">; QUOTED-CHAR = SAFE-UTF8-CHAR / "\" QUOTED-SPECIALS */
static int quoted(struct arena *a, struct span *in, struct span *out, struct err *e)
{
	size_t i = 1, w = 0;
	char *p = arena_alloc(a, QUOTED_MAX + 1);

	for (; i < in->n && in->p[i] != '"'; i++) {
		if (in->p[i] == '\\' && i + 1 < in->n)
			i++;
		if (in->p[i] == '\r' || in->p[i] == '\n' || in->p[i] == '\0')
			return bad(e, "A quoted string holds no line ends");
		if (w == QUOTED_MAX)
			return bad(e, "A quoted string is too long: send a literal");
		p[w++] = in->p[i];
	}
	if (i >= in->n)
		return bad(e, "A quote is missing");
	*out = SPAN_BYTES(p, w);
	*in = span_from(*in, i + 1);
	return 0;
}

static int literal(struct span *in, struct span *out, struct err *e)
{
	struct span rest = span_from(*in, 1);
	uint64_t n;

	if (!scan_num(&rest, &n, 0, UINT32_MAX) || !scan_lit(&rest, SPAN("+}\r\n")) || n > rest.n)
		return bad(e, "Only literals like {5+} are understood");
	*out = span_sub(rest, 0, (size_t)n);
	*in = span_from(rest, (size_t)n);
	return 0;
}

static int argument(struct arena *a, struct span *in, struct toks *out, struct err *e)
{
	struct tok t = { .kind = TOK_STRING };
	uint64_t n;
	int r = 0;

	if (in->n && *in->p == '"') {
		r = quoted(a, in, &t.text, e);
	} else if (in->n && *in->p == '{') {
		r = literal(in, &t.text, e);
	} else {
		struct span from = *in;

		if (!scan_num(in, &n, 0, UINT32_MAX))
			return bad(e, "An argument is a string or a number");
		t.kind = TOK_ATOM;
		t.text = span_sub(from, 0, from.n - in->n);
	}
	if (r == 0 && out->n == ARGS_MAX)
		return bad(e, "Too many arguments");
	if (r == 0)
		toks_add(out, t);
	return r;
}

static bool letter(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '_';
}

int ms_lex(struct arena *a, struct span text, bool answer, struct ms_command *out, struct err *e)
{
	struct span in = text, word;

	*out = (struct ms_command){ 0 };
	toks_init(&out->args, a);
	if (!answer) {
		char *p;

		if (!scan_while(&in, &word, letter, 1, 32))
			return bad(e, "A command begins with its name");
		p = arena_dup(a, word.p, word.n);
		for (size_t i = 0; i < word.n; i++)
			p[i] = ascii_upper(p[i]);
		out->verb = SPAN_BYTES(p, word.n);
	}
	while (answer || scan_char(&in, ' ')) {
		int r;

		answer = false;
		scan_blanks(&in);
		if (span_eqz(in, "\r\n") || span_eqz(in, "\n"))
			break;
		r = argument(a, &in, &out->args, e);
		if (r < 0)
			return r;
	}
	return span_eqz(in, "\r\n") || span_eqz(in, "\n") ? 0 : bad(e, "Something follows the command");
}

/* string = quoted / literal-s2c; literal-s2c = "{" number "}" CRLF *OCTET */
void ms_string(struct buf *b, struct span s)
{
	bool plain = s.n <= QUOTED_MAX && mime_utf8_valid(s);

	for (size_t i = 0; i < s.n && plain; i++)
		plain = s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0';
	if (!plain) {
		buf_addf(b, "{%zu}\r\n", s.n);
		buf_add(b, s);
		return;
	}
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.p[i]);
	}
	buf_addc(b, '"');
}
