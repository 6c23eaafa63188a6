/* domain_dns.h - two commands of domain.c that have a file of their own. Not good for: anybody else. */
#pragma once
#include "proto/control/control_int.h"

int control_domain_dns(struct control *c, struct tx *tx, struct err *e);
int control_domain_check(struct control *c, struct tx *tx, struct err *e);
