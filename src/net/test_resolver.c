#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/time.h"
#include "net/resolver.h"

static const char table[] = "# test zone\n"
			    "MX example.org 20 mx2.example.org\nMX example.org 10 MX1.example.org.\n"
			    "MX example.org 10 mx1b.example.org\nA mx1.example.org 127.0.0.1\nA mx1.example.org ::1\n"
			    "A plain.example 127.0.0.2\nNULLMX none.example\nFAIL broken.example\n"
			    "CNAME alias.example example.org\nCNAME loop.example loop.example\n";

static struct resolver *table_new(void)
{
	struct resolver_config c = { .hosts = SPAN_BYTES(table, sizeof(table) - 1) };
	struct resolver *r = resolver_new(&c, NULL);

	assert_non_null(r);
	return r;
}

static void test_mx(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct resolver *r = table_new();
	struct resolver_mx_list mx;
	unsigned first[2] = { 0, 0 };

	(void)state;
	for (int i = 0; i < 64; i++) {
		assert_int_equal(resolver_mx(r, a, SPAN("EXAMPLE.org"), &mx), RESOLVE_FOUND);
		assert_int_equal(mx.n, 3);
		assert_true(span_eqz(mx.v[2].host, "mx2.example.org"));
		first[span_eqz(mx.v[0].host, "mx1.example.org")]++;
	}
	assert_true(first[0] && first[1]);
	assert_int_equal(resolver_mx(r, a, SPAN("plain.example"), &mx), RESOLVE_FOUND);
	assert_true(mx.implicit && mx.n == 1 && span_eqz(mx.v[0].host, "plain.example"));
	assert_int_equal(resolver_mx(r, a, SPAN("none.example"), &mx), RESOLVE_NULL_MX);
	assert_int_equal(resolver_mx(r, a, SPAN("broken.example"), &mx), RESOLVE_FAILED);
	assert_int_equal(resolver_mx(r, a, SPAN("absent.example"), &mx), RESOLVE_NO_NAME);
	assert_int_equal(resolver_mx(r, a, SPAN("alias.example"), &mx), RESOLVE_FOUND);
	assert_int_equal(mx.n, 3);
	assert_int_equal(resolver_mx(r, a, SPAN("loop.example"), &mx), RESOLVE_FAILED);
	resolver_free(r);
}

static void test_addresses(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct resolver *r = table_new();
	struct resolver_address_list l;

	(void)state;
	assert_int_equal(resolver_addresses(r, a, SPAN("mx1.example.org"), &l), RESOLVE_FOUND);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.v[0].sa.ss_family, AF_INET6);
	assert_int_equal(resolver_addresses(r, a, SPAN("none.example"), &l), RESOLVE_NO_DATA);
	assert_int_equal(resolver_addresses(r, a, SPAN("broken.example"), &l), RESOLVE_FAILED);
	assert_int_equal(resolver_addresses(r, a, SPAN("nowhere.example"), &l), RESOLVE_NO_NAME);
	assert_int_equal(resolver_addresses(r, a, SPAN("[127.0.0.9]"), &l), RESOLVE_FOUND);
	assert_int_equal(resolver_addresses(r, a, SPAN("[IPv6:::1]"), &l), RESOLVE_FOUND);
	assert_int_equal(l.v[0].sa.ss_family, AF_INET6);
	resolver_free(r);
}

/* So many of each are given on; of MX records the best. */
static void test_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct resolver_config c = { 0 };
	struct resolver_mx_list mx;
	struct resolver_address_list l;
	struct resolver_records *records = ARENA_NEW(a, struct resolver_records);
	struct resolver *r;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i <= RESOLVER_RECORDS_MAX; i++) {
		buf_addf(&b, "TXT %s t%d\n", i < RESOLVER_RECORDS_MAX ? "many.example" : "more.example", i);
		buf_addf(&b, "TXT more.example t%d\n", i);
	}
	for (int i = RESOLVER_MX_MAX; i >= 0; i--) {
		buf_addf(&b, "MX more.example %d mx%d.example\n", i, i);
		buf_addf(&b, i ? "MX many.example %d mx%d.example\n" : "\n", i, i);
	}
	for (int i = 0; i <= RESOLVER_ADDRESS_MAX; i++) {
		buf_addf(&b, "A more.example 127.0.1.%d\n", i + 1);
		buf_addf(&b, i ? "A many.example 127.0.1.%d\n" : "\n", i);
	}
	c.hosts = buf_span(&b);
	r = resolver_new(&c, NULL);
	assert_non_null(r);
	for (int more = 0; more <= 1; more++) {
		struct span name = more ? SPAN("more.example") : SPAN("many.example");

		assert_int_equal(resolver_records(r, a, name, 16, 0, records), RESOLVE_FOUND);
		assert_int_equal(records->n, RESOLVER_RECORDS_MAX);
		assert_int_equal(resolver_addresses(r, a, name, &l), RESOLVE_FOUND);
		assert_int_equal(l.n, RESOLVER_ADDRESS_MAX);
		assert_int_equal(resolver_mx(r, a, name, &mx), RESOLVE_FOUND);
		assert_int_equal(mx.n, RESOLVER_MX_MAX);
		assert_int_equal(mx.v[RESOLVER_MX_MAX - 1].preference, RESOLVER_MX_MAX - more);
	}
	resolver_free(r);
}

