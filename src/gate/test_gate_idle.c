/* What idle connections cost: 2,000 of IMAP over TLS, in IDLE. Memory is printed (sanitizers and the
 * system's allocator make it theirs); that they all live, and hear of changes, is asserted. */
#include "gate/test_rig.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/scan.h"

#define COUNT 2000

static uint64_t private_kib(pid_t pid)
{
	char path[64], text[4096];
	struct span s, line;
	uint64_t kib = 0;
	ssize_t n;
	int fd;

	(void)!snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text));
	close(fd);
	assert_true(n > 0);
	s = SPAN_BYTES(text, (size_t)n);
	while (s.n) {
		line = span_cut(&s, '\n');
		if (!span_starts(line, SPAN("RssAnon:")))
			continue;
		line = span_from(line, 8);
		scan_blanks(&line);
		assert_true(scan_num(&line, &kib, 0, UINT64_MAX));
	}
	return kib;
}

static void test_idle(void **state)
{
	static struct client c[COUNT];
	static uint64_t id[COUNT];
	struct rlimit nofile;
	struct rig r;
	uint64_t before, after;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &nofile);
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	if (nofile.rlim_cur < COUNT + 200)
		skip();
	rig_init(&r);
	r.forked = true;
	rig_start(&r);
	rig_core_up(&r);
	before = 0;
	for (int i = 0; i < COUNT; i++) {
		id[i] = rig_greet(&r, &c[i], PORT_IMAPS);
		client_sayz(&c[i], "i IDLE\r\n");
		rig_reply(&r, rig_cmd(&r, "IDLE"), NEXT_IDLE, "+ idling\r\n");
		client_hears(&c[i], "+ idling\r\n");
		if (i == 99)
			before = private_kib(r.pid);
	}
	usleep(300000);
	after = private_kib(r.pid);
	printf("idle TLS connection: %.1f KiB (%d connections, %llu KiB in all)\n",
		(double)(after - before) / (COUNT - 100), COUNT, (unsigned long long)after);
	for (int i = 0; i < COUNT; i += 97) {
		rig_notice(&r, id[i], NOTICE_CHANGED);
		rig_reply(&r, rig_cmd(&r, "*SYNC"), NEXT_IDLE, "* 1 EXISTS\r\n");
		client_hears(&c[i], "* 1 EXISTS\r\n");
	}
	for (int i = 0; i < COUNT; i++)
		client_close(&c[i]);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_idle) };

	return cmocka_run_group_tests_name("gate_idle", tests, NULL, NULL);
}
