#include "codec/move/mbox.h"
#include <string.h>
#include "base/scan.h"
#include "codec/mime/mime_date.h"
#include "codec/move/move_item.h"

#define LINE_MAX_LEN 998
#define HEADER_MAX (1u << 20)        /* fields of the file's own are looked for so far */
#define MARK "X-Kontor-Mbox: "

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", days[] = "MonTueWedThuFriSatSun";

static int three(const char *table, struct span s)
{
	for (int i = 0; s.n == 3 && table[i * 3]; i++)
		if (memcmp(table + i * 3, s.p, 3) == 0)
			return i;
	return -1;
}

/* hh:mm[:ss] */
static bool read_clock(struct span s, int64_t *sec_out)
{
	uint64_t h, m, sec = 0;

	if (!scan_num(&s, &h, 0, 23) || !scan_char(&s, ':') || !scan_num(&s, &m, 0, 59))
		return false;
	if (scan_char(&s, ':') && !scan_num(&s, &sec, 0, 60))
		return false;
	*sec_out = (int64_t)(h * 3600 + m * 60 + sec);
	return s.n == 0;
}

/* "+0100"; names of zones are not known: 0. */
static int64_t zone_sec(struct span s)
{
	unsigned h, m;
	bool minus = s.n && s.p[0] == '-';

	if (s.n != 5 || (s.p[0] != '+' && !minus))
		return 0;
	s = span_from(s, 1);
	if (!scan_num2(&s, &h) || !scan_num2(&s, &m))
		return 0;
	return (minus ? -1 : 1) * (int64_t)(h * 3600 + m * 60);
}

/* "From SENDER Mon Jan  2 15:04:05 [ZONE] 2006 [ZONE]" */
static bool from_line(struct span line, int64_t *sec_out)
{
	struct span word[24];
	size_t n = 0, i, year_at;
	uint64_t day, year;
	int64_t clock;
	int month = -1;

	if (line.n > LINE_MAX_LEN || !span_starts(line, SPAN("From ")))
		return false;
	line = span_trim(span_from(line, 5));
	while (line.n && n < 24) {
		word[n++] = span_cut(&line, ' ');
		line = span_trim(line);
	}
	for (i = 0; i + 4 < n; i++)
		if (three(days, word[i]) >= 0 && (month = three(months, word[i + 1])) >= 0)
			break;
	if (month < 0 || !span_num(word[i + 2], &day, 1, 31) || !read_clock(word[i + 3], &clock))
		return false;
	for (year_at = i + 4; year_at < n && !(word[year_at].n == 4 && span_num(word[year_at], &year, 1900, 9999)); year_at++)
		;
	if (year_at == n)
		return false;
	*sec_out = mime_days_from_civil((int64_t)year, (unsigned)month + 1, (unsigned)day) * 86400 + clock;
	for (size_t k = i + 4; k < n; k++)
		*sec_out -= zone_sec(word[k]);
	return true;
}

static struct span line_at(struct span in, size_t at, size_t *next_out)
{
	struct span rest = span_from(in, at);
	ssize_t n = span_chr(span_sub(rest, 0, LINE_MAX_LEN + 2), '\n');

	if (n < 0 && rest.n > LINE_MAX_LEN + 2)
		n = span_chr(rest, '\n');
	*next_out = n < 0 ? in.n : at + (size_t)n + 1;
	return span_sub(rest, 0, *next_out - at);
}

bool mbox_starts(struct span in)
{
	size_t next;
	int64_t sec;

	return from_line(line_at(in, 0, &next), &sec);
}

static bool empty_before(struct span in, size_t at)
{
	return at >= 2 && in.p[at - 1] == '\n' && (in.p[at - 2] == '\n' || (at >= 3 && in.p[at - 2] == '\r' && in.p[at - 3] == '\n'));
}

/* Where the header of the mail at `at` ends (behind the empty line), and the length it names. */
static size_t header_end(struct span in, size_t at, uint64_t *length_out, bool *has_out)
{
	size_t start = at, next;

	*has_out = false;
	while (at < in.n && at - start < HEADER_MAX) {
		struct span line = line_at(in, at, &next), value = span_trim(line);

		at = next;
		if (!value.n)
			break;
		if (span_istarts(line, SPAN("Content-Length:")))
			*has_out = span_num(span_trim(span_from(value, 15)), length_out, 0, in.n);
	}
	return at;
}

/* The end by Content-Length when there is a mail or nothing behind it. */
static bool counted_end(struct span in, size_t at, size_t *end_out)
{
	uint64_t length = 0;
	bool has;
	size_t body = header_end(in, at, &length, &has), end, next;
	int64_t sec;

	if (!has || length > in.n - body)
		return false;
	end = body + length;
	*end_out = end;
	for (int i = 0; i < 2 && end < in.n; i++) {      /* the empty line, and the end of the last one */
		struct span line = line_at(in, end, &next);

		if (span_trim(line).n)
			break;
		end = next;
	}
	return end >= in.n || (end > *end_out && from_line(line_at(in, end, &next), &sec)) ||
		(end == *end_out && end && in.p[end - 1] == '\n' && from_line(line_at(in, end, &next), &sec));
}

