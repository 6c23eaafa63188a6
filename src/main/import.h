/* import.h - where mails come from. Each reads its source and gives mails to the mover. 0, -1 (mover.failure). */
#pragma once
#include "main/mover.h"

/* Maildir, mbox, EML: a file, or a folder with all of these at any depth. Links are not followed. */
int import_files(struct mover *m, const char *path);
/* "imaps://HOST[:PORT]", "imap://HOST[:PORT]": another server; user, password and the rest from mover.wishes. */
bool import_is_imap(const char *source);
void import_imap(struct mover *m, const char *url);
