#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include "codec/base64.h"
#include "codec/mailauth/mailauth.h"
#include "codec/mailauth/tag_list.h"

/* A zone of TXT (and, as text, A) records; what begins with "!" fails; unknown names do not exist. */
struct record {
	const char *name, *text;
	enum dns_type type;
};
struct zone {
	const struct record *v;
	size_t n;
	struct arena *a;
	bool silent;                  /* nothing is known yet */
	unsigned asked;
};

static bool find(void *arg, struct span name, enum dns_type type, struct dns_answer *out)
{
	struct zone *z = arg;
	struct span *hits = ARENA_ARRAY(z->a, struct span, DNS_RECORDS_MAX);

	z->asked++;
	*out = (struct dns_answer){ .status = DNS_NO_NAME, .v = hits };
	if (z->silent)
		return false;
	for (size_t i = 0; i < z->n; i++)
		if (span_eqz(name, z->v[i].name) && (z->v[i].type ? z->v[i].type : DNS_TXT) == type) {
			hits[out->n++] = span_str(z->v[i].text);
			out->status = z->v[i].text[0] == '!' ? DNS_FAILED : DNS_FOUND;
		}
	return true;
}
#define ZONE(rows) (struct zone){ .v = (rows), .n = sizeof(rows) / sizeof((rows)[0]), .a = a }
#define SOURCE(z) (&(struct dns_source){ find, &(z) })

static struct dkim_mail mail_of(const char *text)
{
	struct span s = span_str(text);
	size_t n = mime_header_len(s);

	return (struct dkim_mail){ span_sub(s, 0, n), span_from(s, n) };
}

/* RFC 8463 appendix A. */
#define RFC8463_BODY "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
#define RFC8463_HEAD "From: Joe SixPack <joe@football.example.com>\r\n" \
	"To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n" \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n"
#define RFC8463_ED "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n" \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n" \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n" \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
#define RFC8463_RSA "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n" \
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n date : message-id : from : subject : date;\r\n" \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n" \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
#define ED_KEY "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA_KEY "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx" \
	"/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED_NAME "brisbane._domainkey.football.example.com"
#define RSA_NAME "test._domainkey.football.example.com"

static const struct record keys[] = { { ED_NAME, ED_KEY, 0 }, { RSA_NAME, RSA_KEY, 0 } };

static enum dkim_result verify_with(const char *text, const struct record *rows, size_t n, const char **why)
{
	SCOPED_ARENA a = arena_new();
	struct zone z = { .v = rows, .n = n, .a = a };
	struct dkim_mail mail = mail_of(text);
	struct dkim_verdict v[DKIM_SIGNATURES_MAX];
	size_t count;

	assert_int_equal(dkim_verify(a, &mail, SOURCE(z), 1528637909, v, &count), 0);
	if (why)
		*why = count ? v[0].why : NULL;
	return count ? v[0].result : DKIM_NONE;
}
#define VERIFY(text, rows) verify_with(text, rows, sizeof(rows) / sizeof((rows)[0]), NULL)

