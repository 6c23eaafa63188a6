/* The processes as the supervisor sees them, from DIR/run/status: also while core is down. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "main/cli.h"

/* line = NAME SP PID SP STATE SP RESTARTS SP SINCE (seconds since 1970); the supervisor comes first. */
static json_t *read_row(struct span line)
{
	struct span name = span_cut(&line, ' '), pid = span_cut(&line, ' '), state = span_cut(&line, ' '),
		    restarts = span_cut(&line, ' ');
	uint64_t n = 0, k = 0, since = 0;
	char text[40] = "";
	struct tm tm;
	time_t t;

	if (!span_num(pid, &n, 0, INT32_MAX) || !span_num(restarts, &k, 0, INT32_MAX) ||
		!span_num(line, &since, 0, INT64_MAX))
		return NULL;
	t = (time_t)since;
	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	return json_pack("{s:s%,s:I,s:s%,s:I,s:s}", "process", name.p, name.n, "pid", (json_int_t)n, "state", state.p,
		state.n, "restarts", (json_int_t)k, "since", text);
}

json_t *cli_processes(const char *state)
{
	SCOPED_FD dir = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	SCOPED_BUF text;
	struct span rest;
	json_t *list;
	pid_t super;

	buf_init(&text, 65536);
	if (dir < 0 || io_read_file(dir, "run/status", &text, NULL) < 0)
		return NULL;
	list = json_array();
	rest = buf_span(&text);
	while (rest.n) {
		json_t *row = read_row(span_cut(&rest, '\n'));

		if (row)
			json_array_append_new(list, row);
	}
	super = (pid_t)json_integer_value(json_object_get(json_array_get(list, 0), "pid"));
	if (super > 0 && (kill(super, 0) == 0 || errno == EPERM))
		return list;
	json_decref(list);
	return NULL;
}
