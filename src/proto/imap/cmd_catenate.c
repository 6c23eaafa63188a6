/* cmd_catenate.c - CATENATE of APPEND and REPLACE: a message out of text and parts of messages that are here (RFC 4469).
 *
 * append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
 * cat-part = "TEXT" SP literal / "URL" SP astring                          URLs: codec/imap/imap_url.h
 * The sum is bounded: a short command could ask for much. A URL is read with the rights of who appends; reading does
 * not set \\Seen. What cannot be found or read is BADURL, all alike, so that nobody learns what is there. */
#include <string.h>
#include "codec/mime/mime_header.h"
#include "proto/imap/append.h"
#include "proto/imap/fetch.h"

#define CATENATE_MAX (64u << 20)
#define PARTS_MAX 256

struct part {
	struct imap_call *c;
	struct imap_url url;
	struct arena *scratch;
	struct buf *out;
};

static int copy_bytes(struct part *p, const struct message *m, struct err *e)
{
	const struct imap_fetch_item *it = &p->url.section;
	uint64_t from = 0, n;
	size_t off = 0, len = m->size;
	struct span body;
	SCOPED_BUF fields;

	buf_init(&fields, CATENATE_MAX);
	if ((it->part_count || fetch_section(it) != MIME_SECTION_ALL) &&
		mime_summary_section(&m->summary, it->part, it->part_count, fetch_section(it), &off, &len, e) < 0)
		return e->code;
	if (message_body(p->c->tx, p->scratch, m, &body, e) < 0)
		return e->code;
	body = span_sub(body, off, len);
	if (it->text == IMAP_SECTION_HEADER_FIELDS || it->text == IMAP_SECTION_HEADER_FIELDS_NOT) {
		mime_header_filter(&fields, body, it->names, it->name_count, it->text == IMAP_SECTION_HEADER_FIELDS_NOT);
		body = buf_span(&fields);
	}
	n = body.n;
	fetch_cut(it, &from, &n);
	buf_add(p->out, span_sub(body, from, n));
	return 0;
}

static int find_box(struct imap_call *c, const struct imap_url *u, struct mailbox *box, struct err *e)
{
	if (!u->mailbox.n)
		return c->s->at == ST_SELECTED ? imap_box(c, box, e) : imap_no(e, ERR_MISSING, "No mailbox is selected");
	return mailbox_find(c->org, c->tx, c->arena, c->who, u->mailbox, box, e);
}

static int read_part(struct tx *tx, void *arg, struct err *e)
{
	struct part *p = arg;
	struct imap_set uids = { 0 };
	struct message_walk *w;
	struct mailbox box;
	struct message m;
	int r;

	p->c->tx = tx;
	imap_set_add(p->scratch, &uids, p->url.uid);
	r = find_box(p->c, &p->url, &box, e);
	if (r >= 0 && (!(box.rights & RIGHT_READ) || (p->url.uidvalidity && p->url.uidvalidity != box.uidvalidity)))
		r = imap_no(e, ERR_MISSING, "No such message");
	if (r >= 0)
		r = message_walk_open(p->c->org, tx, p->scratch, &box, &uids, WANT_SUMMARY, &w, e);
	if (r >= 0) {
		r = message_walk_next(w, &m, e);
		if (r == 0)
			r = imap_no(e, ERR_MISSING, "No such message");
		else if (r > 0)
			r = copy_bytes(p, &m, e);
		message_walk_close(w);
	}
	p->c->tx = NULL;
	return r;
}

/* The code says which URL it was, if it can stand in a line. */
static int bad_url(struct imap_call *c, struct span url, struct err *e)
{
	char *code = arena_alloc(c->arena, IMAP_URL_MAX + 32);
	SCOPED_BUF b;

	buf_init(&b, IMAP_URL_MAX + 16);
	buf_addz(&b, "BADURL ");
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] < 0x21 || url.p[i] > 0x7e || url.p[i] == ']')
			url.n = 0;
	imap_write_quoted(&b, url);
	if (!b.failed)
		memcpy(code, b.p, b.n);
	c->no_code = b.failed ? "BADURL \"\"" : code;
	err_clear(e);
	return imap_no(e, ERR_MISSING, "This URL names no message here");
}

static int add_url(struct imap_call *c, struct buf *out, struct span url, struct err *e)
{
	SCOPED_ARENA scratch = arena_new();
	struct part p = { .c = c, .scratch = scratch, .out = out };
	int r;

	r = imap_url_parse(c->arena, url, &p.url, e);
	if (r >= 0)
		r = store_read(c->store, read_part, &p, e);
	if (r >= 0 || r == ERR_LATER || r == ERR_GONE || r == ERR_BROKEN)
		return r;
	return bad_url(c, url, e);
}

int append_catenate(struct imap_call *c, struct append *ap, struct buf *out, struct err *e)
{
	struct imap_args list;
	struct span bytes, url;
	size_t n = 0;

	buf_init(out, CATENATE_MAX);
	if (!imap_args_list(&c->args, &list) || imap_args_end(&list))
		return imap_bad(e, "CATENATE takes a list of parts");
	do {
		if (++n > PARTS_MAX)
			return imap_no(e, ERR_LIMIT, "Too many parts");
		if (imap_args_word(&list, "TEXT")) {
			if (append_literal(c, ap, &list, &bytes, e) < 0)
				return e->code;
			buf_add(out, bytes);
		} else if (!imap_args_word(&list, "URL") || !imap_args_astring(&list, &url)) {
			return imap_bad(e, "TEXT and a literal or URL and a URL expected");
		} else if (add_url(c, out, url, e) < 0) {
			return e->code;
		}
		if (out->failed)
			return imap_no(e, ERR_TOOBIG, "The message would be larger than 64 MiB");
	} while (!imap_args_end(&list));
	return 0;
}
