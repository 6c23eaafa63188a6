#include "base/time.h"
#include "domain/org/auth.h"
#include "domain/org/org_impl.h"

#define LETTERS 20
#define GROUP 5
#define APP_PASSWORDS_MAX 50
#define LABEL_MAX 200

/* What was typed with dashes, blanks and capitals taken away; false: not of this shape. */
static bool letters_of(struct span typed, char out[LETTERS])
{
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		char c = ascii_lower(typed.p[i]);

		if (c == '-' || c == ' ')
			continue;
		if (c < 'a' || c > 'z' || n == LETTERS)
			return false;
		out[n++] = c;
	}
	return n == LETTERS;
}

int app_password_lookup(struct org *o, struct tx *tx, struct span password, unsigned char out[SEAL_LOOKUP_LEN],
	struct secret *letters_out, struct err *e)
{
	char letters[LETTERS];
	int rc = 0;

	if (letters_of(password, letters)) {
		secret_copy(letters_out, SPAN_BYTES(letters, LETTERS));
		rc = org_lookup(o, tx, "app_password", SPAN_BYTES(letters, LETTERS), out, e);
	}
	secret_wipe(letters, sizeof(letters));
	return rc;
}

static void random_letters(char out[LETTERS])
{
	for (size_t i = 0; i < LETTERS;) {
		unsigned char c;

		random_bytes(&c, 1);
		if (c < 26 * 9) /* else some letters would come more often */
			out[i++] = (char)('a' + c % 26);
	}
}

struct adding {
	struct org *o;
	uint64_t account_id, id;
	struct span label, letters, verifier;
};

static int check_count(struct tx *tx, uint64_t account_id, struct err *e)
{
	SCOPED_SQL q = sql_open(tx, "SELECT COUNT(*) FROM app_password WHERE account_id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)account_id);
	rc = sql_next(q, e);
	if (rc > 0 && sql_col_int(q, 0) >= APP_PASSWORDS_MAX)
		return err_set(e, ERR_LIMIT, "Too many app passwords", "account %llu", (unsigned long long)account_id);
	return rc < 0 ? rc : 0;
}

static int add_fn(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	unsigned char lookup[SEAL_LOOKUP_LEN];
	struct adding *ad = arg;
	struct account who;
	struct span sealed;
	struct sql *q;
	SCOPED_KEY key;
	int rc;

	if ((rc = account_get(ad->o, tx, a, ad->account_id, &who, e)) < 0 ||
		(rc = check_count(tx, ad->account_id, e)) < 0 ||
		(rc = org_lookup(ad->o, tx, "app_password", ad->letters, lookup, e)) < 0 ||
		(rc = org_key(ad->o, tx, ad->account_id, &key, e)) < 0)
		return rc;
	if (who.kind == ACCOUNT_ROLE)
		return err_set(e, ERR_PARAM, "An office has no password: it is entered through its holder", "role");
	sealed = seal_column(a, &key, (struct seal_place){ "app_password", "sealed", ad->id }, ad->label);
	q = sql_open(tx, "INSERT INTO app_password (id, account_id, created_sec, used_sec, lookup, verifier, sealed)"
		" VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6)");
	sql_int(q, 1, (int64_t)ad->id);
	sql_int(q, 2, (int64_t)ad->account_id);
	sql_int(q, 3, time_real_sec());
	sql_blob(q, 4, SPAN_BYTES(lookup, sizeof(lookup)));
	sql_blob(q, 5, ad->verifier);
	sql_blob(q, 6, sealed);
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

int app_password_add(struct org *o, struct arena *a, uint64_t account_id, struct span label, struct span *password_out,
	uint64_t *id_out, struct err *e)
{
	SCOPED_SECRET letters = { 0 };
	struct adding ad = { .o = o, .account_id = account_id, .label = label };
	int rc;

	if (label.n == 0 || label.n > LABEL_MAX)
		return err_set(e, ERR_PARAM, "An app password needs a short name", "%zu octets", label.n);
	secret_init(&letters, LETTERS);
	random_letters((char *)letters.p);
	ad.letters = secret_span(&letters);
	ad.id = store_id(o->store);
	rc = vault_password_set(o->vault, a, account_id, ad.letters, &ad.verifier, e);
	if (rc == 0)
		rc = store_write(o->store, add_fn, &ad, e);
	if (rc < 0)
		return rc;
	*id_out = ad.id;
	*password_out = arena_printf(a, "%.5s-%.5s-%.5s-%.5s", (char *)letters.p, (char *)letters.p + GROUP,
		(char *)letters.p + 2 * GROUP, (char *)letters.p + 3 * GROUP);
	return 0;
}

struct removing {
	uint64_t account_id, id;
};

static int remove_fn(struct tx *tx, void *arg, struct err *e)
{
	struct removing *r = arg;
	struct sql *q = sql_open(tx, "DELETE FROM app_password WHERE id = ?1 AND account_id = ?2");
	int rc;

	sql_int(q, 1, (int64_t)r->id);
	sql_int(q, 2, (int64_t)r->account_id);
	rc = sql_run(q, e);
	if (rc == 0)
		return err_set(e, ERR_MISSING, "No such app password", "app password %llu", (unsigned long long)r->id);
	return rc < 0 ? rc : 0;
}

int app_password_remove(struct org *o, uint64_t account_id, uint64_t id, struct err *e)
{
	struct removing r = { account_id, id };

	return store_write(o->store, remove_fn, &r, e);
}

struct listing {
	struct org *o;
	struct arena *a;
	uint64_t account_id;
	struct app_password *v;
	size_t n;
};

static int list_fn(struct tx *tx, void *arg, struct err *e)
{
	struct listing *l = arg;
	SCOPED_SQL q = NULL;
	SCOPED_KEY key;
	int rc = org_key(l->o, tx, l->account_id, &key, e);

	if (rc < 0)
		return rc;
	l->n = 0;
	l->v = ARENA_ARRAY(l->a, struct app_password, APP_PASSWORDS_MAX);
	q = sql_open(tx, "SELECT id, created_sec, used_sec, sealed FROM app_password WHERE account_id = ?1 ORDER BY id");
	sql_int(q, 1, (int64_t)l->account_id);
	while (l->n < APP_PASSWORDS_MAX && (rc = sql_next(q, e)) > 0) {
		struct app_password *p = &l->v[l->n++];

		*p = (struct app_password){ (uint64_t)sql_col_int(q, 0), sql_col_int(q, 1), sql_col_int(q, 2), SPAN_NONE };
		rc = unseal_column(l->a, &key, (struct seal_place){ "app_password", "sealed", p->id }, sql_col(q, 3),
			&p->label, e);
		if (rc < 0)
			break;
	}
	return rc < 0 ? rc : 0;
}

int app_password_list(struct org *o, struct arena *a, uint64_t account_id, struct app_password **out, size_t *n_out,
	struct err *e)
{
	struct listing l = { .o = o, .a = a, .account_id = account_id };
	int rc = store_read(o->store, list_fn, &l, e);

	*out = l.v;
	*n_out = rc < 0 ? 0 : l.n;
	return rc;
}
