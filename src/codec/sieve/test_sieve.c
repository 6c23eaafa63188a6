#include "codec/sieve/sieve_int.h"   /* before cmocka.h, whose run_test is a macro */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "codec/sieve/sieve.h"

#define MAIL "From: \"Anna M\xC3\xBCller\" <anna+work@Example.net>\r\nTo: b@example.org, c@example.org\r\n" \
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Wien\r\nMessage-ID: <1@example.net>\r\nList-Id: <dev.example.net>\r\n" \
	"X-A: one\r\nX-A: two\r\nX-A: three\r\nX-Spam-Score: 7.5 / 15\r\nDate: Tue, 24 Nov 2026 23:30:00 +0100\r\n" \
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello World 4711\r\n" \
	"--b\r\nContent-Type: application/pdf; name=\"bill.pdf\"\r\nContent-Disposition: attachment; filename=\"bill.pdf\"\r\n\r\nPDF\r\n--b--\r\n"

struct world {
	struct arena *a;
	bool seen, event;
	const struct sieve_script *included;
};

static int has_mailbox(void *arg, struct span name)
{
	(void)arg;
	return span_eqz(name, "Listen");
}

static int annotation(void *arg, struct span box, struct span name, struct span *out)
{
	(void)arg;
	if (box.p && span_eqz(box, "Listen") && span_eqz(name, "/private/ziel"))
		*out = SPAN("Archiv/2026");
	if (box.p && span_eqz(box, "Listen") && span_eqz(name, "/shared/leer"))
		*out = SPAN("");
	if (!box.p && span_eqz(name, "/shared/admin"))
		*out = SPAN("mailto:it@example.org");
	return 0;
}

static int special(void *arg, struct span name, struct span use)
{
	(void)arg;
	return !name.p && span_eqz(use, "\\Junk");
}

static int duplicate(void *arg, struct span id, int64_t seconds)
{
	struct world *w = arg;

	assert_true(id.n && seconds > 0);
	return w->seen;
}

static int include(void *arg, struct span name, bool global, const struct sieve_script **out)
{
	struct world *w = arg;

	*out = w->included;
	return span_eqz(name, "other") && !global;
}

static int env(void *arg, struct span name, struct span *out)
{
	(void)arg;
	if (span_eqz(name, "domain"))
		*out = SPAN("example.org");
	return 0;
}

static int in_list(void *arg, struct span list, struct span value)
{
	(void)arg;
	if (span_eqz(list, "mailto:gruppe@example.org"))
		return !value.p || span_ieqz(value, "anna@example.org");
	return span_eqz(list, "urn:x:book") ? !value.p : 0;
}

static void render(struct buf *b, const struct sieve_result *res)
{
	static const char *const names[] = { "keep", "fileinto", "redirect", "reject", "vacation", "notify" };

	for (size_t i = 0; i < res->n_actions; i++) {
		const struct sieve_action *x = &res->actions[i];

		buf_addf(b, "%s%s%s%.*s", i ? " " : "", names[x->kind], x->target.n ? ":" : "", SPAN_F(x->target));
		for (size_t k = 0; k < x->n_flags; k++)
			buf_addf(b, "%s%.*s%s", k ? "," : "{", SPAN_F(x->flags[k]), k + 1 == x->n_flags ? "}" : "");
	}
}

static struct sieve_script *compile(struct arena *a, const char *text, struct sieve_error *why)
{
	struct sieve_limits limits = SIEVE_LIMITS;
	struct sieve_script *s;

	return sieve_compile(a, span_str(text), &limits, &s, why) == 0 ? s : NULL;
}

/* What a script does with MAIL, as text; "!line: text" when it fails. */
static const char *does_in(struct world *w, const char *text, uint64_t budget, struct sieve_result *res)
{
	struct sieve_error why;
	struct sieve_script *s = compile(w->a, text, &why);
	struct sieve_host h = { .arg = w, .message = SPAN(MAIL), .from = SPAN("bounce@example.net"), .to = SPAN("ben+lists@example.org"),
		.now_sec = 1790000000, .zone_min = 60, .budget = budget, .separator = '+', .mailbox = has_mailbox, .metadata = annotation, .special_use = special,
		.duplicate = duplicate, .include = include, .environment = env,
		.in_list = in_list };
	struct span flags[] = { SPAN("\\Seen"), SPAN("work") };
	SCOPED_BUF b;

	if (w->event) {
		h.event = true;
		h.flags = flags;
		h.n_flags = 2;
	}

	buf_init(&b, 10000);
	if (!s)
		return arena_strz(w->a, arena_printf(w->a, "?%u:%u %s", why.line, why.column, why.text));
	if (sieve_run(w->a, s, &h, res) < 0)
		return arena_strz(w->a, arena_printf(w->a, "!%u: %s", res->error.line, res->error.text));
	render(&b, res);
	return arena_strz(w->a, buf_span(&b));
}

