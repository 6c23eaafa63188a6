/* setup.c - the page for people: which address, then the settings as text and the profile for Apple's devices.
 * No script, no cookie; English and German, as the reader's program asks for. */
#include "proto/http/http_int.h"
#include <string.h>

static const struct words {
	const char *lang, *title, *lead, *label, *hint, *button, *wrong, *foreign, *auto_title, *auto_text, *apple_title, *apple_text,
		*apple_link, *hand_title, *hand_text, *address, *server, *port, *security, *name, *password, *own_password, *same,
		*imap, *smtp, *pop, *tls, *other, *starttls;
} english = {
	"en", "Set up your mail", "Type your e-mail address to see how to read and send mail with your own mail program.",
	"E-mail address", "for example anna@", "Show settings",
	"This does not look like an e-mail address. Please check it.",
	"This server does not handle mail for this address. Please check what stands after the @.",
	"Thunderbird, Outlook and many others", "Enter your address and your password: the program finds the rest by itself.",
	"iPhone, iPad and Mac", "Load the profile, then open the device's settings and install it. It asks for your password.",
	"Load the profile", "By hand", "If a program asks for more, these are the settings:",
	"Address", "Server", "Port", "Security", "User name", "Password", "your password, never shown here", "the same",
	"Incoming mail (IMAP)", "Outgoing mail (SMTP)", "Incoming mail for old programs (POP3)", "TLS (SSL)",
	"If your program does not offer TLS (SSL): port", "with STARTTLS",
}, german = {
	"de", "E-Mail einrichten", "Geben Sie Ihre E-Mail-Adresse ein. Sie sehen dann, wie Sie mit Ihrem eigenen Programm Mails lesen "
	"und schreiben.",
	"E-Mail-Adresse", "zum Beispiel anna@", "Einstellungen zeigen",
	"Das sieht nicht nach einer E-Mail-Adresse aus. Bitte prüfen Sie die Eingabe.",
	"Für diese Adresse ist dieser Server nicht zuständig. Bitte prüfen Sie, was hinter dem @ steht.",
	"Thunderbird, Outlook und viele andere", "Geben Sie im Programm Ihre Adresse und Ihr Passwort ein. Alles Weitere findet es "
	"selbst.",
	"iPhone, iPad und Mac", "Laden Sie das Profil und installieren Sie es danach in den Einstellungen des Geräts. Dabei werden Sie "
	"nach Ihrem Passwort gefragt.",
	"Profil laden", "Von Hand", "Falls ein Programm mehr wissen will, gelten diese Einstellungen:",
	"Adresse", "Server", "Port", "Sicherheit", "Benutzername", "Passwort", "Ihr Passwort; es wird hier nie gezeigt", "dasselbe",
	"Posteingang (IMAP)", "Postausgang (SMTP)", "Posteingang für alte Programme (POP3)", "TLS (SSL)",
	"Falls Ihr Programm kein TLS (SSL) anbietet: Port", "mit STARTTLS",
};

static const char style[] =
	":root{color-scheme:light dark}\n"
	"body{font:1.0625rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1.5rem 1rem 3rem;"
	"color:#1b1b1f;background:#fff}\n"
	"h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0 1rem}\nh2{font-size:1.2rem;margin:2rem 0 .4rem}\n"
	"h3{font-size:1rem;margin:1.2rem 0 .3rem}\n.house,.other{margin:0;color:#555}.other{margin-top:.3rem}\n"
	"label{display:block;font-weight:600;margin-top:1.2rem}\n#hint{color:#555;margin:.2rem 0 .4rem}\n"
	"input,button,.button{font:inherit;padding:.65rem .8rem;border-radius:.4rem;box-sizing:border-box}\n"
	"input{width:100%;border:1px solid #777;background:#fff;color:#1b1b1f}\n"
	"button,.button{display:inline-block;margin-top:.8rem;border:0;background:#134a86;color:#fff;text-decoration:none;"
	"cursor:pointer}\n"
	"input:focus-visible,button:focus-visible,.button:focus-visible{outline:3px solid #d98200;outline-offset:2px}\n"
	".wrong{border-left:.3rem solid #a30d11;padding:.5rem .8rem;background:#fdeceb;color:#5c0709}\n"
	"dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.25rem 1rem;margin:0}\n"
	"dt{color:#555}\ndd{margin:0;overflow-wrap:anywhere;user-select:all}\n"
	"@media (prefers-color-scheme:dark){body,input{background:#17171a;color:#ececf0}.house,.other,#hint,dt{color:#b5b5bd}"
	"button,.button{background:#8ab8ee;color:#0d1a29}.wrong{background:#3a1416;color:#ffd9d8}}\n";

