#include "domain/mail/metadata.h"
#include <stdlib.h>
#include "base/wire.h"
#include "domain/mail/mail_impl.h"

#define VERSION 1

static bool is_private(struct span name)
{
	return span_starts(name, SPAN("/private/"));
}

/* entry = "/" ("private" / "shared") 1*("/" component): printable ASCII without "*" and "%". */
int metadata_name(struct arena *a, struct span name, struct span *out, struct err *e)
{
	char *p = arena_alloc(a, name.n + 1);
	bool good = name.n <= METADATA_NAME_MAX && name.n && name.p[name.n - 1] != '/';

	for (size_t i = 0; i < name.n && good; i++) {
		p[i] = ascii_lower(name.p[i]);
		good = p[i] > ' ' && p[i] < 127 && p[i] != '*' && p[i] != '%' && !(i && p[i] == '/' && p[i - 1] == '/');
	}
	*out = SPAN_BYTES(p, name.n);
	if (!good || (!is_private(*out) && !span_starts(*out, SPAN("/shared/"))))
		return err_set(e, ERR_PARAM, "Not the name of an entry", "metadata: bad name");
	return 0;
}

static uint64_t owner_of(uint64_t viewer_id, const struct mailbox *box, struct span name)
{
	if (is_private(name))
		return viewer_id;
	return box ? box->account_id : ORG_ACCOUNT_ID;
}

/* RFC 5464 section 3.3: who sees the mailbox and may do something in it. */
static int may_use(const struct mailbox *box, struct err *e)
{
	const uint32_t any = RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST;

	return !box ? 0 : mailbox_need(box, box->rights & any ? RIGHT_LOOKUP : RIGHT_READ, e);
}

static int may_set(struct tx *tx, uint64_t viewer_id, const struct mailbox *box, struct span name, struct err *e)
{
	uint32_t admin;

	if (may_use(box, e) < 0 || is_private(name))
		return e->code;
	if (box)
		return mailbox_need(box, RIGHT_WRITE, e);
	if (admin_rights(tx, viewer_id, ORG_ROOT_CHAPTER_ID, &admin, e) < 0)
		return e->code;
	return admin == ADMIN_ALL ? 0 : err_set(e, ERR_DENIED, "Not permitted", "metadata of the server");
}

static int unpack(struct arena *a, const struct seal_key *key, uint64_t id, struct span sealed, struct metadata_entry *out,
	struct err *e)
{
	struct span plain;
	struct wire w;

	if (unseal_column(a, key, (struct seal_place){ "metadata", "sealed", id }, sealed, &plain, e) < 0)
		return e->code;
	w = wire_open(plain);
	if (wire_get_u8(&w) != VERSION)
		w.failed = true;
	out->name = wire_get_span(&w, METADATA_NAME_MAX);
	out->value = wire_get_span(&w, METADATA_VALUE_MAX);
	if (!out->value.n)
		out->value = SPAN("");
	return wire_done(&w) ? 0 : err_set(e, ERR_BROKEN, "Internal error", "metadata %llu is unreadable", (unsigned long long)id);
}

static int read_owned(struct org *o, struct tx *tx, struct arena *a, uint64_t owner_id, uint64_t mailbox_id, const char *prefix,
	struct metadata_entry *v, size_t *n, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, sealed FROM metadata WHERE mailbox_id = ?1 AND owner_id = ?2");
	MAIL_KEY key = { { 0 } };
	int r;

	if (org_key(o, tx, owner_id, &key, e) < 0)
		return e->code;
	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)owner_id);
	while ((r = sql_next(q, e)) == 1 && *n < 2 * METADATA_ENTRIES_MAX) {
		if (unpack(a, &key, (uint64_t)sql_col_int(q, 0), sql_col(q, 1), &v[*n], e) < 0)
			return e->code;
		*n += span_starts(v[*n].name, span_str(prefix));
	}
	return r < 0 ? r : 0;
}

static int by_name(const void *x, const void *y)
{
	return span_cmp(((const struct metadata_entry *)x)->name, ((const struct metadata_entry *)y)->name);
}

int metadata_list(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox *box,
	struct metadata_entry **out, size_t *n_out, struct err *e)
{
	uint64_t mailbox_id = box ? box->id : 0;

	*out = ARENA_ARRAY(a, struct metadata_entry, 2 * METADATA_ENTRIES_MAX + 1);
	*n_out = 0;
	if (may_use(box, e) < 0 || read_owned(o, tx, a, viewer_id, mailbox_id, "/private/", *out, n_out, e) < 0 ||
		read_owned(o, tx, a, owner_of(viewer_id, box, SPAN_NONE), mailbox_id, "/shared/", *out, n_out, e) < 0)
		return e->code;
	qsort(*out, *n_out, sizeof(**out), by_name);
	return 0;
}

