#include "codec/mime/mime_summary.h"
#include "base/wire.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_fold.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_print.h"
#include "codec/mime/mime_word.h"
#include <string.h>

#define SUMMARY_MAX (16u << 20)
#define TEXT_MAX (4u << 20)
#define ROW_LEN 22            /* kind, encoding: u8; child, next: u16 (0: none); four u32 */

static const char *const encodings[] = { "", "base64", "quoted-printable", "x-uuencode", "unknown" };

struct row {
	enum mime_kind kind;
	uint8_t encoding;
	uint16_t child, next;
	uint32_t head_off, head_len, body_off, body_len;
};

static uint8_t encoding_code(struct span e)
{
	if (!e.n || span_ieqz(e, "7bit") || span_ieqz(e, "8bit") || span_ieqz(e, "binary"))
		return 0;
	for (uint8_t i = 1; i < 4; i++)
		if (span_ieqz(e, encodings[i]))
			return i;
	return 4;
}

static unsigned tree_size(const struct mime_part *part)
{
	unsigned n = 0;

	for (; part; part = part->next)
		n += 1 + tree_size(part->child);
	return n;
}

/* Rows in pre-order: a child follows its parent, so every reference points forward. */
static void rows_write(struct buf *b, const struct mime_part *part, unsigned *index)
{
	for (; part; part = part->next) {
		unsigned self = (*index)++, below = tree_size(part->child);

		wire_u8(b, (uint8_t)part->kind);
		wire_u8(b, encoding_code(part->encoding));
		wire_u16(b, (uint16_t)(part->child ? self + 1 : 0));
		wire_u16(b, (uint16_t)(part->next ? self + 1 + below : 0));
		wire_u32(b, (uint32_t)part->head_off);
		wire_u32(b, (uint32_t)part->head_len);
		wire_u32(b, (uint32_t)part->body_off);
		wire_u32(b, (uint32_t)part->body_len);
		rows_write(b, part->child, index);
	}
}

/* "name local@domain, ..." decoded and folded: what SEARCH FROM looks into */
static struct span fold_list(struct arena *a, const struct mime_addresses *list)
{
	struct span result;
	struct buf b;

	buf_init(&b, MIME_SUMMARY_STRING_MAX);
	for (size_t i = 0; i < list->count && b.n < MIME_SUMMARY_STRING_MAX / 2; i++) {
		const struct mime_address *r = &list->rows[i];

		if (r->group_end)
			continue;
		buf_add(&b, mime_word_decode(a, span_sub(r->name, 0, 1024)));
		buf_addc(&b, ' ');
		buf_add(&b, mime_charset_utf8(a, span_sub(r->local, 0, 512), SPAN_NONE, 1024));
		if (r->domain.n) {
			buf_addc(&b, '@');
			buf_add(&b, mime_charset_utf8(a, span_sub(r->domain, 0, 512), SPAN_NONE, 1024));
		}
		buf_add(&b, SPAN(", "));
	}
	result = mime_fold(a, buf_span(&b));
	buf_fini(&b);
	return result;
}

enum text { TEXT_ENVELOPE, TEXT_BODY, TEXT_STRUCTURE };

