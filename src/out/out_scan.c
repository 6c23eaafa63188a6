/* out_scan.c - messages that core wants looked at (bus/scan_job.h): a few threads dial rspamd and clamd, one bus session carries
 * both ways. Every dialogue is over after TIMEOUT_US, whatever the other side does. */
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "bus/scan_job.h"
#include "out/client_stream.h"
#include "out/out_int.h"

#define TIMEOUT_US (15 * US_PER_SEC)
#define PIECE 65536
#define HEAD_MAX 262144
#define RESULTS_MAX (SCAN_JOBS_MAX * 16384)

/* One message, then its result; freed when core has it. */
struct scan_work {
	struct scan_work *next;
	struct arena *arena;
	struct scan_job job;
	int fd;
	struct scan_result result;
};

static int dial(const char *place, struct client_stream *s, int64_t deadline_us, struct err *e)
{
	struct sockaddr_storage at;
	socklen_t len;

	s->fd = -1;
	if (scan_place(span_str(place), &at, &len, e) < 0)
		return e->code;
	return client_stream_dial(s, (struct sockaddr *)&at, len, deadline_us, e);
}

/* The message behind whatever each piece needs in front. */
static int send_message(struct client_stream *s, const struct scan_work *w, bool chunks, int64_t deadline_us, struct err *e)
{
	char piece[PIECE];

	for (uint64_t off = 0; off < w->job.size;) {
		uint64_t left = w->job.size - off;
		uint32_t n = left > PIECE ? PIECE : (uint32_t)left, len = htonl(n);

		if (io_pread_full(w->fd, piece, n, off, e) < 0 ||
			(chunks && client_stream_write(s, SPAN_BYTES((char *)&len, sizeof(len)), deadline_us, e) < 0) ||
			client_stream_write(s, SPAN_BYTES(piece, n), deadline_us, e) < 0)
			return e->code;
		off += n;
	}
	return 0;
}

/* 1 more came, 0 the end. */
static int receive(struct client_stream *s, struct buf *b, int64_t deadline_us, struct err *e)
{
	struct span got;
	int rc = client_stream_fill(s, deadline_us, e);

	if (rc < 0)
		return rc == ERR_GONE ? 0 : rc;
	got = client_stream_unread(s);
	buf_add(b, got);
	client_stream_eat(s, got.n);
	return b->failed ? err_set(e, ERR_SYNTAX, "", "the answer is too long") : 1;
}

static int http(struct out *o, const struct scan_work *w, const char *place, const char *path, struct buf *answer, struct span *body_out,
	struct err *e)
{
	int64_t deadline_us = time_mono_us() + TIMEOUT_US;
	struct client_stream s;
	bool ok = false;
	int rc = 0, more = 1;
	SCOPED_BUF head;

	buf_init(&head, HEAD_MAX);
	rspamd_request(&head, path, &w->job.envelope, o->conf->hostname, w->job.size);
	if (head.failed)
		return err_set(e, ERR_TOOBIG, "", "the request is too long");
	if (dial(place, &s, deadline_us, e) < 0)
		return e->code;
	if (client_stream_write(&s, buf_span(&head), deadline_us, e) < 0 || send_message(&s, w, false, deadline_us, e) < 0)
		rc = e->code;
	while (rc == 0 && more) {
		more = receive(&s, answer, deadline_us, e);
		rc = more < 0 ? more : rspamd_answer(buf_span(answer), !more, &ok, body_out, e);
	}
	client_stream_close(&s);
	return rc < 0 ? rc : ok ? 0 : err_set(e, ERR_LATER, "", "rspamd refuses: %.*s", SPAN_F(span_sub(*body_out, 0, 80)));
}

static int ask_rspamd(struct out *o, struct scan_work *w, struct err *e)
{
	struct span body = SPAN_NONE;
	SCOPED_BUF answer;

	buf_init(&answer, SCAN_ANSWER_MAX);
	return http(o, w, o->conf->rspamd, "/checkv2", &answer, &body, e) < 0 ? e->code :
		rspamd_verdict(w->arena, body, &w->result.spam, e);
}

static int teach_rspamd(struct out *o, struct scan_work *w, struct err *e)
{
	struct span body = SPAN_NONE;
	SCOPED_BUF answer;

	buf_init(&answer, SCAN_ANSWER_MAX);
	return http(o, w, o->conf->rspamd_controller, w->job.what & SCAN_LEARN_SPAM ? "/learnspam" : "/learnham", &answer, &body, e);
}

