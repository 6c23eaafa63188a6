#include "codec/mime/mime_print.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_summary.h"
#include "codec/mime/mime_word.h"
#include <string.h>

static void quoted(struct buf *b, struct span s)
{
	char *to = buf_space(b, 2 * s.n + 2);
	size_t n = 0;

	if (!to)
		return;
	to[n++] = '"';
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\r' || c == '\n' || !c)
			continue;
		if (c == '"' || c == '\\')
			to[n++] = '\\';
		to[n++] = c;
	}
	to[n++] = '"';
	buf_grow(b, n);
}

/* Cuts at a character's border. */
static struct span cut(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	s.n = max;
	while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

/* nstring, as quoted: absent is NIL */
static void nstring(struct mime_print *p, struct span s)
{
	SCOPED_BUF word;

	buf_init(&word, 8 * MIME_SUMMARY_STRING_MAX);
	if (!s.p) {
		buf_add(p->b, SPAN("NIL"));
		return;
	}
	s = span_sub(s, 0, MIME_SUMMARY_STRING_MAX);
	if (mime_ascii(s)) {
		quoted(p->b, s);
		return;
	}
	s = cut(mime_charset_utf8(p->a, s, SPAN_NONE, MIME_SUMMARY_STRING_MAX), MIME_SUMMARY_STRING_MAX);
	if (p->utf8) {
		quoted(p->b, s);
		return;
	}
	/* octets and encoded words mixed: encoding the words again would show them raw */
	mime_word_encode(&word, mime_word_decode(p->a, s), false);
	quoted(p->b, buf_span(&word));
}

static void string(struct mime_print *p, struct span s)
{
	nstring(p, s.p ? s : SPAN(""));
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"; a group is a row without host */
static void addresses(struct mime_print *p, const struct mime_addresses *list)
{
	if (!list->count) {
		buf_add(p->b, SPAN("NIL"));
		return;
	}
	buf_addc(p->b, '(');
	for (size_t i = 0; i < list->count; i++) {
		const struct mime_address *r = &list->rows[i];

		if (r->group_end) {
			buf_add(p->b, SPAN("(NIL NIL NIL NIL)"));
			continue;
		}
		buf_addc(p->b, '(');
		nstring(p, r->group_start || !r->name.n ? SPAN_NONE : r->name);
		buf_addc(p->b, ' ');
		nstring(p, r->route.n ? r->route : SPAN_NONE);
		buf_addc(p->b, ' ');
		string(p, r->group_start ? r->name : r->local);
		buf_addc(p->b, ' ');
		if (r->group_start)
			buf_add(p->b, SPAN("NIL"));
		else
			string(p, r->domain);
		buf_addc(p->b, ')');
	}
	buf_addc(p->b, ')');
}

/* envelope = "(" date SP subject SP from SP sender SP reply-to SP to SP cc SP bcc SP in-reply-to SP
 * message-id ")" */
void mime_print_envelope(struct mime_print *p, const struct mime_envelope *env)
{
	const struct mime_addresses *lists[] = { &env->from, &env->sender, &env->reply_to, &env->to,
		&env->cc, &env->bcc };

	buf_addc(p->b, '(');
	nstring(p, env->date);
	buf_addc(p->b, ' ');
	nstring(p, env->subject);
	for (size_t i = 0; i < 6; i++) {
		buf_addc(p->b, ' ');
		addresses(p, lists[i]);
	}
	buf_addc(p->b, ' ');
	nstring(p, env->in_reply_to);
	buf_addc(p->b, ' ');
	nstring(p, env->message_id);
	buf_addc(p->b, ')');
}

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil */
static void params(struct mime_print *p, const struct mime_param *rows, size_t count)
{
	if (!count) {
		buf_add(p->b, SPAN("NIL"));
		return;
	}
	for (size_t i = 0; i < count; i++) {
		buf_addc(p->b, i ? ' ' : '(');
		string(p, rows[i].name);
		buf_addc(p->b, ' ');
		string(p, rows[i].value);
	}
	buf_addc(p->b, ')');
}

/* body-fld-dsp SP body-fld-lang SP body-fld-loc */
static void extension(struct mime_print *p, const struct mime_part *part)
{
	buf_addc(p->b, ' ');
	if (part->disposition.n) {
		buf_addc(p->b, '(');
		string(p, part->disposition);
		buf_addc(p->b, ' ');
		params(p, part->disposition_params, part->disposition_count);
		buf_addc(p->b, ')');
	} else {
		buf_add(p->b, SPAN("NIL"));
	}
	buf_addc(p->b, ' ');
	for (size_t i = 0; i < part->language_count; i++) {
		buf_addc(p->b, i ? ' ' : '(');
		string(p, part->languages[i]);
	}
	buf_addz(p->b, part->language_count ? ") " : "NIL ");
	nstring(p, part->location);
}

static void multipart(struct mime_print *p, const struct mime_part *part)
{
	for (const struct mime_part *c = part->child; c; c = c->next)
		mime_print_body(p, c);
	buf_addc(p->b, ' ');
	string(p, part->subtype);
	if (!p->extended)
		return;
	buf_addc(p->b, ' ');
	params(p, part->params, part->param_count);
	extension(p, part);
}

/* A leaf must not claim a type whose grammar asks for children: what could not be taken apart is shown
 * as text (broken multipart) or as opaque octets (message beyond the limits). */
static void leaf_type(struct mime_print *p, const struct mime_part *part, bool *text)
{
	bool multi = span_ieqz(part->type, "multipart");
	bool message = part->kind == MIME_LEAF && span_ieqz(part->type, "message") &&
		(span_ieqz(part->subtype, "rfc822") || span_ieqz(part->subtype, "global"));

	*text = multi || span_ieqz(part->type, "text");
	string(p, multi ? SPAN("text") : message ? SPAN("application") : part->type);
	buf_addc(p->b, ' ');
	string(p, multi ? SPAN("plain") : message ? SPAN("octet-stream") : part->subtype);
}

static void single(struct mime_print *p, const struct mime_part *part)
{
	struct mime_envelope env;
	bool text;

	leaf_type(p, part, &text);
	buf_addc(p->b, ' ');
	params(p, part->params, part->param_count);
	buf_addc(p->b, ' ');
	nstring(p, part->id);
	buf_addc(p->b, ' ');
	nstring(p, part->description);
	buf_addc(p->b, ' ');
	string(p, part->encoding.n ? part->encoding : SPAN("7bit"));
	buf_addf(p->b, " %zu", part->body_len);
	if (part->kind == MIME_MESSAGE) {
		mime_envelope_read(p->a, span_sub(p->message, part->child->head_off, part->child->head_len),
			&env);
		buf_addc(p->b, ' ');
		mime_print_envelope(p, &env);
		buf_addc(p->b, ' ');
		mime_print_body(p, part->child);
	}
	if (text || part->kind == MIME_MESSAGE)
		buf_addf(p->b, " %zu", part->body_lines);
	if (!p->extended)
		return;
	buf_addc(p->b, ' ');
	nstring(p, part->md5);
	extension(p, part);
}

/* body = "(" (body-type-1part / body-type-mpart) ")"; depth is bounded by mime_parse */
void mime_print_body(struct mime_print *p, const struct mime_part *part)
{
	buf_addc(p->b, '(');
	if (part->kind == MIME_MULTIPART)
		multipart(p, part);
	else
		single(p, part);
	buf_addc(p->b, ')');
}