static void test_rfc8463(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct zone z = ZONE(keys);
	struct dkim_mail mail = mail_of(RFC8463_ED RFC8463_RSA RFC8463_HEAD RFC8463_BODY);
	struct dkim_verdict v[DKIM_SIGNATURES_MAX];
	size_t n;

	(void)state;
	assert_int_equal(dkim_verify(a, &mail, SOURCE(z), 1528637909, v, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(v[0].result, DKIM_PASS);
	assert_int_equal(v[1].result, DKIM_PASS);
	assert_int_equal(v[1].bits, 1024);
	z.silent = true;
	assert_int_equal(dkim_verify(a, &mail, SOURCE(z), 1528637909, v, &n), MAILAUTH_MORE);
}

/* RFC 6376 section 3.4.5 and 3.4.6. */
static void test_canon(void **state)
{
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1000);
	dkim_field(&b, DKIM_RELAXED, SPAN("A: X\r\n"));
	dkim_field(&b, DKIM_RELAXED, SPAN("B : Y\t\r\n\tZ  \r\n"));
	assert_true(span_eqz(buf_span(&b), "a:X\r\nb:Y Z\r\n"));
	buf_reset(&b);
	dkim_field(&b, DKIM_SIMPLE, SPAN("B : Y\t\r\n\tZ  \r\n"));
	assert_true(span_eqz(buf_span(&b), "B : Y\t\r\n\tZ  \r\n"));
}

static void body_is(enum dkim_canon canon, const char *in, const char *out)
{
	for (size_t step = 1; step <= strlen(in) + 1; step++) {
		unsigned char got[DKIM_HASH_LEN], want[DKIM_HASH_LEN];
		struct span rest = span_str(in);
		struct dkim_body b;

		dkim_body_init(&b, canon, UINT64_MAX);
		for (; rest.n; rest = span_from(rest, step))
			dkim_body_add(&b, span_sub(rest, 0, step));
		dkim_body_finish(&b, got);
		assert_int_equal(b.total, strlen(out));
		EVP_Digest(out, strlen(out), want, NULL, EVP_sha256(), NULL);
		assert_memory_equal(got, want, sizeof(got));
	}
}

static void test_body(void **state)
{
	(void)state;
	body_is(DKIM_RELAXED, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
	body_is(DKIM_SIMPLE, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n");
	body_is(DKIM_SIMPLE, "", "\r\n");
	body_is(DKIM_RELAXED, "", "");
	body_is(DKIM_RELAXED, "  \r\n\r\n", "");
	body_is(DKIM_SIMPLE, "\r\n\r\n", "\r\n");
	body_is(DKIM_SIMPLE, "a", "a\r\n");
	body_is(DKIM_SIMPLE, "a\r\n\r\nb\r", "a\r\n\r\nb\r\r\n");
	body_is(DKIM_RELAXED, "a \rb\nc \r\n", "a \rb\nc\r\n");
}

static void test_changed(void **state)
{
	static const struct record none[] = { { "x", "y", 0 } }, silent[] = { { ED_NAME, "!", 0 } },
		revoked[] = { { ED_NAME, "v=DKIM1; k=ed25519; p=", 0 } },
		other[] = { { ED_NAME, "v=DKIM1; k=ed25519; p=yi50DjK5O9pqbFpNHklsv9lqaS0ArSYu02qp1S0DW1Y=", 0 } },
		testing[] = { { ED_NAME, "v=DKIM1; k=ed25519; t=y; p=yi50DjK5O9pqbFpNHklsv9lqaS0ArSYu02qp1S0DW1Y=", 0 } },
		sha1[] = { { ED_NAME, "v=DKIM1; h=sha1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", 0 } };

	(void)state;
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY "P.S.\r\n", keys), DKIM_FAIL);
	assert_int_equal(VERIFY(RFC8463_ED "Subject: Another\r\n" RFC8463_HEAD RFC8463_BODY, keys), DKIM_FAIL);
	assert_int_equal(VERIFY(RFC8463_ED "From: Eve <e@x.example>\r\n" RFC8463_HEAD RFC8463_BODY, keys), DKIM_FAIL);
	assert_int_equal(VERIFY(RFC8463_ED "X: y\r\n" RFC8463_HEAD RFC8463_BODY, keys), DKIM_PASS);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY "\r\n \r\n", keys), DKIM_PASS);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY, none), DKIM_PERMERROR);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY, silent), DKIM_TEMPERROR);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY, revoked), DKIM_PERMERROR);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY, other), DKIM_FAIL);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY, testing), DKIM_NEUTRAL);
	assert_int_equal(VERIFY(RFC8463_ED RFC8463_HEAD RFC8463_BODY, sha1), DKIM_PERMERROR);
}

static void sig(const char *value, bool good)
{
	SCOPED_ARENA a = arena_new();
	struct dkim_signature s;
	struct err e = ERR_INIT;

	assert_int_equal(dkim_signature_parse(a, span_str(value), &s, &e), good ? 0 : ERR_SYNTAX);
}

