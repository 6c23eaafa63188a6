/* fetch_item.c - one message's FETCH data: items as text, bodies copied once, large ones as descriptors. */
#include <unistd.h>
#include "base/io.h"
#include "codec/imap/imap_date.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_header.h"
#include "proto/imap/fetch.h"

#define WHOLE_LEN 131072                 /* smaller messages are read at once */
#define PREVIEW_CHARS 200
#define PREVIEW_LOOK_LEN 16384           /* text that is looked at for them */
#define INLINE_MAX (3u << 20)            /* call->out holds a little less than 4 MiB */

static int body_get(struct fetch *f, const struct message *m, uint64_t off, uint64_t len, struct span *out,
	struct err *e)
{
	if (!f->whole.p && len < m->size / 2 && m->size > WHOLE_LEN)
		return message_body_range(f->c->tx, f->scratch, m, off, len, out, e);
	if (!f->whole.p && message_body(f->c->tx, f->scratch, m, &f->whole, e) < 0)
		return e->code;
	*out = span_sub(f->whole, off, len);
	return 0;
}

/* A literal; a large one leaves the buffer and goes as a memory file. */
static int put_literal(struct fetch *f, struct span bytes, bool binary, struct err *e)
{
	struct imap_call *c = f->c;
	int fd;

	imap_write_literal_len(c->out, bytes.n, binary);
	if (bytes.n < IMAP_SEGMENT_LEN && c->out->n + bytes.n < INLINE_MAX) {
		buf_add(c->out, bytes);
		return 0;
	}
	if (c->nseg == IMAP_SEGMENTS_MAX)
		return imap_no(e, ERR_LIMIT, "Too many large parts of one message at once");
	fd = io_memfd("body");
	if (fd < 0)
		return err_errno(e, "memfd");
	if (io_write_full(fd, bytes, e) < 0) {
		close(fd);
		return e->code;
	}
	c->seg[c->nseg++] = (struct imap_segment){ c->out->n, fd, bytes.n };
	f->segment_bytes += bytes.n;
	return 0;
}

enum mime_section fetch_section(const struct imap_fetch_item *it)
{
	if (it->kind == IMAP_FETCH_RFC822_HEADER)
		return MIME_SECTION_HEADER;
	if (it->kind == IMAP_FETCH_RFC822_TEXT)
		return MIME_SECTION_TEXT;
	switch (it->text) {
	case IMAP_SECTION_HEADER:
	case IMAP_SECTION_HEADER_FIELDS:
	case IMAP_SECTION_HEADER_FIELDS_NOT:
		return MIME_SECTION_HEADER;
	case IMAP_SECTION_TEXT:
		return MIME_SECTION_TEXT;
	case IMAP_SECTION_MIME:
		return MIME_SECTION_MIME;
	default:
		return MIME_SECTION_ALL;
	}
}

void fetch_cut(const struct imap_fetch_item *it, uint64_t *off, uint64_t *len)
{
	uint64_t skip = it->origin < *len ? it->origin : *len;

	if (!it->partial)
		return;
	*off += skip;
	*len -= skip;
	if (*len > it->length)
		*len = it->length;
}

static int put_fields(struct fetch *f, const struct message *m, const struct imap_fetch_item *it, size_t off,
	size_t len, struct err *e)
{
	struct span header;
	uint64_t from = 0, n;
	SCOPED_BUF b;

	buf_init(&b, len + 2);
	if (body_get(f, m, off, len, &header, e) < 0)
		return e->code;
	mime_header_filter(&b, header, it->names, it->name_count, it->text == IMAP_SECTION_HEADER_FIELDS_NOT);
	n = b.n;
	fetch_cut(it, &from, &n);
	return put_literal(f, span_sub(buf_span(&b), from, n), false, e);
}

static int put_section(struct fetch *f, const struct message *m, const struct imap_fetch_item *it, struct err *e)
{
	struct err miss = ERR_INIT;
	struct span bytes;
	size_t off = 0, len = m->size;
	uint64_t from, n;

	if ((it->part_count || fetch_section(it) != MIME_SECTION_ALL) && mime_summary_section(&m->summary, it->part,
		it->part_count, fetch_section(it), &off, &len, &miss) < 0) {
		buf_addz(f->c->out, "NIL");
		return 0;
	}
	if (it->kind == IMAP_FETCH_SECTION &&
		(it->text == IMAP_SECTION_HEADER_FIELDS || it->text == IMAP_SECTION_HEADER_FIELDS_NOT))
		return put_fields(f, m, it, off, len, e);
	from = off;
	n = len;
	fetch_cut(it, &from, &n);
	if (body_get(f, m, from, n, &bytes, e) < 0)
		return e->code;
	return put_literal(f, bytes, false, e);
}

