/* kontor settings ... : what may change while the server runs. */
#include <string.h>
#include "base/scan.h"
#include "codec/mailauth/peer_ip.h"
#include "base/scan.h"
#include "domain/mail/gone.h"
#include "domain/mail/journal.h"
#include "proto/control/control_int.h"

static const struct {
	const char *name, *values, *help;
} known[] = {
#define SETTING(name, values, help) { name, values, help },
#include "proto/control/settings.def"
#undef SETTING
};
#define KNOWN (sizeof(known) / sizeof(known[0]))
#define VALUE_MAX 4096

static int find(const struct control *c, size_t *at, struct err *e)
{
	struct span name = control_text(c, "name");

	for (*at = 0; *at < KNOWN; ++*at)
		if (span_eqz(name, known[*at].name))
			return 0;
	return err_set(e, ERR_MISSING, N_("There is no such setting"), "setting %.*s", SPAN_F(name));
}

/* Secrets are given in a file and never shown again. */
static bool is_secret(size_t at)
{
	return span_ends(span_str(known[at].name), SPAN(".password"));
}

static int get_into(struct control *c, struct tx *tx, size_t at, json_t *o, struct err *e)
{
	struct span value = SPAN_NONE;
	int rc = org_setting_get(c->org, tx, c->arena, known[at].name, &value, e);

	if (rc == ERR_MISSING) {
		err_clear(e);
		rc = 0;
	}
	json_object_set_new(o, "name", json_string(known[at].name));
	control_put(o, "value", is_secret(at) && value.n ? SPAN("********") : value);
	return rc;
}

static int get(struct control *c, struct tx *tx, struct err *e)
{
	size_t at;
	int rc = find(c, &at, e);

	return rc < 0 ? rc : get_into(c, tx, at, c->result, e);
}

static int list(struct control *c, struct tx *tx, struct err *e)
{
	json_t *out = json_array();
	int rc = 0;

	control_result(c, out);
	for (size_t i = 0; i < KNOWN && rc == 0; i++) {
		json_t *o = json_object();

		json_array_append_new(out, o);
		rc = get_into(c, tx, i, o, e);
		json_object_set_new(o, "meaning", json_string(known[i].help));
	}
	return rc;
}

static bool allowed(const char *values, struct span value)
{
	struct span rest = span_str(values);
	uint64_t n;

	if (span_eqz(rest, "#"))
		return !value.n || span_num(value, &n, 0, UINT32_MAX);       /* empty: as if never set */
	while (rest.n)
		if (span_eq(span_cut(&rest, ' '), value))
			return true;
	return values == NULL;
}

static bool is_days(const char *name, struct span value)
{
	uint64_t days;

	return !value.n || !span_ends(span_str(name), SPAN("_days")) || span_num(value, &days, 0, GONE_DAYS_MAX);
}

/* Who switches it on reads what that means. */
static int journal(struct control *c, struct tx *tx, struct span address, struct err *e)
{
	if (journal_check(c->org, tx, c->arena, address, e) < 0)
		return e->code;
	if (span_trim(address).n)
		json_object_set_new(c->result, "warning", json_string(N_("From now on the journal keeps a copy of every mail. People's private mail may be among them: "
			"tell your members and staff, hear the works council and the data protection officer, set how long copies are kept "
			"(kontor mail retention set), and let only few sign in to that account.")));
	return 0;
}

static int set(struct control *c, struct tx *tx, struct err *e)
{
	bool secret = control_has(c, "secret");
	struct span value = control_text(c, secret ? "secret" : "value");
	struct dnsbl_zone zones[DNSBL_ZONES_MAX];
	struct err why = ERR_INIT;
	size_t at, n;
	int rc = find(c, &at, e);

	if (rc < 0)
		return rc;
	if (is_secret(at) != secret || secret == control_has(c, "value"))
		return err_set(e, ERR_PARAM, N_("A password is given by --secret-file, anything else as value"), "setting %s",
			known[at].name);
	if (value.n > VALUE_MAX || !allowed(known[at].values, value) || !is_days(known[at].name, value))
		return err_set(e, ERR_PARAM, N_("The setting cannot have this value"), "setting %s", known[at].name);
	if (strcmp(known[at].name, "smtp.dnsbl") == 0 && dnsbl_parse(value, zones, &n, &why) < 0)
		return err_set(e, ERR_PARAM, N_("At most 16 lists, written ZONE, ZONE=junk, ZONE=reject or ZONE=1 to 10"), "%s", why.log);
	if (strcmp(known[at].name, "journal") == 0 && journal(c, tx, value, e) < 0)
		return e->code;
	return org_setting_set(c->org, tx, known[at].name, value, e);
}

#define NAME { "name", ARG_TEXT, ARG_POSITION | ARG_NEEDED, N_("name of the setting") }

static const struct control_command commands[] = {
	{ "list", N_("list all settings"), CONTROL_READ, list, { { 0 } } },
	{ "get", N_("show one setting"), CONTROL_READ, get, { NAME } },
	{ "set", N_("change a setting"), CONTROL_WRITE, set, { NAME,
		{ "value", ARG_TEXT, ARG_POSITION, N_("its new value") },
		{ "secret", ARG_SECRET, 0, N_("a password, on the first line") } } },
};
CONTROL_NOUN(settings, "settings", N_("settings that may change while the server runs"));
