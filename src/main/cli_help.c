#include "main/cli.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "main/i18n.h"

/* Commands that are not in the table because no server runs yet (main.c). */
static const struct {
	const char *name, *help;
} others[] = {
	{ "init", N_("make a new organisation in an empty folder") },
	{ "serve", N_("run the server in the foreground") },
	{ "demo", N_("make an invented organisation to play with; --show tells ports and passwords") },
	{ "restore", N_("make an organisation from a backup in an empty folder") },
	{ "help", N_("explain a command: kontor help NOUN; as manual page: kontor help --man [NOUN]") },
};
#define OTHERS (sizeof(others) / sizeof(others[0]))

static void put_upper(FILE *f, const char *z)
{
	for (; *z; z++)
		putc(*z == '-' ? '_' : toupper((unsigned char)*z), f);
}

/* "ADDRESS", "TARGETS...", "--name NAME", "--password-file FILE|-", "--yes" */
static void put_arg(FILE *f, const struct control_arg *a)
{
	if (!(a->flags & ARG_POSITION))
		fprintf(f, "--%s%s", a->name, a->type == ARG_SECRET ? "-file" : "");
	if (a->type == ARG_SWITCH)
		return;
	if (!(a->flags & ARG_POSITION))
		putc(' ', f);
	if (a->type == ARG_SECRET)
		fputs("FILE|-", f);
	else
		put_upper(f, a->name);
	if (a->type == ARG_MANY)
		fputs("...", f);
}

static void put_command(FILE *f, const struct control_noun *noun, const struct control_command *m)
{
	fprintf(f, "kontor %s%s%s", noun->name, m->verb[0] ? " " : "", m->verb);
	for (size_t i = 0; i < CONTROL_ARGS_LEN && m->args[i].name; i++) {
		bool needed = m->args[i].flags & ARG_NEEDED;

		fputs(needed ? " " : " [", f);
		put_arg(f, &m->args[i]);
		if (!needed)
			putc(']', f);
	}
	putc('\n', f);
}

void cli_usage(const struct control_noun *noun, const struct control_command *m)
{
	if (!m) {
		fprintf(stderr, _("Try: kontor %s help\n"), noun->name);
		return;
	}
	fputs(_("usage: "), stderr);
	put_command(stderr, noun, m);
}

static void help_noun(const struct control_noun *noun)
{
	printf("%s\n", _(noun->help));
	for (size_t i = 0; i < noun->n; i++) {
		const struct control_command *m = &noun->commands[i];

		putchar('\n');
		put_command(stdout, noun, m);
		printf("    %s\n", _(m->help));
		for (size_t k = 0; k < CONTROL_ARGS_LEN && m->args[k].name; k++) {
			fputs("      ", stdout);
			put_arg(stdout, &m->args[k]);
			printf("  %s\n", _(m->args[k].help));
		}
	}
}

void cli_help(const struct control_noun *noun)
{
	if (noun) {
		help_noun(noun);
		return;
	}
	puts(_("kontor serves an organisation: mail, and in time all it needs."));
	printf("\n%s\n", _("kontor NOUN VERB [ARGUMENTS] [--state DIR] [--json]"));
	for (size_t i = 0; i < OTHERS; i++)
		printf("  %-10s  %s\n", others[i].name, _(others[i].help));
	for (const struct control_noun *const *n = control_nouns; *n; n++)
		printf("  %-10s  %s\n", (*n)->name, _((*n)->help));
	printf("\n%s\n", _("The folder of the server is given by --state or KONTOR_STATE. --json prints for programs."));
}

/* ---- roff ---- */

/* Text: backslashes, hyphens and a leading dot are roff's own. */
static void roff(const char *z)
{
	if (*z == '.' || *z == '\'')
		fputs("\\&", stdout);
	for (; *z; z++) {
		if (*z == '\\')
			fputs("\\e", stdout);
		else if (*z == '-')
			fputs("\\-", stdout);
		else
			putchar(*z);
	}
}

static void man_head(const char *name, const char *help)
{
	fputs(".TH \"", stdout);
	for (const char *z = name; *z; z++)
		putchar(toupper((unsigned char)*z));
	printf("\" 1 \"\" \"kontor\"\n.SH %s\n", _("NAME"));
	roff(name);
	fputs(" \\- ", stdout);
	roff(help);
	putchar('\n');
}

static void man_tail(void)
{
	printf(".SH %s\n.TP\n.B \\-\\-state\n", _("OPTIONS"));
	roff(_("folder of the server; else the variable KONTOR_STATE"));
	fputs("\n.TP\n.B \\-\\-json\n", stdout);
	roff(_("print the result as JSON"));
	printf("\n.SH %s\n", _("EXIT STATUS"));
	roff(_("0 when done, 1 with one line on the error output, 2 for a wrong command line."));
	putchar('\n');
}

static void man_all(void)
{
	man_head("kontor", _("one server for a whole organisation"));
	printf(".SH %s\n", _("SYNOPSIS"));
	roff(_("kontor NOUN VERB [ARGUMENTS] [--state DIR] [--json]"));
	printf("\n.SH %s\n", _("COMMANDS"));
	for (size_t i = 0; i < OTHERS; i++) {
		printf(".TP\n.B %s\n", others[i].name);
		roff(_(others[i].help));
		putchar('\n');
	}
	for (const struct control_noun *const *n = control_nouns; *n; n++) {
		printf(".TP\n.BR kontor\\-%s (1)\n", (*n)->name);
		roff(_((*n)->help));
		putchar('\n');
	}
	man_tail();
}

void cli_man(const struct control_noun *noun)
{
	char name[64];

	if (!noun) {
		man_all();
		return;
	}
	snprintf(name, sizeof(name), "kontor-%s", noun->name);
	man_head(name, _(noun->help));
	printf(".SH %s\n", _("COMMANDS"));
	for (size_t i = 0; i < noun->n; i++) {
		const struct control_command *m = &noun->commands[i];

		printf(".SS \"%s\"\n", m->verb[0] ? m->verb : noun->name);
		fputs(".B ", stdout);
		put_command(stdout, noun, m);
		puts(".br");
		roff(_(m->help));
		putchar('\n');
		for (size_t k = 0; k < CONTROL_ARGS_LEN && m->args[k].name; k++) {
			fputs(".TP\n.B \"", stdout);
			put_arg(stdout, &m->args[k]);
			fputs("\"\n", stdout);
			roff(_(m->args[k].help));
			putchar('\n');
		}
	}
	man_tail();
}
