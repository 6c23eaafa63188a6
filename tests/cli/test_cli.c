/* The administrator's commands: by control_run over a real house, and by the command line's program through a
 * socket to it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io.h"
#include "bus/call.h"
#include "codec/move/move_item.h"
#include "domain/mail/import.h"
#include "domain/mail/mail_schema.h"
#include "domain/mail/retention.h"
#include "domain/mail/rules.h"
#include "domain/mail/script.h"
#include "domain/org/account.h"
#include "domain/org/org_schema.h"
#include "main/cli_link.h"
#include "main/import.h"
#include "proto/control/control.h"
#include "support/test_house.h"

static struct test_house h;
static int listener = -1;
static pthread_t server;

static int start(void **state)
{
	static const struct migration list[] = {
#define MIGRATION(name, domain, text) { name, text },
#include "core/migrations.def"
	};

	(void)state;
	test_house_new(&h, list, sizeof(list) / sizeof(*list));
	setenv("TZ", "Europe/Berlin", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_house_free(&h);
	return 0;
}

static int spool_fd = -1;                  /* travels with what is asked */

static void run(struct arena *a, struct span verb, struct span body, struct buf *out)
{
	struct house house = { .store = h.store, .vault = h.vault, .org = h.org };
	struct cmd cmd = { .service = SVC_CONTROL, .verb = verb, .body = body, .spool_fd = spool_fd };
	struct call c = { .arena = a, .house = &house, .cmd = &cmd, .out = out };

	control_run(&c);
}

/* The reply to one request; the caller decrefs it. */
static json_t *reply(const char *verb, const char *body)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF out;
	json_t *v;

	buf_init(&out, 1 << 20);
	run(a, span_str(verb), span_str(body), &out);
	v = json_loadb(out.p, out.n, 0, NULL);
	assert_non_null(v);
	return v;
}

static void good(const char *verb, const char *body, const char *want)
{
	json_t *r = reply(verb, body);
	char *got = json_dumps(json_object_get(r, "result"), JSON_COMPACT | JSON_ENCODE_ANY);

	if (!json_is_true(json_object_get(r, "ok")))
		fail_msg("%s %s: %s (%s)", verb, body, json_string_value(json_object_get(r, "error")),
			json_string_value(json_object_get(r, "detail")));
	if (want && strcmp(got, want) != 0)
		fail_msg("%s %s:\n%s\nwanted\n%s", verb, body, got, want);
	free(got);
	json_decref(r);
}

static void bad(const char *verb, const char *body, const char *class)
{
	json_t *r = reply(verb, body);

	assert_true(json_is_false(json_object_get(r, "ok")));
	assert_string_equal(json_string_value(json_object_get(r, "class")), class);
	assert_true(json_string_length(json_object_get(r, "error")) > 0);
	json_decref(r);
}

