/* Keys of domains from the vault, their turns, and signatures that verify with what is published. */
#include "codec/mailauth/dkim.h"
#include "domain/mail/sign.h"
#include "mail/mail_test.h"

#define NOW 1700000000
#define DOMAIN SPAN("example.org")
#define MESSAGE "From: Anna <anna@example.org>\r\nTo: x@example.net\r\nSubject: Hallo\r\n\r\nText\r\n"

static uint64_t anna;
static struct domain_key *keys;
static size_t n_keys;
static int64_t now_sec = NOW;

static int read_keys(struct tx *tx, void *arg, struct err *e)
{
	return domain_key_list(h.org, tx, arg, DOMAIN, now_sec, &keys, &n_keys, e);
}

static void list(struct arena *a)
{
	struct err e = ERR_INIT;

	assert_int_equal(store_read(h.store, read_keys, a, &e), 0);
}

static unsigned signing(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < n_keys; i++)
		n += domain_key_signs(&keys[i], now_sec);
	return n;
}

static bool find(void *arg, struct span name, enum dns_type type, struct dns_answer *out)
{
	struct arena *a = arg;
	struct span *v = ARENA_NEW(a, struct span);

	*out = (struct dns_answer){ .status = DNS_NO_NAME, .v = v };
	for (size_t i = 0; i < n_keys; i++)
		if (type == DNS_TXT && span_eq(name, arena_printf(a, "%.*s._domainkey.example.org", SPAN_F(keys[i].selector)))) {
			*v = domain_key_record(a, &keys[i]);
			out->status = DNS_FOUND;
			out->n = 1;
		}
	return true;
}

struct want {
	struct arena *a;
	const char *header;
	struct mail_signer signer;
	bool own;
};

static int find_signer(struct tx *tx, void *arg, struct err *e)
{
	struct want *w = arg;

	return mail_signer_find(h.org, tx, w->a, anna, span_str(w->header), now_sec, &w->signer, e);
}

static size_t signer(struct want *w, const char *header)
{
	struct err e = ERR_INIT;

	w->header = header;
	assert_int_equal(store_read(h.store, find_signer, w, &e), 0);
	return w->signer.n;
}

static void test_turns(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct err e = ERR_INIT;
	struct domain_key first;

	(void)state;
	list(a);
	assert_int_equal(n_keys, 0);
	assert_int_equal(domain_key_rotate(h.org, a, SPAN("other.example"), false, now_sec, &e), ERR_MISSING);
	err_clear(&e);
	assert_int_equal(domain_key_rotate(h.org, a, DOMAIN, false, now_sec, &e), 0);
	list(a);
	assert_int_equal(n_keys, 2);
	assert_int_equal(signing(), 2);
	first = keys[0];
	assert_true(keys[0].kind == VAULT_DKIM_RSA && keys[1].kind == VAULT_DKIM_ED25519);
	assert_int_equal(keys[1].public_half.n, 32);
	assert_true(span_starts(domain_key_record(a, &keys[0]), SPAN("v=DKIM1; k=rsa; p=MIIBIjAN")));

	/* the next turn waits; the old one signs meanwhile */
	assert_int_equal(domain_key_rotate(h.org, a, DOMAIN, false, now_sec, &e), 0);
	assert_int_equal(domain_key_rotate(h.org, a, DOMAIN, false, now_sec, &e), ERR_EXISTS);
	err_clear(&e);
	list(a);
	assert_int_equal(n_keys, 4);
	assert_int_equal(signing(), 2);
	assert_true(domain_key_signs(&keys[0], now_sec) && !domain_key_signs(&keys[2], now_sec));
	now_sec += DOMAIN_KEY_LEAD_SEC;
	list(a);
	assert_int_equal(n_keys, 4);
	assert_true(!domain_key_signs(&keys[0], now_sec) && domain_key_signs(&keys[2], now_sec));
	now_sec += DOMAIN_KEY_STAY_SEC;
	list(a);
	assert_int_equal(n_keys, 2);
	assert_false(keys[0].id == first.id);
	/* in a hurry */
	assert_int_equal(domain_key_rotate(h.org, a, DOMAIN, true, now_sec, &e), 0);
	list(a);
	assert_int_equal(n_keys, 4);
	assert_int_equal(signing(), 2);
	assert_true(domain_key_signs(&keys[3], now_sec));
}

/* Signs MESSAGE; how many signatures there are then, all of them good. */
static size_t signed_well(struct arena *a, struct want *w, struct dkim_verdict v[DKIM_SIGNATURES_MAX])
{
	struct dns_source dns = { find, a };
	struct err e = ERR_INIT;
	struct dkim_mail mail;
	struct span out;
	size_t n, head;

	assert_int_equal(mail_sign(h.org, a, &w->signer, SPAN(MESSAGE), now_sec, &out, &e), 0);
	assert_true(span_ends(out, SPAN(MESSAGE)));
	head = mime_header_len(out);
	mail = (struct dkim_mail){ span_sub(out, 0, head), span_from(out, head) };
	assert_int_equal(dkim_verify(a, &mail, &dns, now_sec, v, &n), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v[i].result, DKIM_PASS);
	return n;
}

