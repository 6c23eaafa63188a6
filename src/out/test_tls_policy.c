/* DANE and REQUIRETLS against a real server on loopback; the names come from a table in which some count as signed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509v3.h>
#include "base/log.h"
#include "base/time.h"
#include "out/deliver.h"
#include "out/sts.h"
#include "out/test_peer.h"

static const struct smtp_timeouts quick = { 1000, 1000, 1000, 1000, 1000, 1000 };
#define CAPS "PIPELINING\n8BITMIME\nENHANCEDSTATUSCODES\n"
#define PLAIN "Subject: hi\r\n\r\nHello\r\n"
#define RELAXED "TLS-Required: No\r\n" PLAIN
enum { NO_RECORD, WRONG = 1, GOOD_EE, GOOD_TA, UNUSABLE, SERVFAIL, LIES };

struct expect {
	const char *name;
	int record;                       /* of the MX, at record_at when it is an alias */
	bool insecure;                    /* nothing is signed */
	const char *certificate, *caps, *message;
	unsigned flags;
	enum out_outcome outcome;
	const char *status;
	bool tls;                         /* the mail went over TLS */
	enum out_policy policy;
	const char *fault;
	const char *alias, *record_at;    /* the MX leads there; good.example and end.example are signed, far.example is not */
};
#define MX "mx.good.example"
#define TLS CAPS "STARTTLS"
#define RTLS CAPS "STARTTLS\nREQUIRETLS"
static const struct expect expects[] = {
	{ "EE", GOOD_EE, false, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "" },
	{ "EE asks for no name", GOOD_EE, false, "other.example", TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "" },
	{ "TA", GOOD_TA, false, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "" },
	{ "TA with the domain's name", GOOD_TA, false, "good.example", TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "" },
	{ "TA with another name", GOOD_TA, false, "other.example", TLS, PLAIN, 0, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA,
		"certificate-host-mismatch" },
	{ "wrong", WRONG, false, MX, TLS, PLAIN, 0, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA, "certificate-not-trusted" },
	{ "no STARTTLS", GOOD_EE, false, MX, CAPS, PLAIN, 0, OUT_LATER, "4.7.4", false, OUT_POLICY_TLSA, "starttls-not-supported" },
	{ "unusable", UNUSABLE, false, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "tlsa-invalid" },
	{ "unusable without TLS", UNUSABLE, false, MX, CAPS, PLAIN, 0, OUT_LATER, "4.7.4", false, OUT_POLICY_TLSA, "tlsa-invalid" },
	{ "digest of wrong length", LIES, false, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "tlsa-invalid" },
	{ "look-up fails", SERVFAIL, false, MX, TLS, PLAIN, 0, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA, "dnssec-invalid" },
	{ "not signed", WRONG, true, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_NONE, "" },
	{ "not signed, look-up would fail", SERVFAIL, true, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_NONE, "" },
	{ "no record, no TLS", NO_RECORD, false, MX, CAPS, PLAIN, 0, OUT_RELAYED, "2.0.0", false, OUT_POLICY_NONE, "starttls-not-supported" },
	{ "TLS-Required: No", WRONG, false, MX, TLS, RELAXED, 0, OUT_RELAYED, "2.0.0", true, 0, NULL },
	{ "TLS-Required: No, look-up fails", SERVFAIL, false, MX, TLS, RELAXED, 0, OUT_RELAYED, "2.0.0", true, 0, NULL },
	{ "REQUIRETLS by DANE", GOOD_EE, false, MX, RTLS, PLAIN, JOB_REQUIRETLS, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "" },
	{ "REQUIRETLS beats TLS-Required: No", WRONG, false, MX, RTLS, RELAXED, JOB_REQUIRETLS, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA,
		"certificate-not-trusted" },
	{ "REQUIRETLS not offered", GOOD_EE, false, MX, TLS, PLAIN, JOB_REQUIRETLS, OUT_REFUSED, "5.7.30", false, OUT_POLICY_TLSA, "" },
	{ "REQUIRETLS, no roots lead there", NO_RECORD, false, MX, RTLS, PLAIN, JOB_REQUIRETLS, OUT_LATER, "4.7.5", false,
		OUT_POLICY_NONE, "certificate-not-trusted" },
	{ "alias, record at its end", GOOD_EE, false, "x.example", TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "",
		"mx.end.example", "mx.end.example" },
	{ "alias, name of its end", GOOD_TA, false, "mx.end.example", TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "",
		"mx.end.example", "mx.end.example" },
	{ "alias, not the name that has the record", GOOD_TA, false, MX, TLS, PLAIN, 0, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA,
		"certificate-host-mismatch", "mx.end.example", "mx.end.example" },
	{ "alias, wrong record at its end", WRONG, false, MX, TLS, PLAIN, 0, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA,
		"certificate-not-trusted", "mx.end.example", "mx.end.example" },
	{ "alias, look-up at its end fails", SERVFAIL, false, MX, TLS, PLAIN, 0, OUT_LATER, "4.7.5", false, OUT_POLICY_TLSA, "dnssec-invalid",
		"mx.end.example", "mx.end.example" },
	{ "alias, record at its own name", GOOD_TA, false, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_TLSA, "",
		"mx.end.example", MX },
	{ "alias to where nothing is signed", WRONG, false, MX, TLS, PLAIN, 0, OUT_RELAYED, "2.0.0", true, OUT_POLICY_NONE, "",
		"mx.far.example", "mx.far.example" },
	{ "REQUIRETLS, not signed", NO_RECORD, true, MX, RTLS, PLAIN, JOB_REQUIRETLS, OUT_REFUSED, "5.7.30", false, 0, NULL },
};