static void test_accounts(void **state)
{
	(void)state;
	good("domain add", "{\"domain\":\"verein.example\"}", "{}");
	good("domain list", "{}", "[\"example.org\",\"verein.example\"]");
	good("chapter add", "{\"name\":\"Nord\",\"code\":\"N\"}", "{}");
	good("chapter add", "{\"name\":\"Küste\",\"parent\":\"n\"}", "{}");
	good("chapter list", "{}", "[{\"name\":\"Verein zur Probe e.V.\",\"code\":\"\",\"parent\":null},"
		"{\"name\":\"Nord\",\"code\":\"N\",\"parent\":\"Verein zur Probe e.V.\"},"
		"{\"name\":\"Küste\",\"code\":\"\",\"parent\":\"Nord\"}]");
	good("account add", "{\"address\":\"Anna@example.org\",\"name\":\"Anna Öl\",\"chapter\":\"Küste\","
		"\"quota\":\"2G\",\"send-limit\":\"100\",\"password\":\"lang genug\"}", "{\"address\":\"Anna@example.org\"}");
	good("account list", "{\"chapter\":\"Nord\"}", "[{\"address\":\"anna@example.org\",\"name\":\"Anna Öl\","
		"\"kind\":\"person\",\"state\":\"active\",\"used_bytes\":0,\"messages\":0}]");
	good("account limits", "{\"address\":\"anna@example.org\",\"messages\":7}", "{}");
	good("address add", "{\"address\":\"a.oel@verein.example\",\"owner\":\"anna@example.org\"}", "{}");
	good("account lock", "{\"address\":\"anna@example.org\"}", "{}");
	json_t *r = reply("account show", "{\"address\":\"anna@example.org\"}"), *o = json_object_get(r, "result");
	assert_int_equal(json_integer_value(json_object_get(o, "quota_bytes")), 2LL << 30);
	assert_int_equal(json_integer_value(json_object_get(o, "quota_messages")), 7);
	assert_int_equal(json_integer_value(json_object_get(o, "send_limit")), 100);
	assert_string_equal(json_string_value(json_object_get(o, "state")), "locked");
	assert_string_equal(json_string_value(json_object_get(o, "chapter")), "Küste");
	assert_string_equal(json_string_value(json_object_get(o, "language")), "de");
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "addresses"), 0)), "a.oel@verein.example");
	json_decref(r);
	good("account unlock", "{\"address\":\"anna@example.org\"}", "{}");
	good("account password", "{\"address\":\"anna@example.org\",\"none\":true}", "{}");
	bad("account password", "{\"address\":\"anna@example.org\"}", "param");
	bad("account show", "{\"address\":\"nobody@example.org\"}", "missing");
	bad("account add", "{\"address\":\"anna@example.org\"}", "exists");
	bad("account add", "{\"address\":\"x@elsewhere.example\"}", "param");
	bad("account add", "{\"address\":\"x@example.org\",\"kind\":\"cat\"}", "param");
	bad("account add", "{\"address\":\"x@example.org\",\"quota\":\"2X\"}", "param");
	bad("account add", "{\"address\":\"x@example.org\",\"quota\":\"99999999T\"}", "param");
	bad("account add", "{\"address\":\"x@example.org\",\"language\":\"fr\"}", "param");
	bad("account add", "{\"address\":\"x@example.org\",\"chapter\":\"Mond\"}", "missing");
	bad("account remove", "{\"address\":\"anna@example.org\"}", "param");
	bad("account remove", "{\"address\":\"admin@example.org\",\"yes\":true}", "denied");
	good("account app-add", "{\"address\":\"anna@example.org\",\"label\":\"Telefon\"}", NULL);
	r = reply("account app-list", "{\"address\":\"anna@example.org\"}");
	o = json_array_get(json_object_get(r, "result"), 0);
	assert_string_equal(json_string_value(json_object_get(o, "label")), "Telefon");
	assert_true(json_is_null(json_object_get(o, "used")));
	json_decref(r);
}

static void test_addresses(void **state)
{
	(void)state;
	good("alias add", "{\"address\":\"info@example.org\",\"targets\":[\"anna@example.org\",\"Max@extern.example\"]}", "{}");
	good("alias list", "{}", "[{\"address\":\"info@example.org\",\"targets\":[\"anna@example.org\","
		"\"Max@extern.example\"]}]");
	good("address resolve", "{\"address\":\"info+x@example.org\"}",
		"[{\"address\":\"anna@example.org\",\"where\":\"here\",\"tag\":\"x\"},"
		"{\"address\":\"Max@extern.example\",\"where\":\"outside\",\"tag\":null}]");
	good("group add", "{\"address\":\"alle@example.org\"}", "{}");
	good("group join", "{\"address\":\"alle@example.org\",\"targets\":[\"anna@example.org\",\"b@x.example\"]}", "{}");
	good("group join", "{\"address\":\"ALLE@example.org\",\"targets\":[\"Anna@Example.org\"]}", "{}");
	good("group list", "{}", "[{\"address\":\"alle@example.org\",\"targets\":[\"b@x.example\",\"Anna@example.org\"]}]");
	good("group leave", "{\"address\":\"alle@example.org\",\"targets\":[\"B@X.example\"]}", "{}");
	bad("group leave", "{\"address\":\"alle@example.org\",\"targets\":[\"b@x.example\"]}", "missing");
	bad("group join", "{\"address\":\"info@example.org\",\"targets\":[\"b@x.example\"]}", "missing");
	good("group list", "{}", "[{\"address\":\"alle@example.org\",\"targets\":[\"Anna@example.org\"]}]");
	good("group remove", "{\"address\":\"alle@example.org\"}", "{}");
	bad("alias add", "{\"address\":\"info@example.org\",\"targets\":\"anna@example.org\"}", "param");
	bad("alias add", "{\"address\":\"info@example.org\"}", "param");
	bad("address remove", "{\"address\":\"anna@example.org\"}", "denied");
}