static void test_signature(void **state)
{
#define BASE "v=1; a=rsa-sha256; d=a.example; s=k; bh=AAAA; b=AAAA; "
	(void)state;
	sig(BASE "h=From", true);
	sig(BASE "h=From:To; i=x@sub.a.example; l=5; t=1; x=2; c=relaxed; q=dns/txt;", true);
	sig(BASE "h=To", false);
	sig(BASE "h=From; d=b.example", false);
	sig(BASE "h=From; i=x@b.example", false);
	sig(BASE "h=From; i=x@ba.example", false);
	sig(BASE "h=From; t=3; x=2", false);
	sig(BASE "h=From; l=-1", false);
	sig(BASE "h=From; c=strict", false);
	sig(BASE "h=From; q=http", false);
	sig("v=2; a=rsa-sha256; d=a.example; s=k; bh=AAAA; b=AAAA; h=From", false);
	sig("v=1; a=rsa-md5; d=a.example; s=k; bh=AAAA; b=AAAA; h=From", false);
	sig("v=1; a=rsa-sha256; d=a..example; s=k; bh=AAAA; b=AAAA; h=From", false);
	sig("v=1; a=rsa-sha256; d=a.example; s=k; bh=AAAA; b=?; h=From", false);
	sig("", false);
	sig(";;;", false);
}

static void test_signature_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct tag_list l;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (int over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_addz(&b, BASE "h=From");
		for (int i = 1; i < DKIM_FIELDS_MAX + over; i++)
			buf_addz(&b, ":x");
		sig(arena_strz(a, buf_span(&b)), !over);
		buf_reset(&b);
		for (int i = 0; i < TAG_MAX + over; i++)
			buf_addf(&b, "t%d=x;", i);
		assert_int_equal(tag_list_parse(buf_span(&b), &l, NULL), over ? ERR_SYNTAX : 0);
	}
}

/* A key of any size, signing by ourselves. */
static EVP_PKEY *sign(struct arena *a, struct dkim_mail *mail, unsigned bits, struct span *field, struct buf *record)
{
	EVP_PKEY *k = EVP_RSA_gen(bits);
	struct dkim_signing how = { DKIM_RSA_SHA256, SPAN("a.example"), SPAN("s"), 1000 };
	unsigned char hash[DKIM_HASH_LEN], signature[2048], *der = NULL;
	size_t n = sizeof(signature);
	struct err e = ERR_INIT;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
	int len = i2d_PUBKEY(k, &der);

	assert_int_equal(dkim_sign_begin(a, mail, &how, field, hash, &e), 0);
	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_sign(c, signature, &n, hash, sizeof(hash)), 1);
	EVP_PKEY_CTX_free(c);
	*field = dkim_sign_end(a, *field, SPAN_BYTES(signature, n));
	buf_addz(record, "p=");
	base64_encode(record, SPAN_BYTES(der, len), 0);
	buf_addc(record, 0);
	OPENSSL_free(der);
	return k;
}

static void sizes(unsigned bits, enum dkim_result want)
{
	SCOPED_ARENA a = arena_new();
	struct dkim_mail mail = mail_of("From: x@a.example\r\nSubject: \t long   subject \r\n of two lines\r\n\r\nText\r\n");
	struct span field;
	struct record rows[1] = { { "s._domainkey.a.example", NULL, 0 } };
	SCOPED_BUF record;

	buf_init(&record, 10000);
	EVP_PKEY_free(sign(a, &mail, bits, &field, &record));
	rows[0].text = record.p;
	assert_int_equal(verify_with(arena_printf(a, "%.*s%.*s%.*s%c", SPAN_F(field), SPAN_F(mail.header), SPAN_F(mail.body), 0).p,
		rows, 1, NULL), want);
}

static void test_sizes(void **state)
{
	(void)state;
	sizes(2048, DKIM_PASS);
	sizes(1024, DKIM_PASS);
	sizes(512, DKIM_POLICY);
}

/* 16,384 bits: known to be too long before anything is calculated. */
static void test_monster_key(void **state)
{
	SCOPED_BUF b;
	struct record rows[1] = { { RSA_NAME, NULL, 0 } };
	const char *why;

	(void)state;
	buf_init(&b, 10000);
	buf_addz(&b, "p=");
	buf_fill(&b, 'A', 2732);
	buf_addc(&b, 0);
	rows[0].text = b.p;
	assert_int_equal(verify_with(RFC8463_RSA RFC8463_HEAD RFC8463_BODY, rows, 1, &why), DKIM_POLICY);
	assert_string_equal(why, "key too long");
}

