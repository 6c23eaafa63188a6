/* imap_match.h - LIST patterns: "*" any run of characters, "%" any run without the hierarchy
 * delimiter.
 *
 * Cost is bounded by pattern length times name length, whatever the wildcards (runs of them are
 * folded first). Pattern and name are UTF-8. A leading INBOX level of the name is compared
 * without case. Errors: ERR_TOOBIG (pattern longer than IMAP_PATTERN_MAX). Source: RFC 9051
 * section 6.3.9. Not good for: Sieve :matches. */
#pragma once
#include "base/err.h"
#include "base/span.h"

#define IMAP_PATTERN_MAX 1024

struct imap_pattern {
	char v[IMAP_PATTERN_MAX];
	size_t n;
	char delimiter;
};

int imap_pattern_init(struct imap_pattern *p, struct span pattern, char delimiter, struct err *e);
bool imap_pattern_match(
	const struct imap_pattern *p, struct span name); /* names over IMAP_NAME_MAX: false */