static void test_roles(void **state)
{
	json_t *r, *o;
	char body[200];

	(void)state;
	good("account add", "{\"address\":\"vorsitz@example.org\",\"name\":\"Vorsitz\",\"kind\":\"role\"}", NULL);
	good("role assign", "{\"role\":\"vorsitz@example.org\",\"holder\":\"anna@example.org\",\"from\":\"2026-03-01\","
		"\"to\":\"2028-02-29\",\"rights\":\"read, Send\"}", NULL);
	r = reply("role show", "{\"role\":\"vorsitz@example.org\"}");
	o = json_array_get(json_object_get(r, "result"), 0);
	assert_string_equal(json_string_value(json_object_get(o, "holder")), "anna@example.org");
	assert_string_equal(json_string_value(json_object_get(o, "from")), "2026-03-01T00:00:00+0100");
	assert_string_equal(json_string_value(json_object_get(o, "to")), "2028-02-29T00:00:00+0100");
	assert_int_equal(json_array_size(json_object_get(o, "rights")), 2);
	snprintf(body, sizeof(body), "{\"term\":%lld,\"to\":\"2026-06-01T12:30Z\"}",
		(long long)json_integer_value(json_object_get(o, "term")));
	json_decref(r);
	good("role end", body, "{}");
	r = reply("role of", "{\"holder\":\"anna@example.org\"}");
	o = json_array_get(json_object_get(r, "result"), 0);
	assert_string_equal(json_string_value(json_object_get(o, "to")), "2026-06-01T14:30:00+0200");
	json_decref(r);
	static const char *const dates[] = { "2026-02-30", "2026-13-01", "2026-3-1", "gestern", "2026-03-01T25:00", "" };
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		snprintf(body, sizeof(body), "{\"role\":\"vorsitz@example.org\",\"holder\":\"admin@example.org\","
			"\"from\":\"%s\"}", dates[i]);
		bad("role assign", body, "param");
	}
	bad("role assign", "{\"role\":\"vorsitz@example.org\",\"holder\":\"admin@example.org\",\"rights\":\"fly\"}", "param");
	bad("role show", "{\"role\":\"anna@example.org\"}", "param");
	good("admin set", "{\"address\":\"anna@example.org\",\"chapter\":\"N\",\"rights\":\"accounts,roles\"}", "{}");
	good("admin list", "{}", "[{\"address\":\"admin@example.org\",\"chapter\":\"Verein zur Probe e.V.\","
		"\"rights\":[\"all\"]},{\"address\":\"anna@example.org\",\"chapter\":\"Nord\",\"rights\":[\"accounts\",\"roles\"]}]");
	bad("admin set", "{\"address\":\"admin@example.org\",\"rights\":\"none\"}", "denied");
	good("settings set", "{\"name\":\"organisation.language\",\"value\":\"en\"}", "{}");
	good("settings get", "{\"name\":\"organisation.language\"}", "{\"name\":\"organisation.language\",\"value\":\"en\"}");
	bad("settings set", "{\"name\":\"organisation.language\",\"value\":\"fr\"}", "param");
	bad("settings set", "{\"name\":\"no.such\",\"value\":\"x\"}", "missing");
}

static void test_bad_requests(void **state)
{
	static const char *const verbs[] = { "", "account", "account fly", "accountx add", "account  list", " " };

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		bad(verbs[i], "{}", "param");
	bad("account list", "", "syntax");
	bad("account list", "[]", "syntax");
	bad("account list", "{\"a\":", "syntax");
	bad("account list", "{\"chapter\":\"N\",\"chapter\":\"N\"}", "syntax");
	bad("account list", "{\"colour\":\"red\"}", "param");
	bad("account list", "{\"chapter\":1}", "param");
	bad("account show", "{}", "param");
	bad("account password", "{\"address\":\"anna@example.org\",\"none\":\"yes\"}", "param");
	test_house_seal(&h);
	bad("account list", "{}", "later");
	test_house_unseal(&h);
	good("domain list", "{}", NULL);
}

/* ---- bounds ---- */

static int many_rules(struct tx *tx, void *arg, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct account who;
	SCOPED_BUF b;

	(void)arg;
	buf_init(&b, 1u << 20);
	for (int i = 1; i < RULES_MAX; i++)
		buf_addf(&b, "#:rule\tr%d\tsubject\tcontains\tx\tdiscard\t\r\n", i);
	if (account_find(h.org, tx, a, SPAN("anna@example.org"), false, &who, e) < 0)
		return e->code;
	return script_put(h.org, tx, a, who.id, SPAN(RULES_SCRIPT), buf_span(&b), e);
}

