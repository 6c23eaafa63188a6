/* mail_look.h - tests: change the organisation and look into mailboxes and the queue from a script. */
#pragma once
#include "bus/call.h"

/* word: "@alias", "@group", "@full", "@limit", "@lock", "@setting", "@inbox", "@count", "@queue", "@body"; what there
 * is to tell goes to out as CRLF lines. False: no such directive or it failed. */
bool mail_look(struct house *h, struct arena *a, struct span word, struct span rest, struct buf *out);
