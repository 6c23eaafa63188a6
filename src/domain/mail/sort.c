#include "domain/mail/sort.h"
#include <stdlib.h>
#include <string.h>
#include "codec/mime/mime_envelope.h"
#include "codec/mime/mime_fold.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_word.h"
#include "domain/mail/mail_view.h"
#include "domain/mail/order_cache.h"

struct value {                           /* of one key: one of the two */
	struct span text;
	int64_t number;
};
struct row {
	uint32_t uid;
	struct value v[];
};

static struct span folded(struct arena *a, struct span s)
{
	return s.n ? mime_fold(a, mime_word_decode(a, s)) : SPAN_NONE;
}

/* RFC 5957 section 3: the name as it is shown, else the address. */
static struct span displayed(struct arena *a, const struct imap_envelope_address *m)
{
	if (m->name.n)
		return folded(a, m->name);
	if (!m->mailbox.n || !m->host.n)
		return folded(a, m->mailbox);
	return mime_fold(a, arena_printf(a, "%.*s@%.*s", SPAN_F(m->mailbox), SPAN_F(m->host)));
}

static void row_key(struct arena *a, const struct message *m, const struct imap_envelope_keys *env,
	const struct imap_sort_key *key, unsigned score, struct value *v)
{
	bool reply;

	switch (key->kind) {
	case IMAP_SORT_ARRIVAL:
		v->number = m->received_sec;
		break;
	case IMAP_SORT_SIZE:
		v->number = (int64_t)m->size;
		break;
	case IMAP_SORT_DATE:
		v->number = m->summary.has_date ? m->summary.date_sec : m->received_sec;
		break;
	case IMAP_SORT_SUBJECT:
		v->text = arena_span(a, imap_base_subject(m->summary.subject, &reply));
		break;
	case IMAP_SORT_FROM:
		v->text = folded(a, env->from.mailbox);
		break;
	case IMAP_SORT_TO:
		v->text = folded(a, env->to.mailbox);
		break;
	case IMAP_SORT_CC:
		v->text = folded(a, env->cc.mailbox);
		break;
	case IMAP_SORT_DISPLAYFROM:
		v->text = displayed(a, &env->from);
		break;
	case IMAP_SORT_DISPLAYTO:
		v->text = displayed(a, &env->to);
		break;
	case IMAP_SORT_RELEVANCY:
		v->number = -(int64_t)score;
		break;
	}
}

static int by_keys(const void *x, const void *y, void *arg)
{
	const struct imap_sort *how = arg;
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;

	for (size_t i = 0; i < how->n; i++) {
		int d = span_cmp(a->v[i].text, b->v[i].text);

		if (!d)
			d = (a->v[i].number > b->v[i].number) - (a->v[i].number < b->v[i].number);
		if (d)
			return how->key[i].reverse ? -d : d;
	}
	return (a->uid > b->uid) - (a->uid < b->uid);
}

/* Both ascend. */
static unsigned score_of(struct imap_set_iter *it, const uint8_t **scores, uint32_t uid)
{
	uint32_t at;

	while (imap_set_next(it, &at)) {
		unsigned score = *(*scores)++;

		if (at == uid)
			return score;
	}
	return 0;
}

