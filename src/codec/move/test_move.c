#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "codec/move/maildir.h"
#include "codec/move/mbox.h"
#include "codec/move/move_item.h"

static void test_maildir_names(void **state)
{
	struct span names[MAILDIR_LETTERS];
	struct maildir_name m;

	(void)state;
	assert_true(maildir_name_read(SPAN("1196974832.M1P2.host,S=12:2,FRSac"), &m));
	assert_true(span_eqz(m.unique, "1196974832.M1P2.host,S=12"));
	assert_int_equal(m.flags, MOVE_FLAGGED | MOVE_ANSWERED | MOVE_SEEN);
	assert_int_equal(m.letters, 5);
	assert_int_equal(m.sec, 1196974832);
	assert_true(maildir_name_read(SPAN("msg;2,DTP"), &m));
	assert_true(m.forwarded && m.flags == (MOVE_DRAFT | MOVE_DELETED) && m.sec == 0);
	assert_true(maildir_name_read(SPAN("1.host-2,S=4"), &m) && span_eqz(m.unique, "1.host-2,S=4"));
	assert_false(maildir_name_read(SPAN(".nfs0001"), &m));
	maildir_keywords_read(SPAN("0 $Label1\n2 Wichtig\n99 nein\nx\n"), names);
	assert_true(span_eqz(names[0], "$Label1") && !names[1].n && span_eqz(names[2], "Wichtig"));
}

static void test_maildir_folders(void **state)
{
	static const char *const same[] = { "Archiv", "Entwürfe/Ä & Ö", "a.b/c", "日本語/x.y.z", "&AC4-" };
	SCOPED_ARENA a = arena_new();

	(void)state;
	assert_true(span_eqz(maildir_folder_read(a, SPAN(".Entw&APw-rfe.2026"), true), "Entwürfe/2026"));
	assert_true(span_eqz(maildir_folder_read(a, SPAN(".Entwürfe"), true), "Entwürfe"));
	assert_true(span_eqz(maildir_folder_read(a, SPAN("R&D"), false), "R&D"));
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		SCOPED_BUF b;

		buf_init(&b, 1000);
		maildir_folder_write(&b, span_str(same[i]));
		assert_true(span_eqz(maildir_folder_read(a, buf_span(&b), true), same[i]));
	}
	assert_true(span_eqz(move_folder_clean(a, SPAN("shared/x*\x01//\xff")), "_shared/x__/_"));
	assert_true(span_eqz(move_folder_clean(a, SPAN("")), "INBOX"));
	assert_int_equal(move_special_of(SPAN("gesendet")), MOVE_SENT);
	assert_int_equal(move_special_of(SPAN("INBOX/Trash")), MOVE_TRASH);
	assert_int_equal(move_special_of(SPAN("Archiv/2026")), MOVE_PLAIN);
}

/* One mail of a file: its text, flags, keywords; NULL when there is none. */
static const char *next(struct arena *a, struct mbox *m, struct mbox_mail *mail, const char **words)
{
	SCOPED_BUF text, keys;

	buf_init(&text, 1 << 20);
	buf_init(&keys, 1 << 16);
	if (mbox_next(m, mail, NULL) != 1)
		return NULL;
	mbox_unpack(mail, &text, &keys);
	*words = arena_strz(a, buf_span(&keys));
	return arena_strz(a, buf_span(&text));
}

static void test_mbox(void **state)
{
	static const char file[] = "From a@b Mon Nov 23 20:36:35 2026\nSubject: 1\nStatus: RO\nX-Status: AF\nX-Keywords: a b\n\n"
		">From here\nFrom there\n\nFrom nowhere\n\n"
		"From x  Tue Jan  2 01:02:03 +0100 2024\nSubject: 2\nContent-Length: 52\n\n"
		">From stays\n\nFrom a@b Mon Nov 23 20:36:35 2026\nend.\n\n\n"
		"From y Tue Jan  2 01:02:03 2024\nX-Mozilla-Status: 1009\nX-Mozilla-Keys: $label1\nSubject: 3\n\nlast";
	SCOPED_ARENA a = arena_new();
	struct mbox m = { .in = SPAN_BYTES(file, sizeof(file) - 1) };
	struct mbox_mail mail;
	const char *words;

	(void)state;
	assert_true(mbox_starts(m.in) && !mbox_starts(SPAN("From me\n")));
	assert_string_equal(next(a, &m, &mail, &words), "Subject: 1\r\n\r\nFrom here\r\nFrom there\r\n\r\nFrom nowhere\r\n");
	assert_int_equal(mail.flags, MOVE_SEEN | MOVE_ANSWERED | MOVE_FLAGGED);
	assert_int_equal(mail.sec, 1795466195);
	assert_string_equal(words, "a b");
	assert_string_equal(next(a, &m, &mail, &words),
		"Subject: 2\r\n\r\n>From stays\r\n\r\nFrom a@b Mon Nov 23 20:36:35 2026\r\nend.\r\n");
	assert_int_equal(mail.sec, 1704153723);
	assert_string_equal(next(a, &m, &mail, &words), "Subject: 3\r\n\r\nlast");
	assert_int_equal(mail.flags, MOVE_SEEN | MOVE_DELETED);
	assert_string_equal(words, "$Forwarded $label1");
	assert_null(next(a, &m, &mail, &words));
	m = (struct mbox){ .in = SPAN("Subject: no mbox\n\n") };
	assert_int_equal(mbox_next(&m, &mail, NULL), ERR_SYNTAX);
}

