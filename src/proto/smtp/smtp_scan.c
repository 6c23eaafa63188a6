/* smtp_scan.c - what a spam filter (rspamd) and a virus scanner (clamd) say about a mail, where they are configured.
 *
 * Asked: both about strangers' mail, the virus scanner also about what our own people send. What rspamd wants is done: refused,
 * "later", or Junk with fields that Sieve's spamtest reads. Without its answer the mail comes in as if it had said nothing; without the
 * virus scanner's the setting virus.failure decides, and virus.too_large about mail that it does not take. Both failures are logged by `out` and counted (kontor_scans_total). */
#include "codec/mime/mime_header.h"
#include "proto/smtp/smtp_int.h"

#define FIELDS_MAX 8192

static unsigned scans_wanted(struct call *c)
{
	if (smtpd_stranger(c))
		return c->house->scanners & (SCAN_FOR_SPAM | SCAN_FOR_VIRUS);
	return c->session->service == SVC_SUBMISSION ? c->house->scanners & SCAN_FOR_VIRUS : 0;
}

static struct scan_job job_of(struct call *c, unsigned what)
{
	const struct smtp_session *s = smtp_session(c);
	const struct smtp_mail *m = &s->mail;
	size_t n = m->n < SCAN_RCPTS_MAX ? m->n : SCAN_RCPTS_MAX;
	struct span *rcpts = ARENA_ARRAY(c->arena, struct span, n + 1);

	for (size_t i = 0; i < n; i++)
		rcpts[i] = m->rcpts[i].address;
	return (struct scan_job){ .what = what, .envelope = { .ip = c->session->peer.address, .helo = span_str(s->helo),
		.sender = m->sender, .user = c->session->login, .rcpts = rcpts, .n_rcpts = n } };
}

static void say_spam(struct call *c, const struct scan_spam *s, struct smtp_checked *out)
{
	struct span text;

	switch (s->action) {
	case SCAN_REJECT:
		out->refuse = s->message.n ? s->message : SPAN("Refused as spam");
		break;
	case SCAN_DEFER:
		out->later = s->message.n ? s->message : SPAN("Not now, try again later");
		break;
	case SCAN_JUNK:
		out->spam = true;
		break;
	default:
		break;
	}
	SCOPED_BUF b;

	buf_init(&b, FIELDS_MAX);
	text = arena_printf(c->arena, "default: %s [%.2f / %.2f]; %.*s", s->action == SCAN_JUNK ? "True" : "False",
		(double)s->score_milli / 1000, (double)s->required_milli / 1000, SPAN_F(s->words));
	buf_add(&b, out->field);
	mime_header_add(&b, "X-Spamd-Result", text);
	buf_addf(&b, "X-Spam-Flag: %s\r\n", s->action == SCAN_JUNK ? "YES" : "NO");
	if (!b.failed)
		out->field = arena_span(c->arena, buf_span(&b));
}

static void say_virus(struct call *c, const struct scan_result *r, struct smtp_checked *out)
{
	if (r->virus_state == SCAN_FAILED && !smtpd_setting_is(c, "virus.failure", "accept"))
		out->defer = SPAN("The virus scanner does not answer, try again later");
	if (r->virus_state == SCAN_TOO_LARGE && smtpd_setting_is(c, "virus.too_large", "refuse"))
		out->refuse = SPAN("Refused: the mail is too large for the virus scanner");
	else if (r->virus_state == SCAN_TOO_LARGE)
		out->field = arena_printf(c->arena, "%.*sX-Virus-Unscanned: too large for clamd at %s\r\n", SPAN_F(out->field), c->house->hostname);
	if (r->virus_state != SCAN_DONE)
		return;
	if (r->virus.n)
		out->refuse = arena_printf(c->arena, "Refused: the mail contains %.*s", SPAN_F(r->virus));
	else
		out->field = arena_printf(c->arena, "%.*sX-Virus-Scanned: clamd at %s\r\n", SPAN_F(out->field), c->house->hostname);
}

bool smtpd_scan(struct call *c, struct span message, struct smtp_checked *out)
{
	unsigned what = c->house->scan ? scans_wanted(c) : 0;
	struct scan_job job;
	struct scan_result r;

	if (!what)
		return true;
	job = job_of(c, what);
	if (!c->house->scan(c, &job, message, &r)) {
		c->waits = true;
		return false;
	}
	if (r.spam_state == SCAN_DONE)
		say_spam(c, &r.spam, out);
	say_virus(c, &r, out);
	return true;
}
