/* core.h - the process that owns the store: sessions, lanes of workers, the feed to the gates.
 *
 * One I/O thread reads the bus sockets and hands whole commands to bounded lanes; workers run handlers and
 * put replies back on the socket themselves. Not good for: client sockets (it never sees one). */
#pragma once
#include "base/err.h"
#include "seal/seal.h"

struct core_config {
	int dirfd;                    /* state directory */
	const char *dir;
	int bus_listen_fd;            /* gates and out connect here */
	int control_listen_fd;        /* the command line connects here */
	const char *vault_path;       /* UNIX socket of the vault */
	const char *text_path;        /* of the role that reads attachments */
	const char *store_url;
	const char *hostname;
	const char *tlsa, *sieve_url; /* see bus/call.h */
	struct seal_key ticket_key;   /* the same for every core of one run of the server */
	unsigned scanners;            /* SCAN_FOR_* and SCAN_LEARN_* of bus/scan_job.h: those `out` can dial */
	unsigned imap_progress_ms;    /* house.progress_ms */
	unsigned workers;             /* interactive threads; 0 = default */
	unsigned message_limit;       /* see bus/call.h */
	void (*enter_sandbox)(void);  /* after set-up, before the first command */
	void (*ready)(void);          /* sockets are served */
	int stop_fd;                  /* readable = drain and return */
};

int core_main(const struct core_config *c, struct err *e);
