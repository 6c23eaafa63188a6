/* mime_envelope.h - address lists and the envelope of a message.
 *
 * Ownership: arena and the header's bytes. Bounded: MIME_ADDRESSES_MAX per list, the rest is dropped.
 * Never fails: what is no address is skipped. Groups: a start row (group_start, name) and an end row.
 * Names are raw words (quotes and comments removed, encoded words untouched).
 * Sources: RFC 5322 3.4 and 4.4, 6854 (groups in From), 6532 (UTF-8). Not good for: SMTP paths. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

#define MIME_ADDRESSES_MAX 2000

struct mime_address {
	struct span name, route, local, domain;  /* route: "@a,@b" of obs-route, else none */
	bool group_start, group_end;
};
struct mime_addresses {
	struct mime_address *rows;
	size_t count;
};
struct mime_envelope {
	struct span date, subject, in_reply_to, message_id;  /* unfolded; p NULL when absent */
	struct mime_addresses from, sender, reply_to, to, cc, bcc; /* sender, reply_to default to from */
};

void mime_addresses_parse(struct arena *a, struct span value, struct mime_addresses *out);
void mime_envelope_read(struct arena *a, struct span header, struct mime_envelope *out);
/* Message ids "<...>" of References: and In-Reply-To:, brackets kept, in order, at most max. */
size_t mime_references_parse(struct arena *a, struct span value, struct span *out, size_t max);
