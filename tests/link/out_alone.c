/* Links out with the libraries it may have and nothing else: that it builds is the test. */
#include "out/out.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	(void)argv;
	if (argc > 1) /* never in the test: keeps out_main and all it needs in the program */
		return out_main(&(struct out_config){ 0 }, &e);
	puts("out needs no store, no seal, no domain");
	return 0;
}
