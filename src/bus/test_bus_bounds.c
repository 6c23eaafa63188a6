/* The bounds of what travels between the processes: what just fits is read, one more is refused. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "base/wire.h"
#include "bus/bus_codec.h"
#include "bus/link.h"
#include "bus/name_job.h"
#include "bus/out_job.h"
#include "bus/scan_job.h"

static struct span filled(struct arena *a, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	memset(p, 'x', n);
	return SPAN_BYTES(p, n);
}

/* ---- commands and replies ---- */

/* What a message that was put into `from` decodes to. */
static int decoded(struct arena *a, struct bus_conn *from, struct bus_msg *out)
{
	int r = bus_decode(a, span_from(buf_span(&from->out), 4), NULL, 0, out);

	assert_false(from->out.failed);
	bus_conn_fini(from);
	return r;
}

static void test_texts(void **state)
{
	static const size_t bounds[] = { BUS_MESSAGE_MAX, BUS_STATE_MAX };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t n = bounds[i]; n <= bounds[i] + 1; n++) {
			SCOPED_ARENA a = arena_new();
			struct cmd c = { .flags = CMD_OPEN, .spool_fd = -1 };
			struct bus_conn b;
			struct bus_msg m;

			*(i ? &c.state : &c.body) = filled(a, n);
			bus_conn_init(&b, -1);
			bus_put_cmd(&b, &c);
			assert_int_equal(decoded(a, &b, &m), n > bounds[i] ? ERR_SYNTAX : 0);
		}
}

static void test_segments(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct reply *r = ARENA_NEW(a, struct reply);
	struct bus_conn b;
	struct bus_msg *m = ARENA_NEW(a, struct bus_msg);

	(void)state;
	for (int i = 0; i < BUS_SEGMENTS_MAX; i++)
		reply_bytes(r, SPAN("x"));
	bus_conn_init(&b, -1);
	bus_put_reply(&b, r);
	assert_int_equal(decoded(a, &b, m), 0);
	assert_int_equal(m->reply.nseg, BUS_SEGMENTS_MAX);
}

/* A reply by hand, of so many segments of one octet: more than the struct has. */
static void test_too_many_segments(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct bus_msg *m = ARENA_NEW(a, struct bus_msg);
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (uint32_t n = BUS_SEGMENTS_MAX; n <= BUS_SEGMENTS_MAX + 1; n++) {
		buf_reset(&b);
		wire_u8(&b, BUS_REPLY);
		buf_fill(&b, 0, 1 + 8 + 4 + 1 + 1 + 8 + 1 + 1);      /* up to the count: all empty */
		wire_u32(&b, n);
		for (uint32_t i = 0; i < n; i++) {
			wire_u8(&b, 0);
			wire_span(&b, SPAN("x"));
		}
		assert_int_equal(bus_decode(a, buf_span(&b), NULL, 0, m), n > BUS_SEGMENTS_MAX ? ERR_SYNTAX : 0);
	}
}

/* A length beyond all reason is refused when it is read, not when its octets have come. */
static void test_frame(void **state)
{
	(void)state;
	for (uint32_t over = 0; over <= 1; over++) {
		SCOPED_ARENA a = arena_new();
		struct bus_conn b;
		struct bus_msg m;

		bus_conn_init(&b, -1);
		wire_u32(&b.in, BUS_MESSAGE_MAX + 65536 + over);
		wire_u16(&b.in, 0);
		assert_int_equal(bus_recv(&b, a, &m), over ? ERR_SYNTAX : 0);
		bus_conn_fini(&b);
	}
}

static void test_descriptors(void **state)
{
	int sv[2], fds[IO_FDS_MAX + 1], got[IO_FDS_MAX];
	size_t n;
	char c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	for (int i = 0; i <= IO_FDS_MAX; i++)
		fds[i] = sv[0];
	assert_int_equal(io_send_fds(sv[0], SPAN("x"), fds, IO_FDS_MAX + 1), -1);
	assert_int_equal(io_send_fds(sv[0], SPAN("x"), fds, IO_FDS_MAX), 1);
	assert_int_equal(io_recv_fds(sv[1], &c, 1, got, &n), 1);
	assert_int_equal(n, IO_FDS_MAX);
	for (size_t i = 0; i < n; i++)
		close(got[i]);
	close(sv[0]);
	close(sv[1]);
}

