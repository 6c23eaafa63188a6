#include "domain/mail/rules.h"
#include "base/scan.h"

/* A value in a "#:" line: tab, line ends and backslash as \t \n \\. */
static void put_value(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\r')
			continue;
		if (c == '\t' || c == '\n' || c == '\\') {
			buf_addc(b, '\\');
			c = c == '\t' ? 't' : c == '\n' ? 'n' : '\\';
		}
		buf_addc(b, c);
	}
}

static struct span get_value(struct arena *a, struct span *line)
{
	struct span s = span_cut(line, '\t');
	char *p = arena_alloc(a, s.n + 1);
	size_t w = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && i + 1 < s.n) {
			c = s.p[++i];
			c = c == 't' ? '\t' : c == 'n' ? '\n' : c;
		}
		p[w++] = c;
	}
	return SPAN_BYTES(p, w);
}

static void put_line(struct buf *b, const char *kind, const struct span *values, size_t n)
{
	buf_addf(b, "#:%s", kind);
	for (size_t i = 0; i < n; i++) {
		buf_addc(b, '\t');
		put_value(b, values[i]);
	}
	buf_addz(b, "\r\n");
}

/* quoted-string of Sieve */
static void put_string(struct buf *b, struct span s)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.p[i]);
	}
	buf_addc(b, '"');
}

static const char *const action_names[] = { "", "move", "redirect", "discard", "flag" };

static void put_rule(struct buf *b, const struct rule *r)
{
	struct span values[] = { r->name, r->field, span_str(r->is ? "is" : "contains"), r->value, span_str(action_names[r->action]), r->arg };

	put_line(b, "rule", values, 6);
	buf_addf(b, "if header :%s :comparator \"i;unicode-casemap\" ", r->is ? "is" : "contains");
	put_string(b, r->field);
	buf_addc(b, ' ');
	put_string(b, r->value);
	buf_addz(b, " {\r\n\t");
	switch (r->action) {
	case RULE_MOVE:
		buf_addz(b, "fileinto :create ");
		put_string(b, r->arg);
		break;
	case RULE_REDIRECT:
		buf_addz(b, "redirect ");
		put_string(b, r->arg);
		break;
	case RULE_DISCARD:
		buf_addz(b, "discard");
		break;
	default:
		buf_addz(b, "addflag ");
		put_string(b, r->arg);
	}
	buf_addf(b, ";\r\n%s}\r\n", r->action == RULE_FLAG ? "" : "\tstop;\r\n");
}

static void put_day(struct buf *b, const char *relation, struct span day)
{
	buf_addf(b, "currentdate :value \"%s\" \"date\" ", relation);
	put_string(b, day);
}

static void put_notice(struct buf *b, const struct rules *r, struct span days)
{
	struct span values[] = { r->subject, r->text, days, r->from, r->until };
	bool bounded = r->from.n || r->until.n;

	put_line(b, "away", values, 5);
	if (bounded) {
		buf_addz(b, "if allof(true");
		if (r->from.n) {
			buf_addz(b, ", ");
			put_day(b, "ge", r->from);
		}
		if (r->until.n) {
			buf_addz(b, ", ");
			put_day(b, "le", r->until);
		}
		buf_addz(b, ") {\r\n");
	}
	buf_addf(b, "vacation :days %.*s ", SPAN_F(days));
	if (r->subject.n) {
		buf_addz(b, ":subject ");
		put_string(b, r->subject);
		buf_addc(b, ' ');
	}
	put_string(b, r->text);
	buf_addf(b, ";\r\n%s", bounded ? "}\r\n" : "");
}

/* The notice first: rules may stop. */
static struct span compose(struct arena *a, const struct rules *r)
{
	SCOPED_BUF b;

	buf_init(&b, 2 * SCRIPT_BYTES_MAX);
	buf_addz(&b, "# Made by \"kontor mail\"; it is written anew when rules change.\r\nrequire [\"fileinto\", \"mailbox\", \"imap4flags\","
		" \"vacation\", \"date\", \"relational\", \"comparator-i;unicode-casemap\"];\r\n");
	if (r->away)
		put_notice(&b, r, arena_printf(a, "%u", r->days));
	for (size_t i = 0; i < r->n; i++)
		put_rule(&b, &r->v[i]);
	return arena_span(a, buf_span(&b));
}

static void read_rule(struct arena *a, struct span line, struct rules *out)
{
	struct rule r = { .name = get_value(a, &line), .field = get_value(a, &line) };
	struct span action;

	r.is = span_eqz(get_value(a, &line), "is");
	r.value = get_value(a, &line);
	action = get_value(a, &line);
	r.arg = get_value(a, &line);
	for (int i = RULE_MOVE; i <= RULE_FLAG; i++)
		if (span_eqz(action, action_names[i]))
			r.action = (enum rule_action)i;
	if (r.action && out->n < RULES_MAX)
		out->v[out->n++] = r;
}

static void read_notice(struct arena *a, struct span line, struct rules *out)
{
	uint64_t days = 7;

	out->away = true;
	out->subject = get_value(a, &line);
	out->text = get_value(a, &line);
	span_num(get_value(a, &line), &days, 1, 365);
	out->days = (unsigned)days;
	out->from = get_value(a, &line);
	out->until = get_value(a, &line);
}

int rules_load(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct rules *out, struct err *e)
{
	struct span text = SPAN_NONE;

	*out = (struct rules){ .v = ARENA_ARRAY(a, struct rule, RULES_MAX + 1), .days = 7 };
	if (script_get(o, tx, a, account_id, SPAN(RULES_SCRIPT), &text, e) < 0 && e->code != ERR_MISSING)
		return e->code;
	err_clear(e);
	while (text.n) {
		struct span line = span_cut(&text, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (span_starts(line, SPAN("#:rule\t")))
			read_rule(a, span_from(line, 7), out);
		else if (span_starts(line, SPAN("#:away\t")))
			read_notice(a, span_from(line, 7), out);
	}
	return 0;
}

/* The owner's own script must not be put aside unasked. */
static int may_act(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct err *e)
{
	struct script_row *rows;
	size_t n;

	if (script_list(o, tx, a, account_id, &rows, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++)
		if (rows[i].active && !span_eqz(rows[i].name, RULES_SCRIPT))
			return err_set(e, ERR_EXISTS, "The account has a Sieve script of its own active; rules would have no effect",
				"script %llu", (unsigned long long)rows[i].id);
	return 0;
}

int rules_save(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct rules *r, struct err *e)
{
	struct span name = SPAN(RULES_SCRIPT), text = compose(a, r), why;

	if (may_act(o, tx, a, account_id, e) < 0)
		return e->code;
	if (!r->n && !r->away) {
		if (script_activate(o, tx, account_id, SPAN_NONE, e) < 0)
			return e->code;
		if (script_remove(o, tx, account_id, name, e) < 0 && e->code != ERR_MISSING)
			return e->code;
		err_clear(e);
		return 0;
	}
	if (script_check(a, text, &why, e) < 0) {
		err_clear(e);
		return err_set(e, ERR_PARAM, "Such a rule cannot be written", "%.*s", SPAN_F(why));
	}
	if (script_put(o, tx, a, account_id, name, text, e) < 0)
		return e->code;
	return script_activate(o, tx, account_id, name, e);
}
