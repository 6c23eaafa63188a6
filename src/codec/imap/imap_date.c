#include "codec/imap/imap_date.h"
#include "base/scan.h"
#include "codec/mime/mime_date.h"

#define DAY_SEC 86400
#define ZONE_MAX_MIN (24 * 60 - 1)

static const char month_names[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int bad(struct err *e, struct span s)
{
	return err_set(e, ERR_SYNTAX, "Bad date", "%zu bytes", s.n);
}

/* "-" date-month "-" date-year;  date-year = 4DIGIT */
static bool month_year(struct span *in, unsigned day, int64_t *days_out)
{
	unsigned month = 0, century, year, m, d;
	int64_t y;

	if (!scan_char(in, '-') || in->n < 3)
		return false;
	while (month < 12 && !span_istarts(*in, span_str(month_names[month])))
		month++;
	if (month++ == 12)
		return false;
	*in = span_from(*in, 3);
	if (!scan_char(in, '-') || !scan_num2(in, &century) || !scan_num2(in, &year))
		return false;
	year += century * 100;
	if (!year || !day || day > 31)
		return false;
	*days_out = mime_days_from_civil(year, month, day);
	mime_civil_from_days(*days_out, &y, &m, &d);
	return m == month && d == day; /* 30 February comes back as another day */
}

/* date-time = date-day-fixed "-" date-month "-" date-year SP time SP zone
 * date-day-fixed = (SP DIGIT) / 2DIGIT;  time = 2DIGIT ":" 2DIGIT ":" 2DIGIT
 * zone = ("+" / "-") 4DIGIT */
int imap_date_time_parse(struct span s, int64_t *sec_out, int *zone_min_out, struct err *e)
{
	struct span in = s;
	unsigned day, hour, min, sec, zone_hour, zone_min;
	int64_t days;
	bool west;

	if (scan_char(&in, ' ')) {
		if (!in.n || !ascii_digit(in.p[0]))
			return bad(e, s);
		day = (unsigned)(in.p[0] - '0');
		in = span_from(in, 1);
	} else if (!scan_num2(&in, &day)) {
		return bad(e, s);
	}
	if (!month_year(&in, day, &days) || !scan_char(&in, ' ') || !scan_num2(&in, &hour) ||
		!scan_char(&in, ':') || !scan_num2(&in, &min) || !scan_char(&in, ':') ||
		!scan_num2(&in, &sec) || !scan_char(&in, ' ') || hour > 23 || min > 59 || sec > 60)
		return bad(e, s);
	west = scan_char(&in, '-');
	if ((!west && !scan_char(&in, '+')) || !scan_num2(&in, &zone_hour) ||
		!scan_num2(&in, &zone_min) || in.n || zone_hour > 23 || zone_min > 59)
		return bad(e, s);
	*zone_min_out = (int)(zone_hour * 60 + zone_min) * (west ? -1 : 1);
	*sec_out = days * DAY_SEC + hour * 3600 + min * 60 + (sec == 60 ? 59 : sec) -
		   *zone_min_out * 60;
	return 0;
}

static int64_t clamp(int64_t n, int64_t min, int64_t max)
{
	return n < min ? min : n > max ? max : n;
}

int64_t imap_day_of(int64_t sec, int zone_min)
{
	int64_t local = clamp(sec, INT64_MIN / 2, INT64_MAX / 2) + (int64_t)zone_min * 60;

	return local / DAY_SEC - (local % DAY_SEC < 0);
}

static void put2(char *to, unsigned n)
{
	to[0] = (char)('0' + n / 10 % 10);
	to[1] = (char)('0' + n % 10);
}

/* Instants outside of years 1..9999 (a broken clock's) become the nearest that can be written. */
void imap_date_time_format(struct buf *b, int64_t sec, int zone_min)
{
	static const char blank[] = "\"..-...-.... ..:..:.. +....\"";
	int64_t first = mime_days_from_civil(1, 1, 1), last = mime_days_from_civil(9999, 12, 31);
	int zone = (int)clamp(zone_min, -ZONE_MAX_MIN, ZONE_MAX_MIN);
	unsigned west = zone < 0 ? (unsigned)-zone : (unsigned)zone, month, day, of_day;
	char *to = buf_space(b, sizeof(blank) - 1);
	int64_t days, year;

	if (!to)
		return;
	sec = clamp(sec, first * DAY_SEC - zone * 60, (last + 1) * DAY_SEC - 1 - zone * 60);
	days = imap_day_of(sec, zone);
	of_day = (unsigned)(sec + zone * 60 - days * DAY_SEC);
	mime_civil_from_days(days, &year, &month, &day);
	for (size_t i = 0; i < sizeof(blank) - 1; i++)
		to[i] = blank[i];
	put2(to + 1, day);
	if (day < 10)
		to[1] = ' ';
	for (size_t i = 0; i < 3; i++)
		to[4 + i] = month_names[month - 1][i];
	put2(to + 8, (unsigned)year / 100);
	put2(to + 10, (unsigned)year % 100);
	put2(to + 13, of_day / 3600);
	put2(to + 16, of_day / 60 % 60);
	put2(to + 19, of_day % 60);
	to[22] = zone < 0 ? '-' : '+';
	put2(to + 23, west / 60);
	put2(to + 25, west % 60);
	buf_grow(b, sizeof(blank) - 1);
}

/* date-text = date-day "-" date-month "-" date-year;  date-day = 1*2DIGIT */
int imap_date_parse(struct span s, int64_t *day_out, struct err *e)
{
	struct span in = s;
	uint64_t day;
	ssize_t dash = span_chr(s, '-');

	if (dash < 1 || dash > 2 || !scan_num(&in, &day, 1, 31) ||
		!month_year(&in, (unsigned)day, day_out) || in.n)
		return bad(e, s);
	return 0;
}