/* As many signatures as are looked at, and one more. */
static void test_signature_count(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct zone z = ZONE(keys);
	struct dkim_verdict v[DKIM_SIGNATURES_MAX];
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i <= DKIM_SIGNATURES_MAX; i++)
		buf_addz(&b, RFC8463_ED);
	buf_addz(&b, RFC8463_HEAD RFC8463_BODY);
	for (int over = 0; over < 2; over++) {
		struct dkim_mail mail = mail_of(arena_strz(a, span_from(buf_span(&b), over ? 0 : strlen(RFC8463_ED))));
		size_t n;

		assert_int_equal(dkim_verify(a, &mail, SOURCE(z), 1528637909, v, &n), 0);
		assert_int_equal(n, DKIM_SIGNATURES_MAX);
	}
}

/* ---- ARC ---- */

static void test_arc_sets(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct zone z = ZONE(keys);
	struct arc_verdict v;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 1; i <= ARC_SETS_MAX + 1; i++) {
		struct dkim_mail mail;

		buf_addf(&b, "ARC-Seal: i=%d\r\nARC-Message-Signature: i=%d\r\nARC-Authentication-Results: i=%d; x\r\n", i, i, i);
		mail = mail_of(arena_printf(a, "%.*s\r\n", SPAN_F(buf_span(&b))).p);
		assert_int_equal(arc_verify(a, &mail, SOURCE(z), &v), 0);
		assert_int_equal(v.sets, i > ARC_SETS_MAX ? 0 : i);
		assert_int_equal(v.result, DKIM_FAIL);
		assert_string_equal(v.why, i > ARC_SETS_MAX ? "sets are not complete" : "unreadable message signature");
	}
}

/* ---- SPF ---- */

static enum spf_result spf(const struct record *rows, size_t n, const char *why)
{
	SCOPED_ARENA a = arena_new();
	struct zone z = { .v = rows, .n = n, .a = a };
	struct spf_request q = { .ip = SPAN("192.1.2.3"), .sender = SPAN("x@a.example"), .helo = SPAN("h.example") };
	struct spf_verdict v;

	assert_int_equal(spf_check(a, &q, SOURCE(z), &v), 0);
	if (v.result == SPF_PERMERROR)
		assert_string_equal(v.why, why);
	return v.result;
}

/* A record of so many times the same term. */
static enum spf_result spf_terms(const char *term, int count, const char *why)
{
	SCOPED_BUF b;
	struct record rows[] = { { "a.example", NULL, 0 }, { "b.example", "\xc6\x01\x02\x03", DNS_A } };

	buf_init(&b, 2 * SPF_RECORD_MAX);
	buf_addz(&b, "v=spf1");
	for (int i = 0; i < count; i++)
		buf_addf(&b, " %s", term);
	buf_addz(&b, " -all");
	buf_addc(&b, 0);
	rows[0].text = b.p;
	return spf(rows, 2, why);
}

static void test_spf_bounds(void **state)
{
	static const char *const asks = "too many terms that ask the DNS", *const voids = "too many questions without an answer";

	(void)state;
	assert_int_equal(spf_terms("a:b.example", SPF_LOOKUPS_MAX, asks), SPF_FAIL);
	assert_int_equal(spf_terms("a:b.example", SPF_LOOKUPS_MAX + 1, asks), SPF_PERMERROR);
	assert_int_equal(spf_terms("a:none.example", SPF_VOID_MAX, voids), SPF_FAIL);
	assert_int_equal(spf_terms("a:none.example", SPF_VOID_MAX + 1, voids), SPF_PERMERROR);
	/* the record begins behind its version: a blank and a filler of blanks, then " -all" */
	assert_int_equal(spf_terms("", SPF_RECORD_MAX - 5, "record too long"), SPF_FAIL);
	assert_int_equal(spf_terms("", SPF_RECORD_MAX - 4, "record too long"), SPF_PERMERROR);
}

