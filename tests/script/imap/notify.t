# NOTIFY (RFC 5465): what others do elsewhere is told between commands, without IDLE
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}} NOTIFY {{.*}}
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
C1: a1 CREATE Listen
S1: a1 OK {{.*}}
# what is not offered, or makes no sense
C: b1 NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))
S: b1 NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)] {{.+}}
C: b2 NOTIFY SET (personal (MessageNew))
S: b2 BAD {{.+}}
C: b3 NOTIFY SET (selected NONE) (selected-delayed NONE)
S: b3 BAD {{.+}}
C: b4 NOTIFY SET (selected (MailboxName))
S: b4 BAD {{.+}}
C: b5 NOTIFY
S: b5 BAD {{.+}}
# STATUS first, then arrivals, flags, expunges of a mailbox that is not selected
C: a1 NOTIFY SET STATUS (mailboxes (Listen Nirgends) (MessageNew MessageExpunge FlagChange)) (personal (MailboxName SubscriptionChange))
S: * STATUS Listen (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {{[0-9]+}} UNSEEN 0)
S: a1 OK NOTIFY completed
C1: a2 APPEND Listen {6+}
C1: A: b
C1: 
S1: a2 OK {{.*}}
S: * STATUS Listen (MESSAGES 1 UIDNEXT 2 UIDVALIDITY {{[0-9]+}} UNSEEN 1)
C1: a3 APPEND INBOX {6+}
C1: A: b
C1: 
S1: a3 OK {{.*}}
C: a2 NOOP
S: a2 OK Completed
C1: a4 SELECT Listen
S1: ...
S1: a4 OK {{.*}}
C1: a5 STORE 1 +FLAGS.SILENT (\Seen \Deleted)
S1: a5 OK STORE completed
S: * STATUS Listen (UIDVALIDITY {{[0-9]+}} UNSEEN 0)
C1: a6 EXPUNGE
S1: * 1 EXPUNGE
S1: a6 OK EXPUNGE completed
S: * STATUS Listen (MESSAGES 0 UIDNEXT 2 UIDVALIDITY {{[0-9]+}} UNSEEN 0)
# names and subscriptions of others' making, not of one's own
C1: a7 CREATE Neu/Unten
S1: a7 OK {{.*}}
S: * LIST (\HasChildren) "/" Neu
S: * LIST (\HasNoChildren) "/" Neu/Unten
C1: a8 SUBSCRIBE Neu/Unten
S1: a8 OK {{.*}}
S: * LIST (\Subscribed \HasNoChildren) "/" Neu/Unten
C1: a9 UNSUBSCRIBE Neu/Unten
S1: a9 OK {{.*}}
S: * LIST (\HasNoChildren) "/" Neu/Unten
C1: a10 SUBSCRIBE Neu
S1: a10 OK {{.*}}
S: * LIST (\Subscribed \HasChildren) "/" Neu
C1: a11 RENAME Neu Alt
S1: a11 OK {{.*}}
S: * LIST (\HasChildren) "/" Alt ("OLDNAME" (Neu))
S: * LIST (\HasNoChildren) "/" Alt/Unten ("OLDNAME" (Neu/Unten))
C1: a12 DELETE Alt/Unten
S1: a12 OK {{.*}}
S: * LIST (\Noselect \NonExistent) "/" Alt/Unten
C1: a13 SUBSCRIBE Alt
S1: a13 OK {{.*}}
S: * LIST (\Subscribed \HasNoChildren) "/" Alt
C1: a14 DELETE Alt
S1: a14 OK {{.*}}
S: * LIST (\Noselect \NonExistent \Subscribed) "/" Alt
C: a3 CREATE Eigen
S: a3 OK {{.*}}
C: a4 RENAME Eigen Eigener
S: a4 OK {{.*}}
C: a5 SUBSCRIBE Eigener
S: a5 OK {{.*}}
C: a6 DELETE Eigener
S: a6 OK {{.*}}
C: a7 NOOP
S: a7 OK Completed
# CONDSTORE adds the change number; NONE excludes; the first group that has mailbox and event decides
C: a8 ENABLE CONDSTORE
S: * ENABLED CONDSTORE
S: a8 OK {{.*}}
C: a9 NOTIFY SET (mailboxes INBOX NONE) (subtree Listen (MailboxName)) (personal (MessageNew MessageExpunge))
S: a9 OK NOTIFY completed
C1: a15 APPEND INBOX {6+}
C1: A: b
C1: 
S1: a15 OK {{.*}}
C1: a16 APPEND Listen {6+}
C1: A: b
C1: 
S1: * 1 EXISTS
S1: * 0 RECENT
S1: a16 OK {{.*}}
S: * STATUS Listen (MESSAGES 1 UIDNEXT 3 UIDVALIDITY {{[0-9]+}} HIGHESTMODSEQ {{[0-9]+}})
C1: a17 CREATE Listen/Mehr
S1: a17 OK {{.*}}
S: * LIST (\HasNoChildren) "/" Listen/Mehr
C1: a18 CREATE Anderes
S1: a18 OK {{.*}}
# NONE: nothing at all
C: a10 NOTIFY NONE
S: a10 OK NOTIFY completed
C1: a19 CREATE Listen/Noch
S1: a19 OK {{.*}}
C1: a20 APPEND Listen {6+}
C1: A: b
C1: 
S1: * 2 EXISTS
S1: * 0 RECENT
S1: a20 OK {{.*}}
C: a11 NOOP
S: a11 OK Completed
# IDLE goes on with what was asked for
C: a12 NOTIFY SET (subscribed (MessageNew MessageExpunge))
S: a12 OK NOTIFY completed
C: a13 IDLE
S: + idling
C1: a21 APPEND INBOX {6+}
C1: A: b
C1: 
S1: a21 OK {{.*}}
S: * STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY {{[0-9]+}} HIGHESTMODSEQ {{[0-9]+}})
C: DONE
S: a13 OK IDLE completed
C1: a22 APPEND INBOX {6+}
C1: A: b
C1: 
S1: a22 OK {{.*}}
S: * STATUS INBOX (MESSAGES 4 UIDNEXT 5 UIDVALIDITY {{[0-9]+}} HIGHESTMODSEQ {{[0-9]+}})
# core starts again: what was asked for is lost, and said to be
@restart
S: * OK [NOTIFICATIONOVERFLOW] {{.+}}
C: a14 NOOP
S: a14 OK Completed
C: a15 NOTIFY SET (inboxes (MessageNew MessageExpunge))
S: a15 OK NOTIFY completed
C1: a23 APPEND INBOX {6+}
C1: A: b
C1: 
S1: a23 OK {{.*}}
S: * STATUS INBOX (MESSAGES 5 UIDNEXT 6 UIDVALIDITY {{[0-9]+}} HIGHESTMODSEQ {{[0-9]+}})
