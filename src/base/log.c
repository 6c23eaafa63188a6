#include "base/log.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/time.h"

static char role_name[24] = "main";
static void (*test_sink)(struct span line);

void log_role(const char *role)
{
	snprintf(role_name, sizeof(role_name), "%s", role);
}

static void put(struct logline *l, struct span s)
{
	size_t room = sizeof(l->p) - 1 - l->n; /* one byte stays for the newline */

	if (s.n > room)
		s.n = room;
	if (s.n)
		memcpy(l->p + l->n, s.p, s.n);
	l->n += s.n;
}

void log_begin(struct logline *l, const char *event)
{
	char ts[40];
	int64_t us = time_real_us();
	time_t sec = (time_t)(us / US_PER_SEC);
	struct tm tm;
	size_t n;

	l->n = 0;
	gmtime_r(&sec, &tm);
	n = strftime(ts, sizeof(ts), "ts=%Y-%m-%dT%H:%M:%S", &tm);
	put(l, (struct span){ ts, n });
	snprintf(ts, sizeof(ts), ".%03dZ role=", (int)(us / 1000 % 1000));
	put(l, span_str(ts));
	put(l, span_str(role_name));
	put(l, SPAN(" event="));
	put(l, span_str(event));
}

static bool bare(struct span v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] <= ' ' || v.p[i] == '"' || v.p[i] == '=' ||
			v.p[i] == '\\' || v.p[i] == 127)
			return false;
	return v.n > 0;
}

void log_kv(struct logline *l, const char *key, struct span v)
{
	put(l, SPAN(" "));
	put(l, span_str(key));
	put(l, SPAN("="));
	if (bare(v)) {
		put(l, v);
		return;
	}
	put(l, SPAN("\""));
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		char esc[5];

		if (c == '"' || c == '\\') {
			esc[0] = '\\';
			esc[1] = (char)c;
			put(l, (struct span){ esc, 2 });
		} else if (c < ' ' || c == 127) {
			snprintf(esc, sizeof(esc), "\\x%02x", c);
			put(l, (struct span){ esc, 4 });
		} else {
			put(l, (struct span){ v.p + i, 1 });
		}
	}
	put(l, SPAN("\""));
}

void log_kz(struct logline *l, const char *key, const char *value)
{
	log_kv(l, key, span_str(value ? value : ""));
}

void log_ki(struct logline *l, const char *key, int64_t value)
{
	char tmp[24];
	int n = snprintf(tmp, sizeof(tmp), "%" PRId64, value);

	log_kv(l, key, (struct span){ tmp, (size_t)n });
}

void log_end(struct logline *l)
{
	l->p[l->n++] = '\n';
	if (test_sink) {
		test_sink((struct span){ l->p, l->n });
		return;
	}
	/* a log that cannot be written has nobody to tell */
	ssize_t r = write(STDERR_FILENO, l->p, l->n);
	(void)r;
}

void log_msg(const char *event, const char *fmt, ...)
{
	struct logline l;
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	log_begin(&l, event);
	log_kz(&l, "msg", msg);
	log_end(&l);
}

void log_test_sink(void (*sink)(struct span line))
{
	test_sink = sink;
}
