/* First octet: what the rest is. Any mbox ends, and what mbox_pack writes comes back octet by octet. */
#include <assert.h>
#include "codec/move/maildir.h"
#include "codec/move/mbox.h"
#include "codec/move/move_item.h"

static void mbox(struct span in)
{
	struct mbox m = { .in = in };
	struct mbox_mail mail;
	size_t before = 0;

	while (mbox_next(&m, &mail, NULL) == 1) {
		SCOPED_BUF text, words;

		assert(m.at > before && m.at <= in.n && mail.raw.n <= in.n);
		before = m.at;
		buf_init(&text, 1 << 22);
		buf_init(&words, 1 << 20);
		mbox_unpack(&mail, &text, &words);
	}
}

static void there_and_back(struct span in)
{
	struct mbox m;
	struct mbox_mail mail;
	SCOPED_BUF file, text, words, first;
	bool plain;

	buf_init(&file, 1 << 22);
	buf_init(&text, 1 << 22);
	buf_init(&words, 1 << 20);
	buf_init(&first, 1 << 22);
	plain = move_to_lf(&first, in);
	mbox_pack(&file, in, MOVE_SEEN | MOVE_DRAFT, SPAN("a $b"), 1234567890);
	mbox_pack(&file, SPAN("Subject: 2\r\n\r\n"), 0, SPAN_NONE, 1);
	m = (struct mbox){ .in = buf_span(&file) };
	assert(mbox_next(&m, &mail, NULL) == 1 && mail.sec == 1234567890);
	mbox_unpack(&mail, &text, &words);
	assert(span_eq(buf_span(&text), in));
	assert(mail.flags == (MOVE_SEEN | MOVE_DRAFT) && span_eqz(buf_span(&words), "a $b"));
	assert(mbox_next(&m, &mail, NULL) == 1 && mail.sec == 1 && mbox_next(&m, &mail, NULL) == 0);
	buf_reset(&text);
	if (plain)
		move_to_crlf(&text, buf_span(&first));
	assert(!plain || span_eq(buf_span(&text), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct span in = n ? SPAN_BYTES(p + 1, n - 1) : SPAN_NONE, names[MAILDIR_LETTERS], name, again;
	struct maildir_name mail;
	struct move_item item;
	SCOPED_BUF b;

	buf_init(&b, 65536);
	if (!n)
		return 0;
	switch (p[0] % 4) {
	case 0: mbox(in); break;
	case 1: there_and_back(in); break;
	case 2:
		while (move_item_next(&in, &item, NULL) == 1)
			;
		break;
	default:
		maildir_name_read(in, &mail);
		maildir_keywords_read(in, names);
		maildir_folder_read(a, in, false);
		name = move_folder_clean(a, maildir_folder_read(a, in, true));
		maildir_folder_write(&b, name);
		again = move_folder_clean(a, maildir_folder_read(a, buf_span(&b), true));
		assert(span_eq(again, name));
	}
	return 0;
}
