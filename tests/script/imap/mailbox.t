# CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, names in modified UTF-7 and UTF-8
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 CREATE "Entw&APw-rfe/2026/"
S: a1 OK [MAILBOXID (F{{[0-9]+}})] CREATE completed
C: a2 CREATE "Entw&APw-rfe/2026"
S: a2 NO [ALREADYEXISTS] {{.+}}
C: a3 CREATE INBOX
S: a3 NO [ALREADYEXISTS] Mailbox already exists
C: a4 CREATE "a//b"
S: a4 NO [CANNOT] {{.+}}
C: a5 CREATE "bad&name"
S: a5 BAD Mailbox name is not valid UTF-7
C: a6 LIST "" "Entw*"
S: * LIST (\HasChildren) "/" Entw&APw-rfe
S: * LIST (\HasNoChildren) "/" Entw&APw-rfe/2026
S: a6 OK LIST completed
C: a7 RENAME "Entw&APw-rfe" Neu
S: a7 OK Completed
C: a8 LIST "" "Neu*"
S: * LIST (\HasChildren) "/" Neu
S: * LIST (\HasNoChildren) "/" Neu/2026
S: a8 OK LIST completed
C: a9 DELETE Neu/2026
S: a9 OK Completed
C: b1 DELETE Neu/2026
S: b1 NO [NONEXISTENT] {{.+}}
C: b2 DELETE INBOX
S: b2 NO [NOPERM] {{.+}}
C: b3 SUBSCRIBE Neu
S: b3 OK Completed
C: b4 LSUB "" "Neu"
S: * LSUB () "/" Neu
S: b4 OK LSUB completed
C: b5 UNSUBSCRIBE Neu
S: b5 OK Completed
C: b6 LSUB "" "Neu"
S: b6 OK LSUB completed
C: b7 CREATE Belege (USE (\Archive))
S: b7 NO [ALREADYEXISTS] There is a mailbox for this use already
C: b8 CREATE Belege2 (USE (\Fantasy))
S: b8 NO [USEATTR] {{.+}}
C: b9 CREATE
S: b9 BAD {{.+}}
C: c1 ENABLE IMAP4rev2
S: * ENABLED IMAP4rev2
S: c1 OK Completed
C: c2 CREATE "Grüße"
S: c2 OK {{.*}}
C: c3 LIST "" "Gr*"
S: * LIST (\HasNoChildren) "/" "Grüße"
S: c3 OK LIST completed
