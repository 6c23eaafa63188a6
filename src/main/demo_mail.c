#include "main/demo_mail.h"
#include <stdio.h>
#include <string.h>
#include "codec/base64.h"
#include "codec/mime/mime_date.h"
#include "codec/mime/mime_word.h"

#define BOUNDARY "=_seenplatte_7f3a"

/* Waves under a sun, 48 x 32 points, three colours. */
static const char png[] = "iVBORw0KGgoAAAANSUhEUgAAADAAAAAgCAMAAABjCgsuAAAACVBMVEXo9Pofb6j1uC6bWkxoAAAAT0lEQVR42u2R"
	"SQoAIAwDm/z/0SKCWrFgwIvLHJPMpTU7EWbUvWCQmkGKxg2CfCX9D/qnt4PCaoFKsEe0H6ou7QsgMOAEzOdN8RFEvvCKkAC2ZwNJc+1CFQAA"
	"AABJRU5ErkJggg==";

static void add_lines(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i += 76) {
		buf_add(b, span_sub(s, i, 76));
		buf_addz(b, "\r\n");
	}
}

/* A PDF string in WinAnsi: two-octet UTF-8 up to U+00FF as octal, else '?'. */
static void pdf_text(struct buf *b, const char *z)
{
	for (const unsigned char *p = (const unsigned char *)z; *p; p++) {
		if (*p < 0x80 && strchr("()\\", *p))
			buf_addf(b, "\\%c", *p);
		else if (*p < 0x80)
			buf_addc(b, (char)*p);
		else if ((*p == 0xc2 || *p == 0xc3) && p[1])
			buf_addf(b, "\\%03o", (unsigned)((*p & 3) << 6 | (p[1] & 0x3f))), p++;
		else if (*p >= 0xc0)
			buf_addc(b, '?');
	}
}

/* One page with one line. Source: ISO 32000-1, section 7.5 (file structure). */
static void add_pdf(struct buf *b, const char *title)
{
	static const char *const objects[] = { "<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
		" /Resources << /Font << /F1 4 0 R >> >> >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>" };
	size_t at[5], xref;
	SCOPED_BUF page;

	buf_init(&page, 4096);
	buf_addz(&page, "BT /F1 18 Tf 60 760 Td (");
	pdf_text(&page, title);
	buf_addz(&page, ") Tj ET");
	buf_addz(b, "%PDF-1.4\n");
	for (size_t i = 0; i < 4; i++) {
		at[i] = b->n;
		buf_addf(b, "%zu 0 obj\n%s\nendobj\n", i + 1, objects[i]);
	}
	at[4] = b->n;
	buf_addf(b, "5 0 obj\n<< /Length %zu >>\nstream\n%.*s\nendstream\nendobj\n", page.n, (int)page.n, page.p);
	xref = b->n;
	buf_addz(b, "xref\n0 6\n0000000000 65535 f \n");
	for (size_t i = 0; i < 5; i++)
		buf_addf(b, "%010zu 00000 n \n", at[i]);
	buf_addf(b, "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%zu\n%%%%EOF\n", xref);
}

static void attachment_head(struct buf *b, const char *type, const char *name)
{
	buf_addf(b, "\r\n--" BOUNDARY "\r\nContent-Type: %s; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment; filename=\"%s\"\r\n\r\n", type, name, name);
}

static void attach(struct buf *b, const struct demo_letter *l)
{
	SCOPED_BUF pdf;

	buf_init(&pdf, 65536);
	if (l->pdf) {
		add_pdf(&pdf, l->subject);
		attachment_head(b, "application/pdf", "Anlage.pdf");
		base64_encode(b, buf_span(&pdf), 76);
	}
	if (l->png) {
		attachment_head(b, "image/png", "Bild.png");
		add_lines(b, span_str(png));
	}
	buf_addz(b, "\r\n--" BOUNDARY "--\r\n");
}

void demo_letter_write(struct buf *b, const struct demo_letter *l)
{
	bool parts = l->pdf || l->png;

	buf_addf(b, "From: %.*s\r\nTo: %.*s\r\nSubject: ", SPAN_F(l->from), SPAN_F(l->to));
	mime_word_encode(b, span_str(l->subject), false);
	buf_addz(b, "\r\nDate: ");
	mime_date_format(b, l->sent_sec, 60);
	buf_addf(b, "\r\nMessage-ID: %.*s\r\n", SPAN_F(l->id));
	if (l->references.n)
		buf_addf(b, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",
			SPAN_F(span_from(l->references, (size_t)(span_rchr(l->references, ' ') + 1))), SPAN_F(l->references));
	buf_addz(b, "MIME-Version: 1.0\r\n");
	if (parts)
		buf_addz(b, "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\n\r\n--" BOUNDARY "\r\n");
	buf_addz(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	for (const char *p = l->body; *p; p++) {
		if (*p == '\n')
			buf_addc(b, '\r');
		buf_addc(b, *p);
	}
	if (parts)
		attach(b, l);
}
