/* main.c - one binary: `kontor init`, `kontor serve`, the roles it starts itself ("@core"), and the command
 * line for a running server (cli.h). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/scan.h"
#include "main/cli.h"
#include "main/demo.h"
#include "main/i18n.h"
#include "main/init.h"
#include "main/roles.h"
#include "main/serve.h"

static int fail(const struct err *e)
{
	fprintf(stderr, "kontor: %s\n", e->log[0] ? e->log : e->say);
	return 1;
}

static int usage(const char *text)
{
	fprintf(stderr, _("usage: %s\n"), text);
	return 2;
}

static const char *const init_usage =
	"kontor init --state DIR --domain DOMAIN --admin ADDRESS [--name NAME] [--language de|en] [--password-file F|-]"
	" [--seal key|passphrase|K/N] [--passphrase-file F|-] [--set NAME=VALUE]...";

/* First line of a file ("-": standard input) without its end. */
static int read_secret(const char *path, struct buf *out, struct err *e)
{
	SCOPED_FD fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	char c;

	if (fd < 0)
		return err_set(e, ERR_MISSING, "", "%s: %m", path);
	while (read(fd, &c, 1) == 1 && c != '\n')
		buf_addc(out, c);
	if (out->n && out->p[out->n - 1] == '\r')
		out->n--;
	return out->failed || !out->n ? err_set(e, ERR_PARAM, "", "%s: no password on the first line", path) : 0;
}

static bool parse_seal(struct init_options *o, const char *arg)
{
	struct span s = span_str(arg), need;
	uint64_t k, n;

	if (strcmp(arg, "key") == 0 || strcmp(arg, "passphrase") == 0) {
		o->seal = arg[0];
		return true;
	}
	need = span_cut(&s, '/');
	if (!span_num(need, &k, 2, VAULT_SHARES_MAX) || !span_num(s, &n, k, VAULT_SHARES_MAX))
		return false;
	o->seal = 's';
	o->need = (unsigned)k;
	o->total = (unsigned)n;
	return true;
}

static int init_main(int argc, char **argv)
{
	static const struct option options[] = { { "state", 1, NULL, 's' }, { "domain", 1, NULL, 'd' },
		{ "admin", 1, NULL, 'a' }, { "name", 1, NULL, 'n' }, { "language", 1, NULL, 'l' },
		{ "password-file", 1, NULL, 'p' }, { "seal", 1, NULL, 'm' }, { "passphrase-file", 1, NULL, 'f' },
		{ "set", 1, NULL, 'c' }, { NULL, 0, NULL, 0 } };
	struct init_options o = { .dir = getenv("KONTOR_STATE"), .seal = 'k', .language = SPAN("de") };
	const char *password = NULL, *passphrase = NULL;
	SCOPED_BUF word, phrase, conf, shares;
	struct err e = ERR_INIT;
	int c;

	buf_init(&word, 4096);
	buf_init(&phrase, 4096);
	buf_init(&conf, 65536);
	buf_init(&shares, 65536);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': o.dir = optarg; break;
		case 'd': o.domain = span_str(optarg); break;
		case 'a': o.admin = span_str(optarg); break;
		case 'n': o.name = span_str(optarg); break;
		case 'l': o.language = span_str(optarg); break;
		case 'p': password = optarg; break;
		case 'f': passphrase = optarg; break;
		case 'c': buf_addf(&conf, "%s\n", optarg); break;
		case 'm':
			if (!parse_seal(&o, optarg))
				return usage(init_usage);
			break;
		default: return usage(init_usage);
		}
	}
	if (!o.dir || !o.domain.n || !o.admin.n || optind != argc || (o.seal == 'p') != (passphrase != NULL))
		return usage(init_usage);
	if ((password && read_secret(password, &word, &e) < 0) || (passphrase && read_secret(passphrase, &phrase, &e) < 0))
		return fail(&e);
	buf_addc(&conf, '\0');
	o.password = buf_span(&word);
	o.passphrase = buf_span(&phrase);
	o.conf = conf.p;
	if (init_organisation(&o, &shares, &e) < 0)
		return fail(&e);
	if (o.seal == 's')
		printf(_("Shares of the master key; %u of %u open the house. Give each to another person, keep none here:\n%.*s"),
			o.need, o.total, (int)shares.n, shares.p);
	else if (o.seal == 'k')
		fputs(_("The master key lies in a file beside the data: good for a demonstration, worthless against theft.\n"),
			stderr);
	return 0;
}

static int serve_main(int argc, char **argv)
{
	static const struct option options[] = { { "state", 1, NULL, 's' }, { "base-port", 1, NULL, 'b' },
		{ "listen", 1, NULL, 'l' }, { NULL, 0, NULL, 0 } };
	SCOPED_ARENA a = arena_new();
	const char *dir = getenv("KONTOR_STATE"), *port = NULL, *address = NULL;
	char real[PATH_MAX];
	struct settings s;
	struct serve_config sc = { .dir = real, .settings = &s };
	struct err e = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': dir = optarg; break;
		case 'b': port = optarg; break;
		case 'l': address = optarg; break;
		default: return usage("kontor serve --state DIR [--base-port N] [--listen ADDRESS]");
		}
	}
	if (!dir || optind != argc)
		return usage("kontor serve --state DIR [--base-port N] [--listen ADDRESS]");
	if (!realpath(dir, real)) {
		fprintf(stderr, "kontor: %s: %s\n", dir, strerror(errno));
		return 1;
	}
	sc.dirfd = open(real, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (sc.dirfd < 0 || settings_read(a, sc.dirfd, &s, &e) < 0 ||
		(port && settings_set(a, &s, SPAN("base_port"), span_str(port), &e) < 0) ||
		(address && settings_set(a, &s, SPAN("listen"), span_str(address), &e) < 0))
		return fail(&e);
	return serve(&sc, &e) < 0 ? fail(&e) : 0;
}

static const char *const restore_usage = "kontor restore FILE --state DIR [--keys FILE] [--set NAME=VALUE]...";

static int restore_main(int argc, char **argv)
{
	static const struct option options[] = { { "state", 1, NULL, 's' }, { "set", 1, NULL, 'c' }, { "keys", 1, NULL, 'k' },
		{ NULL, 0, NULL, 0 } };
	const char *dir = getenv("KONTOR_STATE"), *keys = NULL;
	struct err e = ERR_INIT;
	struct restore_result result;
	SCOPED_BUF conf;
	int c;

	buf_init(&conf, 65536);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			dir = optarg;
		else if (c == 'k')
			keys = optarg;
		else if (c == 'c')
			buf_addf(&conf, "%s\n", optarg);
		else
			return usage(restore_usage);
	}
	if (!dir || optind + 1 != argc)
		return usage(restore_usage);
	buf_addc(&conf, '\0');
	if (restore_organisation(dir, argv[optind], keys, conf.p, &result, &e) < 0)
		return fail(&e);
	if (result.removed)
		fprintf(stderr, _("%llu accounts of the backup have no key any more: they were removed since and are not restored.\n"),
			(unsigned long long)result.removed);
	if (result.needs_key)
		fputs(_("The key file is never part of a backup: put vault/master.key of the old folder into the new one.\n"), stderr);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '@')
		return role_main(argv[1] + 1);
	i18n_init();
	if (argc > 1 && strcmp(argv[1], "init") == 0)
		return init_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		return serve_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "restore") == 0)
		return restore_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "demo") == 0)
		return demo_main(argc - 1, argv + 1);
	return cli_main(argc, argv);
}