static void add_row(struct buf *b, const char *name, struct span value)
{
	buf_addf(b, "<dt>%s</dt><dd>", name);
	http_escape(b, value);
	buf_addz(b, "</dd>\n");
}

/* Both ways of a kind stand in one list: the port for TLS, or the other with STARTTLS. */
static void add_kind(struct buf *b, struct call *c, const struct words *w, const char *kind, const char *title, struct span address)
{
	unsigned tls = 0, starttls = 0;

	for (size_t i = 0; i < sizeof(mail_ways) / sizeof(*mail_ways); i++)
		if (!strcmp(mail_ways[i].kind, kind))
			*(mail_ways[i].tls ? &tls : &starttls) = mail_ways[i].port;
	buf_addf(b, "<h3>%s</h3>\n<dl>\n", title);
	add_row(b, w->server, span_str(c->house->hostname));
	buf_addf(b, "<dt>%s</dt><dd>%u</dd>\n<dt>%s</dt><dd>%s</dd>\n", w->port, tls, w->security, w->tls);
	add_row(b, w->name, address);
	add_row(b, w->password, span_str(strcmp(kind, "smtp") ? w->own_password : w->same));
	buf_addf(b, "</dl>\n<p class=\"other\">%s %u %s.</p>\n", w->other, starttls, w->starttls);
}

static void add_settings(struct buf *b, struct call *c, const struct words *w, struct span address)
{
	buf_addf(b, "<h2>%s</h2>\n<p>%s</p>\n<h2>%s</h2>\n<p>%s</p>\n<p><a class=\"button\" href=\"/mail/apple.mobileconfig?email=",
		w->auto_title, w->auto_text, w->apple_title, w->apple_text);
	for (size_t i = 0; i < address.n; i++)
		buf_addf(b, ascii_alpha(address.p[i]) || ascii_digit(address.p[i]) ? "%c" : "%%%02X", (unsigned char)address.p[i]);
	buf_addf(b, "\">%s</a></p>\n<h2>%s</h2>\n<p>%s</p>\n", w->apple_link, w->hand_title, w->hand_text);
	add_kind(b, c, w, "imap", w->imap, address);
	add_kind(b, c, w, "smtp", w->smtp, address);
	add_kind(b, c, w, "pop3", w->pop, address);
}

static void add_form(struct buf *b, const struct words *w, struct span address, struct span domain, const char *wrong)
{
	if (wrong)
		buf_addf(b, "<p class=\"wrong\" id=\"wrong\" role=\"alert\">%s</p>\n", wrong);
	buf_addf(b, "<form method=\"get\" action=\"/mail/setup\">\n<label for=\"email\">%s</label>\n", w->label);
	if (domain.n) {
		buf_addf(b, "<p id=\"hint\">%s", w->hint);
		http_escape(b, domain);
		buf_addz(b, "</p>\n");
	}
	buf_addf(b, "<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" required%s%s value=\"",
		domain.n ? " aria-describedby=\"hint\"" : "", wrong ? " aria-invalid=\"true\" aria-errormessage=\"wrong\"" : "");
	http_escape(b, address);
	buf_addf(b, "\">\n<button>%s</button>\n</form>\n", w->button);
}

int http_setup(struct call *c, struct http_request *q, struct err *e)
{
	const struct words *w = q->german ? &german : &english;
	struct span address = http_parameter(c, q, "email"), domain;
	int rc = http_own_address(c, address, &domain, e);
	SCOPED_BUF b;

	buf_init(&b, 262144);
	if (e->code)
		return e->code;
	buf_addf(&b, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
		"content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<link rel=\"stylesheet\" "
		"href=\"/mail/setup.css\">\n</head>\n<body>\n<main>\n<p class=\"house\">", w->lang, w->title);
	http_escape(&b, q->organisation.n ? q->organisation : q->domain);
	buf_addf(&b, "</p>\n<h1>%s</h1>\n<p>%s</p>\n", w->title, w->lead);
	add_form(&b, w, address, q->domain, rc == ERR_SYNTAX ? w->wrong : rc == ERR_DENIED ? w->foreign : NULL);
	if (rc == 0)
		add_settings(&b, c, w, address);
	buf_addz(&b, "</main>\n</body>\n</html>\n");
	http_say(c, q, 200, "text/html; charset=utf-8", SPAN_NONE, buf_span(&b));
	return 0;
}

int http_style(struct call *c, struct http_request *q, struct err *e)
{
	(void)e;
	http_say(c, q, 200, "text/css; charset=utf-8", SPAN_NONE, SPAN_BYTES(style, sizeof(style) - 1));
	return 0;
}