/* ---- the link ---- */

static void test_link(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct link_cert certs[LINK_CERTS_MAX + 1], out[LINK_CERTS_MAX];
	struct link_msg m;
	size_t n;
	int sv[2];
	SCOPED_BUF b;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	assert_int_equal(link_send(sv[0], LINK_TLS, filled(a, LINK_PAYLOAD_MAX + 1), -1, NULL), ERR_TOOBIG);
	assert_int_equal(link_send(sv[0], LINK_TLS, filled(a, LINK_PAYLOAD_MAX), -1, NULL), 0);
	assert_int_equal(link_recv(sv[1], a, &m, NULL), 1);
	assert_int_equal(m.payload.n, LINK_PAYLOAD_MAX);
	close(sv[0]);
	close(sv[1]);
	buf_init(&b, LINK_PAYLOAD_MAX);
	for (size_t i = 0; i <= LINK_CERTS_MAX; i++)
		certs[i] = (struct link_cert){ SPAN("chain"), SPAN("key") };
	for (size_t k = LINK_CERTS_MAX; k <= LINK_CERTS_MAX + 1; k++) {
		buf_reset(&b);
		link_tls_encode(&b, certs, k);
		assert_int_equal(link_tls_decode(buf_span(&b), out, &n, NULL), k > LINK_CERTS_MAX ? ERR_SYNTAX : 0);
	}
}

/* ---- jobs for out ---- */

static void test_names(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct name_question q[NAME_JOBS_MAX + 1], *qs;
	struct name_answer v[NAME_JOBS_MAX + 1] = { 0 }, *vs;
	struct span records[2] = { filled(a, NAME_RECORDS_LEN_MAX - 1), SPAN("yz") };
	size_t n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i <= NAME_JOBS_MAX; i++)
		q[i] = (struct name_question){ i, DNS_A, SPAN("a.example") };
	for (size_t k = NAME_JOBS_MAX; k <= NAME_JOBS_MAX + 1; k++) {
		buf_reset(&b);
		name_questions_encode(&b, q, k);
		assert_int_equal(name_questions_decode(a, buf_span(&b), &qs, &n, NULL), k > NAME_JOBS_MAX ? ERR_SYNTAX : 0);
		buf_reset(&b);
		name_answers_encode(&b, v, k);
		assert_int_equal(name_answers_decode(a, buf_span(&b), &vs, &n, NULL), k > NAME_JOBS_MAX ? ERR_SYNTAX : 0);
	}
	for (records[1].n = 1; records[1].n <= 2; records[1].n++) {
		v[0].answer = (struct dns_answer){ .status = DNS_FOUND, .v = records, .n = 2 };
		buf_reset(&b);
		name_answers_encode(&b, v, 1);
		assert_int_equal(name_answers_decode(a, buf_span(&b), &vs, &n, NULL), records[1].n > 1 ? ERR_SYNTAX : 0);
	}
}

static void test_records(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span records[DNS_RECORDS_MAX + 1];
	struct name_answer v = { .answer = { .status = DNS_FOUND, .v = records } }, *vs;
	size_t n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i <= DNS_RECORDS_MAX; i++)
		records[i] = SPAN("x");
	for (v.answer.n = DNS_RECORDS_MAX; v.answer.n <= DNS_RECORDS_MAX + 1; v.answer.n++) {
		buf_reset(&b);
		name_answers_encode(&b, &v, 1);
		assert_int_equal(name_answers_decode(a, buf_span(&b), &vs, &n, NULL), v.answer.n > DNS_RECORDS_MAX ? ERR_SYNTAX : 0);
	}
}

