#include "codec/mime/mime_parse.h"
#include "codec/mime/mime_header.h"
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define BOUNDARY_MAX 256   /* RFC 2046: 70; longer ones are seen in the wild */
#define LANGUAGES_MAX 16

struct reader {
	struct arena *a;
	struct span msg;
	struct mime_limits lim;
	size_t pos, lines;              /* lines: line feeds before pos */
	unsigned parts;
	struct span boundary[DEPTH_MAX];
	unsigned open;                  /* boundaries in force */
};

/* What ended a body: the end of the message (level -1) or the boundary of a level. */
struct stop {
	int level;
	bool closing;
	size_t line_off;                /* where the boundary line begins */
	size_t lines;
};

static struct span line_at(const struct reader *r)
{
	const char *p = r->msg.p + r->pos, *nl = memchr(p, '\n', r->msg.n - r->pos);

	return (struct span){ p, nl ? (size_t)(nl - p) + 1 : r->msg.n - r->pos };
}

/* delimiter = CRLF "--" boundary; close-delimiter = delimiter "--"; both [transport-padding].
 * The innermost match wins; a prefix ("--a" in "--ab") is no match. */
static bool boundary_match(const struct reader *r, struct span line, struct stop *stop)
{
	if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
		return false;
	line = span_from(line, 2);
	for (unsigned i = r->open; i-- > 0;) {
		struct span tail;

		if (!span_starts(line, r->boundary[i]))
			continue;
		tail = span_from(line, r->boundary[i].n);
		stop->closing = span_starts(tail, SPAN("--"));
		if (stop->closing)
			tail = span_from(tail, 2);
		if (span_trim(tail).n)
			continue;
		stop->level = (int)i;
		return true;
	}
	return false;
}

/* Runs to the next boundary line in force (which is consumed) or the end. */
static void body_skip(struct reader *r, struct stop *stop)
{
	stop->level = -1;
	stop->closing = false;
	while (r->pos < r->msg.n) {
		struct span line = line_at(r);

		stop->line_off = r->pos;
		stop->lines = r->lines;
		r->pos += line.n;
		r->lines += line.p[line.n - 1] == '\n';
		if (r->open && boundary_match(r, line, stop))
			return;
	}
	stop->line_off = r->pos;
	stop->lines = r->lines;
}

/* Runs over header lines; false when a boundary ended them before the blank line. */
static bool head_skip(struct reader *r, struct stop *stop)
{
	while (r->pos < r->msg.n) {
		struct span line = line_at(r);

		stop->line_off = r->pos;
		stop->lines = r->lines;
		r->pos += line.n;
		r->lines += line.p[line.n - 1] == '\n';
		if (r->open && boundary_match(r, line, stop))
			return false;
		if (line.p[0] == '\n' || (line.n == 2 && line.p[0] == '\r' && line.p[1] == '\n'))
			return true;
	}
	return true;
}

static bool token_char(char c)
{
	return (unsigned char)c > 32 && c != 127 && c != ';' && c != '=' && c != '"' && c != '(' && c != ')';
}

/* [CFWS], bounded by the value itself */
static void blanks_skip(struct span *in)
{
	unsigned depth = 0;

	while (in->n) {
		char c = in->p[0];

		if (depth && c == '\\' && in->n > 1)
			*in = span_from(*in, 1);
		else if (c == '(')
			depth++;
		else if (c == ')' && depth)
			depth--;
		else if (!depth && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return;
		*in = span_from(*in, 1);
	}
}

static struct span token_take(struct span *in)
{
	size_t n = 0;
	struct span s;

	while (n < in->n && token_char(in->p[n]))
		n++;
	s = span_sub(*in, 0, n);
	*in = span_from(*in, n);
	return s;
}

/* quoted-string = DQUOTE *(qtext / quoted-pair) DQUOTE; the content without backslashes, line ends and NUL */
static struct span quoted_take(struct arena *a, struct span *in)
{
	size_t i = 1, n = 0;
	bool plain = true;
	struct span s;
	char *to;

	while (i < in->n && in->p[i] != '"') {
		if (in->p[i] == '\\' || in->p[i] == '\r' || in->p[i] == '\n')
			plain = false;
		i += in->p[i] == '\\' && i + 1 < in->n ? 2 : 1;
	}
	if (i > in->n)
		i = in->n;
	s = span_sub(*in, 1, i - 1);
	*in = span_from(*in, i + 1);
	if (plain)
		return s;
	to = arena_alloc(a, s.n + 1);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\r' || s.p[i] == '\n')
			continue;
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		to[n++] = s.p[i];
	}
	return (struct span){ to, n };
}

