/* autoconfig.c - what Thunderbird, K-9, Evolution and KMail ask for (config-v1.1, draft-ietf-mailmaint-autoconfig).
 * The answer is the same for every address of a domain. */
#include "proto/http/http_int.h"
#include <string.h>

const struct mail_way mail_ways[6] = { { "imap", 993, true }, { "imap", 143, false }, { "pop3", 995, true },
	{ "pop3", 110, false }, { "smtp", 465, true }, { "smtp", 587, false } };

static void add_server(struct buf *b, const struct call *c, const struct mail_way *w)
{
	const char *element = strcmp(w->kind, "smtp") ? "incomingServer" : "outgoingServer";

	buf_addf(b, "    <%s type=\"%s\">\n      <hostname>", element, w->kind);
	http_escape(b, span_str(c->house->hostname));
	buf_addf(b, "</hostname>\n      <port>%u</port>\n      <socketType>%s</socketType>\n"
		"      <authentication>password-cleartext</authentication>\n      <username>%%EMAILADDRESS%%</username>\n    </%s>\n",
		w->port, w->tls ? "SSL" : "STARTTLS", element);
}

int http_autoconfig(struct call *c, struct http_request *q, struct err *e)
{
	struct span address = http_parameter(c, q, "emailaddress"), domain = q->domain;
	int rc = http_own_address(c, address, &domain, e);
	struct span name;
	SCOPED_BUF b;

	buf_init(&b, 65536);
	if (e->code)
		return e->code;
	if ((rc < 0 && rc != ERR_MISSING) || !domain.n) {
		http_error(c, q, 404);
		return 0;
	}
	name = q->organisation.n ? q->organisation : domain;
	buf_addz(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n  <emailProvider id=\"");
	http_escape(&b, domain);
	buf_addz(&b, "\">\n    <domain>");
	http_escape(&b, domain);
	buf_addz(&b, "</domain>\n    <displayName>");
	http_escape(&b, name);
	buf_addz(&b, "</displayName>\n    <displayShortName>");
	http_escape(&b, name);
	buf_addz(&b, "</displayShortName>\n");
	for (size_t i = 0; i < 6; i++)
		add_server(&b, c, &mail_ways[i]);
	buf_addz(&b, "  </emailProvider>\n</clientConfig>\n");
	http_say(c, q, 200, "text/xml; charset=utf-8", SPAN_NONE, buf_span(&b));
	return 0;
}
