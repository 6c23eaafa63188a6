#include "codec/imap/imap_frame.h"
#include "base/scan.h"
#include "base/secret.h"
#include "codec/imap/imap_char.h"
#include <assert.h>
#include <string.h>

#define KEEP_MAX 4096 /* buffer memory an idle connection may keep */

/* Before sign-in nothing is spooled: literal_max is not larger than inline_max. */
const struct imap_limits imap_limits_pre_auth = {
	.line_max = 8192,
	.inline_max = 8192,
	.literal_max = 8192,
	.literal_count_max = 16,
	.command_max = 65536,
};
const struct imap_limits imap_limits_post_auth = {
	.line_max = 65536,
	.inline_max = 65536,
	.literal_max = 256u << 20,
	.literal_count_max = 1024,
	.command_max = 1u << 30,
};

struct header {
	uint64_t len;
	bool sync, binary, huge, bare_lf;
};

static void frame_reset(struct imap_frame *f)
{
	if (f->text.cap > KEEP_MAX)
		buf_fini(&f->text);
	if (f->literals.cap > KEEP_MAX)
		buf_fini(&f->literals);
	f->text.max = (size_t)f->limits->line_max + f->limits->inline_max;
	f->literals.max = (size_t)f->limits->literal_count_max * sizeof(struct imap_literal);
	buf_reset(&f->text);
	buf_reset(&f->literals);
	f->spool_len = f->literal_len = f->body_left = f->total = 0;
	f->text_len = 0;
	f->refused = 0;
	f->why = NULL;
	f->fatal = f->done = f->inside = f->announced = false;
	f->tag_whole = true;
	secret_wipe(f->tail, f->tail_len);
	f->tail_len = 0;
}

void imap_frame_init(struct imap_frame *f, const struct imap_limits *limits)
{
	*f = (struct imap_frame){.limits = limits};
	buf_secret(&f->text); /* LOGIN */
	frame_reset(f);
}

void imap_frame_fini(struct imap_frame *f)
{
	buf_fini(&f->text);
	buf_fini(&f->literals);
	secret_wipe(f->tail, f->tail_len);
}

/* From here on the command is only read, not kept. */
static void refuse(struct imap_frame *f, int code, const char *why)
{
	if (f->refused)
		return;
	f->refused = code;
	f->why = why;
}

static int refuse_now(struct imap_frame *f, int code, const char *why, bool fatal)
{
	refuse(f, code, why);
	f->fatal = fatal;
	f->done = true;
	return f->refused;
}

static void tail_add(struct imap_frame *f, struct span s)
{
	size_t keep;

	if (s.n > sizeof(f->tail))
		s = span_from(s, s.n - sizeof(f->tail));
	keep = sizeof(f->tail) - s.n;
	if (keep > f->tail_len)
		keep = f->tail_len;
	memmove(f->tail, f->tail + f->tail_len - keep, keep);
	memcpy(f->tail + keep, s.p, s.n);
	f->tail_len = (uint8_t)(keep + s.n);
}

/* Takes bytes up to and including the next LF. 0 none yet, 1 line end seen, <0 fatal. */
static int line_take(struct imap_frame *f, struct span in, size_t *used)
{
	const char *lf = memchr(in.p, '\n', in.n);
	struct span s = span_sub(in, 0, lf ? (size_t)(lf - in.p) + 1 : in.n);
	size_t room = f->limits->line_max - f->text_len;

	*used += s.n;
	f->total += s.n;
	tail_add(f, s);
	if (!f->refused && s.n > room) {
		buf_add(&f->text, span_sub(s, 0, room));
		f->tag_whole = false;
		refuse(f, ERR_TOOBIG, "Command line too long");
	} else if (!f->refused) {
		buf_add(&f->text, s);
		f->text_len += s.n;
	}
	if (f->total > f->limits->command_max)
		return refuse_now(f, ERR_TOOBIG, "Command too long", true);
	return lf ? 1 : 0;
}

/* literal  = "{" number64 ["+"] "}" CRLF *CHAR8
 * literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
 * The line in f->tail has ended: does it end with such a header? */
static bool header_read(const struct imap_frame *f, struct header *out)
{
	struct span s = {f->tail, f->tail_len}, num;
	size_t i;

	*out = (struct header){.sync = true};
	s.n--;
	out->bare_lf = !span_ends(s, SPAN("\r"));
	if (!out->bare_lf)
		s.n--;
	if (!span_ends(s, SPAN("}")))
		return false;
	s.n--;
	if (span_ends(s, SPAN("+"))) {
		out->sync = false;
		s.n--;
	}
	for (i = s.n; i && ascii_digit(s.p[i - 1]); i--)
		;
	num = span_from(s, i);
	if (!num.n)
		return false;
	if (i ? s.p[i - 1] != '{' : f->tail_len < sizeof(f->tail))
		return false;
	/* more digits than the tail holds: taken for a literal, the cautious reading */
	out->huge = !i || !span_num(num, &out->len, 0, INT64_MAX);
	out->binary = i >= 2 && s.p[i - 2] == '~';
	return true;
}

/* May this command bring bodies too large for the frame? */
static bool may_spool(const struct imap_frame *f)
{
	struct span in = buf_span(&f->text), tag, verb;

	if (f->limits->literal_max <= f->limits->inline_max || !imap_tag_scan(&in, &tag))
		return false;
	for (int words = 0; words < 2; words++) {
		while (in.n && in.p[0] == ' ')
			in = span_from(in, 1);
		verb = span_cut(&in, ' ');
		if (span_ieqz(verb, "append") || span_ieqz(verb, "replace"))
			return true;
		if (!span_ieqz(verb, "uid"))
			return false;
	}
	return false;
}

