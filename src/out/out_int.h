/* out_int.h - what the loop (out.c), the bus side (out_bus.c) and the workers (out_work.c) of out share.
 *
 * The loop's thread owns link, bus and reporters; `lock` guards the fields in its block. Workers wake the
 * loop through the eventfd, the loop wakes workers by the condition. */
#pragma once
#include <pthread.h>
#include "base/time.h"
#include "bus/bus_codec.h"
#include "out/deliver.h"

#define OUT_WORKERS_MAX 256
#define OUT_NAMES_THREADS 48
#define OUT_SCAN_THREADS 8
#define NEED_FIRST_US (US_PER_SEC / 10)
#define NEED_MAX_US (5 * US_PER_SEC)

struct work {                         /* one leased job; freed by the worker */
	struct schedule_item item;    /* first: cast back */
	struct arena *arena;
	struct out_job job;
	int fd;
	uint64_t off, len;
};

struct report {                       /* one encoded result until core has it durably */
	struct report *next;
	struct buf body;
	uint64_t message_id;
	unsigned tries;
	int64_t not_before_us;
};

struct reporter {                     /* a bus session that carries one report at a time */
	uint64_t session;
	uint32_t seq;
	bool open;
	struct report *busy;
};

struct out {
	const struct out_config *conf;
	struct deliver *deliver;
	int wake_fd;
	unsigned n_workers;

	pthread_mutex_t lock;
	pthread_cond_t more;
	struct schedule *schedule;
	unsigned active;              /* jobs in workers */
	uint64_t held_len;            /* bytes of messages leased and not finished */
	struct report *reports, **reports_end;
	bool stop, draining;

	pthread_t threads[OUT_WORKERS_MAX];

	pthread_mutex_t names_lock;           /* out_names.c: the next three and names_stop */
	pthread_cond_t names_more;
	struct name_work *questions, *answers, *asking;
	bool names_stop;
	unsigned n_names_threads;
	pthread_t names_threads[OUT_NAMES_THREADS];

	pthread_mutex_t scans_lock;           /* out_scan.c: the next two and scans_stop */
	pthread_cond_t scans_more;
	struct scan_work *scans, *scanned;
	bool scans_stop;
	unsigned n_scan_threads;
	pthread_t scan_threads[OUT_SCAN_THREADS];

	/* the loop's own */
	struct bus_conn bus;
	bool bus_up;
	int64_t need_at_us;           /* next LINK_NEED_BUS */
	int64_t need_wait_us;         /* backoff */
	uint64_t last_session;
	struct reporter lease;        /* busy is unused */
	bool leasing, changed;
	bool leased;                  /* a job was given: what is leased may be ours */
	int64_t lease_at_us;
	struct reporter reporters[8];
	struct reporter names;        /* busy is unused */
	bool naming, names_changed;
	int64_t names_at_us;
	struct reporter scan;         /* busy is unused */
	bool scanning, scans_changed;
	unsigned n_scans;             /* with us, answered or not */
	int64_t scans_at_us;
	struct arena *bus_arena;
	struct bus_msg msg;
};

void out_bus_attach(struct out *o, int fd);
void out_bus_lost(struct out *o);
void out_bus_read(struct out *o);
void out_bus_write(struct out *o);            /* what can be asked and reported now */
bool out_reported(struct out *o);             /* nothing under way, nothing to report */

int out_names_start(struct out *o, struct err *e);
void out_names_join(struct out *o);
/* Something to say or ask now: body is filled (the caller's then). */
bool out_names_next(struct out *o, struct buf *body);
void out_names_reply(struct out *o, const struct reply *r);

int out_scan_start(struct out *o, struct err *e);
void out_scan_join(struct out *o);
/* As with names: something to say or ask now. */
bool out_scan_next(struct out *o, struct buf *body);
void out_scan_reply(struct out *o, struct reply *r);     /* takes descriptors out of it */

int out_work_start(struct out *o, struct err *e);
void out_work_join(struct out *o);
void out_report_push(struct out *o, struct report *r);   /* with the lock */
