#include "main/cli.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/io.h"
#include "base/secret.h"
#include "main/cli_link.h"
#include "main/i18n.h"

#define SECRET_MAX 4096

struct cli {
	const char *state;
	bool json, help, man, quiet;
	char **words;                /* all that is not one of our own options */
	int n;
	const struct control_noun *noun;
	const struct control_command *command;
	json_t *args;
	const char *file;            /* to be made for the server, or NULL */
	json_t *processes;           /* kontor status only */
};

static int bad_usage(const struct cli *c, const char *why, const char *what)
{
	fprintf(stderr, "kontor: %s%s%s\n", _(why), what ? ": " : "", what ? what : "");
	if (c->noun)
		cli_usage(c->noun, c->command);
	else
		fprintf(stderr, _("Try: kontor help\n"));
	return 2;
}

static int failed(const char *text, const char *detail)
{
	fprintf(stderr, "kontor: %s%s%s%s\n", _(text), detail && *detail ? " (" : "", detail ? detail : "",
		detail && *detail ? ")" : "");
	return 1;
}

/* ---- the command line ---- */

/* "--name" or "--name=value"; the value may be the next word. NULL: another option. */
static const char *option_value(const char *name, char **words, int n, int *i)
{
	size_t len = strlen(name);
	const char *w = words[*i];

	if (strncmp(w, "--", 2) != 0 || strncmp(w + 2, name, len) != 0)
		return NULL;
	if (w[2 + len] == '=')
		return w + 3 + len;
	if (w[2 + len] != 0 || *i + 1 >= n)
		return NULL;
	return words[++*i];
}

/* Takes our own options out; "--" ends them. */
static void own_options(struct cli *c, int argc, char **argv)
{
	bool open = true;

	c->words = calloc((size_t)argc + 1, sizeof(*c->words));
	if (!c->words)
		abort();
	c->state = getenv("KONTOR_STATE");
	for (int i = 1; i < argc; i++) {
		const char *v = open ? option_value("state", argv, argc, &i) : NULL;

		if (v)
			c->state = v;
		else if (open && strcmp(argv[i], "--json") == 0)
			c->json = true;
		else if (open && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0))
			c->help = true;
		else if (open && strcmp(argv[i], "--man") == 0)
			c->man = true;
		else
			c->words[c->n++] = argv[i];
		open = open && strcmp(argv[i], "--") != 0;
	}
}

/* First line of the file ("-": standard input), without its end, as the value of the argument. */
static int put_secret(struct cli *c, const char *name, const char *path)
{
	SCOPED_FD fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	SCOPED_SECRET word = { 0 };
	json_t *v;
	char ch;

	if (fd < 0)
		return failed(strerror(errno), path);
	secret_init(&word, SECRET_MAX);
	word.n = 0;
	while (read(fd, &ch, 1) == 1 && ch != '\n' && word.n < SECRET_MAX)
		word.p[word.n++] = (unsigned char)ch;
	if (word.n && word.p[word.n - 1] == '\r')
		word.n--;
	v = word.n ? json_stringn((char *)word.p, word.n) : NULL;
	word.n = SECRET_MAX;
	if (!v)
		return failed(N_("There is no password on the first line"), path);
	json_object_set_new(c->args, name, v);
	return 0;
}

static void put_text(struct cli *c, const struct control_arg *arg, const char *text)
{
	json_t *list = json_object_get(c->args, arg->name);

	if (arg->type == ARG_NEW_FILE)
		c->file = text;
	if (arg->type != ARG_MANY) {
		json_object_set_new(c->args, arg->name, json_string(text));
		return;
	}
	if (!list) {
		list = json_array();
		json_object_set_new(c->args, arg->name, list);
	}
	json_array_append_new(list, json_string(text));
}

/* 1: taken, 0: no such option, <0: exit status negated. */
static int take_option(struct cli *c, int *i)
{
	for (size_t k = 0; k < CONTROL_ARGS_LEN && c->command->args[k].name; k++) {
		const struct control_arg *arg = &c->command->args[k];
		char file[80];
		const char *v;

		if (arg->flags & ARG_POSITION)
			continue;
		if (arg->type == ARG_SWITCH) {
			if (strcmp(c->words[*i] + 2, arg->name) == 0) {
				json_object_set_new(c->args, arg->name, json_true());
				return 1;
			}
			continue;
		}
		snprintf(file, sizeof(file), "%s%s", arg->name, arg->type == ARG_SECRET ? "-file" : "");
		v = option_value(file, c->words, c->n, i);
		if (v && arg->type == ARG_SECRET)
			return put_secret(c, arg->name, v) ? -1 : 1;
		if (v) {
			put_text(c, arg, v);
			return 1;
		}
	}
	return 0;
}

/* The at-th argument by position; the last one may take many. */
static const struct control_arg *position(const struct control_command *m, int at)
{
	const struct control_arg *last = NULL;

	for (size_t k = 0; k < CONTROL_ARGS_LEN && m->args[k].name; k++)
		if (m->args[k].flags & ARG_POSITION) {
			last = &m->args[k];
			if (at-- == 0)
				return last;
		}
	return last && last->type == ARG_MANY ? last : NULL;
}

