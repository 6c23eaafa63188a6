#include "codec/smtp/smtp_data.h"
#include <string.h>

/* RFC 5321 section 4.5.2: a line of "." alone ends the message; of a line that begins with "." and
 * goes on, the dot is dropped. So a dot at the front of a line is never written. */
enum {
	TEXT,	/* inside a line */
	LINE,	/* at the front of a line */
	DOT,	/* a dot at the front was dropped */
	DOT_CR, /* and a CR came, which is held back */
};

void smtp_data_init(struct smtp_data *d)
{
	*d = (struct smtp_data){.state = LINE};
}

/* One more line, or piece of one (lf: it ends here). A CR at the very end waits in d->cr. */
static void count_piece(struct smtp_data *d, struct span s, bool lf)
{
	bool cr = d->cr;
	const char *p;

	if (cr && (s.n || !lf)) {
		d->bare_cr++;
		d->line_len++;
		cr = false;
	}
	if (s.n && s.p[s.n - 1] == '\r') {
		s.n--;
		cr = true;
	}
	d->line_len += s.n;
	for (; s.n && (p = memchr(s.p, '\r', s.n)); s = span_from(s, (size_t)(p - s.p) + 1))
		d->bare_cr++;
	if (lf && !cr) {
		d->bare_lf++;
		d->line_len++;
	}
	if (d->line_len > d->line_longest)
		d->line_longest = d->line_len;
	d->cr = cr && !lf;
	d->line_open = !(lf && cr);
	d->state = d->line_open ? TEXT : LINE;
	if (!d->line_open)
		d->line_len = 0;
}

static void count_octets(struct smtp_data *d, struct span s)
{
	unsigned char any = 0;

	for (size_t i = 0; i < s.n; i++) /* the compiler makes vectors of it */
		any |= (unsigned char)s.p[i];
	d->eight_bit = d->eight_bit || any & 0x80;
	d->nul = d->nul || span_has_nul(s);
	d->size += s.n;
}

/* Whole lines up to one that begins with a dot (dots) or the end; returns the octets read. */
static size_t count_lines(struct smtp_data *d, struct span in, bool dots)
{
	size_t at = 0;

	while (at < in.n && !(dots && d->state == LINE && in.p[at] == '.')) {
		const char *lf = memchr(in.p + at, '\n', in.n - at);
		size_t n = lf ? (size_t)(lf - in.p) - at : in.n - at;

		count_piece(d, span_sub(in, at, n), lf);
		at += n + (lf ? 1 : 0);
	}
	count_octets(d, span_sub(in, 0, at));
	return at;
}

int smtp_data(struct smtp_data *d, struct span in, size_t *used)
{
	*used = 0;
	d->run = SPAN_NONE;
	if (!in.n)
		return 0;
	if ((d->state == LINE && in.p[0] == '.') || (d->state == DOT && in.p[0] == '\r')) {
		d->state++;
		*used = 1;
		return 0;
	}
	if (d->state == DOT_CR && in.p[0] == '\n') {
		d->state = LINE;
		*used = 1;
		return 1;
	}
	if (d->state == DOT_CR) { /* the CR held back was a bare one */
		d->run = SPAN("\r");
		count_piece(d, d->run, false);
		d->size++;
		return 0;
	}
	if (d->state == DOT)
		d->state = TEXT;
	*used = count_lines(d, in, true);
	d->run = span_sub(in, 0, *used);
	return 0;
}

void smtp_data_chunk(struct smtp_data *d, struct span in, bool last)
{
	count_lines(d, in, false);
	if (last && d->cr) {
		d->cr = false;
		d->bare_cr++;
		d->line_len++;
		if (d->line_len > d->line_longest)
			d->line_longest = d->line_len;
	}
}

bool smtp_data_stray(const struct smtp_data *d)
{
	return d->bare_cr || d->bare_lf;
}

void smtp_stuff_init(struct smtp_stuff *s)
{
	*s = (struct smtp_stuff){.state = LINE};
}

static void stuff_run(struct smtp_stuff *s, struct span run, uint8_t state)
{
	s->run = run;
	s->state = state;
}

/* Octets that may go out as they are: up to a dot to double, a CR that is not surely part of CRLF,
 * or a LF without CR. */
static size_t stuff_plain(struct smtp_stuff *s, struct span in)
{
	size_t at = 0;

	while (at < in.n && !(s->state == LINE && in.p[at] == '.')) {
		const char *from = in.p + at;
		const char *lf = memchr(from, '\n', in.n - at);
		size_t n = lf ? (size_t)(lf - from) : in.n - at;
		const char *cr = memchr(from, '\r', n);

		if (cr && lf && cr + 1 == lf) {
			at += n + 1;
			s->state = LINE;
			continue;
		}
		at += cr ? (size_t)(cr - from) : n;
		if (cr ? cr > from : n > 0)
			s->state = TEXT;
		break;
	}
	return at;
}

void smtp_stuff(struct smtp_stuff *s, struct span in, size_t *used)
{
	*used = 0;
	s->run = SPAN_NONE;
	if (!in.n)
		return;
	if (s->cr && in.p[0] == '\n') {
		s->cr = false;
		*used = 1;
		stuff_run(s, SPAN("\r\n"), LINE);
	} else if (s->cr || in.p[0] == '\n') {
		*used = s->cr ? 0 : 1;
		s->cr = false;
		s->stray++;
		stuff_run(s, SPAN(" "), TEXT);
	} else if (s->state == LINE && in.p[0] == '.') {
		*used = 1;
		stuff_run(s, SPAN(".."), TEXT);
	} else {
		size_t n = stuff_plain(s, in);

		s->run = span_sub(in, 0, n);
		s->cr = n < in.n && in.p[n] == '\r';
		*used = n + (s->cr ? 1 : 0);
	}
}

struct span smtp_stuff_end(struct smtp_stuff *s)
{
	if (s->cr) {
		s->stray++;
		s->cr = false;
		return SPAN(" \r\n.\r\n");
	}
	return s->state == LINE ? SPAN(".\r\n") : SPAN("\r\n.\r\n");
}
