#include "codec/imap/imap_reply.h"
#include <string.h>
#include "base/scan.h"

void imap_reply_init(struct imap_reply *r)
{
	*r = (struct imap_reply){ .done = false };
	buf_init(&r->text, IMAP_REPLY_TEXT_MAX);
}

void imap_reply_fini(struct imap_reply *r)
{
	buf_fini(&r->text);
}

struct span imap_reply_text(const struct imap_reply *r)
{
	return buf_span(&r->text);
}

/* "* OK", "a7 NO", "+ ": what people are to read ends as it likes. */
static bool free_text(struct span s)
{
	static const char *const words[] = { "OK ", "NO ", "BAD ", "BYE ", "PREAUTH " };

	if (!span_starts(s, SPAN("* ")))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (span_istarts(span_from(s, 2), span_str(words[i])))
			return true;
	return false;
}

/* literal = "{" number "}" CRLF, literal8 = "~{" number "}" CRLF; at the end of the line. Its octets in all, 0: none. */
static size_t literal_head(struct span line, uint64_t *len)
{
	ssize_t at = line.n && line.p[line.n - 1] == '}' ? span_rchr(line, '{') : -1;

	if (at < 0 || !span_num(span_sub(line, (size_t)at + 1, line.n - (size_t)at - 2), len, 0, UINT32_MAX))
		return 0;
	return line.n - (size_t)at + (at > 0 && line.p[at - 1] == '~');
}

/* 1 the reply is complete, 0 a literal follows. */
static int line_end(struct imap_reply *r)
{
	struct span whole = buf_span(&r->text), line = span_from(whole, r->line_at);
	uint64_t len = 0;
	size_t head = free_text(whole) ? 0 : literal_head(line, &len);

	if (span_has_nul(line))
		return ERR_SYNTAX;
	if (!head)
		return 1;
	if (++r->literals > IMAP_REPLY_LITERALS_MAX)
		return ERR_TOOBIG;
	whole.n -= head;
	if (whole.n >= 7 && span_ieqz(span_from(whole, whole.n - 7), "BODY[] ")) {
		if (r->has_body)
			return ERR_SYNTAX;
		r->text.n = whole.n;
		buf_addz(&r->text, "{*}");
		r->has_body = r->streams = true;
		r->body_len = len;
	} else if (len > IMAP_REPLY_INLINE_MAX) {
		return ERR_TOOBIG;
	}
	buf_addz(&r->text, "\r\n");
	r->left = len;
	r->line_at = r->text.n + (r->streams ? 0 : len);
	return r->text.failed ? ERR_TOOBIG : 0;
}

static int take_line(struct imap_reply *r, struct span in, size_t *used)
{
	const char *lf = memchr(in.p, '\n', in.n);
	size_t n = lf ? (size_t)(lf - in.p) : in.n;

	*used += n + (lf != NULL);
	buf_add(&r->text, span_sub(in, 0, n));
	if (r->text.failed)
		return ERR_TOOBIG;
	if (!lf)
		return 0;
	if (r->text.n > r->line_at && r->text.p[r->text.n - 1] == '\r')
		r->text.n--;
	return line_end(r);
}

int imap_reply(struct imap_reply *r, struct span in, size_t *used)
{
	*used = 0;
	r->piece = SPAN_NONE;
	if (r->done) {
		buf_reset(&r->text);
		r->line_at = 0;
		r->literals = 0;
		r->has_body = r->streams = r->done = false;
		r->body_len = 0;
	}
	while (*used < in.n) {
		struct span rest = span_from(in, *used);
		int rc;

		if (r->left) {
			struct span part = span_sub(rest, 0, r->left < rest.n ? (size_t)r->left : rest.n);

			*used += part.n;
			r->left -= part.n;
			if (r->streams) {
				r->piece = part;
				return 0;
			}
			buf_add(&r->text, part);
			if (r->text.failed)
				return ERR_TOOBIG;
			continue;
		}
		r->streams = false;
		rc = take_line(r, rest, used);
		r->done = rc == 1;
		if (rc)
			return rc;
	}
	return 0;
}

bool imap_words_have(struct span words, const char *word)
{
	while (words.n)
		if (span_ieqz(span_cut(&words, ' '), word))
			return true;
	return false;
}

bool imap_quoted_add(struct buf *b, struct span s)
{
	if (span_has_nul(s) || span_chr(s, '\r') >= 0 || span_chr(s, '\n') >= 0)
		return false;
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.p[i]);
	}
	return buf_addc(b, '"');
}
