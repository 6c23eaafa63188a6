/* house.h - tests: the house that conversations talk to, on top of support/test_house.h.
 *
 * anna@example.org (password "geheim-eins"), ben@example.org ("geheim-zwei"), last@example.org ("geheim-drei", 40 KiB
 * of quota), the role vorstand@example.org held by anna. anna has scripts for IMAP events (house.c), none active. Not good for: load. */
#pragma once
#include "bus/call.h"
#include "domain/mail/queue.h"
#include "support/test_house.h"

struct script_house {
	struct house house;
	struct test_house under;
	uint64_t anna, ben, last, role, term;
};
/* watch, changed: NULL when the test does not care. */
void script_house_open(struct script_house *t, void (*watch)(struct house *h, uint64_t session, uint64_t object_id),
	void (*changed)(void *arg, const struct change *c, size_t n));
void script_house_close(struct script_house *t);
/* fn by store_read or store_write; when it fails the test does. */
void script_house_run(struct script_house *t, int (*how)(struct store *s, store_fn *fn, void *arg, struct err *e), store_fn *fn, void *arg);
uint64_t script_house_queued(struct script_house *t, enum queue_state state);     /* recipients */
/* Time passes, on both clocks. time_test_set_real(0) when done. */
void script_house_clock(int64_t real_sec);
void script_house_end_term(struct script_house *t);      /* anna is no longer vorstand */
/* anna's INBOX gets a row for each of these UIDs, step apart; they are nobody's mail: for counting, not for reading. */
void script_house_fill(struct script_house *t, uint32_t first, uint32_t last, uint32_t step);