static uint64_t inline_sum(const struct imap_frame *f)
{
	return f->text.n - f->text_len;
}

static void header_check(struct imap_frame *f, const struct header *h)
{
	size_t count;

	if (f->refused)
		return;
	imap_frame_literals(f, &count);
	if (h->bare_lf)
		refuse(f, ERR_SYNTAX, "CRLF expected after a literal's size");
	else if (h->huge || h->len > f->limits->literal_max)
		refuse(f, ERR_TOOBIG, "Literal too large");
	else if (count >= f->limits->literal_count_max)
		refuse(f, ERR_LIMIT, "Too many literals");
	else if (h->len > f->limits->inline_max - inline_sum(f) && !may_spool(f))
		refuse(f, ERR_TOOBIG, "Literal too large for this command");
}

/* A literal header was read: 0 go on, 1 CONTINUE is due, <0 refused. */
static int literal_begin(struct imap_frame *f, const struct header *h)
{
	bool unbounded = h->huge || h->bare_lf || h->len > f->limits->command_max - f->total;
	struct imap_literal lit = {.at = f->text.n, .len = h->len, .binary = h->binary};

	header_check(f, h);
	if (unbounded)
		refuse(f, ERR_TOOBIG, "Command too long");
	/* The client waits for "+" before it sends the body, so we are in step; an announced body
	 * that nobody asked about has to be read over or the connection is lost. */
	if (f->refused && (h->sync || unbounded))
		return refuse_now(f, f->refused, f->why, !h->sync);
	f->total += h->len;
	f->inside = true;
	f->body_left = h->len;
	f->tail_len = 0;
	if (f->refused)
		return 0;
	lit.spooled = h->len > f->limits->inline_max - inline_sum(f);
	lit.off = lit.spooled ? f->spool_len : 0;
	buf_add(&f->literals, SPAN_BYTES(&lit, sizeof(lit)));
	if (!h->sync)
		return 0;
	f->literal_len = h->len;
	f->announced = true;
	f->event = IMAP_FRAME_CONTINUE;
	return 1;
}

/* A whole line stands in the text: 0 go on, 1 hand f->event out, <0 refused. */
static int line_end(struct imap_frame *f)
{
	struct header h;

	if (header_read(f, &h))
		return literal_begin(f, &h);
	f->done = true;
	if (f->refused)
		return f->refused;
	f->event = IMAP_FRAME_COMPLETE;
	return 1;
}

/* Takes what there is of a literal body; true when the caller has to spool it. */
static bool body_take(struct imap_frame *f, struct span in, size_t *used)
{
	struct span s = span_sub(in, 0, f->body_left < in.n ? (size_t)f->body_left : in.n);
	struct imap_literal *lit;

	*used += s.n;
	f->body_left -= s.n;
	if (f->refused || !s.n)
		return false;
	lit = (struct imap_literal *)(void *)(f->literals.p + f->literals.n) - 1;
	if (!lit->has_nul)
		lit->has_nul = span_has_nul(s);
	if (!lit->spooled) {
		buf_add(&f->text, s);
		return false;
	}
	f->spool = s;
	f->spool_len += s.n;
	f->event = IMAP_FRAME_SPOOL;
	return true;
}

int imap_frame(struct imap_frame *f, struct span in, size_t *used)
{
	*used = 0;
	if (f->done)
		frame_reset(f);
	f->event = IMAP_FRAME_MORE;
	f->spool = SPAN_NONE;
	f->announced = false;
	for (;;) {
		int r;

		if (f->inside) {
			if (body_take(f, span_from(in, *used), used))
				return 0;
			if (f->body_left)
				return 0;
			f->inside = false;
		}
		if (*used == in.n)
			return 0;
		r = line_take(f, span_from(in, *used), used);
		if (r <= 0)
			return r;
		r = line_end(f);
		if (r < 0)
			return r;
		if (r > 0)
			return f->done;
	}
}

int imap_frame_line(struct imap_frame *f, struct span in, size_t *used)
{
	int r;

	*used = 0;
	if (f->done)
		frame_reset(f);
	f->event = IMAP_FRAME_MORE;
	f->spool = SPAN_NONE;
	assert(!f->inside);
	if (!in.n)
		return 0;
	r = line_take(f, in, used);
	if (r <= 0)
		return r;
	f->done = true;
	if (f->refused)
		return f->refused;
	f->event = IMAP_FRAME_COMPLETE;
	return 1;
}

void imap_frame_drop(struct imap_frame *f)
{
	assert(f->announced);
	f->announced = f->inside = false;
	f->done = true;
}

bool imap_frame_idle(const struct imap_frame *f)
{
	return f->done || !f->total;
}

struct span imap_frame_text(const struct imap_frame *f)
{
	struct span s = buf_span(&f->text);

	if (span_ends(s, SPAN("\n")))
		s.n--;
	if (span_ends(s, SPAN("\r")))
		s.n--;
	return s;
}

const struct imap_literal *imap_frame_literals(const struct imap_frame *f, size_t *count_out)
{
	*count_out = f->literals.n / sizeof(struct imap_literal);
	return (const struct imap_literal *)(const void *)f->literals.p;
}

/* A line cut off within its first word has no readable tag. */
struct span imap_frame_tag(const struct imap_frame *f)
{
	struct span in = imap_frame_text(f), tag;

	if (!imap_tag_scan(&in, &tag) || (!in.n && !(f->done && f->tag_whole)))
		return SPAN_NONE;
	return tag;
}
