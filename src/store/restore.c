#include <sodium.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/wire.h"
#include "store/backup.h"
#include "store/store_impl.h"

#define NAME_MAX_LEN 128

struct reading {
	struct store *s;
	struct arena *a;
	int fd;
	bool ran;
	crypto_generichash_state sum;
	struct buf payload;
	char *insert;                /* for the rows that follow, NULL before the first table */
	unsigned columns;
	struct blob_draft draft;     /* of the file being received */
	uint64_t file_id, file_at, file_len;
	bool receiving;
	struct done_file {
		struct done_file *next;
		uint64_t id;
	} *files;                    /* to be taken back when the rest fails */
};

static int unreadable(struct err *e, const char *what)
{
	return err_set(e, ERR_SYNTAX, "This is no complete, unaltered kontor backup", "restore: %s", what);
}

static int get_bytes(struct reading *r, void *p, size_t n, struct err *e)
{
	struct err io = ERR_INIT;
	int rc = io_read_full(r->fd, p, n, &io);

	if (rc == ERR_GONE)
		return unreadable(e, "cut off");
	return rc < 0 ? err_set(e, rc, io.say, "%s", io.log) : 0;
}

/* Type of the next record, its payload in r->payload; everything but the end goes into the sum. Memory grows
 * with what has arrived, not with what the length claims. */
static int get_record(struct reading *r, struct err *e)
{
	unsigned char head[5];
	struct wire w = wire_open(SPAN_BYTES(head + 1, 4));
	uint32_t len, at = 0;
	int rc = get_bytes(r, head, sizeof(head), e);

	if (rc < 0)
		return rc;
	len = wire_get_u32(&w);
	if (len > BACKUP_RECORD_MAX)
		return unreadable(e, "a record makes no sense");
	buf_reset(&r->payload);
	while (at < len) {
		uint32_t n = len - at < BACKUP_PIECE ? len - at : BACKUP_PIECE;
		char *to = buf_space(&r->payload, n);

		if (!to)
			return unreadable(e, "a record makes no sense");
		if ((rc = get_bytes(r, to, n, e)) < 0)
			return rc;
		buf_grow(&r->payload, n);
		at += n;
	}
	if (head[0] != 'E') {
		crypto_generichash_update(&r->sum, head, sizeof(head));
		crypto_generichash_update(&r->sum, (unsigned char *)r->payload.p, r->payload.n);
	}
	return head[0];
}

/* ---- records ---- */

static int on_migration(struct reading *r, struct tx *tx, struct wire w, struct err *e)
{
	struct span part = wire_get_span(&w, NAME_MAX_LEN);
	uint64_t number = wire_get_u64(&w);
	struct span name = wire_get_span(&w, NAME_MAX_LEN);
	struct span sql = wire_get_span(&w, 1 << 24);
	struct sql *note;
	int rc;

	if (!wire_done(&w) || span_has_nul(sql))
		return unreadable(e, "migration");
	if (span_eqz(part, "store") && number > store_own_migrations())
		return err_set(e, ERR_DENIED,
			"This backup was written by a newer kontor; please use the newer program",
			"restore: store migration %llu", (unsigned long long)number);
	if (span_eqz(part, "store"))
		return 0; /* store_open has made these tables */
	rc = store_script(tx, arena_strz(r->a, sql), e);
	if (rc < 0)
		return rc;
	note = sql_open(tx, "INSERT INTO store_migration (part, number, name, sql) VALUES (?1, ?2, ?3, ?4)");
	sql_text(note, 1, part);
	sql_int(note, 2, (int64_t)number);
	sql_text(note, 3, name);
	sql_text(note, 4, sql);
	rc = sql_run(note, e);
	return rc < 0 ? rc : 0;
}

static bool name_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '_')
			return false;
	return s.n > 0;
}

static int on_table(struct reading *r, struct tx *tx, struct wire w, struct err *e)
{
	struct span table = wire_get_span(&w, NAME_MAX_LEN), clear;
	SCOPED_BUF b;
	int rc;

	buf_init(&b, 65536);
	r->columns = wire_get_u16(&w);
	if (!name_ok(table) || r->columns == 0 || r->columns > BACKUP_COLUMNS_MAX)
		return unreadable(e, "table");
	buf_addf(&b, "INSERT INTO \"%.*s\" (", SPAN_F(table));
	for (unsigned i = 0; i < r->columns; i++) {
		struct span column = wire_get_span(&w, NAME_MAX_LEN);

		if (!name_ok(column))
			return unreadable(e, "column");
		buf_addf(&b, "%s\"%.*s\"", i ? ", " : "", SPAN_F(column));
	}
	buf_addz(&b, ") VALUES (");
	for (unsigned i = 1; i <= r->columns; i++)
		buf_addf(&b, "%s?%u", i > 1 ? ", " : "", i);
	buf_addc(&b, ')');
	if (!wire_done(&w) || b.failed)
		return unreadable(e, "table");
	/* In the arena, whose end comes after the connection's: statements are cached by address. */
	r->insert = arena_strz(r->a, buf_span(&b));
	clear = arena_printf(r->a, "DELETE FROM \"%.*s\"", SPAN_F(table)); /* what migrations put there */
	rc = sql_run(sql_open_once(tx, arena_strz(r->a, clear)), e);
	return rc < 0 ? rc : 0;
}