static void test_spf_names(void **state)
{
	struct record mx[SPF_NAMES_MAX + 3] = { { "a.example", "v=spf1 mx -all", 0 }, { "b.example", "\xc0\x01\x02\x03", DNS_A } },
		ptr[SPF_NAMES_MAX + 3] = { { "a.example", "v=spf1 ptr -all", 0 }, { "b.a.example", "\xc0\x01\x02\x03", DNS_A } };

	(void)state;
	for (size_t i = 2; i < SPF_NAMES_MAX + 3; i++) {
		mx[i] = (struct record){ "a.example", "\1\1b.example", DNS_MX };
		ptr[i] = (struct record){ "3.2.1.192.in-addr.arpa", "x.example", DNS_PTR };
	}
	assert_int_equal(spf(mx, SPF_NAMES_MAX + 2, NULL), SPF_PASS);
	assert_int_equal(spf(mx, SPF_NAMES_MAX + 3, "too many MX names"), SPF_PERMERROR);
	ptr[SPF_NAMES_MAX + 2].text = "b.a.example";
	assert_int_equal(spf(ptr, SPF_NAMES_MAX + 3, NULL), SPF_FAIL);       /* the one behind them is not looked at */
	ptr[SPF_NAMES_MAX + 1].text = "b.a.example";
	assert_int_equal(spf(ptr, SPF_NAMES_MAX + 3, NULL), SPF_PASS);
}

