# Scripts for what happens in IMAP (RFC 6785); anna's scripts are in house.c
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} IMAPSIEVE=sieve://mail.example.org {{.*}}] Signed in
# nothing is said: nothing happens
C: a1 APPEND INBOX {18+}
C: Subject: first
C: 
C: 
S: a1 OK [APPENDUID {{[0-9]+}} 1] APPEND completed
C: a2 SELECT INBOX
S: ...
S: a2 OK [READ-WRITE] {{.*}}
C: a3 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS ())
S: a3 OK FETCH completed
# the mailbox has a script: APPEND, COPY, STORE; the script has run when the answer comes
C: b1 SETMETADATA INBOX (/shared/imapsieve/script "marks")
S: b1 OK SETMETADATA completed
C: b2 APPEND INBOX (\Seen) {19+}
C: Subject: second
C: 
C: 
S: * 2 EXISTS
S: * 0 RECENT
S: b2 OK [APPENDUID {{[0-9]+}} 2] APPEND completed
C: b3 STORE 1 +FLAGS (\Flagged)
S: ...
S: b3 OK STORE completed
C: b4 FETCH 1:2 FLAGS
S: * 1 FETCH (FLAGS (\Flagged $Star))
S: * 2 FETCH (FLAGS (\Seen $New))
S: b4 OK FETCH completed
C: b5 STORE 1 -FLAGS (\Flagged)
S: ...
S: b5 OK STORE completed
C: b6 FETCH 1 FLAGS
S: * 1 FETCH (FLAGS ())
S: b6 OK FETCH completed
# a flag that was there already has not changed
C: b7 STORE 2 +FLAGS.SILENT (\Seen)
S: b7 OK STORE completed
C: b8 COPY 1 Archive
S: b8 OK [COPYUID {{.*}} 1 1] COPY completed
C: b9 COPY 1 INBOX
S: * 3 EXISTS
S: * 0 RECENT
S: b9 OK [COPYUID {{.*}} 1 3] COPY completed
C: ba FETCH 3 FLAGS
S: * 3 FETCH (FLAGS ($New))
S: ba OK FETCH completed
# fileinto, discard: a copy, and \Deleted unless the message is kept
C: c1 SETMETADATA INBOX (/shared/imapsieve/script "files")
S: c1 OK SETMETADATA completed
C: c2 APPEND INBOX {17+}
C: Subject: copy
C: 
C: 
S: * 4 EXISTS
S: ...
S: c2 OK {{.*}}
C: c3 APPEND INBOX (\Flagged) {17+}
C: Subject: file
C: 
C: 
S: * 5 EXISTS
S: * 0 RECENT
S: c3 OK {{.*}}
C: c4 APPEND INBOX (\Flagged) {20+}
C: Subject: nowhere
C: 
C: 
S: * 6 EXISTS
S: ...
S: c4 OK {{.*}}
C: c5 APPEND INBOX {17+}
C: Subject: self
C: 
C: 
S: * 7 EXISTS
S: ...
S: c5 OK {{.*}}
C: c6 APPEND INBOX {17+}
C: Subject: gone
C: 
C: 
S: * 8 EXISTS
S: * 0 RECENT
S: c6 OK {{.*}}
C: c7 FETCH 4:8 FLAGS
S: * 4 FETCH (FLAGS ())
S: * 5 FETCH (FLAGS (\Flagged \Deleted))
S: * 6 FETCH (FLAGS (\Flagged))
S: * 7 FETCH (FLAGS ())
S: * 8 FETCH (FLAGS (\Deleted))
S: c7 OK FETCH completed
C: c8 STATUS Archive (MESSAGES)
S: * STATUS Archive (MESSAGES 3)
S: c8 OK Completed
# for all mailboxes; a mailbox's own word counts first, an empty one means none
C: d1 SETMETADATA "" (/private/imapsieve/script "says")
S: d1 OK SETMETADATA completed
C: d2 SETMETADATA INBOX (/shared/imapsieve/script NIL)
S: d2 OK SETMETADATA completed
C: d3 APPEND INBOX {6+}
C: A: b
C: 
S: * 9 EXISTS
S: * 0 RECENT
S: d3 OK {{.*}}
C: d4 MOVE 9 INBOX
S: ...
S: d4 OK MOVE completed
C: d5 FETCH 9 FLAGS
S: ...
S: * 9 FETCH (FLAGS ($At-INBOX $By-APPEND $By-COPY))
S: d5 OK FETCH completed
C: d6 SETMETADATA INBOX (/shared/imapsieve/script "")
S: d6 OK SETMETADATA completed
C: d7 STORE 9 FLAGS.SILENT ()
S: ...
S: d7 OK STORE completed
C: d8 APPEND INBOX {6+}
C: A: b
C: 
S: * 10 EXISTS
S: * 0 RECENT
S: d8 OK {{.*}}
C: d9 FETCH 9:10 FLAGS
S: * 9 FETCH (FLAGS ())
S: * 10 FETCH (FLAGS ())
S: d9 OK FETCH completed
# reading sets \Seen: that is a change of flags, too
C: da SETMETADATA INBOX (/shared/imapsieve/script "says")
S: da OK SETMETADATA completed
C: db FETCH 10 BODY[]
S: ...
S: db OK FETCH completed
C: dc FETCH 10 FLAGS
S: ...
S: * 10 FETCH (FLAGS (\Seen $At-INBOX $By-FLAG))
S: dc OK FETCH completed
# what is no answer to an event fails when it runs, and nothing has happened; a script that is not there: nothing, too
C: e1 SETMETADATA INBOX (/shared/imapsieve/script "rejects")
S: e1 OK SETMETADATA completed
C: e2 STORE 9 +FLAGS.SILENT (\Answered)
S: e2 OK STORE completed
C: e3 SETMETADATA INBOX (/shared/imapsieve/script "answers")
S: e3 OK SETMETADATA completed
C: e4 STORE 9 +FLAGS.SILENT (\Draft)
S: e4 OK STORE completed
C: e5 SETMETADATA INBOX (/shared/imapsieve/script "asks")
S: e5 OK SETMETADATA completed
C: e6 STORE 9 +FLAGS.SILENT (\Seen)
S: e6 OK STORE completed
C: e7 SETMETADATA INBOX (/shared/imapsieve/script "Not there")
S: e7 OK SETMETADATA completed
C: e8 STORE 9 +FLAGS.SILENT (\Flagged)
S: e8 OK STORE completed
C: e9 SETMETADATA INBOX (/shared/imapsieve/script "endless")
S: e9 OK SETMETADATA completed
C: ea STORE 9 -FLAGS.SILENT (\Flagged)
S: ea OK STORE completed
C: eb FETCH 9 FLAGS
S: * 9 FETCH (FLAGS (\Seen \Answered \Draft))
S: eb OK FETCH completed
# to somebody here, at once
C: f1 SETMETADATA INBOX (/shared/imapsieve/script "sends")
S: f1 OK SETMETADATA completed
C: f2 APPEND INBOX {19+}
C: Subject: to-ben
C: 
C: 
S: ...
S: f2 OK {{.*}}
C: f3 LOGOUT
S: ...
S: f3 OK {{.*}}
