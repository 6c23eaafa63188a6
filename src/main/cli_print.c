#include "main/cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include "base/buf.h"
#include "main/i18n.h"

#define TEXT_MAX (1 << 20)
#define COLUMNS_MAX 32

/* Keys of results as people read them; a key that is not here is shown as it is. */
static const char *const labels[][2] = {
	{ "imported", N_("imported") }, { "there_already", N_("there already") }, { "skipped", N_("skipped") },
	{ "keywords_left", N_("keywords left out") }, { "file", N_("file") }, { "why", N_("why") },
	{ "exported", N_("written") }, { "restored", N_("brought back") }, { "removed", N_("removed") }, { "mailbox", N_("mailbox") }, { "days", N_("days") },
	{ "first", N_("expunged from") }, { "last", N_("expunged to") },
	{ "account", N_("account") }, { "address", N_("address") }, { "addresses", N_("addresses") },
	{ "attempts", N_("attempts") }, { "bytes", N_("octets") }, { "expires", N_("given up") }, { "held", N_("held") },
	{ "last_reply", N_("last reply") }, { "leased", N_("sending") }, { "mail_opened", N_("mail was opened too") },
	{ "mode", N_("opened by") }, { "next", N_("next attempt") }, { "pid", N_("process number") },
	{ "problems", N_("problems") }, { "process", N_("process") }, { "queue", N_("outgoing mail") },
	{ "ready", N_("waiting") }, { "recipient", N_("recipient") }, { "recipients", N_("recipients") },
	{ "restarts", N_("restarts") }, { "seal", N_("house") }, { "sender", N_("sender") },
	{ "sending", N_("sending") }, { "sessions", N_("sessions") }, { "shares", N_("shares") },
	{ "shares_given", N_("shares given") }, { "shares_made", N_("shares in all") },
	{ "shares_needed", N_("shares needed") }, { "shunted", N_("set aside") }, { "since", N_("since") },
	{ "size", N_("octets") }, { "version", N_("version") }, { "waiting", N_("waiting") },
	{ "chapter", N_("chapter") }, { "code", N_("code") }, { "created", N_("created") }, { "from", N_("from") },
	{ "holder", N_("holder") }, { "id", N_("number") }, { "kind", N_("kind") }, { "label", N_("label") },
	{ "language", N_("language") }, { "meaning", N_("meaning") }, { "messages", N_("messages") },
	{ "name", N_("name") }, { "now", N_("now") }, { "parent", N_("parent") }, { "password", N_("password") },
	{ "quota_bytes", N_("quota") }, { "quota_messages", N_("quota, messages") }, { "rights", N_("rights") },
	{ "role", N_("office") }, { "send_limit", N_("recipients an hour") }, { "state", N_("state") },
	{ "purpose", N_("purpose") }, { "record", N_("record") }, { "fix", N_("publish") }, { "hint", N_("why") },
	{ "publish_until", N_("published until") }, { "tag", N_("tag") }, { "targets", N_("leads to") }, { "term", N_("term") }, { "to", N_("until") },
	{ "used", N_("used") }, { "warning", N_("warning") }, { "used_bytes", N_("used") }, { "value", N_("value") }, { "where", N_("where") },
};
/* Values of these keys are words of ours. */
static const char *const word_keys[] = { "kind", "state", "where", "meaning", "rights", "seal", "mode", "core", "hint", "why", "warning" };
static const char *const words[] = { N_("person"), N_("role"), N_("resource"), N_("organisation"), N_("active"),
	N_("locked"), N_("here"), N_("outside"), N_("additional"), N_("alias"), N_("group"), N_("all"), N_("none"),
	N_("accounts"), N_("roles"), N_("queue"), N_("seal"), N_("read"), N_("seen"), N_("write"), N_("insert"),
	N_("create"), N_("delete"), N_("send"), N_("admin"), N_("sealed"), N_("open"), N_("empty"), N_("key file"),
	N_("passphrase"), N_("shares"), N_("no answer"), N_("ready"), N_("leased"), N_("held"), N_("shunted"),
	N_("starting"), N_("running"), N_("waiting"), N_("stopped"),
	N_("ok"), N_("missing"), N_("wrong"), N_("unknown"), N_("optional"), N_("signs"), N_("waits"), N_("retired") };

static const char *label(const char *key)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(key, labels[i][0]) == 0)
			return _(labels[i][1]);
	return key;
}

static bool is_word_key(const char *key)
{
	for (size_t i = 0; key && i < sizeof(word_keys) / sizeof(word_keys[0]); i++)
		if (strcmp(key, word_keys[i]) == 0)
			return true;
	return false;
}

static const char *word(const char *key, const char *text)
{
	(void)words;                 /* for xgettext */
	return is_word_key(key) && *text ? _(text) : text;
}

/* Names are other people's: no control octet may reach a terminal. */
static void add_text(struct buf *b, const char *z)
{
	for (; *z; z++)
		buf_addc(b, (unsigned char)*z < 0x20 || *z == 0x7f ? '?' : *z);
}

