#include "codec/smtp/smtp_reply.h"
#include <string.h>
#include "base/scan.h"
#include "codec/mime/mime_charset.h"

/* Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 * Reply-code = %x32-35 %x30-35 %x30-39                      (RFC 5321 section 4.2)
 * status-code = ("2" / "4" / "5") "." 1*3digit "." 1*3digit  (RFC 3463 section 2) */

void smtp_reply_init(struct smtp_reply *r)
{
	*r = (struct smtp_reply){0};
	buf_init(&r->line, SMTP_REPLY_LINE);
	buf_init(&r->all, SMTP_REPLY_MAX);
}

void smtp_reply_fini(struct smtp_reply *r)
{
	buf_fini(&r->line);
	buf_fini(&r->all);
}

/* "5.1.1" at the front, a blank or the end behind it; its octets, else 0. */
static size_t status_len(struct span s, unsigned code)
{
	struct span rest = s;
	uint64_t n;

	if (!scan_num(&rest, &n, code / 100, code / 100) || !scan_char(&rest, '.') ||
		!scan_num(&rest, &n, 0, 999) || !scan_char(&rest, '.') ||
		!scan_num(&rest, &n, 0, 999) || (rest.n && rest.p[0] != ' '))
		return 0;
	return s.n - rest.n < sizeof((struct smtp_reply){0}.status_text) ? s.n - rest.n : 0;
}

static void add_clean(struct buf *b, struct span s)
{
	bool utf8 = mime_utf8_valid(s);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		buf_addc(b, c < 32 || c == 127 || (c > 127 && !utf8) ? '?' : s.p[i]);
	}
}

/* 1: that was the last line, 0: more lines follow. */
static int take_line(struct smtp_reply *r, struct span s)
{
	bool first = !r->inside;
	struct span head = span_sub(s, 0, 3);
	uint64_t code;
	size_t n;
	char mark;

	if (head.n < 3 || !span_num(head, &code, 200, 599) || head.p[1] > '5')
		return ERR_SYNTAX;
	mark = s.n > 3 ? s.p[3] : ' ';
	if ((mark != ' ' && mark != '-') || (!first && code != r->code))
		return ERR_SYNTAX;
	r->code = (unsigned)code;
	r->inside = true;
	s = span_from(s, 4);
	n = status_len(s, r->code);
	if (first && n) {
		memcpy(r->status_text, s.p, n);
		r->status_text[n] = 0;
		r->status = (struct span){r->status_text, n};
	}
	if (n && span_eq(r->status, span_sub(s, 0, n)))
		s = span_from(s, n + 1);
	if (!first)
		buf_addc(&r->all, '\n');
	add_clean(&r->all, s);
	r->text = buf_span(&r->all);
	return mark == ' ' ? 1 : 0;
}

static void restart(struct smtp_reply *r)
{
	buf_reset(&r->line);
	buf_reset(&r->all);
	r->code = 0;
	r->status = r->text = SPAN_NONE;
	r->total = 0;
	r->inside = r->done = false;
}

int smtp_reply(struct smtp_reply *r, struct span in, size_t *used)
{
	*used = 0;
	if (r->done)
		restart(r);
	while (*used < in.n) {
		const char *from = in.p + *used;
		const char *lf = memchr(from, '\n', in.n - *used);
		size_t n = lf ? (size_t)(lf - from) + 1 : in.n - *used;
		struct span line;
		int got;

		*used += n;
		r->total += n;
		buf_add(&r->line, (struct span){from, n});
		if (r->line.failed || r->total > SMTP_REPLY_MAX)
			return ERR_TOOBIG;
		if (!lf)
			break;
		line = buf_span(&r->line);
		line.n--;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		got = take_line(r, line);
		buf_reset(&r->line);
		r->done = got != 0;
		if (got)
			return got;
	}
	return 0;
}

bool smtp_reply_idle(const struct smtp_reply *r)
{
	return r->done || !r->total;
}