static void test_numbers(void **state)
{
	char body[200];

	(void)state;
	good("settings set", "{\"name\":\"undelete_days\",\"value\":\"3650\"}", NULL);
	bad("settings set", "{\"name\":\"undelete_days\",\"value\":\"3651\"}", "param");
	good("settings set", "{\"name\":\"undelete_days\",\"value\":\"\"}", NULL);
	good("settings set", "{\"name\":\"report_days\",\"value\":\"3650\"}", NULL);
	bad("settings set", "{\"name\":\"report_days\",\"value\":\"3651\"}", "param");
	for (int over = 0; over < 2; over++) {
		snprintf(body, sizeof(body), "{\"account\":\"all\",\"mailbox\":\"\\\\Trash\",\"days\":%d}", RETENTION_DAYS_MAX + over);
		if (over)
			bad("mail retention set", body, "param");
		else
			good("mail retention set", body, NULL);
	}
	assert_int_equal(store_write(h.store, many_rules, NULL, NULL), 0);
	for (int i = RULES_MAX; i <= RULES_MAX + 1; i++) {
		snprintf(body, sizeof(body), "{\"account\":\"anna@example.org\",\"name\":\"n%d\",\"header\":\"subject\",\"is\":\"x\",\"discard\":true}", i);
		if (i > RULES_MAX)
			bad("mail rule add", body, "limit");
		else
			good("mail rule add", body, NULL);
	}
}

/* A batch of so many folders, all the same one. */
static void batch(size_t n)
{
	struct move_item item = { .kind = MOVE_FOLDER, .folder = SPAN("Ordner") };
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	while (n--)
		move_item_head(&b, &item);
	spool_fd = memfd_create("batch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(io_write_full(spool_fd, buf_span(&b), NULL), 0);
	assert_int_equal(fcntl(spool_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
}

static void test_batch(void **state)
{
	(void)state;
	batch(IMPORT_MAX);
	good("mail import", "{\"account\":\"anna@example.org\",\"source\":\"x\"}", NULL);
	close(spool_fd);
	batch(IMPORT_MAX + 1);
	bad("mail import", "{\"account\":\"anna@example.org\",\"source\":\"x\"}", "limit");
	io_close(&spool_fd);
}

/* An answer of so many octets of JSON, in a memory file. */
static int memory_answer(size_t n)
{
	uint32_t len = (uint32_t)n;
	int fd = memfd_create("answer", MFD_CLOEXEC);
	char *p;

	assert_int_equal(ftruncate(fd, (off_t)n + 4), 0);
	p = mmap(NULL, n + 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, ' ', n + 4);
	memcpy(p, &len, 4);
	memcpy(p + 4, "{}", 2);
	munmap(p, n + 4);
	return fd;
}

static void test_reply_bound(void **state)
{
	(void)state;
	for (size_t n = CLI_REPLY_MAX; n <= CLI_REPLY_MAX + 1; n++) {
		json_t *answer = cli_ask_end(memory_answer(n));

		assert_int_equal(json_object_get(answer, "error") != NULL, n > CLI_REPLY_MAX);
		json_decref(answer);
	}
}

/* A file that is as long as a mail may be is taken into the batch; a longer one is passed over and said so. */
static void test_mail_bound(void **state)
{
	json_t *args = json_object();

	(void)state;
	for (off_t n = MOVER_MAIL_MAX; n <= MOVER_MAIL_MAX + 1; n++) {
		char path[] = "/tmp/kt-mail-XXXXXX";
		SCOPED_FD fd = mkstemp(path);
		struct mover m;

		assert_int_equal(io_write_full(fd, SPAN("Subject: x\r\n\r\n"), NULL), 0);
		assert_int_equal(ftruncate(fd, n), 0);
		mover_begin(&m, "/nowhere", args);
		assert_int_equal(import_files(&m, path), 0);
		assert_int_equal(m.n, n == MOVER_MAIL_MAX);
		assert_int_equal(m.skipped, n > MOVER_MAIL_MAX);
		io_close(&m.file);
		mover_clear(&m);
		unlink(path);
	}
	json_decref(args);
}

/* ---- the program ---- */

static void serve_one(int fd)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF out;
	uint32_t n;
	char *p, *args, head[4];
	json_t *request;

	buf_init(&out, 1 << 20);
	if (io_read_full(fd, &n, 4, NULL) < 0 || n > 1 << 20)
		return;
	p = arena_alloc(a, n + 1);
	if (io_read_full(fd, p, n, NULL) < 0)
		return;
	request = json_loadb(p, n, 0, NULL);
	args = json_dumps(json_object_get(request, "args"), JSON_COMPACT);
	run(a, span_str(json_string_value(json_object_get(request, "verb"))), span_str(args), &out);
	free(args);
	json_decref(request);
	n = (uint32_t)out.n;
	memcpy(head, &n, 4);
	if (io_write_full(fd, SPAN_BYTES(head, 4), NULL) == 0)
		io_write_full(fd, buf_span(&out), NULL);
}

static void *serve(void *arg)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_one(fd);
		close(fd);
	}
	return arg;
}

