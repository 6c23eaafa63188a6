#include "codec/mime/mime_header.h"
#include <string.h>

/* Takes one line with its end off *rest. */
static struct span line_take(struct span *rest)
{
	const char *nl = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = nl ? (size_t)(nl - rest->p) + 1 : rest->n;
	struct span line = { rest->p, n };

	*rest = span_from(*rest, n);
	return line;
}

static bool line_blank(struct span line)
{
	return line.n && (line.p[0] == '\n' || (line.n >= 2 && line.p[0] == '\r' && line.p[1] == '\n'));
}

static struct span line_bare(struct span s)
{
	if (s.n && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

/* optional-field = field-name ":" unstructured CRLF; field-name = 1*(%d33-57 / %d59-126)
 * obs-optional allows blanks before the colon (RFC 5322 section 4.5). */
static void field_split(struct mime_field *f)
{
	size_t i = 0, end;

	f->name = SPAN_NONE;
	f->value = line_bare(f->raw);
	while (i < f->raw.n && (unsigned char)f->raw.p[i] > 32 && f->raw.p[i] != ':')
		i++;
	end = i;
	while (i < f->raw.n && (f->raw.p[i] == ' ' || f->raw.p[i] == '\t'))
		i++;
	if (!end || i >= f->raw.n || f->raw.p[i] != ':')
		return;
	f->name = span_sub(f->raw, 0, end);
	f->value = span_from(line_bare(f->raw), i + 1);
}

bool mime_header_next(struct span *rest, struct mime_field *out)
{
	struct span in = *rest, line;

	if (!in.n || line_blank(in))
		return false;
	line = line_take(&in);
	out->raw = line;
	while (in.n && (in.p[0] == ' ' || in.p[0] == '\t')) {
		line = line_take(&in);
		out->raw.n += line.n;
	}
	*rest = in;
	field_split(out);
	return true;
}

size_t mime_header_len(struct span message)
{
	struct span rest = message;

	while (rest.n) {
		struct span line = line_take(&rest);

		if (line_blank(line))
			break;
	}
	return message.n - rest.n;
}

bool mime_header_find(struct span header, const char *name, struct mime_field *out)
{
	struct span rest = header, want = span_str(name);

	while (mime_header_next(&rest, out))
		if (span_ieq(out->name, want))
			return true;
	*out = (struct mime_field){ 0 };
	return false;
}

size_t mime_header_count(struct span header, const char *name)
{
	struct span rest = header, want = span_str(name);
	struct mime_field f;
	size_t n = 0;

	while (mime_header_next(&rest, &f))
		n += span_ieq(f.name, want);
	return n;
}

struct span mime_header_unfold(struct arena *a, struct span value)
{
	struct span s = span_trim(value);
	size_t n = 0;
	char *to;

	if (!s.n || (!memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n)))
		return s.p ? s : SPAN("");
	to = arena_alloc(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			to[n++] = s.p[i];
	return (struct span){ to, n };
}

void mime_header_add(struct buf *b, const char *name, struct span value)
{
	size_t column;

	buf_addz(b, name);
	buf_addc(b, ':');
	column = strlen(name) + 1;
	value = span_trim(value);
	while (value.n) {
		size_t blanks = 0, n;

		while (blanks < value.n && strchr(" \t\r\n", value.p[blanks]) && value.p[blanks])
			blanks++;
		value = span_from(value, blanks);
		for (n = 0; n < value.n && (!value.p[n] || !strchr(" \t\r\n", value.p[n])); n++)
			;
		if (column + 1 + n > 76 && column > strlen(name) + 1) {
			buf_add(b, SPAN("\r\n"));
			column = 0;
		}
		buf_addc(b, ' ');
		for (size_t i = 0; i < n; i++)
			buf_addc(b, value.p[i] ? value.p[i] : ' ');
		column += n + 1;
		value = span_from(value, n);
	}
	buf_add(b, SPAN("\r\n"));
}

static void field_copy(struct buf *b, struct span raw)
{
	buf_add(b, raw);
	if (!raw.n || raw.p[raw.n - 1] != '\n')
		buf_add(b, SPAN("\r\n"));
}

void mime_header_filter(struct buf *b, struct span header, const struct span *names, size_t count,
	bool invert)
{
	struct span rest = header;
	struct mime_field f;

	while (mime_header_next(&rest, &f)) {
		bool found = false;

		for (size_t i = 0; i < count && !found; i++)
			found = span_ieq(f.name, names[i]);
		if (found != invert)
			field_copy(b, f.raw);
	}
	buf_add(b, SPAN("\r\n"));
}

void mime_header_without(struct buf *b, struct span header, const char *name)
{
	struct span rest = header, want = span_str(name);
	struct mime_field f;

	while (mime_header_next(&rest, &f))
		if (!span_ieq(f.name, want))
			field_copy(b, f.raw);
}
