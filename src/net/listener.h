/* listener.h - accepts connections from a bound, listening socket until there are none waiting.
 *
 * Accepted sockets are non-blocking, close-on-exec, with TCP_NODELAY, and belong to the callback. When
 * the process has no descriptors or memory left, the listener rests for a second instead of spinning.
 * Ownership: the listening descriptor belongs to the listener. Not good for: deciding who may connect. */
#pragma once
#include <sys/socket.h>
#include "net/loop.h"

struct listener {
	struct loop_fd io;
	struct loop_timer rest;
	uint64_t rests; /* times accept failed for want of resources */
	void (*accepted)(void *arg, int fd, const struct sockaddr_storage *from);
	void *arg;
};

void listener_init(struct listener *l, struct loop *loop, int fd,
	void (*accepted)(void *, int, const struct sockaddr_storage *), void *arg);
void listener_fini(struct listener *l); /* closes the socket */
