/* Re-reads everything: the data base's own check, every row of every table, every blob - all without a key. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "store/blob_form.h"
#include "store/store_impl.h"

#define PIECE (256 * 1024)
#define TABLES_MAX 1000

struct checking {
	struct arena *a;
	void (*say)(void *arg, const char *problem);
	void *arg;
	uint64_t *problems;
	struct span *tables, table;
	size_t n;
};

static void problem(struct checking *c, const char *what, uint64_t id, const char *detail)
{
	char line[400];

	snprintf(line, sizeof(line), "%s %llu: %s", what, (unsigned long long)id, detail);
	c->say(c->arg, line);
	++*c->problems;
}

int store_tables(struct tx *tx, struct arena *a, struct span **names_out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, tx->s->drv->tables_sql);
	int rc;

	*names_out = ARENA_ARRAY(a, struct span, TABLES_MAX);
	*n_out = 0;
	while ((rc = sql_next(q, e)) > 0) {
		if (*n_out == TABLES_MAX || span_chr(sql_col(q, 0), '"') >= 0)
			return err_set(e, ERR_BROKEN, "Internal error", "tables: too many or a strange name");
		(*names_out)[(*n_out)++] = arena_span(a, sql_col(q, 0));
	}
	return rc;
}

static int check_schema(struct tx *tx, void *arg, struct err *e)
{
	struct checking *c = arg;
	int rc = tx->s->drv->verify(tx, c->say, c->arg, c->problems, e);

	return rc < 0 ? rc : store_tables(tx, c->a, &c->tables, &c->n, e);
}

static int check_table(struct tx *tx, void *arg, struct err *e)
{
	struct checking *c = arg;
	struct span text = arena_printf(c->a, "SELECT * FROM \"%.*s\"", SPAN_F(c->table));
	SCOPED_SQL q = sql_open_once(tx, arena_strz(c->a, text));
	int rc;

	while ((rc = sql_next(q, e)) > 0)
		for (int i = 0; i < sql_cols(q); i++)
			(void)sql_col(q, i); /* overflow pages are read only when asked for */
	return rc;
}

/* ---- blobs ---- */

static int sum_file(int fd, struct arena *a, uint64_t size, unsigned char sum[BLOB_SUM], struct err *e)
{
	struct blob_head h;
	unsigned char raw[BLOB_HEAD];
	crypto_generichash_state st;
	char *piece = arena_alloc(a, PIECE), *front;
	size_t front_len;
	int rc = io_pread_full(fd, raw, sizeof(raw), 0, e);

	if (rc == 0)
		rc = blob_head_read(&h, SPAN_BYTES(raw, sizeof(raw)), e);
	if (rc < 0)
		return rc;
	front_len = BLOB_HEAD + 4 * (size_t)h.count;
	if (front_len > size)
		return blob_broken(e, 0, "cut off in its table");
	front = arena_alloc(a, front_len);
	rc = io_pread_full(fd, front, front_len, 0, e);
	if (rc == 0)
		rc = blob_form_check((struct span){ front, front_len }, size, e);
	crypto_generichash_init(&st, NULL, 0, BLOB_SUM);
	for (uint64_t at = front_len; rc == 0 && at < size;) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		rc = io_pread_full(fd, piece, n, at, e);
		crypto_generichash_update(&st, (unsigned char *)piece, n);
		at += n;
	}
	crypto_generichash_update(&st, (unsigned char *)front, front_len);
	crypto_generichash_final(&st, sum, BLOB_SUM);
	return rc;
}

static const char *check_file(struct store *s, uint64_t id, uint64_t stored_size, struct span sum)
{
	SCOPED_ARENA a = arena_new();
	unsigned char now[BLOB_SUM];
	struct err e = ERR_INIT;
	struct stat st;
	char path[40];
	SCOPED_FD fd = -1;

	blob_path(id, path);
	fd = openat(s->dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? "its file is missing" : "its file cannot be opened";
	if ((uint64_t)st.st_size != stored_size)
		return "its file is longer or shorter than it was";
	if (sum_file(fd, a, stored_size, now, &e) < 0)
		return "its file cannot be read or makes no sense";
	return span_eq(sum, SPAN_BYTES(now, BLOB_SUM)) ? NULL : "its file has changed (checksum)";
}

static const char *check_row(uint64_t stored_size, struct span sum, struct span data)
{
	unsigned char now[BLOB_SUM];
	struct err e = ERR_INIT;

	if (!data.p)
		return "its data is missing";
	if (data.n != stored_size || blob_form_check(data, data.n, &e) < 0)
		return "its data makes no sense";
	blob_sum(data, now);
	return span_eq(sum, SPAN_BYTES(now, BLOB_SUM)) ? NULL : "its data has changed (checksum)";
}

static int check_blobs(struct tx *tx, void *arg, struct err *e)
{
	struct checking *c = arg;
	SCOPED_SQL q = sql_open_once(tx, "SELECT b.id, b.stored_size, b.is_file, b.sum, b.refs, d.data FROM blob b"
		" LEFT JOIN blob_data d ON d.id = b.id");
	int rc;

	while ((rc = sql_next(q, e)) > 0) {
		uint64_t id = (uint64_t)sql_col_int(q, 0), size = (uint64_t)sql_col_int(q, 1);
		const char *bad;

		bad = sql_col_int(q, 2) ? check_file(tx->s, id, size, sql_col(q, 3)) :
			check_row(size, sql_col(q, 3), sql_col(q, 5));
		if (!bad && sql_col_int(q, 4) <= 0)
			bad = "nobody refers to it, yet it is there";
		if (bad)
			problem(c, "blob", id, bad);
	}
	return rc;
}

static int check_strays(struct tx *tx, void *arg, struct err *e)
{
	struct checking *c = arg;
	SCOPED_SQL q = sql_open_once(tx, "SELECT d.id FROM blob_data d"
		" WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = d.id AND b.is_file = 0)");
	int rc;

	while ((rc = sql_next(q, e)) > 0)
		problem(c, "blob data", (uint64_t)sql_col_int(q, 0), "it belongs to no blob");
	return rc;
}

/* A part that cannot be read is a problem like any other; only a store that is away ends the check. */
static int check_part(struct store *s, struct checking *c, store_fn *fn, const char *name, struct err *e)
{
	struct err part = ERR_INIT;
	int rc = store_read(s, fn, c, &part);

	if (rc >= 0)
		return 0;
	if (rc == ERR_LATER && s->drv == &pgsql_driver)
		return err_set(e, rc, part.say, "%s", part.log);
	problem(c, name, 0, part.log);
	return 0;
}

int store_check(struct store *s, void (*say)(void *arg, const char *problem), void *arg, uint64_t *problems_out,
	struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct checking c = { .a = a, .say = say, .arg = arg, .problems = problems_out };
	int rc;

	*problems_out = 0;
	store_pin(s, 1);
	rc = check_part(s, &c, check_schema, "schema", e);
	for (size_t i = 0; rc == 0 && i < c.n; i++) {
		c.table = c.tables[i];
		rc = check_part(s, &c, check_table, arena_strz(a, c.table), e);
	}
	if (rc == 0)
		rc = check_part(s, &c, check_blobs, "blobs", e);
	if (rc == 0)
		rc = check_part(s, &c, check_strays, "blob_data", e);
	store_pin(s, -1);
	return rc;
}