static void test_name_bound(void **state)
{
	char name[DNS_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	assert_true(dns_name_ok(SPAN_BYTES(name, DNS_NAME_MAX)));
	name[DNS_NAME_MAX - 1] = 'a';
	name[DNS_NAME_MAX] = 'a';
	assert_true(dns_name_ok(SPAN_BYTES(name + 2, DNS_NAME_MAX - 1)));
	assert_false(dns_name_ok(SPAN_BYTES(name, DNS_NAME_MAX + 1)));
}

/* ---- DMARC ---- */

static enum dkim_result dmarc(const char *from, const char *dkim_domain, const char *spf_domain, const struct record *rows,
	size_t n, struct dmarc_verdict *v)
{
	SCOPED_ARENA a = arena_new();
	struct zone z = { .v = rows, .n = n, .a = a };
	struct dkim_verdict d = { .result = dkim_domain ? DKIM_PASS : DKIM_FAIL, .signature.domain = span_str(dkim_domain) };
	struct spf_verdict s = { .result = spf_domain ? SPF_PASS : SPF_FAIL, .domain = span_str(spf_domain) };
	struct span header = arena_printf(a, "%s\r\n\r\n", from);

	assert_int_equal(dmarc_check(a, header, &d, 1, &s, SOURCE(z), v), 0);
	assert_true(z.asked <= 40);
	return v->result;
}
#define DMARC(from, d, s, rows) dmarc(from, d, s, rows, sizeof(rows) / sizeof((rows)[0]), &v)

static void test_dmarc(void **state)
{
	static const struct record rows[] = { { "_dmarc.a.example", "v=DMARC1; p=reject; sp=quarantine; np=reject", 0 },
		{ "x.a.example", "....", DNS_A }, { "_dmarc.t.example", "v=DMARC1; p=reject; t=y", 0 },
		{ "_dmarc.strict.example", "v=DMARC1; p=reject; adkim=s; aspf=s", 0 },
		{ "_dmarc.bad.example", "!", 0 }, { "_dmarc.two.example", "v=DMARC1; p=reject", 0 },
		{ "_dmarc.two.example", "v=DMARC1; p=none", 0 }, { "_dmarc.gov.xx", "v=DMARC1; p=reject; psd=y", 0 },
		{ "_dmarc.one.gov.xx", "v=DMARC1; p=none", 0 }, { "_dmarc.r.example", "v=DMARC1; p=none; rua=mailto:x@r.example", 0 } };
	struct dmarc_verdict v;

	(void)state;
	assert_int_equal(DMARC("From: x@a.example", "a.example", NULL, rows), DKIM_PASS);
	assert_int_equal(DMARC("From: x@a.example", "sub.a.example", NULL, rows), DKIM_PASS);
	assert_int_equal(DMARC("From: x@a.example", NULL, "mail.A.example", rows), DKIM_PASS);
	assert_int_equal(DMARC("From: x@a.example", "b.example", "ba.example", rows), DKIM_FAIL);
	assert_int_equal(v.disposition, DMARC_REJECT);
	assert_int_equal(DMARC("From: x@x.a.example", NULL, NULL, rows), DKIM_FAIL);
	assert_int_equal(v.disposition, DMARC_QUARANTINE);
	assert_int_equal(DMARC("From: x@missing.a.example", NULL, NULL, rows), DKIM_FAIL);
	assert_int_equal(v.disposition, DMARC_REJECT);
	assert_int_equal(DMARC("From: x@t.example", NULL, NULL, rows), DKIM_FAIL);
	assert_int_equal(v.disposition, DMARC_QUARANTINE);
	assert_int_equal(DMARC("From: x@strict.example", "sub.strict.example", NULL, rows), DKIM_FAIL);
	assert_int_equal(DMARC("From: x@bad.example", NULL, NULL, rows), DKIM_TEMPERROR);
	assert_int_equal(v.disposition, DMARC_NONE);
	assert_int_equal(DMARC("From: x@two.example", NULL, NULL, rows), DKIM_NONE);
	assert_int_equal(DMARC("From: x@none.example", NULL, NULL, rows), DKIM_NONE);
	assert_int_equal(DMARC("From: a@x.a.example, b@x.a.example", "x.a.example", NULL, rows), DKIM_PASS);
	assert_int_equal(DMARC("From: a@a.example, b@b.example", "a.example", NULL, rows), DKIM_PERMERROR);
	assert_int_equal(DMARC("From: a@a.example\r\nFrom: b@b.example", "b.example", NULL, rows), DKIM_PERMERROR);
	assert_int_equal(DMARC("Subject: x", "a.example", NULL, rows), DKIM_NONE);
	assert_int_equal(DMARC("From: undisclosed", "a.example", NULL, rows), DKIM_PERMERROR);
	/* below a public suffix one organization does not speak for another */
	assert_int_equal(DMARC("From: a@one.gov.xx", "two.gov.xx", NULL, rows), DKIM_FAIL);
	assert_int_equal(DMARC("From: a@three.gov.xx", "two.gov.xx", NULL, rows), DKIM_FAIL);
	assert_int_equal(v.disposition, DMARC_REJECT);
	assert_false(v.reported);
	DMARC("From: x@r.example", NULL, NULL, rows);
	assert_true(v.reported);
	assert_true(DMARC("From: x@a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.a.example", NULL, NULL, rows) == DKIM_FAIL);
}

static void test_organization(void **state)
{
	static const struct record rows[] = { { "_dmarc.a.example", "v=DMARC1; p=none", 0 }, { "_dmarc.gov.xx", "v=DMARC1; p=none; psd=y", 0 } };
	SCOPED_ARENA a = arena_new();
	struct zone z = { .v = rows, .n = 2, .a = a };
	struct span org;

	(void)state;
	assert_int_equal(dmarc_organization(a, SOURCE(z), SPAN("x.y.a.example"), &org), 0);
	assert_true(span_eqz(org, "a.example"));
	assert_int_equal(dmarc_organization(a, SOURCE(z), SPAN("x.one.gov.xx"), &org), 0);
	assert_true(span_eqz(org, "one.gov.xx"));
	assert_int_equal(dmarc_organization(a, SOURCE(z), SPAN("x.b.example"), &org), 0);
	assert_true(span_eqz(org, "x.b.example"));
}

/* RFC 9989 section 4.10: the name itself, then at most the last seven labels, down to the last. */
static void test_dmarc_walk(void **state)
{
	static const struct { const char *from, *asked_first; unsigned asked; } names[] = {
		{ "h.g.f.e.d.c.b", "_dmarc.g.f.e.d.c.b", DMARC_WALK_MAX - 1 }, { "i.h.g.f.e.d.c.b", "_dmarc.h.g.f.e.d.c.b", DMARC_WALK_MAX },
		{ "j.i.h.g.f.e.d.c.b", "_dmarc.h.g.f.e.d.c.b", DMARC_WALK_MAX }, { "n.m.l.k.j.i.h.g.f.e.d.c.b", "_dmarc.h.g.f.e.d.c.b", DMARC_WALK_MAX } };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		SCOPED_ARENA a = arena_new();
		struct record row = { names[i].asked_first, "v=DMARC1; p=reject", 0 };
		struct zone z = { .v = &row, .n = 1, .a = a };
		struct dkim_verdict d = { .result = DKIM_FAIL };
		struct spf_verdict s = { .result = SPF_FAIL };
		struct dmarc_verdict v;

		assert_int_equal(dmarc_check(a, arena_printf(a, "From: x@%s\r\n\r\n", names[i].from), &d, 1, &s, SOURCE(z), &v), 0);
		assert_int_equal(z.asked, names[i].asked);
		assert_true(span_eqz(v.organization, names[i].asked_first + strlen("_dmarc.")));
		row.name = "_dmarc.b";
		assert_int_equal(dmarc_check(a, arena_printf(a, "From: x@%s\r\n\r\n", names[i].from), &d, 1, &s, SOURCE(z), &v), 0);
		assert_true(span_eqz(v.organization, "b"));
	}
}