static void expect(const char *text, const char *want)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a };
	struct sieve_result res;
	const char *got = does_in(&w, text, 100000, &res);

	if (strcmp(got, want) != 0)
		print_error("script: %s\n", text);
	assert_string_equal(got, want);
}

static void test_extlists(void **state)
{
	(void)state;
#define LISTS "require [\"extlists\", \"variables\"]; "
	expect(LISTS "if address :list \"to\" \"mailto:gruppe@example.org\" { discard; }", "keep");
	expect(LISTS "set \"a\" \"ANNA@example.org\"; if string :list \"${a}\" [\"urn:y\", \"mailto:gruppe@example.org\"] { redirect \"${0}\"; }",
		"redirect:ANNA@example.org");
	expect(LISTS "if string :list :comparator \"i;octet\" \"\" \"mailto:gruppe@example.org\" { discard; }", "keep");
	expect(LISTS "if valid_ext_list [\"urn:x:book\", \"mailto:gruppe@example.org\"] { discard; }", "");
	expect(LISTS "if valid_ext_list [\"urn:x:book\", \"urn:y\"] { discard; }", "keep");
	expect(LISTS "redirect :list \"mailto:gruppe@example.org\";", "redirect:gruppe@example.org");
	expect(LISTS "redirect :list \"urn:x:book\";", "!1: \"redirect\" knows no members of this list");
	expect(LISTS "redirect :list \"mailto:andere@example.org\";", "!1: \"redirect\" knows no members of this list");
	expect("if header :list \"from\" \"urn:x:book\" { stop; }", "?1:11 \":list\" needs an extension that is not required");
	expect(LISTS "if header :list :is \"from\" \"urn:x:book\" { stop; }", "?1:52 \":list\" and \":is\" exclude each other");
}

static void test_metadata(void **state)
{
	(void)state;
#define META "require [\"mboxmetadata\", \"servermetadata\", \"variables\", \"relational\", \"fileinto\"]; "
	expect(META "if metadata \"Listen\" \"/private/ziel\" \"archiv/2026\" { discard; }", "");
	expect(META "if metadata :comparator \"i;octet\" \"Listen\" \"/private/ziel\" \"archiv/2026\" { discard; }", "keep");
	expect(META "if metadata :matches \"Listen\" \"/private/ziel\" \"Archiv/*\" { fileinto \"J${1}\"; }", "fileinto:J2026");
	expect(META "set \"b\" \"Listen\"; set \"n\" \"ziel\"; if metadata :contains \"${b}\" \"/private/${n}\" [\"x\", \"2026\"] { discard; }", "");
	expect(META "if metadata :matches \"Nicht\" \"/private/ziel\" \"*\" { discard; }", "keep");
	expect(META "if metadata :matches \"Listen\" \"/private/nichts\" \"*\" { discard; }", "keep");
	expect(META "if metadata :is \"Listen\" \"/shared/leer\" \"\" { discard; }", "");
	expect(META "if metadata :count \"eq\" \"Listen\" \"/private/nichts\" \"0\" { discard; }", "");
	expect(META "if metadataexists \"Listen\" [\"/private/ziel\", \"/shared/leer\"] { discard; }", "");
	expect(META "if metadataexists \"Listen\" [\"/private/ziel\", \"/private/nichts\"] { discard; }", "keep");
	expect(META "if metadataexists \"Nicht\" \"/private/ziel\" { discard; }", "keep");
	expect(META "if servermetadata :contains \"/shared/admin\" \"it@\" { discard; }", "");
	expect(META "if servermetadata :contains \"/shared/comment\" \"\" { discard; }", "keep");
	expect(META "if servermetadataexists \"/shared/admin\" { discard; }", "");
	expect(META "if servermetadataexists [\"/shared/admin\", \"/shared/comment\"] { discard; }", "keep");
	expect("require \"ihave\"; if ihave [\"mboxmetadata\", \"servermetadata\"] { discard; }", "");
	expect("require \"mailbox\"; if metadataexists \"Listen\" \"/private/ziel\" { stop; }",
		"?1:23 \"metadataexists\" needs an extension that is not required");
	expect("require \"mboxmetadata\"; if servermetadataexists \"/shared/admin\" { stop; }",
		"?1:28 \"servermetadataexists\" needs an extension that is not required");
}

