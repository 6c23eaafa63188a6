/* http.h - core's side of HTTP/1.1 (RFC 9110): one row per route in http.c. The entry that core knows. */
#pragma once
#include "bus/call.h"

extern const struct proto http_proto;
