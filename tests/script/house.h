/* house.h - tests: a whole house in one process - store, vault in a thread, organisation - without sockets.
 *
 * anna@example.org (password "geheim", administrator), ben@example.org ("geheim2"), the role
 * vorstand@example.org held by anna, last@example.org ("geheim3") with a quota of 40 KiB. Not good for: load. */
#pragma once
#include "bus/call.h"
#include "store/store.h"

struct test_house {
	struct house house;
	uint64_t anna, ben, role, small;
};
struct test_house *house_open(void (*watch)(struct house *h, uint64_t session, uint64_t object_id),
	void (*changed)(void *arg, const struct change *c, size_t n));
void house_close(struct test_house *t);
void house_end_term(struct test_house *t);       /* anna loses the role */