static void expect_event(const char *text, const char *want)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a, .event = true };
	struct sieve_result res;
	const char *got = does_in(&w, text, 100000, &res);

	if (strcmp(got, want) != 0)
		print_error("script: %s\n", text);
	assert_string_equal(got, want);
}

/* RFC 6785: the flags are the message's, what answers or refuses a delivery fails; and the other way round. */
static void test_imapsieve(void **state)
{
	(void)state;
#define EVENT "require [\"imapsieve\", \"imap4flags\", \"fileinto\", \"reject\", \"vacation\", \"envelope\"]; "
	expect_event("", "keep{\\Seen,work}");
	expect_event(EVENT "if hasflag \"\\\\Seen\" { removeflag \"work\"; addflag \"new\"; }", "keep{\\Seen,new}");
	expect_event(EVENT "fileinto \"A\";", "fileinto:A{\\Seen,work}");
	expect_event(EVENT "keep :flags \"x\";", "keep{x}");
	expect_event(EVENT "discard;", "");
	expect_event(EVENT "reject \"no\";", "!1: \"reject\" is for mail that is delivered");
	expect_event(EVENT "vacation \"no\";", "!1: \"vacation\" is for mail that is delivered");
	expect_event(EVENT "if envelope \"from\" \"x\" { discard; }", "!1: \"envelope\" is for mail that is delivered");
	expect_event("require \"ihave\"; if ihave \"imapsieve\" { discard; }", "");
	expect(EVENT "discard;", "!0: \"imapsieve\" is for what happens in IMAP");
	expect("require \"ihave\"; if ihave \"imapsieve\" { discard; }", "keep");
}

static void test_base(void **state)
{
	(void)state;
	expect("", "keep");
	expect("# nothing\r\n/* at all */", "keep");
	expect("discard;", "");
	expect("if true { discard; } else { keep; }", "");
	expect("if false { stop; } elsif true { redirect \"x@example.com\"; } else { discard; }", "redirect:x@example.com");
	expect("require \"fileinto\"; fileinto \"A\"; fileinto \"A\"; keep;", "fileinto:A keep");
	expect("require [\"fileinto\",\"copy\"]; fileinto :copy \"A\";", "fileinto:A keep");
	expect("if allof(true, not false, anyof(false, true)) { discard; }", "");
	expect("if header :contains \"subject\" \"aus wien\" { discard; }", "");
	expect("if header :is \"subject\" \"Gr\xC3\xBC\xC3\x9F" "e aus Wien\" { discard; }", "");
	expect("if header :is \"x-a\" [\"nope\", \"TWO\"] { discard; }", "");
	expect("if header :comparator \"i;octet\" :is \"x-a\" \"TWO\" { discard; }", "keep");
	expect("if address :localpart \"from\" \"anna+work\" { discard; }", "");
	expect("if address :domain [\"to\"] \"EXAMPLE.org\" { discard; }", "");
	expect("if exists [\"subject\", \"list-id\"] { discard; }", "");
	expect("if exists [\"subject\", \"x-none\"] { discard; }", "keep");
	expect("if size :over 1K { discard; }", "keep");
	expect("if size :under 1K { discard; }", "");
	expect("if header :matches \"subject\" \"*Wien\" { discard; }", "");
	expect("if header :matches \"subject\" \"Gr??e*W?en\" { discard; }", "");
	expect("if header :matches \"subject\" \"Gr?e*\" { discard; }", "keep");
	expect("redirect text:\r\nx@example.com\r\n.\r\n;", "redirect:x@example.com");
	expect("require \"encoded-character\"; redirect \"x${hex:40}example.com\";", "redirect:x@example.com");
}

