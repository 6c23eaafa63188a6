/* smtp.h - core's side of SMTP: port 25, submission and LMTP.
 *
 * Sources: RFC 5321, 6409, 2033 and the extensions named in smtp.c. Not good for: outgoing mail (out/). */
#pragma once
#include "bus/call.h"

extern const struct proto smtp_proto;