static int parse_args(struct cli *c, int first)
{
	bool options = true;
	int at = 0;

	for (int i = first; i < c->n; i++) {
		const char *w = c->words[i];
		const struct control_arg *arg;
		int rc = 0;

		if (options && strcmp(w, "--") == 0) {
			options = false;
			continue;
		}
		if (options && strncmp(w, "--", 2) == 0) {
			rc = take_option(c, &i);
			if (rc <= 0)
				return rc < 0 ? -rc : bad_usage(c, N_("There is no such option, or its value is missing"), w);
			continue;
		}
		arg = position(c->command, at++);
		if (!arg)
			return bad_usage(c, N_("There is one argument too many"), w);
		put_text(c, arg, w);
	}
	for (size_t k = 0; k < CONTROL_ARGS_LEN && c->command->args[k].name; k++)
		if (c->command->args[k].flags & ARG_NEEDED && !json_object_get(c->args, c->command->args[k].name))
			return bad_usage(c, N_("An argument is missing"), c->command->args[k].name);
	return 0;
}

/* ---- the server ---- */

static int show(const struct cli *c, json_t *reply)
{
	json_t *result = json_object_get(reply, "result");

	if (!json_is_true(json_object_get(reply, "ok"))) {
		const char *text = json_string_value(json_object_get(reply, "error"));
		json_t *problems = json_object_get(result, "problems");

		if (problems && !c->json)
			cli_print(problems);
		if (c->json)
			json_dumpf(reply, stdout, JSON_INDENT(2));
		if (c->json)
			putchar('\n');
		return failed(text ? text : N_("The answer cannot be read"),
			json_string_value(json_object_get(reply, "detail")));
	}
	if (c->quiet)
		return 0;
	if (c->json) {
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
		putchar('\n');
	} else {
		cli_print(result);
	}
	return fflush(stdout) ? failed(strerror(errno), NULL) : 0;
}

/* With what core said, if it answers at all. */
static int show_processes(const struct cli *c, json_t *reply)
{
	json_t *all = json_pack("{s:b,s:{}}", "ok", 1, "result"), *result = json_object_get(all, "result");
	int rc;

	json_object_update(result, json_object_get(reply, "result"));
	if (!json_object_size(result))
		json_object_set_new(result, "core", json_string("no answer"));
	json_object_set(result, "processes", c->processes);
	rc = show(c, all);
	json_decref(all);
	return rc;
}

/* What the server did not finish is of no use to anybody. */
static void end_file(const char *path, bool good)
{
	SCOPED_BUF folder;
	SCOPED_FD dir = -1;

	buf_init(&folder, PATH_MAX);
	if (!good) {
		unlink(path);
		return;
	}
	buf_add(&folder, strrchr(path, '/') ? SPAN_BYTES(path, (size_t)(strrchr(path, '/') - path) + 1) : SPAN("."));
	buf_addc(&folder, '\0');
	dir = open(folder.p, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dir >= 0)
		fsync(dir);
}

static int ask(const struct cli *c)
{
	SCOPED_FD fd = cli_dial(c->state);
	SCOPED_FD file = -1;
	SCOPED_BUF reply;
	json_error_t je;
	const struct timeval patience = { .tv_sec = 5 };
	json_t *request, *answer;
	char *text;
	bool ok;
	int rc;

	buf_init(&reply, CLI_REPLY_MAX);
	if (c->processes)            /* a core that hangs is what status is asked for */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd < 0 && c->processes)
		return show_processes(c, NULL);
	if (fd < 0)
		return failed(errno == EACCES ? N_("The server belongs to another user") :
			N_("No server is running here"), c->state);
	if (c->file) {
		file = open(c->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (file < 0)
			return failed(strerror(errno), c->file);
	}
	request = json_pack("{s:s++,s:O}", "verb", c->noun->name, c->command->verb[0] ? " " : "", c->command->verb,
		"args", c->args);
	text = json_dumps(request, JSON_COMPACT);
	ok = text && cli_send(fd, file, text) && cli_receive(fd, &reply);
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
	json_decref(request);
	if (!ok && c->processes)
		return show_processes(c, NULL);
	answer = ok ? json_loadb(reply.p, reply.n, 0, &je) : NULL;
	if (c->file)
		end_file(c->file, json_is_true(json_object_get(answer, "ok")));
	if (!ok)
		return failed(N_("The server hung up"), NULL);
	rc = c->processes ? show_processes(c, answer) : show(c, answer);
	json_decref(answer);
	return rc;
}

/* The store's copy, then the account keys beside it; one without the other is of no use. */
static int ask_backup(const struct cli *c)
{
	struct cli keys = *c;
	SCOPED_BUF path;
	int rc;

	buf_init(&path, PATH_MAX);
	buf_addf(&path, "%s.keys", c->file);
	buf_addc(&path, '\0');
	if (path.failed || access(path.p, F_OK) == 0)
		return failed(strerror(path.failed ? ENAMETOOLONG : EEXIST), path.failed ? c->file : path.p);
	rc = ask(c);
	if (rc != 0)
		return rc;
	keys.command = control_find_command(c->noun, "keys");
	keys.args = json_pack("{s:s}", "file", path.p);
	keys.file = path.p;
	keys.quiet = true;
	rc = ask(&keys);
	json_decref(keys.args);
	if (rc != 0)
		unlink(c->file);
	return rc;
}

