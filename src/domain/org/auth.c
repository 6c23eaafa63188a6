#include "domain/org/auth.h"
#include <string.h>
#include "base/time.h"
#include "domain/org/org_impl.h"

#define USED_STEP_SEC 3600     /* an app password's last use is noted at most once an hour */

struct finding {
	struct org *o;
	struct arena *a;
	struct span login, peer, password;
	/* found */
	unsigned char login_key[SEAL_LOOKUP_LEN], peer_key[SEAL_LOOKUP_LEN];
	uint64_t account_id;          /* 0: nobody who may sign in */
	struct span address, verifier;
	uint64_t app_id;              /* the app password that was typed */
	int64_t app_used_sec;
	struct span app_verifier;
	struct secret app_letters;
};

static void finding_fini(struct finding *f)
{
	secret_fini(&f->app_letters);
}

static int denied(struct err *e, const char *why)
{
	return err_set(e, ERR_DENIED, "Wrong name or password", "%s", why);
}

/* IPv6 addresses of one /64 are one peer: the first four groups of the printed form, as far as they are there. */
static struct span peer_net(struct span peer)
{
	unsigned colons = 0;

	for (size_t i = 0; i < peer.n; i++)
		if (peer.p[i] == ':' && (++colons == 4 || (i + 1 < peer.n && peer.p[i + 1] == ':')))
			return span_sub(peer, 0, i);
	return peer;
}

static int find_app(struct tx *tx, struct finding *f, struct err *e)
{
	unsigned char lookup[SEAL_LOOKUP_LEN];
	SCOPED_SQL q = NULL;
	int rc;

	secret_fini(&f->app_letters);
	f->app_letters = (struct secret){ 0 };
	f->app_id = 0;
	rc = app_password_lookup(f->o, tx, f->password, lookup, &f->app_letters, e);
	if (rc < 0 || f->app_letters.n == 0)
		return rc;
	q = sql_open(tx, "SELECT id, used_sec, verifier FROM app_password WHERE account_id = ?1 AND lookup = ?2");
	sql_int(q, 1, (int64_t)f->account_id);
	sql_blob(q, 2, SPAN_BYTES(lookup, sizeof(lookup)));
	rc = sql_next(q, e);
	if (rc <= 0)
		return rc;
	f->app_id = (uint64_t)sql_col_int(q, 0);
	f->app_used_sec = sql_col_int(q, 1);
	f->app_verifier = arena_span(f->a, sql_col(q, 2));
	return 0;
}

static int find_account(struct tx *tx, struct finding *f, struct span normalised, struct err *e)
{
	struct err none = ERR_INIT;
	struct address_hit hit;
	SCOPED_SQL q = NULL;
	int rc = address_hit(f->o, tx, normalised, &hit, &none);

	if (rc == ERR_MISSING)
		return 0;
	if (rc < 0)
		return err_set(e, rc, none.say, "%s", none.log);
	if (hit.kind > ADDRESS_ADDITIONAL || hit.account_state != ACCOUNT_ACTIVE ||
		(hit.account_kind != ACCOUNT_PERSON && hit.account_kind != ACCOUNT_RESOURCE))
		return 0;
	f->account_id = hit.account_id;
	q = sql_open(tx, "SELECT verifier FROM account WHERE id = ?1");
	sql_int(q, 1, (int64_t)hit.account_id);
	rc = sql_next(q, e);
	if (rc < 0)
		return rc;
	f->verifier = rc > 0 && !sql_col_null(q, 0) ? arena_span(f->a, sql_col(q, 0)) : SPAN_NONE;
	rc = address_primary(f->o, tx, f->a, hit.account_id, &f->address, e);
	return rc < 0 || !f->password.n ? rc : find_app(tx, f, e);
}

static int find_fn(struct tx *tx, void *arg, struct err *e)
{
	struct finding *f = arg;
	struct err none = ERR_INIT;
	struct span normalised;
	bool readable = address_normal(f->a, f->login, false, &normalised, &none) == 0;
	int rc;

	f->account_id = 0;
	f->verifier = SPAN_NONE;
	if ((rc = org_lookup(f->o, tx, "login", readable ? normalised : f->login, f->login_key, e)) < 0 ||
		(rc = org_lookup(f->o, tx, "peer", peer_net(f->peer), f->peer_key, e)) < 0)
		return rc;
	return readable ? find_account(tx, f, normalised, e) : 0;
}

