/* demo_mail.h - one letter of the demonstration as a message with CRLF, encoded subject, References, attachment. */
#pragma once
#include "base/buf.h"

struct demo_letter {
	struct span id, references;               /* "<x@y>"; "<a@b> <c@d>" or none */
	struct span from, to;                     /* complete header texts */
	const char *subject, *body;
	int64_t sent_sec;
	bool pdf, png;
};
void demo_letter_write(struct buf *b, const struct demo_letter *l);
