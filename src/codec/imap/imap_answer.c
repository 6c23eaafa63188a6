/* Replies of an IMAP server, one at a time; imap_reply.h. */
#include <string.h>
#include "base/scan.h"
#include "codec/imap/imap_date.h"
#include "codec/imap/imap_reply.h"
#include "codec/move/move_item.h"

#define DEPTH_MAX 32

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_SYNTAX, "The other server's answer cannot be read", "imap answer: %s", what);
}

static bool word_end(char c)
{
	return c == ' ' || c == '(' || c == ')' || c == '"' || c == '\r' || c == '\n';
}

/* Up to a blank or parenthesis; "BODY[HEADER.FIELDS (A B)]<0>" and "[Gmail]" are one word. */
static struct span scan_word(struct span *in)
{
	size_t n = 0, open = 0;

	for (; n < in->n && (open || !word_end(in->p[n])); n++) {
		open += in->p[n] == '[';
		open -= open && in->p[n] == ']';
	}
	*in = span_from(*in, n);
	return SPAN_BYTES(in->p - n, n);
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; a backslash before anything is tolerated. */
static bool scan_quoted(struct arena *a, struct span *in, struct span *out)
{
	size_t end = 1, n = 0;
	char *p;

	if (!in->n || in->p[0] != '"')
		return false;
	while (end < in->n && in->p[end] != '"')
		end += in->p[end] == '\\' ? 2 : 1;
	if (end >= in->n)
		return false;
	p = arena_alloc(a, end);
	for (size_t i = 1; i < end; i++) {
		i += in->p[i] == '\\';
		p[n++] = in->p[i];
	}
	*in = span_from(*in, end + 1);
	*out = SPAN_BYTES(p, n);
	return true;
}

static bool scan_literal(struct span *in, struct span *out)
{
	struct span rest = *in;
	uint64_t n;

	if (rest.n && rest.p[0] == '~')
		rest = span_from(rest, 1);
	if (!scan_char(&rest, '{') || !scan_num(&rest, &n, 0, IMAP_REPLY_TEXT_MAX) || !scan_lit(&rest, SPAN("}\r\n")) || n > rest.n)
		return false;
	*out = span_sub(rest, 0, (size_t)n);
	*in = span_from(rest, (size_t)n);
	return true;
}

/* astring or NIL; *nil tells them apart. */
static bool scan_string(struct arena *a, struct span *in, struct span *out, bool *nil)
{
	*nil = false;
	if (!in->n)
		return false;
	if (in->p[0] == '"')
		return scan_quoted(a, in, out);
	if (scan_literal(in, out))
		return true;
	if (in->p[0] == '{')
		return false;
	*out = scan_word(in);
	*nil = span_ieqz(*out, "NIL");
	return out->n > 0;
}

/* Anything: a word, a string, a list of these. */
static bool skip_value(struct arena *a, struct span *in)
{
	int depth = 0;

	do {
		struct span s;
		bool nil;

		while (depth && scan_char(in, ' '))
			;
		if (scan_char(in, '(')) {
			if (++depth > DEPTH_MAX)
				return false;
		} else if (depth && scan_char(in, ')')) {
			depth--;
		} else if (!scan_string(a, in, &s, &nil)) {
			return false;
		}
	} while (depth);
	return true;
}

/* resp-text = ["[" resp-text-code "]" SP] text */
static void read_text(struct span s, struct imap_answer *out)
{
	ssize_t end = span_chr(s, ']');

	if (s.n && s.p[0] == '[' && end > 0) {
		out->code_text = span_sub(s, 1, (size_t)end - 1);
		out->code = span_cut(&out->code_text, ' ');
		s = span_trim(span_from(s, (size_t)end + 1));
	}
	out->text = s;
}

static bool read_condition(struct span word, struct imap_answer *out)
{
	static const char *const words[] = { "OK", "NO", "BAD", "PREAUTH", "BYE" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (span_ieqz(word, words[i]))
			out->condition = (enum imap_condition)(i + 1);
	return out->condition != 0;
}

static unsigned list_attribute(struct span word)
{
	static const struct { const char *name; unsigned bit; } rows[] = { { "\\Noselect", IMAP_LIST_NOSELECT },
		{ "\\NonExistent", IMAP_LIST_NONEXISTENT }, { "\\Subscribed", IMAP_LIST_SUBSCRIBED }, { "\\All", IMAP_LIST_ALL },
		{ "\\AllMail", IMAP_LIST_ALL }, { "\\Flagged", IMAP_LIST_FLAGGED }, { "\\Important", IMAP_LIST_FLAGGED },
		{ "\\Starred", IMAP_LIST_FLAGGED }, { "\\Drafts", IMAP_LIST_DRAFTS }, { "\\Sent", IMAP_LIST_SENT },
		{ "\\Junk", IMAP_LIST_JUNK }, { "\\Spam", IMAP_LIST_JUNK }, { "\\Trash", IMAP_LIST_TRASH },
		{ "\\Archive", IMAP_LIST_ARCHIVE } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (span_ieqz(word, rows[i].name))
			return rows[i].bit;
	return 0;
}

static bool read_delimiter(struct arena *a, struct span *in, char *out)
{
	struct span s;
	bool nil;

	if (!scan_string(a, in, &s, &nil) || (!nil && s.n > 1))
		return false;
	*out = nil || !s.n ? 0 : s.p[0];
	return true;
}

/* mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox [SP mbox-list-extended] */
static int read_list(struct arena *a, struct span in, struct imap_answer *out, struct err *e)
{
	bool nil;

	if (!scan_char(&in, '('))
		return bad(e, "LIST");
	while (!scan_char(&in, ')')) {
		struct span word = scan_word(&in);

		if (!word.n && !scan_char(&in, ' '))
			return bad(e, "LIST");
		out->list.attributes |= list_attribute(word);
	}
	if (!scan_char(&in, ' ') || !read_delimiter(a, &in, &out->list.delimiter) || !scan_char(&in, ' ') ||
		!scan_string(a, &in, &out->list.name, &nil))
		return bad(e, "LIST");
	return 0;
}

/* Namespace = nil / "(" 1*( "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil) *extension ")" ) ")" */
static bool read_spaces(struct arena *a, struct span *in, bool foreign, struct imap_answer *out)
{
	if (scan_ilit(in, SPAN("NIL")))
		return true;
	if (!scan_char(in, '('))
		return false;
	while (!scan_char(in, ')')) {
		struct imap_space s = { .foreign = foreign };
		bool nil;

		if (!scan_char(in, '(') || !scan_string(a, in, &s.prefix, &nil) || !scan_char(in, ' ') || !read_delimiter(a, in, &s.delimiter))
			return false;
		while (scan_char(in, ' '))
			if (!skip_value(a, in))
				return false;
		if (!scan_char(in, ')'))
			return false;
		if (out->n_spaces < IMAP_SPACES_MAX)
			out->spaces[out->n_spaces++] = s;
		scan_char(in, ' ');
	}
	return true;
}

static int read_namespace(struct arena *a, struct span in, struct imap_answer *out, struct err *e)
{
	if (!read_spaces(a, &in, false, out) || !scan_char(&in, ' ') || !read_spaces(a, &in, true, out) || !scan_char(&in, ' ') ||
		!read_spaces(a, &in, true, out))
		return bad(e, "NAMESPACE");
	return 0;
}

static int read_counts(struct arena *a, struct span in, struct imap_answer *out, struct err *e)
{
	bool nil;

	if (!scan_string(a, &in, &out->counts.name, &nil) || !scan_char(&in, ' ') || !scan_char(&in, '('))
		return bad(e, "STATUS");
	while (in.n && !scan_char(&in, ')')) {
		struct span word = scan_word(&in);
		struct span value = in;

		if (!word.n || !scan_char(&in, ' '))
			return bad(e, "STATUS");
		value = in;
		if (!skip_value(a, &in))
			return bad(e, "STATUS");
		value.n -= in.n;
		if (span_ieqz(word, "MESSAGES"))
			span_num(value, &out->counts.messages, 0, UINT32_MAX);
		if (span_ieqz(word, "SIZE"))
			out->counts.has_size = span_num(value, &out->counts.size, 0, INT64_MAX);
		scan_char(&in, ' ');
	}
	return 0;
}

static bool read_flags(struct arena *a, struct span *in, struct imap_answer *out)
{
	static const struct { const char *name; unsigned bit; } rows[] = { { "\\Seen", MOVE_SEEN }, { "\\Answered", MOVE_ANSWERED },
		{ "\\Flagged", MOVE_FLAGGED }, { "\\Deleted", MOVE_DELETED }, { "\\Draft", MOVE_DRAFT } };
	SCOPED_BUF words;

	buf_init(&words, 8000);
	if (!scan_char(in, '('))
		return false;
	out->fetch.flags = 0;
	while (!scan_char(in, ')')) {
		struct span word = scan_word(in);

		if (!word.n && !scan_char(in, ' '))
			return false;
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			if (span_ieqz(word, rows[i].name))
				out->fetch.flags |= rows[i].bit;
		if (word.n && word.p[0] != '\\')
			buf_addf(&words, "%s%.*s", words.n ? " " : "", SPAN_F(word));
	}
	out->fetch.keywords = arena_span(a, buf_span(&words));
	return true;
}

static bool read_body(struct arena *a, struct span *in, struct imap_answer *out)
{
	bool nil;

	if (scan_lit(in, SPAN("{*}\r\n"))) {
		out->fetch.body = IMAP_BODY_STREAMED;
		return true;
	}
	if (!scan_string(a, in, &out->fetch.body_text, &nil))
		return false;
	out->fetch.body = nil ? IMAP_BODY_NIL : IMAP_BODY_TEXT;
	return true;
}

static bool read_item(struct arena *a, struct span name, struct span *in, struct imap_answer *out)
{
	struct span s;
	uint64_t n;
	bool nil;
	int zone;

	if (span_ieqz(name, "FLAGS"))
		return read_flags(a, in, out);
	if (span_ieqz(name, "BODY[]"))
		return read_body(a, in, out);
	if (span_ieqz(name, "UID")) {
		if (!scan_num(in, &n, 1, UINT32_MAX))
			return false;
		out->fetch.uid = (uint32_t)n;
		return true;
	}
	if (span_ieqz(name, "RFC822.SIZE")) {
		out->fetch.sized = scan_num(in, &out->fetch.size, 0, INT64_MAX);
		return out->fetch.sized;
	}
	if (span_ieqz(name, "INTERNALDATE")) {
		if (!scan_string(a, in, &s, &nil))
			return false;
		out->fetch.dated = imap_date_time_parse(s, &out->fetch.sec, &zone, NULL) == 0;
		return true;
	}
	return skip_value(a, in);
}

/* msg-att = "(" item SP value *(SP item SP value) ")" */
static int read_fetch(struct arena *a, struct span in, struct imap_answer *out, struct err *e)
{
	if (!scan_char(&in, '('))
		return bad(e, "FETCH");
	while (!scan_char(&in, ')')) {
		struct span name = scan_word(&in);

		if (!name.n || !scan_char(&in, ' ') || !read_item(a, name, &in, out))
			return bad(e, "FETCH");
		scan_char(&in, ' ');
	}
	return 0;
}

/* "* 7 EXISTS" */
static int read_numbered(struct arena *a, struct span in, struct imap_answer *out, struct err *e)
{
	struct span word;
	uint64_t n;

	if (!scan_num(&in, &n, 0, UINT32_MAX) || !scan_char(&in, ' '))
		return bad(e, "number");
	out->number = (uint32_t)n;
	word = scan_word(&in);
	if (span_ieqz(word, "EXISTS")) {
		out->says = IMAP_SAYS_EXISTS;
	} else if (span_ieqz(word, "EXPUNGE")) {
		out->says = IMAP_SAYS_EXPUNGE;
	} else if (span_ieqz(word, "FETCH")) {
		out->says = IMAP_SAYS_FETCH;
		return scan_char(&in, ' ') ? read_fetch(a, in, out, e) : bad(e, "FETCH");
	}
	return 0;
}

static int read_untagged(struct arena *a, struct span in, struct imap_answer *out, struct err *e)
{
	struct span word;

	if (in.n && ascii_digit(in.p[0]))
		return read_numbered(a, in, out, e);
	word = scan_word(&in);
	scan_char(&in, ' ');
	if (read_condition(word, out)) {
		out->says = IMAP_SAYS_STATUS;
		read_text(in, out);
	} else if (span_ieqz(word, "CAPABILITY")) {
		out->says = IMAP_SAYS_CAPABILITY;
		out->words = in;
	} else if (span_ieqz(word, "LIST") || span_ieqz(word, "LSUB")) {
		out->says = span_ieqz(word, "LIST") ? IMAP_SAYS_LIST : IMAP_SAYS_LSUB;
		return read_list(a, in, out, e);
	} else if (span_ieqz(word, "NAMESPACE")) {
		out->says = IMAP_SAYS_NAMESPACE;
		return read_namespace(a, in, out, e);
	} else if (span_ieqz(word, "STATUS")) {
		out->says = IMAP_SAYS_COUNTS;
		return read_counts(a, in, out, e);
	}
	return 0;
}

int imap_answer_parse(struct arena *a, struct span text, struct imap_answer *out, struct err *e)
{
	*out = (struct imap_answer){ .says = IMAP_SAYS_OTHER };
	if (scan_lit(&text, SPAN("* ")))
		return read_untagged(a, text, out, e);
	if (text.n && text.p[0] == '+') {
		out->says = IMAP_SAYS_CONTINUE;
		out->text = span_trim(span_from(text, 1));
		return 0;
	}
	out->tag = span_cut(&text, ' ');
	if (!out->tag.n || !read_condition(span_cut(&text, ' '), out) || out->condition > IMAP_COND_BAD)
		return bad(e, "tag");
	out->says = IMAP_SAYS_TAGGED;
	read_text(text, out);
	return 0;
}
