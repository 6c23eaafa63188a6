/* outbound.h - core's side of `out`: leases jobs, takes results, decides what they mean.
 *
 * Verbs LEASE and RESULT of bus/out_job.h. A result is worked in one transaction: the recipient is done, tried
 * again later, or reported to the sender. What cannot be worked is shunted and logged; it never stops the queue. */
#pragma once
#include "bus/call.h"

extern const struct proto outbound_proto;
