#include "codec/imap/imap_match.h"
#include "codec/imap/imap_utf7.h"
#include <string.h>

int imap_pattern_init(struct imap_pattern *p, struct span pattern, char delimiter, struct err *e)
{
	p->n = 0;
	p->delimiter = delimiter;
	if (pattern.n > IMAP_PATTERN_MAX)
		return err_set(e, ERR_TOOBIG, "Mailbox pattern too long", "%zu bytes", pattern.n);
	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i], *last = p->n ? &p->v[p->n - 1] : NULL;

		if (last && (c == '*' || c == '%') && (*last == '*' || *last == '%'))
			*last = c == '*' ? '*' : *last;
		else
			p->v[p->n++] = c;
	}
	return 0;
}

static bool in_inbox(struct span name, char delimiter)
{
	return span_istarts(name, SPAN("INBOX")) && (name.n == 5 || name.p[5] == delimiter);
}

/* A wildcard may stand for nothing: a state in front of one is also behind it. */
static void spread(const struct imap_pattern *p, bool *state)
{
	for (size_t i = 0; i < p->n; i++)
		if (state[i] && (p->v[i] == '*' || p->v[i] == '%'))
			state[i + 1] = true;
}

/* list-wildcards = "%" / "*". state[i]: the name so far can be matched by i pattern characters. */
bool imap_pattern_match(const struct imap_pattern *p, struct span name)
{
	bool state[IMAP_PATTERN_MAX + 1], fold = in_inbox(name, p->delimiter);

	if (name.n > IMAP_NAME_MAX)
		return false;
	memset(state, 0, p->n + 1);
	state[0] = true;
	spread(p, state);
	for (size_t k = 0; k < name.n; k++) {
		char c = name.p[k];
		bool folded = fold && k < 5, any = false;

		for (size_t i = p->n + 1; i-- > 0;) {
			char w = i < p->n ? p->v[i] : 0;
			bool stay = i < p->n && (w == '*' || (w == '%' && c != p->delimiter));
			bool step = false;

			if (i && state[i - 1] && p->v[i - 1] != '*' && p->v[i - 1] != '%')
				step = folded ? ascii_lower(p->v[i - 1]) == ascii_lower(c)
					      : p->v[i - 1] == c;
			state[i] = (state[i] && stay) || step;
			any |= state[i];
		}
		if (!any)
			return false;
		spread(p, state);
	}
	return state[p->n];
}
