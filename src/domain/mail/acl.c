#include "domain/mail/acl.h"
#include <stdlib.h>
#include "base/time.h"
#include "domain/mail/mail_impl.h"
#include "domain/org/address.h"

enum acl_kind { ACL_ACCOUNT = 1, ACL_GROUP, ACL_ANYONE };

struct who {
	enum acl_kind kind;
	uint64_t id;
	bool negative;
};

uint32_t acl_of_term(uint32_t rights)
{
	if (rights & RIGHT_READ)
		rights |= RIGHT_LOOKUP;
	if (rights & RIGHT_INSERT)
		rights |= RIGHT_POST;
	if (rights & RIGHT_DELETE)
		rights |= RIGHT_EXPUNGE | RIGHT_REMOVE;
	return rights;
}

static const struct {
	char letter;
	uint32_t rights;
} letters[] = { { 'l', RIGHT_LOOKUP }, { 'r', RIGHT_READ }, { 's', RIGHT_SEEN }, { 'w', RIGHT_WRITE }, { 'i', RIGHT_INSERT },
	{ 'p', RIGHT_POST }, { 'k', RIGHT_CREATE }, { 'x', RIGHT_REMOVE }, { 't', RIGHT_DELETE }, { 'e', RIGHT_EXPUNGE },
	{ 'a', RIGHT_ADMIN }, { 'c', RIGHT_CREATE }, { 'd', RIGHT_REMOVE | RIGHT_DELETE | RIGHT_EXPUNGE } };
#define LETTERS (sizeof(letters) / sizeof(*letters))

int acl_letters_parse(struct span text, uint32_t *rights_out, struct err *e)
{
	*rights_out = 0;
	for (size_t i = 0; i < text.n; i++) {
		size_t k = 0;

		while (k < LETTERS && letters[k].letter != text.p[i])
			k++;
		if (k == LETTERS)
			return err_set(e, ERR_PARAM, "There is no such right", "unknown letter in rights");
		*rights_out |= letters[k].rights;
	}
	return 0;
}

void acl_letters_put(struct buf *b, uint32_t rights)
{
	for (size_t i = 0; i < LETTERS; i++)
		if (rights & letters[i].rights)
			buf_addc(b, letters[i].letter);
}

/* ---- what somebody may do ---- */

static int applies(struct org *o, struct tx *tx, struct arena *a, const struct who *w, uint64_t viewer_id, bool *yes_out,
	struct err *e)
{
	uint32_t term = 0;

	*yes_out = w->kind == ACL_ANYONE || (w->kind == ACL_ACCOUNT && w->id == viewer_id);
	if (*yes_out)
		return 0;
	if (w->kind == ACL_GROUP)
		return address_group_has(o, tx, a, w->id, viewer_id, yes_out, e);
	if (role_rights(tx, w->id, viewer_id, time_real_sec(), &term, e) < 0)
		return e->code;
	*yes_out = term & RIGHT_READ;
	return 0;
}

/* The entries alone. */
static int entries_give(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, uint64_t mailbox_id,
	uint32_t *rights_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT m.kind, m.grantee_id, m.negative, m.rights FROM mailbox_acl m"
		" JOIN account c ON c.id = m.owner_id WHERE m.mailbox_id = ?1 AND c.state = 1");
	uint32_t sum[2] = { 0, 0 };
	int r;

	_Static_assert(ACCOUNT_ACTIVE == 1, "in the SQL");
	sql_int(q, 1, (int64_t)mailbox_id);
	while ((r = sql_next(q, e)) == 1) {
		struct who w = { (enum acl_kind)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), sql_col_int(q, 2) != 0 };
		bool yes;

		if (applies(o, tx, a, &w, viewer_id, &yes, e) < 0)
			return e->code;
		if (yes)
			sum[w.negative] |= (uint32_t)sql_col_int(q, 3);
	}
	*rights_out = sum[0] & ~sum[1];
	return r;
}

int acl_rights(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, uint64_t owner_id, uint64_t mailbox_id,
	uint32_t *rights_out, struct err *e)
{
	uint32_t term, given;

	*rights_out = RIGHT_OWNER;
	if (viewer_id == owner_id)
		return 0;
	if (role_rights(tx, owner_id, viewer_id, time_real_sec(), &term, e) < 0 ||
		entries_give(o, tx, a, viewer_id, mailbox_id, &given, e) < 0)
		return e->code;
	*rights_out = acl_of_term(term) | given;
	return 0;
}

struct grants {
	struct acl_grant *v;
	size_t n, cap;
};

