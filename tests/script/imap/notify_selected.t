# NOTIFY (RFC 5465) and the selected mailbox: attributes of new messages, expunges at once or delayed, nothing that was not asked for
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 NOTIFY SET (selected (MessageNew (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge)) (mailboxes Sent (MessageNew MessageExpunge))
S: a1 OK NOTIFY completed
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
C1: a1 APPEND INBOX (\Flagged) {25+}
C1: Subject: eins
C1: 
C1: Text 1
C1: 
S1: a1 OK {{.*}}
S: * 1 EXISTS
S: * 0 RECENT
S: * 1 FETCH (UID 1 FLAGS (\Flagged) BODY[HEADER.FIELDS (SUBJECT)] {17}
S: Subject: eins
S: 
S: )
C1: a2 APPEND INBOX {25+}
C1: Subject: zwei
C1: 
C1: Text 2
C1: 
S1: a2 OK {{.*}}
S: * 2 EXISTS
S: * 0 RECENT
S: * 2 FETCH (UID 2 FLAGS () BODY[HEADER.FIELDS (SUBJECT)] {17}
S: Subject: zwei
S: 
S: )
# flags were not asked for; expunges come at once
C1: a3 SELECT INBOX
S1: ...
S1: a3 OK {{.*}}
C1: a4 STORE 1 +FLAGS.SILENT (\Deleted)
S1: a4 OK STORE completed
C1: a5 EXPUNGE
S1: * 1 EXPUNGE
S1: a5 OK EXPUNGE completed
S: * 1 EXPUNGE
C1: a6 APPEND Sent {6+}
C1: A: b
C1: 
S1: a6 OK {{.*}}
S: * STATUS Sent (MESSAGES 1 UIDNEXT 2 UIDVALIDITY {{[0-9]+}})
# delayed: arrivals and flags at once, expunges with a command
C: a3 NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))
S: a3 OK NOTIFY completed
C1: a7 STORE 1 +FLAGS.SILENT (\Deleted)
S1: a7 OK STORE completed
S: * 1 FETCH (FLAGS (\Deleted))
C1: a8 EXPUNGE
S1: * 1 EXPUNGE
S1: a8 OK EXPUNGE completed
C1: a9 APPEND INBOX {6+}
C1: A: b
C1: 
S1: * 1 EXISTS
S1: * 0 RECENT
S1: a9 OK {{.*}}
S: * 2 EXISTS
S: * 0 RECENT
C: a4 FETCH 2 UID
S: * 2 FETCH (UID 3)
S: a4 OK FETCH completed
C: a5 NOOP
S: * 1 EXPUNGE
S: a5 OK Completed
# nothing of the selected mailbox; one's own EXPUNGE is answered all the same
C: a6 NOTIFY SET (personal (MailboxName))
S: a6 OK NOTIFY completed
C1: a10 APPEND INBOX {6+}
C1: A: b
C1: 
S1: * 2 EXISTS
S1: * 0 RECENT
S1: a10 OK {{.*}}
C: a7 NOOP
S: a7 OK Completed
C: a8 STORE 1 +FLAGS.SILENT (\Deleted)
S: a8 OK STORE completed
C: a9 EXPUNGE
S: * 1 EXPUNGE
S: * 1 EXISTS
S: * 0 RECENT
S: a9 OK EXPUNGE completed
C1: a11 APPEND INBOX {6+}
C1: A: b
C1: 
S1: * 1 EXPUNGE
S1: * 2 EXISTS
S1: * 0 RECENT
S1: a11 OK {{.*}}
C: a10 NOTIFY SET (selected (MessageNew MessageExpunge))
S: * 2 EXISTS
S: * 0 RECENT
S: a10 OK NOTIFY completed
# a role's mailbox: told while the right lasts
C: a11 NOTIFY SET (subtree shared (MessageNew MessageExpunge MailboxName))
S: a11 OK NOTIFY completed
C1: a12 APPEND shared/vorstand@example.org/INBOX {6+}
C1: A: b
C1: 
S1: a12 OK {{.*}}
S: * STATUS shared/vorstand@example.org/INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY {{[0-9]+}})
@endterm
S: * LIST (\Noselect \NonExistent) "/" shared/vorstand@example.org/INBOX
S: * LIST (\Noselect \NonExistent) "/" shared/vorstand@example.org/Drafts
S: * LIST (\Noselect \NonExistent) "/" shared/vorstand@example.org/Sent
S: * LIST (\Noselect \NonExistent) "/" shared/vorstand@example.org/Junk
S: * LIST (\Noselect \NonExistent) "/" shared/vorstand@example.org/Trash
S: * LIST (\Noselect \NonExistent) "/" shared/vorstand@example.org/Archive
C1: a13 APPEND INBOX {6+}
C1: A: b
C1: 
S1: * 3 EXISTS
S1: * 0 RECENT
S1: a13 OK {{.*}}
C: a12 NOOP
S: a12 OK Completed
# attributes of new messages that are too much at once
C: a13 NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge))
S: ...
S: a13 OK NOTIFY completed
C1: a14 APPEND INBOX {100005+}
C1: A: <<100000 x>>
C1: 
S1: ...
S1: a14 OK {{.*}}
C: a14 NOOP
S: ...
S: a14 OK Completed
C1: a15 UID COPY *,*,* INBOX
S1: ...
S1: a15 OK {{.*}}
C1: a16 COPY 4:* INBOX
S1: ...
S1: a16 OK {{.*}}
C1: a17 COPY 4:* INBOX
S1: ...
S1: a17 OK {{.*}}
C: a15 NOOP
S: ...
S: * 11 FETCH (UID {{[0-9]+}} BODY[] {100005}
S: ...
S: a15 OK Completed
C1: a18 COPY 4:* INBOX
S1: ...
S1: a18 OK {{.*}}
C1: a19 COPY 4:* INBOX
S1: ...
S1: a19 OK {{.*}}
S: ...
S: * OK [NOTIFICATIONOVERFLOW] {{.+}}
C1: a20 COPY 4 INBOX
S1: ...
S1: a20 OK {{.*}}
C: a16 NOOP
S: a16 OK Completed
