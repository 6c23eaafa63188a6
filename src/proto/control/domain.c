/* kontor domain ... */
#include "base/time.h"
#include "domain/org/address.h"
#include "domain/org/domain_key.h"
#include "proto/control/domain_dns.h"

static int add(struct control *c, struct tx *tx, struct err *e)
{
	return domain_add(c->org, tx, control_text(c, "domain"), e);
}

static int remove_domain(struct control *c, struct tx *tx, struct err *e)
{
	return domain_remove(c->org, tx, control_text(c, "domain"), e);
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	struct span *v;
	size_t n = 0;
	int rc = domain_list(c->org, tx, c->arena, &v, &n, e);

	control_result(c, out);
	for (size_t i = 0; i < n && rc == 0; i++)
		json_array_append_new(out, control_span(v[i]));
	return rc;
}

struct keys {
	struct control *c;
	struct domain_key *v;
	size_t n;
};

static int read_keys(struct tx *tx, void *arg, struct err *e)
{
	struct keys *k = arg;

	return domain_key_list(k->c->org, tx, k->c->arena, control_text(k->c, "domain"), time_real_sec(), &k->v, &k->n, e);
}

static const char *key_state(const struct domain_key *k, int64_t now_sec)
{
	return domain_key_signs(k, now_sec) ? "signs" : domain_key_waits(k, now_sec) ? "waits" : "retired";
}

static json_t *key_row(struct control *c, const struct domain_key *k, int64_t now_sec)
{
	json_t *row = json_object();

	control_put(row, "name", arena_printf(c->arena, "%.*s._domainkey.%.*s", SPAN_F(k->selector),
		SPAN_F(control_text(c, "domain"))));
	control_put(row, "kind", k->kind == VAULT_DKIM_RSA ? SPAN("RSA-2048") : SPAN("Ed25519"));
	control_put(row, "state", span_str(key_state(k, now_sec)));
	control_put_time(row, "from", k->from_sec);
	control_put_time(row, "to", k->to_sec == DOMAIN_KEY_FOREVER ? 0 : k->to_sec);
	control_put_time(row, "publish_until", k->gone_sec == DOMAIN_KEY_FOREVER ? 0 : k->gone_sec);
	control_put(row, "record", domain_key_record(c->arena, k));
	return row;
}

/* Shows the keys; makes the first ones; "rotate" makes the next. */
static int dkim(struct control *c, struct tx *tx, struct err *e)
{
	struct keys k = { .c = c };
	struct span what = control_text(c, "rotate");
	json_t *out = json_array();
	int rc = store_read(c->call->house->store, read_keys, &k, e);

	(void)tx;
	control_result(c, out);
	if (what.n && !span_eqz(what, "rotate"))
		return err_set(e, ERR_PARAM, "Say \"rotate\" or nothing", "dkim %.*s", SPAN_F(what));
	if (rc == 0 && (what.n || !k.n)) {
		rc = domain_key_rotate(c->org, c->arena, control_text(c, "domain"), control_has(c, "now"),
			time_real_sec(), e);
		if (rc == 0)
			rc = store_read(c->call->house->store, read_keys, &k, e);
	}
	for (size_t i = 0; i < k.n && rc == 0; i++)
		json_array_append_new(out, key_row(c, &k.v[i], time_real_sec()));
	return rc;
}

#define DOMAIN { "domain", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("domain name") }

static const struct control_command commands[] = {
	{ "add", N_("take mail for one more domain"), CONTROL_WRITE, add, { DOMAIN } },
	{ "check", N_("ask the DNS whether a domain has all it needs, and say what to do"), CONTROL_FREE, control_domain_check, { DOMAIN } },
	{ "dns", N_("print the records a domain needs in the DNS, as lines of a zone file"), CONTROL_FREE, control_domain_dns, { DOMAIN } },
	{ "dkim", N_("show the keys that sign mail of a domain; made at the first call"), CONTROL_FREE, dkim,
		{ DOMAIN, { "rotate", ARG_TEXT, ARG_POSITION, N_("\"rotate\": make the next keys, which sign in three days") },
		{ "now", ARG_SWITCH, 0, N_("let the next keys sign at once") } } },
	{ "list", N_("list the domains"), CONTROL_READ, list, { { 0 } } },
	{ "remove", N_("remove a domain that has no addresses any more"), CONTROL_WRITE, remove_domain, { DOMAIN } },
};
CONTROL_NOUN(domain, "domain", N_("mail domains of the organisation"));
