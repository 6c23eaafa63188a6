#include "codec/pop/pop_text.h"
#include <string.h>
#include "base/scan.h"

#define VERB_MAX 16
#define ARGS_MAX 8

static bool is_verb(char c)
{
	return ascii_alpha(c) || ascii_digit(c);
}

static bool printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

/* command = keyword *(SP argument); keyword = 3*4 ALPHA in RFC 1939, "UTF8" since */
int pop_lex(struct arena *a, struct span line, struct pop_command *out, struct err *e)
{
	struct span word, rest = line;
	char *verb;

	*out = (struct pop_command){ 0 };
	toks_init(&out->args, a);
	if (!scan_while(&rest, &word, is_verb, 3, VERB_MAX) || (rest.n && rest.p[0] != ' ') || !printable(rest))
		return err_set(e, ERR_SYNTAX, "Command expected", "%zu octets", line.n);
	verb = arena_dup(a, word.p, word.n);
	for (size_t i = 0; i < word.n; i++)
		verb[i] = ascii_upper(verb[i]);
	out->verb = (struct span){ verb, word.n };
	while (scan_char(&rest, ' ')) {
		bool whole = span_eqz(out->verb, "PASS");
		ssize_t end = whole ? -1 : span_chr(rest, ' ');

		if (out->args.n == ARGS_MAX)
			return err_set(e, ERR_SYNTAX, "Too many arguments", "over %d", ARGS_MAX);
		word = end < 0 ? rest : span_sub(rest, 0, (size_t)end);
		rest = span_from(rest, word.n);
		if (word.n)
			toks_add(&out->args, (struct tok){ .kind = TOK_STRING, .text = word });
	}
	return 0;
}

void pop_stuff(struct pop_stuff *s, struct buf *b, struct span in)
{
	while (in.n) {
		const char *lf = memchr(in.p, '\n', in.n);
		size_t n = lf ? (size_t)(lf - in.p) : in.n;
		bool cr = n ? in.p[n - 1] == '\r' : s->cr;

		if (!s->inside && in.p[0] == '.')
			buf_addc(b, '.');
		buf_add(b, span_sub(in, 0, n));
		s->inside = true;
		s->cr = cr;
		if (!lf)
			return;
		buf_add(b, cr ? SPAN("\n") : SPAN("\r\n"));
		s->inside = s->cr = false;
		in = span_from(in, n + 1);
	}
}

void pop_stuff_end(struct pop_stuff *s, struct buf *b)
{
	if (s->inside)
		buf_add(b, s->cr ? SPAN("\n") : SPAN("\r\n"));
	buf_add(b, SPAN(".\r\n"));
	*s = (struct pop_stuff){ 0 };
}

size_t pop_top_len(struct span message, size_t header_len, uint64_t lines)
{
	size_t at = header_len < message.n ? header_len : message.n;

	for (; lines && at < message.n; lines--) {
		const char *lf = memchr(message.p + at, '\n', message.n - at);

		at = lf ? (size_t)(lf - message.p) + 1 : message.n;
	}
	return at;
}
