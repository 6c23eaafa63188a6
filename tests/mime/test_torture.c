/* MIME torture: the test messages of GMime (tests/corpus/mime/gmime) and of Python's email package (Debian:
 * libpython3.11-testsuite), with LF and with CRLF. GMime is the oracle for the tree and for decoded bodies; where we answer
 * otherwise on purpose `differs` says why. Whatever IMAP asks of a message is made and read again.
 *
 * test_torture DIRECTORY... ; a directory that is missing or has too few messages fails. */
#include <dirent.h>
#include <gmime/gmime.h>
#include <stdlib.h>
#include "base/buf.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_parse.h"
#include "codec/mime/mime_summary.h"

#define BODY_MAX (1u << 20)

static const struct {
	const char *name, *why;
} differs[] = {
	{ "msg_14.txt", "Content-Type without a subtype: text/plain (RFC 2045 section 5.2), octets there" },
	{ "msg_39.txt", "base64 that ends within a group: we give what is whole" },
	{ "msg_37.txt", "GMime leaves out parts that have neither header nor body" },
	{ "msg_38.txt", "the same" },
	{ "substring.mbox 3", "boundary=\"\" is no boundary (RFC 2046 section 5.1.1): one opaque part" },
};

static unsigned messages, compared, failures;

static void lower(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(b, ascii_lower(s.p[i]));
}

/* Octets without CR, for line ends are not what is compared; white space at the end neither. */
static void add_body(struct buf *b, struct span body)
{
	while (body.n && strchr("\r\n", body.p[body.n - 1]))
		body.n--;
	buf_addf(b, " %zu:", body.n);
	for (size_t i = 0; i < body.n; i++)
		if (body.p[i] != '\r')
			buf_addc(b, body.p[i]);
}

static void ours(struct buf *b, struct arena *a, struct span message, const struct mime_part *part, bool bodies)
{
	buf_addc(b, '(');
	lower(b, part->type);
	buf_addc(b, '/');
	lower(b, part->subtype);
	for (const struct mime_part *c = part->child; c; c = c->next)
		ours(b, a, message, c, bodies);
	if (bodies && part->kind == MIME_LEAF && !span_ieqz(part->type, "multipart")) /* those without a boundary are empty there */
		add_body(b, mime_body_decode(a, span_sub(message, part->body_off, part->body_len), part->encoding, BODY_MAX));
	buf_addc(b, ')');
}

static void gmime_body(struct buf *b, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *to = g_mime_stream_mem_new();
	GByteArray *got;

	if (content)
		g_mime_data_wrapper_write_to_stream(content, to);
	got = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(to));
	add_body(b, SPAN_BYTES(got->data, got->len));
	g_object_unref(to);
}

static void theirs(struct buf *b, GMimeObject *o, bool bodies)
{
	GMimeContentType *type = g_mime_object_get_content_type(o);

	buf_addc(b, '(');
	lower(b, span_str(g_mime_content_type_get_media_type(type)));
	buf_addc(b, '/');
	lower(b, span_str(g_mime_content_type_get_media_subtype(type)));
	if (GMIME_IS_MULTIPART(o)) {
		for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(o)); i++)
			theirs(b, g_mime_multipart_get_part(GMIME_MULTIPART(o), i), bodies);
	} else if (GMIME_IS_MESSAGE_PART(o)) {
		GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));

		if (inner && g_mime_message_get_mime_part(inner))
			theirs(b, g_mime_message_get_mime_part(inner), bodies);
	} else if (bodies) {
		gmime_body(b, GMIME_PART(o));
	}
	buf_addc(b, ')');
}

static const char *reason(const char *name)
{
	for (size_t i = 0; i < sizeof(differs) / sizeof(*differs); i++)
		if (!strcmp(differs[i].name, name))
			return differs[i].why;
	return NULL;
}

static void check(bool good, const char *name, const char *what, struct span got, struct span want)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n  ours   %.*s\n  theirs %.*s\n", name, what, SPAN_F(got), SPAN_F(want));
	failures++;
}