/* ---- Authentication-Results ---- */

static void test_authres(void **state)
{
	SCOPED_BUF b;
	struct span us = SPAN("mx.a.example");

	(void)state;
	buf_init(&b, 10000);
	assert_true(authres_is_ours(SPAN(" mx.a.example; spf=pass"), us));
	assert_true(authres_is_ours(SPAN(" (hi \\) (x)) MX.a.example. 1; spf=pass"), us));
	assert_true(authres_is_ours(SPAN("\r\n\t\"mx.a.\\example\"; none"), us));
	assert_true(authres_is_ours(SPAN("mx.a.example"), us));
	assert_true(authres_is_ours(SPAN(" (open"), us));
	assert_true(authres_is_ours(SPAN(" ; spf=pass"), us));
	assert_false(authres_is_ours(SPAN(" mx.b.example; spf=pass smtp.helo=mx.a.example"), us));
	assert_false(authres_is_ours(SPAN(" mx.a.example.evil.example; spf=pass"), us));
	assert_true(mailauth_strip(&b, SPAN("A: b\r\nAuthentication-Results: mx.a.example;\r\n spf=pass\r\n"
		"authentication-results: other; spf=pass\r\nX-Spam-Score: -9\r\n / 15\r\nx-spamd-result: x\r\nX-VIRUS-Scanned: yes\r\n"
		"C: d\r\n\r\n"), us));
	assert_true(span_eqz(buf_span(&b), "A: b\r\nauthentication-results: other; spf=pass\r\nC: d\r\n\r\n"));
	assert_false(mailauth_strip(&b, SPAN("A: b\r\n\r\n"), us));
}

static void test_whole(void **state)
{
	SCOPED_ARENA a = arena_new();
	static const struct record rows[] = { { ED_NAME, ED_KEY, 0 }, { "football.example.com", "v=spf1 ip4:192.0.2.0/24 -all", 0 },
		{ "_dmarc.football.example.com", "v=DMARC1; p=reject", 0 } };
	struct zone z = ZONE(rows);
	struct mailauth_request q = { .ip = SPAN("192.0.2.7"), .helo = SPAN("evil\r\n\"x"), .authserv_id = SPAN("mx.a.example"),
		.mail = mail_of(RFC8463_ED RFC8463_HEAD RFC8463_BODY), .now_sec = 1528637909 };
	struct mailauth_verdict v;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	assert_int_equal(mailauth_check(a, &q, SOURCE(z), &v), 0);
	assert_int_equal(v.dmarc.result, DKIM_PASS);
	authres_build(&b, &q, &v);
	assert_true(span_find(buf_span(&b), SPAN("smtp.helo=\"evil\\\"x\"")) > 0);
	assert_true(span_find(buf_span(&b), SPAN("dkim=pass (256 bits)\r\n\theader.d=football.example.com")) > 0);
	assert_true(span_find(buf_span(&b), SPAN("dmarc=pass (p=reject dis=none)")) > 0);
	q.sender = SPAN("joe@football.example.com");
	q.ip = SPAN("198.51.100.1");
	assert_int_equal(mailauth_check(a, &q, SOURCE(z), &v), 0);
	assert_int_equal(v.spf.result, SPF_FAIL);
	assert_int_equal(v.dmarc.result, DKIM_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rfc8463), cmocka_unit_test(test_canon), cmocka_unit_test(test_body),
		cmocka_unit_test(test_changed), cmocka_unit_test(test_signature), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_signature_bounds), cmocka_unit_test(test_signature_count), cmocka_unit_test(test_arc_sets),
		cmocka_unit_test(test_spf_bounds), cmocka_unit_test(test_spf_names), cmocka_unit_test(test_name_bound),
		cmocka_unit_test(test_monster_key), cmocka_unit_test(test_dmarc), cmocka_unit_test(test_dmarc_walk), cmocka_unit_test(test_organization),
		cmocka_unit_test(test_authres),
		cmocka_unit_test(test_whole) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
