#include "codec/smtp/smtp_address.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>
#include "codec/mime/mime_charset.h"

#define LABEL_MAX 63
#define TEXT_MAX 1024 /* UTF-16 units and octets an address may take on its way */

/* Mailbox        = Local-part "@" ( Domain / address-literal )
 * Local-part     = Dot-string / Quoted-string
 * Dot-string     = Atom *("." Atom)              Atom = 1*atext
 * Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
 * QcontentSMTP   = qtextSMTP / quoted-pairSMTP
 * qtextSMTP      = %d32-33 / %d35-91 / %d93-126 / UTF8-non-ascii
 * quoted-pairSMTP = %d92 %d32-126
 * Domain         = sub-domain *("." sub-domain)
 * sub-domain     = Let-dig [Ldh-str] / U-label
 * (RFC 5321 section 4.1.2, RFC 6531 section 3.3) */

static bool high(char c)
{
	return (unsigned char)c > 127;
}

static bool atext(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || high(c) ||
	       (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* UTF-8 without the C1 controls. */
static bool utf8_ok(struct span s)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] == '\xc2' && (unsigned char)s.p[i + 1] < 0xa0)
			return false;
	return mime_utf8_valid(s);
}

static bool dot_string_ok(struct span s)
{
	if (!s.n || s.p[0] == '.' || s.p[s.n - 1] == '.' || span_find(s, SPAN("..")) >= 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '.' && !atext(s.p[i]))
			return false;
	return true;
}

/* Octets of the local part at the front, 0 when there is none. */
static size_t local_len(struct span in)
{
	size_t i = 0;

	if (!in.n || in.p[0] != '"') {
		while (i < in.n && (in.p[i] == '.' || atext(in.p[i])))
			i++;
		return dot_string_ok(span_sub(in, 0, i)) ? i : 0;
	}
	for (i = 1; i < in.n && in.p[i] != '"'; i++) {
		if (in.p[i] == '\\' && (++i == in.n || high(in.p[i])))
			return 0;
		if ((unsigned char)in.p[i] < 32 || in.p[i] == 127)
			return 0;
	}
	return i < in.n && i > 1 ? i + 1 : 0;
}

