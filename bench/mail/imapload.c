/* imapload - IMAP load: imapload --mode MODE --port P [--tls] [--user 'u%04d@example.org'] [--pass W] [--users U]
 *            [--first-user F] [--conns C] [--mailbox M] [--count N] [--size S] [--exec 'COMMAND'] ...
 *
 * login    --seconds T   connect, LOGIN, LOGOUT over and over on C threads; users taken in turn
 * open     --count N     connect, LOGIN, SELECT, N times, one connection at a time
 * first    --count N     the same, but only the SELECT is timed
 * select   --count N     SELECT and UNSELECT over and over
 * command  --count N     SELECT once, then --exec N times per connection
 * sequence --count N     --exec for message numbers 1..N (%ld), shared by C connections
 * append   --count N     APPEND of 1 message, N in all; connection i writes to user i % U
 * fill     --count N     N messages by APPENDs of 50 at a time where the server knows MULTIAPPEND
 * hold     --count N     N connections into IDLE; writes --ready FILE and holds them until SIGTERM
 * latency  --count N     a mail over LMTP to --lmtp-port, time until a second connection in IDLE hears EXISTS
 * Output: one JSON object. */
#include "load.h"

#define LATENCY_MAX 4000000

static const char *mode = "", *port = "143", *user = "u%04d@example.org", *password = "secret-bench",
	*mailbox = "INBOX", *command = "NOOP", *lmtp_port, *ready;
static long users = 1, first_user, conns = 1, count = 1, size = 10240;
static double seconds = 3;
static bool tls;

static double *latency, stop_at;
static long n_latency, next_index, errors, fetched, opened;
static uint64_t bytes;
static char error_text[256];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static volatile sig_atomic_t stopping;

#pragma GCC diagnostic ignored "-Wformat-nonliteral"   /* patterns of the command line */

static const char *name_of(char out[100], long i)
{
	snprintf(out, 100, user, (int)(first_user + i % users));
	return out;
}

static void add_latency(double since)
{
	long k = __atomic_fetch_add(&n_latency, 1, __ATOMIC_RELAXED);

	if (k < LATENCY_MAX)
		latency[k] = now() - since;
}

static void fail(const struct conn *c, const char *what)
{
	pthread_mutex_lock(&lock);
	errors++;
	if (!error_text[0])
		snprintf(error_text, sizeof(error_text), "%.40s: %.200s", what, c->text);
	pthread_mutex_unlock(&lock);
}

static void must_login(struct conn *c, long i)
{
	char name[100];

	if (imap_login(c, port, tls, name_of(name, i), password))
		die("cannot log in as %s: %s", name, c->text);
}

static void must_select(struct conn *c)
{
	if (imap_command(c, "SELECT \"%s\"", mailbox))
		die("no SELECT: %s", c->text);
}

static void logout(struct conn *c)
{
	imap_command(c, "LOGOUT");
	conn_close(c);
}

static long take(void)
{
	return __atomic_fetch_add(&next_index, 1, __ATOMIC_RELAXED);
}

/* ---- one thread each ---- */

static void *run_login(void *arg)
{
	long k = (long)arg;
	char name[100];

	pthread_barrier_wait(&start);
	for (; now() < stop_at; k += conns) {
		struct conn c;
		double begin = now();

		if (imap_login(&c, port, tls, name_of(name, k), password)) {
			fail(&c, "login");
			conn_close(&c);
			sleep_sec(0.01);
			continue;
		}
		add_latency(begin);
		logout(&c);
	}
	return NULL;
}

static void *run_open(void *arg)
{
	pthread_barrier_wait(&start);
	while (take() < count) {
		struct conn c;
		double begin = now();

		must_login(&c, (long)arg);
		if (!strcmp(mode, "first"))
			begin = now();
		must_select(&c);
		add_latency(begin);
		logout(&c);
	}
	return NULL;
}

static void *run_select(void *arg)
{
	struct conn c;

	must_login(&c, (long)arg);
	pthread_barrier_wait(&start);
	for (long i = 0; i < count; i++) {
		double begin = now();

		if (imap_command(&c, "SELECT \"%s\"", mailbox))
			fail(&c, "SELECT");
		add_latency(begin);
		imap_command(&c, "UNSELECT");
	}
	logout(&c);
	return NULL;
}

static void *run_commands(void *arg)
{
	bool sequence = !strcmp(mode, "sequence");
	struct conn c;
	uint64_t before;
	char text[512];

	must_login(&c, (long)arg);
	must_select(&c);
	pthread_barrier_wait(&start);
	before = c.received;
	c.fetches = 0;
	for (long k = 0;; k++) {
		long i = sequence ? take() : k;
		double begin = now();

		if (i >= count)
			break;
		snprintf(text, sizeof(text), command, i + 1);
		if (imap_command(&c, "%s", text))
			fail(&c, text);
		add_latency(begin);
	}
	__atomic_add_fetch(&bytes, c.received - before, __ATOMIC_RELAXED);
	__atomic_add_fetch(&fetched, c.fetches, __ATOMIC_RELAXED);
	logout(&c);
	return NULL;
}

