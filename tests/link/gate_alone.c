/* Links the gate with the libraries it may have and nothing else: that it builds is the test. */
#include "gate/gate.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	(void)argv;
	if (argc > 1) /* never in the test: keeps gate_main and all it needs in the program */
		return gate_main(&(struct gate_config){ 0 }, &e);
	puts("the gate needs no store, no seal, no domain");
	return 0;
}
