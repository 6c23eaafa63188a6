#include "codec/smtp/smtp_frame.h"
#include <string.h>
#include "base/secret.h"

/* command line = *%x01-09 / %x0B-0C / %x0E-FF, CRLF (what the octets mean is smtp_lex's business)
 */

void smtp_frame_init(struct smtp_frame *f)
{
	*f = (struct smtp_frame){0};
	buf_init(&f->line, SMTP_AUTH_LINE_MAX);
}

void smtp_frame_fini(struct smtp_frame *f)
{
	if (f->line.p)
		secret_wipe(f->line.p, f->line.cap);
	buf_fini(&f->line);
}

/* A line that may hold a password gets its room at once, so that growing leaves no copies. */
static void make_secret(struct smtp_frame *f)
{
	struct buf b;

	if (f->secret)
		return;
	f->secret = true;
	buf_init(&b, SMTP_AUTH_LINE_MAX);
	buf_space(&b, SMTP_AUTH_LINE_MAX);
	buf_add(&b, buf_span(&f->line));
	smtp_frame_fini(f);
	f->line = b;
}

static void restart(struct smtp_frame *f)
{
	if (f->secret)
		smtp_frame_fini(f);
	buf_reset(&f->line);
	f->secret = f->done = f->cr = false;
	f->total = 0;
	f->refused = 0;
	f->why = NULL;
}

static void refuse(struct smtp_frame *f, int code, const char *why)
{
	if (f->refused)
		return;
	f->refused = code;
	f->why = why;
}

static void add(struct smtp_frame *f, struct span s)
{
	static const struct span auth = SPAN("AUTH ");

	if (!f->secret && f->line.n < auth.n) {
		struct span head = span_sub(s, 0, auth.n - f->line.n);

		buf_add(&f->line, head);
		s = span_from(s, head.n);
		if (span_ieq(buf_span(&f->line), auth))
			make_secret(f);
	}
	if (f->line.n + s.n + 2 > (f->secret ? SMTP_AUTH_LINE_MAX : SMTP_LINE_MAX))
		refuse(f, ERR_TOOBIG, "Line too long");
	else
		buf_add(&f->line, s);
}

/* Octets up to and with LF, or all there are; true when they complete the line. */
static bool take(struct smtp_frame *f, struct span s)
{
	bool lf = s.p[s.n - 1] == '\n';
	bool cr = f->cr;

	f->total += s.n;
	if (cr && s.p[0] != '\n')
		refuse(f, ERR_SYNTAX, "Bare CR received");
	if (lf)
		s.n--;
	if (s.n) {
		cr = s.p[s.n - 1] == '\r';
		s.n -= cr;
	}
	if (span_chr(s, '\r') >= 0)
		refuse(f, ERR_SYNTAX, "Bare CR received");
	if (span_has_nul(s))
		refuse(f, ERR_SYNTAX, "NUL received");
	if (!f->refused)
		add(f, s);
	f->cr = cr && !lf;
	if (lf && !cr)
		refuse(f, ERR_SYNTAX, "Bare LF received");
	return lf && cr;
}

static int frame(struct smtp_frame *f, struct span in, size_t *used)
{
	*used = 0;
	while (*used < in.n && !f->fatal) {
		const char *from = in.p + *used;
		const char *lf = memchr(from, '\n', in.n - *used);
		size_t n = lf ? (size_t)(lf - from) + 1 : in.n - *used;
		bool complete = take(f, (struct span){from, n});

		*used += n;
		if (f->refused && f->total > SMTP_SWALLOW_MAX) {
			f->fatal = true;
		} else if (complete) {
			f->done = true;
			return f->refused ? f->refused : 1;
		}
	}
	return f->fatal ? f->refused : 0;
}

int smtp_frame(struct smtp_frame *f, struct span in, size_t *used)
{
	if (f->done)
		restart(f);
	return frame(f, in, used);
}

int smtp_frame_answer(struct smtp_frame *f, struct span in, size_t *used)
{
	if (f->done)
		restart(f);
	make_secret(f);
	return frame(f, in, used);
}

struct span smtp_frame_text(const struct smtp_frame *f)
{
	return f->done && !f->refused ? buf_span(&f->line) : SPAN_NONE;
}

bool smtp_frame_idle(const struct smtp_frame *f)
{
	return f->done || !f->total;
}
