#include "codec/mime/mime_date.h"
#include "base/scan.h"
#include <string.h>

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
	"Sep", "Oct", "Nov", "Dec" };
static const char day_names[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };

/* Days as counted in eras of 400 years that begin in March: no tables, no loops. */
int64_t mime_days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t era;
	unsigned of_era, of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = (unsigned)(year - era * 400);
	of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + (int64_t)(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468;
}

void mime_civil_from_days(int64_t days, int64_t *year_out, unsigned *month_out, unsigned *day_out)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day_out = doy - (153 * mp + 2) / 5 + 1;
	*month_out = mp < 10 ? mp + 3 : mp - 9;
	*year_out = (int64_t)yoe + era * 400 + (*month_out <= 2);
}

/* Blanks, line ends and comments (nested) go; a comment without end takes all. */
static void skip(struct span *in)
{
	unsigned depth = 0;

	while (in->n) {
		char c = in->p[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth)
			depth--;
		else if (!depth && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return;
		*in = span_from(*in, 1);
	}
}

static bool is_alpha(char c)
{
	return ascii_alpha(c);
}

static bool number(struct span *in, uint64_t *out, uint64_t max)
{
	skip(in);
	return scan_num(in, out, 0, max);
}

static int month_of(struct span word)
{
	char low[3];

	if (word.n < 3)
		return -1;
	for (int i = 0; i < 3; i++)
		low[i] = ascii_lower(word.p[i]);
	for (int m = 0; m < 12; m++)
		if (memcmp(months + 3 * m, low, 3) == 0)
			return m + 1;
	return -1;
}

/* zone = ("+" / "-") 4DIGIT / obs-zone; unknown names and military letters mean -0000. */
static int zone_of(struct span *in)
{
	static const struct { const char *name; int min; } zones[] = { { "UT", 0 }, { "GMT", 0 },
		{ "UTC", 0 }, { "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 },
		{ "MST", -420 }, { "MDT", -360 }, { "PST", -480 }, { "PDT", -420 }, { "CET", 60 },
		{ "CEST", 120 }, { "MEZ", 60 }, { "MESZ", 120 } };
	struct span word;
	uint64_t n;

	skip(in);
	if (in->n && (in->p[0] == '+' || in->p[0] == '-')) {
		int sign = in->p[0] == '-' ? -1 : 1;
		struct span digits = span_from(*in, 1);
		size_t before = digits.n, len;

		if (!scan_num(&digits, &n, 0, 9999))
			return 0;
		len = before - digits.n;
		*in = digits;
		if (len <= 2)
			n *= 100;
		if (n % 100 > 59 || n / 100 > 23)
			return 0;
		return sign * (int)(n / 100 * 60 + n % 100);
	}
	if (scan_while(in, &word, is_alpha, 1, 8))
		for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
			if (span_ieqz(word, zones[i].name))
				return zones[i].min;
	return 0;
}

/* date = day month year; asctime's "Mon Nov 23 10:00:00 2026" is not a mail date and not read. */
static bool date_read(struct span *in, int64_t *days_out)
{
	static const unsigned len[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	struct span word;
	uint64_t day, year;
	size_t digits;
	int month;

	if (!number(in, &day, 31) || day < 1)
		return false;
	skip(in);
	(void)scan_char(in, '-');
	skip(in);
	if (!scan_while(in, &word, is_alpha, 3, 16) || (month = month_of(word)) < 0)
		return false;
	skip(in);
	(void)scan_char(in, '-');
	skip(in);
	digits = in->n;
	if (!scan_num(in, &year, 0, 9999) || day > len[month - 1])
		return false;
	digits -= in->n;
	if (digits <= 2)
		year += year < 50 ? 2000 : 1900;
	else if (digits == 3)
		year += 1900;
	*days_out = mime_days_from_civil((int64_t)year, (unsigned)month, (unsigned)day);
	return true;
}

/* date-time = [ day-of-week "," ] date time [CFWS]; time = hour ":" minute [ ":" second ] zone */
int mime_date_parse(struct span text, int64_t *epoch_sec_out, int *zone_min_out, struct err *e)
{
	struct span in = span_sub(text, 0, 256), word;
	uint64_t hour = 0, minute = 0, sec = 0;
	int64_t days;
	int zone;

	skip(&in);
	if (scan_while(&in, &word, is_alpha, 1, 16)) {
		skip(&in);
		(void)scan_char(&in, ',');
		(void)scan_char(&in, '.');
		skip(&in);
		(void)scan_char(&in, ',');
	}
	if (!date_read(&in, &days))
		return err_set(e, ERR_SYNTAX, "not a date", "date: no day, month, year");
	if (number(&in, &hour, 24)) {
		skip(&in);
		if ((scan_char(&in, ':') || scan_char(&in, '.')) && !number(&in, &minute, 59))
			return err_set(e, ERR_SYNTAX, "not a date", "date: bad minute");
		skip(&in);
		if ((scan_char(&in, ':') || scan_char(&in, '.')) && !number(&in, &sec, 61))
			return err_set(e, ERR_SYNTAX, "not a date", "date: bad second");
	}
	zone = zone_of(&in);
	if (sec > 59)
		sec = 59;
	*epoch_sec_out = days * 86400 + (int64_t)(hour * 3600 + minute * 60 + sec) - zone * 60;
	if (zone_min_out)
		*zone_min_out = zone;
	return 0;
}

void mime_date_format(struct buf *b, int64_t epoch_sec, int zone_min)
{
	int64_t local = epoch_sec + (int64_t)zone_min * 60, days, sec, year;
	unsigned month, day, zone = (unsigned)(zone_min < 0 ? -zone_min : zone_min);

	days = local / 86400;
	sec = local % 86400;
	if (sec < 0) {
		sec += 86400;
		days--;
	}
	mime_civil_from_days(days, &year, &month, &day);
	buf_addf(b, "%s, %u %s %04lld %02d:%02d:%02d %c%02u%02u", day_names[((days % 7) + 7) % 7], day,
		month_names[month - 1], (long long)year, (int)(sec / 3600), (int)(sec / 60 % 60),
		(int)(sec % 60), zone_min < 0 ? '-' : '+', zone / 60, zone % 60);
}