/* The empty line in front of the next mail is the file's. */
static size_t scanned_end(struct span in, size_t at, size_t *next_out)
{
	for (;;) {
		ssize_t found = span_find(span_from(in, at), SPAN("\nFrom "));
		size_t line, end;
		int64_t sec;

		if (found < 0)
			break;
		line = at + (size_t)found + 1;
		at = line;
		if (!empty_before(in, line) || !from_line(line_at(in, line, &end), &sec))
			continue;
		*next_out = line;
		return line - (line >= 2 && in.p[line - 2] == '\r' ? 2 : 1);
	}
	*next_out = in.n;
	if (in.n > at && empty_before(in, in.n))
		return in.n - (in.p[in.n - 2] == '\r' ? 2 : 1);
	return in.n;
}

static bool is_internal(struct span raw)
{
	struct span head = span_sub(raw, 0, 1000);

	return span_find(head, SPAN("\nX-IMAP: ")) >= 0 && span_find(head, SPAN("FOLDER INTERNAL DATA")) >= 0;
}

int mbox_next(struct mbox *m, struct mbox_mail *out, struct err *e)
{
	size_t start, end, next;

	*out = (struct mbox_mail){ .off = m->at };
	if (m->at >= m->in.n)
		return 0;
	if (!from_line(line_at(m->in, m->at, &start), &out->sec))
		return err_set(e, ERR_SYNTAX, "This is no mbox file", "no From line at %zu", m->at);
	out->counted = !span_starts(span_from(m->in, start), SPAN(MARK)) && counted_end(m->in, start, &end);
	if (out->counted)
		for (next = end; next < m->in.n && (m->in.p[next] == '\r' || m->in.p[next] == '\n'); next++)
			;
	else
		end = scanned_end(m->in, start ? start - 1 : 0, &next);
	if (end < start)
		end = start;
	out->raw = span_sub(m->in, start, end - start);
	out->internal = is_internal(out->raw);
	m->at = next > m->at ? next : m->in.n;
	return 1;
}

/* ---- the file's fields ---- */

static void read_status(struct mbox_mail *m, struct span value)
{
	static const struct { char letter; unsigned flag; } rows[] = { { 'R', MOVE_SEEN }, { 'A', MOVE_ANSWERED }, { 'F', MOVE_FLAGGED },
		{ 'D', MOVE_DELETED }, { 'T', MOVE_DRAFT } };

	for (size_t i = 0; i < value.n; i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++)
			if (value.p[i] == rows[k].letter)
				m->flags |= rows[k].flag;
}

/* Hexadecimal: 1 read, 2 answered, 4 marked, 8 deleted, 1000 forwarded. */
static void read_mozilla(struct mbox_mail *m, struct span value, struct buf *keywords)
{
	uint8_t b[2];

	if (!scan_hex(value, b, 2))
		return;
	m->flags |= (b[1] & 1 ? MOVE_SEEN : 0) | (b[1] & 2 ? MOVE_ANSWERED : 0) | (b[1] & 4 ? MOVE_FLAGGED : 0) |
		(b[1] & 8 ? MOVE_DELETED : 0);
	if (b[0] & 0x10)
		buf_addz(keywords, keywords->n ? " $Forwarded" : "$Forwarded");
}

static void read_keywords(struct span value, struct buf *keywords)
{
	while ((value = span_trim(value)).n) {
		struct span word = span_trim(span_cut(&value, ' '));

		if (word.n && word.p[word.n - 1] == ',')
			word.n--;
		if (!word.n)
			continue;
		if (keywords->n)
			buf_addc(keywords, ' ');
		buf_add(keywords, word);
	}
}

/* Is this field (with its continuation lines) the file's? */
static bool take_field(struct mbox_mail *m, struct span field, struct buf *keywords)
{
	struct span rest = field, name = span_cut(&rest, ':'), value = span_trim(rest);

	if (span_ieqz(name, "Status") || span_ieqz(name, "X-Status"))
		read_status(m, value);
	else if (span_ieqz(name, "X-Mozilla-Status"))
		read_mozilla(m, value, keywords);
	else if (span_ieqz(name, "X-Keywords") || span_ieqz(name, "X-Mozilla-Keys"))
		read_keywords(value, keywords);
	else if (!span_ieqz(name, "X-Mozilla-Status2") && !span_ieqz(name, "X-UID") && !span_ieqz(name, "X-IMAPbase") &&
		!(m->counted && span_ieqz(name, "Content-Length")))
		return false;
	return true;
}