static struct span text_make(struct arena *a, struct span message, const struct mime_part *root,
	const struct mime_envelope *env, enum text what, bool utf8)
{
	SCOPED_BUF b;
	struct mime_print p = { a, &b, message, utf8, what == TEXT_STRUCTURE };

	buf_init(&b, TEXT_MAX);
	if (what == TEXT_ENVELOPE)
		mime_print_envelope(&p, env);
	else
		mime_print_body(&p, root);
	if (!b.failed)
		return arena_span(a, buf_span(&b));
	if (what == TEXT_ENVELOPE)
		return SPAN("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	/* megabytes of structure: shown as one block of text */
	return arena_printf(a, "(\"text\" \"plain\" NIL NIL NIL \"8bit\" %zu %zu%s)", root->body_len,
		root->body_lines, what == TEXT_STRUCTURE ? " NIL NIL NIL NIL" : "");
}

/* Both forms; the second is empty when it would be the same. */
static void text_write(struct arena *a, struct buf *b, struct span message, const struct mime_part *root,
	const struct mime_envelope *env, enum text what, bool headers_ascii)
{
	struct span plain = text_make(a, message, root, env, what, false), utf8 = SPAN_NONE;

	if (!headers_ascii) {
		utf8 = text_make(a, message, root, env, what, true);
		if (span_eq(plain, utf8))
			utf8 = SPAN_NONE;
	}
	wire_span(b, plain);
	wire_span(b, utf8);
}

static bool headers_ascii(struct span message, const struct mime_part *part)
{
	for (; part; part = part->next)
		if (!mime_ascii(span_sub(message, part->head_off, part->head_len)) ||
			!headers_ascii(message, part->child))
			return false;
	return true;
}

static void search_write(struct arena *a, struct buf *b, const struct mime_envelope *env)
{
	struct span ids[1] = { SPAN_NONE };
	struct span subject = span_sub(env->subject, 0, MIME_SUMMARY_STRING_MAX);

	wire_span(b, fold_list(a, &env->from));
	wire_span(b, fold_list(a, &env->to));
	wire_span(b, fold_list(a, &env->cc));
	wire_span(b, fold_list(a, &env->bcc));
	wire_span(b, mime_fold(a, mime_word_decode(a, subject)));
	mime_references_parse(a, env->message_id, ids, 1);
	wire_span(b, ids[0]);
}

int mime_summary_build(struct arena *a, struct span message, struct span *out, struct err *e)
{
	struct mime_part *root;
	struct mime_envelope env;
	int64_t date = 0;
	int zone = 0, rc;
	unsigned index = 0;
	bool has_date, ascii;
	SCOPED_BUF b;

	buf_init(&b, SUMMARY_MAX + 64);
	rc = mime_parse(a, message, NULL, &root, e);
	if (rc < 0)
		return rc;
	mime_envelope_read(a, span_sub(message, root->head_off, root->head_len), &env);
	has_date = env.date.n && mime_date_parse(env.date, &date, &zone, NULL) == 0;
	ascii = headers_ascii(message, root);
	wire_u8(&b, MIME_SUMMARY_VERSION);
	wire_u8(&b, has_date);
	wire_u32(&b, (uint32_t)message.n);
	wire_u32(&b, (uint32_t)root->head_len);
	wire_u64(&b, (uint64_t)date);
	wire_u16(&b, (uint16_t)(zone + 1440));
	text_write(a, &b, message, root, &env, TEXT_ENVELOPE, ascii);
	text_write(a, &b, message, root, &env, TEXT_BODY, ascii);
	text_write(a, &b, message, root, &env, TEXT_STRUCTURE, ascii);
	search_write(a, &b, &env);
	wire_u16(&b, (uint16_t)tree_size(root));
	rows_write(&b, root, &index);
	if (b.failed)
		return err_set(e, ERR_TOOBIG, "message too complex", "mime: summary above %u octets", SUMMARY_MAX);
	*out = arena_span(a, buf_span(&b));
	return 0;
}

/* Nothing that could end a line or start a literal; 8-bit only where it is allowed. */
static bool text_safe(struct span s, bool utf8)
{
	unsigned char bad = 0, high = utf8 ? 0 : 128;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		bad |= (unsigned char)((c == 0) | (c == '\r') | (c == '\n') | ((c & high) != 0));
	}
	return !bad;
}

int mime_summary_open(struct span summary, struct mime_summary *out, struct err *e)
{
	struct wire w = wire_open(summary);
	struct span *texts[] = { &out->envelope, &out->envelope_utf8, &out->body, &out->body_utf8,
		&out->structure, &out->structure_utf8, &out->from, &out->to, &out->cc, &out->bcc,
		&out->subject, &out->message_id };
	bool ok = true;
	uint16_t zone;

	*out = (struct mime_summary){ 0 };
	if (wire_get_u8(&w) != MIME_SUMMARY_VERSION)
		return err_set(e, ERR_SYNTAX, "internal error", "mime summary: unknown version");
	out->has_date = wire_get_u8(&w) == 1;
	out->message_len = wire_get_u32(&w);
	out->header_len = wire_get_u32(&w);
	out->date_sec = (int64_t)wire_get_u64(&w);
	zone = wire_get_u16(&w);
	out->zone_min = (int)zone - 1440;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		*texts[i] = wire_get_span(&w, TEXT_MAX);
		if (i < 6)
			ok = ok && text_safe(*texts[i], i & 1);
	}
	out->part_count = wire_get_u16(&w);
	out->parts = w.in;
	if (w.failed || !ok || zone > 2880 || out->header_len > out->message_len || !out->part_count ||
		out->parts.n != (size_t)out->part_count * ROW_LEN)
		return err_set(e, ERR_SYNTAX, "internal error", "mime summary: damaged");
	return 0;
}