/* Mailboxes that name this identity. */
static int named(struct tx *tx, struct arena *a, enum acl_kind kind, uint64_t id, uint64_t viewer_id, struct grants *g, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT mailbox_id, owner_id FROM mailbox_acl WHERE kind = ?1 AND grantee_id = ?2"
		" AND negative = 0 AND owner_id <> ?3");
	int r;

	sql_int(q, 1, kind);
	sql_int(q, 2, (int64_t)id);
	sql_int(q, 3, (int64_t)viewer_id);
	while ((r = sql_next(q, e)) == 1) {
		if (g->n == g->cap) {
			struct acl_grant *more = ARENA_ARRAY(a, struct acl_grant, 2 * g->cap + 16);

			for (size_t i = 0; i < g->n; i++)
				more[i] = g->v[i];
			g->v = more;
			g->cap = 2 * g->cap + 16;
		}
		g->v[g->n++] = (struct acl_grant){ (uint64_t)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), 0 };
	}
	return r;
}

static int named_groups(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct grants *g, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT DISTINCT grantee_id FROM mailbox_acl WHERE kind = ?1 AND negative = 0");
	int r;

	sql_int(q, 1, ACL_GROUP);
	while ((r = sql_next(q, e)) == 1) {
		uint64_t id = (uint64_t)sql_col_int(q, 0);
		bool yes;

		if (address_group_has(o, tx, a, id, viewer_id, &yes, e) < 0 ||
			(yes && named(tx, a, ACL_GROUP, id, viewer_id, g, e) < 0))
			return e->code;
	}
	return r;
}

static int by_owner(const void *x, const void *y)
{
	const struct acl_grant *a = x, *b = y;

	if (a->owner_id != b->owner_id)
		return a->owner_id < b->owner_id ? -1 : 1;
	return (a->mailbox_id > b->mailbox_id) - (a->mailbox_id < b->mailbox_id);
}

int acl_grants(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct acl_grant **out, size_t *n_out,
	struct err *e)
{
	struct grants g = { 0 };
	struct role_access *roles;
	size_t n_roles, n = 0;

	if (role_access_list(o, tx, a, viewer_id, time_real_sec(), &roles, &n_roles, e) < 0 ||
		named(tx, a, ACL_ACCOUNT, viewer_id, viewer_id, &g, e) < 0 || named(tx, a, ACL_ANYONE, 0, viewer_id, &g, e) < 0 ||
		named_groups(o, tx, a, viewer_id, &g, e) < 0)
		return e->code;
	for (size_t i = 0; i < n_roles; i++)
		if (named(tx, a, ACL_ACCOUNT, roles[i].role_id, viewer_id, &g, e) < 0)
			return e->code;
	if (g.n)
		qsort(g.v, g.n, sizeof(*g.v), by_owner);
	for (size_t i = 0; i < g.n; i++) {
		if (n && g.v[n - 1].mailbox_id == g.v[i].mailbox_id)
			continue;
		g.v[n] = g.v[i];
		if (entries_give(o, tx, a, viewer_id, g.v[n].mailbox_id, &g.v[n].rights, e) < 0)
			return e->code;
		n += g.v[n].rights != 0;
	}
	*out = g.v;
	*n_out = n;
	return 0;
}

/* ---- entries ---- */

static int identify(struct org *o, struct tx *tx, struct arena *a, struct span identifier, struct who *out, struct err *e)
{
	struct address_row *group;
	struct account account;
	int r;

	*out = (struct who){ .negative = span_starts(identifier, SPAN("-")) };
	identifier = span_from(identifier, out->negative);
	if (span_ieqz(identifier, "anyone")) {
		out->kind = ACL_ANYONE;
		return 0;
	}
	r = account_find(o, tx, a, identifier, false, &account, e);
	if (r == 0) {
		out->kind = ACL_ACCOUNT;
		out->id = account.id;
		return 0;
	}
	if (r == ERR_MISSING || r == ERR_DENIED || r == ERR_PARAM) {
		err_clear(e);
		r = address_find_group(o, tx, a, identifier, &group, e);
	}
	if (r == 0) {
		out->kind = ACL_GROUP;
		out->id = group->id;
		return 0;
	}
	if (r != ERR_MISSING && r != ERR_DENIED && r != ERR_PARAM)
		return r;
	err_clear(e);
	return err_set(e, ERR_PARAM, "Nobody here has this address", "acl: no such identifier");
}

int acl_is_owner(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct span identifier,
	bool *yes_out, struct err *e)
{
	struct who w;

	if (identify(o, tx, a, identifier, &w, e) < 0)
		return e->code;
	*yes_out = w.kind == ACL_ACCOUNT && w.id == box->account_id;
	return 0;
}

