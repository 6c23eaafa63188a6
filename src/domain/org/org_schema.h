/* org_schema.h - the organisation's tables, as the text of migration "0001_org".
 *
 * Clear: ids, kinds, states, counters, times. Names and addresses: keyed look-ups plus one sealed column. */
#pragma once
extern const char org_schema_1[], org_schema_dkim[];
