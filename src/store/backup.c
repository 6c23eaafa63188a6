#include "store/backup.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/wire.h"
#include "store/blob_form.h"
#include "store/store_impl.h"

struct writing {
	struct arena *a;
	int fd;
	struct buf out;              /* not yet written */
	crypto_generichash_state sum;
	struct span table;
};

static int flush(struct writing *w, struct err *e)
{
	struct span s = buf_span(&w->out);
	int rc = io_write_full(w->fd, s, e);

	crypto_generichash_update(&w->sum, (const unsigned char *)s.p, s.n);
	buf_reset(&w->out);
	return rc;
}

static int put(struct writing *w, char type, struct span payload, struct err *e)
{
	wire_u8(&w->out, (uint8_t)type);
	wire_span(&w->out, payload);
	if (w->out.failed)
		return err_set(e, ERR_TOOBIG, "A row is too large for a backup", "backup: %zu bytes", payload.n);
	return w->out.n >= BACKUP_PIECE ? flush(w, e) : 0;
}

static int put_buf(struct writing *w, char type, const struct buf *b, struct err *e)
{
	if (b->failed)
		return err_set(e, ERR_TOOBIG, "A row is too large for a backup", "backup: row too large");
	return put(w, type, buf_span(b), e);
}

static int dump_migrations(struct tx *tx, struct writing *w, struct err *e)
{
	SCOPED_SQL q = sql_open_once(tx, "SELECT part, number, name, sql FROM store_migration ORDER BY part, number");
	SCOPED_BUF b;
	int rc;

	buf_init(&b, BACKUP_RECORD_MAX / 2);
	while ((rc = sql_next(q, e)) > 0) {
		buf_reset(&b);
		wire_span(&b, sql_col(q, 0));
		wire_u64(&b, (uint64_t)sql_col_int(q, 1));
		wire_span(&b, sql_col(q, 2));
		wire_span(&b, sql_col(q, 3));
		if ((rc = put_buf(w, 'M', &b, e)) < 0)
			return rc;
	}
	return rc;
}

static void put_value(struct buf *b, struct sql *q, int col)
{
	char kind = sql_col_kind(q, col);

	wire_u8(b, (uint8_t)kind);
	if (kind == 'i')
		wire_u64(b, (uint64_t)sql_col_int(q, col));
	else if (kind != 'n')
		wire_span(b, sql_col(q, col));
}

static int put_table(struct writing *w, struct sql *q, struct span table, struct err *e)
{
	int cols = sql_cols(q);
	SCOPED_BUF b;

	buf_init(&b, 65536);
	if (cols > BACKUP_COLUMNS_MAX)
		return err_set(e, ERR_BROKEN, "Internal error", "backup: %.*s is too wide", SPAN_F(table));
	wire_span(&b, table);
	wire_u16(&b, (uint16_t)cols);
	for (int i = 0; i < cols; i++)
		wire_span(&b, span_str(sql_col_name(q, i)));
	return put_buf(w, 'T', &b, e);
}

static int dump_table(struct tx *tx, struct writing *w, struct span table, struct err *e)
{
	struct span text = arena_printf(w->a, "SELECT * FROM \"%.*s\"", SPAN_F(table));
	SCOPED_SQL q = sql_open_once(tx, arena_strz(w->a, text));
	SCOPED_BUF b;
	int rc = sql_next(q, e), put_rc;

	buf_init(&b, BACKUP_RECORD_MAX / 2);
	if (rc < 0)
		return rc;
	put_rc = put_table(w, q, table, e);
	for (; rc > 0 && put_rc == 0; rc = sql_next(q, e)) {
		buf_reset(&b);
		for (int i = 0; i < sql_cols(q); i++)
			put_value(&b, q, i);
		put_rc = put_buf(w, 'R', &b, e);
	}
	return put_rc < 0 ? put_rc : rc;
}

static int dump_file(struct store *s, struct writing *w, uint64_t id, char *piece, struct err *e)
{
	char path[40];
	SCOPED_FD fd = -1;
	SCOPED_BUF b;
	struct stat st;
	int rc;

	buf_init(&b, 64);
	blob_path(id, path);
	fd = openat(s->dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return blob_broken(e, id, errno == ENOENT ? "its file is missing (see store check)" :
			"its file cannot be opened");
	wire_u64(&b, id);
	wire_u64(&b, (uint64_t)st.st_size);
	rc = put_buf(w, 'F', &b, e);
	for (off_t at = 0; rc == 0 && at < st.st_size;) {
		size_t n = st.st_size - at < BACKUP_PIECE ? (size_t)(st.st_size - at) : BACKUP_PIECE;

		rc = io_pread_full(fd, piece, n, (uint64_t)at, e);
		if (rc == 0)
			rc = put(w, 'D', (struct span){ piece, n }, e);
		at += (off_t)n;
	}
	return rc;
}

static int dump_files(struct tx *tx, struct writing *w, struct err *e)
{
	SCOPED_SQL q = sql_open_once(tx, "SELECT id FROM blob WHERE is_file = 1");
	char *piece = arena_alloc(w->a, BACKUP_PIECE);
	int rc;

	while ((rc = sql_next(q, e)) > 0)
		if ((rc = dump_file(tx->s, w, (uint64_t)sql_col_int(q, 0), piece, e)) < 0)
			return rc;
	return rc;
}

static int dump(struct tx *tx, void *arg, struct err *e)
{
	struct writing *w = arg;
	struct span *tables;
	size_t n;
	int rc;

	if (w->a)
		return err_set(e, ERR_LATER, "The store was away, start again", "backup: cannot be run twice");
	w->a = arena_new();
	rc = store_tables(tx, w->a, &tables, &n, e);
	if (rc == 0)
		rc = dump_migrations(tx, w, e);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (!span_eqz(tables[i], "store_migration"))
			rc = dump_table(tx, w, tables[i], e);
	return rc < 0 ? rc : dump_files(tx, w, e);
}

int store_backup(struct store *s, int fd, struct err *e)
{
	struct writing w = { .fd = fd };
	unsigned char sum[BACKUP_SUM];
	int rc;

	buf_init(&w.out, BACKUP_RECORD_MAX);
	crypto_generichash_init(&w.sum, NULL, 0, sizeof(sum));
	buf_add(&w.out, SPAN(BACKUP_MAGIC));
	store_pin(s, 1);
	rc = store_read(s, dump, &w, e);
	store_pin(s, -1);
	if (rc >= 0)
		rc = flush(&w, e);
	if (rc >= 0) {
		crypto_generichash_final(&w.sum, sum, sizeof(sum));
		rc = put(&w, 'E', SPAN_BYTES(sum, sizeof(sum)), e);
	}
	if (rc >= 0)
		rc = io_write_full(fd, buf_span(&w.out), e);
	buf_fini(&w.out);
	if (w.a)
		arena_free(w.a);
	return rc < 0 ? rc : 0;
}