static void test_sign(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct want w = { .a = a };
	struct dkim_verdict v[DKIM_SIGNATURES_MAX];
	struct span out;
	struct err e = ERR_INIT;

	(void)state;
	list(a);
	assert_int_equal(signer(&w, "From: Boss <admin@example.org>\r\n\r\n"), 0);      /* not her name */
	assert_int_equal(signer(&w, "From: anna@example.net\r\n\r\n"), 0);
	assert_int_equal(signer(&w, "From: anna@example.org\r\nFrom: anna@example.org\r\n\r\n"), 0);
	assert_int_equal(signer(&w, "From: anna@example.org, admin@example.org\r\n\r\n"), 0);
	assert_int_equal(signer(&w, "\r\n"), 0);
	assert_int_equal(signer(&w, MESSAGE), 2);
	assert_int_equal(signed_well(a, &w, v), 2);
	assert_int_equal(v[0].bits + v[1].bits, 2048 + 256);
	assert_int_equal(signer(&w, "From: anna+news@example.org\r\n\r\n"), 2);
	/* a sealed key of another row is worth nothing */
	w.signer.keys[0].id++;
	assert_int_equal(mail_sign(h.org, a, &w.signer, SPAN(MESSAGE), now_sec, &out, &e), ERR_BROKEN);
	err_clear(&e);
	w.signer.keys[0].id--;
	test_house_seal(&h);
	assert_int_equal(mail_sign(h.org, a, &w.signer, SPAN(MESSAGE), now_sec, &out, &e), ERR_LATER);
	test_house_unseal(&h);
}

static int all_sign(struct tx *tx, void *arg, struct err *e)
{
	struct sql *q = sql_open(tx, "UPDATE dkim_key SET from_sec = 0, to_sec = ?1, gone_sec = ?1");

	(void)arg;
	sql_int(q, 1, INT64_MAX);
	return sql_run(q, e) < 0 ? e->code : 0;
}

/* More keys than sign: so many signatures, and all of them are good. */
static void test_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct want w = { .a = a };
	struct dkim_verdict v[DKIM_SIGNATURES_MAX];
	struct err e = ERR_INIT;

	(void)state;
	while (list(a), n_keys <= MAIL_KEYS_MAX) {
		assert_int_equal(domain_key_rotate(h.org, a, DOMAIN, true, now_sec, &e), 0);
		assert_int_equal(store_write(h.store, all_sign, NULL, &e), 0);
	}
	assert_int_equal(signer(&w, MESSAGE), MAIL_KEYS_MAX);
	assert_int_equal(signed_well(a, &w, v), MAIL_KEYS_MAX);
}

static int find_host_signer(struct tx *tx, void *arg, struct err *e)
{
	struct want *w = arg;

	return mail_signer_of(h.org, tx, w->a, span_str(w->header), now_sec, &w->signer, e);
}

static void test_host(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct want w = { .a = a, .header = "mx1.mail.example.org" };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(store_read(h.store, find_host_signer, &w, &e), 0);
	assert_int_equal(w.signer.n, 2);
	assert_true(span_eqz(w.signer.domain, "example.org"));
	w.header = "notexample.org";
	assert_int_equal(store_read(h.store, find_host_signer, &w, &e), 0);
	assert_int_equal(w.signer.n, 0);
}

static int check_author(struct tx *tx, void *arg, struct err *e)
{
	struct want *w = arg;

	return mail_author_check(h.org, tx, w->a, anna, span_str(w->header), &w->own, e);
}

static bool own(struct arena *a, const char *header)
{
	struct want w = { .a = a, .header = header };
	struct err e = ERR_INIT;

	assert_int_equal(store_read(h.store, check_author, &w, &e), 0);
	return w.own;
}

static void test_author(void **state)
{
	SCOPED_ARENA a = arena_new();

	(void)state;
	assert_true(own(a, MESSAGE));
	assert_true(own(a, "Subject: x\r\n\r\n"));
	assert_true(own(a, "From: \"admin@example.org\" <ANNA@Example.org>, anna+x@example.org\r\n\r\n"));
	assert_true(own(a, "From: Gruppe: anna@example.org;\r\n\r\n"));
	assert_false(own(a, "From: admin@example.org\r\n\r\n"));
	assert_false(own(a, "From: anna@example.org, admin@example.org\r\n\r\n"));
	assert_false(own(a, "From: anna@example.org\r\nFrom: admin@example.org\r\n\r\n"));
	assert_false(own(a, "From: anna\r\n\r\n"));
	assert_false(own(a, "From: Anna <anna@example.org> <admin@example.org>\r\n\r\n"));
	assert_true(own(a, "From: \"An <\\\"na <\" (<c> \\( <) <anna@example.org>\r\n\r\n"));
	assert_false(own(a, "From: anna@example.net\r\nSender: anna@example.org\r\n\r\n"));
	/* sent once more: who does that answers for it */
	assert_true(own(a, "Resent-From: anna@example.org\r\nFrom: x@example.net\r\n\r\n"));
	assert_false(own(a, "Resent-From: admin@example.org\r\nFrom: anna@example.org\r\n\r\n"));
	assert_false(own(a, "Resent-From: anna@example.org\r\nResent-From: x@example.net\r\n\r\n"));
}

static void test_author_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 65536);
	buf_addz(&b, "From: anna@example.org");
	for (int i = 1; i < MAIL_AUTHORS_MAX; i++)
		buf_addz(&b, ",\r\n anna@example.org");
	assert_true(own(a, arena_strz(a, buf_span(&b))));
	buf_addz(&b, ",\r\n anna@example.org");
	assert_false(own(a, arena_strz(a, buf_span(&b))));
}

static int people(void **state)
{
	start(state);
	anna = test_person(&h, "anna@example.org", "Anna");
	now_sec = NOW;
	return 0;
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_turns), cmocka_unit_test(test_sign), cmocka_unit_test(test_host),
		cmocka_unit_test(test_author), cmocka_unit_test(test_author_bound), cmocka_unit_test(test_bound) };

	return cmocka_run_group_tests_name(name, tests, people, stop);
}

int main(void)
{
	return run_both("mail sign", group);
}
