#include "script/script_text.h"
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/scan.h"

static void add_numbered(struct buf *b, struct span text, uint64_t number)
{
	ssize_t at;

	while ((at = span_find(text, SPAN("<#"))) >= 0) {
		buf_add(b, span_sub(text, 0, (size_t)at));
		buf_addf(b, "%llu", (unsigned long long)number);
		text = span_from(text, (size_t)at + 2);
	}
	buf_add(b, text);
}

struct span script_expand(struct arena *a, struct span in)
{
	SCOPED_BUF b;
	ssize_t at;

	buf_init(&b, 64u << 20);
	while ((at = span_find(in, SPAN("<<"))) >= 0) {
		struct span rest = span_from(in, (size_t)at + 2), count = span_cut(&rest, ' ');
		ssize_t end = span_find(rest, SPAN(">>"));
		uint64_t n;

		if (end < 0 || !span_num(count, &n, 0, 1u << 26))
			return SPAN_NONE;
		buf_add(&b, span_sub(in, 0, (size_t)at));
		for (uint64_t i = 1; i <= n; i++)
			add_numbered(&b, span_sub(rest, 0, (size_t)end), i);
		in = span_from(rest, (size_t)end + 2);
	}
	buf_add(&b, in);
	return b.n ? arena_span(a, buf_span(&b)) : SPAN("");
}

int script_fits(struct arena *a, struct span want, struct span line)
{
	SCOPED_BUF re;
	regex_t rx;
	bool inside = false, ok;

	buf_init(&re, 16u << 20);
	if (span_find(want, SPAN("{{")) < 0)
		return span_eq(want, line);
	buf_addc(&re, '^');
	while (want.n) {
		if (span_starts(want, inside ? SPAN("}}") : SPAN("{{"))) {
			buf_addz(&re, inside ? ")" : "(");
			inside = !inside;
			want = span_from(want, 2);
			continue;
		}
		if (!inside && memchr("\\^$.[]|()*+?{}", want.p[0], 14))
			buf_addc(&re, '\\');
		buf_addc(&re, want.p[0]);
		want = span_from(want, 1);
	}
	buf_addc(&re, '$');
	if (regcomp(&rx, arena_strz(a, buf_span(&re)), REG_EXTENDED | REG_NOSUB))
		return -1;
	ok = regexec(&rx, arena_strz(a, line), 0, NULL, 0) == 0;
	regfree(&rx);
	return ok;
}

struct span script_unescape(struct arena *a, struct span in)
{
	char *to = arena_alloc(a, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t hex;

		if (in.p[i] != '\\' || i + 1 >= in.n) {
			to[n++] = in.p[i];
		} else if (in.p[i + 1] == 'x' && i + 3 < in.n && scan_hex(span_sub(in, i + 2, 2), &hex, 1)) {
			to[n++] = (char)hex;
			i += 3;
		} else {
			char c = in.p[++i];

			to[n++] = c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
		}
	}
	return (struct span){ to, n };
}
