#include "codec/mailtls/tlsa.h"

#define TEXT_MAX 1024                  /* octets of data shown */

bool tlsa_usable(struct span r)
{
	if (r.n <= 3 || (r.p[0] != 2 && r.p[0] != 3) || (unsigned char)r.p[1] > 1)
		return false;
	return r.p[2] == 0 || (r.p[2] == 1 && r.n == 3 + 32) || (r.p[2] == 2 && r.n == 3 + 64);
}

bool tlsa_text(struct buf *b, struct span r)
{
	const unsigned char *p = (const unsigned char *)r.p;

	if (r.n <= 3 || r.n > 3 + TEXT_MAX)
		return false;
	buf_addf(b, "%u %u %u ", p[0], p[1], p[2]);
	for (size_t i = 3; i < r.n; i++)
		buf_addf(b, "%02x", p[i]);
	return true;
}