void mime_summary_envelope(struct buf *b, const struct mime_summary *s, bool utf8)
{
	buf_add(b, utf8 && s->envelope_utf8.n ? s->envelope_utf8 : s->envelope);
}

void mime_summary_body(struct buf *b, const struct mime_summary *s, bool utf8)
{
	buf_add(b, utf8 && s->body_utf8.n ? s->body_utf8 : s->body);
}

void mime_summary_structure(struct buf *b, const struct mime_summary *s, bool utf8)
{
	buf_add(b, utf8 && s->structure_utf8.n ? s->structure_utf8 : s->structure);
}

/* Row `index` with its ranges clamped to the message; references that do not point forward are none. */
static struct row row_read(const struct mime_summary *s, unsigned index)
{
	struct wire w = wire_open(span_from(s->parts, (size_t)index * ROW_LEN));
	struct row r;

	r.kind = wire_get_u8(&w);
	r.encoding = wire_get_u8(&w);
	r.child = wire_get_u16(&w);
	r.next = wire_get_u16(&w);
	r.head_off = wire_get_u32(&w);
	r.head_len = wire_get_u32(&w);
	r.body_off = wire_get_u32(&w);
	r.body_len = wire_get_u32(&w);
	if (r.child <= index || r.child >= s->part_count)
		r.child = 0;
	if (r.next <= index || r.next >= s->part_count)
		r.next = 0;
	if (r.head_off > s->message_len)
		r.head_off = (uint32_t)s->message_len;
	if (r.head_len > s->message_len - r.head_off)
		r.head_len = (uint32_t)(s->message_len - r.head_off);
	if (r.body_off > s->message_len)
		r.body_off = (uint32_t)s->message_len;
	if (r.body_len > s->message_len - r.body_off)
		r.body_len = (uint32_t)(s->message_len - r.body_off);
	return r;
}

/* Part numbers count the children of a multipart; a message that is none has itself as part 1
 * (RFC 9051 section 6.4.5.1).. */
static bool row_find(const struct mime_summary *s, const uint32_t *path, size_t count, struct row *out)
{
	struct row at = row_read(s, 0);
	bool is_message = true;     /* `at` is a whole message: its number 1 may be itself */

	for (size_t i = 0; i < count; i++) {
		uint32_t want = path[i];

		if (!want)
			return false;
		if (!is_message && at.kind == MIME_MESSAGE && at.child) {
			at = row_read(s, at.child);
			is_message = true;
		}
		if (at.kind == MIME_MULTIPART && at.child) {
			at = row_read(s, at.child);
			for (uint32_t n = 1; n < want; n++) {
				if (!at.next)
					return false;
				at = row_read(s, at.next);
			}
		} else if (!is_message || want != 1) {
			return false;
		}
		is_message = false;
	}
	*out = at;
	return true;
}

int mime_summary_section(const struct mime_summary *s, const uint32_t *path, size_t count,
	enum mime_section what, size_t *off_out, size_t *len_out, struct err *e)
{
	struct row r;

	*off_out = *len_out = 0;
	if (!row_find(s, path, count, &r) || (what == MIME_SECTION_MIME && !count))
		return err_set(e, ERR_MISSING, "no such part", "mime: no such part");
	if (!count && what == MIME_SECTION_ALL) {
		*len_out = s->message_len;
		return 0;
	}
	if (count && (what == MIME_SECTION_HEADER || what == MIME_SECTION_TEXT)) {
		if (r.kind != MIME_MESSAGE || !r.child)
			return err_set(e, ERR_MISSING, "no such part", "mime: part is no message");
		r = row_read(s, r.child);
	}
	if (what == MIME_SECTION_HEADER || what == MIME_SECTION_MIME) {
		*off_out = r.head_off;
		*len_out = r.head_len;
	} else {
		*off_out = r.body_off;
		*len_out = r.body_len;
	}
	return 0;
}

int mime_summary_encoding(const struct mime_summary *s, const uint32_t *path, size_t count,
	struct span *out, struct err *e)
{
	struct row r;

	*out = SPAN_NONE;
	if (!row_find(s, path, count, &r))
		return err_set(e, ERR_MISSING, "no such part", "mime: no such part");
	if (r.encoding && r.encoding < sizeof(encodings) / sizeof(*encodings))
		*out = span_str(encodings[r.encoding]);
	return 0;
}