/* BINARY[part] and BINARY.SIZE[part]: without the transfer encoding. */
static int put_binary(struct fetch *f, const struct message *m, const struct imap_fetch_item *it, struct err *e)
{
	struct err miss = ERR_INIT;
	struct span bytes, encoding = SPAN_NONE;
	size_t off = 0, len = m->size;
	uint64_t from = 0, n;

	if (it->part_count && (mime_summary_section(&m->summary, it->part, it->part_count, MIME_SECTION_ALL, &off,
		&len, &miss) < 0 || mime_summary_encoding(&m->summary, it->part, it->part_count, &encoding, &miss) < 0)) {
		buf_addz(f->c->out, it->kind == IMAP_FETCH_BINARY ? "NIL" : "0");
		return 0;
	}
	if (!mime_body_known(encoding)) {
		f->c->no_code = "UNKNOWN-CTE";
		return imap_no(e, ERR_PARAM, "Unknown transfer encoding");
	}
	if (body_get(f, m, off, len, &bytes, e) < 0)
		return e->code;
	bytes = mime_body_decode(f->scratch, bytes, encoding, m->size + 1);
	if (it->kind == IMAP_FETCH_BINARY_SIZE) {
		buf_addu(f->c->out, bytes.n);
		return 0;
	}
	n = bytes.n;
	fetch_cut(it, &from, &n);
	bytes = span_sub(bytes, from, n);
	return put_literal(f, bytes, span_has_nul(bytes), e);
}

/* The first words of the text, blanks joined (RFC 8970). LAZY makes no difference: there is nothing to wait for. */
static int put_preview(struct fetch *f, const struct message *m, struct err *e)
{
	struct mime_limits limits = MIME_LIMITS;
	struct mime_part *root;
	struct span body;
	if (body_get(f, m, 0, m->size, &body, e) < 0 || mime_parse(f->scratch, body, &limits, &root, e) < 0)
		return e->code;
	imap_write_preview(f->c->out, mime_message_text(f->scratch, body, root, PREVIEW_LOOK_LEN), PREVIEW_CHARS,
		f->c->s->utf8);
	return 0;
}

static int put_item(struct fetch *f, const struct message *m, const struct imap_fetch_item *it, struct err *e)
{
	struct buf *b = f->c->out;
	bool utf8 = f->c->s->utf8;

	switch (it->kind) {
	case IMAP_FETCH_FLAGS:
		imap_put_flags(b, &f->box, m->flags);
		return 0;
	case IMAP_FETCH_UID:
		buf_addu(b, m->uid);
		return 0;
	case IMAP_FETCH_INTERNALDATE:
		imap_date_time_format(b, m->received_sec, 0);
		return 0;
	case IMAP_FETCH_SAVEDATE:
		imap_date_time_format(b, m->saved_sec, 0);
		return 0;
	case IMAP_FETCH_SIZE:
		buf_addu(b, m->size);
		return 0;
	case IMAP_FETCH_ENVELOPE:
		mime_summary_envelope(b, &m->summary, utf8);
		return 0;
	case IMAP_FETCH_BODY:
		mime_summary_body(b, &m->summary, utf8);
		return 0;
	case IMAP_FETCH_BODYSTRUCTURE:
		mime_summary_structure(b, &m->summary, utf8);
		return 0;
	case IMAP_FETCH_MODSEQ:
		buf_addf(b, "(%llu)", (unsigned long long)m->modseq);
		return 0;
	case IMAP_FETCH_EMAILID:
		buf_addf(b, "(M%llu)", (unsigned long long)m->email_id);
		return 0;
	case IMAP_FETCH_PREVIEW:
		return put_preview(f, m, e);
	case IMAP_FETCH_BINARY:
	case IMAP_FETCH_BINARY_SIZE:
		return put_binary(f, m, it, e);
	case IMAP_FETCH_SECTION:
	case IMAP_FETCH_RFC822:
	case IMAP_FETCH_RFC822_HEADER:
	case IMAP_FETCH_RFC822_TEXT:
		return put_section(f, m, it, e);
	default: /* THREADID: threads are not kept */
		buf_addz(b, "NIL");
		return 0;
	}
}

int fetch_message(struct fetch *f, const struct message *m, struct err *e)
{
	struct imap_call *c = f->c;
	struct buf *b = c->out;
	size_t start = b->n, nseg = c->nseg;
	bool first = true;

	f->whole = SPAN_NONE;
	imap_put_fetch(c, c->s->view.uids, m->uid);
	if (c->uid && !f->has_uid && !c->s->uidonly) {
		buf_addz(b, "UID ");
		buf_addu(b, m->uid);
		first = false;
	}
	for (size_t i = 0; i < f->n; i++) {
		if (!first)
			buf_addc(b, ' ');
		first = false;
		buf_add(b, f->labels[i]);
		buf_addc(b, ' ');
		if (put_item(f, m, &f->items[i], e) < 0) {
			while (c->nseg > nseg)
				close(c->seg[--c->nseg].fd);
			b->n = start;
			return e->code;
		}
	}
	if (f->mods.has_changedsince && !f->has_modseq)
		buf_addf(b, " MODSEQ (%llu)", (unsigned long long)m->modseq);
	buf_addz(b, ")\r\n");
	if (f->want & WANT_SUMMARY && arena_used(f->scratch))
		arena_reset(f->scratch);
	return 0;
}
