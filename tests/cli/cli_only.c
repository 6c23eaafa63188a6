/* The command line alone, for test_cli. */
#include "main/cli.h"
#include "main/i18n.h"

int main(int argc, char **argv)
{
	i18n_init();
	return cli_main(argc, argv);
}