static int sort_read(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *found,
	const struct imap_sort *how, const uint8_t *scores, uint32_t **uids_out, size_t *n_out, struct err *e)
{
	size_t found_n = imap_set_count(found), max = found_n < box->messages ? found_n : box->messages, n = 0;
	struct row **rows = ARENA_ARRAY(a, struct row *, max + 1);
	struct imap_set_iter it = imap_set_iter(found);
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(o, tx, a, box, found, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	while (n < max && (r = message_walk_next(w, &m, e)) > 0) {
		struct imap_envelope_keys env;
		unsigned score = scores ? score_of(&it, &scores, m.uid) : 0;

		rows[n] = arena_alloc(a, sizeof(struct row) + how->n * sizeof(struct value));
		rows[n]->uid = m.uid;
		imap_envelope_keys(a, m.summary.envelope_utf8.n ? m.summary.envelope_utf8 : m.summary.envelope, &env);
		for (size_t i = 0; i < how->n; i++)
			row_key(a, &m, &env, &how->key[i], score, &rows[n]->v[i]);
		n++;
	}
	message_walk_close(w);
	if (e->code)
		return e->code;
	if (n)
		qsort_r(rows, n, sizeof(*rows), by_keys, (void *)(uintptr_t)how);
	*uids_out = ARENA_ARRAY(a, uint32_t, n + 1);
	for (size_t i = 0; i < n; i++)
		(*uids_out)[i] = rows[i]->uid;
	*n_out = n;
	return 0;
}

static struct order_key key_of(const struct mailbox *box)
{
	struct order_key k;

	memset(&k, 0, sizeof(k));
	k.mailbox_id = box->id;
	k.uidvalidity = box->uidvalidity;
	k.uidnext = box->uidnext;
	return k;
}

/* Of at least half the mailbox the whole order is made and kept; what is looked for is picked out of it. */
int mail_sort(struct mail *mail, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *found,
	const struct imap_sort *how, const uint8_t *scores, uint32_t **uids_out, size_t *n_out, struct err *e)
{
	struct order_key k = key_of(box);
	size_t wanted = imap_set_count(found), len, n = 0;
	struct imap_range whole = { 1, box->uidnext };
	struct imap_set all = { .v = &whole, .n = 1 };
	uint32_t *uids;

	if (how->n > ORDER_WHAT_LEN || how->has_relevancy || !wanted || wanted < box->messages / 2)
		return sort_read(mail_org(mail), tx, a, box, found, how, scores, uids_out, n_out, e);
	for (size_t i = 0; i < how->n; i++)
		k.what[i] = (uint8_t)(1 + 2 * how->key[i].kind + how->key[i].reverse);
	uids = order_cache_get(mail_orders(mail), a, &k, &len);
	if (!uids) {
		if (sort_read(mail_org(mail), tx, a, box, &all, how, NULL, &uids, &len, e) < 0)
			return e->code;
		len *= sizeof(*uids);
		order_cache_put(mail_orders(mail), &k, uids, len);
	}
	for (size_t i = 0; i < len / sizeof(*uids); i++)
		if (imap_set_contains(found, uids[i]))
			uids[n++] = uids[i];
	*uids_out = uids;
	*n_out = n;
	return 0;
}

/* References, else the first id of In-Reply-To: out of the message's header. */
static int read_refs(struct tx *tx, struct arena *a, struct arena *scratch, const struct message *m,
	struct mail_thread_row *row, struct err *e)
{
	struct span header, ids[1000];
	struct mime_field f;
	size_t n = 0;

	if (message_body_range(tx, scratch, m, 0, m->summary.header_len, &header, e) < 0)
		return e->code;
	if (mime_header_find(header, "References", &f))
		n = mime_references_parse(scratch, mime_header_unfold(scratch, f.value), ids, 1000);
	if (!n && mime_header_find(header, "In-Reply-To", &f))
		n = mime_references_parse(scratch, mime_header_unfold(scratch, f.value), ids, 1);
	row->n_refs = n < MAIL_THREAD_REFS_MAX ? n : MAIL_THREAD_REFS_MAX;
	row->refs = ARENA_ARRAY(a, struct span, row->n_refs + 1);
	for (size_t i = 0; i < row->n_refs; i++)
		row->refs[i] = arena_span(a, ids[n - row->n_refs + i]);
	return 0;
}

static int thread_read(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *found,
	enum mail_thread_how how, struct mail_threads *out, struct err *e)
{
	SCOPED_ARENA scratch = arena_new();
	size_t max = imap_set_count(found), n = 0;
	struct mail_thread_row *rows = ARENA_ARRAY(a, struct mail_thread_row, max + 1);
	struct message_walk *w;
	struct message m;
	int r;

	if (message_walk_open(o, tx, a, box, found, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	while (n < max && (r = message_walk_next(w, &m, e)) > 0) {
		struct mail_thread_row *row = &rows[n++];

		row->uid = m.uid;
		row->received_sec = m.received_sec;
		row->date_sec = m.summary.has_date ? m.summary.date_sec : m.received_sec;
		row->subject = arena_span(a, imap_base_subject(m.summary.subject, &row->reply));
		row->id = arena_span(a, m.summary.message_id);
		if (how != THREAD_ORDEREDSUBJECT && read_refs(tx, a, scratch, &m, row, e) < 0)
			break;
		arena_reset(scratch);
	}
	message_walk_close(w);
	if (e->code)
		return e->code;
	mail_thread_rows(a, rows, n, how, out);
	return 0;
}

struct kept_threads {
	int32_t first;
	struct mail_thread_node v[];
};

/* Every message found is in the forest and no other. */
static bool threads_are(const struct mail_thread_node *v, size_t n, const struct imap_set *found)
{
	size_t matched = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].uid && !imap_set_contains(found, v[i].uid))
			return false;
		matched += v[i].uid != 0;
	}
	return matched == imap_set_count(found);
}

/* Threads of the whole mailbox are kept. */
int mail_thread(struct mail *mail, struct tx *tx, struct arena *a, const struct mailbox *box, const struct imap_set *found,
	enum mail_thread_how how, struct mail_threads *out, struct err *e)
{
	struct order_key k = key_of(box);
	struct kept_threads *kept;
	size_t len;

	if (imap_set_count(found) != box->messages)
		return thread_read(mail_org(mail), tx, a, box, found, how, out, e);
	k.messages = box->messages;
	k.what[ORDER_WHAT_LEN - 1] = (uint8_t)(1 + how);
	kept = order_cache_get(mail_orders(mail), a, &k, &len);
	if (kept && threads_are(kept->v, (len - sizeof(*kept)) / sizeof(*kept->v), found)) {
		*out = (struct mail_threads){ .v = kept->v, .first = kept->first, .n = (len - sizeof(*kept)) / sizeof(*kept->v) };
		return 0;
	}
	if (thread_read(mail_org(mail), tx, a, box, found, how, out, e) < 0)
		return e->code;
	if (!threads_are(out->v, out->n, found)) /* a session may not have heard yet what is gone */
		return 0;
	len = sizeof(*kept) + out->n * sizeof(*kept->v);
	kept = arena_alloc(a, len);
	kept->first = out->first;
	if (out->n)
		memcpy(kept->v, out->v, out->n * sizeof(*kept->v));
	order_cache_put(mail_orders(mail), &k, kept, len);
	return 0;
}
