/* The search index: the answers with it are those of reading everything - on random mail with umlauts, HTML, encoded words,
 * negations and alternatives, fuzzy or not, while it is half built, joined, worn by removed mail, forgotten. */
#include "domain/mail/mail_index.h"
#include "domain/mail/search.h"
#include "domain/mail/mail_sweep.h"
#include "codec/imap/imap_search.h"
#include <stdio.h>
#include "mail/mail_test.h"

#define MAILS 500

static uint64_t anna;
static struct mail_index_builder *builder;
static uint64_t seed = 1;
static struct order_cache *orders;
static bool with_fuzzy;         /* the next questions have FUZZY keys */

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const words[] = { "Rechnung", "Gr\xc3\xbc\xc3\x9f" "e", "Stra\xc3\x9f" "e", "M\xc3\xbcnchen", "Sitzung", "Protokoll",
	"invoice", "meeting", "Parteitag", "Antrag", "\xc3\x84nderung", "Beschluss", "der", "die", "das", "und", "ein", "Kasse",
	"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "caf\xc3\xa9", "naiv", "xyzzy", "2026-11-29", "a@b.example", "1", "zu" };
#define WORDS (sizeof(words) / sizeof(*words))

static void some_words(struct buf *b, unsigned n)
{
	while (n--) {
		buf_addz(b, words[pick(pick(3) ? WORDS : 12)]);
		buf_addc(b, pick(9) ? ' ' : '\n');
	}
}

static void subject(struct buf *b)
{
	if (pick(3)) {
		buf_addz(b, "Subject: ");
		for (unsigned n = 1 + pick(4); n--;)
			buf_addf(b, "%s ", words[pick(WORDS)]);
	} else {
		buf_addz(b, "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus?= =?iso-8859-1?q?_M=FCnchen?= ");
	}
	buf_addz(b, "\r\n");
}

static struct span mail_text(struct arena *a)
{
	struct buf b;
	struct span out;

	buf_init(&b, 1u << 20);
	buf_addf(&b, "From: %s <p%u@example.org>\r\nTo: q%u@example.net\r\nMessage-ID: <%u.%u@example.org>\r\n", pick(2) ? "Anna M\xc3\xbcller" :
		"=?utf-8?b?SsO8cmdlbg==?=", pick(30), pick(30), pick(1000), pick(1000));
	if (!pick(3))
		buf_addf(&b, "Cc: \"R\xc3\xb6\xc3\x9fler\" <c%u@example.com>\r\nX-Kasse: %s\r\n", pick(10), words[pick(WORDS)]);
	subject(&b);
	switch (pick(4)) {
	case 0:
		buf_addz(&b, "Content-Type: text/html; charset=utf-8\r\n\r\n<p>");
		some_words(&b, pick(30));
		buf_addz(&b, "</p><style>verborgen</style><b>Sit</b>zung &uuml;ber");
		break;
	case 1:
		buf_addz(&b, "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nM=FCnch=\r\nen Gr=FC=DFe\r\n");
		break;
	case 2:
		buf_addz(&b, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n");
		some_words(&b, pick(30));
		buf_addz(&b, "\r\n--x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nUmVjaG51bmc=\r\n--x--\r\n");
		break;
	default:
		buf_addz(&b, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
		some_words(&b, pick(60));
	}
	out = arena_span(a, buf_span(&b));
	buf_fini(&b);
	return out;
}

static void put(struct play *p, const struct mailbox *box, struct span text)
{
	struct message_put to = { box->id, box->account_id, 0, 1000, false };
	struct email_prepared m;
	uint32_t uid;

	OK(email_prepare(h.org, p->a, text, &m, &p->e));
	OK(message_put(h.org, p->tx, p->a, &m, &to, 1, &uid, NULL, &p->e));
	email_prepared_fini(&m);
}

static void fill_some(struct play *p)
{
	struct mailbox inbox = box_of(p, anna, "INBOX"), archive = box_of(p, anna, "Archive");

	for (unsigned n = *(unsigned *)p->arg; n--;)
		put(p, pick(5) ? &inbox : &archive, mail_text(p->a));
}

static void fill(unsigned n)
{
	play_with(fill_some, &n);
}

/* ---- questions ---- */

static const char *const mistaken[] = { "Rechnugn", "Gruesse", "Strassen", "Munchen", "Muenchn", "Sitzungen", "Antrag Beschluss", "kase", "in",
	"Juergen Rechnung" };

static struct imap_search_key *leaf(struct arena *a)
{
	static const char *const fields[] = { "From", "To", "Cc", "Bcc", "Subject", "Message-ID", "X-Kasse", "Content-Type" };
	struct imap_search_key *k = ARENA_NEW(a, struct imap_search_key);
	struct span w = span_str(words[pick(WORDS)]);
	size_t from = pick((unsigned)w.n), len = 1 + pick((unsigned)(w.n - from));

	k->kind = (enum imap_search_kind[]){ IMAP_SEARCH_TEXT, IMAP_SEARCH_BODY, IMAP_SEARCH_HEADER, IMAP_SEARCH_HEADER }[pick(4)];
	k->value = pick(3) ? w : span_sub(w, from, len);
	if (!pick(6))
		k->value = pick(2) ? SPAN("example.") : SPAN("content-type: ");
	if (k->kind == IMAP_SEARCH_HEADER)
		k->name = span_str(fields[pick(8)]);
	if (with_fuzzy && !pick(3) && (k->fuzzy = true) && !pick(2))
		k->value = span_str(mistaken[pick(sizeof(mistaken) / sizeof(*mistaken))]);
	return k;
}

static struct imap_search_key *question(struct arena *a, unsigned depth)
{
	struct imap_search_key *k;

	if (!depth || !pick(3))
		return leaf(a);
	k = ARENA_NEW(a, struct imap_search_key);
	k->kind = (enum imap_search_kind[]){ IMAP_SEARCH_AND, IMAP_SEARCH_OR, IMAP_SEARCH_NOT }[pick(3)];
	k->child = question(a, depth - 1);
	if (k->kind != IMAP_SEARCH_NOT)
		k->child->next = question(a, depth - 1);
	return k;
}

static size_t hits_seen, scores_seen;

static struct imap_set ask(struct play *p, const struct mailbox *box, const struct imap_search *q, bool plain, uint8_t **scores)
{
	struct imap_set found, saved = { 0 };
	struct uid_set *uids = uid_set_new();
	struct mail_search how = { .query = q, .uids = uids, .saved = &saved, .now_sec = 2000, .plain = plain,
		.scores_out = scores, .orders = pick(4) ? orders : NULL };
	uint64_t modseq;

	if (box->uidnext > 1)
		uid_set_add_range(uids, 1, box->uidnext - 1);
	OK(mail_search(h.org, p->tx, p->a, box, &how, &found, &modseq, &p->e));
	uid_set_unref(uids);
	return found;
}

static void compare_some(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");

	for (unsigned i = 0; i < 25; i++) {
		with_fuzzy = pick(3) == 0;
		struct imap_search q = { .root = question(p->a, 3), .has_fuzzy = with_fuzzy };
		uint8_t *scores, *plain;
		struct imap_set with = ask(p, &box, &q, false, &scores), without = ask(p, &box, &q, true, &plain);

		assert_int_equal(with.n, without.n);
		for (size_t k = 0; k < with.n; k++)
			assert_true(with.v[k].lo == without.v[k].lo && with.v[k].hi == without.v[k].hi);
		for (uint64_t k = 0; k < imap_set_count(&with); k++) {
			assert_true(scores[k] >= 1 && scores[k] <= 100);
			assert_int_equal(scores[k], plain[k]);
			scores_seen += scores[k] < 100;
		}
		hits_seen += with.n;
	}
}

static size_t build(void)
{
	struct err e = ERR_INIT;
	size_t done;

	if (mail_index_build(builder, anna, &done, &e) < 0)
		fail_msg("%s", e.log);
	return done;
}

static int merge(void)
{
	struct err e = ERR_INIT;
	int r = mail_index_merge(builder, anna, &e);

	if (r < 0)
		fail_msg("%s", e.log);
	return r;
}

static int read_state(struct tx *tx, void *arg, struct err *e)
{
	return mail_index_state(tx, anna, arg, e);
}

static struct mail_index_state state_now(void)
{
	struct mail_index_state s;
	struct err e = ERR_INIT;

	assert_int_equal(store_read(h.store, read_state, &s, &e), 0);
	return s;
}

static void test_same_answers(void **state)
{
	struct mail_index_state s;

	(void)state;
	look_with(compare_some, NULL);
	fill(MAILS);
	assert_int_equal(build(), MAILS);
	s = state_now();
	assert_true(s.emails == MAILS && s.waiting == 0 && s.segments == 1 && s.bytes > MAILS);
	print_message("%llu octets of index per mail\n", (unsigned long long)s.bytes / MAILS);
	look_with(compare_some, NULL);
	fill(100);
	assert_int_equal(state_now().waiting, 100);
	look_with(compare_some, NULL);          /* half of it is read plainly */
	assert_true(hits_seen > 100 && scores_seen > 100);
}

/* How many messages a question opens: what the index is for. */
static void narrow_down(struct play *p)
{
	struct mail_index *x;
	struct mail_candidates c;
	uint64_t position;

	OK(mail_index_open(h.org, p->tx, p->a, anna, &x, &position, &p->e));
	OK(mail_index_find(x, 1 << WHERE_BODY, SPAN("parteitag"), &c, &p->e));
	assert_true(c.n > 10 && c.n < 500);
	OK(mail_index_find(x, 1 << WHERE_BODY, SPAN("parteifest"), &c, &p->e));
	assert_int_equal(c.n, 0);
	OK(mail_index_find(x, 1 << WHERE_FROM, SPAN("p7@example"), &c, &p->e));
	assert_true(c.n > 0 && c.n < 100);
	for (unsigned i = 0; i < 3; i++) {       /* within words: nothing is left to be opened, not even of one letter */
		OK(mail_index_find(x, 1 << WHERE_BODY, (struct span[]){ SPAN("arteita"), SPAN("e"), SPAN("\xe6\x9c\xac") }[i], &c, &p->e));
		assert_true(c.n > 10 && c.n < 500);
		for (size_t k = 0; k < c.n; k++)
			assert_int_equal(mail_candidate(&c, c.v[k] >> 1), CANDIDATE_SURE);
	}
	assert_false(mail_index_useful(1 << WHERE_HEADER, SPAN("ab")) || mail_index_useful(1 << WHERE_BODY, SPAN(". ")));
	assert_true(mail_index_useful(1 << WHERE_FROM, SPAN("@x")) && mail_index_useful(1 << WHERE_HEADER, SPAN(" ab")));
	mail_index_close(x);
}

static void test_narrows(void **state)
{
	(void)state;
	look_with(narrow_down, NULL);
}

static void drop_most(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");
	struct imap_set some = range_set(p->a, 1, box.uidnext - 150), gone;
	uint64_t modseq;

	OK(message_expunge(h.org, p->tx, p->a, &box, &some, true, &gone, &modseq, &p->e));
}

static void test_joined_and_worn(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(build(), 100);
	for (unsigned i = 0; i < 9; i++) {
		fill(3);
		assert_int_equal(build(), 3);
	}
	assert_int_equal(state_now().segments, 11);
	assert_int_equal(merge(), 1);
	assert_int_equal(merge(), 0);
	assert_int_equal(state_now().segments, 3);
	look_with(compare_some, NULL);
	play(drop_most);
	look_with(compare_some, NULL);
	assert_int_equal(mail_index_tidy(builder, &e), 0);
	look_with(compare_some, NULL);
	assert_true(state_now().bytes < 500000);
	while (mail_index_sweep(h.store, &e) == 1)
		;
	assert_int_equal(e.code, 0);
}

static int64_t rows(struct play *p, const char *sql)
{
	SCOPED_SQL q = sql_open(p->tx, sql);

	assert_int_equal(sql_next(q, &p->e), 1);
	return sql_col_int(q, 0);
}

static void forget(struct play *p)
{
	OK(mail_index_forget(p->tx, anna, &p->e));
}

static void nothing_left(struct play *p)
{
	assert_int_equal(rows(p, "SELECT count(*) FROM search_row"), 0);
	assert_int_equal(rows(p, "SELECT count(*) FROM search_segment"), 0);
}

static bool forget_within(void *arg)
{
	unsigned *left = arg;

	if ((*left)-- == 0)
		play(forget);
	return true;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void test_forgotten(void **state)
{
	struct err e = ERR_INIT;
	uint64_t ids[100];
	unsigned left = 0;
	size_t n;

	(void)state;
	play(forget);
	while (mail_index_sweep(h.store, &e) == 1)
		;
	look_with(nothing_left, NULL);
	assert_int_equal(mail_index_behind(h.store, 0, 64, ids, &n, &e), 0);
	assert_true(n == 1 && ids[0] == anna);
	mail_index_pace(builder, never, NULL);
	assert_int_equal(build(), 0);                    /* stopped: nothing is there */
	assert_int_equal(state_now().segments, 0);
	mail_index_pace(builder, forget_within, &left);
	assert_true(build() > 0);                        /* forgotten from 0 to 0: the same */
	mail_index_pace(builder, NULL, NULL);
	fill(70);
	left = 0;
	mail_index_pace(builder, forget_within, &left);
	(void)build();
	mail_index_pace(builder, NULL, NULL);
	assert_true(state_now().waiting > 0);            /* the position did not move over what is dropped */
	while (build())
		;
	assert_int_equal(state_now().waiting, 0);
	look_with(compare_some, NULL);
}

/* More words than the dictionary takes, but few runs. */
static struct span many_words(struct arena *a)
{
	struct buf b;
	struct span out;

	buf_init(&b, 1u << 20);
	buf_addz(&b, "Subject: Zahlen\r\n\r\nParteitag ");
	for (unsigned i = 0; i < 100000; i++)
		buf_addf(&b, "%u%c", i, i % 9 ? ' ' : '\n');
	out = arena_span(a, buf_span(&b));
	buf_fini(&b);
	return out;
}

static void put_odd(struct play *p)
{
	struct mailbox box = box_of(p, anna, "INBOX");
	char *noise = arena_alloc(p->a, 2u << 20);
	struct span head = SPAN("Subject: Rauschen\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nParteitag ");

	random_bytes(noise, 2u << 20);
	memcpy(noise, head.p, head.n);
	put(p, &box, (struct span){ noise, 2u << 20 });
	memset(noise, 'x', 2u << 20);
	put(p, &box, (struct span){ noise, 2u << 20 });
	put(p, &box, many_words(p->a));
	put(p, &box, SPAN(""));
	put(p, &box, SPAN("\r\n"));
}

/* What the dictionary has not is not therefore nowhere. */
static void unsure_is_opened(struct play *p)
{
	static const struct span needles[] = { SPAN("arteita"), SPAN("9999"), SPAN("9") };
	struct mailbox box = box_of(p, anna, "INBOX");

	for (unsigned i = 0; i < 3; i++) {
		struct imap_search_key key = { .kind = IMAP_SEARCH_BODY, .value = needles[i] };
		struct imap_search q = { .root = &key };
		struct imap_set with = ask(p, &box, &q, false, NULL), without = ask(p, &box, &q, true, NULL);

		assert_true(imap_set_count(&with) > 0);
		assert_int_equal(imap_set_count(&with), imap_set_count(&without));
	}
}

/* Too much for the index, nothing at all: still found, still not found. */
static void test_odd(void **state)
{
	(void)state;
	play(put_odd);
	assert_int_equal(build(), 5);
	look_with(compare_some, NULL);
	look_with(unsure_is_opened, NULL);
}

/* What somebody was building when the light went out is nobody's. */
static void half_built(struct play *p)
{
	struct sql *q = sql_open(p->tx, "UPDATE search_segment SET state = 0 WHERE account_id = ?1");

	sql_int(q, 1, (int64_t)anna);
	OK(sql_run(q, &p->e));
	q = sql_open(p->tx, "UPDATE search_account SET position = 0 WHERE account_id = ?1");
	sql_int(q, 1, (int64_t)anna);
	OK(sql_run(q, &p->e));
}

static void test_recovered(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	play(half_built);
	look_with(compare_some, NULL);
	assert_int_equal(mail_index_recover(h.store, &e), 0);
	while (mail_index_sweep(h.store, &e) == 1)
		;
	look_with(nothing_left, NULL);
	while (build())
		;
	look_with(compare_some, NULL);
}

static char said[4096];

static void hear(void *arg, const char *text)
{
	(void)arg;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static uint64_t check_index(void)
{
	struct err e = ERR_INIT;
	uint64_t n = 0;

	said[0] = 0;
	if (mail_index_check(h.org, h.store, hear, NULL, &n, &e) < 0)
		fail_msg("%s", e.log);
	return n;
}

static void spoil(struct play *p)
{
	assert_true(sql_run(sql_open(p->tx, p->arg), &p->e) >= 1);
}

/* What is damaged, and what belongs to nothing, is named; what is sound is not. */
static void test_checked(void **state)
{
	static const struct {
		const char *spoil, *mend, *says;
	} rows[] = {
		{ "UPDATE search_row SET bucket = bucket + 1000 WHERE bucket = (SELECT min(bucket) FROM search_row)",
			"UPDATE search_row SET bucket = bucket - 1000 WHERE bucket >= 1000 AND bucket < 2048", "there is no such row" },
		{ "UPDATE search_row SET bucket = bucket + 10000 WHERE bucket = (SELECT min(bucket) FROM search_row)",
			"UPDATE search_row SET bucket = bucket - 10000 WHERE bucket >= 10000", "rows of words" },
		{ "UPDATE search_row SET bucket = bucket + 10000 WHERE bucket = 4096", "UPDATE search_row SET bucket = bucket - 10000 WHERE bucket >= 10000",
			"no lists of block 0" },
		{ "UPDATE search_segment SET emails = emails + 1 WHERE state = 1", "UPDATE search_segment SET emails = emails - 1 WHERE state = 1",
			"its row and its list of emails differ" },
		{ "UPDATE search_segment SET bits = bits + 50 WHERE state = 1", "UPDATE search_segment SET bits = bits - 50 WHERE state = 1", "bits" },
		{ "INSERT INTO search_row (segment_id, bucket, sealed) SELECT 4711, 0, sealed FROM search_row ORDER BY segment_id, bucket LIMIT 1",
			"DELETE FROM search_row WHERE segment_id = 4711", "search segment 4711 is missing, 1 rows are left of it" },
		{ "INSERT INTO search_text (email_id, sealed) SELECT 4711, sealed FROM search_row ORDER BY segment_id, bucket LIMIT 1",
			"DELETE FROM search_text WHERE email_id = 4711", "text of email 4711: there is no such email" },
		{ "INSERT INTO search_text (email_id, sealed) SELECT (SELECT max(id) FROM email), sealed FROM search_row ORDER BY segment_id, bucket LIMIT 1",
			"DELETE FROM search_text", "text of email" },
	};

	(void)state;
	assert_int_equal(check_index(), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		play_with(spoil, (void *)(uintptr_t)rows[i].spoil);
		if (!check_index() || !strstr(said, rows[i].says))
			fail_msg("%s: %s", rows[i].spoil, said);
		play_with(spoil, (void *)(uintptr_t)rows[i].mend);
		assert_int_equal(check_index(), 0);
	}
	play_with(spoil, (void *)(uintptr_t)"UPDATE search_row SET sealed = (SELECT sealed FROM search_segment WHERE state = 1 ORDER BY id LIMIT 1)"
		" WHERE bucket = (SELECT min(bucket) FROM search_row)");
	assert_true(check_index() >= 1 && strstr(said, " row "));
	play_with(spoil, (void *)(uintptr_t)"UPDATE search_row SET sealed = (SELECT sealed FROM search_segment WHERE state = 1 ORDER BY id LIMIT 1)"
		" WHERE bucket = (SELECT max(bucket) FROM search_row)");
	assert_true(check_index() >= 2 && strstr(said, ", words of block "));
}

/* Rows, lists of emails, kept texts that cannot be opened: read plainly, the same is found. */
static void test_damaged(void **state)
{
	static const char *const spoils[] = {
		"UPDATE search_row SET sealed = (SELECT sealed FROM search_segment WHERE state = 1 ORDER BY id LIMIT 1)",
		"UPDATE search_segment SET sealed = (SELECT sealed FROM search_row ORDER BY segment_id, bucket LIMIT 1)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spoils) / sizeof(*spoils); i++) {
		play_with(spoil, (void *)(uintptr_t)spoils[i]);
		look_with(compare_some, NULL);
	}
	play(forget);
	while (build())
		;
	assert_int_equal(check_index(), 0);
}

static void remove_account(struct play *p)
{
	OK(account_remove(h.org, p->tx, anna, &p->e));
}

static void test_removed_account(void **state)
{
	struct err e = ERR_INIT;
	uint64_t messages;

	(void)state;
	play(remove_account);
	assert_int_equal(account_remove_key(h.org, anna, &e), 0);
	assert_int_equal(mail_sweep_removed(h.store, 100, &messages, &e), 0);
	while (mail_index_sweep(h.store, &e) == 1)
		;
	look_with(nothing_left, NULL);
	assert_int_equal(e.code, 0);
}

static int open_house(void **state)
{
	start(state);
	anna = test_person(&h, "anna@example.org", "Anna");
	builder = mail_index_builder_new(h.org);
	orders = order_cache_new();
	return 0;
}

static int close_house(void **state)
{
	mail_index_builder_free(builder);
	order_cache_free(orders);
	return stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_answers), cmocka_unit_test(test_narrows),
		cmocka_unit_test(test_joined_and_worn), cmocka_unit_test(test_forgotten), cmocka_unit_test(test_odd),
		cmocka_unit_test(test_recovered), cmocka_unit_test(test_checked), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_removed_account) };

	return cmocka_run_group_tests(tests, open_house, close_house);
}
