#include "codec/find/gram.h"
#include <stdlib.h>

void gram_init(struct gram_set *g)
{
	*g = (struct gram_set){ calloc(1u << 21, 1), malloc(GRAM_MAX * sizeof(uint32_t)), 0, false };
	if (!g->seen || !g->v)
		abort();
}

void gram_fini(struct gram_set *g)
{
	free(g->seen);
	free(g->v);
	*g = (struct gram_set){ 0 };
}

void gram_reset(struct gram_set *g)
{
	for (size_t i = 0; i < g->n; i++)
		g->seen[g->v[i] >> 3] = 0;
	g->n = 0;
	g->full = false;
}

void gram_add(struct gram_set *g, struct span text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	uint32_t run;

	if (text.n < GRAM_LEN)
		return;
	run = (uint32_t)p[0] << 8 | p[1];
	for (size_t i = 2; i < text.n; i++) {
		run = (run << 8 | p[i]) & 0xffffff;
		if (g->seen[run >> 3] >> (run & 7) & 1)
			continue;
		if (g->n == GRAM_MAX) {
			g->full = true;
			return;
		}
		g->seen[run >> 3] |= (uint8_t)(1 << (run & 7));
		g->v[g->n++] = run;
	}
}
