#include "codec/move/move_item.h"
#include <string.h>
#include "base/wire.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_header.h"

#define NAME_MAX_LEN 8192
#define HEADER_LOOK 65536

void move_item_head(struct buf *b, const struct move_item *item)
{
	wire_u8(b, (uint8_t)item->kind);
	wire_u8(b, (uint8_t)item->flags);
	wire_u8(b, (uint8_t)item->special);
	wire_u64(b, (uint64_t)item->received_sec);
	wire_span(b, item->folder);
	wire_span(b, item->source);
	wire_span(b, item->keywords);
	wire_u64(b, item->body.n);
}

int move_item_next(struct span *rest, struct move_item *out, struct err *e)
{
	struct wire w = wire_open(*rest);
	uint64_t n;

	if (!rest->n)
		return 0;
	out->kind = (enum move_kind)wire_get_u8(&w);
	out->flags = wire_get_u8(&w);
	out->special = wire_get_u8(&w);
	out->received_sec = (int64_t)wire_get_u64(&w);
	out->folder = wire_get_span(&w, NAME_MAX_LEN);
	out->source = wire_get_span(&w, NAME_MAX_LEN);
	out->keywords = wire_get_span(&w, NAME_MAX_LEN);
	n = wire_get_u64(&w);
	if (w.failed || out->kind < MOVE_MESSAGE || out->kind > MOVE_ASK || out->flags > 31 || out->special > MOVE_ARCHIVE ||
		n > w.in.n)
		return err_set(e, ERR_SYNTAX, "The batch of mails cannot be read", "move batch");
	out->body = span_sub(w.in, 0, n);
	*rest = span_from(w.in, n);
	return 1;
}

enum move_special move_special_of(struct span folder)
{
	static const struct { const char *name; enum move_special special; } rows[] = {
		{ "INBOX", MOVE_INBOX },
		{ "Drafts", MOVE_DRAFTS }, { "Draft", MOVE_DRAFTS }, { "Entwürfe", MOVE_DRAFTS }, { "Entwurf", MOVE_DRAFTS },
		{ "Sent", MOVE_SENT }, { "Sent Items", MOVE_SENT }, { "Sent Messages", MOVE_SENT }, { "Sent Mail", MOVE_SENT },
		{ "sent-mail", MOVE_SENT }, { "Gesendet", MOVE_SENT }, { "Gesendete Objekte", MOVE_SENT },
		{ "Gesendete Elemente", MOVE_SENT }, { "Gesendete Nachrichten", MOVE_SENT },
		{ "Junk", MOVE_JUNK }, { "Spam", MOVE_JUNK }, { "Junk E-mail", MOVE_JUNK }, { "Junk-E-Mail", MOVE_JUNK },
		{ "Spamverdacht", MOVE_JUNK }, { "Werbung", MOVE_JUNK },
		{ "Trash", MOVE_TRASH }, { "Papierkorb", MOVE_TRASH }, { "Deleted Items", MOVE_TRASH },
		{ "Deleted Messages", MOVE_TRASH }, { "Gelöscht", MOVE_TRASH }, { "Gelöschte Objekte", MOVE_TRASH },
		{ "Gelöschte Elemente", MOVE_TRASH },
		{ "Archive", MOVE_ARCHIVE }, { "Archives", MOVE_ARCHIVE }, { "Archiv", MOVE_ARCHIVE } };

	if (span_istarts(folder, SPAN("INBOX/")))
		folder = span_from(folder, 6);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (span_ieqz(folder, rows[i].name))
			return rows[i].special;
	return MOVE_PLAIN;
}

void move_to_crlf(struct buf *b, struct span text)
{
	const char *end = memchr(text.p, '\n', text.n);

	if (!end || (end > text.p && end[-1] == '\r')) {
		buf_add(b, text);
		return;
	}
	while (text.n) {
		ssize_t at = span_chr(text, '\n');

		if (at < 0) {
			buf_add(b, text);
			return;
		}
		buf_add(b, span_sub(text, 0, (size_t)at));
		buf_add(b, at > 0 && text.p[at - 1] == '\r' ? SPAN("\n") : SPAN("\r\n"));
		text = span_from(text, (size_t)at + 1);
	}
}

static bool only_crlf(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r') {
			if (i + 1 == text.n || text.p[i + 1] != '\n')
				return false;
			i++;
		} else if (text.p[i] == '\n') {
			return false;
		}
	}
	return true;
}

bool move_to_lf(struct buf *b, struct span text)
{
	if (!only_crlf(text)) {
		buf_add(b, text);
		return false;
	}
	while (text.n) {
		struct span line = span_cut(&text, '\r');

		buf_add(b, line);
	}
	return true;
}

bool move_date_of(struct span message, int64_t *sec_out)
{
	struct span head = span_sub(message, 0, HEADER_LOOK);
	struct mime_field f;
	ssize_t at;
	int zone;

	if (mime_header_find(head, "Received", &f) && (at = span_rchr(f.value, ';')) >= 0 &&
		mime_date_parse(span_trim(span_from(f.value, (size_t)at + 1)), sec_out, &zone, NULL) == 0)
		return true;
	return mime_header_find(head, "Date", &f) && mime_date_parse(span_trim(f.value), sec_out, &zone, NULL) == 0;
}
