#include "store/blob.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "store/blob_form.h"
#include "store/store_impl.h"

#define INLINE_MAX 65536
#define IN_MEMORY_MAX (4 * BLOB_CHUNK)    /* may still pack into a row: try in memory first */
#define STAGED_MAX_US (1800 * US_PER_SEC) /* well below the hour after which the sweep takes a file */

/* ---- staging ---- */

static int stage_bytes(struct store *s, struct blob_staged *b, struct span sealed, struct err *e)
{
	struct blob_draft d;
	int rc = blob_draft_open(s, b->id, &d, e);

	if (rc < 0)
		return rc;
	return blob_draft_close(s, &d, blob_draft_put(&d, sealed, 0, e), e);
}

/* Chunk after chunk into the file; head and table, known last, go in front. */
static int stage_stream(struct store *s, struct arena *a, struct blob_staged *b, struct span plain, struct err *e)
{
	struct blob_head h;
	size_t front;
	unsigned char *head, *sealed = arena_alloc(a, BLOB_CHUNK + BLOB_TAG);
	crypto_generichash_state sum;
	struct blob_draft d;
	uint64_t at;
	int rc = blob_draft_open(s, b->id, &d, e);

	if (rc < 0)
		return rc;
	blob_head_new(&h, plain.n);
	at = front = BLOB_HEAD + 4 * (size_t)h.count;
	head = arena_alloc(a, front);
	memcpy(head, h.raw, BLOB_HEAD);
	crypto_generichash_init(&sum, NULL, 0, BLOB_SUM);
	for (uint32_t i = 0; rc == 0 && i < h.count; i++) {
		struct span chunk = { plain.p + (size_t)i * BLOB_CHUNK, blob_chunk_len(&h, i) };
		uint32_t entry = blob_chunk_seal(&h, &b->key, b->id, i, chunk, sealed);
		uint32_t len = blob_entry_len(entry);

		blob_entry_put(head + BLOB_HEAD + 4 * (size_t)i, entry);
		crypto_generichash_update(&sum, sealed, len);
		rc = blob_draft_put(&d, SPAN_BYTES(sealed, len), at, e);
		at += len;
	}
	crypto_generichash_update(&sum, head, front);
	crypto_generichash_final(&sum, b->sum, BLOB_SUM);
	if (rc == 0)
		rc = blob_draft_put(&d, SPAN_BYTES(head, front), 0, e);
	b->stored_size = at;
	return blob_draft_close(s, &d, rc, e);
}

int blob_stage(struct store *s, struct arena *a, struct span plain, struct blob_staged *out, struct err *e)
{
	struct span sealed;
	int rc;

	*out = (struct blob_staged){ .id = store_id(s), .size = plain.n };
	if (plain.n > (uint64_t)BLOB_CHUNKS_MAX * BLOB_CHUNK)
		return err_set(e, ERR_TOOBIG, "Too large", "blob of %zu bytes", plain.n);
	seal_key_new(&out->key);
	if (plain.n > IN_MEMORY_MAX) {
		rc = stage_stream(s, a, out, plain, e);
	} else {
		rc = blob_seal(a, &out->key, out->id, plain, &sealed, e);
		if (rc == 0) {
			out->stored_size = sealed.n;
			blob_sum(sealed, out->sum);
			if (sealed.n <= INLINE_MAX)
				out->inline_data = sealed;
			else
				rc = stage_bytes(s, out, sealed, e);
		}
	}
	out->staged_us = time_mono_us();
	if (rc < 0)
		blob_staged_fini(out);
	return rc;
}

void blob_staged_fini(struct blob_staged *b)
{
	seal_key_wipe(&b->key);
}

/* ---- rows ---- */