static void test_extensions(void **state)
{
	(void)state;
	expect("require [\"envelope\",\"subaddress\",\"variables\",\"fileinto\"]; if envelope :matches :detail \"to\" \"*\" { fileinto \"L/${1}\"; }",
		"fileinto:L/lists");
	expect("require [\"envelope\",\"subaddress\"]; if envelope :user \"to\" \"ben\" { discard; }", "");
	expect("require [\"subaddress\"]; if address :detail \"to\" \"\" { discard; }", "keep");
	expect("require [\"relational\",\"comparator-i;ascii-numeric\"]; if header :count \"ge\" :comparator \"i;ascii-numeric\" \"x-a\" \"3\" "
		"{ discard; }", "");
	expect("require [\"relational\",\"comparator-i;ascii-numeric\"]; if header :value \"gt\" :comparator \"i;ascii-numeric\" "
		"\"x-spam-score\" \"10\" { discard; }", "keep");
	expect("require \"index\"; if header :index 1 :last \"x-a\" \"three\" { discard; }", "");
	expect("require \"index\"; if header :index 2 \"x-a\" \"three\" { discard; }", "keep");
	expect("require [\"imap4flags\"]; addflag [\"\\\\Seen\", \"work\"]; addflag \"\\\\seen bad*flag\"; removeflag \"work\"; keep;", "keep{\\Seen}");
	expect("require [\"imap4flags\",\"fileinto\"]; setflag \"a\"; fileinto :flags \"b c\" \"F\"; if hasflag \"A\" { keep; }",
		"fileinto:F{b,c} keep{a}");
	expect("require \"body\"; if body :contains \"hello world\" { discard; }", "");
	expect("require \"body\"; if body :raw :contains \"filename=\" { discard; }", "");
	expect("require \"body\"; if body :content \"application\" :contains \"PDF\" { discard; }", "");
	expect("require \"body\"; if body :contains \"PDF\" { discard; }", "keep");
	expect("require \"date\"; if date :originalzone \"date\" \"hour\" \"23\" { discard; }", "");
	expect("require \"date\"; if date :zone \"+0300\" \"date\" \"date\" \"2026-11-25\" { discard; }", "");
	expect("require \"date\"; if currentdate \"year\" \"2026\" { discard; }", "");
	expect("require \"date\"; if date \"date\" \"weekday\" \"2\" { discard; }", "");
	expect("require \"environment\"; if environment \"domain\" \"example.org\" { discard; }", "");
	expect("require \"environment\"; if environment :contains \"nothing\" \"\" { discard; }", "keep");
	expect("require \"mailbox\"; if mailboxexists [\"Listen\"] { discard; }", "");
	expect("require \"mailbox\"; if mailboxexists [\"Listen\", \"No\"] { discard; }", "keep");
	expect("require \"special-use\"; if specialuse_exists \"\\\\Junk\" { discard; }", "");
	expect("require [\"spamtest\",\"relational\",\"comparator-i;ascii-numeric\"]; if spamtest :value \"eq\" :comparator \"i;ascii-numeric\" \"5\" "
		"{ discard; }", "");
	expect("require \"regex\"; if header :regex \"subject\" \"^gr.*(wien|graz)$\" { discard; }", "");
	expect("require [\"regex\",\"variables\",\"fileinto\"]; if header :regex \"list-id\" \"<([a-z]+)[.]\" { fileinto \"${1}\"; }", "fileinto:dev");
	expect("require \"ihave\"; if ihave \"vnd.none\" { frobnicate; } else { discard; }", "");
	expect("require \"ihave\"; if ihave \"fileinto\" { fileinto \"A\"; }", "fileinto:A");
	expect("require \"ihave\"; frobnicate;", "!1: There is no command \"frobnicate\"");
	expect("require \"comparator-i;unicode-casemap\"; if header :contains :comparator \"i;unicode-casemap\" \"subject\" \"GR\xC3\x9CSSE\" { discard; }", "");
}