static X509 *certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509V3_CTX v3;
	X509_EXTENSION *ca;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	X509V3_set_ctx(&v3, issuer ? issuer : cert, cert, NULL, NULL, 0);
	ca = X509V3_EXT_conf_nid(NULL, &v3, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
	X509_add_ext(cert, ca, -1);
	X509_EXTENSION_free(ca);
	assert_true(X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()) > 0);
	return cert;
}

/* A chain of two, the issuer sent along; *issuer_out is borrowed from the context. */
static SSL_CTX *chain_tls(const char *name, X509 **issuer_out)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = EVP_EC_gen("P-256");
	X509 *issuer = certificate("the issuer", issuer_key, NULL, NULL), *cert = certificate(name, key, issuer, issuer_key);

	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	assert_int_equal(SSL_CTX_add_extra_chain_cert(ctx, issuer), 1);
	*issuer_out = issuer;
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
	return ctx;
}

/* usage selector matching data of the server's certificate */
static void add_record(struct buf *b, const struct expect *x, const struct peer_server *p, X509 *issuer)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	X509 *cert = SSL_CTX_get0_certificate(p->tls);
	const char *at = x->record_at ? x->record_at : MX;
	unsigned n = 32;

	if (x->record == SERVFAIL)
		buf_addf(b, "FAIL _%u._tcp.%s\n", p->port, at);
	if (x->record == NO_RECORD || x->record == SERVFAIL)
		return;
	X509_digest(x->record == GOOD_TA ? issuer : cert, EVP_sha256(), digest, &n);
	buf_addf(b, "RR 52 _%u._tcp.%s %s", p->port, at, x->record == GOOD_TA ? "020001" : x->record == UNUSABLE ? "010101" : "030101");
	if (x->record != GOOD_TA) {
		unsigned char *der = NULL;
		int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

		EVP_Digest(der, (size_t)len, digest, &n, EVP_sha256(), NULL);
		digest[0] ^= x->record == WRONG;
		OPENSSL_free(der);
	}
	for (unsigned i = 0; i < (x->record == LIES ? 20 : n); i++)
		buf_addf(b, "%02x", digest[i]);
	buf_addc(b, '\n');
}

