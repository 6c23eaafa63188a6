/* report_text.c - what people read in a report: first what happened, then to whom, then the servers' words. */
#include "domain/mail/report.h"

static const struct {
	const char *subject, *about;
} texts[2][MIME_DSN_EXPANDED + 1] = {
	{
		[MIME_DSN_FAILED] = { "Your message could not be delivered",
			"Your message could not be delivered to the following recipients. "
			"No further attempts will be made." },
		[MIME_DSN_DELAYED] = { "Your message is delayed",
			"Your message has not been delivered to the following recipients yet. "
			"You need not do anything: further attempts will be made." },
		[MIME_DSN_DELIVERED] = { "Your message was delivered",
			"Your message was delivered to the following recipients." },
		[MIME_DSN_RELAYED] = { "Your message was passed on",
			"Your message was passed on to a server that sends no confirmations." },
		[MIME_DSN_EXPANDED] = { "Your message was passed on",
			"Your message was passed on to all behind the following addresses." },
	},
	{
		[MIME_DSN_FAILED] = { "Ihre Nachricht konnte nicht zugestellt werden",
			"Ihre Nachricht konnte den folgenden Empfängern nicht zugestellt werden. "
			"Es wird nicht weiter versucht." },
		[MIME_DSN_DELAYED] = { "Ihre Nachricht verzögert sich",
			"Ihre Nachricht konnte den folgenden Empfängern noch nicht zugestellt werden. "
			"Sie müssen nichts tun: Es wird weiter versucht." },
		[MIME_DSN_DELIVERED] = { "Ihre Nachricht wurde zugestellt",
			"Ihre Nachricht wurde den folgenden Empfängern zugestellt." },
		[MIME_DSN_RELAYED] = { "Ihre Nachricht wurde weitergegeben",
			"Ihre Nachricht wurde an einen Server weitergegeben, der keine Bestätigungen schickt." },
		[MIME_DSN_EXPANDED] = { "Ihre Nachricht wurde weitergegeben",
			"Ihre Nachricht wurde an alle weitergegeben, die hinter den folgenden Adressen stehen." },
	},
};
static const char *const said[2] = { "The answer was", "Die Antwort war" };
static const char *const below[2] = {
	"Below is your message or its beginning, for your records.",
	"Darunter steht zur Erinnerung Ihre Nachricht oder ihr Anfang.",
};

static int german(struct span language)
{
	return span_istarts(language, SPAN("de"));
}

struct span report_subject(const struct report *r, struct span language)
{
	enum mime_dsn_action worst = r->rows[0].action;

	for (size_t i = 1; i < r->n; i++)
		if (r->rows[i].action < worst)
			worst = r->rows[i].action;
	return span_str(texts[german(language)][worst].subject);
}

static bool any(const struct report *r, enum mime_dsn_action action)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].action == action)
			return true;
	return false;
}

struct span report_text(struct arena *a, const struct report *r, struct span language)
{
	int de = german(language);
	struct span out;
	SCOPED_BUF b;

	buf_init(&b, 8u << 20);
	for (int action = MIME_DSN_FAILED; action <= MIME_DSN_EXPANDED; action++) {
		if (!any(r, (enum mime_dsn_action)action))
			continue;
		buf_addf(&b, "%s\n\n", texts[de][action].about);
		for (size_t i = 0; i < r->n; i++) {
			const struct mime_dsn_recipient *w = &r->rows[i];

			if ((int)w->action != action)
				continue;
			buf_addf(&b, "  %.*s\n", SPAN_F(w->address));
			if (w->diagnostic.n)
				buf_addf(&b, "    %s: %.*s\n", said[de], SPAN_F(w->diagnostic));
		}
		buf_addc(&b, '\n');
	}
	buf_addf(&b, "%s\n", below[de]);
	out = arena_span(a, buf_span(&b));
	return out;
}