/* clamd may answer before it has all: the message is too large for it (StreamMaxLength). 1: so it is. */
static int ask_clamd(struct out *o, struct scan_work *w, struct err *e)
{
	int64_t deadline_us = time_mono_us() + TIMEOUT_US;
	struct client_stream s;
	struct err sent = ERR_INIT;
	int rc;
	SCOPED_BUF answer;

	buf_init(&answer, 4096);
	if (dial(o->conf->clamd, &s, deadline_us, e) < 0)
		return e->code;
	if (client_stream_write(&s, SPAN_BYTES("zINSTREAM", 10), deadline_us, &sent) == 0 &&
		send_message(&s, w, true, deadline_us, &sent) == 0)
		client_stream_write(&s, SPAN_BYTES("\0\0\0", 4), deadline_us, &sent);
	do
		rc = receive(&s, &answer, deadline_us, e);
	while (rc == 1 && span_chr(buf_span(&answer), '\0') < 0);
	client_stream_close(&s);
	if (span_starts(buf_span(&answer), SPAN("INSTREAM size limit exceeded")))
		return 1;
	if (rc < 0 || (sent.code && !answer.n))
		return rc < 0 ? rc : err_set(e, sent.code, "", "%s", sent.log);
	return clamd_verdict(w->arena, buf_span(&answer), &w->result.virus, e);
}

static void log_failure(const char *what, const char *why)
{
	struct logline l;

	log_begin(&l, "scan_failed");
	log_kz(&l, "scanner", what);
	log_kz(&l, "detail", why);
	log_end(&l);
}

static void look_at(struct out *o, struct scan_work *w)
{
	unsigned what = w->job.what;
	struct err e = ERR_INIT;
	int rc;

	w->result.id = w->job.id;
	if (what & SCAN_FOR_VIRUS) {
		rc = o->conf->clamd ? ask_clamd(o, w, &e) : err_set(&e, ERR_MISSING, "", "no clamd");
		w->result.virus_state = rc < 0 ? SCAN_FAILED : rc ? SCAN_TOO_LARGE : SCAN_DONE;
		if (rc)
			log_failure("clamd", rc < 0 ? e.log : "the message is larger than StreamMaxLength");
	}
	if ((what & SCAN_FOR_SPAM) && !w->result.virus.n) {
		rc = o->conf->rspamd ? ask_rspamd(o, w, &e) : err_set(&e, ERR_MISSING, "", "no rspamd");
		w->result.spam_state = rc < 0 ? SCAN_FAILED : SCAN_DONE;
		if (rc < 0)
			log_failure("rspamd", e.log);
	}
	if ((what & (SCAN_LEARN_SPAM | SCAN_LEARN_HAM)) && o->conf->rspamd_controller && teach_rspamd(o, w, &e) < 0)
		log_failure("rspamd_controller", e.log);
}

static void *worker(void *arg)
{
	struct out *o = arg;
	uint64_t one = 1;

	for (;;) {
		struct scan_work *w = NULL;

		pthread_mutex_lock(&o->scans_lock);
		while (!o->scans_stop && !(w = o->scans))
			pthread_cond_wait(&o->scans_more, &o->scans_lock);
		if (o->scans_stop)
			w = NULL;
		else
			o->scans = w->next;
		pthread_mutex_unlock(&o->scans_lock);
		if (!w)
			return NULL;
		look_at(o, w);
		io_close(&w->fd);
		pthread_mutex_lock(&o->scans_lock);
		w->next = o->scanned;
		o->scanned = w;
		pthread_mutex_unlock(&o->scans_lock);
		if (write(o->wake_fd, &one, sizeof(one)) < 0)
			continue;             /* full counter: the loop is awake anyway */
	}
}