/* Rows of `mail index status`, for one account or all, in a whole reply. */
static json_t *index_rows(const struct cli *c)
{
	json_t *account = json_object_get(c->args, "account"), *args = json_object(), *reply;

	if (account)
		json_object_set(args, "account", account);
	reply = cli_ask_end(cli_ask_begin(c->state, "mail index status", args, -1));
	json_decref(args);
	return reply;
}

/* Until nothing waits any more, with a line of progress for people. */
static int ask_index(const struct cli *c)
{
	struct cli first = *c;
	json_t *reply, *row;
	json_int_t emails, waiting;
	size_t i;
	int rc;

	first.quiet = true;
	rc = ask(&first);
	while (rc == 0) {
		reply = index_rows(c);
		emails = waiting = 0;
		json_array_foreach(json_object_get(reply, "result"), i, row) {
			emails += json_integer_value(json_object_get(row, "mails"));
			waiting += json_integer_value(json_object_get(row, "waiting"));
		}
		if (isatty(STDERR_FILENO)) {
			fputc('\r', stderr);
			fprintf(stderr, _("%lld of %lld mails indexed "), (long long)(emails - waiting), (long long)emails);
			if (!waiting)
				fputc('\n', stderr);
		}
		if (!waiting || !json_is_true(json_object_get(reply, "ok"))) {
			rc = show(c, reply);
			json_decref(reply);
			return rc;
		}
		json_decref(reply);
		usleep(300000);
	}
	return rc;
}

static int help(struct cli *c)
{
	const char *name = c->n > 1 && strcmp(c->words[0], "help") == 0 ? c->words[1] :
		c->n > 0 && strcmp(c->words[0], "help") != 0 ? c->words[0] : NULL;

	if (name && !(c->noun = control_find_noun(name)))
		return bad_usage(c, N_("There is no such command"), name);
	if (c->man)
		cli_man(c->noun);
	else
		cli_help(c->noun);
	return fflush(stdout) ? 1 : 0;
}

static const struct control_command *find_two(const struct cli *c)
{
	char verb[64];
	int n = c->n > 2 ? snprintf(verb, sizeof(verb), "%s %s", c->words[1], c->words[2]) : 0;

	return n > 0 && (size_t)n < sizeof(verb) ? control_find_command(c->noun, verb) : NULL;
}

static bool is(const struct cli *c, const char *noun, const char *verb)
{
	return strcmp(c->noun->name, noun) == 0 && strcmp(c->command->verb, verb) == 0;
}

/* What was done is shown even when the end was not reached. */
static int move(const struct cli *c, json_t *(*fn)(const char *state, json_t *args))
{
	json_t *reply = fn(c->state, c->args);
	int rc = 0;

	if (json_is_object(json_object_get(reply, "result")) && !json_is_true(json_object_get(reply, "ok")) && !c->json)
		cli_print(json_object_get(reply, "result"));
	rc = show(c, reply);
	json_decref(reply);
	return rc;
}

static int run(struct cli *c)
{
	int rc;

	if (c->n == 0 && !c->help)
		return bad_usage(c, N_("Say what to do"), NULL);
	if (c->help || strcmp(c->words[0], "help") == 0 || (c->n > 1 && strcmp(c->words[1], "help") == 0))
		return help(c);
	c->noun = control_find_noun(c->words[0]);
	if (!c->noun)
		return bad_usage(c, N_("There is no such command"), c->words[0]);
	/* A verb of two words (kontor mail rule add), of one, or none: kontor status. */
	c->command = find_two(c);
	rc = 3;
	if (!c->command) {
		c->command = c->n > 1 ? control_find_command(c->noun, c->words[1]) : NULL;
		rc = c->command ? 2 : 1;
	}
	if (!c->command)
		c->command = control_find_command(c->noun, "");
	if (!c->command)
		return bad_usage(c, N_("There is no such command"), c->n > 1 ? c->words[1] : NULL);
	rc = parse_args(c, rc);
	if (rc != 0)
		return rc;
	if (!c->state)
		return bad_usage(c, N_("Give --state DIR or set KONTOR_STATE"), NULL);
	if (strcmp(c->noun->name, "status") == 0)
		c->processes = cli_processes(c->state);
	if (is(c, "mail", "index"))
		return ask_index(c);
	if (is(c, "mail", "import"))
		return move(c, cli_import);
	if (is(c, "mail", "export"))
		return move(c, cli_export);
	return is(c, "backup", "") ? ask_backup(c) : ask(c);
}

int cli_main(int argc, char **argv)
{
	struct cli c = { .args = json_object() };
	int rc;

	own_options(&c, argc, argv);
	rc = run(&c);
	json_decref(c.args);
	json_decref(c.processes);
	free(c.words);
	return rc;
}
