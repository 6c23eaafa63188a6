/* log.h - logfmt on stderr, one line per event: ts=… role=… event=… key=value…
 *
 * Who may log: main, the runner, the gates and the loops of processes - never libraries. No secrets, no
 * content of messages; addresses of people only where the event is about them. One write(2) per line. */
#pragma once
#include "base/span.h"

struct logline {
	char p[2048];
	size_t n;
};

void log_role(const char *role);                       /* "core", "gate0", ...; once at start */
void log_begin(struct logline *l, const char *event);
void log_kv(struct logline *l, const char *key, struct span value);   /* quoted and escaped as needed */
void log_kz(struct logline *l, const char *key, const char *value);
void log_ki(struct logline *l, const char *key, int64_t value);
void log_end(struct logline *l);                       /* writes it */
/* The short form: event and a printf'ed msg= field. */
void log_msg(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Tests: lines go to this function instead of stderr (NULL: stderr again). */
void log_test_sink(void (*sink)(struct span line));