/* The lines of ours; what follows is kept. False: not written by us. */
static bool take_ours(struct mbox_mail *m, struct span *raw, struct buf *keywords, struct span *form_out)
{
	struct span rest = *raw, line;
	uint64_t n;

	if (!span_starts(rest, SPAN(MARK)))
		return false;
	line = span_trim(span_cut(&rest, '\n'));
	line = span_from(line, sizeof(MARK) - 1);
	if (!scan_num(&line, &n, 0, 3) || !scan_char(&line, ' '))
		return false;
	*form_out = line;
	for (; n; n--)
		take_field(m, span_cut(&rest, '\n'), keywords);
	*raw = rest;
	return true;
}

/* Lines of ">From ", ">>From " lose one; a copy of everything else. */
static void unquote(struct buf *b, struct span text)
{
	while (text.n) {
		ssize_t at = span_chr(text, '\n');
		struct span line = span_sub(text, 0, at < 0 ? text.n : (size_t)at + 1), mark = line;

		text = span_from(text, line.n);
		while (scan_char(&mark, '>'))
			;
		buf_add(b, mark.n < line.n && span_starts(mark, SPAN("From ")) ? span_from(line, 1) : line);
	}
}

static void copy_header(struct mbox_mail *m, struct span *rest, struct buf *out, struct buf *keywords)
{
	size_t at = 0;

	while (at < rest->n && at < HEADER_MAX && rest->p[at] != '\n' && rest->p[at] != '\r') {
		size_t next = at;
		struct span field;

		do {
			ssize_t n = span_chr(span_from(*rest, next), '\n');

			next = n < 0 ? rest->n : next + (size_t)n + 1;
		} while (next < rest->n && (rest->p[next] == ' ' || rest->p[next] == '\t'));
		field = span_sub(*rest, at, next - at);
		if (!take_field(m, field, keywords))
			buf_add(out, field);
		at = next;
	}
	*rest = span_from(*rest, at);
}

void mbox_unpack(struct mbox_mail *m, struct buf *mail, struct buf *keywords)
{
	struct span rest = m->raw, form = SPAN_NONE;
	bool ours = take_ours(m, &rest, keywords, &form), raw = span_chr(form, 'r') >= 0;
	SCOPED_BUF text;

	buf_init(&text, mail->max);
	if (!ours)
		copy_header(m, &rest, &text, keywords);
	if (m->counted && !ours)
		buf_add(&text, rest);
	else
		unquote(&text, rest);
	if (ours && span_chr(form, 'e') >= 0 && text.n && text.p[text.n - 1] == '\n')
		text.n--;
	mail->failed |= text.failed;
	if (raw)
		buf_add(mail, buf_span(&text));
	else
		move_to_crlf(mail, buf_span(&text));
}

static void quote(struct buf *b, struct span text)
{
	while (text.n) {
		ssize_t at = span_chr(text, '\n');
		struct span line = span_sub(text, 0, at < 0 ? text.n : (size_t)at + 1), mark = line;

		text = span_from(text, line.n);
		while (scan_char(&mark, '>'))
			;
		if (span_starts(mark, SPAN("From ")))
			buf_addc(b, '>');
		buf_add(b, line);
	}
}

static void put_from_line(struct buf *b, int64_t sec)
{
	int64_t day = sec >= 0 ? sec / 86400 : -((-sec + 86399) / 86400), clock = sec - day * 86400, year;
	unsigned month, mday;
	int64_t week = ((day + 3) % 7 + 7) % 7;           /* 1970-01-01 was a Thursday */

	mime_civil_from_days(day, &year, &month, &mday);
	buf_addf(b, "From MAILER-DAEMON %.3s %.3s %2u %02d:%02d:%02d %04d\n", days + week * 3, months + (month - 1) * 3, mday,
		(int)(clock / 3600), (int)(clock / 60 % 60), (int)(clock % 60), (int)year);
}

void mbox_pack(struct buf *b, struct span mail, unsigned flags, struct span keywords, int64_t sec)
{
	SCOPED_BUF text;
	bool crlf, ended;

	buf_init(&text, b->max);
	crlf = move_to_lf(&text, mail);
	ended = text.n && text.p[text.n - 1] == '\n';
	put_from_line(b, sec);
	buf_addf(b, MARK "%d %s%s\n", keywords.n ? 3 : 2, crlf ? "c" : "r", ended ? "" : "e");
	buf_addf(b, "Status: %s\nX-Status: %s%s%s%s\n", flags & MOVE_SEEN ? "RO" : "O", flags & MOVE_ANSWERED ? "A" : "",
		flags & MOVE_FLAGGED ? "F" : "", flags & MOVE_DELETED ? "D" : "", flags & MOVE_DRAFT ? "T" : "");
	if (keywords.n)
		buf_addf(b, "X-Keywords: %.*s\n", SPAN_F(keywords));
	quote(b, buf_span(&text));
	buf_addz(b, ended ? "\n" : "\n\n");
	b->failed |= text.failed;
}
