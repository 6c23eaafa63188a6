#include "codec/move/maildir.h"
#include <string.h>
#include "base/scan.h"
#include "codec/imap/imap_utf7.h"
#include "codec/move/move_item.h"

static const struct { char letter; unsigned flag; } letters[] = { { 'D', MOVE_DRAFT }, { 'F', MOVE_FLAGGED }, { 'R', MOVE_ANSWERED },
	{ 'S', MOVE_SEEN }, { 'T', MOVE_DELETED } };

static void read_flags(struct span s, struct maildir_name *out)
{
	for (size_t i = 0; i < s.n && s.p[i] != ','; i++) {
		for (size_t k = 0; k < sizeof(letters) / sizeof(*letters); k++)
			if (s.p[i] == letters[k].letter)
				out->flags |= letters[k].flag;
		if (s.p[i] == 'P')
			out->forwarded = true;
		if (s.p[i] >= 'a' && s.p[i] <= 'z')
			out->letters |= 1u << (s.p[i] - 'a');
	}
}

/* Where "2," stands behind a colon, or behind what stands for one where there are none. */
static ssize_t info_at(struct span name)
{
	for (size_t i = name.n; i >= 3; i--)
		if (strchr(":;!", name.p[i - 3]) && name.p[i - 3] && name.p[i - 2] == '2' && name.p[i - 1] == ',')
			return (ssize_t)i - 3;
	return -1;
}

bool maildir_name_read(struct span name, struct maildir_name *out)
{
	ssize_t at = info_at(name);
	struct span digits = name;
	uint64_t sec;

	*out = (struct maildir_name){ .unique = name };
	if (!name.n || name.p[0] == '.')
		return false;
	if (at > 0) {
		out->unique = span_sub(name, 0, (size_t)at);
		read_flags(span_from(name, (size_t)at + 3), out);
	}
	if (scan_num(&digits, &sec, 1, 32503680000u) && digits.n && digits.p[0] == '.')
		out->sec = (int64_t)sec;
	return true;
}

void maildir_keywords_read(struct span text, struct span names[MAILDIR_LETTERS])
{
	memset(names, 0, MAILDIR_LETTERS * sizeof(*names));
	while (text.n) {
		struct span line = span_trim(span_cut(&text, '\n'));
		uint64_t n;

		if (scan_num(&line, &n, 0, MAILDIR_LETTERS - 1) && scan_char(&line, ' '))
			names[n] = span_trim(line);
	}
}

/* One level; "&AC4-" is a dot that the layout does not let through. */
static void read_level(struct arena *a, struct buf *b, struct span level)
{
	struct span rest = level;

	for (;;) {
		ssize_t dot = span_find(rest, SPAN("&AC4-"));
		struct span piece = dot < 0 ? rest : span_sub(rest, 0, (size_t)dot), text;

		if (piece.n)
			buf_add(b, imap_utf7_decode(a, piece, &text, NULL) == 0 ? text : piece);
		if (dot < 0)
			return;
		buf_addc(b, '.');
		rest = span_from(rest, (size_t)dot + 5);
	}
}

struct span maildir_folder_read(struct arena *a, struct span name, bool dots)
{
	SCOPED_BUF b;

	buf_init(&b, 16384);
	name = span_sub(name, 0, 4096);
	if (dots && name.n && name.p[0] == '.')
		name = span_from(name, 1);
	while (name.n) {
		struct span level = dots ? span_cut(&name, '.') : name;

		if (!dots)
			name = SPAN_NONE;
		if (b.n && level.n)
			buf_addc(&b, '/');
		read_level(a, &b, level);
	}
	return arena_span(a, buf_span(&b));
}

void maildir_folder_write(struct buf *b, struct span folder)
{
	if (span_eqz(folder, "INBOX"))
		return;
	while (folder.n) {
		struct span level = span_cut(&folder, '/');

		buf_addc(b, '.');
		for (;;) {
			ssize_t dot = span_chr(level, '.');

			imap_utf7_encode(b, dot < 0 ? level : span_sub(level, 0, (size_t)dot), NULL);
			if (dot < 0)
				break;
			buf_addz(b, "&AC4-");
			level = span_from(level, (size_t)dot + 1);
		}
	}
}

/* Length of the UTF-8 character at p, 0: it is none that a name may have. */
static size_t character(struct span s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (imap_mailbox_check(span_sub(s, 0, n), '\0', NULL) == 0)
			return n;
	return 0;
}

static void clean_level(struct buf *b, struct span level)
{
	while (level.n) {
		size_t n = character(level);

		if (n)
			buf_add(b, span_sub(level, 0, n));
		else
			buf_addc(b, '_');
		level = span_from(level, n ? n : 1);
	}
}

struct span move_folder_clean(struct arena *a, struct span name)
{
	SCOPED_BUF b;

	buf_init(&b, 16384);
	name = span_sub(name, 0, 4096);
	while (name.n) {
		struct span level = span_cut(&name, '/');

		if (!level.n)
			continue;
		if (b.n)
			buf_addc(&b, '/');
		else if (span_eqz(level, "shared"))
			buf_addc(&b, '_');
		clean_level(&b, level);
	}
	if (!b.n)
		return SPAN("INBOX");
	return imap_mailbox_check(buf_span(&b), '/', NULL) < 0 ? SPAN("Import") : arena_span(a, buf_span(&b));
}