static void server_start(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	assert_int_equal(mkdirat(h.place.dirfd, "run", 0700), 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/run/control", h.place.dir);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
}

static void server_stop(void)
{
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(listener);
}

/* Exit status; what it printed on both channels in out. Words are split at blanks, "~" is a blank inside. */
static int program(const char *line, const char *input, struct buf *out)
{
	char copy[1000], *argv[40] = { getenv("KONTOR_CLI") }, *rest = copy;
	int in[2], from[2], status, n = 1;
	pid_t pid;
	char c;

	buf_reset(out);
	assert_non_null(argv[0]);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w; (w = strsep(&rest, " ")) && n < 39;) {
		for (char *p = w; *p; p++)
			*p = *p == '~' ? ' ' : *p;
		argv[n++] = w;
	}
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(from[1], 1);
		dup2(from[1], 2);
		execv(argv[0], argv);
		_exit(99);
	}
	close(in[0]);
	close(from[1]);
	io_write_full(in[1], span_str(input), NULL);
	close(in[1]);
	while (read(from[0], &c, 1) == 1)
		buf_addc(out, c);
	close(from[0]);
	waitpid(pid, &status, 0);
	buf_addc(out, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *line, const char *input, int want_status, const char *want)
{
	SCOPED_BUF out;
	int status;

	buf_init(&out, 1 << 20);
	status = program(line, input, &out);
	if (status != want_status || !strstr(out.p, want))
		fail_msg("kontor %s: exit %d, printed:\n%s\nwanted %d and:\n%s", line, status, out.p, want_status, want);
}

static void test_program(void **state)
{
	(void)state;
	unsetenv("KONTOR_STATE");
	setenv("LANGUAGE", "en", 1);
	expect("account list", "", 2, "kontor: Give --state DIR or set KONTOR_STATE\n");
	setenv("KONTOR_STATE", h.place.dir, 1);
	expect("account list", "", 1, "kontor: No server is running here (");
	server_start();
	expect("account add otto@example.org --name Otto~Ober --quota=1G --password-file -", "sehr geheim\nmore\n", 0,
		"address: otto@example.org\n");
	expect("account list", "", 0, "address              name       kind    state   used  messages\n"
		"admin@example.org    Ada Amt    person  active  0 B   0\n");
	expect("account show otto@example.org --json", "", 0, "\"quota_bytes\": 1073741824");
	expect("--json account list --chapter N", "", 0, "[\n  {\n    \"address\": \"anna@example.org\"");
	expect("group add team@example.org otto@example.org anna@example.org", "", 0, "");
	expect("group list", "", 0, "team@example.org  otto@example.org, anna@example.org\n");
	expect("group add -- team@example.org --strange@example.org", "", 0, "");
	expect("domain list", "", 0, "example.org\nverein.example\n");
	expect("account show nobody@example.org", "", 1, "kontor: No such user here (address unknown)\n");
	expect("account show", "", 2, "kontor: An argument is missing: address\nusage: kontor account show ADDRESS\n");
	expect("account show a b", "", 2, "There is one argument too many: b");
	expect("account show a --colour red", "", 2, "--colour");
	expect("account add b@example.org --password geheimnis", "", 2, "--password");
	expect("account add b@example.org --password-file /does/not/exist", "", 1, "/does/not/exist");
	expect("account add b@example.org --password-file -", "", 1, "no password");
	expect("account", "", 2, "Try: kontor account help");
	expect("account fly", "", 2, "There is no such command: fly");
	expect("fly away", "", 2, "There is no such command: fly");
	expect("help", "", 0, "\n  role        offices, who holds them and when\n");
	expect("role help", "", 0, "kontor role end TERM [--to TO]\n");
	expect("help account", "", 0, "--password-file FILE|-");
	expect("help --man role", "", 0, ".TH \"KONTOR-ROLE\" 1");
	expect("", "", 2, "");
	setenv("LANGUAGE", "de", 1);
	expect("account show nobody@example.org", "", 1, "kontor: Diesen Empfänger gibt es hier nicht");
	expect("help", "", 0, "Ämter");
	server_stop();
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accounts), cmocka_unit_test(test_addresses), cmocka_unit_test(test_roles),
		cmocka_unit_test(test_bad_requests), cmocka_unit_test(test_numbers), cmocka_unit_test(test_batch), cmocka_unit_test(test_reply_bound),
		cmocka_unit_test(test_mail_bound), cmocka_unit_test(test_program),
	};

	return cmocka_run_group_tests_name(name, tests, start, stop);
}

int main(void)
{
	return run_both("control", group);
}
