/* smtpload - sends mails over SMTP or LMTP and waits until they lie in the mailboxes, as IMAP STATUS says.
 *
 * smtpload --port P [--lmtp] [--conns C] [--msgs N] [--size S] [--users U] [--rcpt 'u%04d@example.org']
 *          [--rcpts-per-msg R] [--expect-all] [--verify-port P --pass W [--verify-user 'u%04d@example.org']]
 *          [--stranger A]: the server believes a PROXY header that names this address or one of the 13 after it
 * --expect-all: --rcpt is one list address and each of the U mailboxes gets every mail.
 * Output: one JSON object. accept_*: until the last 250 after the data; deliver_*: until the last mailbox shows
 * what it should. The mailboxes are asked only after the last 250, so that asking costs the server nothing. */
#include "load.h"

#define TIMEOUT_SEC 120
#define ASKING_MAX 8          /* threads that log in and ask */

static const char *port = "25", *stranger, *sender = "sender@load.invalid", *rcpt = "u%04d@example.org";
static const char *verify_port, *verify_user = "u%04d@example.org", *password = "secret-bench";
static long conns = 8, users = 100, rcpts_per_msg = 1, msgs = 1000, size = 1024;
static bool lmtp, expect_all;
static unsigned strangers;

static long next_msg, errors, incomplete, *expected;
static double *latency, last_seen;
static char error_text[256];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int fail(const char *what, const char *text)
{
	pthread_mutex_lock(&lock);
	errors++;
	if (!error_text[0])
		snprintf(error_text, sizeof(error_text), "%s: %.200s", what, text);
	pthread_mutex_unlock(&lock);
	return -1;
}

/* The patterns come from the command line of the bench, never from a server. */
static void name_of(char *out, size_t cap, const char *pattern, long user)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, cap, pattern, (int)user);
#pragma GCC diagnostic pop
}

#define STRANGERS 14

/* PROXY v2: a connection from `stranger`, or one of the addresses after it, to port 25. */
static void proxy_head(struct conn *c)
{
	char head[28] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";

	if (inet_pton(AF_INET, stranger, head + 16) != 1)
		die("--stranger: %s", stranger);
	head[19] = (char)(head[19] + __atomic_fetch_add(&strangers, 1, __ATOMIC_RELAXED) % STRANGERS);
	memcpy(head + 20, "\x7f\0\0\x01\x0f\xa0\0\x19", 8);
	conn_write(c, head, sizeof(head));
}

static int hello(struct conn *c, bool *pipelining)
{
	char t[1024] = "";

	*pipelining = false;
	if (conn_open(c, port, false) < 0)
		return fail("connect", strerror(errno));
	if (stranger)
		proxy_head(c);
	if (smtp_reply(c, t, sizeof(t), NULL) != 220)
		return fail("greeting", t);
	snprintf(t, sizeof(t), "%s load.invalid\r\n", lmtp ? "LHLO" : "EHLO");
	conn_write(c, t, strlen(t));
	return smtp_reply(c, t, sizeof(t), pipelining) == 250 ? 0 : fail("hello", t);
}

/* MAIL, RCPT and DATA, in one write where the server allows it. */
static int envelope(struct conn *c, long first, bool pipelining)
{
	size_t cap = 256 + (size_t)rcpts_per_msg * 128, n = (size_t)0;
	char *b = must_alloc(cap), t[1024] = "", to[100];
	int rc = 0;

	n = (size_t)snprintf(b, cap, "MAIL FROM:<%s>\r\n", sender);
	for (long r = -1; r < rcpts_per_msg; r++) {
		if (r >= 0) {
			name_of(to, sizeof(to), rcpt, (first + r) % users);
			n += (size_t)snprintf(b + n, cap - n, "RCPT TO:<%s>\r\n", to);
		}
		if (!pipelining) {
			conn_write(c, b, n);
			n = 0;
			if (smtp_reply(c, t, sizeof(t), NULL) / 10 != 25 && rc == 0)
				rc = fail("envelope", t);
		}
	}
	n += (size_t)snprintf(b + n, cap - n, "DATA\r\n");
	conn_write(c, b, n);
	free(b);
	for (long r = -1; pipelining && r < rcpts_per_msg; r++)
		if (smtp_reply(c, t, sizeof(t), NULL) / 10 != 25 && rc == 0)
			rc = fail("envelope", t);
	if (smtp_reply(c, t, sizeof(t), NULL) != 354 && rc == 0)
		rc = fail("data", t);
	return rc;
}

static int one_mail(struct conn *c, long i, char *b, bool pipelining)
{
	char t[1024] = "", to[100];
	long first = i * rcpts_per_msg % users;
	size_t n;
	int rc = 0;

	name_of(to, sizeof(to), rcpt, first);
	n = make_message(b, (size_t)size, i, to);
	memcpy(b + n, ".\r\n", 3);
	if (envelope(c, first, pipelining) < 0)
		return -1;
	conn_write(c, b, n + 3);
	for (long r = 0; r < (lmtp ? rcpts_per_msg : 1); r++) {
		if (smtp_reply(c, t, sizeof(t), NULL) != 250)
			rc = fail("end of data", t);
		else if (lmtp)
			__atomic_add_fetch(&expected[(first + r) % users], 1, __ATOMIC_RELAXED);
	}
	for (long r = 0; !lmtp && rc == 0 && r < rcpts_per_msg; r++)
		__atomic_add_fetch(&expected[(first + r) % users], 1, __ATOMIC_RELAXED);
	return rc;
}

