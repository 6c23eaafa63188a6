#include "codec/mime/mime_envelope.h"
#include "codec/mime/mime_header.h"
#include <string.h>

#define NEAR 1024   /* how far to look for a matching end: keeps the reader linear */

/* All pieces of one list are written one after the other into `text` (bounded by twice the input). */
struct reader {
	struct arena *a;
	struct span in;
	char *text;
	size_t n, start;             /* the current phrase is text[start, n) */
	size_t at;                   /* where its unquoted "@" is */
	bool has_at, gap;
	struct span comment;         /* "a@b (Name)" */
	struct mime_address angle;
	bool has_angle, in_group;
	struct mime_addresses *out;
	size_t cap;
};

static void row_add(struct reader *r, struct mime_address row)
{
	struct mime_addresses *o = r->out;

	if (o->count >= MIME_ADDRESSES_MAX)
		return;
	if (o->count == r->cap) {
		struct mime_address *more = ARENA_ARRAY(r->a, struct mime_address, r->cap ? r->cap * 2 : 4);

		if (o->count)
			memcpy(more, o->rows, o->count * sizeof(*more));
		o->rows = more;
		r->cap = r->cap ? r->cap * 2 : 4;
	}
	o->rows[o->count++] = row;
}

static void put(struct reader *r, char c)
{
	if (r->gap && r->n > r->start)
		r->text[r->n++] = ' ';
	r->gap = false;
	if (c && c != '\r' && c != '\n')
		r->text[r->n++] = c;
}

/* quoted-string (a missing end takes the rest) */
static void quoted(struct reader *r)
{
	size_t i = 1;

	for (; i < r->in.n && r->in.p[i] != '"'; i++) {
		if (r->in.p[i] == '\\' && i + 1 < r->in.n)
			i++;
		put(r, r->in.p[i]);
	}
	r->in = span_from(r->in, i + 1);
}

/* comment = "(" *([FWS] ccontent) [FWS] ")", nested */
static void comment(struct reader *r)
{
	unsigned depth = 0;
	size_t i;

	for (i = 0; i < r->in.n; i++) {
		if (r->in.p[i] == '\\')
			i++;
		else if (r->in.p[i] == '(')
			depth++;
		else if (r->in.p[i] == ')' && !--depth)
			break;
	}
	r->comment = span_trim(span_sub(r->in, 1, i > 0 ? i - 1 : 0));
	r->in = span_from(r->in, i + 1);
	r->gap = true;
}

/* Blanks beside dots are obsolete syntax, not content. */
static struct span compact(char *p, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		bool dot_next = i + 1 < n && p[i + 1] == '.', dot_before = to && p[to - 1] == '.';

		if (p[i] != ' ' || !(dot_next || dot_before))
			p[to++] = p[i];
	}
	return span_trim((struct span){ p, to });
}

static void phrase_reset(struct reader *r)
{
	r->start = r->n;
	r->has_at = r->gap = false;
}

static struct mime_address addr_spec(struct reader *r)
{
	struct mime_address row = { 0 };
	size_t end = r->has_at ? r->at : r->n;

	row.local = compact(r->text + r->start, end - r->start);
	row.domain = SPAN("");
	if (r->has_at)
		row.domain = compact(r->text + r->at + 1, r->n - r->at - 1);
	return row;
}

static void flush(struct reader *r)
{
	if (r->has_angle) {
		row_add(r, r->angle);
	} else if (r->n > r->start) {
		struct mime_address row = addr_spec(r);

		row.name = r->comment;
		row_add(r, row);
	}
	r->has_angle = false;
	r->comment = SPAN_NONE;
	phrase_reset(r);
}

/* One word, dot, "@" or comment of a phrase or addr-spec; false at another special. */
static bool piece(struct reader *r)
{
	char c = r->in.p[0];

	if (c == '"') {
		quoted(r);
	} else if (c == '(') {
		comment(r);
	} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
		r->gap = true;
		r->in = span_from(r->in, 1);
	} else if (c == '[') {
		ssize_t end = span_chr(span_sub(r->in, 0, NEAR), ']');
		size_t n = end < 0 ? 1 : (size_t)end + 1;

		for (size_t i = 0; i < n; i++)
			put(r, r->in.p[i]);
		r->in = span_from(r->in, n);
	} else if (c == ',' || c == ';' || c == ':' || c == '<' || c == '>') {
		return false;
	} else {
		if (c == '@') {
			r->gap = false;
			r->at = r->n;
			r->has_at = true;
		}
		put(r, c);
		r->in = span_from(r->in, 1);
	}
	return true;
}

