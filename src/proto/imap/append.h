/* append.h - inside proto/imap: one APPEND or REPLACE under way, shared with CATENATE. */
#pragma once
#include "codec/imap/imap_url.h"
#include "proto/imap/imap_int.h"

struct append;
/* Takes a literal from g, inline or in the spool; the bytes live as long as `ap`. */
int append_literal(struct imap_call *c, struct append *ap, struct imap_args *g, struct span *out, struct err *e);
/* Takes the list behind CATENATE; the caller frees `out` in any case. ERR_MISSING with BADURL, ERR_TOOBIG. */
int append_catenate(struct imap_call *c, struct append *ap, struct buf *out, struct err *e);