static void test_variables(void **state)
{
	(void)state;
	expect("require [\"variables\",\"fileinto\"]; set \"a\" \"x\"; set :upper \"B\" \"${A}y${none}\"; fileinto \"${b}\";", "fileinto:XY");
	expect("require [\"variables\",\"fileinto\"]; set :length \"a\" \"\xC3\xBC\xC3\xBC\"; fileinto \"${a}\";", "fileinto:2");
	expect("require [\"variables\",\"fileinto\"]; set \"a\" \"${}${1x}${a b}\"; fileinto \"${a}\";", "fileinto:${}${1x}${a b}");
	expect("require [\"variables\",\"fileinto\"]; if header :matches \"subject\" \"* aus *\" { fileinto \"${2}-${1}\"; }",
		"fileinto:Wien-Gr\xC3\xBC\xC3\x9F" "e");
	expect("require [\"variables\"]; if string :is \"${none}\" \"\" { discard; }", "");
	expect("require [\"variables\",\"imap4flags\"]; setflag \"v\" \"a b\"; if hasflag \"v\" \"b\" { keep :flags \"${v}\"; }", "keep{a,b}");
	expect("require [\"fileinto\"]; fileinto \"${a}\";", "fileinto:${a}");
}

static void test_mime(void **state)
{
	(void)state;
	expect("require [\"foreverypart\",\"mime\",\"fileinto\"]; foreverypart { if header :mime :param \"filename\" :matches "
		"\"Content-Disposition\" \"*.pdf\" { fileinto \"PDF\"; break; } }", "fileinto:PDF");
	expect("require [\"mime\"]; if header :mime :anychild :contenttype \"Content-Type\" \"application/pdf\" { discard; }", "");
	expect("require [\"foreverypart\",\"extracttext\",\"variables\",\"fileinto\",\"mime\"]; foreverypart { if header :mime :type "
		"\"Content-Type\" \"text\" { extracttext :first 5 \"t\"; fileinto \"${t}\"; } }", "fileinto:Hello");
	expect("break;", "?1:1 \"break\" needs an extension that is not required");
	expect("require \"foreverypart\"; break;", "?1:25 \"break\" belongs into \"foreverypart\"");
}

static void test_answers(void **state)
{
	(void)state;
	expect("require \"reject\"; reject \"no\";", "reject:no");
	expect("require \"reject\"; keep; reject \"no\";", "!1: \"reject\" and another action exclude each other");
	expect("require \"vacation\"; vacation :days 3 :subject \"Weg\" \"Bin weg\";", "vacation:Bin weg keep");
	expect("require \"vacation\"; vacation \"a\"; vacation \"b\";", "!1: A message is answered once, and not when it is rejected");
	expect("require \"vacation\"; vacation :seconds 5 \"a\";", "?1:39 \":seconds\" needs require \"vacation-seconds\"");
	expect("require \"enotify\"; notify :message \"Post\" \"mailto:x@example.com\";", "notify:x@example.com keep");
	expect("require \"enotify\"; notify \"xmpp:x@example.com\";",
		"?1:27 The way to notify is written as \"mailto:\" and one address");
}

static void test_state(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a, .seen = true };
	struct sieve_result res;
	struct sieve_error why;

	(void)state;
	assert_string_equal(does_in(&w, "require \"duplicate\"; if duplicate { discard; }", 1000, &res), "");
	assert_int_equal(res.n_seen, 0);
	w.seen = false;
	assert_string_equal(does_in(&w, "require \"duplicate\"; if duplicate { discard; }", 1000, &res), "keep");
	assert_int_equal(res.n_seen, 1);
	w.included = compile(a, "require [\"include\",\"variables\",\"fileinto\"]; global \"x\"; fileinto \"${x}\"; return; discard;", &why);
	assert_non_null(w.included);
	assert_string_equal(does_in(&w, "require [\"include\",\"variables\"]; global \"x\"; set \"x\" \"In\"; include \"other\"; keep;", 1000, &res),
		"fileinto:In keep");
	assert_string_equal(does_in(&w, "require \"include\"; include :optional \"none\"; discard;", 1000, &res), "");
	assert_string_equal(does_in(&w, "require \"include\"; include \"none\";", 1000, &res), "!1: The script to include does not exist");
	w.included = compile(a, "require \"include\"; include \"other\"; include \"other\";", &why);
	assert_string_equal(does_in(&w, "require \"include\"; include \"other\";", 100000, &res), "!1: Scripts include each other without end");
}

