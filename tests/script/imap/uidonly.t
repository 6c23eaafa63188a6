# UIDONLY (RFC 9586): no message numbers in either direction once it is enabled
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} UIDONLY {{.*}}] Signed in
C: a1 APPEND INBOX {6+}
C: A: b
C:  {6+}
C: C: d
C:  {6+}
C: E: f
C: 
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: a3 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS ())
S: a3 OK FETCH completed
C: a4 ENABLE UIDONLY
S: * ENABLED UIDONLY
S: a4 OK Completed
C: a5 FETCH 1 FLAGS
S: a5 BAD [UIDREQUIRED] {{.+}}
C: a6 STORE 1 +FLAGS (\Seen)
S: a6 BAD [UIDREQUIRED] {{.+}}
C: a7 SEARCH ALL
S: a7 BAD [UIDREQUIRED] {{.+}}
C: a8 COPY 1 Trash
S: a8 BAD [UIDREQUIRED] {{.+}}
C: a9 MOVE 1 Trash
S: a9 BAD [UIDREQUIRED] {{.+}}
C: b1 SORT (DATE) UTF-8 ALL
S: b1 BAD [UIDREQUIRED] {{.+}}
C: b2 THREAD REFS UTF-8 ALL
S: b2 BAD [UIDREQUIRED] {{.+}}
C: b3 REPLACE 1 INBOX {6+}
C: A: b
C: 
S: b3 BAD [UIDREQUIRED] {{.+}}
C: b4 UID SEARCH OR FLAGGED NOT 1:2
S: b4 BAD [UIDREQUIRED] {{.+}}
C: b5 UID SEARCH UID 1:2
S: * SEARCH 1 2
S: b5 OK SEARCH completed
C: b6 UID FETCH 1:2 (FLAGS)
S: * 1 UIDFETCH (FLAGS ())
S: * 2 UIDFETCH (FLAGS ())
S: b6 OK FETCH completed
C: b7 UID FETCH 3 (UID)
S: * 3 UIDFETCH (UID 3)
S: b7 OK FETCH completed
C: b8 UID STORE 2 +FLAGS (\Deleted)
S: * 2 UIDFETCH (FLAGS (\Deleted))
S: b8 OK STORE completed
# what others do comes by UID too
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
C1: a1 SELECT INBOX
S1: ...
S1: a1 OK {{.*}}
C1: a2 STORE 3 +FLAGS (\Flagged)
S1: * 3 FETCH (FLAGS (\Flagged))
S1: a2 OK STORE completed
C1: a3 EXPUNGE
S1: * 2 EXPUNGE
S1: a3 OK EXPUNGE completed
C: b9 NOOP
S: * VANISHED 2
S: * 3 UIDFETCH (FLAGS (\Flagged))
S: b9 OK Completed
C: c1 UID MOVE 1 Trash
S: * OK [COPYUID {{[0-9]+}} 1 1] Moved
S: * VANISHED 1
S: c1 OK MOVE completed
C: c2 ENABLE QRESYNC
S: * ENABLED QRESYNC
S: ...
S: c2 OK Completed
C: c3 SELECT INBOX (QRESYNC (1 1 1:3 (1:2 1:2)))
S: c3 BAD [UIDREQUIRED] {{.+}}
