#include "codec/mailtls/sts.h"
#include "base/scan.h"

#define NAME_MAX_LEN 253

static const char *const modes[] = { "", "none", "testing", "enforce" };

/* sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]; fields other than id are for later */
static bool record_id(struct span record, struct span *id_out)
{
	bool found = false;

	if (!span_eqz(span_trim(span_cut(&record, ';')), "v=STSv1"))
		return false;
	*id_out = SPAN_NONE;
	while (record.n) {
		struct span value = span_trim(span_cut(&record, ';')), key = span_trim(span_cut(&value, '='));

		value = span_trim(value);
		if (!span_eqz(key, "id"))
			continue;
		if (found || !value.n || value.n > STS_ID_MAX)
			return false;
		for (size_t i = 0; i < value.n; i++)
			if (!ascii_alpha(value.p[i]) && !ascii_digit(value.p[i]))
				return false;
		*id_out = value;
		found = true;
	}
	return found;
}

bool sts_record(const struct span *txt, size_t n, struct span *id_out)
{
	struct span id;
	size_t found = 0;
	bool good = false;

	for (size_t i = 0; i < n; i++) {
		if (!span_starts(txt[i], SPAN("v=STSv1")))
			continue;
		found++;
		if (record_id(txt[i], &id)) {
			*id_out = id;
			good = true;
		}
	}
	return good && found == 1;
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_SYNTAX, "the domain's MTA-STS policy is not valid", "MTA-STS policy: %s", what);
}

static bool pattern_ok(struct span s)
{
	size_t label = 0;

	if (span_starts(s, SPAN("*.")))
		s = span_from(s, 2);
	if (!s.n || s.n > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? label == 0 : !ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
		label = s.p[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

static struct span lower(struct arena *a, struct span s)
{
	char *p = arena_dup(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return SPAN_BYTES(p, s.n);
}

static int mx_add(struct arena *a, struct sts_policy *p, struct span pattern, struct err *e)
{
	if (span_ends(pattern, SPAN(".")))
		pattern.n--;
	if (!pattern_ok(pattern))
		return bad(e, "mx");
	if (p->n_mx == STS_MX_MAX)
		return err_set(e, ERR_TOOBIG, "the domain's MTA-STS policy is too long", "MTA-STS policy: more than %d mx", STS_MX_MAX);
	p->mx[p->n_mx++] = lower(a, pattern);
	return 0;
}

static int mode_of(struct span value)
{
	for (int m = STS_NONE; m <= STS_ENFORCE; m++)
		if (span_eqz(value, modes[m]))
			return m;
	return 0;
}

/* One line; version and the rest are known by their keys, the first of each counts. */
static int field(struct arena *a, struct sts_policy *p, bool *version, struct span key, struct span value, struct err *e)
{
	uint64_t n;

	if (!*version && !span_eqz(key, "version"))
		return bad(e, "version is not first");
	if (span_eqz(key, "version") && !*version) {
		*version = true;
		return span_eqz(value, "STSv1") ? 0 : bad(e, "version");
	}
	if (span_eqz(key, "mode") && !p->mode) {
		p->mode = (enum sts_mode)mode_of(value);
		return p->mode ? 0 : bad(e, "mode");
	}
	if (span_eqz(key, "max_age") && p->max_age_sec < 0) {
		if (!span_num(value, &n, 0, 9999999999))
			return bad(e, "max_age");
		p->max_age_sec = n > STS_AGE_MAX_SEC ? STS_AGE_MAX_SEC : (int64_t)n;
		return 0;
	}
	return span_eqz(key, "mx") ? mx_add(a, p, value, e) : 0;
}

int sts_policy_parse(struct arena *a, struct span text, struct sts_policy *out, struct err *e)
{
	bool version = false;
	int r = 0;

	*out = (struct sts_policy){ .max_age_sec = -1 };
	if (text.n > STS_POLICY_MAX)
		return err_set(e, ERR_TOOBIG, "the domain's MTA-STS policy is too long", "MTA-STS policy: %zu octets", text.n);
	while (text.n) {
		struct span line = span_trim(span_cut(&text, '\n')), value = line, key;

		if (!line.n)
			continue;
		if (span_chr(line, ':') < 0)
			return bad(e, "a line without colon");
		key = span_trim(span_cut(&value, ':'));
		r = field(a, out, &version, key, span_trim(value), e);
		if (r < 0)
			return r;
	}
	if (!out->mode || out->max_age_sec < 0)
		return bad(e, "mode or max_age is missing");
	return out->mode != STS_NONE && !out->n_mx ? bad(e, "mx is missing") : 0;
}

void sts_policy_write(struct buf *b, const struct sts_policy *p)
{
	buf_addf(b, "version: STSv1\nmode: %s\n", modes[p->mode]);
	for (size_t i = 0; i < p->n_mx; i++)
		buf_addf(b, "mx: %.*s\n", SPAN_F(p->mx[i]));
	buf_addf(b, "max_age: %lld\n", (long long)p->max_age_sec);
}

bool sts_match(const struct sts_policy *p, struct span host)
{
	ssize_t dot = span_chr(host, '.');

	for (size_t i = 0; i < p->n_mx; i++)
		if (span_eq(p->mx[i], host) || (span_starts(p->mx[i], SPAN("*.")) && dot > 0 &&
			span_eq(span_from(p->mx[i], 1), span_from(host, (size_t)dot))))
			return true;
	return false;
}
