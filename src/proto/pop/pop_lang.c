/* pop_lang.c - LANG: answers in English or German (RFC 6856 section 3). The house speaks from inside core, so both
 * languages stand side by side; what the gate refuses by itself is English. */
#include "domain/org/org.h"
#include "proto/pop/pop_int.h"

static const struct {
	const char *english, *german;
} texts[] = {
	{ "Nothing done", "Nichts getan" },
	{ "Capabilities follow", "Es folgen die Fähigkeiten" },
	{ "TLS is in use already", "TLS ist schon in Gebrauch" },
	{ "Begin TLS negotiation now", "Jetzt mit TLS beginnen" },
	{ "Signed in already", "Schon angemeldet" },
	{ "Sign in first", "Zuerst anmelden" },
	{ "Wrong number of arguments", "Falsche Anzahl von Argumenten" },
	{ "Unknown command", "Unbekannter Befehl" },
	{ "Temporarily sealed, try again later", "Vorübergehend versiegelt, bitte später wieder versuchen" },
	{ "Too busy, try again later", "Überlastet, bitte später wieder versuchen" },
	{ "Internal error", "Interner Fehler" },
	{ "Sign in over TLS only", "Anmeldung nur über TLS" },
	{ "Temporary authentication failure", "Anmeldung vorübergehend nicht möglich" },
	{ "Too many connections of this account", "Zu viele Verbindungen dieses Kontos" },
	{ "Wrong name or password", "Name oder Passwort falsch" },
	{ "Too many failed attempts, try again later", "Zu viele Fehlversuche, bitte später wieder versuchen" },
	{ "Name too long", "Name zu lang" },
	{ "And the password?", "Und das Passwort?" },
	{ "Password too long", "Passwort zu lang" },
	{ "USER comes first", "Zuerst kommt USER" },
	{ "Not base64", "Kein Base64" },
	{ "Mechanisms follow", "Es folgen die Verfahren" },
	{ "Unknown mechanism", "Unbekanntes Verfahren" },
	{ "Nothing to continue", "Nichts fortzusetzen" },
	{ "Cancelled", "Abgebrochen" },
	{ "Another POP3 session has this mailbox", "Eine andere POP3-Sitzung hat dieses Postfach" },
	{ "Message number expected", "Nummer einer Nachricht erwartet" },
	{ "No such message", "Diese Nachricht gibt es nicht" },
	{ "The message has been removed elsewhere", "Die Nachricht wurde anderswo entfernt" },
	{ "Number of lines expected", "Anzahl der Zeilen erwartet" },
	{ "Will be removed at QUIT", "Wird bei QUIT entfernt" },
	{ "Nothing has been removed", "Nichts wurde entfernt" },
	{ "Bye", "Auf Wiedersehen" },
	{ "No such language", "Diese Sprache gibt es nicht" },
	{ "Languages follow", "Es folgen die Sprachen" },
};

const char *pop_text(const struct call *c, const char *english)
{
	for (size_t i = 0; pop_session(c)->german && i < sizeof(texts) / sizeof(*texts); i++)
		if (span_eqz(span_str(english), texts[i].english))
			return texts[i].german;
	return english;
}

/* Of the house. */
static int preferred(struct tx *tx, void *arg, struct err *e)
{
	struct call *c = arg;
	struct span language = SPAN_NONE;

	if (org_setting_get(c->house->org, tx, c->arena, "organisation.language", &language, e) < 0 && e->code != ERR_MISSING)
		return e->code;
	err_clear(e);
	pop_session(c)->german = span_istarts(language, SPAN("de"));
	return 0;
}

/* "de" and what is more of it, as "de-AT" (RFC 4647 section 3.4: lookup). */
static bool asks_for(struct span range, const char *tag)
{
	struct span t = span_str(tag);

	return span_istarts(range, t) && (range.n == t.n || range.p[t.n] == '-');
}

/* lang = "LANG" [SP language-range]; "*": as the house has it */
void pop_lang(struct call *c)
{
	struct pop_session *s = pop_session(c);
	struct span range = pop_arg(c, 0);
	struct err e = ERR_INIT;

	if (!c->cmd->ntok) {
		pop_ok(c, "Languages follow");
		buf_addz(c->out, "en English\r\nde Deutsch\r\ni-default English\r\n.\r\n");
		return;
	}
	if (span_eqz(range, "*")) {
		if (store_read(c->house->store, preferred, c, &e) < 0) {
			pop_fail(c, &e);
			return;
		}
	} else if (asks_for(range, "de")) {
		s->german = true;
	} else if (asks_for(range, "en") || span_ieqz(range, "i-default")) {
		s->german = false;
	} else {
		pop_err(c, ERR_PARAM, NULL, "No such language");
		return;
	}
	buf_addf(c->out, "+OK %s %s\r\n", s->german ? "de" : span_ieqz(range, "i-default") ? "i-default" : "en",
		s->german ? "Antworten sind von nun an deutsch" : "Answers are in English from now on");
}
