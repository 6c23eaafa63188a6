#include "domain/org/address.h"
#include <string.h>
#include "base/time.h"
#include "codec/smtp/smtp_address.h"
#include "domain/org/org_impl.h"
#include "domain/org/role.h"

static int no_such_user(struct err *e)
{
	return err_set(e, ERR_MISSING, "No such user here", "address unknown");
}

int address_normal(struct arena *a, struct span address, bool catch_all, struct span *out, struct err *e)
{
	if (catch_all && address.n > 1 && address.p[0] == '@') {
		struct span domain;

		if (smtp_domain_unicode(a, span_from(address, 1), &domain, NULL) == 0) {
			*out = arena_printf(a, "@%.*s", SPAN_F(domain));
			return 0;
		}
	} else if (smtp_address_normalise(a, address, out, NULL) == 0) {
		return 0;
	}
	return err_set(e, ERR_PARAM, "This is not a mail address", "address \"%.*s\"", SPAN_F(address));
}

struct span address_domain(struct span normalised)
{
	ssize_t at = span_rchr(normalised, '@');

	return at < 0 ? SPAN_NONE : span_from(normalised, (size_t)at + 1);
}

int address_hit(struct org *o, struct tx *tx, struct span normalised, struct address_hit *out, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	SCOPED_SQL q = NULL;
	int rc = org_lookup(o, tx, "address", normalised, lookup, e);

	if (rc < 0)
		return rc;
	q = sql_open(tx, "SELECT a.id, a.kind, a.account_id, c.state, c.kind FROM address a"
		" LEFT JOIN account c ON c.id = a.account_id WHERE a.lookup = ?1");
	sql_blob(q, 1, SPAN_BYTES(lookup, sizeof(lookup)));
	rc = sql_next(q, e);
	if (rc == 0)
		return no_such_user(e);
	if (rc < 0)
		return rc;
	out->id = (uint64_t)sql_col_int(q, 0);
	out->kind = (int)sql_col_int(q, 1);
	out->account_id = (uint64_t)sql_col_int(q, 2);
	out->account_state = sql_col_null(q, 3) ? 0 : (int)sql_col_int(q, 3);
	out->account_kind = sql_col_null(q, 4) ? 0 : (int)sql_col_int(q, 4);
	return 0;
}

/* user+detail@domain -> user@domain; false when there is no detail. */
static bool untagged(struct arena *a, struct span address, struct span *out, struct span *detail_out)
{
	struct smtp_address s;
	struct span user;

	if (span_chr(address, '+') < 0 || smtp_address_split(a, address, &s, NULL) < 0)
		return false;
	smtp_subaddress(s.local, &user, detail_out);
	if (!detail_out->p)
		return false;
	*out = smtp_address_join(a, user, s.domain);
	return true;
}

int address_hit_tagged(struct org *o, struct tx *tx, struct arena *a, struct span normalised,
	struct address_hit *out, bool *tagged_out, struct err *e)
{
	int rc = address_hit(o, tx, normalised, out, e);
	struct span plain, detail;

	*tagged_out = false;
	if (rc != ERR_MISSING || !untagged(a, normalised, &plain, &detail))
		return rc;
	*tagged_out = true;
	err_clear(e);
	return address_hit(o, tx, plain, out, e);
}

int address_primary(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span *out,
	struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT id, sealed FROM address WHERE account_id = ?1 AND kind = ?2");
	int rc;

	sql_int(q, 1, (int64_t)account_id);
	sql_int(q, 2, ADDRESS_PRIMARY);
	rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such account", "account %llu has no address",
			(unsigned long long)account_id);
	if (rc < 0)
		return rc;
	return house_unseal(o, tx, a, (struct seal_place){ "address", "sealed", (uint64_t)sql_col_int(q, 0) },
		sql_col(q, 1), out, e);
}

/* ---- where one address leads, without following it ---- */

static int first_admin(struct tx *tx, uint64_t *account_id_out, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT r.account_id FROM admin_right r JOIN account c ON c.id = r.account_id"
		" WHERE r.chapter_id = ?1 AND (r.rights & ?2) = ?2 AND c.state = ?3 ORDER BY r.account_id LIMIT 1");
	int rc;

	sql_int(q, 1, ORG_ROOT_CHAPTER_ID);
	sql_int(q, 2, ADMIN_ALL);
	sql_int(q, 3, ACCOUNT_ACTIVE);
	rc = sql_next(q, e);
	if (rc == 0)
		return no_such_user(e);
	if (rc < 0)
		return rc;
	*account_id_out = (uint64_t)sql_col_int(q, 0);
	return 0;
}

