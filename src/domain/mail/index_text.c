/* index_text.c - documents attached to mail: found, read by somebody else, their text kept sealed. */
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_fold.h"
#include "domain/mail/index_impl.h"

#define DOCUMENTS_MAX 20
#define DOCUMENTS_LEN_MAX (32u << 20)  /* octets of all of them, decoded */
#define BEGIN_LEN 16

static struct seal_place place(uint64_t email_id)
{
	return (struct seal_place){ "search_text", "sealed", email_id };
}

static struct span body_of(struct arena *a, struct span message, const struct mime_part *part, size_t encoded, size_t max)
{
	return mime_body_decode(a, span_sub(span_sub(message, part->body_off, part->body_len), 0, encoded), part->encoding, max);
}

static bool is_document(struct arena *a, struct span message, const struct mime_part *part)
{
	struct span begin;

	if (part->kind != MIME_LEAF || span_ieqz(part->type, "text"))
		return false;
	begin = body_of(a, message, part, 64, BEGIN_LEN);
	return span_starts(begin, SPAN("%PDF-")) || span_starts(begin, SPAN("PK\3\4"));
}

static void collect(struct arena *a, struct span message, const struct mime_part *part, struct span_list *out, size_t *left)
{
	for (; part && out->n < DOCUMENTS_MAX; part = part->next) {
		if (is_document(a, message, part) && part->body_len <= *left) {
			struct span body = body_of(a, message, part, SIZE_MAX, *left);

			/* what needed no decoding is still the message, which goes away */
			out->v[out->n++] = body.p >= message.p && body.p < message.p + message.n ? arena_span(a, body) : body;
			*left -= body.n;
		}
		collect(a, message, part->child, out, left);
	}
}

void index_documents(struct arena *a, struct span message, struct span_list *out)
{
	struct mime_limits limits = MIME_LIMITS;
	size_t left = DOCUMENTS_LEN_MAX;
	struct mime_part *root;

	out->n = 0;
	out->v = ARENA_ARRAY(a, struct span, DOCUMENTS_MAX);
	if (mime_parse(a, message, &limits, &root, NULL) == 0)
		collect(a, message, root, out, &left);
}

int index_text_read(struct mail_index_builder *b, struct arena *a, const struct span_list *documents, struct span *out, struct err *e)
{
	SCOPED_BUF all;

	buf_init(&all, TEXT_KEPT_MAX + 1);
	for (size_t i = 0; i < documents->n && all.n < TEXT_KEPT_MAX; i++) {
		struct span text;

		if (b->read(b->read_arg, a, documents->v[i], &text, e) < 0)
			return e->code;
		buf_add(&all, span_sub(text, 0, TEXT_KEPT_MAX - all.n));
		if (text.n)
			buf_addc(&all, '\n');
	}
	*out = arena_span(a, buf_span(&all));
	return 0;
}

int index_text_write(struct tx *tx, const struct index_keys *k, struct arena *a, uint64_t email_id, struct span text, struct err *e)
{
	struct sql *q = sql_open(tx, "INSERT INTO search_text (email_id, sealed) SELECT id, ?2 FROM email WHERE id = ?1"
		" ON CONFLICT (email_id) DO UPDATE SET sealed = ?2");

	sql_int(q, 1, (int64_t)email_id);
	sql_blob(q, 2, seal_column(a, &k->seal, place(email_id), text));
	return sql_run(q, e) < 0 ? e->code : 0;
}

int mail_index_text(struct tx *tx, struct arena *a, const struct seal_key *account_key, uint64_t email_id, struct span *out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT sealed FROM search_text WHERE email_id = ?1");
	int r;

	*out = SPAN_NONE;
	sql_int(q, 1, (int64_t)email_id);
	r = sql_next(q, e);
	if (r <= 0)
		return r;
	if (unseal_column(a, account_key, place(email_id), sql_col(q, 0), out, e) < 0)
		return e->code;
	*out = mime_fold(a, *out);
	return 0;
}
