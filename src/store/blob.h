/* blob.h - sealed bodies: zstd, then AEAD in 64 KiB chunks under the blob's own random key.
 *
 * Small (sealed <= 64 KiB): a row, so one fsync carries a whole group of messages. Larger: a file under
 * blobs/, written, fsynced, renamed and its directory fsynced by blob_stage - before the transaction that
 * adopts it. A staged file that is never adopted is an orphan and swept. The blob key is wrapped by the
 * caller for each account that refers to the blob (seal_key_wrap); the store never keeps it.
 * Reference counting: blob_adopt starts at `refs`; blob_unref deletes at zero (file: after the commit).
 * A file is deleted a few seconds after the commit, so that readers of an older snapshot still find it.
 * Form: blob_form.h. Errors: ERR_MISSING no such blob, ERR_BROKEN altered, ERR_LATER disk full.
 * Not good for: changing content - blobs are immutable. */
#pragma once
#include "seal/seal.h"
#include "store/store.h"

struct blob_staged {
	uint64_t id;
	struct seal_key key;      /* for the caller to wrap; wiped by blob_staged_fini */
	uint64_t size;            /* plain bytes */
	uint64_t stored_size;
	struct span inline_data;  /* sealed bytes in the arena when inline, else none */
	uint8_t sum[32];          /* of the sealed bytes, kept in the row: finds decay without the key */
	int64_t staged_us;        /* monotonic: a file staged half an hour ago is no longer adopted */
};

/* Outside any transaction: compress, seal, and if large write the file durably. */
int blob_stage(struct store *s, struct arena *a, struct span plain, struct blob_staged *out, struct err *e);
void blob_staged_fini(struct blob_staged *b);
int blob_adopt(struct tx *tx, const struct blob_staged *b, uint32_t refs, struct err *e);
int blob_ref(struct tx *tx, uint64_t blob_id, int32_t more, struct err *e);      /* +n or -n; 0 left = deleted */
/* Whole plain content into the arena; ERR_BROKEN when altered. */
int blob_read(struct tx *tx, struct arena *a, uint64_t blob_id, const struct seal_key *key,
	struct span *out, struct err *e);
/* Only [off, off+len) is unsealed where the form allows. */
int blob_read_range(struct tx *tx, struct arena *a, uint64_t blob_id, const struct seal_key *key,
	uint64_t off, uint64_t len, struct span *out, struct err *e);
int blob_sweep(struct store *s, uint64_t *removed_out, struct err *e);           /* orphans older than an hour, by the clock and without it */
/* Plain -> sealed form and back, without a store (used by blob_stage and by tests). */
int blob_seal(struct arena *a, const struct seal_key *key, uint64_t blob_id, struct span plain,
	struct span *out, struct err *e);
int blob_unseal(struct arena *a, const struct seal_key *key, uint64_t blob_id, struct span sealed,
	struct span *out, struct err *e);
