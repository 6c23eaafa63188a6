/* kontor domain ... */
#include "domain/org/address.h"
#include "proto/control/control_int.h"

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

#define DOMAIN { "domain", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("domain name") }

static const struct control_command commands[] = {
	{ "add", N_("take mail for one more domain"), CONTROL_WRITE, add, { DOMAIN } },
	{ "list", N_("list the domains"), CONTROL_READ, list, { { 0 } } },
	{ "remove", N_("remove a domain that has no addresses any more"), CONTROL_WRITE, remove_domain, { DOMAIN } },
};
CONTROL_NOUN(domain, "domain", N_("mail domains of the organisation"));