/* "postmaster" alone is the one of our first domain. */
static int complete(struct org *o, struct tx *tx, struct arena *a, struct span *normalised, struct err *e)
{
	struct span *domains;
	size_t n;
	int rc;

	if (address_domain(*normalised).p)
		return 0;
	rc = domain_list(o, tx, a, &domains, &n, e);
	if (rc < 0)
		return rc;
	if (n == 0)
		return no_such_user(e);
	*normalised = arena_printf(a, "%.*s@%.*s", SPAN_F(*normalised), SPAN_F(domains[0]));
	return 0;
}

/* The rules in order: the address itself, without its tag, postmaster, catch-all. ERR_DENIED: not our domain. */
static int locate(struct org *o, struct tx *tx, struct arena *a, struct span normalised, struct address_hit *out,
	bool *tagged_out, struct err *e)
{
	struct err own_err = ERR_INIT;
	uint64_t domain;
	int rc = address_hit_tagged(o, tx, a, normalised, out, tagged_out, &own_err);

	if (rc == ERR_MISSING) {
		*tagged_out = false;
		rc = domain_id(o, tx, address_domain(normalised), &domain, e);
		if (rc == ERR_MISSING) {
			err_clear(e);
			return err_set(e, ERR_DENIED, "Relay access denied", "not our domain");
		}
		if (rc < 0)
			return rc;
		if (span_istarts(normalised, SPAN("postmaster@"))) {
			*out = (struct address_hit){ .kind = ADDRESS_PRIMARY };
			return first_admin(tx, &out->account_id, e);
		}
		return address_hit(o, tx, arena_printf(a, "@%.*s", SPAN_F(address_domain(normalised))), out, e);
	}
	if (rc < 0)
		return err_set(e, rc, own_err.say, "%s", own_err.log);
	return 0;
}

int address_accepts(struct org *o, struct tx *tx, struct arena *a, struct span address,
	uint64_t *account_id_out, struct err *e)
{
	struct span normalised;
	struct address_hit hit;
	bool tagged;
	int rc;

	if ((rc = address_normal(a, address, false, &normalised, e)) < 0 ||
		(rc = complete(o, tx, a, &normalised, e)) < 0 ||
		(rc = locate(o, tx, a, normalised, &hit, &tagged, e)) < 0)
		return rc;
	*account_id_out = hit.kind <= ADDRESS_ADDITIONAL ? hit.account_id : 0;
	return 0;
}

/* ---- following it ---- */

/* One expansion. seen: open addressing over accounts, outside addresses and aliases already visited. */
struct expansion {
	struct org *o;
	struct tx *tx;
	struct arena *a;
	struct recipients *out;
	struct seen {
		int what;                 /* 0 free */
		uint64_t id;
		struct span text;
	} *seen;
	size_t n_seen, cap;
	bool reached;                     /* something final was found, even if it was there before */
	uint64_t sought;                  /* only whether this account is among them; 0: who they are */
	bool found;
};
enum { SEEN_ACCOUNT = 1, SEEN_OUTSIDE, SEEN_ALIAS };

static size_t seen_slot(const struct expansion *x, int what, uint64_t id, struct span text)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)what;

	h = (h ^ id) * 0x100000001b3u;
	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
	h ^= h >> 29;
	for (size_t i = h & (x->cap - 1);; i = (i + 1) & (x->cap - 1)) {
		const struct seen *s = &x->seen[i];

		if (s->what == 0 || (s->what == what && s->id == id && span_eq(s->text, text)))
			return i;
	}
}

/* False when it was there. */
static bool see(struct expansion *x, int what, uint64_t id, struct span text)
{
	size_t at;

	if (x->n_seen * 2 >= x->cap) {
		struct seen *old = x->seen;
		size_t old_cap = x->cap;

		x->cap = old_cap ? old_cap * 2 : 64;
		x->seen = ARENA_ARRAY(x->a, struct seen, x->cap);
		for (size_t i = 0; i < old_cap; i++)
			if (old[i].what)
				x->seen[seen_slot(x, old[i].what, old[i].id, old[i].text)] = old[i];
	}
	at = seen_slot(x, what, id, text);
	if (x->seen[at].what)
		return false;
	x->seen[at] = (struct seen){ what, id, text };
	x->n_seen++;
	return true;
}

static int push(struct expansion *x, struct recipient r, struct err *e)
{
	struct recipients *l = x->out;

	if (l->n >= ADDRESS_EXPAND_MAX)
		return err_set(e, ERR_LIMIT, "The address leads to too many recipients", "more than %d recipients",
			ADDRESS_EXPAND_MAX);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct recipient *v = ARENA_ARRAY(x->a, struct recipient, cap);

		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = r;
	return 0;
}

static int reach_account(struct expansion *x, uint64_t account_id, struct span tag, struct err *e)
{
	struct recipient r = { .account_id = account_id, .tag = tag };
	int rc;

	x->reached = true;
	x->found |= account_id == x->sought;
	if (!see(x, SEEN_ACCOUNT, account_id, SPAN_NONE))
		return 0;
	rc = x->sought ? 0 : address_primary(x->o, x->tx, x->a, account_id, &r.address, e);
	return rc < 0 ? rc : push(x, r, e);
}

