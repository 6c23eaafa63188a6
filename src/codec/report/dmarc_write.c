#include "codec/report/dmarc_write.h"
#include "codec/mime/mime_charset.h"

#define NAMESPACE "urn:ietf:params:xml:ns:dmarc-2.0"

/* What Char of XML 1.0 leaves out beyond ASCII's controls: U+FFFE and U+FFFF. */
static bool xml_ok(struct span s)
{
	return mime_utf8_valid(s) && span_find(s, SPAN("\xef\xbf\xbe")) < 0 && span_find(s, SPAN("\xef\xbf\xbf")) < 0;
}

static void text(struct buf *b, struct span s)
{
	bool utf8 = xml_ok(s);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '<')
			buf_addz(b, "&lt;");
		else if (c == '>')
			buf_addz(b, "&gt;");
		else if (c == '&')
			buf_addz(b, "&amp;");
		else
			buf_addc(b, c < 32 || c == 127 || (c > 127 && !utf8) ? '?' : s.p[i]);
	}
}

static void element(struct buf *b, const char *name, struct span value)
{
	if (!value.n)
		return;
	buf_addf(b, "<%s>", name);
	text(b, value);
	buf_addf(b, "</%s>\n", name);
}

static void elementz(struct buf *b, const char *name, const char *value)
{
	element(b, name, span_str(value));
}

static void auth(struct buf *b, const char *name, const struct dmarc_auth *v)
{
	if (!v->domain.n)
		return;
	buf_addf(b, "<%s>", name);
	element(b, "domain", v->domain);
	if (v->selector.n)
		element(b, "selector", v->selector);
	else
		elementz(b, "scope", "mfrom");
	element(b, "result", v->result);
	buf_addf(b, "</%s>\n", name);
}

static void record(struct buf *b, const struct dmarc_result *r)
{
	buf_addz(b, "<record><row>");
	element(b, "source_ip", r->source_ip);
	buf_addf(b, "<count>%llu</count>\n<policy_evaluated>", (unsigned long long)r->count);
	element(b, "disposition", r->disposition);
	elementz(b, "dkim", r->dkim ? "pass" : "fail");
	elementz(b, "spf", r->spf ? "pass" : "fail");
	if (r->reason.n) {
		buf_addz(b, "<reason>");
		element(b, "type", r->reason);
		element(b, "comment", r->comment);
		buf_addz(b, "</reason>");
	}
	buf_addz(b, "</policy_evaluated></row>\n<identifiers>");
	element(b, "header_from", r->header_from);
	element(b, "envelope_from", r->envelope_from);
	buf_addz(b, "</identifiers>\n<auth_results>");
	for (size_t i = 0; i < r->n_signatures; i++)
		auth(b, "dkim", &r->signatures[i]);
	auth(b, "spf", &r->spf_auth);
	buf_addz(b, "</auth_results></record>\n");
}

int dmarc_report_write(struct buf *b, const struct dmarc_feedback *f, struct err *e)
{
	buf_addz(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"" NAMESPACE "\">\n<version>1.0</version>\n<report_metadata>");
	element(b, "org_name", f->organisation);
	element(b, "email", f->email);
	element(b, "report_id", f->report_id);
	buf_addf(b, "<date_range><begin>%lld</begin><end>%lld</end></date_range>\n", (long long)f->begin_sec, (long long)f->end_sec);
	element(b, "error", f->error);
	elementz(b, "generator", "kontor");
	buf_addz(b, "</report_metadata>\n<policy_published>");
	element(b, "domain", f->domain);
	elementz(b, "discovery_method", "treewalk");
	elementz(b, "p", f->p);
	elementz(b, "sp", f->sp);
	elementz(b, "np", f->np);
	elementz(b, "adkim", f->strict_dkim ? "s" : "r");
	elementz(b, "aspf", f->strict_spf ? "s" : "r");
	elementz(b, "testing", f->testing ? "y" : "n");
	buf_addz(b, "</policy_published>\n");
	for (size_t i = 0; i < f->n; i++)
		record(b, &f->rows[i]);
	buf_addz(b, "</feedback>\n");
	return b->failed ? err_set(e, ERR_TOOBIG, "", "dmarc report of more than %zu octets", b->max) : 0;
}
