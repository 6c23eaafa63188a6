/* cmd_compress.c - COMPRESS DEFLATE, RFC 4978: the gate does it, net/deflate.h says how. */
#include "proto/imap/imap_int.h"

int imap_compress(struct imap_call *c, struct err *e)
{
	struct span algorithm;

	if (!imap_args_atom(&c->args, &algorithm))
		return imap_bad(e, "COMPRESS takes an algorithm");
	if (imap_arg_end(c, e) < 0)
		return e->code;
	if (!span_ieqz(algorithm, "DEFLATE"))
		return imap_bad(e, "Only DEFLATE is known");
	if (c->s->compress) {
		c->no_code = "COMPRESSIONACTIVE";
		return imap_no(e, ERR_EXISTS, "Compression is active already");
	}
	c->s->compress = true;
	c->text = "DEFLATE begins";
	c->call->reply->next = NEXT_COMPRESS;
	return 0;
}