/* angle-addr = "<" [obs-route] addr-spec ">"; obs-route = obs-domain-list ":" */
static void angle(struct reader *r)
{
	struct span name = span_trim((struct span){ r->text + r->start, r->n - r->start });
	struct span route = SPAN_NONE, keep = r->comment;
	bool first = true;

	r->in = span_from(r->in, 1);
	phrase_reset(r);
	while (r->in.n && r->in.p[0] != '>') {
		if (r->in.p[0] == '@' && first) {
			struct span near = span_sub(r->in, 0, NEAR);
			ssize_t colon = span_chr(near, ':'), close = span_chr(near, '>');

			if (colon > 0 && (close < 0 || colon < close)) {
				route = span_trim(span_sub(r->in, 0, (size_t)colon));
				r->in = span_from(r->in, (size_t)colon + 1);
				continue;
			}
		}
		first = false;
		if (!piece(r)) {
			if (r->in.p[0] == ',' || r->in.p[0] == '<')
				break;
			put(r, r->in.p[0]);
			r->in = span_from(r->in, 1);
		}
	}
	if (r->in.n && r->in.p[0] == '>')
		r->in = span_from(r->in, 1);
	r->angle = addr_spec(r);
	r->angle.route = route;
	r->angle.name = name.n ? name : keep;
	r->has_angle = true;
	phrase_reset(r);
}

/* address-list = address *("," address); group = display-name ":" [group-list] ";" */
void mime_addresses_parse(struct arena *a, struct span value, struct mime_addresses *out)
{
	struct reader r = { .a = a, .in = value, .out = out };

	*out = (struct mime_addresses){ 0 };
	r.text = arena_alloc(a, 2 * value.n + 16);
	while (r.in.n) {
		char c = r.in.p[0];

		if (c == '<' && !r.has_angle) {
			angle(&r);
			continue;
		}
		if (piece(&r))
			continue;
		r.in = span_from(r.in, 1);
		if (c == ':' && !r.in_group && !r.has_angle) {
			struct mime_address row = { .group_start = true };

			row.name = span_trim((struct span){ r.text + r.start, r.n - r.start });
			row_add(&r, row);
			r.in_group = true;
			phrase_reset(&r);
		} else if (c == ',' || c == ';') {
			flush(&r);
			if (c == ';' && r.in_group)
				row_add(&r, (struct mime_address){ .group_end = true });
			if (c == ';')
				r.in_group = false;
		}
	}
	flush(&r);
	if (r.in_group) {
		if (out->count >= MIME_ADDRESSES_MAX)
			out->count = MIME_ADDRESSES_MAX - 1;
		row_add(&r, (struct mime_address){ .group_end = true });
	}
}

void mime_envelope_read(struct arena *a, struct span header, struct mime_envelope *out)
{
	struct { const char *name; struct mime_addresses *list; struct span *text; bool seen; } rows[] = {
		{ "Date", NULL, &out->date, 0 }, { "Subject", NULL, &out->subject, 0 },
		{ "From", &out->from, NULL, 0 }, { "Sender", &out->sender, NULL, 0 },
		{ "Reply-To", &out->reply_to, NULL, 0 }, { "To", &out->to, NULL, 0 },
		{ "Cc", &out->cc, NULL, 0 }, { "Bcc", &out->bcc, NULL, 0 },
		{ "In-Reply-To", NULL, &out->in_reply_to, 0 }, { "Message-ID", NULL, &out->message_id, 0 },
	};
	struct mime_field f;
	struct span rest = header;

	*out = (struct mime_envelope){ 0 };
	while (mime_header_next(&rest, &f)) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			if (rows[i].seen || !span_ieqz(f.name, rows[i].name))
				continue;
			rows[i].seen = true;
			if (rows[i].text)
				*rows[i].text = mime_header_unfold(a, f.value);
			else
				mime_addresses_parse(a, f.value, rows[i].list);
		}
	}
	if (!out->sender.count)
		out->sender = out->from;
	if (!out->reply_to.count)
		out->reply_to = out->from;
}

/* msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]; other text between them is skipped */
size_t mime_references_parse(struct arena *a, struct span value, struct span *out, size_t max)
{
	size_t n = 0;

	value = mime_header_unfold(a, value);
	while (n < max && value.n) {
		ssize_t open = span_chr(value, '<'), close;

		if (open < 0)
			break;
		value = span_from(value, (size_t)open);
		close = span_chr(value, '>');
		if (close < 0)
			break;
		out[n] = span_sub(value, 0, (size_t)close + 1);
		value = span_from(value, (size_t)close + 1);
		n += out[n].n > 2 && out[n].n <= 998;
	}
	return n;
}
