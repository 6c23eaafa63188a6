#include "main/child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"

#define BOOT_MAX (1u << 20)

/* After fork: descriptors to their places. Numbers are first moved out of the way of the places. */
static void place_fds(int boot, int link, const int *fds, size_t n)
{
	int high[CHILD_FDS_MAX + 2];

	high[0] = fcntl(boot, F_DUPFD, CHILD_FDS_AT + (int)n);
	high[1] = fcntl(link, F_DUPFD, CHILD_FDS_AT + (int)n);
	for (size_t i = 0; i < n; i++)
		high[i + 2] = fcntl(fds[i], F_DUPFD, CHILD_FDS_AT + (int)n);
	for (size_t i = 0; i < n + 2; i++)
		if (high[i] < 0 || dup2(high[i], CHILD_BOOT_FD + (int)i) < 0)
			_exit(71);
	syscall(SYS_close_range, CHILD_FDS_AT + (int)n, ~0u, 0);
}

static void become(const char *name, int boot, int link, const int *fds, size_t n)
{
	char arg[32], lang[64], clock[512];
	char *argv[] = { (char *)(uintptr_t)"kontor", arg, NULL };
	const char *shift = getenv(CHILD_TEST_CLOCK);
	char *env[] = { lang, shift ? clock : NULL, NULL };
	const char *l = getenv("LANG");
	sigset_t none;

	snprintf(arg, sizeof(arg), "@%s", name);
	snprintf(lang, sizeof(lang), "LANG=%s", l ? l : "C.UTF-8");
	snprintf(clock, sizeof(clock), "%s=%s", CHILD_TEST_CLOCK, shift ? shift : "");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid(); /* a Ctrl-C at the terminal reaches the supervisor alone, which drains */
	place_fds(boot, link, fds, n);
	execve("/proc/self/exe", argv, env);
	_exit(72);
}

int child_test_clock(struct err *e)
{
	const char *path = getenv(CHILD_TEST_CLOCK);

	if (!path)
		return 0;
	if (time_test_shift(path) < 0)
		return err_errno(e, CHILD_TEST_CLOCK);
	return 1;
}

int child_start(const char *name, const json_t *boot, const int *fds, size_t n, pid_t *pid_out, int *link_out,
	struct err *e)
{
	SCOPED_FD memory = io_memfd("boot");
	int pair[2];
	char *text;
	pid_t pid;
	int r;

	if (n > CHILD_FDS_MAX || memory < 0)
		return err_set(e, ERR_BROKEN, "", "%zu descriptors for %s", n, name);
	text = json_dumps(boot, JSON_COMPACT);
	r = io_write_full(memory, span_str(text), e);
	free(text);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "socketpair");
	pid = fork();
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return err_errno(e, "fork");
	}
	if (pid == 0)
		become(name, memory, pair[1], fds, n);
	close(pair[1]);
	io_nonblock(pair[0]);
	*pid_out = pid;
	*link_out = pair[0];
	return 0;
}

json_t *child_boot(struct err *e)
{
	SCOPED_BUF text;
	json_error_t je;
	json_t *boot;
	ssize_t r;

	buf_init(&text, BOOT_MAX);
	lseek(CHILD_BOOT_FD, 0, SEEK_SET);
	do {
		char *p = buf_space(&text, 65536);

		r = p ? read(CHILD_BOOT_FD, p, 65536) : -1;
		if (r > 0)
			buf_grow(&text, (size_t)r);
	} while (r > 0);
	close(CHILD_BOOT_FD);
	boot = json_loadb(text.p ? text.p : "", text.n, 0, &je);
	if (text.p)
		memset(text.p, 0, text.n);
	if (!boot)
		err_set(e, ERR_BROKEN, "", "this command is not for people (boot text: %s)", je.text);
	return boot;
}
