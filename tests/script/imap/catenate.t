# CATENATE (RFC 4469) in APPEND and REPLACE: texts and parts of messages; BADURL; other people's mail stays theirs
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} CATENATE {{.*}}] Signed in
C: a1 APPEND INBOX {33+}
C: Subject: eins
C: X: y
C: 
C: Hallo Welt
S: a1 OK [APPENDUID {{[0-9]+}} 1] APPEND completed
C: a2 APPEND Drafts (\Draft) CATENATE (URL "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)" TEXT {4+}
C: neu  URL /inbox/;UID=1/;SECTION=TEXT/;PARTIAL=5.5)
S: a2 OK [APPENDUID {{[0-9]+}} 1] APPEND completed
C: a3 SELECT Drafts
S: ...
S: a3 OK {{.*}}
C: a4 FETCH 1 (FLAGS BODY.PEEK[])
S: * 1 FETCH (FLAGS (\Draft) BODY[] {{.*}}
S: Subject: eins
S: 
S: neu  Welt)
S: a4 OK FETCH completed
# the selected mailbox needs no name; REPLACE takes what it removes
C: a5 UID REPLACE 1 Drafts CATENATE (URL ";UID=1" TEXT {2+}
C: !  URL ";uid=1/;section=TEXT")
S: * OK [APPENDUID {{[0-9]+}} 2] {{.+}}
S: * 1 EXPUNGE
S: * 1 EXISTS
S: * 0 RECENT
S: a5 OK REPLACE completed
# nothing is stored when one part is not there
C: b1 APPEND Drafts CATENATE (TEXT {2+}
C: ab URL "/INBOX/;UID=9")
S: b1 NO [BADURL "/INBOX/;UID=9"] {{.+}}
C: b2 APPEND Drafts CATENATE (URL "/INBOX;UIDVALIDITY=1/;UID=1")
S: b2 NO [BADURL "/INBOX;UIDVALIDITY=1/;UID=1"] {{.+}}
C: b3 APPEND Drafts CATENATE (URL "/INBOX/;UID=1/;SECTION=7")
S: b3 NO [BADURL {{.+}}
C: b4 APPEND Drafts CATENATE (URL "imap://else.example/INBOX/;UID=1")
S: b4 NO [BADURL {{.+}}
C: b5 APPEND Drafts CATENATE (URL "/shared%2Fben%40example.org/INBOX/;UID=1")
S: b5 NO [BADURL {{.+}}
C: b6 APPEND Drafts CATENATE (URL "/INBOX] OK/;UID=1")
S: b6 NO [BADURL ""] {{.+}}
C: b7 APPEND Drafts CATENATE ()
S: b7 BAD {{.+}}
C: b8 APPEND Drafts CATENATE (TEXT atom)
S: b8 BAD {{.+}}
C: b9 APPEND Drafts CATENATE (FILE x)
S: b9 BAD {{.+}}
C: c1 STATUS Drafts (MESSAGES)
S: * STATUS Drafts (MESSAGES 1)
S: c1 OK Completed
# the sum is bounded: 64 MiB out of 64 times the same, one octet more, and how many parts
C: d1 APPEND INBOX {1048576+}
C: Subject: gross
C: 
C: <<1048557 x>>
S: d1 OK [APPENDUID {{[0-9]+}} 2] APPEND completed
C: d2 APPEND Drafts CATENATE (<<63 URL "/INBOX/;UID=2" >>URL "/INBOX/;UID=2")
S: ...
S: d2 OK {{.*}}
C: d3 APPEND Drafts CATENATE (<<64 URL "/INBOX/;UID=2" >>TEXT {1+}
C: x)
S: d3 NO [TOOBIG] The message would be larger than 64 MiB
C: d4 APPEND Drafts CATENATE (<<255 URL "/INBOX/;UID=1" >>URL "/INBOX/;UID=1")
S: ...
S: d4 OK {{.*}}
C: d5 APPEND Drafts CATENATE (<<256 URL "/INBOX/;UID=1" >>URL "/INBOX/;UID=1")
S: d5 NO [LIMIT] Too many parts