/* parameter = attribute "=" value; value = token / quoted-string. Unquoted values with blanks end there. */
static bool param_take(struct arena *a, struct span *in, struct mime_param *out)
{
	while (in->n && in->p[0] != ';')
		*in = span_from(*in, 1);
	if (!in->n)
		return false;
	*in = span_from(*in, 1);
	blanks_skip(in);
	out->name = token_take(in);
	blanks_skip(in);
	if (!in->n || in->p[0] != '=') {
		out->name = SPAN_NONE;
		return true;
	}
	*in = span_from(*in, 1);
	blanks_skip(in);
	if (in->n && in->p[0] == '"') {
		out->value = quoted_take(a, in);
		return true;
	}
	out->value = *in;
	out->value.n = 0;
	while (in->n && in->p[0] != ';' && (unsigned char)in->p[0] > 32) {
		out->value.n++;
		*in = span_from(*in, 1);
	}
	return true;
}

void mime_params_parse(struct arena *a, struct span value, unsigned max, struct span *head_out,
	struct mime_param **params_out, size_t *count_out)
{
	struct mime_param p = { 0 }, *rows = NULL;
	size_t n = 0, cap = 0;

	blanks_skip(&value);
	*head_out = token_take(&value);
	while (n < max && param_take(a, &value, &p)) {
		if (!p.name.n)
			continue;
		if (n == cap) {
			struct mime_param *more = ARENA_ARRAY(a, struct mime_param, cap ? cap * 2 : 4);

			if (n)
				memcpy(more, rows, n * sizeof(*rows));
			rows = more;
			cap = cap ? cap * 2 : 4;
		}
		rows[n++] = p;
	}
	*params_out = rows;
	*count_out = n;
}

/* type "/" subtype, both tokens; anything else is text/plain (RFC 2045 section 5.2) */
static void type_split(struct mime_part *part, struct span head)
{
	ssize_t at = span_chr(head, '/');

	if (at <= 0 || (size_t)at + 1 >= head.n)
		return;
	part->type = span_sub(head, 0, (size_t)at);
	part->subtype = span_from(head, (size_t)at + 1);
}

static void languages_read(struct reader *r, struct mime_part *part, struct span value)
{
	part->languages = ARENA_ARRAY(r->a, struct span, LANGUAGES_MAX);
	while (value.n && part->language_count < LANGUAGES_MAX) {
		struct span tag, item = span_cut(&value, ',');

		blanks_skip(&item);
		tag = token_take(&item);
		if (tag.n)
			part->languages[part->language_count++] = tag;
	}
}

static void field_read(struct reader *r, struct mime_part *part, const struct mime_field *f)
{
	struct span name = span_from(f->name, 8), head;

	if (span_ieqz(name, "Type") && !part->params && !part->type.n) {
		mime_params_parse(r->a, f->value, r->lim.params, &head, &part->params, &part->param_count);
		type_split(part, head);
		if (!part->type.n) {
			part->params = NULL;
			part->param_count = 0;
		}
	} else if (span_ieqz(name, "Transfer-Encoding") && !part->encoding.n) {
		struct span v = f->value;

		blanks_skip(&v);
		part->encoding = token_take(&v);
	} else if (span_ieqz(name, "Disposition") && !part->disposition.n) {
		mime_params_parse(r->a, f->value, r->lim.params, &part->disposition,
			&part->disposition_params, &part->disposition_count);
	} else if (span_ieqz(name, "ID") && !part->id.p) {
		part->id = mime_header_unfold(r->a, f->value);
	} else if (span_ieqz(name, "Description") && !part->description.p) {
		part->description = mime_header_unfold(r->a, f->value);
	} else if (span_ieqz(name, "MD5") && !part->md5.p) {
		part->md5 = mime_header_unfold(r->a, f->value);
	} else if (span_ieqz(name, "Location") && !part->location.p) {
		part->location = mime_header_unfold(r->a, f->value);
	} else if (span_ieqz(name, "Language") && !part->languages) {
		languages_read(r, part, f->value);
	}
}

static void head_read(struct reader *r, struct mime_part *part, bool digest)
{
	struct span head = span_sub(r->msg, part->head_off, part->head_len);
	struct mime_field f;

	head = span_sub(head, 0, r->lim.header_len);
	while (mime_header_next(&head, &f))
		if (f.name.n > 8 && span_istarts(f.name, SPAN("Content-")))
			field_read(r, part, &f);
	if (!part->type.n) {
		part->type = digest ? SPAN("message") : SPAN("text");
		part->subtype = digest ? SPAN("rfc822") : SPAN("plain");
	}
}

/* As it is written, or put together (RFC 2231). */
static struct span boundary_of(struct arena *a, const struct mime_part *part)
{
	struct span value;