int metadata_get(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox *box, struct span name,
	struct span *value_out, struct err *e)
{
	uint64_t owner_id = owner_of(viewer_id, box, name);
	unsigned char lookup[SEAL_LOOKUP_LEN];
	struct metadata_entry entry;
	MAIL_KEY key = { { 0 } };
	int r;

	if (may_use(box, e) < 0 || org_key(o, tx, owner_id, &key, e) < 0)
		return e->code;
	seal_lookup(&key, "metadata", name, lookup);
	SCOPED_SQL q = sql_open(tx, "SELECT id, sealed FROM metadata WHERE mailbox_id = ?1 AND owner_id = ?2 AND lookup = ?3");

	sql_int(q, 1, (int64_t)(box ? box->id : 0));
	sql_int(q, 2, (int64_t)owner_id);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	r = sql_next(q, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_MISSING, "No such entry", "metadata");
	if (unpack(a, &key, (uint64_t)sql_col_int(q, 0), sql_col(q, 1), &entry, e) < 0)
		return e->code;
	*value_out = entry.value;
	return 0;
}

/* Entries of this kind in this place, and the space of all that is the owner's. */
static int usage(struct tx *tx, uint64_t owner_id, uint64_t mailbox_id, int kind, int64_t *n_out, int64_t *bytes_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM metadata WHERE mailbox_id = ?1 AND owner_id = ?2 AND kind = ?3");
	SCOPED_SQL s = sql_open(tx, "SELECT size FROM metadata WHERE owner_id = ?1");
	int r;

	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)owner_id);
	sql_int(q, 3, kind);
	if (sql_next(q, e) < 0)
		return e->code;
	*n_out = sql_col_int(q, 0);
	*bytes_out = 0;
	sql_int(s, 1, (int64_t)owner_id);
	while ((r = sql_next(s, e)) == 1)
		*bytes_out += sql_col_int(s, 0);
	return r;
}

static int insert(struct tx *tx, struct arena *a, uint64_t owner_id, uint64_t mailbox_id,
	const struct metadata_entry *entry, const unsigned char lookup[SEAL_LOOKUP_LEN], const struct seal_key *key, struct err *e)
{
	uint64_t id = tx_id(tx);
	struct sql *q;
	SCOPED_BUF b;

	buf_init(&b, METADATA_VALUE_MAX + 1024);
	wire_u8(&b, VERSION);
	wire_span(&b, entry->name);
	wire_span(&b, entry->value);
	q = sql_open(tx, "INSERT INTO metadata (id, mailbox_id, owner_id, kind, lookup, size, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	sql_int(q, 1, (int64_t)id);
	sql_int(q, 2, (int64_t)mailbox_id);
	sql_int(q, 3, (int64_t)owner_id);
	sql_int(q, 4, is_private(entry->name));
	sql_blob(q, 5, SPAN_BYTES(lookup, SEAL_LOOKUP_LEN));
	sql_int(q, 6, (int64_t)(entry->name.n + entry->value.n));
	sql_blob(q, 7, seal_column(a, key, (struct seal_place){ "metadata", "sealed", id }, buf_span(&b)));
	return sql_run(q, e) < 0 ? e->code : 0;
}

int metadata_set(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, const struct mailbox *box,
	const struct metadata_entry *entry, struct err *e)
{
	uint64_t owner_id = owner_of(viewer_id, box, entry->name), mailbox_id = box ? box->id : 0;
	unsigned char lookup[SEAL_LOOKUP_LEN];
	MAIL_KEY key = { { 0 } };
	int64_t n = 0, bytes = 0;
	struct sql *q;

	if (may_set(tx, viewer_id, box, entry->name, e) < 0 || org_key(o, tx, owner_id, &key, e) < 0)
		return e->code;
	if (entry->value.n > METADATA_VALUE_MAX)
		return err_set(e, ERR_TOOBIG, "The value is too long", "metadata: %zu bytes", entry->value.n);
	seal_lookup(&key, "metadata", entry->name, lookup);
	q = sql_open(tx, "DELETE FROM metadata WHERE mailbox_id = ?1 AND owner_id = ?2 AND lookup = ?3");
	sql_int(q, 1, (int64_t)mailbox_id);
	sql_int(q, 2, (int64_t)owner_id);
	sql_blob(q, 3, SPAN_BYTES(lookup, sizeof(lookup)));
	if (sql_run(q, e) < 0)
		return e->code;
	if (!entry->value.p)
		return 0;
	if (usage(tx, owner_id, mailbox_id, is_private(entry->name), &n, &bytes, e) < 0)
		return e->code;
	if (n >= METADATA_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "Too many entries", "metadata: %lld entries", (long long)n);
	if (bytes + (int64_t)(entry->name.n + entry->value.n) > METADATA_ACCOUNT_MAX)
		return err_set(e, ERR_EXISTS, "No room for more annotations", "metadata: %lld bytes", (long long)bytes);
	return insert(tx, a, owner_id, mailbox_id, entry, lookup, &key, e);
}