int blob_adopt(struct tx *tx, const struct blob_staged *b, uint32_t refs, struct err *e)
{
	struct sql *q;
	int rc;

	if (!b->inline_data.p && time_mono_us() - b->staged_us > STAGED_MAX_US)
		return err_set(e, ERR_LATER, "It took too long, try again", "blob %llu staged too long ago",
			(unsigned long long)b->id);
	q = sql_open(tx, "INSERT INTO blob (id, refs, size, stored_size, is_file, sum)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	sql_int(q, 1, (int64_t)b->id);
	sql_int(q, 2, refs);
	sql_int(q, 3, (int64_t)b->size);
	sql_int(q, 4, (int64_t)b->stored_size);
	sql_int(q, 5, b->inline_data.p == NULL);
	sql_blob(q, 6, SPAN_BYTES(b->sum, sizeof(b->sum)));
	rc = sql_run(q, e);
	if (rc < 0 || !b->inline_data.p)
		return rc < 0 ? rc : 0;
	q = sql_open(tx, "INSERT INTO blob_data (id, data) VALUES (?1, ?2)");
	sql_int(q, 1, (int64_t)b->id);
	sql_blob(q, 2, b->inline_data);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int blob_delete(struct tx *tx, uint64_t id, bool is_file, struct err *e)
{
	struct sql *q = sql_open(tx, "DELETE FROM blob WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)id);
	rc = sql_run(q, e);
	if (rc < 0)
		return rc;
	if (is_file) {
		tx_bury(tx, id);
		return 0;
	}
	q = sql_open(tx, "DELETE FROM blob_data WHERE id = ?1");
	sql_int(q, 1, (int64_t)id);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

int blob_ref(struct tx *tx, uint64_t blob_id, int32_t more, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "UPDATE blob SET refs = refs + ?2 WHERE id = ?1 RETURNING refs, is_file");
	int64_t refs;
	bool is_file;
	int rc;

	sql_int(q, 1, (int64_t)blob_id);
	sql_int(q, 2, more);
	rc = sql_next(q, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such content", "blob %llu: no row",
			(unsigned long long)blob_id);
	refs = sql_col_int(q, 0);
	is_file = sql_col_int(q, 1) != 0;
	if (sql_next(q, e) < 0)
		return tx->failed.code;
	if (refs < 0)
		return blob_broken(e, blob_id, "more references dropped than taken");
	return refs ? 0 : blob_delete(tx, blob_id, is_file, e);
}

/* ---- reading ---- */

static int read_file(struct tx *tx, struct arena *a, uint64_t id, const struct seal_key *key, uint64_t off,
	uint64_t len, struct span *out, struct err *e)
{
	struct blob_source s = { .blob_id = id };
	unsigned char raw[BLOB_HEAD];
	struct stat st;
	char path[40], *table;
	SCOPED_FD fd = -1;
	size_t n;
	int rc;

	blob_path(id, path);
	fd = openat(tx->s->dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? blob_broken(e, id, "its file is missing") : err_errno(e, path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, path);
	if (st.st_size < BLOB_HEAD)
		return blob_broken(e, id, "cut off in its head");
	rc = io_pread_full(fd, raw, sizeof(raw), 0, e);
	if (rc == 0)
		rc = blob_head_read(&s.h, SPAN_BYTES(raw, sizeof(raw)), e);
	if (rc < 0)
		return rc;
	n = 4 * (size_t)s.h.count;
	if ((uint64_t)st.st_size < BLOB_HEAD + n)
		return blob_broken(e, id, "cut off in its table");
	table = arena_alloc(a, BLOB_HEAD + n);
	rc = io_pread_full(fd, table, BLOB_HEAD + n, 0, e);
	if (rc == 0)
		rc = blob_form_check((struct span){ table, BLOB_HEAD + n }, (uint64_t)st.st_size, e);
	if (rc < 0)
		return rc;
	s.table = (struct span){ table + BLOB_HEAD, n };
	s.fd = fd;
	return blob_source_range(a, &s, key, off, len, out, e);
}

int blob_read_range(struct tx *tx, struct arena *a, uint64_t blob_id, const struct seal_key *key,
	uint64_t off, uint64_t len, struct span *out, struct err *e)
{
	struct blob_source s;
	SCOPED_SQL data = sql_open(tx, "SELECT data FROM blob_data WHERE id = ?1");
	SCOPED_SQL row = NULL;
	int rc;

	sql_int(data, 1, (int64_t)blob_id);
	rc = sql_next(data, e);
	if (rc > 0)
		rc = blob_source_mem(&s, blob_id, sql_col(data, 0), e);
	else if (rc == 0)
		rc = 1;
	if (rc < 0)
		return rc;
	if (rc == 0)
		return blob_source_range(a, &s, key, off, len, out, e);
	row = sql_open(tx, "SELECT is_file FROM blob WHERE id = ?1");
	sql_int(row, 1, (int64_t)blob_id);
	rc = sql_next(row, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such content", "blob %llu: no row",
			(unsigned long long)blob_id);
	if (sql_col_int(row, 0) == 0)
		return blob_broken(e, blob_id, "its data is missing");
	return read_file(tx, a, blob_id, key, off, len, out, e);
}

int blob_read(struct tx *tx, struct arena *a, uint64_t blob_id, const struct seal_key *key, struct span *out,
	struct err *e)
{
	return blob_read_range(tx, a, blob_id, key, 0, UINT64_MAX, out, e);
}
