/* load.h - what the load generators share: a blocking TCP or TLS client that reads lines, the client side of
 * IMAP, a message generator, options and percentiles. It knows the protocols and no server.
 *
 * Every generator is one file that includes this header once. Not good for: anything but measuring - a
 * broken set-up ends the program. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define INPUT_LEN 65536
#define TAIL_LEN 32

struct conn {
	int fd;
	SSL *ssl;
	char *in;                 /* INPUT_LEN, allocated at the first read */
	size_t pos, len;
	int tag;
	uint64_t received;
	long exists, fetches;     /* counted by imap_wait */
	char text[256];           /* the last tagged reply */
	bool literal_plus;
};

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void sleep_sec(double s)
{
	struct timespec t = { (time_t)s, (long)((s - (double)(time_t)s) * 1e9) };

	if (s > 0)
		nanosleep(&t, NULL);
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static inline void *must_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		die("no memory");
	return p;
}

/* ---- options: --NAME VALUE, or --NAME alone for a switch ---- */

struct option_row {
	const char *name;
	const char **text;
	long *number;
	double *real;
	bool *on;
};

static inline void options_read(int argc, char **argv, const struct option_row *rows)
{
	for (int i = 1; i < argc; i++) {
		const struct option_row *o = rows;

		while (o->name && (strncmp(argv[i], "--", 2) || strcmp(argv[i] + 2, o->name)))
			o++;
		if (!o->name || (!o->on && i + 1 == argc))
			die("bad option %s", argv[i]);
		if (o->on)
			*o->on = true;
		else if (o->text)
			*o->text = argv[++i];
		else if (o->number)
			*o->number = strtol(argv[++i], NULL, 10);
		else
			*o->real = strtod(argv[++i], NULL);
	}
}

/* ---- connections ---- */

static inline SSL_CTX *tls_context(void)
{
	static SSL_CTX *ctx;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!ctx) {
		ctx = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	}
	pthread_mutex_unlock(&lock);
	return ctx;
}

static inline void conn_close(struct conn *c)
{
	if (c->ssl) {
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->in);
	c->in = NULL;
	c->pos = c->len = 0;
}

static inline int conn_open(struct conn *c, const char *port, bool tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	*c = (struct conn){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!tls)
		return 0;
	c->ssl = SSL_new(tls_context());
	SSL_set_fd(c->ssl, c->fd);
	return SSL_connect(c->ssl) == 1 ? 0 : -1;
}

