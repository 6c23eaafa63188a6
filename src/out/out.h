/* out.h - the process that dials the world: takes due messages from core, hands them to their servers,
 * reports what became of each recipient.
 *
 * One thread holds the link and the bus and schedules; `workers` threads deliver, blocking. On the bus it
 * speaks SVC_OUT (bus/out_job.h): session 1 leases, further sessions report. A result is kept and sent
 * again until core says it is durable, also to a new core, so a message that was taken is not sent twice.
 * Runs until the link closes or LINK_DRAIN: then what is under way is finished (drain_ms at most).
 * After enter_sandbox it opens no file; it does open sockets (connect only; DNS by libunbound's thread).
 * Ownership: link_fd belongs to out_main from the call on; the rest must live until it returns.
 * Errors: ERR_BROKEN (start-up), ERR_GONE (link lost). Not good for: retry times, bounces (later/). */
#pragma once
#include "base/err.h"
#include "out/smtp_client.h"

struct out_config {
	const char *name;                  /* "out": role in logs, BUS_HELLO */
	int link_fd;
	const char *hostname;              /* EHLO; an MX of this name is ourselves */
	unsigned workers;                  /* 0: 16 */
	uint16_t port;                     /* 0: 25; tests */
	uint16_t sts_port;                 /* of policy hosts; 0: 443; tests */
	struct span hosts;                 /* resolver.h: table instead of DNS, or none */
	const char *const *forwarders;
	size_t n_forwarders;
	const char *anchor_file, *ca_file; /* DNSSEC anchor, PEM of trusted roots; NULL: none */
	const char *rspamd, *rspamd_controller, *clamd;   /* places (codec/scan/scan.h), NULL: none */
	unsigned dns_timeout_ms, drain_ms; /* 0: 20 s, 60 s */
	const struct smtp_timeouts *timeouts; /* NULL: RFC 5321's */
	void (*enter_sandbox)(void);       /* called once everything is open; may be NULL */
};

int out_main(const struct out_config *conf, struct err *e);
