#include "proto/control/control_int.h"
#include <string.h>
#include <time.h>
#include "base/scan.h"
#include "domain/org/account.h"
#include "domain/org/role.h"

bool control_has(const struct control *c, const char *name)
{
	const json_t *v = json_object_get(c->args, name);

	return v && !json_is_false(v);
}

struct span control_text(const struct control *c, const char *name)
{
	const json_t *v = json_object_get(c->args, name);

	return json_is_string(v) ? SPAN_BYTES(json_string_value(v), json_string_length(v)) : SPAN_NONE;
}

/* A number and, if allowed, what it is multiplied by. */
static int number(const struct control *c, const char *name, bool units, uint64_t max, uint64_t *out, struct err *e)
{
	const json_t *v = json_object_get(c->args, name);
	struct span text = control_text(c, name);
	uint64_t n, unit = 1;

	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		n = (uint64_t)json_integer_value(v);
	} else {
		static const char letters[] = "KMGT";

		for (size_t i = 0; units && text.n && i < sizeof(letters) - 1; i++)
			if (ascii_upper(text.p[text.n - 1]) == letters[i]) {
				unit <<= 10 * (i + 1);
				text.n--;
				break;
			}
		if (!span_num(text, &n, 0, max / unit))
			return err_set(e, ERR_PARAM, N_("This is not a number that makes sense here"), "argument %s", name);
	}
	*out = n * unit;
	return *out > max ? err_set(e, ERR_PARAM, N_("This is not a number that makes sense here"), "argument %s", name) :
		0;
}

int control_number(const struct control *c, const char *name, uint64_t fallback, uint64_t max, uint64_t *out,
	struct err *e)
{
	*out = fallback;
	return json_object_get(c->args, name) ? number(c, name, false, max, out, e) : 0;
}

int control_size(const struct control *c, const char *name, uint64_t fallback, uint64_t *out, struct err *e)
{
	*out = fallback;
	return json_object_get(c->args, name) ? number(c, name, true, INT64_MAX, out, e) : 0;
}

static bool two(struct span *s, int *out)
{
	unsigned v;

	if (!scan_num2(s, &v))
		return false;
	*out = (int)v;
	return true;
}

/* date = 4DIGIT "-" 2DIGIT "-" 2DIGIT [ "T" 2DIGIT ":" 2DIGIT [ ":" 2DIGIT ] ] [ "Z" ] */
static bool read_date(struct span s, struct tm *tm, bool *utc)
{
	int century, year;

	*tm = (struct tm){ .tm_isdst = -1 };
	if (!two(&s, &century) || !two(&s, &year) || !scan_char(&s, '-') || !two(&s, &tm->tm_mon) ||
		!scan_char(&s, '-') || !two(&s, &tm->tm_mday))
		return false;
	if (scan_char(&s, 'T') && (!two(&s, &tm->tm_hour) || !scan_char(&s, ':') || !two(&s, &tm->tm_min)))
		return false;
	if (scan_char(&s, ':') && !two(&s, &tm->tm_sec))
		return false;
	*utc = scan_char(&s, 'Z');
	tm->tm_year = century * 100 + year - 1900;
	tm->tm_mon--;
	return s.n == 0 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
		tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

int control_date(const struct control *c, const char *name, int64_t fallback, int64_t *sec_out, struct err *e)
{
	struct tm tm;
	bool utc;
	int day;

	*sec_out = fallback;
	if (!json_object_get(c->args, name))
		return 0;
	if (!read_date(control_text(c, name), &tm, &utc))
		return err_set(e, ERR_PARAM, N_("A date is written like 2026-03-01 or 2026-03-01T12:00"), "argument %s", name);
	day = tm.tm_mday;
	*sec_out = utc ? timegm(&tm) : mktime(&tm);
	if (*sec_out < 0 || tm.tm_mday != day)           /* 31 February became March */
		return err_set(e, ERR_PARAM, N_("There is no such day"), "argument %s", name);
	return 0;
}

void control_many(const struct control *c, const char *name, struct span **out, size_t *n_out)
{
	const json_t *list = json_object_get(c->args, name);

	*n_out = json_array_size(list);
	*out = ARENA_ARRAY(c->arena, struct span, *n_out + 1);
	for (size_t i = 0; i < *n_out; i++) {
		const json_t *v = json_array_get(list, i);

		(*out)[i] = SPAN_BYTES(json_string_value(v), json_string_length(v));
	}
}

/* ---- results ---- */

void control_result(struct control *c, json_t *value)
{
	json_decref(c->result);
	c->result = value;
}

json_t *control_span(struct span s)
{
	json_t *v = s.p ? json_stringn(s.p, s.n) : json_null();

	return v ? v : json_string("?");         /* not UTF-8 */
}

void control_put(json_t *o, const char *key, struct span s)
{
	json_object_set_new(o, key, control_span(s));
}

void control_put_int(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

void control_put_time(json_t *o, const char *key, int64_t sec)
{
	char text[40] = "";
	time_t t = sec;
	struct tm tm;

	if (sec && localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	json_object_set_new(o, key, text[0] ? json_string(text) : json_null());
}

int control_bits(const struct control *c, const char *name, const struct control_bit *table, uint32_t fallback,
	uint32_t *out, struct err *e)
{
	struct span rest = control_text(c, name);

	*out = 0;
	if (!rest.p) {
		*out = fallback;
		return 0;
	}
	while (rest.n) {
		struct span word = span_trim(span_cut(&rest, ','));
		const struct control_bit *b = table;

		while (b->name && !span_ieqz(word, b->name))
			b++;
		if (!b->name)
			return err_set(e, ERR_PARAM, N_("There is no such right"), "right %.*s", SPAN_F(word));
		*out |= b->bit;
	}
	return 0;
}

json_t *control_bit_names(const struct control_bit *table, uint32_t bits)
{
	json_t *list = json_array();

	for (const struct control_bit *b = table; b->name; b++)
		if (b->bit && (bits & b->bit) == b->bit) {
			json_array_append_new(list, json_string(b->name));
			bits &= ~b->bit;
		}
	return list;
}

/* ---- what several nouns need ---- */

int control_account(struct control *c, struct tx *tx, struct span address, struct account *out, struct err *e)
{
	return account_find(c->org, tx, c->arena, address, false, out, e);
}

int control_chapter(struct control *c, struct tx *tx, const char *name, uint64_t *id_out, struct err *e)
{
	struct chapter ch;
	int rc;

	*id_out = 0;
	if (!control_has(c, name))
		return 0;
	rc = chapter_find(c->org, tx, c->arena, control_text(c, name), &ch, e);
	if (rc == 0)
		*id_out = ch.id;
	return rc;
}

const char *control_kind_name(int account_kind)
{
	static const char *const names[] = { "organisation", "person", "role", "resource" };

	return account_kind >= 0 && account_kind <= ACCOUNT_RESOURCE ? names[account_kind] : "?";
}

json_t *control_account_row(const struct account *a)
{
	json_t *o = json_object();

	control_put(o, "address", a->address);
	control_put(o, "name", a->name);
	json_object_set_new(o, "kind", json_string(control_kind_name(a->kind)));
	json_object_set_new(o, "state", json_string(a->state == ACCOUNT_LOCKED ? "locked" : "active"));
	control_put_int(o, "used_bytes", a->used_bytes);
	control_put_int(o, "messages", a->used_messages);
	return o;
}
