/* Any line as a command: its tokens are walked as arguments, FETCH attributes, search keys and NOTIFY's events. */
#include "codec/imap/imap_context.h"
#include "codec/imap/imap_lex.h"
#include "codec/imap/imap_notify.h"
#include "codec/imap/imap_search.h"
#include "codec/imap/imap_section.h"
#include <assert.h>

static void walk(struct imap_args *g)
{
	struct imap_args in;
	struct span s;
	uint64_t n;

	while (!imap_args_end(g)) {
		size_t at = g->at;

		if (imap_args_list(g, &in))
			walk(&in);
		else if (!imap_args_number(g, &n, 0, 99) && !imap_args_nstring(g, &s) &&
			 !imap_args_astring(g, &s))
			assert(imap_args_skip(g));
		assert(g->at > at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct imap_command cmd;
	struct imap_args g;
	struct imap_fetch_item *v;
	struct imap_fetch_mods mods;
	struct imap_search search, copy;
	struct imap_notify_args notify;
	struct err e = ERR_INIT;
	size_t count;
	SCOPED_BUF b;
	SCOPED_BUF again;

	buf_init(&b, 1u << 20);
	buf_init(&again, 1u << 20);
	if (imap_lex(a, SPAN_BYTES(p, n), NULL, 0, &cmd, NULL) < 0)
		return 0;
	g = imap_args(cmd.args.v, cmd.args.n);
	walk(&g);
	assert(imap_args_done(&g, NULL) == 0);
	g.at = 0;
	assert(imap_search_parse(a, &g, &search, &e) == e.code);
	if (search.root) {
		imap_search_copy(a, &search, &copy);
		assert(imap_context_kind(&copy, 9) == imap_context_kind(&search, 9));
	}
	if (!e.code && cmd.args.n)
		(void)imap_search_fill(a, &search, search.root, cmd.args.v[0].text, NULL);
	g.at = 0;
	err_clear(&e);
	if (imap_notify_parse(a, &g, &notify, &e) == 0)
		assert(notify.none || (notify.n && imap_args_end(&g)));
	g.at = 0;
	if (imap_fetch_parse(a, &g, &v, &count, NULL) < 0)
		return 0;
	(void)imap_fetch_mods_parse(&g, &mods, NULL);
	for (size_t i = 0; i < count; i++) {
		struct imap_fetch_item item = {.kind = v[i].kind};
		struct span label, text;

		buf_reset(&b);
		buf_reset(&again);
		imap_fetch_label(&b, &v[i]);
		label = buf_span(&b);
		if (span_chr(label, '[') < 0 || b.failed)
			continue;
		text = span_sub(label, (size_t)span_chr(label, '[') + 1,
			(size_t)span_rchr(label, ']') - (size_t)span_chr(label, '[') - 1);
		assert(imap_section_parse(a, text, &item, NULL) == 0);
		item.partial = v[i].partial;
		item.origin = v[i].origin;
		imap_fetch_label(&again, &item);
		assert(span_eq(label, buf_span(&again)));
	}
	return 0;
}
