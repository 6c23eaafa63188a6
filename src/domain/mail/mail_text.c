#include "domain/mail/mail_text.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_fold.h"
#include "codec/mime/mime_word.h"

struct span mail_text_field(struct arena *a, const struct mime_field *f)
{
	return mime_fold(a, mime_word_decode(a, mime_header_unfold(a, f->value)));
}

struct span mail_text_field_written(struct arena *a, const struct mime_field *f)
{
	return mime_fold(a, arena_printf(a, "%.*s: ", SPAN_F(f->name)));
}

static size_t text_len(const struct mime_part *part)
{
	size_t n = 0;

	for (; part; part = part->next)
		n += text_len(part->child) + (part->kind == MIME_LEAF && span_ieqz(part->type, "text") ? part->body_len : 0);
	return n;
}

int mail_text_body(struct arena *a, struct span message, size_t max, struct span *out, struct err *e)
{
	struct mime_limits limits = MIME_LIMITS;
	struct mime_part *root;

	if (mime_parse(a, message, &limits, &root, e) < 0)
		return e->code;
	if (text_len(root) > max)
		return err_set(e, ERR_TOOBIG, "Too much text", "more than %zu octets of text", max);
	*out = mime_fold(a, mime_message_text(a, message, root, MAIL_TEXT_MAX));
	return 0;
}

int mail_text_each(struct arena *a, const struct mime_summary *y, struct span message, size_t max,
	void (*fn)(void *arg, enum mail_where where, struct span folded), void *arg, struct err *e)
{
	struct span rest = span_sub(message, 0, mime_header_len(message)), body;
	struct mime_field f;

	fn(arg, WHERE_FROM, y->from);
	fn(arg, WHERE_TO, y->to);
	fn(arg, WHERE_TO, y->cc);
	fn(arg, WHERE_TO, y->bcc);
	fn(arg, WHERE_SUBJECT, y->subject);
	fn(arg, WHERE_HEADER, mime_fold(a, y->message_id));
	while (mime_header_next(&rest, &f)) {
		fn(arg, WHERE_HEADER, mail_text_field(a, &f));
		fn(arg, WHERE_HEADER, mail_text_field_written(a, &f));
	}
	if (mail_text_body(a, message, max, &body, e) < 0)
		return e->code;
	fn(arg, WHERE_BODY, body);
	return 0;
}