/* One APPEND of n messages of about `size` bytes; sizes vary in a batch. */
static int append(struct conn *c, char *b, long first, long n)
{
	uint64_t s = (uint64_t)first;
	char head[200];
	int tag = ++c->tag, k = snprintf(head, sizeof(head), "A%d APPEND \"%s\"", tag, mailbox);

	for (long i = 0; i < n; i++) {
		size_t want = n == 1 ? (size_t)size : (size_t)size / 2 + rng(&s) % (size_t)size;
		size_t len = make_message(b, want, first + i, "u@example.org");

		k += snprintf(head + k, sizeof(head) - (size_t)k, " {%zu%s}\r\n", len, c->literal_plus ? "+" : "");
		if (conn_write(c, head, (size_t)k) < 0 || (!c->literal_plus && imap_wait(c, tag, NULL) != IMAP_CONTINUE) ||
			conn_write(c, b, len) < 0)
			return -1;
		__atomic_add_fetch(&bytes, len, __ATOMIC_RELAXED);
		k = 0;
	}
	return conn_write(c, "\r\n", 2) < 0 ? -1 : imap_wait(c, tag, NULL);
}

static void capabilities(struct conn *c)
{
	char line[2048];
	int tag = imap_send(c, "CAPABILITY");

	while (tag > 0 && conn_line(c, line, sizeof(line), NULL) == 0 && line[0] == '*')
		c->literal_plus |= strcasestr(line, "LITERAL+") != NULL;
}

static void *run_append(void *arg)
{
	long batch = !strcmp(mode, "fill") ? 50 : 1, i;
	char *b = must_alloc((size_t)size * 2 + MESSAGE_EXTRA);
	struct conn c;

	must_login(&c, (long)arg);
	capabilities(&c);
	if (strcmp(mailbox, "INBOX"))
		imap_command(&c, "CREATE \"%s\"", mailbox);
	pthread_barrier_wait(&start);
	while ((i = __atomic_fetch_add(&next_index, batch, __ATOMIC_RELAXED)) < count) {
		double begin = now();

		if (append(&c, b, i, batch < count - i ? batch : count - i)) {
			fail(&c, "APPEND");
			break;
		}
		add_latency(begin);
	}
	logout(&c);
	free(b);
	return NULL;
}

static struct conn *held;