int out_scan_start(struct out *o, struct err *e)
{
	sigset_t all, old;
	int bad = 0;

	pthread_mutex_init(&o->scans_lock, NULL);
	pthread_cond_init(&o->scans_more, NULL);
	if (!o->conf->rspamd && !o->conf->clamd && !o->conf->rspamd_controller)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (o->n_scan_threads < OUT_SCAN_THREADS && !bad) {
		bad = pthread_create(&o->scan_threads[o->n_scan_threads], NULL, worker, o);
		o->n_scan_threads += !bad;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	o->scans_changed = true;
	return o->n_scan_threads ? 0 : err_set(e, ERR_BROKEN, "", "thread: %d", bad);
}

static void free_all(struct scan_work *w)
{
	for (struct scan_work *next; w; w = next) {
		next = w->next;
		io_close(&w->fd);
		arena_free(w->arena);         /* the work itself lives in it */
	}
}

void out_scan_join(struct out *o)
{
	pthread_mutex_lock(&o->scans_lock);
	o->scans_stop = true;
	pthread_cond_broadcast(&o->scans_more);
	pthread_mutex_unlock(&o->scans_lock);
	for (unsigned i = 0; i < o->n_scan_threads; i++)
		pthread_join(o->scan_threads[i], NULL);
	free_all(o->scans);
	free_all(o->scanned);
	pthread_mutex_destroy(&o->scans_lock);
	pthread_cond_destroy(&o->scans_more);
}

/* What is finished, encoded; how many more we take: a thread each, and none to wait. */
static bool take_results(struct out *o, struct buf *b)
{
	struct scan_result v[SCAN_JOBS_MAX];
	struct scan_work *list = NULL;
	size_t n = 0;

	pthread_mutex_lock(&o->scans_lock);
	while (o->scanned && n < SCAN_JOBS_MAX) {
		struct scan_work *w = o->scanned;

		o->scanned = w->next;
		w->next = list;
		list = w;
		v[n++] = w->result;
		o->n_scans--;
	}
	pthread_mutex_unlock(&o->scans_lock);
	scan_results_encode(b, o->n_scan_threads - o->n_scans, v, n);
	free_all(list);
	return n > 0;
}

bool out_scan_next(struct out *o, struct buf *body)
{
	bool any;

	if (!o->n_scan_threads || o->scanning || time_mono_us() < o->scans_at_us)
		return false;
	buf_init(body, RESULTS_MAX);
	any = take_results(o, body);
	if (any || (o->scans_changed && o->n_scans < o->n_scan_threads)) {
		o->scanning = true;
		o->scans_changed = false;
		return true;
	}
	buf_fini(body);
	return false;
}

static void work_add(struct out *o, const struct scan_job *job, int fd)
{
	struct arena *a = arena_new();
	struct scan_work *w = ARENA_NEW(a, struct scan_work), **end = &o->scans;
	const struct scan_envelope *v = &job->envelope;
	struct span *rcpts = ARENA_ARRAY(a, struct span, v->n_rcpts + 1);

	for (size_t i = 0; i < v->n_rcpts; i++)
		rcpts[i] = arena_span(a, v->rcpts[i]);
	w->arena = a;
	w->fd = fd;
	w->job = *job;
	w->job.envelope = (struct scan_envelope){ arena_span(a, v->ip), arena_span(a, v->helo), arena_span(a, v->sender),
		arena_span(a, v->user), rcpts, v->n_rcpts };
	while (*end)
		end = &(*end)->next;
	*end = w;
	o->n_scans++;
}

void out_scan_reply(struct out *o, struct reply *r)
{
	SCOPED_ARENA a = arena_new();
	struct scan_job v[SCAN_JOBS_MAX];
	struct err e = ERR_INIT;
	size_t n;

	o->scanning = false;
	if (r->mood || !r->nseg || r->seg[0].fd >= 0) {
		o->scans_at_us = time_mono_us() + US_PER_SEC;       /* sealed or overloaded; core's waiting ends by itself */
		o->scans_changed = true;
		return;
	}
	if (scan_jobs_decode(a, r->seg[0].bytes, v, &n, &e) < 0 || n != r->nseg - 1) {
		log_msg("scan_error", "%s", e.code ? e.log : "jobs without messages");
		return;
	}
	pthread_mutex_lock(&o->scans_lock);
	for (size_t i = 0; i < n; i++) {
		work_add(o, &v[i], r->seg[1 + i].fd);
		r->seg[1 + i].fd = -1;
	}
	pthread_cond_broadcast(&o->scans_more);
	pthread_mutex_unlock(&o->scans_lock);
	o->scans_changed |= n > 0;                                 /* there may be more */
}