static inline int conn_write(struct conn *c, const char *p, size_t n)
{
	while (n) {
		ssize_t r = c->ssl ? SSL_write(c->ssl, p, n > 1 << 20 ? 1 << 20 : (int)n) : write(c->fd, p, n);

		if (r <= 0 && !(r < 0 && !c->ssl && errno == EINTR))
			return -1;
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

static inline int conn_fill(struct conn *c)
{
	ssize_t r;

	if (!c->in)
		c->in = must_alloc(INPUT_LEN);
	do
		r = c->ssl ? SSL_read(c->ssl, c->in, INPUT_LEN) : read(c->fd, c->in, INPUT_LEN);
	while (!c->ssl && r < 0 && errno == EINTR);
	if (r <= 0)
		return -1;
	c->pos = 0;
	c->len = (size_t)r;
	c->received += (uint64_t)r;
	return 0;
}

static inline void tail_add(char *tail, size_t *tail_n, const char *p, size_t n)
{
	size_t drop;

	if (n > TAIL_LEN) {
		p += n - TAIL_LEN;
		n = TAIL_LEN;
	}
	drop = *tail_n + n > TAIL_LEN ? *tail_n + n - TAIL_LEN : 0;
	memmove(tail, tail + drop, *tail_n - drop);
	*tail_n -= drop;
	memcpy(tail + *tail_n, p, n);
	*tail_n += n;
}

/* One line without its end into out, cut at cap; tail (TAIL_LEN + 1, or NULL) gets the end of the line, so
 * that the mark of a literal is found on long lines too. */
static inline int conn_line(struct conn *c, char *out, size_t cap, char *tail)
{
	size_t n = 0, tail_n = 0;

	for (bool done = false; !done;) {
		const char *s, *end;
		size_t k, room;

		if (c->pos >= c->len && conn_fill(c) < 0)
			return -1;
		s = c->in + c->pos;
		end = memchr(s, '\n', c->len - c->pos);
		done = end != NULL;
		k = end ? (size_t)(end - s) : c->len - c->pos;
		room = cap - 1 - n;
		memcpy(out + n, s, k < room ? k : room);
		n += k < room ? k : room;
		if (tail)
			tail_add(tail, &tail_n, s, k);
		c->pos += k + done;
	}
	if (n && out[n - 1] == '\r')
		n--;
	out[n] = 0;
	if (tail) {
		if (tail_n && tail[tail_n - 1] == '\r')
			tail_n--;
		tail[tail_n] = 0;
	}
	return 0;
}

static inline int conn_skip(struct conn *c, uint64_t n)
{
	while (n) {
		uint64_t k;

		if (c->pos >= c->len && conn_fill(c) < 0)
			return -1;
		k = c->len - c->pos < n ? c->len - c->pos : n;
		c->pos += k;
		n -= k;
	}
	return 0;
}

/* The code of an SMTP or LMTP reply; text is its last line. -1: the connection broke. */
static inline int smtp_reply(struct conn *c, char *text, size_t cap, bool *pipelining_out)
{
	do {
		if (conn_line(c, text, cap, NULL) < 0)
			return -1;
		if (pipelining_out && strstr(text, "PIPELINING"))
			*pipelining_out = true;
	} while (strlen(text) > 3 && text[3] == '-');
	return (int)strtol(text, NULL, 10);
}

/* ---- IMAP ---- */

enum { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_CONTINUE };

static inline void imap_untagged(struct conn *c, const char *line, long *messages_out)
{
	const char *status;
	char *end;
	long v = strtol(line + 2, &end, 10);

	if (end != line + 2 && !strncasecmp(end, " EXISTS", 7))
		c->exists = v;
	else if (end != line + 2 && !strncasecmp(end, " FETCH", 6))
		c->fetches++;
	else if (messages_out && !strncasecmp(line, "* STATUS", 8) && (status = strcasestr(line, "MESSAGES ")))
		*messages_out = strtol(status + 9, NULL, 10);
}

/* Reads until the tagged reply or a continuation request. -1: the connection broke. */
static inline int imap_wait(struct conn *c, int tag, long *messages_out)
{
	char line[2048], tail[TAIL_LEN + 1], want[16];
	int want_n = snprintf(want, sizeof(want), "A%d ", tag);
	bool inside = false;      /* after a literal the same response goes on */

	for (;;) {
		const char *mark;
		size_t n;

		if (conn_line(c, line, sizeof(line), tail) < 0)
			return -1;
		if (!inside && line[0] == '*') {
			imap_untagged(c, line, messages_out);
		} else if (!inside && !strncmp(line, want, (size_t)want_n)) {
			snprintf(c->text, sizeof(c->text), "%.250s", line);
			return !strncasecmp(line + want_n, "OK", 2) ? IMAP_OK
				: !strncasecmp(line + want_n, "NO", 2) ? IMAP_NO : IMAP_BAD;
		} else if (!inside && line[0] == '+') {
			return IMAP_CONTINUE;
		}
		n = strlen(tail);
		mark = n > 2 && tail[n - 1] == '}' ? strrchr(tail, '{') : NULL;
		inside = mark != NULL;
		if (mark && conn_skip(c, strtoull(mark + 1, NULL, 10)) < 0)
			return -1;
	}
}

__attribute__((format(printf, 2, 3))) static inline int imap_send(struct conn *c, const char *format, ...)
{
	char b[8192];
	int tag = ++c->tag, n = snprintf(b, sizeof(b), "A%d ", tag);
	va_list ap;

	va_start(ap, format);
	n += vsnprintf(b + n, sizeof(b) - (size_t)n - 2, format, ap);
	va_end(ap);
	b[n++] = '\r';
	b[n++] = '\n';
	return conn_write(c, b, (size_t)n) < 0 ? -1 : tag;
}

#define imap_command(c, ...) \
	__extension__({ int tag_ = imap_send(c, __VA_ARGS__); tag_ < 0 ? -1 : imap_wait(c, tag_, NULL); })

static inline int imap_login(struct conn *c, const char *port, bool tls, const char *user, const char *password)
{
	char line[2048];

	if (conn_open(c, port, tls) < 0 || conn_line(c, line, sizeof(line), NULL) < 0 || strncmp(line, "* OK", 4))
		return -1;
	c->literal_plus = strcasestr(line, "LITERAL+") != NULL;
	return imap_command(c, "LOGIN \"%s\" \"%s\"", user, password);
}

static inline UNUSED long imap_messages(struct conn *c, const char *mailbox)
{
	long v = -1;
	int tag = imap_send(c, "STATUS \"%s\" (MESSAGES)", mailbox);

	return tag > 0 && imap_wait(c, tag, &v) == IMAP_OK ? v : -1;
}

/* ---- messages: always the same ones for the same seed, word-like text, CRLF, no line begins with a dot ---- */

static inline uint64_t rng(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline size_t make_word(char *out, uint64_t *s)
{
	static const char syllables[32][4] = { "ta", "re", "mi", "so", "la", "ne", "vo", "ki", "du", "pa", "ser",
		"ton", "lin", "gar", "bel", "or", "an", "et", "is", "um", "cha", "fre", "spo", "tri", "ble", "ing",
		"ed", "er", "al", "ent", "com", "pro" };
	uint64_t r = rng(s);
	size_t n = 0;

	for (unsigned i = 1 + (r & 3); i; i--) {
		const char *y = syllables[(r >>= 5) & 31];

		memcpy(out + n, y, strlen(y));
		n += strlen(y);
	}
	return n;
}

/* About size bytes into b, which has room for size + MESSAGE_EXTRA. Returns the length. */
#define MESSAGE_EXTRA 2048
static inline UNUSED size_t make_message(char *b, size_t size, long index, const char *to)
{
	uint64_t s = (uint64_t)index * 7919 + 12345, number = (uint64_t)index;
	size_t cap = size + MESSAGE_EXTRA, n = 0, column = 0;

	n += (size_t)snprintf(b, cap, "From: Load Tester <sender@load.invalid>\r\nTo: <%s>\r\nSubject: ", to);
	for (int i = 0; i < 5; i++) {
		n += make_word(b + n, &s);
		b[n++] = ' ';
	}
	n += (size_t)snprintf(b + n, cap - n, "#%ld\r\nDate: Mon, %d Jan 2024 %02d:%02d:%02d +0000\r\n"
		"Message-ID: <%d.%ld.%lx@load.invalid>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n\r\n", index, 1 + (int)(number % 28),
		(int)(number / 3600 % 24), (int)(number / 60 % 60), (int)(number % 60), getpid(), index,
		(unsigned long)time(NULL));
	while (n + 20 < size) {
		char word[16];
		size_t k = make_word(word, &s);

		if (column + k > 72) {
			b[n++] = '\r';
			b[n++] = '\n';
			column = 0;
		} else if (column) {
			b[n++] = ' ';
			column++;
		}
		memcpy(b + n, word, k);
		n += k;
		column += k;
	}
	b[n++] = '\r';
	b[n++] = '\n';
	return n;
}

/* ---- results ---- */

static inline int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* v sorted */
static inline double percentile(const double *v, long n, double p)
{
	return n ? v[(long)(p * (double)(n - 1) + 0.5)] : 0;
}

static inline void print_error(const char *text)
{
	if (!*text)
		return;
	printf(",\"first_error\":\"");
	for (; *text; text++)
		putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? '\'' : *text);
	printf("\"");
}
