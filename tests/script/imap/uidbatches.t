# UIDBATCHES (RFC 10022): ranges from the newest message down to UID 1; limits
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} UIDBATCHES {{.*}}] Signed in
C: a1 UIDBATCHES 500
S: a1 BAD No mailbox is selected
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: a3 UIDBATCHES 500
S: * UIDBATCHES (TAG "a3")
S: a3 OK UIDBATCHES completed
C: b1 APPEND INBOX {6+}
C: A: b
C:  {6+}
C: A: b
C:  {6+}
C: A: b
C: 
S: ...
S: b1 OK {{.*}}
C: b2 UID STORE 1,3 +FLAGS.SILENT (\Deleted)
S: b2 OK STORE completed
C: b3 UID EXPUNGE 1
S: * 1 EXPUNGE
S: b3 OK EXPUNGE completed
C: b4 UIDBATCHES 500
S: * UIDBATCHES (TAG "b4") 3:1
S: b4 OK UIDBATCHES completed
C: b5 UIDBATCHES 2000 1:50
S: * UIDBATCHES (TAG "b5") 3:1
S: b5 OK UIDBATCHES completed
C: b6 UIDBATCHES 2000 2:3
S: * UIDBATCHES (TAG "b6")
S: b6 OK UIDBATCHES completed
C: c1 UIDBATCHES 499
S: c1 NO [TOOFEW] {{.+}}
C: c2 UIDBATCHES 2000 1:51
S: c2 NO [TOOMANY] {{.+}}
C: c3 UIDBATCHES 500 3:2
S: c3 BAD [CLIENTBUG] {{.+}}
C: c4 UIDBATCHES 500 3
S: c4 BAD {{.+}}
C: c5 UIDBATCHES
S: c5 BAD {{.+}}
C: c6 UIDBATCHES 0
S: c6 BAD {{.+}}
C: c7 UIDBATCHES 500 1:2 x
S: c7 BAD {{.+}}
C: c8 UIDBATCHES 500 1:2:3
S: c8 BAD {{.+}}