static int on_row(struct reading *r, struct tx *tx, struct wire w, struct err *e)
{
	struct sql *q;
	bool bad = false;
	int rc;

	if (!r->insert)
		return unreadable(e, "row before its table");
	q = sql_open(tx, r->insert);
	for (unsigned i = 1; i <= r->columns; i++)
		switch (wire_get_u8(&w)) {
		case 'n':
			sql_null(q, (int)i);
			break;
		case 'i':
			sql_int(q, (int)i, (int64_t)wire_get_u64(&w));
			break;
		case 'b':
			sql_blob(q, (int)i, wire_get_span(&w, BACKUP_RECORD_MAX));
			break;
		case 't':
			sql_text(q, (int)i, wire_get_span(&w, BACKUP_RECORD_MAX));
			break;
		default:
			bad = true;
		}
	if (bad || !wire_done(&w)) {
		sql_close(q);
		return unreadable(e, "row");
	}
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int file_done(struct reading *r, int rc, struct err *e)
{
	struct done_file *f = ARENA_NEW(r->a, struct done_file);

	*f = (struct done_file){ r->files, r->file_id };
	r->files = f;
	r->receiving = false;
	return blob_draft_close(r->s, &r->draft, rc, e);
}

static int on_file(struct reading *r, struct wire w, struct err *e)
{
	int rc;

	r->file_id = wire_get_u64(&w);
	r->file_len = wire_get_u64(&w);
	r->file_at = 0;
	if (!wire_done(&w) || r->file_len == 0)
		return unreadable(e, "file");
	rc = blob_draft_open(r->s, r->file_id, &r->draft, e);
	r->receiving = rc == 0;
	return rc;
}

static int on_piece(struct reading *r, struct err *e)
{
	struct span s = buf_span(&r->payload);
	int rc;

	if (!r->receiving || s.n == 0 || s.n > BACKUP_PIECE || s.n > r->file_len - r->file_at)
		return unreadable(e, "piece of a file");
	rc = blob_draft_put(&r->draft, s, r->file_at, e);
	r->file_at += s.n;
	return rc == 0 && r->file_at == r->file_len ? file_done(r, 0, e) : rc;
}

static int on_end(struct reading *r, struct tx *tx, struct err *e)
{
	unsigned char sum[BACKUP_SUM];
	struct sql *q;
	int rc;

	crypto_generichash_final(&r->sum, sum, sizeof(sum));
	if (!span_eq(buf_span(&r->payload), SPAN_BYTES(sum, sizeof(sum))))
		return unreadable(e, "checksum");
	q = sql_open(tx, "UPDATE store_ids SET next = next + ?1");
	sql_int(q, 1, BACKUP_ID_JUMP);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int on_record(struct reading *r, struct tx *tx, int type, struct err *e)
{
	struct wire w = wire_open(buf_span(&r->payload));

	if (r->receiving != (type == 'D'))
		return unreadable(e, "a file is incomplete");
	switch (type) {
	case 'M':
		return on_migration(r, tx, w, e);
	case 'T':
		return on_table(r, tx, w, e);
	case 'R':
		return on_row(r, tx, w, e);
	case 'F':
		return on_file(r, w, e);
	case 'D':
		return on_piece(r, e);
	case 'E':
		return on_end(r, tx, e);
	default:
		return unreadable(e, "record of an unknown type");
	}
}

/* ---- all ---- */

static int check_empty(struct tx *tx, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT (SELECT count(*) FROM store_migration WHERE part <> 'store') +"
		" (SELECT count(*) FROM blob)");
	int rc = sql_next(q, e);

	if (rc < 0)
		return rc;
	return sql_col_int(q, 0) == 0 ? 0 : err_set(e, ERR_EXISTS, "The target is not empty",
		"restore: the store holds something already");
}

static int load(struct tx *tx, void *arg, struct err *e)
{
	struct reading *r = arg;
	char magic[BACKUP_MAGIC_LEN];
	int type = 0, rc;

	if (r->ran)
		return err_set(e, ERR_LATER, "The store was away, start again", "restore: cannot be run twice");
	r->ran = true;
	rc = check_empty(tx, e);
	if (rc == 0)
		rc = get_bytes(r, magic, sizeof(magic), e);
	if (rc == 0 && memcmp(magic, BACKUP_MAGIC, sizeof(magic)) != 0)
		return unreadable(e, "not a backup");
	crypto_generichash_update(&r->sum, (unsigned char *)magic, sizeof(magic));
	while (rc == 0 && type != 'E') {
		type = get_record(r, e);
		rc = type < 0 ? type : on_record(r, tx, type, e);
	}
	return rc;
}

static void take_back(struct reading *r)
{
	char path[40];
	struct err ignored = ERR_INIT;

	if (r->receiving)
		file_done(r, ERR_BROKEN, &ignored);
	for (struct done_file *f = r->files; f; f = f->next) {
		blob_path(f->id, path);
		unlinkat(r->s->dirfd, path, 0);
	}
}

int store_restore(const struct store_config *into, int fd, struct err *e)
{
	struct reading r = { .fd = fd };
	int rc = store_open(into, &r.s, e);

	if (rc < 0)
		return rc;
	r.a = arena_new();
	buf_init(&r.payload, BACKUP_RECORD_MAX);
	crypto_generichash_init(&r.sum, NULL, 0, BACKUP_SUM);
	rc = store_write(r.s, load, &r, e);
	if (rc < 0)
		take_back(&r);
	store_close(r.s);
	buf_fini(&r.payload);
	arena_free(r.a);
	return rc < 0 ? rc : 0;
}
