/* ext_date.c - date and currentdate (RFC 5260 section 4). */
#include "codec/sieve/sieve_int.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_header.h"
#include "base/scan.h"

static const char *const parts[] = { "year", "month", "day", "date", "julian", "hour", "minute", "second", "time", "iso8601", "std11",
	"zone", "weekday" };
enum { PART_YEAR, PART_MONTH, PART_DAY, PART_DATE, PART_JULIAN, PART_HOUR, PART_MINUTE, PART_SECOND, PART_TIME, PART_ISO8601,
	PART_STD11, PART_ZONE, PART_WEEKDAY, PART_COUNT };

static int part_find(struct span name)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (span_ieqz(name, parts[i]))
			return i;
	return -1;
}

/* time-zone = ("+" / "-") 4DIGIT */
static bool zone_parse(struct span s, int *minutes)
{
	bool minus = span_starts(s, SPAN("-"));
	unsigned h, m;

	if (s.n != 5 || (!minus && *s.p != '+'))
		return false;
	s = span_from(s, 1);
	if (!scan_num2(&s, &h) || !scan_num2(&s, &m) || h > 23 || m > 59)
		return false;
	*minutes = (int)(h * 60 + m) * (minus ? -1 : 1);
	return true;
}

int sieve_check_date(struct sieve_check *c, struct sieve_node *n)
{
	bool current = n->word->run == sieve_run_currentdate;
	const struct sieve_value *part = sieve_arg(n, current ? 0 : 1), *zone = sieve_tag_arg(n, TAG_ZONE);
	int minutes;

	if (sieve_static(c, part->v[0]) && part_find(part->v[0]) < 0)
		return check_fail(c, part, "This is no part of a date");
	if (zone && sieve_static(c, zone->v[0]) && !zone_parse(zone->v[0], &minutes))
		return check_fail(c, zone, "A time zone is written like \"+0100\"");
	return sieve_check_match(c, n) < 0 ? ERR_SYNTAX : sieve_check_index(c, n);
}

static struct span zone_text(struct arena *a, int zone_min)
{
	int z = zone_min < 0 ? -zone_min : zone_min;

	return arena_printf(a, "%c%02d%02d", zone_min < 0 ? '-' : '+', z / 60, z % 60);
}

static struct span part_text(struct arena *a, int part, int64_t epoch_sec, int zone_min)
{
	int64_t t = epoch_sec + zone_min * 60, days = t / 86400, sec = t % 86400, year;
	unsigned month, day, h, m, s;

	if (sec < 0) {
		sec += 86400;
		days--;
	}
	h = (unsigned)(sec / 3600);
	m = (unsigned)(sec / 60 % 60);
	s = (unsigned)(sec % 60);
	mime_civil_from_days(days, &year, &month, &day);
	switch (part) {
	case PART_YEAR: return arena_printf(a, "%04lld", (long long)year);
	case PART_MONTH: return arena_printf(a, "%02u", month);
	case PART_DAY: return arena_printf(a, "%02u", day);
	case PART_DATE: return arena_printf(a, "%04lld-%02u-%02u", (long long)year, month, day);
	case PART_JULIAN: return arena_printf(a, "%lld", (long long)days + 40587);
	case PART_HOUR: return arena_printf(a, "%02u", h);
	case PART_MINUTE: return arena_printf(a, "%02u", m);
	case PART_SECOND: return arena_printf(a, "%02u", s);
	case PART_TIME: return arena_printf(a, "%02u:%02u:%02u", h, m, s);
	case PART_ISO8601:
		return arena_printf(a, "%04lld-%02u-%02uT%02u:%02u:%02u%c%02d:%02d", (long long)year, month, day, h, m, s,
			zone_min < 0 ? '-' : '+', (zone_min < 0 ? -zone_min : zone_min) / 60, (zone_min < 0 ? -zone_min : zone_min) % 60);
	case PART_ZONE: return zone_text(a, zone_min);
	case PART_WEEKDAY: return arena_printf(a, "%lld", (long long)(((days + 4) % 7 + 7) % 7));
	default: {
		SCOPED_BUF b;

		buf_init(&b, 64);
		mime_date_format(&b, epoch_sec, zone_min);
		return arena_span(a, buf_span(&b));
	}
	}
}

static int match_date(struct sieve_run *r, const struct sieve_node *n, struct sieve_match *m, struct span name, int64_t sec,
	int own_zone)
{
	struct span part, zone;
	int minutes = n->tags & T(ORIGINALZONE) ? own_zone : r->host->zone_min, k;

	if (run_str(r, name, &part) < 0 || run_tag_str(r, n, TAG_ZONE, &zone) < 0)
		return ERR_LIMIT;
	k = part_find(part);
	if (k < 0 || (zone.n && !zone_parse(zone, &minutes)))
		return run_fail(r, n, "This is no part of a date, or no time zone");
	return match_add(m, part_text(r->a, k, sec, minutes));
}

int sieve_run_currentdate(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	int k = match_open(&m, r, n, sieve_arg(n, 1));

	if (k == 0)
		k = match_date(r, n, &m, sieve_arg(n, 0)->v[0], r->host->now_sec, r->host->zone_min);
	return match_end(&m, k);
}

/* The date is the whole value, or what follows its last semicolon (Received). */
int sieve_run_date(struct sieve_run *r, const struct sieve_node *n)
{
	struct sieve_match m;
	struct span name, *raw;
	struct sieve_pick pick = run_pick(n);
	size_t found;
	int k = match_open(&m, r, n, sieve_arg(n, 2));

	if (k < 0)
		return k;
	if (run_str(r, sieve_arg(n, 0)->v[0], &name) < 0 || run_spend(r, r->header.n) < 0)
		return match_end(&m, ERR_LIMIT);
	if (!pick.index)
		pick.index = 1;
	found = run_fields(r, r->header, name, pick, &raw);
	for (size_t i = 0; i < found && k == 0; i++) {
		struct span v = mime_header_unfold(r->a, raw[i]);
		ssize_t at = span_rchr(v, ';');
		int64_t sec;
		int zone;

		if (mime_date_parse(span_trim(at < 0 ? v : span_from(v, (size_t)at + 1)), &sec, &zone, NULL) == 0)
			k = match_date(r, n, &m, sieve_arg(n, 1)->v[0], sec, zone);
	}
	return match_end(&m, k);
}
