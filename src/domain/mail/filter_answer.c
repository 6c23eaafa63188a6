/* filter_answer.c - the mails that vacation and notify send, and whom nobody answers (RFC 5230 section 4, 5436 2.7, 3834). */
#include "base/time.h"
#include "codec/mime/mime_body.h"
#include "codec/mime/mime_charset.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_envelope.h"
#include "codec/mime/mime_header.h"
#include "codec/mime/mime_word.h"
#include "domain/mail/filter_int.h"
#include "domain/org/address.h"

#define ANSWER_MAX (1u << 20)

/* Nobody reads there: section 4.6. */
static bool machine_sender(struct span sender)
{
	static const char *const starts[] = { "mailer-daemon", "listserv", "majordomo", "noreply", "no-reply", "donotreply", "owner-",
		"postmaster" };
	ssize_t at = span_rchr(sender, '@');
	struct span local = at < 0 ? sender : span_sub(sender, 0, (size_t)at);

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (span_istarts(local, span_str(starts[i])))
			return true;
	return !sender.n || span_ends(local, SPAN("-request")) || span_ends(local, SPAN("-owner")) || span_ends(local, SPAN("-bounces"));
}

static bool machine_header(struct arena *a, struct span header)
{
	struct mime_field f;
	struct span rest = header;

	while (mime_header_next(&rest, &f)) {
		struct span v = span_trim(mime_header_unfold(a, f.value));

		if (span_istarts(f.name, SPAN("List-")))
			return true;
		if (span_ieqz(f.name, "Auto-Submitted") && !span_ieqz(v, "no"))
			return true;
		if (span_ieqz(f.name, "Precedence") && (span_ieqz(v, "bulk") || span_ieqz(v, "list") || span_ieqz(v, "junk")))
			return true;
		if (span_ieqz(f.name, "X-Auto-Response-Suppress") && (span_ieqz(v, "all") || span_find(v, SPAN("OOF")) >= 0))
			return true;
	}
	return false;
}

static bool mine(struct arena *a, const struct filter_who *w, const struct sieve_action *act, struct span address)
{
	if (address_same(a, address, w->account.address) || (w->rcpt.n && address_same(a, address, w->rcpt)))
		return true;
	for (size_t i = 0; i < act->n_addresses; i++)
		if (address_same(a, address, act->addresses[i]))
			return true;
	return false;
}

/* Was it written to me, or did it only pass by (section 4.5)? */
static bool to_me(struct arena *a, const struct filter_who *w, const struct sieve_action *act, struct span header)
{
	static const char *const names[] = { "To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc" };
	struct span rest = header;
	struct mime_field f;

	while (mime_header_next(&rest, &f)) {
		struct mime_addresses l;
		bool wanted = false;

		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			wanted |= span_ieqz(f.name, names[i]);
		if (!wanted)
			continue;
		mime_addresses_parse(a, mime_header_unfold(a, f.value), &l);
		for (size_t i = 0; i < l.count && i < 500; i++)
			if (l.rows[i].domain.n && mine(a, w, act, arena_printf(a, "%.*s@%.*s", SPAN_F(l.rows[i].local), SPAN_F(l.rows[i].domain))))
				return true;
	}
	return false;
}

static struct span field(struct arena *a, struct span header, const char *name)
{
	struct mime_field f;

	return mime_header_find(header, name, &f) ? span_trim(mime_header_unfold(a, f.value)) : SPAN_NONE;
}

/* One line without control characters: goes into a header as it is. */
static struct span line(struct arena *a, struct span s, size_t max)
{
	char *p = arena_dup(a, s.p, s.n < max ? s.n : max);

	s.n = s.n < max ? s.n : max;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)p[i] < 32 || p[i] == 127)
			p[i] = ' ';
	return span_trim((struct span){ p, s.n });
}

static void add_words(struct buf *b, const char *name, struct span text)
{
	SCOPED_BUF w;

	buf_init(&w, 65536);
	mime_word_encode(&w, text, false);
	mime_header_add(b, name, buf_span(&w));
}