bool smtp_domain_ok(struct span domain)
{
	if (!domain.n || domain.n > SMTP_DOMAIN_MAX || domain.p[domain.n - 1] == '.' ||
		!utf8_ok(domain))
		return false;
	while (domain.n) {
		struct span label = span_cut(&domain, '.');

		if (!label.n || (label.n > LABEL_MAX && mime_ascii(label)))
			return false;
		if (label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_alpha(label.p[i]) && !ascii_digit(label.p[i]) &&
				!high(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return true;
}

bool smtp_literal_ok(struct span literal)
{
	char text[INET6_ADDRSTRLEN + 1] = "";
	unsigned char address[16];
	int family = AF_INET;

	if (literal.n < 2 || literal.p[0] != '[' || literal.p[literal.n - 1] != ']')
		return false;
	literal = span_sub(literal, 1, literal.n - 2);
	if (span_istarts(literal, SPAN("IPv6:"))) {
		family = AF_INET6;
		literal = span_from(literal, 5);
	}
	if (!literal.n || literal.n >= sizeof(text) || span_has_nul(literal))
		return false;
	memcpy(text, literal.p, literal.n);
	return inet_pton(family, text, address) == 1;
}

static size_t domain_len(struct span in)
{
	size_t i = 0;

	if (in.n && in.p[0] == '[')
		return (size_t)(span_chr(in, ']') + 1);
	while (i < in.n && (ascii_alpha(in.p[i]) || ascii_digit(in.p[i]) || high(in.p[i]) ||
				   in.p[i] == '-' || in.p[i] == '.'))
		i++;
	return i;
}

int smtp_mailbox_scan(struct span *in, struct span *local_out, struct span *domain_out)
{
	struct span local = span_sub(*in, 0, local_len(*in));
	struct span rest = span_from(*in, local.n);
	struct span domain = SPAN_NONE;

	if (!local.n || !utf8_ok(local))
		return ERR_SYNTAX;
	if (rest.n && rest.p[0] == '@') {
		rest = span_from(rest, 1);
		domain = span_sub(rest, 0, domain_len(rest));
		rest = span_from(rest, domain.n);
		if (domain.n > SMTP_DOMAIN_MAX)
			return ERR_TOOBIG;
		if (!smtp_domain_ok(domain) && !smtp_literal_ok(domain))
			return ERR_SYNTAX;
	} else if (!span_ieqz(local, "postmaster")) {
		return ERR_SYNTAX;
	}
	if (local.n > SMTP_LOCAL_MAX)
		return ERR_TOOBIG;
	*in = rest;
	*local_out = local;
	*domain_out = domain;
	return 0;
}

static int bad_address(struct err *e, int code, struct span text)
{
	return err_set(e, code, code == ERR_TOOBIG ? "Address too long" : "Not a mail address",
		"address %.*s", SPAN_F(span_sub(text, 0, 200)));
}

static struct span unquote(struct arena *a, struct span local)
{
	char *to;
	size_t n = 0;

	if (local.p[0] != '"')
		return arena_span(a, local);
	to = arena_alloc(a, local.n);
	for (size_t i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\')
			i++;
		to[n++] = local.p[i];
	}
	return (struct span){to, n};
}

int smtp_address_split(struct arena *a, struct span text, struct smtp_address *out, struct err *e)
{
	struct span rest = text;
	struct span local, domain;
	int r = smtp_mailbox_scan(&rest, &local, &domain);

	if (r < 0)
		return bad_address(e, r, text);
	if (rest.n)
		return bad_address(e, ERR_SYNTAX, text);
	*out = (struct smtp_address){
		.local = unquote(a, local),
		.domain = domain.n ? arena_span(a, domain) : SPAN_NONE,
		.literal = domain.n && domain.p[0] == '[',
		.utf8 = !mime_ascii(local) || !mime_ascii(domain),
	};
	return 0;
}

static struct span lower(struct arena *a, struct span s)
{
	char *to = arena_dup(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		to[i] = ascii_lower(to[i]);
	return (struct span){to, s.n};
}

static UIDNA *idna;

/* The object is immutable and good for all threads. */
static void open_idna(void)
{
	UErrorCode status = U_ZERO_ERROR;

	idna = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
				       UIDNA_NONTRANSITIONAL_TO_ASCII |
				       UIDNA_NONTRANSITIONAL_TO_UNICODE,
		&status);
}

static bool has_a_label(struct span domain)
{
	while (domain.n)
		if (span_istarts(span_cut(&domain, '.'), SPAN("xn--")))
			return true;
	return false;
}

typedef int32_t idna_turn(
	const UIDNA *, const char *, int32_t, char *, int32_t, UIDNAInfo *, UErrorCode *);

static int turn_domain(
	struct arena *a, struct span domain, idna_turn *turn, struct span *out, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UErrorCode status = U_ZERO_ERROR;
	char to[TEXT_MAX];
	int32_t n;

	if (smtp_literal_ok(domain)) {
		*out = lower(a, domain);
		return 0;
	}
	if (!smtp_domain_ok(domain))
		return bad_address(e, ERR_SYNTAX, domain);
	if (mime_ascii(domain) && !has_a_label(domain)) {
		*out = lower(a, domain);
		return 0;
	}
	pthread_once(&once, open_idna);
	if (!idna)
		return err_set(e, ERR_BROKEN, "Internal error", "ICU has no IDNA data");
	n = turn(idna, domain.p, (int32_t)domain.n, to, sizeof(to), &info, &status);
	if (U_FAILURE(status) || info.errors || !smtp_domain_ok((struct span){to, (size_t)n}))
		return bad_address(e, ERR_SYNTAX, domain);
	*out = arena_span(a, (struct span){to, (size_t)n});
	return 0;
}

int smtp_domain_ascii(struct arena *a, struct span domain, struct span *out, struct err *e)
{
	return turn_domain(a, domain, uidna_nameToASCII_UTF8, out, e);
}

int smtp_domain_unicode(struct arena *a, struct span domain, struct span *out, struct err *e)
{
	return turn_domain(a, domain, uidna_nameToUnicodeUTF8, out, e);
}

/* NFC, simple folding, NFC: what is canonically the same or differs by case only becomes the same.
 */
static int fold_local(struct arena *a, struct span local, struct span *out, struct err *e)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
	UChar from[TEXT_MAX], to[TEXT_MAX];
	char text[TEXT_MAX];
	int32_t n, folded = 0;
	UBool overflow = false;

	if (mime_ascii(local)) {
		*out = lower(a, local);
		return 0;
	}
	u_strFromUTF8(from, TEXT_MAX, &n, local.p, (int32_t)local.n, &status);
	n = unorm2_normalize(nfc, from, n, to, TEXT_MAX, &status);
	for (int32_t i = 0; U_SUCCESS(status) && i < n;) {
		UChar32 c;

		U16_NEXT(to, i, n, c);
		c = u_foldCase(c, U_FOLD_CASE_DEFAULT);
		U16_APPEND(from, folded, TEXT_MAX, c, overflow);
	}
	n = unorm2_normalize(nfc, from, folded, to, TEXT_MAX, &status);
	u_strToUTF8(text, TEXT_MAX, &n, to, n, &status);
	if (U_FAILURE(status) || overflow)
		return bad_address(e, ERR_SYNTAX, local);
	*out = arena_span(a, (struct span){text, (size_t)n});
	return 0;
}

struct span smtp_address_join(struct arena *a, struct span local, struct span domain)
{
	bool plain = dot_string_ok(local);
	char *to = arena_alloc(a, 2 * local.n + domain.n + 3);
	size_t n = 0;

	if (!plain)
		to[n++] = '"';
	for (size_t i = 0; i < local.n; i++) {
		if (!plain && (local.p[i] == '"' || local.p[i] == '\\'))
			to[n++] = '\\';
		to[n++] = local.p[i];
	}
	if (!plain)
		to[n++] = '"';
	if (domain.n) {
		to[n++] = '@';
		memcpy(to + n, domain.p, domain.n);
	}
	return (struct span){to, n + domain.n};
}

int smtp_address_normalise(struct arena *a, struct span text, struct span *out, struct err *e)
{
	struct smtp_address address;
	struct span local;
	struct span domain = SPAN_NONE;
	int r = smtp_address_split(a, text, &address, e);

	if (r < 0 || (r = fold_local(a, address.local, &local, e)) < 0)
		return r;
	if (address.domain.n && (r = smtp_domain_unicode(a, address.domain, &domain, e)) < 0)
		return r;
	*out = smtp_address_join(a, local, domain);
	return 0;
}

int smtp_address_ascii(struct arena *a, struct span text, struct span *out, struct err *e)
{
	struct smtp_address address;
	struct span domain = SPAN_NONE;
	int r = smtp_address_split(a, text, &address, e);

	if (r < 0)
		return r;
	if (!mime_ascii(address.local))
		return err_set(
			e, ERR_PARAM, "Address needs SMTPUTF8", "address %.*s", SPAN_F(text));
	if (address.domain.n && (r = smtp_domain_ascii(a, address.domain, &domain, e)) < 0)
		return r;
	*out = smtp_address_join(a, address.local, domain);
	return 0;
}

void smtp_subaddress(struct span local, struct span *user_out, struct span *detail_out)
{
	ssize_t at = span_chr(local, '+');

	*user_out = at > 0 ? span_sub(local, 0, (size_t)at) : local;
	*detail_out = at > 0 ? span_from(local, (size_t)at + 1) : SPAN_NONE;
}