static void test_bad_table(void **state)
{
	static const char *const bad[] = { "MX a.example ten b.example", "A a.example nowhere", "BLA a b", "A" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct resolver_config c = { .hosts = span_str(bad[i]) };
		struct err e = ERR_INIT;

		assert_null(resolver_new(&c, &e));
		assert_int_equal(e.code, ERR_SYNTAX);
	}
}

/* ---- a DNS server of one name, on loopback ---- */

struct dns {
	int fd, stop[2];
	char at[32];
	bool silent;
	pthread_t thread;
};

/* mx.test: MX 5 a.test; gone.test: NXDOMAIN; sick.test: SERVFAIL; anything else: no data. */
static size_t dns_answer(unsigned char *p, size_t n)
{
	static const unsigned char mx[] = { 0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 10, 0, 5, 1, 'a', 4, 't', 'e', 's', 't', 0 };
	size_t end = 12;
	int type;

	while (end < n && p[end])
		end += p[end] + 1u;
	end += 5;
	type = p[end - 3];
	p[2] |= 0x84;
	p[3] = 0x80;
	memset(p + 6, 0, 6);
	if (p[12] == 4 && !memcmp(p + 13, "gone", 4))
		p[3] |= 3;
	else if (p[12] == 4 && !memcmp(p + 13, "sick", 4))
		p[3] |= 2;
	else if (p[12] == 2 && type == 15) {
		p[7] = 1;
		memcpy(p + end, mx, sizeof(mx));
		return end + sizeof(mx);
	}
	return end;
}

static void *dns_run(void *arg)
{
	struct dns *d = arg;
	unsigned char p[2048];

	for (;;) {
		struct pollfd pf[2] = { { .fd = d->fd, .events = POLLIN }, { .fd = d->stop[0], .events = POLLIN } };
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n;

		poll(pf, 2, -1);
		if (pf[1].revents)
			return NULL;
		n = recvfrom(d->fd, p, 1024, 0, (struct sockaddr *)&from, &len);
		if (n > 16 && !d->silent)
			sendto(d->fd, p, dns_answer(p, (size_t)n), 0, (struct sockaddr *)&from, len);
	}
}

static struct resolver *dns_start(struct dns *d, bool silent, unsigned timeout_ms)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	const char *fwd = d->at;
	struct resolver_config c = { .forwarders = &fwd, .n_forwarders = 1, .timeout_ms = timeout_ms };
	struct resolver *r;

	d->silent = silent;
	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(d->fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(pipe(d->stop), 0);
	snprintf(d->at, sizeof(d->at), "127.0.0.1@%u", ntohs(at.sin_port));
	assert_int_equal(pthread_create(&d->thread, NULL, dns_run, d), 0);
	r = resolver_new(&c, NULL);
	assert_non_null(r);
	return r;
}

static void dns_stop(struct dns *d, struct resolver *r)
{
	resolver_free(r);
	close(d->stop[1]);
	pthread_join(d->thread, NULL);
	close(d->stop[0]);
	close(d->fd);
}

static void test_dns(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct dns d;
	struct resolver *r = dns_start(&d, false, 10000);
	struct resolver_mx_list mx;
	struct resolver_address_list l;

	(void)state;
	assert_int_equal(resolver_mx(r, a, SPAN("mx.test"), &mx), RESOLVE_NO_NAME); /* test. is empty by RFC 6761 */
	assert_int_equal(resolver_mx(r, a, SPAN("mx.example-dns.org"), &mx), RESOLVE_FOUND);
	assert_int_equal(mx.n, 1);
	assert_int_equal(mx.v[0].preference, 5);
	assert_true(span_eqz(mx.v[0].host, "a.test"));
	assert_int_equal(resolver_mx(r, a, SPAN("gone.example-dns.org"), &mx), RESOLVE_NO_NAME);
	assert_int_equal(resolver_mx(r, a, SPAN("sick.example-dns.org"), &mx), RESOLVE_FAILED);
	assert_int_equal(resolver_addresses(r, a, SPAN("plain.example-dns.org"), &l), RESOLVE_NO_DATA);
	dns_stop(&d, r);
}

static void test_dns_dead(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct dns d;
	struct resolver *r = dns_start(&d, true, 400);
	struct resolver_mx_list mx;
	int64_t from_us = time_mono_us();

	(void)state;
	assert_int_equal(resolver_mx(r, a, SPAN("mx.example-dns.org"), &mx), RESOLVE_FAILED);
	assert_true(time_mono_us() - from_us < 3 * US_PER_SEC);
	assert_string_equal(mx.why, "DNS: no answer in time");
	dns_stop(&d, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx), cmocka_unit_test(test_addresses), cmocka_unit_test(test_bad_table),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_dns), cmocka_unit_test(test_dns_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
