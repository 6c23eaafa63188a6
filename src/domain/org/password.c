#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/uchar.h>
#include "base/secret.h"
#include "domain/org/org_impl.h"

#define PASSWORD_MAX 1000

static int refuse(struct err *e, const char *why)
{
	return err_set(e, ERR_PARAM, "This password cannot be used", "%s", why);
}

/* RFC 8265 section 4.2.2: blanks of any kind become SP, then NFC. Buffers hold secrets: wiped by the caller. */
static int32_t normal16(const UChar *in, int32_t n, UChar *mid, UChar *out, int32_t cap)
{
	UErrorCode code = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
	int32_t m;

	for (int32_t i = 0; i < n; i++)
		mid[i] = u_charType(in[i]) == U_SPACE_SEPARATOR ? ' ' : in[i];
	if (U_FAILURE(code))
		return -1;
	m = unorm2_normalize(nfc, mid, n, out, cap, &code);
	return U_FAILURE(code) ? -1 : m;
}

static int prepare_unicode(struct span typed, struct secret *out, struct err *e)
{
	SCOPED_SECRET wide = { 0 };
	SCOPED_SECRET octets = { 0 };
	const int32_t cap = 3 * PASSWORD_MAX;
	UErrorCode code = U_ZERO_ERROR;
	UChar *in, *mid, *norm;
	int32_t n, m;

	secret_init(&wide, 3 * (size_t)cap * sizeof(UChar));
	secret_init(&octets, 3 * (size_t)cap);
	in = (UChar *)(void *)wide.p;
	mid = in + cap;
	norm = mid + cap;
	u_strFromUTF8(in, cap, &n, typed.p, (int32_t)typed.n, &code);
	if (U_FAILURE(code) || (m = normal16(in, n, mid, norm, cap)) < 0)
		return refuse(e, "not UTF-8");
	for (int32_t i = 0; i < m; i++)
		if (u_charType(norm[i]) == U_CONTROL_CHAR)
			return refuse(e, "control characters");
	u_strToUTF8((char *)octets.p, (int32_t)octets.n, &n, norm, m, &code);
	if (U_FAILURE(code) || n > PASSWORD_MAX)
		return refuse(e, "too long");
	secret_copy(out, SPAN_BYTES(octets.p, (size_t)n));
	return 0;
}

int password_prepare(struct span typed, struct secret *out, struct err *e)
{
	bool ascii = true;

	if (typed.n == 0 || typed.n > PASSWORD_MAX)
		return refuse(e, "empty or too long");
	for (size_t i = 0; i < typed.n; i++) {
		unsigned char c = (unsigned char)typed.p[i];

		if (c < 0x20 || c == 0x7f)
			return refuse(e, "control characters");
		ascii &= c < 0x80;
	}
	if (!ascii)
		return prepare_unicode(typed, out, e);
	secret_copy(out, typed);
	return 0;
}

int password_prepare_new(struct span typed, struct secret *out, struct err *e)
{
	size_t letters = 0;

	for (size_t i = 0; i < typed.n; i++)
		letters += ((unsigned char)typed.p[i] & 0xc0) != 0x80;
	if (letters < PASSWORD_MIN)
		return err_set(e, ERR_PARAM, "The password is too short (at least 8 letters)", "%zu letters", letters);
	return password_prepare(typed, out, e);
}
