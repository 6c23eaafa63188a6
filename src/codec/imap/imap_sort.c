#include "codec/imap/imap_sort.h"
#include "base/scan.h"

/* sort-criterion = ["REVERSE" SP] sort-key
 * sort-key = "ARRIVAL" / "CC" / "DATE" / "FROM" / "SIZE" / "SUBJECT" / "TO" / "DISPLAYFROM" / "DISPLAYTO" /
 *            "RELEVANCY" */
int imap_sort_parse(struct imap_args *g, struct imap_sort *out, struct err *e)
{
	static const struct {
		const char *name;
		enum imap_sort_kind kind;
	} keys[] = { { "ARRIVAL", IMAP_SORT_ARRIVAL }, { "CC", IMAP_SORT_CC }, { "DATE", IMAP_SORT_DATE },
		{ "DISPLAYFROM", IMAP_SORT_DISPLAYFROM }, { "DISPLAYTO", IMAP_SORT_DISPLAYTO },
		{ "FROM", IMAP_SORT_FROM }, { "SIZE", IMAP_SORT_SIZE }, { "SUBJECT", IMAP_SORT_SUBJECT },
		{ "TO", IMAP_SORT_TO }, { "RELEVANCY", IMAP_SORT_RELEVANCY } };
	const size_t rows = sizeof(keys) / sizeof(*keys);
	struct imap_args list;

	out->n = 0;
	out->has_relevancy = false;
	if (!imap_args_list(g, &list) || imap_args_end(&list))
		return err_set(e, ERR_SYNTAX, "Sort criteria expected", "none");
	while (list.at < list.n) {
		bool reverse = imap_args_word(&list, "REVERSE");
		size_t i = 0;

		while (i < rows && !imap_args_word(&list, keys[i].name))
			i++;
		if (i == rows)
			return err_set(e, ERR_SYNTAX, "Unknown sort criterion", "criterion %zu", list.at);
		if (out->n == IMAP_SORT_KEYS_MAX)
			return err_set(e, ERR_LIMIT, "Too many sort criteria", "over %d", IMAP_SORT_KEYS_MAX);
		out->has_relevancy |= keys[i].kind == IMAP_SORT_RELEVANCY;
		out->key[out->n++] = (struct imap_sort_key){ keys[i].kind, reverse };
	}
	return 0;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP; BLOBCHAR = any but "[" and "]" */
static bool blob(struct span *s)
{
	struct span in = *s;

	if (!scan_char(&in, '['))
		return false;
	while (in.n && in.p[0] != '[' && in.p[0] != ']')
		in = span_from(in, 1);
	if (!scan_char(&in, ']'))
		return false;
	scan_blanks(&in);
	*s = in;
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool refwd(struct span *s)
{
	struct span in = *s;

	if (!scan_ilit(&in, SPAN("re")) && !scan_ilit(&in, SPAN("fwd")) && !scan_ilit(&in, SPAN("fw")))
		return false;
	scan_blanks(&in);
	(void)blob(&in);
	if (!scan_char(&in, ':'))
		return false;
	scan_blanks(&in);
	*s = in;
	return true;
}

/* subj-leader = (*subj-blob subj-refwd) / WSP */
static bool leader(struct span *s, struct span *behind_blobs)
{
	struct span in = *s;

	while (blob(&in))
		;
	*behind_blobs = in;
	if (!refwd(&in))
		return false;
	*s = in;
	return true;
}

/* The five steps of RFC 5256 section 2.1. Blobs in front of a leader are looked at again at most once per leader: a run
 * of blobs without leader is skipped by the caller one at a time, so *behind remembers how far it goes. */
struct span imap_base_subject(struct span s, bool *reply_out)
{
	struct span behind, next;
	bool again = true;

	*reply_out = false;
	while (again) {
		s = span_trim(s);
		while (s.n >= 5 && span_ieqz(span_from(s, s.n - 5), "(fwd)")) {
			s = span_trim(span_sub(s, 0, s.n - 5));
			*reply_out = true;
		}
		while (leader(&s, &behind))
			*reply_out = true;
		/* no leader behind these blobs: they go, one after another, as long as something stays */
		for (next = s; next.p < behind.p && blob(&next) && next.n;)
			s = next;
		again = s.n > 6 && span_istarts(s, SPAN("[fwd:")) && s.p[s.n - 1] == ']';
		if (again) {
			s = span_sub(s, 5, s.n - 6);
			*reply_out = true;
		}
	}
	return s;
}

/* string / nil as mime_print writes it: quoted, with backslashes */
static bool nstring(struct arena *a, struct span *in, struct span *out)
{
	struct span s = *in;
	size_t n = 0, to = 0;
	char *copy;

	*out = SPAN_NONE;
	if (scan_ilit(in, SPAN("NIL")))
		return true;
	if (!scan_char(&s, '"'))
		return false;
	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	if (n >= s.n)
		return false;
	copy = arena_alloc(a, n + 1);
	for (size_t i = 0; i < n; i++) {
		i += s.p[i] == '\\';
		copy[to++] = s.p[i];
	}
	*out = (struct span){ copy, to };
	*in = span_from(s, n + 1);
	return true;
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" */
static bool address(struct arena *a, struct span *in, struct imap_envelope_address *out)
{
	struct span adl;

	return scan_char(in, '(') && nstring(a, in, &out->name) && scan_char(in, ' ') && nstring(a, in, &adl) &&
		scan_char(in, ' ') && nstring(a, in, &out->mailbox) && scan_char(in, ' ') &&
		nstring(a, in, &out->host) && scan_char(in, ')');
}

/* "(" 1*address ")" / nil; only the first is kept */
static bool addresses(struct arena *a, struct span *in, struct imap_envelope_address *out)
{
	struct imap_envelope_address other;
	bool first = true;

	*out = (struct imap_envelope_address){ 0 };
	if (scan_ilit(in, SPAN("NIL")))
		return true;
	if (!scan_char(in, '('))
		return false;
	for (; in->n && in->p[0] == '('; first = false)
		if (!address(a, in, first ? out : &other))
			return false;
	return scan_char(in, ')');
}

/* envelope = "(" date SP subject SP from SP sender SP reply-to SP to SP cc SP bcc SP in-reply-to SP message-id ")" */
void imap_envelope_keys(struct arena *a, struct span in, struct imap_envelope_keys *out)
{
	struct imap_envelope_address other;
	struct span s;

	*out = (struct imap_envelope_keys){ 0 };
	if (!scan_char(&in, '(') || !nstring(a, &in, &s) || !scan_char(&in, ' ') || !nstring(a, &in, &s) ||
		!scan_char(&in, ' ') || !addresses(a, &in, &out->from) || !scan_char(&in, ' ') ||
		!addresses(a, &in, &other) || !scan_char(&in, ' ') || !addresses(a, &in, &other) ||
		!scan_char(&in, ' ') || !addresses(a, &in, &out->to) || !scan_char(&in, ' ') ||
		!addresses(a, &in, &out->cc) || !scan_char(&in, ' ') || !addresses(a, &in, &other) ||
		!scan_char(&in, ' '))
		return;
	(void)nstring(a, &in, &out->in_reply_to);
}
