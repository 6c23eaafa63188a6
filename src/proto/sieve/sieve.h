/* sieve.h - ManageSieve (RFC 5804): scripts of the account that signed in. The entry that core knows. */
#pragma once
#include "bus/call.h"

extern const struct proto sieve_proto;