/* "2026-03-01T00:00:00+0100" is shown without seconds and zone. */
static bool is_time(const char *z)
{
	static const char pattern[] = "0000-00-00T00:00:00+0000";

	for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
		bool digit = z[i] >= '0' && z[i] <= '9';

		if (!z[i] || (pattern[i] == '0' ? !digit : pattern[i] == '+' ? !strchr("+-", z[i]) : z[i] != pattern[i]))
			return false;
	}
	return z[sizeof(pattern) - 1] == 0;
}

static void add_size(struct buf *b, json_int_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	size_t u = 0;

	for (; v >= 1024 && u < 4; u++)
		v /= 1024;
	buf_addf(b, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void add_value(struct buf *b, const char *key, json_t *v)
{
	size_t len = key ? strlen(key) : 0, i;
	json_t *one;

	if (json_is_string(v) && is_time(json_string_value(v))) {
		buf_addf(b, "%.10s %.5s", json_string_value(v), json_string_value(v) + 11);
	} else if (json_is_string(v)) {
		add_text(b, word(key, json_string_value(v)));
	} else if (json_is_integer(v) && len > 6 && strcmp(key + len - 6, "_bytes") == 0) {
		add_size(b, json_integer_value(v));
	} else if (json_is_integer(v)) {
		buf_addf(b, "%lld", (long long)json_integer_value(v));
	} else if (json_is_real(v)) {
		buf_addf(b, "%g", json_real_value(v));
	} else if (json_is_boolean(v)) {
		buf_addz(b, json_is_true(v) ? _("yes") : _("no"));
	} else if (json_is_array(v)) {
		json_array_foreach(v, i, one) {
			buf_addz(b, i ? ", " : "");
			add_value(b, key, one);
		}
	} else if (json_is_object(v)) {
		const char *name;

		i = 0;
		json_object_foreach(v, name, one) {
			buf_addf(b, "%s%s ", i++ ? ", " : "", label(name));
			add_value(b, name, one);
		}
	} else {
		buf_addc(b, '-');
	}
}

static size_t width(const char *z)
{
	size_t n = mbstowcs(NULL, z, 0);
	wchar_t *w = n == (size_t)-1 ? NULL : calloc(n + 1, sizeof(*w));
	int cells = -1;

	if (w) {
		mbstowcs(w, z, n + 1);
		cells = wcswidth(w, n);
	}
	free(w);
	return cells < 0 ? strlen(z) : (size_t)cells;
}

static char *text_of(const char *key, json_t *v)
{
	SCOPED_BUF b;
	char *out;

	buf_init(&b, TEXT_MAX);
	add_value(&b, key, v);
	buf_addc(&b, 0);
	out = strdup(b.failed ? "..." : b.p);
	if (!out)
		abort();
	return out;
}

static void put_cell(const char *z, size_t cells, bool last)
{
	fputs(z, stdout);
	for (size_t w = width(z); !last && w < cells + 2; w++)
		putchar(' ');
}

static void print_rows(json_t *rows)
{
	const char *keys[COLUMNS_MAX];
	size_t cells[COLUMNS_MAX], n_keys = 0, n = json_array_size(rows), i;
	char **text = calloc(n * COLUMNS_MAX + 1, sizeof(*text));
	const char *key;
	json_t *v, *row;

	if (!text)
		abort();
	json_object_foreach(json_array_get(rows, 0), key, v)
		if (n_keys < COLUMNS_MAX) {
			cells[n_keys] = width(label(key));
			keys[n_keys++] = key;
		}
	json_array_foreach(rows, i, row)
		for (size_t k = 0; k < n_keys; k++) {
			char *z = text_of(keys[k], json_object_get(row, keys[k]));

			text[i * COLUMNS_MAX + k] = z;
			cells[k] = width(z) > cells[k] ? width(z) : cells[k];
		}
	for (size_t k = 0; k < n_keys; k++)
		put_cell(label(keys[k]), cells[k], k + 1 == n_keys);
	putchar('\n');
	for (i = 0; i < n; i++) {
		for (size_t k = 0; k < n_keys; k++) {
			put_cell(text[i * COLUMNS_MAX + k], cells[k], k + 1 == n_keys);
			free(text[i * COLUMNS_MAX + k]);
		}
		putchar('\n');
	}
	free(text);
}

static bool is_table(const json_t *v)
{
	return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

static void print_object(json_t *o)
{
	size_t cells = 0;
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
		cells = width(label(key)) > cells ? width(label(key)) : cells;
	json_object_foreach(o, key, v) {
		char *z, name[256];

		if (is_table(v))
			continue;
		z = text_of(key, v);
		snprintf(name, sizeof(name), "%s:", label(key));
		put_cell(name, cells, false);
		puts(z);
		free(z);
	}
	json_object_foreach(o, key, v)
		if (is_table(v)) {
			putchar('\n');
			print_rows(v);
		}
}

void cli_print(json_t *result)
{
	size_t i;
	json_t *one;

	if (json_is_object(result)) {
		print_object(result);
	} else if (json_is_array(result) && json_is_object(json_array_get(result, 0))) {
		print_rows(result);
	} else if (json_is_array(result)) {
		json_array_foreach(result, i, one) {
			char *z = text_of(NULL, one);

			puts(z);
			free(z);
		}
	} else if (result && !json_is_null(result)) {
		char *z = text_of(NULL, result);

		puts(z);
		free(z);
	}
}