static void test_editheader(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a };
	struct sieve_result res;

	(void)state;
	assert_string_equal(does_in(&w, "require [\"editheader\",\"fileinto\",\"copy\"]; fileinto :copy \"Before\"; addheader \"X-New\" \"\xC3\xBC\r\nEvil: 1\";"
		" deleteheader :index 2 \"x-a\"; deleteheader :contains \"subject\" \"wien\"; if header \"X-New\" \"\xC3\xBC  Evil: 1\" { keep; }",
		10000, &res), "fileinto:Before keep");
	assert_true(span_find(res.actions[0].header, SPAN("X-New")) < 0);
	assert_true(span_starts(res.actions[1].header, SPAN("X-New: ")));
	assert_true(span_find(res.actions[1].header, SPAN("\r\nEvil")) < 0);
	assert_true(span_find(res.actions[1].header, SPAN("X-A: two")) < 0);
	assert_true(span_find(res.actions[1].header, SPAN("X-A: three")) > 0);
	assert_true(span_find(res.actions[1].header, SPAN("Subject")) < 0);
	assert_true(span_ends(res.actions[1].header, SPAN("\r\n\r\n")));
}

static void test_bad(void **state)
{
	(void)state;
	expect("keep", "?1:5 A semicolon or a block in braces is missing");
	expect("keep;\n  frobnicate;", "?2:3 There is no command \"frobnicate\"");
	expect("fileinto \"a\";", "?1:1 \"fileinto\" needs an extension that is not required");
	expect("require \"nonsense\";", "?1:9 The extension \"nonsense\" is not known here");
	expect("keep; require \"copy\";", "?1:7 \"require\" must stand at the beginning of the script");
	expect("else { keep; }", "?1:1 There is no \"if\" in front of this");
	expect("if true { keep;", "?1:16 The closing brace of a block is missing");
	expect("redirect \"abc", "?1:10 This string has no closing quote");
	expect("redirect 12;", "?1:10 Argument 1 of \"redirect\" must be a string");
	expect("redirect;", "?1:1 \"redirect\" takes 1 argument, not 0");
	expect("if header :is :contains \"a\" \"b\" { keep; }", "?1:15 \":is\" and \":contains\" exclude each other");
	expect("if header :foo \"a\" \"b\" { keep; }", "?1:11 \"header\" has no argument \":foo\"");
	expect("if size 100 { keep; }", "?1:4 \"size\" needs \":over\" or \":under\"");
	expect("if size :over 99999999999999999999 { keep; }", "?1:32 This number is too large");
	expect("if not true, false { keep; }", "?1:12 A semicolon or a block in braces is missing");
	expect("require \"regex\"; if header :regex \"a\" \"(\" { keep; }",
		"?1:39 This is no regular expression: missing closing parenthesis");
	expect("redirect \"a@b c\";", "!1: \"redirect\" needs one e-mail address");
	expect("redirect \"a@b\"; redirect \"b@b\"; redirect \"c@b\"; redirect \"d@b\"; redirect \"e@b\"; redirect \"f@b\";",
		"!1: A script may redirect a message to 5 addresses");
	expect("keep; \xFF", "?1:1 The script is not valid UTF-8");
}

static void test_bounds(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a };
	struct sieve_result res;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 2000000);
	buf_fill(&b, '\n', 1048576);
	assert_string_equal(does_in(&w, arena_strz(a, buf_span(&b)), 1000, &res), "?0:0 The script is larger than 262144 octets");
	buf_reset(&b);
	buf_addz(&b, "if ");
	for (int i = 0; i < 40; i++)
		buf_addz(&b, "not ");
	buf_addz(&b, "true { keep; }");
	assert_string_equal(does_in(&w, arena_strz(a, buf_span(&b)), 1000, &res), "?1:132 Blocks or tests are nested too deeply");
	/* doubling a variable until the value's bound, and then on and on */
	buf_reset(&b);
	buf_addz(&b, "require \"variables\"; set \"a\" \"xxxxxxxx\";");
	for (int i = 0; i < 3000; i++)
		buf_addz(&b, "set \"a\" \"${a}${a}\";");
	assert_string_equal(does_in(&w, arena_strz(a, buf_span(&b)), 20000, &res), "!1: A string with variables grows too long");
	assert_int_equal(res.n_actions, 1);
	assert_int_equal(res.actions[0].kind, SIEVE_KEEP);
	/* stars against a long text */
	buf_reset(&b);
	buf_addz(&b, "require [\"body\"]; if anyof(");
	for (int i = 0; i < 500; i++)
		buf_addz(&b, "body :raw :matches \"*a*b*c*d*e*f*g*h*i*j*k*l*zzz\", ");
	buf_addz(&b, "false) { discard; }");
	assert_string_equal(does_in(&w, arena_strz(a, buf_span(&b)), 1000, &res), "!1: The script takes too long");
}

