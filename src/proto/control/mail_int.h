/* mail_int.h - commands of `kontor mail` that have a file of their own. */
#pragma once
#include "proto/control/control_int.h"

/* One batch of mails (codec/move/move_item.h) in the descriptor; the command line asks again and again. */
int control_mail_import(struct control *c, struct tx *tx, struct err *e);
int control_mail_export(struct control *c, struct tx *tx, struct err *e);
/* Of mail_gone.c. */
int control_mail_undelete(struct control *c, struct tx *tx, struct err *e);
int control_retention_set(struct control *c, struct tx *tx, struct err *e);
int control_retention_clear(struct control *c, struct tx *tx, struct err *e);
int control_retention_list(struct control *c, struct tx *tx, struct err *e);
int control_retention_run(struct control *c, struct tx *tx, struct err *e);
