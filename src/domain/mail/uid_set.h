/* uid_set.h - the UIDs of a mailbox as ranges, shared by all sessions that see the same state.
 *
 * Immutable once published and reference-counted (uid_set_ref/unref, thread-safe): a session that knows an
 * older state keeps its own set until it syncs. Sequence number <-> UID in O(log ranges). A mailbox without
 * gaps is one range of 16 bytes, whatever its size. Not good for: sets in the order a client wrote. */
#pragma once
#include "base/arena.h"
#include "codec/imap/imap_set.h"

struct uid_set;

struct uid_set *uid_set_new(void);                       /* empty, one reference */
struct uid_set *uid_set_ref(const struct uid_set *s);
void uid_set_unref(const struct uid_set *s);
/* Building (only while the caller holds the one reference): uids ascending. */
void uid_set_add_range(struct uid_set *s, uint32_t lo, uint32_t hi);
uint32_t uid_set_count(const struct uid_set *s);
uint32_t uid_set_max(const struct uid_set *s);           /* 0: empty */
uint32_t uid_set_uid(const struct uid_set *s, uint32_t seq);    /* seq from 1; 0: out of range */
uint32_t uid_set_seq(const struct uid_set *s, uint32_t uid);    /* 0: not there */
uint32_t uid_set_seq_at_or_after(const struct uid_set *s, uint32_t uid);  /* of the first uid >= uid; 0 none */
/* A new set: s without the uids in `gone` and with the ranges in `more` (all above max) appended. */
struct uid_set *uid_set_changed(const struct uid_set *s, const struct imap_set *gone, const struct imap_set *more);
/* Translate a client's set (sequence numbers or UIDs) into existing UIDs. */
void uid_set_from_seqs(struct arena *a, const struct uid_set *s, const struct imap_set *seqs, struct imap_set *uids_out);
void uid_set_existing(struct arena *a, const struct uid_set *s, const struct imap_set *uids, struct imap_set *out);
void uid_set_all(struct arena *a, const struct uid_set *s, struct imap_set *out);
