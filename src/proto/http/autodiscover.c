/* autodiscover.c - what Outlook asks for: POX (version 1) with the settings, JSON (version 2) that leads there.
 * Exchange's own protocols are not spoken, and the answer says so. */
#include "proto/http/http_int.h"
#include <string.h>
#include "base/time.h"
#include "codec/xml/autodiscover.h"

#define SCHEMA "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
#define HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" \
	"<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n"

/* 500: the address is not one we serve; 600: the request; 601: no such form of answer */
static void say_problem(struct call *c, struct http_request *q, int code, const char *message)
{
	int64_t sec = time_real_sec() % 86400;

	http_say(c, q, 200, "application/xml; charset=utf-8", SPAN_NONE, arena_printf(c->arena, HEAD "<Response>\n<Error Time="
		"\"%02d:%02d:%02d\" Id=\"1\"><ErrorCode>%d</ErrorCode><Message>%s</Message><DebugData/></Error>\n"
		"</Response>\n</Autodiscover>\n", (int)(sec / 3600), (int)(sec / 60 % 60), (int)(sec % 60), code, message));
}

static void add_protocol(struct buf *b, const struct call *c, const struct mail_way *w, struct span address)
{
	buf_addf(b, "<Protocol>\n<Type>%s</Type>\n<Server>", !strcmp(w->kind, "imap") ? "IMAP" : !strcmp(w->kind, "pop3") ? "POP3" :
		"SMTP");
	http_escape(b, span_str(c->house->hostname));
	buf_addf(b, "</Server>\n<Port>%u</Port>\n<DomainRequired>off</DomainRequired>\n<LoginName>", w->port);
	http_escape(b, address);
	buf_addz(b, "</LoginName>\n<SPA>off</SPA>\n<SSL>on</SSL>\n<Encryption>SSL</Encryption>\n<AuthRequired>on</AuthRequired>\n");
	if (!strcmp(w->kind, "smtp"))
		buf_addz(b, "<UsePOPAuth>off</UsePOPAuth>\n<SMTPLast>off</SMTPLast>\n");
	buf_addz(b, "</Protocol>\n");
}

int http_autodiscover(struct call *c, struct http_request *q, struct err *e)
{
	struct autodiscover a;
	struct span domain;
	SCOPED_BUF b;
	int rc;

	buf_init(&b, 65536);
	if (autodiscover_parse(c->arena, q->body, &a, NULL) < 0) {
		say_problem(c, q, 600, "Invalid Request");
		return 0;
	}
	if (a.schema.n && !span_eqz(a.schema, SCHEMA)) {
		say_problem(c, q, 601, "Requested schema version not supported");
		return 0;
	}
	rc = http_own_address(c, a.address, &domain, e);
	if (e->code)
		return e->code;
	if (rc < 0) {
		say_problem(c, q, rc == ERR_DENIED ? 500 : 600, rc == ERR_DENIED ? "This domain is not served here" : "Invalid Request");
		return 0;
	}
	buf_addz(&b, HEAD "<Response xmlns=\"" SCHEMA "\">\n<Account>\n<AccountType>email</AccountType>\n<Action>settings</Action>\n");
	for (size_t i = 0; i < 6; i++)
		if (mail_ways[i].tls)
			add_protocol(&b, c, &mail_ways[i], a.address);
	buf_addz(&b, "</Account>\n</Response>\n</Autodiscover>\n");
	http_say(c, q, 200, "application/xml; charset=utf-8", SPAN_NONE, buf_span(&b));
	return 0;
}

int http_autodiscover_json(struct call *c, struct http_request *q, struct err *e)
{
	(void)e;
	if (span_ieqz(http_parameter(c, q, "Protocol"), "AutodiscoverV1"))
		http_say(c, q, 200, "application/json", SPAN_NONE, arena_printf(c->arena, "{\"Protocol\":\"AutodiscoverV1\","
			"\"Url\":\"https://%.*s/autodiscover/autodiscover.xml\"}\n", SPAN_F(q->host)));
	else
		http_say(c, q, 400, "application/json", SPAN_NONE, SPAN("{\"ErrorCode\":\"InvalidProtocol\",\"ErrorMessage\":"
			"\"Only AutodiscoverV1 is served here: mail by IMAP, POP3 and SMTP.\"}\n"));
	return 0;
}
