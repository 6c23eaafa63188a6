/* text_office.c - docx, xlsx, pptx and OpenDocument: XML in a zip archive.
 *
 * Bounded whatever an archive says of itself: entries, octets that come out of it, depth; a document type declaration
 * ends the reading, so there are no entities. What was read until then counts. */
#include <expat.h>
#include <string.h>
#include <zip.h>
#include "text/text.h"

#define ENTRIES_MAX 10000
#define UNPACKED_MAX (64u << 20)
#define DEPTH_MAX 500

struct reading {
	XML_Parser parser;
	struct buf *out;
	unsigned depth;
	bool shared, value;            /* xlsx: in a cell whose value is the number of a text; in <v> */
};

static const char *local(const char *name)
{
	const char *c = strrchr(name, ':');

	return c ? c + 1 : name;
}

static bool is(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(local(name), *list) == 0)
			return true;
	return false;
}

static void stop(struct reading *r)
{
	XML_StopParser(r->parser, XML_FALSE);
}

static void add(struct reading *r, struct span s)
{
	buf_add(r->out, span_sub(s, 0, r->out->max - r->out->n));
	if (r->out->n >= r->out->max)
		stop(r);
}

static void begin(void *arg, const char *name, const char **attr)
{
	static const char *const blanks[] = { "tab", "br", "cr", "s", "line-break", NULL };
	struct reading *r = arg;

	if (++r->depth > DEPTH_MAX) {
		stop(r);
		return;
	}
	if (strcmp(local(name), "c") == 0) {
		r->shared = false;
		for (size_t i = 0; attr[i]; i += 2)
			r->shared = r->shared || (strcmp(attr[i], "t") == 0 && strcmp(attr[i + 1], "s") == 0);
	}
	r->value = strcmp(local(name), "v") == 0;
	if (is(name, blanks))
		add(r, SPAN(" "));
}

/* Paragraphs and cells part words, runs of letters do not. */
static void end(void *arg, const char *name)
{
	static const char *const parts[] = { "p", "h", "si", "c", "tr", "table-cell", NULL };
	struct reading *r = arg;

	r->depth--;
	r->value = false;
	if (is(name, parts))
		add(r, SPAN("\n"));
}

static void text(void *arg, const char *s, int n)
{
	struct reading *r = arg;

	if (!(r->value && r->shared))
		add(r, (struct span){ s, (size_t)n });
}

static void no_doctype(void *arg, const char *name, const char *sysid, const char *pubid, int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	stop(arg);
}

static void read_entry(zip_t *z, zip_uint64_t index, struct buf *out, size_t *left)
{
	zip_file_t *f = zip_fopen_index(z, index, 0);
	struct reading r = { .parser = XML_ParserCreate(NULL), .out = out };
	char piece[16384];
	zip_int64_t n;

	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, begin, end);
	XML_SetCharacterDataHandler(r.parser, text);
	XML_SetStartDoctypeDeclHandler(r.parser, no_doctype);
	while (f && *left && (n = zip_fread(f, piece, sizeof(piece) < *left ? sizeof(piece) : *left)) > 0) {
		*left -= (size_t)n;
		if (XML_Parse(r.parser, piece, (int)n, 0) != XML_STATUS_OK)
			break;
	}
	XML_ParserFree(r.parser);
	if (f)
		zip_fclose(f);
	if (out->n < out->max)
		buf_addc(out, '\n');
}

static bool wanted(const char *name)
{
	static const char *const whole[] = { "word/document.xml", "word/footnotes.xml", "word/endnotes.xml", "word/comments.xml",
		"xl/sharedStrings.xml", "content.xml" };
	static const char *const begins[] = { "ppt/slides/slide", "ppt/notesSlides/notesSlide", "xl/worksheets/sheet", "word/header", "word/footer" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (strcmp(name, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0 && span_ends(span_str(name), SPAN(".xml")))
			return true;
	return false;
}

void text_read_office(struct span document, struct buf *out)
{
	zip_error_t ze;
	zip_source_t *source = zip_source_buffer_create(document.p, document.n, 0, &ze);
	zip_t *z = source ? zip_open_from_source(source, ZIP_RDONLY, &ze) : NULL;
	zip_int64_t n = z ? zip_get_num_entries(z, 0) : 0;
	size_t left = UNPACKED_MAX;

	for (zip_int64_t i = 0; i < n && i < ENTRIES_MAX && left && out->n < out->max; i++) {
		const char *name = zip_get_name(z, (zip_uint64_t)i, 0);

		if (name && wanted(name))
			read_entry(z, (zip_uint64_t)i, out, &left);
	}
	if (z)
		zip_discard(z);
	else if (source)
		zip_source_free(source);
}