static void compare(struct arena *a, struct span message, const char *name, const struct mime_part *root)
{
	GMimeStream *s = g_mime_stream_mem_new_with_buffer(message.p, message.n);
	GMimeParser *parser = g_mime_parser_new_with_stream(s);
	GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
	SCOPED_BUF b;
	SCOPED_BUF w;

	buf_init(&b, 1u << 24);
	buf_init(&w, 1u << 24);
	for (unsigned bodies = 0; bodies < 2 && m && g_mime_message_get_mime_part(m); bodies++) {
		buf_reset(&b);
		buf_reset(&w);
		ours(&b, a, message, root, bodies);
		theirs(&w, g_mime_message_get_mime_part(m), bodies);
		check(span_eq(buf_span(&b), buf_span(&w)), name, bodies ? "bodies" : "tree", buf_span(&b), buf_span(&w));
		compared++;
	}
	if (m)
		g_object_unref(m);
	g_object_unref(parser);
	g_object_unref(s);
}

/* Every section that the summary names lies in the message. */
static void sections(struct span message, const struct mime_summary *y, const char *name)
{
	for (uint32_t first = 0; first < 40; first++)
		for (uint32_t second = 0; second < 6; second++)
			for (int what = MIME_SECTION_ALL; what <= MIME_SECTION_MIME; what++) {
				uint32_t path[] = { first, second };
				size_t off, len;

				if (mime_summary_section(y, path, second ? 2 : first ? 1 : 0, (enum mime_section)what, &off, &len, NULL) == 0)
					check(off <= message.n && len <= message.n - off, name, "section", SPAN(""), SPAN(""));
			}
}

static void try_message(struct span message, const char *name)
{
	SCOPED_ARENA a = arena_new();
	struct mime_limits limits = MIME_LIMITS;
	struct mime_summary y;
	struct mime_part *root;
	struct span packed, text;

	check(mime_parse(a, message, &limits, &root, NULL) == 0, name, "parse", SPAN(""), SPAN(""));
	check(mime_summary_build(a, message, &packed, NULL) == 0 && mime_summary_open(packed, &y, NULL) == 0, name, "summary", SPAN(""), SPAN(""));
	check(y.message_len == message.n && y.envelope.n && y.body.n && y.structure.n, name, "summary's texts", SPAN(""), SPAN(""));
	check(!memchr(y.structure.p, '\n', y.structure.n) && !memchr(y.envelope.p, '\n', y.envelope.n), name, "line feeds", y.structure, y.envelope);
	sections(message, &y, name);
	text = mime_message_text(a, message, root, BODY_MAX);
	check(text.n <= 4 * message.n + 64, name, "text grows", SPAN(""), SPAN(""));
	if (!reason(name))
		compare(a, message, name, root);
	messages++;
}

static struct span with_crlf(struct arena *a, struct span s)
{
	char *to = arena_alloc(a, 2 * s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (!i || s.p[i - 1] != '\r'))
			to[n++] = '\r';
		to[n++] = s.p[i];
	}
	return (struct span){ to, n };
}

static void both_ways(struct span message, const char *name)
{
	SCOPED_ARENA a = arena_new();

	try_message(message, name);
	try_message(with_crlf(a, message), name);
}

/* An mbox is its messages, one after the other. */
static void try_file(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL), *data = NULL;
	struct span rest, message;
	ssize_t next;
	gsize n;
	char numbered[300];

	if (!g_file_get_contents(path, &data, &n, NULL))
		check(false, name, "cannot be read", SPAN(""), SPAN(""));
	rest = SPAN_BYTES(data, n);
	if (!g_str_has_suffix(name, ".mbox")) {
		both_ways(rest, name);
		return;
	}
	for (unsigned i = 1; rest.n; i++) {
		span_cut(&rest, '\n');
		next = span_find(rest, SPAN("\nFrom - "));
		message = next < 0 ? rest : span_sub(rest, 0, (size_t)next + 1);
		rest = next < 0 ? SPAN_NONE : span_from(rest, (size_t)next + 1);
		snprintf(numbered, sizeof(numbered), "%s %u", name, i);
		both_ways(message, numbered);
	}
}

int main(int argc, char **argv)
{
	g_mime_init();
	for (int i = 1; i < argc; i++) {
		unsigned before = messages;
		struct dirent *entry;
		DIR *d = opendir(argv[i]);

		while (d && (entry = readdir(d)))
			if (g_str_has_suffix(entry->d_name, ".txt") || g_str_has_suffix(entry->d_name, ".msg") ||
				g_str_has_suffix(entry->d_name, ".eml") || g_str_has_suffix(entry->d_name, ".mbox"))
				try_file(argv[i], entry->d_name);
		if (d)
			closedir(d);
		check(messages - before >= 10, argv[i], "too few messages (tools/packages.txt)", SPAN(""), SPAN(""));
	}
	printf("%u messages, %u comparisons with GMime\n", messages, compared);
	g_mime_shutdown();
	return failures ? 1 : 0;
}