static void test_out_job(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct out_rcpt rcpts[OUT_RCPTS_MAX + 1] = { 0 };
	struct out_row rows[OUT_RCPTS_MAX + 1];
	struct out_job j = { .rcpts = rcpts }, j2;
	struct out_result r = { .rows = rows }, r2;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i <= OUT_RCPTS_MAX; i++)
		rows[i] = (struct out_row){ .outcome = OUT_SENT };
	for (size_t n = OUT_RCPTS_MAX; n <= OUT_RCPTS_MAX + 1; n++) {
		j.n_rcpts = r.n_rows = n;
		buf_reset(&b);
		out_job_encode(&b, &j);
		assert_int_equal(out_job_decode(a, buf_span(&b), &j2, NULL), n > OUT_RCPTS_MAX ? ERR_SYNTAX : 0);
		buf_reset(&b);
		out_result_encode(&b, &r);
		assert_int_equal(out_result_decode(a, buf_span(&b), &r2, NULL), n > OUT_RCPTS_MAX ? ERR_SYNTAX : 0);
	}
}

/* The number of sessions of an encoded result is raised by hand: the struct holds no more. */
static void test_out_sessions(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct out_result r = { .n_sessions = OUT_TLS_MAX }, r2;
	const size_t count_at = 8 + 1 + 2;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i < OUT_TLS_MAX; i++)
		r.sessions[i].policy = OUT_POLICY_NONE;
	out_result_encode(&b, &r);
	assert_int_equal(out_result_decode(a, buf_span(&b), &r2, NULL), 0);
	assert_int_equal(r2.n_sessions, OUT_TLS_MAX);
	b.n -= 8;                                             /* without what comes behind the sessions: one more of them, then that */
	assert_int_equal(b.p[count_at], OUT_TLS_MAX);
	b.p[count_at]++;
	wire_u8(&b, OUT_POLICY_NONE);
	for (int i = 0; i < 4 + 2; i++)
		wire_span(&b, SPAN(""));
	assert_int_equal(out_result_decode(a, buf_span(&b), &r2, NULL), ERR_SYNTAX);
	assert_int_equal(r2.n_sessions, OUT_TLS_MAX + 1);     /* refused at the count, not at the end */
}

static void test_scans(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct span rcpts[SCAN_RCPTS_MAX + 1];
	struct scan_job v[SCAN_JOBS_MAX + 1] = { 0 }, out[SCAN_JOBS_MAX];
	struct scan_result r[SCAN_JOBS_MAX + 1] = { 0 }, results[SCAN_JOBS_MAX];
	unsigned wanted;
	size_t n;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t k = SCAN_JOBS_MAX; k <= SCAN_JOBS_MAX + 1; k++) {
		buf_reset(&b);
		scan_jobs_encode(&b, v, k);
		assert_int_equal(scan_jobs_decode(a, buf_span(&b), out, &n, NULL), k > SCAN_JOBS_MAX ? ERR_SYNTAX : 0);
		buf_reset(&b);
		scan_results_encode(&b, (unsigned)k, r, k);
		assert_int_equal(scan_results_decode(buf_span(&b), &wanted, results, &n, NULL), k > SCAN_JOBS_MAX ? ERR_SYNTAX : 0);
	}
	buf_reset(&b);
	scan_results_encode(&b, SCAN_JOBS_MAX + 1, r, 0);
	assert_int_equal(scan_results_decode(buf_span(&b), &wanted, results, &n, NULL), 0);
	assert_int_equal(wanted, SCAN_JOBS_MAX);
	for (size_t i = 0; i <= SCAN_RCPTS_MAX; i++)
		rcpts[i] = SPAN("a@example.org");
	v[0].envelope.rcpts = rcpts;
	for (v[0].envelope.n_rcpts = SCAN_RCPTS_MAX; v[0].envelope.n_rcpts <= SCAN_RCPTS_MAX + 1; v[0].envelope.n_rcpts++) {
		buf_reset(&b);
		scan_jobs_encode(&b, v, 1);
		assert_int_equal(scan_jobs_decode(a, buf_span(&b), out, &n, NULL), v[0].envelope.n_rcpts > SCAN_RCPTS_MAX ? ERR_SYNTAX : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts), cmocka_unit_test(test_segments),
		cmocka_unit_test(test_too_many_segments), cmocka_unit_test(test_frame), cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_link), cmocka_unit_test(test_names), cmocka_unit_test(test_records), cmocka_unit_test(test_out_job),
		cmocka_unit_test(test_out_sessions), cmocka_unit_test(test_scans) };

	return cmocka_run_group_tests_name("bus_bounds", tests, NULL, NULL);
}