static const struct {
	const char *word;
	uint32_t flag;
} caps_words[] =
	{
		{"SIZE", SMTP_CAP_SIZE},
		{"PIPELINING", SMTP_CAP_PIPELINING},
		{"8BITMIME", SMTP_CAP_8BITMIME},
		{"STARTTLS", SMTP_CAP_STARTTLS},
		{"AUTH", SMTP_CAP_AUTH},
		{"DSN", SMTP_CAP_DSN},
		{"SMTPUTF8", SMTP_CAP_SMTPUTF8},
		{"CHUNKING", SMTP_CAP_CHUNKING},
		{"BINARYMIME", SMTP_CAP_BINARYMIME},
		{"ENHANCEDSTATUSCODES", SMTP_CAP_STATUS},
		{"LIMITS", SMTP_CAP_LIMITS},
		{"REQUIRETLS", SMTP_CAP_REQUIRETLS},
},
  auth_words[] = {
	  {"PLAIN", SMTP_AUTH_PLAIN},
	  {"LOGIN", SMTP_AUTH_LOGIN},
	  {"SCRAM-SHA-256", SMTP_AUTH_SCRAM_SHA_256},
	  {"SCRAM-SHA-256-PLUS", SMTP_AUTH_SCRAM_SHA_256_PLUS},
	  {"OAUTHBEARER", SMTP_AUTH_OAUTHBEARER},
	  {"EXTERNAL", SMTP_AUTH_EXTERNAL},
};

static void read_limits(struct span rest, struct smtp_caps *out)
{
	while (rest.n) {
		struct span value = span_cut(&rest, ' ');
		struct span name = span_cut(&value, '=');
		uint64_t n;

		if (!span_num(value, &n, 1, 999999))
			continue;
		if (span_ieqz(name, "MAILMAX"))
			out->mail_max = n;
		else if (span_ieqz(name, "RCPTMAX"))
			out->rcpt_max = n;
		else if (span_ieqz(name, "RCPTDOMAINMAX"))
			out->rcpt_domain_max = n;
	}
}

static void read_auth(struct span rest, struct smtp_caps *out)
{
	while (rest.n) {
		struct span word = span_cut(&rest, ' ');

		for (size_t i = 0; i < sizeof(auth_words) / sizeof(*auth_words); i++)
			if (span_ieqz(word, auth_words[i].word))
				out->auth |= auth_words[i].flag;
	}
}

/* ehlo-line = ehlo-keyword *( SP ehlo-param ) */
static void read_keyword(struct span line, struct smtp_caps *out)
{
	struct span rest = line;
	struct span word;
	uint32_t flag = 0;

	if (span_istarts(line, SPAN("AUTH="))) /* before RFC 2554 was done; still seen */
		rest = span_from(line, 5), word = SPAN("AUTH");
	else
		word = span_cut(&rest, ' ');
	for (size_t i = 0; i < sizeof(caps_words) / sizeof(*caps_words); i++)
		if (span_ieqz(word, caps_words[i].word))
			flag = caps_words[i].flag;
	out->flags |= flag;
	if (flag == SMTP_CAP_SIZE && !span_num(span_trim(rest), &out->size_max, 0, UINT64_MAX))
		out->size_max = 0;
	if (flag == SMTP_CAP_AUTH)
		read_auth(rest, out);
	if (flag == SMTP_CAP_LIMITS)
		read_limits(rest, out);
}

void smtp_caps_parse(struct span text, struct smtp_caps *out)
{
	*out = (struct smtp_caps){0};
	span_cut(&text, '\n');
	while (text.n)
		read_keyword(span_cut(&text, '\n'), out);
}

/* A piece of at most max octets that does not split a character. */
static struct span piece(struct span line, size_t max)
{
	size_t n = max;

	if (line.n <= max)
		return line;
	while (n > max - 4 && (line.p[n] & 0xc0) == 0x80)
		n--;
	return span_sub(line, 0, n);
}

bool smtp_reply_write(struct buf *out, unsigned code, const char *status, struct span text)
{
	size_t room = 512 - 2 - 4 - (status ? strlen(status) + 1 : 0);

	do {
		struct span line = span_cut(&text, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		do {
			struct span now = piece(line, room);

			line = span_from(line, now.n);
			buf_addf(out, "%03u%c", code, line.n || text.n ? '-' : ' ');
			if (status)
				buf_addf(out, "%s ", status);
			add_clean(out, now);
			buf_addz(out, "\r\n");
		} while (line.n);
	} while (text.n);
	return !out->failed;
}