static void add_from(struct arena *a, struct buf *b, const struct filter_who *w, const struct sieve_action *act)
{
	struct mime_addresses l = { 0 };
	SCOPED_BUF f;

	buf_init(&f, 4096);
	if (act->from.n)
		mime_addresses_parse(a, line(a, act->from, 500), &l);
	if (l.count == 1 && l.rows[0].domain.n &&
		mine(a, w, act, arena_printf(a, "%.*s@%.*s", SPAN_F(l.rows[0].local), SPAN_F(l.rows[0].domain)))) {
		if (l.rows[0].name.n) {
			mime_word_encode(&f, mime_word_decode(a, l.rows[0].name), true);
			buf_addc(&f, ' ');
		}
		buf_addf(&f, "<%.*s@%.*s>", SPAN_F(l.rows[0].local), SPAN_F(l.rows[0].domain));
	} else {
		if (w->account.name.n) {
			mime_word_encode(&f, w->account.name, true);
			buf_addc(&f, ' ');
		}
		buf_addf(&f, "<%.*s>", SPAN_F(w->account.address));
	}
	mime_header_add(b, "From", buf_span(&f));
}

static void add_common(struct arena *a, struct buf *b, const struct filter_who *w, const struct sieve_action *act, struct span rcpt)
{
	SCOPED_BUF date;

	buf_init(&date, 64);
	add_from(a, b, w, act);
	mime_header_add(b, "To", arena_printf(a, "<%.*s>", SPAN_F(rcpt)));
	mime_date_format(&date, w->mail->now_sec, w->mail->zone_min);
	mime_header_add(b, "Date", buf_span(&date));
	mime_header_add(b, "Message-ID", arena_printf(a, "<%016llx.%016llx@%s>", (unsigned long long)random_u64(),
		(unsigned long long)random_u64(), w->mail->hostname));
	mime_header_add(b, "MIME-Version", SPAN("1.0"));
	buf_addz(b, FILTER_LOOP_FIELD ": answer\r\n");
}

static void add_text(struct buf *b, struct span text)
{
	buf_addz(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
	mime_qp_encode(b, text);
	buf_addz(b, "\r\n");
}

bool filter_vacation(struct arena *a, const struct filter_who *w, const struct sieve_action *act, struct span header,
	struct filter_out *out)
{
	struct span sender = w->mail->sender, id = field(a, header, "Message-ID"), subject = field(a, header, "Subject"),
		references = field(a, header, "References");
	SCOPED_BUF b;

	buf_init(&b, ANSWER_MAX);
	if (machine_sender(sender) || machine_header(a, header) || mine(a, w, act, sender) || !to_me(a, w, act, header))
		return false;
	add_common(a, &b, w, act, sender);
	if (act->subject.n)
		add_words(&b, "Subject", line(a, act->subject, 500));
	else
		add_words(&b, "Subject", arena_printf(a, "Auto: %.*s", SPAN_F(line(a, mime_word_decode(a, subject), 200))));
	buf_addz(&b, "Auto-Submitted: auto-replied (vacation)\r\n");
	if (id.n) {
		mime_header_add(&b, "In-Reply-To", span_sub(id, 0, 900));
		mime_header_add(&b, "References", arena_printf(a, "%.*s %.*s", SPAN_F(span_sub(references, 0, 2000)), SPAN_F(span_sub(id, 0, 900))));
	}
	if (act->mime)
		buf_add(&b, act->target);
	else
		add_text(&b, act->target);
	*out = (struct filter_out){ .sender = SPAN_NONE, .rcpt = sender, .message = arena_span(a, buf_span(&b)),
		.answered = arena_printf(a, "%zu:%.*s%.*s", act->handle.n, SPAN_F(act->handle), SPAN_F(sender)), .seconds = act->seconds };
	return !b.failed;
}

void filter_notify(struct arena *a, const struct filter_who *w, const struct sieve_action *act, struct span header,
	struct filter_out *out)
{
	struct span subject = field(a, header, "Subject"), from = field(a, header, "From"),
		text = line(a, mime_word_decode(a, subject), 200), who = line(a, mime_word_decode(a, from), 200);
	SCOPED_BUF b;

	buf_init(&b, ANSWER_MAX);
	add_common(a, &b, w, act, act->target);
	add_words(&b, "Subject", act->subject.n ? line(a, act->subject, 500) : text);
	buf_addf(&b, "Auto-Submitted: auto-notified\r\n%s", act->importance == 1 ? "Importance: high\r\nX-Priority: 1\r\n" :
		act->importance == 3 ? "Importance: low\r\nX-Priority: 5\r\n" : "");
	add_text(&b, arena_printf(a, "From: %.*s\nSubject: %.*s\n", SPAN_F(who), SPAN_F(text)));
	*out = (struct filter_out){ .sender = w->account.address, .rcpt = act->target, .message = arena_span(a, buf_span(&b)) };
}
