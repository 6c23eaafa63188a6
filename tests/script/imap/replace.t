# REPLACE and UID REPLACE (RFC 8508): one message for another, both or neither; TRYCREATE, quota, read-only, bad sets
S: * OK {{.*}} ready
C: a0 LOGIN last@example.org geheim-drei
S: a0 OK [CAPABILITY {{.*}} REPLACE {{.*}}] Signed in
C: a1 APPEND INBOX (\Seen) {6+}
C: A: b
C:  {30000+}
C: <<30000 x>>
S: a1 OK [APPENDUID {{[0-9]+}} 1:2] APPEND completed
C: a2 REPLACE 1 INBOX {6+}
C: C: d
C: 
S: a2 BAD No mailbox is selected
C: a3 SELECT INBOX
S: ...
S: a3 OK {{.*}}
C: a4 REPLACE 1 INBOX (\Draft) " 7-Feb-1994 21:52:25 -0800" {6+}
C: C: d
C: 
S: * OK [APPENDUID {{[0-9]+}} 3] {{.+}}
S: * 1 EXPUNGE
S: * 2 EXISTS
S: * 0 RECENT
S: a4 OK REPLACE completed
C: a5 FETCH 1:* (UID FLAGS BODY.PEEK[HEADER])
S: * 1 FETCH (UID 2 FLAGS () BODY[HEADER] {{.*}}
S: ...
S: * 2 FETCH (UID 3 FLAGS (\Draft) BODY[HEADER] {{.*}}
S: C: d
S: )
S: a5 OK FETCH completed
# the quota of 40 KiB has room for the new one only when the old one goes
C: a6 UID REPLACE 2 INBOX {30000+}
C: <<30000 y>>
S: * OK [APPENDUID {{[0-9]+}} 4] {{.+}}
S: * 1 EXPUNGE
S: * 2 EXISTS
S: * 0 RECENT
S: a6 OK REPLACE completed
# too large: nothing goes
C: a7 UID REPLACE 3 INBOX {30000+}
C: <<30000 z>>
S: a7 NO [OVERQUOTA] {{.+}}
C: a8 UID REPLACE 3 Nirgends {6+}
C: E: f
C: 
S: a8 NO [TRYCREATE] {{.+}}
C: a9 UID SEARCH ALL
S: * SEARCH 3 4
S: a9 OK SEARCH completed
# the message goes from here, the new one comes there; bodies of any size
C: b1 UID REPLACE 4 Drafts (\Seen \Draft) {35000+}
C: <<35000 w>>
S: * OK [APPENDUID {{[0-9]+}} 1] {{.+}}
S: * 2 EXPUNGE
S: b1 OK REPLACE completed
C: b2 STATUS Drafts (MESSAGES UNSEEN SIZE)
S: * STATUS Drafts (MESSAGES 1 UNSEEN 0 SIZE 35000)
S: b2 OK Completed
# one message and no other
C: b3 UID REPLACE 4 INBOX {6+}
C: E: f
C: 
S: b3 NO [NONEXISTENT] {{.+}}
C: b4 REPLACE 7 INBOX {6+}
C: E: f
C: 
S: b4 BAD {{.+}}
C: b5 REPLACE 1:1 INBOX {6+}
C: E: f
C: 
S: b5 BAD {{.+}}
C: b6 REPLACE $ INBOX {6+}
C: E: f
C: 
S: b6 BAD {{.+}}
C: b7 REPLACE 1 INBOX {6+}
C: E: f
C:  {6+}
C: G: h
C: 
S: b7 BAD REPLACE takes one message
C: b8 REPLACE 1 INBOX
S: b8 BAD {{.+}}
C: b9 EXAMINE INBOX
S: ...
S: b9 OK [READ-ONLY] EXAMINE completed
C: c1 REPLACE * INBOX {6+}
C: E: f
C: 
S: c1 NO [NOPERM] {{.+}}
C: c2 UID SEARCH ALL
S: * SEARCH 3
S: c2 OK SEARCH completed
# VANISHED for who has QRESYNC
C: c3 ENABLE QRESYNC
S: * ENABLED QRESYNC
S: ...
S: c3 OK Completed
C: c4 SELECT INBOX
S: ...
S: c4 OK [READ-WRITE] SELECT completed
C: c5 REPLACE * INBOX {6+}
C: E: f
C: 
S: * OK [APPENDUID {{[0-9]+}} 5] {{.+}}
S: * VANISHED 3
S: * 1 EXISTS
S: * 0 RECENT
S: c5 OK REPLACE completed