/* A head and so often the same, %d in it is the number. */
static const char *many(struct arena *a, const char *head, const char *each, int count)
{
	SCOPED_BUF b;

	buf_init(&b, 1000000);
	buf_addz(&b, head);
	for (int i = 0; i < count; i++) {
		struct span rest = span_str(each), part = span_cut(&rest, '%');

		buf_addf(&b, "%.*s%d%.*s", SPAN_F(part), i, SPAN_F(rest));
	}
	return arena_strz(a, buf_span(&b));
}

static void test_count_bounds(void **state)
{
	static const struct { const char *head, *each; int fits; const char *why; } rows[] = {
		{ "", "redirect \"a%@b.example\";", SIEVE_REDIRECTS_MAX, "!1: A script may redirect a message to 5 addresses" },
		{ "require \"enotify\";", "notify \"mailto:a%@b.example\";", SIEVE_REDIRECTS_MAX, "!1: A script may send 5 mails for one" },
		{ "require \"fileinto\";", "fileinto \"f%\";", SIEVE_ACTIONS_MAX, "!1: The script wants more than 100 things done" },
		{ "require \"duplicate\";", "if duplicate :uniqueid \"%\" { stop; }", SIEVE_ACTIONS_MAX, "!1: The script asks for too many duplicates" },
		{ "require \"variables\";", "set \"v%\" \"x\";", SIEVE_VARIABLES_MAX, "!1: There are more than 256 variables" },
		{ "require [\"variables\",\"include\"];", "global \"v%\";", SIEVE_VARIABLES_MAX, "!1: There are more than 256 variables" },
		{ "require \"include\";", "include \"other\"; #%\n", SIEVE_INCLUDES_MAX, "!51: Scripts include each other without end" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		SCOPED_ARENA a = arena_new();
		struct world w = { .a = a };
		struct sieve_error why;
		struct sieve_result res;
		const char *got;

		w.included = compile(a, "keep;", &why);
		got = does_in(&w, many(a, rows[i].head, rows[i].each, rows[i].fits), 1000000, &res);
		assert_true(got[0] != '!' && got[0] != '?');
		assert_string_equal(does_in(&w, many(a, rows[i].head, rows[i].each, rows[i].fits + 1), 1000000, &res), rows[i].why);
	}
}

/* A longer value is cut. */
static void test_value_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a };
	struct sieve_result res;
	SCOPED_BUF b;

	(void)state;
	buf_init(&b, 100000);
	for (size_t n = SIEVE_VALUE_MAX; n <= SIEVE_VALUE_MAX + 1; n++) {
		buf_reset(&b);
		buf_addz(&b, "require [\"variables\",\"fileinto\"]; set \"a\" \"");
		buf_fill(&b, 'x', n);
		buf_addz(&b, "\"; set :length \"l\" \"${a}\"; fileinto \"${l}\";");
		assert_string_equal(does_in(&w, arena_strz(a, buf_span(&b)), 1000000, &res),
			arena_strz(a, arena_printf(a, "fileinto:%d", SIEVE_VALUE_MAX)));
	}
}

static void test_regex_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct world w = { .a = a };
	struct sieve_result res;

	(void)state;
	assert_string_equal(does_in(&w, "require [\"regex\",\"variables\"]; set \"a\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\";"
		" if string :regex \"${a}\" \"^(a+)+(a+)+$\" { discard; }", 100000, &res), "!1: A regular expression takes too long");
	assert_string_equal(does_in(&w, "require [\"regex\"]; if header :regex \"subject\" \"(*LIMIT_MATCH=1)a\" { discard; }", 1000, &res),
		"?1:47 This is no regular expression: longer than 1024 octets, or it sets options");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_base), cmocka_unit_test(test_metadata), cmocka_unit_test(test_imapsieve),
		cmocka_unit_test(test_extlists), cmocka_unit_test(test_extensions), cmocka_unit_test(test_variables),
		cmocka_unit_test(test_mime), cmocka_unit_test(test_answers), cmocka_unit_test(test_state), cmocka_unit_test(test_editheader),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_bounds), cmocka_unit_test(test_count_bounds), cmocka_unit_test(test_value_bound),
		cmocka_unit_test(test_regex_bound) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
