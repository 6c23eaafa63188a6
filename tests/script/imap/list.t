# LIST basic and extended, LIST-STATUS, SPECIAL-USE, RECURSIVEMATCH, STATUS
S: * OK {{.*}} ready
C: a0 LOGIN ben@example.org geheim-zwei
S: a0 OK {{.*}}
C: a1 LIST "" ""
S: * LIST (\Noselect) "/" ""
S: a1 OK LIST completed
C: a2 LIST "" INBOX
S: * LIST (\HasNoChildren) "/" INBOX
S: a2 OK LIST completed
C: a3 LIST (SPECIAL-USE) "" "*"
S: * LIST (\Archive) "/" Archive
S: * LIST (\Drafts) "/" Drafts
S: * LIST (\Junk) "/" Junk
S: * LIST (\Sent) "/" Sent
S: * LIST (\Trash) "/" Trash
S: a3 OK LIST completed
C: a4 CREATE A/B
S: a4 OK {{.*}}
C: a5 SUBSCRIBE A/B
S: a5 OK Completed
C: a5a UNSUBSCRIBE A
S: a5a OK Completed
C: a6 LIST (SUBSCRIBED RECURSIVEMATCH) "" "A"
S: * LIST () "/" A ("CHILDINFO" ("SUBSCRIBED"))
S: a6 OK LIST completed
C: a7 LIST (RECURSIVEMATCH) "" "*"
S: a7 BAD {{.+}}
C: a8 LIST "" ("A" "INBOX") RETURN (CHILDREN STATUS (MESSAGES UIDNEXT))
S: * LIST (\HasNoChildren) "/" INBOX
S: * STATUS INBOX (MESSAGES 0 UIDNEXT 1)
S: * LIST (\HasChildren) "/" A
S: * STATUS A (MESSAGES 0 UIDNEXT 1)
S: a8 OK LIST completed
C: a9 LIST "" % RETURN (FOO)
S: a9 BAD Unknown return option
C: b1 LSUB "" "%"
S: ...
S: * LSUB (\Noselect) "/" A
S: ...
S: b1 OK LSUB completed
C: b2 STATUS A (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID)
S: * STATUS A (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {{[0-9]+}} UNSEEN 0 DELETED 0 SIZE 0 HIGHESTMODSEQ {{[0-9]+}} RECENT 0 MAILBOXID (F{{[0-9]+}}))
S: b2 OK Completed
C: b3 STATUS A (NONSENSE)
S: b3 BAD {{.+}}
C: b4 STATUS Nirgends (MESSAGES)
S: b4 NO [NONEXISTENT] {{.+}}
