# MESSAGELIMIT (RFC 9738): what is too much is done for the newest messages, and said
@messagelimit 3
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.* MESSAGELIMIT=3 .*}}] Signed in
C: a1 APPEND INBOX {12+}
C: Subject: 1
C:  {12+}
C: Subject: 2
C:  {12+}
C: Subject: 3
C:  {10+}
C: Subject: 4
S: a1 NO [MESSAGELIMIT 3] Too many messages at once
X: <<7 b APPEND INBOX {10+}\r\nSubject: x\r\n>>
@times 7
S: b OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: * 7 EXISTS
S: ...
S: a2 OK {{.*}}
C: a3 UID STORE 3 +FLAGS.SILENT (\Deleted)
S: a3 OK STORE completed
C: a4 EXPUNGE
S: * 3 EXPUNGE
S: a4 OK EXPUNGE completed
C: c1 FETCH 1:* (UID)
S: * 4 FETCH (UID 5)
S: * 5 FETCH (UID 6)
S: * 6 FETCH (UID 7)
S: c1 OK [MESSAGELIMIT 3 5] FETCH completed
C: c2 UID FETCH 1:4 (UID)
S: * 1 FETCH (UID 1)
S: * 2 FETCH (UID 2)
S: * 3 FETCH (UID 4)
S: c2 OK FETCH completed
C: c3 UID FETCH 1:* (UID) (PARTIAL -1:-4)
S: c3 NO [MESSAGELIMIT 3] Too many messages at a time
C: c4 UID FETCH 1:* (UID) (PARTIAL 1:3)
S: * 1 FETCH (UID 1)
S: * 2 FETCH (UID 2)
S: * 3 FETCH (UID 4)
S: c4 OK FETCH completed
# those looked at count, not those found
C: d1 UID SEARCH NOT UID 6
S: * SEARCH 5 7
S: d1 OK [MESSAGELIMIT 3 5] SEARCH completed
C: d2 UID SEARCH UIDBEFORE 5
S: * SEARCH 1 2 4
S: d2 OK SEARCH completed
C: d3 UID SEARCH UIDAFTER 1 UIDBEFORE 6
S: * SEARCH 2 4 5
S: d3 OK SEARCH completed
C: d4 SEARCH UIDAFTER 7 UIDBEFORE 1
S: * SEARCH
S: d4 OK SEARCH completed
C: d5 SEARCH RETURN (SAVE COUNT) ALL
S: * ESEARCH (TAG "d5") COUNT 3
S: d5 OK [MESSAGELIMIT 3 5] SEARCH completed
C: d6 UID SEARCH $
S: * SEARCH 5 6 7
S: d6 OK SEARCH completed
C: d7 SORT (ARRIVAL) UTF-8 ALL
S: d7 NO [MESSAGELIMIT 3] Too many messages to put in order
C: d8 THREAD REFERENCES UTF-8 ALL
S: d8 NO [MESSAGELIMIT 3] Too many messages to put in order
C: d9 UID SORT (REVERSE SUBJECT) UTF-8 UIDBEFORE 5
S: * SORT 1 2 4
S: d9 OK SORT completed
# all or none
C: e1 COPY 1:* Archive
S: e1 NO [MESSAGELIMIT 3 5] Too many messages, please take fewer at a time
C: e2 UID COPY 1:4 Archive
S: e2 OK [COPYUID {{.*}}] COPY completed
# the newest, and again for the rest
C: f1 STORE 1:* +FLAGS (\Flagged)
S: * 4 FETCH (FLAGS (\Flagged))
S: * 5 FETCH (FLAGS (\Flagged))
S: * 6 FETCH (FLAGS (\Flagged))
S: f1 OK [MESSAGELIMIT 3 5] STORE completed
C: f2 UID STORE 1:4 +FLAGS.SILENT (\Deleted)
S: f2 OK STORE completed
C: f3 STORE 4 +FLAGS.SILENT (\Deleted)
S: f3 OK STORE completed
C: g1 UID EXPUNGE 1:*
S: * 4 EXPUNGE
S: * 3 EXPUNGE
S: * 2 EXPUNGE
S: g1 OK [MESSAGELIMIT 3 2] EXPUNGE completed
C: g2 UID EXPUNGE 1:*
S: * 1 EXPUNGE
S: g2 OK EXPUNGE completed
C: g3 SELECT Archive
S: ...
S: g3 OK {{.*}}
X: b APPEND Archive {10+}\r\nSubject: x\r\n
S: * 4 EXISTS
S: * 0 RECENT
S: b OK {{.*}}
C: h1 MOVE 1:* Trash
S: * OK [COPYUID {{[0-9]+}} 2:4 1:3] Moved
S: * 4 EXPUNGE
S: * 3 EXPUNGE
S: * 2 EXPUNGE
S: h1 OK [MESSAGELIMIT 3 2] MOVE completed
C: h2 MOVE 1:* Trash
S: * OK [COPYUID {{[0-9]+}} 1 4] Moved
S: * 1 EXPUNGE
S: h2 OK MOVE completed
# two codes: this one stands by itself
C: i1 SELECT Trash (CONDSTORE)
S: ...
S: i1 OK {{.*}}
C: i2 STORE 1:* +FLAGS.SILENT (\Deleted)
S: * 2 FETCH (MODSEQ ({{[0-9]+}}))
S: * 3 FETCH (MODSEQ ({{[0-9]+}}))
S: * 4 FETCH (MODSEQ ({{[0-9]+}}))
S: i2 OK [MESSAGELIMIT 3 2] STORE completed
C: i3 UID STORE 1 +FLAGS.SILENT (\Deleted)
S: * 1 FETCH (UID 1 MODSEQ ({{[0-9]+}}))
S: i3 OK STORE completed
C: i4 UID EXPUNGE 1:*
S: * 4 EXPUNGE
S: * 3 EXPUNGE
S: * 2 EXPUNGE
S: * NO [MESSAGELIMIT 3 2] Only the newest of these messages were taken
S: i4 OK [HIGHESTMODSEQ {{[0-9]+}}] EXPUNGE completed
X: <<4 b APPEND Trash {10+}\r\nSubject: x\r\n>>
@times 12
S: {{.*}}
S1: * OK {{.*}} ready
C1: a1 LOGIN anna@example.org geheim-eins
S1: ...
S1: a1 OK {{.*}}
C1: a2 SELECT Trash
S1: ...
S1: a2 OK {{.*}}
C1: a3 UID STORE 7 +FLAGS.SILENT (\Deleted)
S1: a3 OK STORE completed
C1: a4 UID EXPUNGE 7
S1: * 4 EXPUNGE
S1: a4 OK EXPUNGE completed
C: j1 FETCH 1:* (UID)
S: ...
S: * NO [MESSAGELIMIT 3 6] Only the newest of these messages were taken
S: j1 NO [EXPUNGEISSUED] Some messages are gone
