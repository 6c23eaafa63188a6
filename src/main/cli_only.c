/* The command line without the servers: writes the manual pages at build time, and is what test_cli runs. */
#include "main/cli.h"
#include "main/i18n.h"

int main(int argc, char **argv)
{
	i18n_init();
	return cli_main(argc, argv);
}
