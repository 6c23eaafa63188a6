/* maildir.h - what names in a Maildir say: flags and time of a mail, folders, the keywords of letters.
 *
 * "1196974832.M1P2.host,S=1234,W=1300:2,FSa": unique name, flags; in Maildir++ the folder ".Archiv.2026" lies beside cur/.
 * Folder names are read as modified UTF-7 and, where that is not valid, as UTF-8; whatever still cannot be a mailbox gets '_'.
 * Written: modified UTF-7, a dot within a level as "&AC4-". Sources: cr.yp.to/proto/maildir.html, Courier's Maildir++,
 * Dovecot's Maildir documentation. Not good for: file systems that have no ':' in names (';' and '!' are read too). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

#define MAILDIR_LETTERS 26

struct maildir_name {
	struct span unique;           /* without flags: the mail keeps it for life */
	unsigned flags;               /* MOVE_SEEN ... */
	bool forwarded;               /* P */
	uint32_t letters;             /* bit 0: 'a' */
	int64_t sec;                  /* when it was put there; 0: the name does not say */
};
/* False: not a mail's name (begins with a dot). */
bool maildir_name_read(struct span name, struct maildir_name *out);
/* dovecot-keywords: "0 $Label1\n1 Wichtig\n". Letters without a name get none. */
void maildir_keywords_read(struct span text, struct span names[MAILDIR_LETTERS]);

/* One level of a folder on disk ("Entw&APw-rfe") or, `dots`, several of Maildir++ (".Archiv.2026"). */
struct span maildir_folder_read(struct arena *a, struct span name, bool dots);
/* ".Archiv.2026"; INBOX itself: nothing. */
void maildir_folder_write(struct buf *b, struct span folder);
/* A name that a mailbox may have: octets that are not allowed become '_', empty levels go, "shared" is no level on top. */
struct span move_folder_clean(struct arena *a, struct span name);