static void test_there_and_back(void **state)
{
	static const char *const mails[] = { "Subject: a\r\n\r\nFrom me\r\n>From you\r\n", "Subject: b\r\n\r\nno end", "\r\n\r\n\r\n", "x",
		"Subject: mixed\r\n\r\na\nFrom b\r\n\rc", "Status: RO\r\nContent-Length: 3\r\n\r\nabcdef\r\n", "a: 1\r\n\r\nend\r" };
	SCOPED_ARENA a = arena_new();
	struct mbox m;
	struct mbox_mail mail;
	const char *words;
	SCOPED_BUF file;

	(void)state;
	buf_init(&file, 1 << 16);
	for (size_t i = 0; i < sizeof(mails) / sizeof(*mails); i++)
		mbox_pack(&file, span_str(mails[i]), (unsigned)i, i & 1 ? SPAN("$x y") : SPAN_NONE, 1000000000 + (int64_t)i);
	m = (struct mbox){ .in = buf_span(&file) };
	for (size_t i = 0; i < sizeof(mails) / sizeof(*mails); i++) {
		assert_string_equal(next(a, &m, &mail, &words), mails[i]);
		assert_int_equal(mail.flags, i);
		assert_int_equal(mail.sec, 1000000000 + (int64_t)i);
		assert_string_equal(words, i & 1 ? "$x y" : "");
	}
	assert_null(next(a, &m, &mail, &words));
}

static void test_items(void **state)
{
	struct move_item in = { MOVE_MESSAGE, MOVE_SEEN, MOVE_SENT, -5, SPAN("Ä/b"), SPAN("id"), SPAN("k l"), SPAN("body") }, out;
	struct span rest;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 10000);
	for (int i = 0; i < 2; i++) {
		move_item_head(&b, &in);
		buf_add(&b, in.body);
	}
	rest = buf_span(&b);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(move_item_next(&rest, &out, NULL), 1);
		assert_true(out.kind == in.kind && out.received_sec == -5 && span_eq(out.folder, in.folder) && span_eqz(out.body, "body") &&
			span_eqz(out.keywords, "k l") && span_eqz(out.source, "id") && out.special == MOVE_SENT);
	}
	assert_int_equal(move_item_next(&rest, &out, NULL), 0);
	rest = span_sub(buf_span(&b), 0, b.n - 1);
	assert_int_equal(move_item_next(&rest, &out, NULL), 1);
	assert_int_equal(move_item_next(&rest, &out, NULL), ERR_SYNTAX);
}

static void test_dates(void **state)
{
	int64_t sec;

	(void)state;
	assert_true(move_date_of(SPAN("Received: from x; by y;\n Mon, 23 Nov 2026 20:36:35 +0100\nDate: Mon, 1 Jan 2001 00:00:00 +0000\n\n"), &sec));
	assert_int_equal(sec, 1795462595);
	assert_true(move_date_of(SPAN("Received: from x\r\nDate: Mon, 1 Jan 2001 00:00:00 +0000\r\n\r\n"), &sec));
	assert_int_equal(sec, 978307200);
	assert_false(move_date_of(SPAN("Subject: x\n\nDate: Mon, 1 Jan 2001 00:00:00 +0000\n"), &sec));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_maildir_names), cmocka_unit_test(test_maildir_folders),
		cmocka_unit_test(test_mbox), cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_items),
		cmocka_unit_test(test_dates) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
