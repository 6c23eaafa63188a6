#include "codec/imap/imap_section.h"
#include "base/scan.h"
#include "codec/imap/imap_write.h"
#include <string.h>

enum takes { PLAIN, SECTION, PART }; /* PART: numbers only */

struct row {
	const char *name;
	enum imap_fetch_kind kind;
	enum takes takes;
	bool peek, no_partial;
};

static const struct row rows[] = {
	{"FLAGS", IMAP_FETCH_FLAGS, PLAIN, true},
	{"UID", IMAP_FETCH_UID, PLAIN, true},
	{"INTERNALDATE", IMAP_FETCH_INTERNALDATE, PLAIN, true},
	{"RFC822.SIZE", IMAP_FETCH_SIZE, PLAIN, true},
	{"ENVELOPE", IMAP_FETCH_ENVELOPE, PLAIN, true},
	{"BODY", IMAP_FETCH_BODY, PLAIN, true},
	{"BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE, PLAIN, true},
	{"BODY", IMAP_FETCH_SECTION, SECTION, false},
	{"BODY.PEEK", IMAP_FETCH_SECTION, SECTION, true},
	{"RFC822", IMAP_FETCH_RFC822, PLAIN, false},
	{"RFC822.HEADER", IMAP_FETCH_RFC822_HEADER, PLAIN, true},
	{"RFC822.TEXT", IMAP_FETCH_RFC822_TEXT, PLAIN, false},
	{"BINARY", IMAP_FETCH_BINARY, PART, false},
	{"BINARY.PEEK", IMAP_FETCH_BINARY, PART, true},
	{"BINARY.SIZE", IMAP_FETCH_BINARY_SIZE, PART, true, true},
	{"MODSEQ", IMAP_FETCH_MODSEQ, PLAIN, true},
	{"EMAILID", IMAP_FETCH_EMAILID, PLAIN, true},
	{"THREADID", IMAP_FETCH_THREADID, PLAIN, true},
	{"PREVIEW", IMAP_FETCH_PREVIEW, PLAIN, true},
	{"SAVEDATE", IMAP_FETCH_SAVEDATE, PLAIN, true},
};

static const struct {
	const char *name;
	enum imap_section_text text;
} texts[] = {
	{"HEADER", IMAP_SECTION_HEADER},
	{"HEADER.FIELDS", IMAP_SECTION_HEADER_FIELDS},
	{"HEADER.FIELDS.NOT", IMAP_SECTION_HEADER_FIELDS_NOT},
	{"TEXT", IMAP_SECTION_TEXT},
	{"MIME", IMAP_SECTION_MIME},
};

static int bad(struct err *e, const char *say)
{
	return err_set(e, ERR_SYNTAX, say, "fetch attribute");
}

/* section-part = nz-number *("." nz-number); what follows the last "." is left in *in */
static int part_scan(struct span *in, struct imap_fetch_item *out, struct err *e)
{
	while (in->n && ascii_digit(in->p[0])) {
		uint64_t n;

		if (in->p[0] == '0' || !scan_num(in, &n, 1, UINT32_MAX))
			return bad(e, "Bad part number");
		if (out->part_count == IMAP_PART_MAX)
			return err_set(
				e, ERR_LIMIT, "Part path too deep", "%d levels", IMAP_PART_MAX);
		out->part[out->part_count++] = (uint32_t)n;
		if (!in->n)
			return 0;
		if (!scan_char(in, '.') || !in->n)
			return bad(e, "Bad section");
	}
	return 0;
}

/* header-fld-name = astring; here an atom or a quoted string */
static bool name_scan(struct arena *a, struct span *in, struct span *out)
{
	size_t n = 0, i = 1;
	char *copy;

	if (!in->n || in->p[0] != '"') {
		while (n < in->n && in->p[n] > ' ' && in->p[n] < 0x7f && in->p[n] != '(' &&
			in->p[n] != ')' && in->p[n] != '"' && in->p[n] != '\\')
			n++;
		*out = span_sub(*in, 0, n);
		*in = span_from(*in, n);
		return n > 0;
	}
	copy = arena_alloc(a, in->n);
	for (; i < in->n && in->p[i] != '"'; i++) {
		if (in->p[i] == '\\' && ++i == in->n)
			return false;
		if (in->p[i] < ' ' || in->p[i] > '~')
			return false;
		copy[n++] = in->p[i];
	}
	if (i >= in->n)
		return false;
	*out = (struct span){copy, n};
	*in = span_from(*in, i + 1);
	return n > 0;
}

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static int names_scan(struct arena *a, struct span *in, struct imap_fetch_item *out, struct err *e)
{
	size_t cap = 0;

	scan_blanks(in);
	if (!scan_char(in, '('))
		return bad(e, "Header field names expected");
	for (;;) {
		struct span name;

		scan_blanks(in);
		if (out->name_count && scan_char(in, ')'))
			return 0;
		if (!name_scan(a, in, &name) || !in->n || (in->p[0] != ' ' && in->p[0] != ')'))
			return bad(e, "Bad header field name");
		if (name.n > IMAP_FETCH_NAME_MAX)
			return err_set(e, ERR_LIMIT, "Header field name too long", "over %d octets",
				IMAP_FETCH_NAME_MAX);
		if (out->name_count == IMAP_FETCH_NAMES_MAX)
			return err_set(e, ERR_LIMIT, "Too many header field names", "over %d",
				IMAP_FETCH_NAMES_MAX);
		if (out->name_count == cap) {
			struct span *v = ARENA_ARRAY(a, struct span, cap ? cap * 2 : 8);

			if (cap)
				memcpy(v, out->names, cap * sizeof(*v));
			out->names = v;
			cap = cap ? cap * 2 : 8;
		}
		out->names[out->name_count++] = name;
	}
}

static bool is_word(char c)
{
	return ascii_alpha(c) || c == '.';
}

/* section-spec = section-msgtext / (section-part ["." section-text])
 * section-text = section-msgtext / "MIME" */
int imap_section_parse(
	struct arena *a, struct span text, struct imap_fetch_item *out, struct err *e)
{
	struct span word;
	size_t i = 0, n = sizeof(texts) / sizeof(*texts);
	int r;

	out->text = IMAP_SECTION_ALL;
	out->part_count = 0;
	out->names = NULL;
	out->name_count = 0;
	r = part_scan(&text, out, e);
	if (r < 0)
		return r;
	if (!text.n)
		return 0;
	if (!scan_while(&text, &word, is_word, 1, 32))
		return bad(e, "Bad section");
	while (i < n && !span_ieqz(word, texts[i].name))
		i++;
	if (i == n || (texts[i].text == IMAP_SECTION_MIME && !out->part_count))
		return bad(e, "Bad section");
	out->text = texts[i].text;
	if (out->text == IMAP_SECTION_HEADER_FIELDS ||
		out->text == IMAP_SECTION_HEADER_FIELDS_NOT) {
		r = names_scan(a, &text, out, e);
		if (r < 0)
			return r;
	}
	return text.n ? bad(e, "Bad section") : 0;
}

/* partial = "<" number64 "." nz-number64 ">" */
static bool partial_scan(struct span in, struct imap_fetch_item *out)
{
	if (!in.n)
		return true;
	out->partial = true;
	return scan_char(&in, '<') && scan_num(&in, &out->origin, 0, INT64_MAX) &&
	       scan_char(&in, '.') && scan_num(&in, &out->length, 1, INT64_MAX) &&
	       scan_char(&in, '>') && !in.n;
}

static int attribute(struct arena *a, struct span atom, struct imap_fetch_item *out, struct err *e)
{
	ssize_t open = span_chr(atom, '['), close = span_rchr(atom, ']');
	struct span name = open < 0 ? atom : span_sub(atom, 0, (size_t)open), rest;
	const struct row *row = rows, *end = rows + sizeof(rows) / sizeof(*rows);
	int r;

	while (row < end && (!span_ieqz(name, row->name) || (row->takes == PLAIN) != (open < 0)))
		row++;
	if (row == end)
		return bad(e, "Unknown FETCH attribute");
	*out = (struct imap_fetch_item){.kind = row->kind, .peek = row->peek};
	if (row->takes == PLAIN)
		return 0;
	if (close < open)
		return bad(e, "Bad section");
	r = imap_section_parse(
		a, span_sub(atom, (size_t)open + 1, (size_t)(close - open - 1)), out, e);
	if (r < 0)
		return r;
	if (row->takes == PART && out->text != IMAP_SECTION_ALL)
		return bad(e, "Bad section");
	rest = span_from(atom, (size_t)close + 1);
	if (!partial_scan(rest, out) || (row->no_partial && out->partial))
		return bad(e, "Bad partial range");
	return 0;
}

struct items {
	struct arena *a;
	struct imap_fetch_item *v;
	size_t n, cap;
};

static struct imap_fetch_item *items_add(struct items *s, struct err *e)
{
	if (s->n == IMAP_FETCH_ITEMS_MAX) {
		err_set(e, ERR_LIMIT, "Too many FETCH attributes", "over %d", IMAP_FETCH_ITEMS_MAX);
		return NULL;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 4 : 8;
		struct imap_fetch_item *v = ARENA_ARRAY(s->a, struct imap_fetch_item, cap);

		if (s->n)
			memcpy(v, s->v, s->n * sizeof(*v));
		s->v = v;
		s->cap = cap;
	}
	return &s->v[s->n++];
}

/* "PREVIEW" [SP "(" "LAZY" ")"]; another list may be the command's modifiers */
static bool lazy(struct imap_args *g)
{
	struct imap_args ahead = *g, in;

	if (!imap_args_list(&ahead, &in) || !imap_args_word(&in, "LAZY") || !imap_args_end(&in))
		return false;
	*g = ahead;
	return true;
}

static int item_take(struct items *s, struct imap_args *g, struct err *e)
{
	struct imap_fetch_item *item;
	struct span atom;
	int r;

	if (!imap_args_atom(g, &atom))
		return bad(e, "FETCH attribute expected");
	item = items_add(s, e);
	if (!item)
		return ERR_LIMIT;
	r = attribute(s->a, atom, item, e);
	if (r == 0 && item->kind == IMAP_FETCH_PREVIEW)
		item->lazy = lazy(g);
	return r;
}

/* "ALL" / "FULL" / "FAST": the first so many of a fixed row of kinds */
static bool macro(struct items *s, struct imap_args *g)
{
	static const enum imap_fetch_kind kinds[] = {IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE,
		IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE, IMAP_FETCH_BODY};
	size_t n = imap_args_word(g, "FAST")   ? 3
		   : imap_args_word(g, "ALL")  ? 4
		   : imap_args_word(g, "FULL") ? 5
					       : 0;

	for (size_t i = 0; i < n; i++)
		*items_add(s, NULL) = (struct imap_fetch_item){.kind = kinds[i], .peek = true};
	return n > 0;
}

int imap_fetch_parse(struct arena *a, struct imap_args *g, struct imap_fetch_item **out,
	size_t *count_out, struct err *e)
{
	struct items s = {.a = a};
	struct imap_args list;
	int r = 0;

	if (imap_args_is_list(g)) {
		if (!imap_args_list(g, &list) || imap_args_end(&list))
			return bad(e, "FETCH attribute expected");
		while (r == 0 && list.at < list.n)
			r = item_take(&s, &list, e);
	} else if (!macro(&s, g)) {
		r = item_take(&s, g, e);
	}
	if (r < 0)
		return r;
	*out = s.v;
	*count_out = s.n;
	return 0;
}

/* fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
 * "CHANGEDSINCE" SP mod-sequence-value, "VANISHED" (RFC 7162) */
int imap_fetch_mods_parse(struct imap_args *g, struct imap_fetch_mods *out, struct err *e)
{
	struct imap_args list;
	struct span range;

	*out = (struct imap_fetch_mods){0};
	if (!imap_args_is_list(g))
		return 0;
	if (!imap_args_list(g, &list) || imap_args_end(&list))
		return bad(e, "FETCH modifier expected");
	while (list.at < list.n) {
		if (!out->has_changedsince && imap_args_word(&list, "CHANGEDSINCE")) {
			if (!imap_args_number(&list, &out->changedsince, 0, INT64_MAX))
				return bad(e, "Mod-sequence expected");
			out->has_changedsince = true;
		} else if (!out->vanished && imap_args_word(&list, "VANISHED")) {
			out->vanished = true;
		} else if (!out->has_partial && imap_args_word(&list, "PARTIAL")) {
			if (!imap_args_atom(&list, &range) || !imap_partial_parse(range, &out->partial))
				return bad(e, "PARTIAL takes a range");
			out->has_partial = true;
		} else {
			return bad(e, "Unknown FETCH modifier");
		}
	}
	return 0;
}

static void section_label(struct buf *b, const struct imap_fetch_item *item)
{
	for (unsigned i = 0; i < item->part_count; i++) {
		if (i)
			buf_addc(b, '.');
		buf_addu(b, item->part[i]);
	}
	if (item->text == IMAP_SECTION_ALL)
		return;
	if (item->part_count)
		buf_addc(b, '.');
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].text == item->text)
			buf_addz(b, texts[i].name);
	for (size_t i = 0; i < item->name_count; i++) {
		buf_add(b, i ? SPAN(" ") : SPAN(" ("));
		imap_write_astring(b, item->names[i], false);
	}
	if (item->name_count)
		buf_addc(b, ')');
}

void imap_fetch_label(struct buf *b, const struct imap_fetch_item *item)
{
	const struct row *row = rows;

	while (row->kind != item->kind) /* the first of a kind has the name without ".PEEK" */
		row++;
	buf_addz(b, row->name);
	if (row->takes == PLAIN)
		return;
	buf_addc(b, '[');
	section_label(b, item);
	buf_addc(b, ']');
	if (item->partial) {
		buf_addc(b, '<');
		buf_addu(b, item->origin);
		buf_addc(b, '>');
	}
}
