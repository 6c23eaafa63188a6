#include "domain/mail/sign.h"
#include <string.h>
#include "codec/mailauth/dkim.h"
#include "codec/mime/mime_envelope.h"
#include "codec/smtp/smtp_address.h"
#include "domain/org/address.h"

/* The one address in From, or none. */
static bool author(struct arena *a, struct span header, struct mime_address *out)
{
	struct mime_addresses list;
	struct mime_field f;
	bool found = false;

	if (mime_header_count(header, "From") != 1 || !mime_header_find(header, "From", &f))
		return false;
	mime_addresses_parse(a, f.value, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (!list.rows[i].domain.n || !list.rows[i].local.n)
			continue;
		if (found)
			return false;
		*out = list.rows[i];
		found = true;
	}
	return found;
}

static int keys_of(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec,
	struct mail_signer *out, struct err *e)
{
	struct err why = ERR_INIT;
	struct domain_key *v;
	size_t n;
	int rc = domain_key_list(o, tx, a, domain, now_sec, &v, &n, &why);

	if (rc == ERR_MISSING || rc == ERR_PARAM)
		return 0;
	if (rc < 0)
		return err_set(e, rc, why.say, "%s", why.log);
	for (size_t i = 0; i < n && out->n < MAIL_KEYS_MAX; i++)
		if (domain_key_signs(&v[i], now_sec))
			out->keys[out->n++] = v[i];
	return 0;
}

int mail_signer_of(struct org *o, struct tx *tx, struct arena *a, struct span domain, int64_t now_sec, struct mail_signer *out,
	struct err *e)
{
	ssize_t dot;

	memset(out, 0, sizeof(*out));
	if (smtp_domain_ascii(a, domain, &out->domain, e) < 0)
		return e->code;
	for (;;) {
		if (keys_of(o, tx, a, out->domain, now_sec, out, e) < 0)
			return e->code;
		dot = span_chr(out->domain, '.');
		if (out->n || dot < 0)
			return 0;
		out->domain = span_from(out->domain, (size_t)dot + 1);
	}
}

static int may_use(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, const struct mime_address *who,
	bool *may, struct err *e)
{
	struct err why = ERR_INIT;
	int rc = address_may_send(o, tx, a, account_id, smtp_address_join(a, who->local, who->domain), may, &why);

	return rc == ERR_LATER || rc == ERR_BROKEN ? err_set(e, rc, why.say, "%s", why.log) : 0;
}

int mail_signer_find(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span header,
	int64_t now_sec, struct mail_signer *out, struct err *e)
{
	struct mime_address from;
	struct err why = ERR_INIT;
	struct span ascii;
	bool may = false;

	memset(out, 0, sizeof(*out));
	if (!author(a, header, &from) || smtp_domain_ascii(a, from.domain, &ascii, &why) < 0)
		return 0;
	if (may_use(o, tx, a, account_id, &from, &may, e) < 0)
		return e->code;
	return may ? mail_signer_of(o, tx, a, from.domain, now_sec, out, e) : 0;
}

/* Angle brackets outside quotes and comments: programs differ in which of "<a> <b>" they show. */
static size_t brackets(struct span value)
{
	bool quoted = false;
	unsigned comments = 0;
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\\' && (quoted || comments))
			i++;
		else if (c == '"' && !comments)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			comments++;
		else if (c == ')' && comments)
			comments--;
		else if (c == '<' && !quoted && !comments)
			n++;
	}
	return n;
}

int mail_author_check(struct org *o, struct tx *tx, struct arena *a, uint64_t account_id, struct span header, bool *own,
	struct err *e)
{
	const char *name = mime_header_count(header, "Resent-From") ? "Resent-From" : "From";
	struct span rest = header;
	struct mime_addresses list;
	struct mime_field f;
	size_t n = 0;

	*own = true;
	while (*own && mime_header_next(&rest, &f)) {
		if (!span_ieqz(f.name, name))
			continue;
		mime_addresses_parse(a, f.value, &list);
		*own = brackets(f.value) <= list.count;
		for (size_t i = 0; i < list.count && *own; i++)
			if (!list.rows[i].group_start && !list.rows[i].group_end &&
				(n++ == MAIL_AUTHORS_MAX || may_use(o, tx, a, account_id, &list.rows[i], own, e) < 0)) {
				*own = false;
				return e->code;
			}
	}
	return 0;
}

int mail_sign(struct org *o, struct arena *a, const struct mail_signer *s, struct span message, int64_t now_sec,
	struct span *out, struct err *e)
{
	size_t head = mime_header_len(message), at = 0, n = message.n;
	struct dkim_mail mail = { span_sub(message, 0, head), span_from(message, head) };
	struct span fields[MAIL_KEYS_MAX];
	char *p;

	for (size_t i = 0; i < s->n; i++) {
		const struct domain_key *k = &s->keys[i];
		struct dkim_signing how = { k->kind == VAULT_DKIM_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256, s->domain,
			k->selector, now_sec };
		unsigned char hash[DKIM_HASH_LEN];
		struct span signature;

		if (dkim_sign_begin(a, &mail, &how, &fields[i], hash, e) < 0 || vault_dkim_sign(org_vault(o), a, k->id,
			k->secret, SPAN_BYTES(hash, sizeof(hash)), &signature, e) < 0)
			return e ? e->code : ERR_BROKEN;
		fields[i] = dkim_sign_end(a, fields[i], signature);
		n += fields[i].n;
	}
	p = arena_alloc(a, n + 1);
	for (size_t i = s->n; i-- > 0; at += fields[i].n)
		memcpy(p + at, fields[i].p, fields[i].n);
	memcpy(p + at, message.p, message.n);
	*out = SPAN_BYTES(p, n);
	return 0;
}
