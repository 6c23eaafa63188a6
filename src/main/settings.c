#include "main/settings.h"
#include "base/io.h"
#include "base/scan.h"
#include "codec/scan/scan.h"

#define N_(s) s
#define FILE_MAX 65536

enum kind { TEXT, NUMBER, LIST, PLACE };
static const struct row {
	const char *name, *fallback, *help;
	enum kind kind;
	size_t at;
} rows[] = {
#define SETTING(n, k, f, h) { #n, f, h, k, offsetof(struct settings, n) },
#include "main/settings.def"
#undef SETTING
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static int put(struct arena *a, struct settings *s, const struct row *row, struct span value, bool first, struct err *e)
{
	void *at = (char *)s + row->at;
	struct setting_list *list = at;
	struct sockaddr_storage place;
	struct err why = ERR_INIT;
	socklen_t len;

	switch (row->kind) {
	case PLACE:
		if (value.n && scan_place(value, &place, &len, &why) < 0)
			return err_set(e, ERR_SYNTAX, "Bad settings", "%s: %s: %.*s", row->name, why.log, SPAN_F(value));
		/* fall through */
	case TEXT:
		*(const char **)at = arena_strz(a, value);
		return 0;
	case NUMBER:
		if (!span_num(value, at, 0, INT64_MAX))
			return err_set(e, ERR_SYNTAX, "Not a number", "%s: not a number: %.*s", row->name, SPAN_F(value));
		return 0;
	case LIST:
		if (first)
			list->n = 0;
		if (list->n == SETTING_LIST_MAX)
			return err_set(e, ERR_SYNTAX, "Bad settings", "%s: more than %d values", row->name, SETTING_LIST_MAX);
		if (value.n)
			list->v[list->n++] = arena_strz(a, value);
		return 0;
	}
	return 0;
}

static const struct row *find(struct span name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (span_eqz(name, rows[i].name))
			return &rows[i];
	return NULL;
}

/* "tls.key" and "base-port" are the same as tls_key and base_port. */
static struct span canonical(struct arena *a, struct span name)
{
	char *p = arena_strz(a, name);

	for (size_t i = 0; i < name.n; i++)
		if (p[i] == '.' || p[i] == '-')
			p[i] = '_';
	return (struct span){ p, name.n };
}

int settings_set(struct arena *a, struct settings *s, struct span name, struct span value, struct err *e)
{
	const struct row *row = find(canonical(a, name));

	if (!row)
		return err_set(e, ERR_SYNTAX, "No such setting", "no such setting: %.*s", SPAN_F(name));
	return put(a, s, row, value, true, e);
}

int settings_read(struct arena *a, int dirfd, struct settings *out, struct err *e)
{
	SCOPED_BUF text;
	struct span rest;
	bool seen[ROWS] = { false };
	unsigned n = 0;

	buf_init(&text, FILE_MAX);
	for (size_t i = 0; i < ROWS; i++)
		put(a, out, &rows[i], span_str(rows[i].fallback), true, e);
	if (io_read_file(dirfd, "kontor.conf", &text, e) < 0)
		return e->code;
	rest = buf_span(&text);
	while (rest.n) {
		struct span line = span_cut(&rest, '\n'), name;
		const struct row *row;

		n++;
		line = span_trim(line);
		if (!line.n || line.p[0] == '#')
			continue;
		if (span_chr(line, '=') < 0)
			return err_set(e, ERR_SYNTAX, "Bad settings", "kontor.conf line %u: no '='", n);
		name = span_trim(span_cut(&line, '='));
		row = find(canonical(a, name));
		if (!row)
			return err_set(e, ERR_SYNTAX, "Bad settings", "kontor.conf line %u: no such setting: %.*s", n,
				SPAN_F(name));
		if (put(a, out, row, span_trim(line), !seen[row - rows], e) < 0)
			return e->code;
		seen[row - rows] = true;
	}
	return 0;
}

void settings_template(struct buf *out)
{
	for (size_t i = 0; i < ROWS; i++)
		buf_addf(out, "# %s\n#%s = %s\n\n", rows[i].help, rows[i].name, rows[i].fallback);
}