/* This entry's rights, and how many entries there are. */
static int entry_now(struct tx *tx, const struct mailbox *box, const struct who *w, uint32_t *rights_out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT kind, grantee_id, negative, rights FROM mailbox_acl WHERE mailbox_id = ?1");
	int r;

	*rights_out = 0;
	*n_out = 0;
	sql_int(q, 1, (int64_t)box->id);
	while ((r = sql_next(q, e)) == 1) {
		++*n_out;
		if (sql_col_int(q, 0) == w->kind && (uint64_t)sql_col_int(q, 1) == w->id && (sql_col_int(q, 2) != 0) == w->negative)
			*rights_out = (uint32_t)sql_col_int(q, 3);
	}
	return r;
}

static int entry_write(struct tx *tx, const struct mailbox *box, const struct who *w, uint32_t rights, struct err *e)
{
	struct sql *q = sql_open(tx, rights ?
		"INSERT INTO mailbox_acl (mailbox_id, kind, grantee_id, negative, owner_id, rights) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (mailbox_id, kind, grantee_id, negative) DO UPDATE SET rights = excluded.rights" :
		"DELETE FROM mailbox_acl WHERE mailbox_id = ?1 AND kind = ?2 AND grantee_id = ?3 AND negative = ?4");

	sql_int(q, 1, (int64_t)box->id);
	sql_int(q, 2, w->kind);
	sql_int(q, 3, (int64_t)w->id);
	sql_int(q, 4, w->negative);
	if (rights) {
		sql_int(q, 5, (int64_t)box->account_id);
		sql_int(q, 6, rights);
	}
	if (sql_run(q, e) < 0)
		return e->code;
	if (w->kind == ACL_ACCOUNT)
		tx_publish(tx, (struct change){ w->id, w->id, FEED_MAILBOX_LIST, 0 });
	return 0;
}

int acl_set(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct span identifier,
	enum acl_change how, uint32_t rights, struct err *e)
{
	struct who w;
	uint32_t old;
	size_t n;

	if (identify(o, tx, a, identifier, &w, e) < 0 || entry_now(tx, box, &w, &old, &n, e) < 0)
		return e->code;
	if (w.kind == ACL_ACCOUNT && w.id == box->account_id)
		return err_set(e, ERR_PARAM, "The owner has every right", "acl: entry for the owner");
	rights = how == ACL_ADD ? old | rights : how == ACL_REMOVE ? old & ~rights : rights;
	if (!old && rights && n >= ACL_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "Too many entries", "acl: %zu entries", n);
	return old == rights ? 0 : entry_write(tx, box, &w, rights, e);
}

/* ERR_MISSING: gone meanwhile. */
static int name_of(struct org *o, struct tx *tx, struct arena *a, const struct who *w, struct span *out, struct err *e)
{
	struct account account;
	int r = 0;

	*out = SPAN("anyone");
	if (w->kind == ACL_ACCOUNT) {
		r = account_get(o, tx, a, w->id, &account, e);
		*out = r == 0 ? account.address : SPAN_NONE;
		if (r == 0 && account.state == ACCOUNT_REMOVED)
			r = err_set(e, ERR_MISSING, "No such account", "removed");
	} else if (w->kind == ACL_GROUP) {
		r = address_name(o, tx, a, w->id, out, e);
	}
	if (r == 0 && w->negative)
		*out = arena_printf(a, "-%.*s", SPAN_F(*out));
	return r;
}

int acl_list(struct org *o, struct tx *tx, struct arena *a, const struct mailbox *box, struct acl_entry **out, size_t *n_out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT kind, grantee_id, negative, rights FROM mailbox_acl WHERE mailbox_id = ?1"
		" ORDER BY kind, grantee_id, negative");
	struct who owner = { .kind = ACL_ACCOUNT, .id = box->account_id };
	int r;

	*out = ARENA_ARRAY(a, struct acl_entry, ACL_ENTRIES_MAX + 1);
	*n_out = 1;
	(*out)[0].rights = RIGHT_OWNER;
	if (name_of(o, tx, a, &owner, &(*out)[0].identifier, e) < 0)
		return e->code;
	sql_int(q, 1, (int64_t)box->id);
	while ((r = sql_next(q, e)) == 1 && *n_out <= ACL_ENTRIES_MAX) {
		struct who w = { (enum acl_kind)sql_col_int(q, 0), (uint64_t)sql_col_int(q, 1), sql_col_int(q, 2) != 0 };
		struct acl_entry *entry = &(*out)[*n_out];

		if (name_of(o, tx, a, &w, &entry->identifier, e) < 0) {
			if (e->code != ERR_MISSING)
				return e->code;
			err_clear(e);
			continue;
		}
		entry->rights = (uint32_t)sql_col_int(q, 3);
		++*n_out;
	}
	return r < 0 ? r : 0;
}