/* Who it would be; ERR_LIMIT when there were too many failures. */
static int find(struct org *o, struct finding *f, struct err *e)
{
	int rc = store_read(o->store, find_fn, f, e);

	if (rc < 0)
		return rc;
	if (guard_refuses(o->guard, f->login_key, f->peer_key))
		return err_set(e, ERR_LIMIT, "Too many failed attempts, try again later", "locked out for now");
	return 0;
}

static int note_used(struct tx *tx, void *arg, struct err *e)
{
	struct finding *f = arg;
	struct sql *q = sql_open(tx, "UPDATE app_password SET used_sec = ?2 WHERE id = ?1");
	int rc;

	sql_int(q, 1, (int64_t)f->app_id);
	sql_int(q, 2, time_real_sec());
	rc = sql_run(q, e);
	return rc < 0 ? rc : 0;
}

static int check(struct org *o, struct finding *f, struct span password, struct err *e)
{
	SCOPED_SECRET prepared = { 0 };
	struct err none = ERR_INIT;

	if (f->app_id)
		return vault_password_check(o->vault, f->account_id, f->app_verifier, secret_span(&f->app_letters), e);
	/* What cannot be a password at all is refused at the same price. */
	if (password_prepare(password, &prepared, &none) < 0) {
		f->verifier = SPAN_NONE;
		secret_copy(&prepared, SPAN("-"));
	}
	return vault_password_check(o->vault, f->account_id, f->verifier, secret_span(&prepared), e);
}

int auth_password(struct org *o, struct arena *a, struct span login, struct span password, struct span peer,
	struct auth_who *out, struct err *e)
{
	struct finding f __attribute__((cleanup(finding_fini))) = { .o = o, .a = a, .login = login, .peer = peer,
		.password = password };
	int rc = find(o, &f, e);

	if (rc < 0)
		return rc;
	rc = check(o, &f, password, e);
	if (rc == ERR_DENIED) {
		guard_failed(o->guard, f.login_key, f.peer_key);
		err_clear(e);
		return denied(e, f.account_id ? "wrong password" : "unknown, locked or without password");
	}
	if (rc < 0)
		return rc;
	guard_passed(o->guard, f.login_key, f.peer_key);
	*out = (struct auth_who){ f.account_id, f.address, f.app_id != 0 };
	if (f.app_id && time_real_sec() - f.app_used_sec >= USED_STEP_SEC) {
		struct err none = ERR_INIT;

		store_write(o->store, note_used, &f, &none); /* a statistic: signing in works on a full disk too */
	}
	return 0;
}

/* ---- SCRAM ---- */

int auth_scram_begin(struct org *o, struct arena *a, struct span login, struct span peer, struct auth_scram *out,
	struct err *e)
{
	struct finding f = { .o = o, .a = a, .login = login, .peer = peer };
	struct span name = arena_span(a, login);
	int rc = find(o, &f, e);

	if (rc < 0)
		return rc;
	*out = (struct auth_scram){ .account_id = f.verifier.n ? f.account_id : 0, .login = name,
		.verifier = f.verifier };
	return vault_scram_begin(o->vault, a, out->account_id, f.verifier, name, &out->salt, &out->iterations, e);
}

int auth_scram_finish(struct org *o, struct arena *a, const struct auth_scram *s, struct span auth_message,
	struct span proof, struct span peer, unsigned char server_signature_out[32], struct auth_who *who_out,
	struct err *e)
{
	struct finding f = { .o = o, .a = a, .login = s->login, .peer = peer };
	int rc = find(o, &f, e);

	if (rc < 0)
		return rc;
	/* The account may have been locked or given a new password meanwhile. */
	if (s->account_id == 0 || f.account_id != s->account_id || !span_eq(f.verifier, s->verifier))
		rc = ERR_DENIED;
	else
		rc = vault_scram_check(o->vault, s->account_id, s->verifier, auth_message, proof, server_signature_out, e);
	if (rc == ERR_DENIED) {
		guard_failed(o->guard, f.login_key, f.peer_key);
		err_clear(e);
		return denied(e, "wrong proof");
	}
	if (rc < 0)
		return rc;
	guard_passed(o->guard, f.login_key, f.peer_key);
	*who_out = (struct auth_who){ f.account_id, f.address, false };
	return 0;
}
