/* text_client.h - asks the role that reads attachments (text/text.h) for the text of a document.
 *
 * One line, dialled when it is needed. Errors: ERR_LATER (not there now, gone meanwhile, silent for half a minute).
 * Not good for: several threads. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define TEXT_CLIENT_MAX (2u << 20)     /* octets of an answer */

struct text_client {
	const char *path;
	int fd;
};
void text_client_init(struct text_client *t, const char *path);
void text_client_fini(struct text_client *t);
/* Fits mail_index_texts; *out: none when the document has no text. */
int text_client_ask(void *text_client, struct arena *a, struct span document, struct span *out, struct err *e);