static void expect(const struct expect *x)
{
	SCOPED_ARENA a = arena_new();
	struct peer_server peer = { 0 };
	struct out_rcpt rcpt = { .id = 1, .address = SPAN("anna@good.example") };
	struct out_job job = { .message_id = 7, .sender = SPAN("me@us.example"), .domain = SPAN("good.example"), .rcpts = &rcpt,
		.n_rcpts = 1, .flags = x->flags };
	struct out_config conf = { .name = "out", .hostname = "us.example", .timeouts = &quick };
	struct out_result r;
	struct deliver *d;
	X509 *issuer;
	SCOPED_BUF hosts;

	buf_init(&hosts, 4096);
	peer_start(&peer, x->caps, PEER_GOOD);
	peer.tls = chain_tls(x->certificate, &issuer);
	buf_addf(&hosts, "MX good.example 10 mx.good.example\nA %s 127.0.0.1\n%s", x->alias ? x->alias : MX,
		x->insecure ? "" : "SECURE good.example\nSECURE end.example\n");
	if (x->alias)
		buf_addf(&hosts, "CNAME mx.good.example %s\n", x->alias);
	add_record(&hosts, x, &peer, issuer);
	conf.port = peer.port;
	conf.hosts = buf_span(&hosts);
	d = deliver_new(&conf, NULL);
	assert_non_null(d);
	deliver_job(d, a, &job, span_str(x->message), &r);
	if (r.rows[0].outcome != x->outcome || !span_eqz(r.rows[0].status, x->status))
		fail_msg("%s: outcome %d %.*s \"%.*s\"", x->name, r.rows[0].outcome, SPAN_F(r.rows[0].status), SPAN_F(r.rows[0].reply));
	assert_int_equal(r.tls, x->tls);
	assert_int_equal(peer_mails(&peer), x->outcome == OUT_RELAYED);
	assert_int_equal(peer_logged(&peer, "REQUIRETLS"), x->outcome == OUT_RELAYED && x->flags & JOB_REQUIRETLS);
	if (r.n_sessions != (x->fault != NULL))
		fail_msg("%s: %zu sessions", x->name, r.n_sessions);
	if (x->fault && (r.sessions[0].policy != x->policy || !span_eqz(r.sessions[0].fault, x->fault)))
		fail_msg("%s: policy %d, %.*s", x->name, r.sessions[0].policy, SPAN_F(r.sessions[0].fault));
	deliver_free(d);
	peer_stop(&peer);
}

static void test_dane_and_requiretls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expects) / sizeof(*expects); i++)
		expect(&expects[i]);
}

/* What is known of so many domains; the oldest gives way. Nothing is in the DNS: what core gave along is all there is. */
static void test_known_policies(void **state)
{
	struct resolver_config none = { .hosts = SPAN("A x.example 127.0.0.1\n") };
	struct sts_config c = { .resolver = resolver_new(&none, NULL) };
	struct sts_stored kept = { SPAN("1"), SPAN("version: STSv1\nmode: enforce\nmx: mx.example\nmax_age: 86400\n"), time_real_sec() + 86400 },
		nothing = { .until_sec = 0 };
	struct sts *s = sts_new(&c);

	(void)state;
	for (int i = 0; i <= STS_KNOWN_MAX; i++) {
		SCOPED_ARENA a = arena_new();
		struct sts_found found;

		if (i == STS_KNOWN_MAX) {
			sts_find(s, a, SPAN("d0.example"), &nothing, &found);
			assert_true(found.any);
		}
		sts_find(s, a, arena_printf(a, "d%d.example", i), i ? &nothing : &kept, &found);
		assert_int_equal(found.any, i == 0);
		sts_find(s, a, SPAN("d0.example"), &nothing, &found);
		assert_int_equal(found.any, i < STS_KNOWN_MAX);
	}
	sts_free(s);
	resolver_free(c.resolver);
}

static void no_log(struct span line)
{
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_known_policies), cmocka_unit_test(test_dane_and_requiretls) };

	signal(SIGPIPE, SIG_IGN);
	log_test_sink(no_log);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
