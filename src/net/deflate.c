#include "net/deflate.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/err.h"

#define WINDOW 32768
#define LEVEL 1 /* the gate is one thread; more effort gives a tenth less for a third of the rate */

struct inflater {
	z_stream z;
	bool works; /* z is there */
	char *window; /* else: what was last read */
	unsigned window_len;
};

struct inflater *inflater_new(void)
{
	struct inflater *z = calloc(1, sizeof(*z));

	if (!z)
		abort();
	return z;
}

static void drop_window(struct inflater *z)
{
	free(z->window);
	z->window = NULL;
	z->window_len = 0;
}

void inflater_free(struct inflater *z)
{
	if (!z)
		return;
	if (z->works)
		inflateEnd(&z->z);
	drop_window(z);
	free(z);
}

static void work(struct inflater *z)
{
	memset(&z->z, 0, sizeof(z->z));
	if (inflateInit2(&z->z, -15) != Z_OK ||
		(z->window && inflateSetDictionary(&z->z, (const Bytef *)z->window, z->window_len) != Z_OK))
		abort();
	z->works = true;
	drop_window(z);
}

int inflater_run(struct inflater *z, struct span in, size_t *used, char *out, size_t cap, size_t *n_out)
{
	int r;

	*used = *n_out = 0;
	if (!z->works)
		work(z);
	z->z.next_in = (Bytef *)(uintptr_t)in.p;
	z->z.avail_in = (unsigned)in.n;
	z->z.next_out = (Bytef *)out;
	z->z.avail_out = (unsigned)cap;
	r = inflate(&z->z, Z_SYNC_FLUSH);
	*used = in.n - z->z.avail_in;
	*n_out = cap - z->z.avail_out;
	z->z.next_in = NULL;
	z->z.avail_in = 0;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : ERR_SYNTAX;
}

/* Between blocks, on a whole octet, zlib's state is no more than its window. */
void inflater_rest(struct inflater *z)
{
	char window[WINDOW];
	unsigned n = 0;

	if (!z->works || z->z.data_type != 128 ||
		inflateGetDictionary(&z->z, (Bytef *)window, &n) != Z_OK)
		return;
	inflateEnd(&z->z);
	z->works = false;
	z->window = malloc(n ? n : 1);
	if (!z->window)
		abort();
	memcpy(z->window, window, n);
	z->window_len = n;
}

bool deflate_block(struct span in, struct buf *out)
{
	z_stream z = { 0 };
	char *p;
	size_t cap;
	bool whole;

	if (deflateInit2(&z, LEVEL, Z_DEFLATED, -14, 7, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	cap = deflateBound(&z, in.n) + 16; /* the empty block that ends it */
	p = buf_space(out, cap);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (unsigned)in.n;
	z.next_out = (Bytef *)p;
	z.avail_out = (unsigned)cap;
	whole = p && deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_in == 0 && z.avail_out > 0;
	if (whole)
		buf_grow(out, cap - z.avail_out);
	deflateEnd(&z);
	return whole;
}
