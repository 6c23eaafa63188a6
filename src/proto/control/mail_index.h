/* mail_index.h - two commands of mail.c that have a file of their own. Not good for: anybody else. */
#pragma once
#include "proto/control/control_int.h"

int control_mail_index(struct control *c, struct tx *tx, struct err *e);
int control_mail_index_status(struct control *c, struct tx *tx, struct err *e);
