/* mailbox_name.c - what a name means: its normal form, whose mailbox it is. */
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include "base/time.h"
#include "codec/imap/imap_utf7.h"
#include "domain/mail/acl.h"
#include "domain/mail/mail_impl.h"

/* NFC by way of UTF-16; ASCII passes untouched. */
static int to_nfc(struct arena *a, struct span in, struct span *out, struct err *e)
{
	UErrorCode u = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&u);
	UChar wide[IMAP_NAME_MAX + 1], normal[3 * IMAP_NAME_MAX];
	int32_t n, m, k;
	char *p;
	size_t i = 0;

	while (i < in.n && (unsigned char)in.p[i] < 128)
		i++;
	*out = in;
	if (i == in.n)
		return 0;
	u_strFromUTF8(wide, IMAP_NAME_MAX, &n, in.p, (int32_t)in.n, &u);
	m = unorm2_normalize(nfc, wide, n, normal, 3 * IMAP_NAME_MAX, &u);
	p = arena_alloc(a, (size_t)m * 3 + 1);
	u_strToUTF8(p, m * 3, &k, normal, m, &u);
	if (U_FAILURE(u))
		return err_set(e, ERR_PARAM, "Mailbox name is not valid", "nfc: %s", u_errorName(u));
	*out = SPAN_BYTES(p, (size_t)k);
	return 0;
}

int mailbox_name_normal(struct arena *a, struct span name, struct span *out, struct err *e)
{
	struct span n = arena_span(a, name);

	if (imap_mailbox_check(n, MAILBOX_DELIMITER, e) < 0 || to_nfc(a, n, &n, e) < 0)
		return e ? e->code : ERR_PARAM;
	if (n.n > IMAP_NAME_MAX) /* some characters are longer in NFC */
		return err_set(e, ERR_PARAM, "Mailbox name is too long", "%zu bytes in NFC", n.n);
	if (span_istarts(n, SPAN("INBOX")) && (n.n == 5 || n.p[5] == MAILBOX_DELIMITER)) {
		n = arena_span(a, n);
		memcpy((char *)(uintptr_t)n.p, "INBOX", 5);
	}
	*out = n;
	return 0;
}

/* Somebody who has given the viewer a right in at least one mailbox; all others are told alike. */
static int locate_granted(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span address,
	struct span rest, struct mailbox_place *out, struct err *e)
{
	struct acl_grant *g;
	struct account owner;
	size_t n, i = 0;

	if (account_find(o, tx, a, address, false, &owner, e) < 0) {
		if (e->code != ERR_MISSING && e->code != ERR_DENIED && e->code != ERR_PARAM)
			return e->code;
		err_clear(e);
		owner.id = 0;
	}
	if (owner.id && acl_grants(o, tx, a, viewer_id, &g, &n, e) < 0)
		return e->code;
	while (owner.id && i < n && g[i].owner_id != owner.id)
		i++;
	if (!owner.id || i == n)
		return err_set(e, ERR_MISSING, "No such mailbox", "no such shared account, or nothing is shared");
	out->account_id = owner.id;
	out->name = rest;
	out->prefix = arena_printf(a, MAILBOX_SHARED "/%.*s/", SPAN_F(owner.address));
	return 0;
}

static int locate_shared(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span rest,
	struct mailbox_place *out, struct err *e)
{
	struct span address = span_cut(&rest, MAILBOX_DELIMITER);
	struct role_access *roles;
	size_t n;

	if (role_access_list(o, tx, a, viewer_id, time_real_sec(), &roles, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		if (!span_ieq(roles[i].address, address))
			continue;
		out->account_id = roles[i].role_id;
		out->rights = acl_of_term(roles[i].rights);
		out->name = rest;
		out->prefix = arena_printf(a, MAILBOX_SHARED "/%.*s/", SPAN_F(roles[i].address));
		return 0;
	}
	return locate_granted(o, tx, a, viewer_id, address, rest, out, e);
}

int mailbox_locate(struct org *o, struct tx *tx, struct arena *a, uint64_t viewer_id, struct span full_name,
	struct mailbox_place *out, struct err *e)
{
	struct span name;

	*out = (struct mailbox_place){ 0 };
	if (mailbox_name_normal(a, full_name, &name, e) < 0)
		return e->code;
	if (span_eqz(name, MAILBOX_SHARED)) {
		out->shared = true;
		return 0;
	}
	if (span_starts(name, SPAN(MAILBOX_SHARED "/"))) {
		int r;

		out->shared = true;
		name = span_from(name, sizeof(MAILBOX_SHARED));
		r = locate_shared(o, tx, a, viewer_id, name, out, e);
		if (r == 0 && out->name.n)
			r = mailbox_name_normal(a, out->name, &out->name, e);
		return r;
	}
	out->account_id = viewer_id;
	out->rights = RIGHT_OWNER;
	out->name = name;
	return 0;
}
