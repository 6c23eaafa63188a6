/* mobileconfig.c - the mail account as a profile for iPhone, iPad and Mac. The gate signs it with the certificate's key.
 * Its identifiers come from the address by a keyed hash, so a newer profile takes the place of the older one. */
#include "proto/http/http_int.h"
#include "domain/org/org.h"

struct ids {
	struct call *c;
	struct span address;
	unsigned char hash[SEAL_LOOKUP_LEN];
};

static int read_ids(struct tx *tx, void *arg, struct err *e)
{
	struct ids *i = arg;

	return org_lookup(i->c->house->org, tx, "apple-profile", i->address, i->hash, e);
}

static void add_uuid(struct buf *b, const unsigned char *h, unsigned char which)
{
	buf_addf(b, "<key>PayloadUUID</key><string>%02X%02X%02X%02X-%02X%02X-4%01X%02X-8%01X%02X-%02X%02X%02X%02X%02X%02X</string>\n",
		h[0], h[1], h[2], h[3], h[4], h[5], h[6] & 15, h[7], h[8] & 15, h[9], h[10], h[11], h[12], h[13], h[14], which);
}

static void add_text(struct buf *b, const char *key, struct span value)
{
	buf_addf(b, "<key>%s</key><string>", key);
	http_escape(b, value);
	buf_addz(b, "</string>\n");
}

static void add_server(struct buf *b, const struct call *c, const char *which, unsigned port, struct span address)
{
	buf_addf(b, "<key>%sMailServerAuthentication</key><string>EmailAuthPassword</string>\n"
		"<key>%sMailServerPortNumber</key><integer>%u</integer>\n<key>%sMailServerUseSSL</key><true/>\n"
		"<key>%sMailServerHostName</key><string>", which, which, port, which, which);
	http_escape(b, span_str(c->house->hostname));
	buf_addf(b, "</string>\n<key>%sMailServerUsername</key><string>", which);
	http_escape(b, address);
	buf_addz(b, "</string>\n");
}

static void add_profile(struct buf *b, struct call *c, const struct http_request *q, const struct ids *ids, struct span domain)
{
	struct span id = arena_printf(c->arena, "kontor.%.*s.%02x%02x%02x%02x", SPAN_F(domain), ids->hash[0], ids->hash[1],
		ids->hash[2], ids->hash[3]);
	struct span name = q->organisation.n ? q->organisation : domain;

	buf_addz(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		"\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n<key>PayloadContent</key>\n"
		"<array>\n<dict>\n<key>EmailAccountType</key><string>EmailTypeIMAP</string>\n");
	add_text(b, "EmailAddress", ids->address);
	add_text(b, "EmailAccountDescription", name);
	add_server(b, c, "Incoming", 993, ids->address);
	add_server(b, c, "Outgoing", 465, ids->address);
	buf_addz(b, "<key>OutgoingPasswordSameAsIncomingPassword</key><true/>\n"
		"<key>PayloadType</key><string>com.apple.mail.managed</string>\n<key>PayloadVersion</key><integer>1</integer>\n");
	add_text(b, "PayloadDisplayName", name);
	add_text(b, "PayloadIdentifier", arena_printf(c->arena, "%.*s.mail", SPAN_F(id)));
	add_uuid(b, ids->hash, 2);
	buf_addz(b, "</dict>\n</array>\n<key>PayloadType</key><string>Configuration</string>\n"
		"<key>PayloadVersion</key><integer>1</integer>\n<key>PayloadRemovalDisallowed</key><false/>\n");
	add_text(b, "PayloadDisplayName", name);
	add_text(b, "PayloadOrganization", name);
	add_text(b, "PayloadDescription", q->german ? SPAN("E-Mail-Konto einrichten") : SPAN("Sets up the mail account"));
	add_text(b, "PayloadIdentifier", id);
	add_uuid(b, ids->hash, 1);
	buf_addz(b, "</dict>\n</plist>\n");
}

int http_mobileconfig(struct call *c, struct http_request *q, struct err *e)
{
	struct ids ids = { .c = c, .address = http_parameter(c, q, "email") };
	struct span domain = SPAN_NONE;
	int rc = http_own_address(c, ids.address, &domain, e);
	SCOPED_BUF b;

	buf_init(&b, 65536);
	if (e->code)
		return e->code;
	if (rc < 0) {
		http_error(c, q, rc == ERR_DENIED ? 404 : 400);
		return 0;
	}
	if (store_read(c->house->store, read_ids, &ids, e) < 0)
		return e->code;
	add_profile(&b, c, q, &ids, domain);
	http_say_signed(c, q, "application/x-apple-aspen-config", SPAN("Content-Disposition: attachment; "
		"filename=\"mail.mobileconfig\"\r\n"), buf_span(&b));
	return 0;
}