static void *worker(void *arg UNUSED)
{
	char *b = must_alloc((size_t)size + MESSAGE_EXTRA + 3), t[1024];
	bool open = false, pipelining = false;
	struct conn c = { .fd = -1 };
	long i;

	while ((i = __atomic_fetch_add(&next_msg, 1, __ATOMIC_RELAXED)) < msgs) {
		double begin = now();

		if (!open && hello(&c, &pipelining) < 0) {
			conn_close(&c);
			continue;
		}
		open = one_mail(&c, i, b, pipelining) == 0;
		latency[i] = now() - begin;
		if (!open)
			conn_close(&c);
	}
	if (open) {
		conn_write(&c, "QUIT\r\n", 6);
		smtp_reply(&c, t, sizeof(t), NULL);
		conn_close(&c);
	}
	free(b);
	return NULL;
}

/* ---- the mailboxes, seen over IMAP ---- */

struct range {
	long from, to;
	struct conn *mailbox;
	long *before;
};

static void *open_mailboxes(void *arg)
{
	struct range *r = arg;
	char name[100];

	for (long u = r->from; u < r->to; u++) {
		name_of(name, sizeof(name), verify_user, u);
		if (imap_login(&r->mailbox[u], verify_port, false, name, password))
			die("cannot log in as %s: %s", name, r->mailbox[u].text);
		r->before[u] = imap_messages(&r->mailbox[u], "INBOX");
		if (r->before[u] < 0)
			die("no INBOX of %s: %s", name, r->mailbox[u].text);
	}
	return NULL;
}

static void *wait_mailboxes(void *arg)
{
	struct range *r = arg;
	double end = now() + TIMEOUT_SEC;
	long u = r->from;

	while (u < r->to && now() < end) {
		if (!expected[u] || imap_messages(&r->mailbox[u], "INBOX") >= r->before[u] + expected[u]) {
			double t = now();

			pthread_mutex_lock(&lock);
			if (expected[u] && t > last_seen)
				last_seen = t;
			pthread_mutex_unlock(&lock);
			u++;
		} else {
			sleep_sec(0.003);
		}
	}
	__atomic_add_fetch(&incomplete, r->to - u, __ATOMIC_RELAXED);
	return NULL;
}

static void each_range(void *(*fn)(void *), struct conn *mailbox, long *before)
{
	long n = users < ASKING_MAX ? users : ASKING_MAX;
	struct range r[ASKING_MAX];
	pthread_t t[ASKING_MAX];

	for (long i = 0; i < n; i++) {
		r[i] = (struct range){ users * i / n, users * (i + 1) / n, mailbox, before };
		pthread_create(&t[i], NULL, fn, &r[i]);
	}
	for (long i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void print(double accept_sec, double deliver_sec)
{
	long total = 0;

	for (long u = 0; u < users; u++)
		total += expected[u];
	qsort(latency, (size_t)msgs, sizeof(*latency), compare_doubles);
	printf("{\"errors\":%ld,\"accept_s\":%.4f,\"accept_per_s\":%.1f", errors, accept_sec,
		(double)(msgs - errors) / accept_sec);
	if (verify_port)
		printf(",\"deliver_s\":%.4f,\"deliver_per_s\":%.1f,\"delivered\":%ld,\"incomplete\":%ld", deliver_sec,
			(double)total / deliver_sec, total, incomplete);
	printf(",\"p50_ms\":%.3f,\"p99_ms\":%.3f", percentile(latency, msgs, .5) * 1e3, percentile(latency, msgs, .99) * 1e3);
	print_error(error_text);
	printf("}\n");
}

int main(int argc, char **argv)
{
	const struct option_row options[] = { { "port", .text = &port }, { "lmtp", .on = &lmtp },
		{ "conns", .number = &conns }, { "msgs", .number = &msgs }, { "size", .number = &size },
		{ "users", .number = &users }, { "rcpt", .text = &rcpt }, { "from", .text = &sender },
		{ "rcpts-per-msg", .number = &rcpts_per_msg }, { "expect-all", .on = &expect_all }, { "stranger", .text = &stranger },
		{ "verify-port", .text = &verify_port }, { "verify-user", .text = &verify_user },
		{ "pass", .text = &password }, { 0 } };
	struct conn *mailbox;
	pthread_t *threads;
	double begin, accepted;
	long *before;

	options_read(argc, argv, options);
	signal(SIGPIPE, SIG_IGN);
	mailbox = must_alloc((size_t)users * sizeof(*mailbox));
	before = must_alloc((size_t)users * sizeof(*before));
	expected = must_alloc((size_t)users * sizeof(*expected));
	latency = must_alloc((size_t)msgs * sizeof(*latency));
	threads = must_alloc((size_t)conns * sizeof(*threads));
	if (verify_port)
		each_range(open_mailboxes, mailbox, before);
	begin = now();
	for (long i = 0; i < conns; i++)
		pthread_create(&threads[i], NULL, worker, NULL);
	for (long i = 0; i < conns; i++)
		pthread_join(threads[i], NULL);
	accepted = last_seen = now();
	for (long u = 0; expect_all && u < users; u++)
		expected[u] = msgs - errors;
	if (verify_port)
		each_range(wait_mailboxes, mailbox, before);
	print(accepted - begin, last_seen - begin);
	return errors || incomplete;
}