static int reach_outside(struct expansion *x, struct span address, struct span normalised, struct err *e)
{
	x->reached = true;
	if (!see(x, SEEN_OUTSIDE, 0, normalised))
		return 0;
	return push(x, (struct recipient){ .address = address }, e);
}

static int read_targets(struct expansion *x, uint64_t address_id, struct span **out, size_t *n_out, struct err *e)
{
	SCOPED_SQL q = sql_open(x->tx, "SELECT position, sealed, COUNT(*) OVER () FROM address_target"
		" WHERE address_id = ?1 ORDER BY position");
	int rc;

	*n_out = 0;
	sql_int(q, 1, (int64_t)address_id);
	while ((rc = sql_next(q, e)) > 0) {
		struct seal_place at = { "address_target", "sealed", address_id };

		if (*n_out == 0)
			*out = ARENA_ARRAY(x->a, struct span, (size_t)sql_col_int(q, 2));
		rc = house_unseal(x->o, x->tx, x->a, at, sql_col(q, 1), &(*out)[*n_out], e);
		if (rc < 0)
			break;
		++*n_out;
	}
	return rc;
}

static int follow(struct expansion *x, struct span written, struct span tag, int depth, struct err *e)
{
	struct span normalised, plain, *targets = NULL;
	struct address_hit hit;
	bool tagged;
	size_t n;
	int rc;

	if (depth > ADDRESS_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "The address leads too far", "more than %d levels", ADDRESS_DEPTH_MAX);
	if ((rc = address_normal(x->a, written, false, &normalised, e)) < 0 ||
		(rc = complete(x->o, x->tx, x->a, &normalised, e)) < 0)
		return rc;
	rc = locate(x->o, x->tx, x->a, normalised, &hit, &tagged, e);
	if (depth > 0 && rc == ERR_DENIED) {
		err_clear(e);
		return reach_outside(x, written, normalised, e);
	}
	if (depth > 0 && rc == ERR_MISSING) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (tagged && !tag.p)
		untagged(x->a, written, &plain, &tag);
	if (hit.kind <= ADDRESS_ADDITIONAL)
		return reach_account(x, hit.account_id, tag, e);
	if (!see(x, SEEN_ALIAS, hit.id, SPAN_NONE))
		return 0;
	rc = read_targets(x, hit.id, &targets, &n, e);
	for (size_t i = 0; i < n && rc >= 0 && !x->found; i++)
		rc = follow(x, targets[i], tag, depth + 1, e);
	return rc;
}

int address_resolve(struct org *o, struct tx *tx, struct arena *a, struct span address,
	struct recipients *out, struct err *e)
{
	struct expansion x = { .o = o, .tx = tx, .a = a, .out = out };
	size_t before = out->n;
	struct span normalised;
	int rc = 0;

	for (size_t i = 0; i < before && rc == 0; i++) {
		const struct recipient *r = &out->v[i];

		if (r->account_id)
			see(&x, SEEN_ACCOUNT, r->account_id, SPAN_NONE);
		else if ((rc = address_normal(a, r->address, false, &normalised, e)) == 0)
			see(&x, SEEN_OUTSIDE, 0, normalised);
	}
	if (rc == 0)
		rc = follow(&x, address, SPAN_NONE, 0, e);
	if (rc == 0 && !x.reached)
		rc = no_such_user(e);
	if (rc < 0)
		out->n = before;
	return rc;
}

int address_leads_to(struct org *o, struct tx *tx, struct arena *a, struct span address, uint64_t account_id, bool *yes_out,
	struct err *e)
{
	struct recipients none = { 0 };
	struct expansion x = { .o = o, .tx = tx, .a = a, .out = &none, .sought = account_id };
	int rc = follow(&x, address, SPAN_NONE, 0, e);

	*yes_out = rc == 0 && x.found;
	return rc;
}

int address_may_send(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span address,
	bool *yes_out, struct err *e)
{
	struct span normalised;
	struct address_hit hit;
	struct err none = ERR_INIT;
	uint32_t rights;
	bool tagged;
	int rc;

	*yes_out = false;
	if (address_normal(a, address, false, &normalised, &none) < 0)
		return 0;
	rc = address_hit_tagged(o, tx, a, normalised, &hit, &tagged, &none);
	if (rc == ERR_MISSING || (rc == 0 && hit.kind > ADDRESS_ADDITIONAL))
		return 0;
	if (rc < 0)
		return err_set(e, rc, none.say, "%s", none.log);
	if (hit.account_id == account_id) {
		*yes_out = true;
		return 0;
	}
	if (hit.account_kind != ACCOUNT_ROLE)
		return 0;
	rc = role_rights(tx, hit.account_id, account_id, time_real_sec(), &rights, e);
	*yes_out = rc == 0 && (rights & RIGHT_SEND);
	return rc;
}
