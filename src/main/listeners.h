/* listeners.h - the ports of the house and the sockets between its processes.
 *
 * Every service listens on every address at base_port + its well-known port; LMTP and metrics only on loopback
 * addresses. Errors: ERR_EXISTS (port taken, named), ERR_DENIED (needs root), ERR_PARAM (bad address). */
#pragma once
#include <stdint.h>
#include "main/settings.h"

#define LISTENERS_MAX 128

struct listener_row {
	int fd;
	uint8_t service;
	bool tls;                      /* implicit */
	uint16_t port;
	const char *name;              /* "imaps" */
	const char *address;
};
int listeners_open(const struct settings *s, struct listener_row out[LISTENERS_MAX], size_t *n_out, struct err *e);
/* DIR/run/NAME, mode 0600, owned by uid. */
int listeners_unix(int dirfd, const char *dir, const char *name, unsigned uid, unsigned gid, int *fd_out, struct err *e);
