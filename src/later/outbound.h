/* outbound.h - core's side of the process `out`: LEASE gives it a job, RESULT settles one (bus/out_job.h).
 *
 * LEASE: the first reply segment is the encoded job, the second the message in a descriptor; nothing due: a job
 * without recipients and the time of the next one, and the session hears of the queue's changes. RESULT: an empty
 * reply once it is durable; any bytes: not taken, bring it again. What cannot be handled for a reason of ours is
 * shunted and logged; it never comes round again by itself. Not good for: speaking SMTP (out/). */
#pragma once
#include "bus/call.h"

extern const struct proto outbound_proto;