	for (size_t i = 0; i < part->param_count; i++)
		if (span_ieqz(part->params[i].name, "boundary") && part->params[i].value.n &&
			part->params[i].value.n <= BOUNDARY_MAX)
			return part->params[i].value;
	value = mime_param_value(a, part->params, part->param_count, "boundary");
	return value.n <= BOUNDARY_MAX ? value : SPAN_NONE;
}

/* The line end before a boundary line belongs to the boundary. */
static size_t body_end(const struct reader *r, const struct stop *stop, size_t from)
{
	size_t end = stop->line_off;

	if (stop->level < 0)
		return end;
	if (end > from && r->msg.p[end - 1] == '\n')
		end--;
	if (end > from && r->msg.p[end - 1] == '\r')
		end--;
	return end;
}

static struct mime_part *entity_read(struct reader *r, struct mime_part *parent, unsigned depth,
	struct stop *stop);

/* multipart-body := [preamble CRLF] dash-boundary CRLF body-part *encapsulation close-delimiter
 * [CRLF epilogue]. A missing end is tolerated; what ended the last child may end us as well. */
static void multipart_read(struct reader *r, struct mime_part *part, unsigned depth, struct stop *stop)
{
	int mine = (int)r->open;
	struct mime_part **tail = &part->child;

	r->boundary[r->open++] = boundary_of(r->a, part);
	body_skip(r, stop);
	while (stop->level == mine && !stop->closing) {
		if (r->parts >= r->lim.parts) {
			part->truncated = true;
			break;
		}
		*tail = entity_read(r, part, depth + 1, stop);
		tail = &(*tail)->next;
		r->open = (unsigned)mine + 1;
	}
	r->open = (unsigned)mine;
	if (stop->level == mine)
		body_skip(r, stop);  /* epilogue, or all that is left beyond the limit */
	if (!part->child)
		part->kind = MIME_LEAF;
}

static void body_read(struct reader *r, struct mime_part *part, unsigned depth, struct stop *stop)
{
	bool room = depth + 1 < r->lim.depth && r->parts < r->lim.parts && r->open < DEPTH_MAX;

	if (span_ieqz(part->type, "multipart") && boundary_of(r->a, part).n) {
		part->truncated = !room;
		if (room) {
			part->kind = MIME_MULTIPART;
			multipart_read(r, part, depth, stop);
			return;
		}
	} else if (span_ieqz(part->type, "message") && (span_ieqz(part->subtype, "rfc822") ||
			   span_ieqz(part->subtype, "global"))) {
		struct span e = part->encoding;
		bool plain = !e.n || span_ieqz(e, "7bit") || span_ieqz(e, "8bit") || span_ieqz(e, "binary");

		part->truncated = !room;
		if (room && plain) {
			part->kind = MIME_MESSAGE;
			part->child = entity_read(r, part, depth + 1, stop);
			return;
		}
	}
	body_skip(r, stop);
}

static struct mime_part *entity_read(struct reader *r, struct mime_part *parent, unsigned depth,
	struct stop *stop)
{
	struct mime_part *part = ARENA_NEW(r->a, struct mime_part);
	bool digest = parent && parent->kind == MIME_MULTIPART && span_ieqz(parent->subtype, "digest");
	size_t lines;

	r->parts++;
	part->parent = parent;
	part->head_off = r->pos;
	stop->level = -1;
	stop->line_off = r->pos;
	stop->lines = r->lines;
	if (!head_skip(r, stop)) {
		part->head_len = body_end(r, stop, part->head_off) - part->head_off;
		part->body_off = part->head_off + part->head_len;
		head_read(r, part, digest);
		return part;
	}
	part->head_len = r->pos - part->head_off;
	part->body_off = r->pos;
	lines = r->lines;
	head_read(r, part, digest);
	body_read(r, part, depth, stop);
	part->body_len = 0;
	if (stop->line_off > part->body_off)
		part->body_len = body_end(r, stop, part->body_off) - part->body_off;
	if (stop->lines > lines)
		part->body_lines = stop->lines - lines;
	/* the line end taken by the boundary is not a line of ours */
	if (part->body_lines && part->body_off + part->body_len < stop->line_off)
		part->body_lines--;
	return part;
}

int mime_parse(struct arena *a, struct span message, const struct mime_limits *limits,
	struct mime_part **root_out, struct err *e)
{
	struct reader r = { .a = a, .msg = message, .lim = limits ? *limits : MIME_LIMITS };
	struct stop stop = { -1, false, 0, 0 };

	if (message.n > UINT32_MAX)
		return err_set(e, ERR_TOOBIG, "message too large", "mime: %zu octets", message.n);
	if (!message.p)
		r.msg = SPAN("");
	if (r.lim.depth > DEPTH_MAX)
		r.lim.depth = DEPTH_MAX;
	*root_out = entity_read(&r, NULL, 0, &stop);
	return 0;
}