static void *run_hold(void *arg UNUSED)
{
	char name[100];
	long i;

	pthread_barrier_wait(&start);
	while ((i = take()) < count) {
		struct conn *c = &held[i];
		double begin = now();
		int tag;

		if (imap_login(c, port, tls, name_of(name, i), password) || imap_command(c, "SELECT \"%s\"", mailbox) ||
			(tag = imap_send(c, "IDLE")) < 0 || imap_wait(c, tag, NULL) != IMAP_CONTINUE) {
			fail(c, "into IDLE");
			continue;
		}
		free(c->in);
		c->in = NULL;
		c->pos = c->len = 0;
		add_latency(begin);
		__atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void on_signal(int number UNUSED)
{
	stopping = 1;
}

static void hold_on(void)
{
	FILE *f = ready ? fopen(ready, "w") : NULL;

	if (f) {
		fprintf(f, "%ld\n", opened);
		fclose(f);
	}
	while (!stopping)
		sleep_sec(0.1);
	for (long i = 0; i < count; i++)
		if (held[i].fd > 0)
			close(held[i].fd);
}

/* ---- IDLE ---- */

static struct conn idle;
static volatile double heard_at;
static volatile long heard;

static void *listen_idle(void *arg UNUSED)
{
	char line[1024];

	while (conn_line(&idle, line, sizeof(line), NULL) == 0) {
		char *end;
		long v = strtol(line + 2, &end, 10);

		if (line[0] == '*' && !strncmp(end, " EXISTS", 7)) {
			heard_at = now();
			heard = v;
		}
	}
	return NULL;
}

static void deliver_one(struct conn *c, char *b, long i)
{
	char to[100], t[1024] = "", head[300];
	size_t n = make_message(b, (size_t)size, i, name_of(to, 0));

	memcpy(b + n, ".\r\n", 3);
	snprintf(head, sizeof(head), "MAIL FROM:<sender@load.invalid>\r\nRCPT TO:<%s>\r\nDATA\r\n", to);
	conn_write(c, head, strlen(head));
	for (int k = 0; k < 2; k++)
		smtp_reply(c, t, sizeof(t), NULL);
	if (smtp_reply(c, t, sizeof(t), NULL) != 354 || conn_write(c, b, n + 3) < 0 ||
		smtp_reply(c, t, sizeof(t), NULL) != 250)
		die("LMTP: %s", t);
}

static int run_latency(void)
{
	char *b = must_alloc((size_t)size + MESSAGE_EXTRA + 3), t[1024];
	uint64_t s = 42;
	struct conn c;
	pthread_t listener;
	int tag;

	must_login(&idle, 0);
	must_select(&idle);
	heard = idle.exists;
	if ((tag = imap_send(&idle, "IDLE")) < 0 || imap_wait(&idle, tag, NULL) != IMAP_CONTINUE)
		die("no IDLE");
	pthread_create(&listener, NULL, listen_idle, NULL);
	if (conn_open(&c, lmtp_port, false) < 0 || smtp_reply(&c, t, sizeof(t), NULL) != 220)
		die("no LMTP");
	conn_write(&c, "LHLO load.invalid\r\n", 19);
	smtp_reply(&c, t, sizeof(t), NULL);
	sleep_sec(0.3);
	for (long i = 0; i < count; i++) {
		long before = heard;
		double begin = now(), end = begin + 30;

		deliver_one(&c, b, i);
		while (heard == before && now() < end)
			sleep_sec(0.00005);
		if (heard == before)
			fail(&idle, "no EXISTS");
		else if (n_latency < LATENCY_MAX)
			latency[n_latency++] = heard_at - begin;
		sleep_sec(0.05 + (double)(rng(&s) % 100) / 1000);
	}
	shutdown(idle.fd, SHUT_RDWR);
	pthread_join(listener, NULL);
	conn_close(&c);
	free(b);
	return 0;
}

static void print(double elapsed)
{
	long n = n_latency < LATENCY_MAX ? n_latency : LATENCY_MAX;

	qsort(latency, (size_t)n, sizeof(*latency), compare_doubles);
	printf("{\"errors\":%ld,\"elapsed_s\":%.4f,\"ops\":%ld,\"ops_per_s\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
		"\"max_ms\":%.3f,\"mb_per_s\":%.2f,\"fetches\":%ld,\"fetches_per_s\":%.0f", errors, elapsed, n_latency,
		(double)n_latency / elapsed, percentile(latency, n, .5) * 1e3, percentile(latency, n, .99) * 1e3,
		percentile(latency, n, 1) * 1e3, (double)bytes / elapsed / 1e6, fetched, (double)fetched / elapsed);
	print_error(error_text);
	printf("}\n");
	fflush(stdout);
}

static double run_threads(void *(*fn)(void *))
{
	pthread_t *threads = must_alloc((size_t)conns * sizeof(*threads));
	double begin;

	pthread_barrier_init(&start, NULL, (unsigned)conns + 1);
	stop_at = now() + seconds;
	for (long i = 0; i < conns; i++)
		pthread_create(&threads[i], NULL, fn, (void *)i);
	pthread_barrier_wait(&start);
	begin = now();
	for (long i = 0; i < conns; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return now() - begin;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void *(*fn)(void *);
	} modes[] = { { "login", run_login }, { "open", run_open },
		{ "first", run_open }, { "select", run_select },
		{ "command", run_commands }, { "sequence", run_commands }, { "append", run_append },
		{ "fill", run_append }, { "hold", run_hold } };
	const struct option_row options[] = { { "mode", .text = &mode }, { "port", .text = &port },
		{ "tls", .on = &tls }, { "user", .text = &user }, { "pass", .text = &password },
		{ "users", .number = &users }, { "first-user", .number = &first_user }, { "conns", .number = &conns },
		{ "mailbox", .text = &mailbox }, { "count", .number = &count }, { "size", .number = &size },
		{ "seconds", .real = &seconds }, { "exec", .text = &command }, { "lmtp-port", .text = &lmtp_port },
		{ "ready", .text = &ready }, { 0 } };
	void *(*fn)(void *) = NULL;

	options_read(argc, argv, options);
	signal(SIGPIPE, SIG_IGN);
	latency = must_alloc(LATENCY_MAX * sizeof(*latency));
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(mode, modes[i].name))
			fn = modes[i].fn;
	if (!strcmp(mode, "latency")) {
		double begin = now();

		run_latency();
		print(now() - begin);
		return errors != 0;
	}
	if (!fn)
		die("unknown mode '%s'", mode);
	if (fn == run_hold) {
		held = must_alloc((size_t)count * sizeof(*held));
		signal(SIGTERM, on_signal);
	}
	print(run_threads(fn));
	if (fn == run_hold)
		hold_on();
	return errors != 0;
}
