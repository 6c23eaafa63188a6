/* deliver.h - one job from its domain to an outcome for every recipient.
 *
 * Finds the servers (MX, smarthost, literal), tries them in order over kept or new connections, says what it
 * learnt about the destination. Thread-safe: many workers share one deliver. Ownership: result rows live in
 * the arena. Never fails: what goes wrong is an outcome. Logs one line per attempt.
 * Sources: RFC 5321 section 5.1, RFC 7505, RFC 3463; TLS: tls_policy.h. Not good for: retry times. */
#pragma once
#include "out/out.h"
#include "out/schedule.h"

struct deliver;

struct deliver *deliver_new(const struct out_config *conf, struct err *e);
void deliver_free(struct deliver *d);
struct resolver;
struct resolver *deliver_resolver(struct deliver *d);     /* thread-safe too; the deliver's */
struct sts_config;
const struct sts_config *deliver_sts(struct deliver *d);  /* for fetching policies apart from deliveries */
/* Fills result (rows for all recipients). */
enum schedule_experience deliver_job(struct deliver *d, struct arena *a, const struct out_job *job,
	struct span message, struct out_result *result);
/* The destination rests: everybody later, without dialling. */
void deliver_later(struct arena *a, const struct out_job *job, const char *status, const char *why,
	struct out_result *result);
/* What jobs to the same place have in common: schedule's and the connection cache's key. */
struct span deliver_destination(struct arena *a, const struct out_job *job);
/* Closes connections kept too long; call about every second. */
void deliver_sweep(struct deliver *d);
