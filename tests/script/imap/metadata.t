# METADATA (RFC 5464) and LIST-METADATA (RFC 9590)
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} LIST-METADATA {{.*}} METADATA {{.*}}] Signed in
C: a1 SETMETADATA INBOX (/private/comment "Mein Kasten" /Shared/Comment {3+}
C: Ein)
S: a1 OK SETMETADATA completed
C: a2 GETMETADATA INBOX /private/comment
S: * METADATA INBOX (/private/comment "Mein Kasten")
S: a2 OK GETMETADATA completed
C: a3 GETMETADATA INBOX (/shared/comment /private/COMMENT /private/nichts)
S: * METADATA INBOX (/private/comment "Mein Kasten" /shared/comment "Ein")
S: a3 OK GETMETADATA completed
# replaced, removed, empty is not gone
C: a4 SETMETADATA INBOX (/private/comment NIL /shared/comment "")
S: a4 OK SETMETADATA completed
C: a5 GETMETADATA INBOX (/shared/comment /private/comment)
S: * METADATA INBOX (/shared/comment "")
S: a5 OK GETMETADATA completed
# DEPTH and MAXSIZE
C: a6 SETMETADATA INBOX (/private/v/a "1" /private/v/a/b "22" /private/v/a/b/c "333" /private/va "x")
S: a6 OK SETMETADATA completed
C: a7 GETMETADATA (DEPTH 0) INBOX /private/v
S: a7 OK GETMETADATA completed
C: a8 GETMETADATA (DEPTH 1) INBOX /private/v/a
S: * METADATA INBOX (/private/v/a "1" /private/v/a/b "22")
S: a8 OK GETMETADATA completed
C: a9 GETMETADATA (DEPTH infinity MAXSIZE 2) INBOX /private/v
S: * METADATA INBOX (/private/v/a "1" /private/v/a/b "22")
S: a9 OK [METADATA LONGENTRIES 3] GETMETADATA completed
C: aa GETMETADATA INBOX (DEPTH 1) (/private/v/a/b)
S: * METADATA INBOX (/private/v/a/b "22" /private/v/a/b/c "333")
S: aa OK GETMETADATA completed
# wrong names, places, sizes
C: b1 SETMETADATA INBOX (/other/x "1")
S: b1 BAD {{.+}}
C: b2 SETMETADATA INBOX (/private/x* "1")
S: b2 BAD {{.+}}
C: b3 SETMETADATA INBOX (/private//x "1")
S: b3 BAD {{.+}}
C: b4 SETMETADATA INBOX (/private/x/ "1")
S: b4 BAD {{.+}}
C: b5 SETMETADATA INBOX (/private/x)
S: b5 BAD {{.+}}
C: b6 SETMETADATA INBOX ()
S: b6 BAD {{.+}}
C: b7 GETMETADATA Nirgends /private/x
S: b7 NO [NONEXISTENT] No such mailbox
C: b8 GETMETADATA INBOX ()
S: b8 BAD {{.+}}
C: b9 GETMETADATA (DEPTH 2) INBOX /private/x
S: b9 BAD {{.+}}
C: ba SETMETADATA INBOX (/private/x {32769+}
C: <<32769 x>>)
S: ba NO [METADATA MAXSIZE 32768] The value is too long
# all or none
C: bb SETMETADATA INBOX (/private/neu "1" /private/x {32769+}
C: <<32769 x>>)
S: bb NO [METADATA MAXSIZE 32768] The value is too long
C: bc GETMETADATA INBOX /private/neu
S: bc OK GETMETADATA completed
# octets
C: bd SETMETADATA INBOX (/private/bin "Größe")
S: bd {{OK|BAD}} {{.*}}
# how many in one command, and in one place
C: bf SETMETADATA Archive (<<65 /private/n<# "x" >>/private/n "x")
S: bf NO [LIMIT] Too many entries
# bound: METADATA_ENTRIES_MAX
C: bg SETMETADATA Archive (<<63 /private/n<# "x" >>/private/n64 "x")
S: bg OK SETMETADATA completed
C: bh SETMETADATA Archive (<<35 /private/m<# "x" >>/private/m36 "x")
S: bh OK SETMETADATA completed
C: bi SETMETADATA Archive (/private/m36 "y" /private/zuviel "x")
S: bi NO [METADATA TOOMANY] Too many entries
C: bj GETMETADATA Archive /private/m36
S: * METADATA Archive (/private/m36 "x")
S: bj OK GETMETADATA completed
C: bk SETMETADATA Archive (/private/m36 NIL /private/statt "x")
S: bk OK SETMETADATA completed
# the server: private for all, shared for administrators
C: c1 SETMETADATA "" (/private/vendor/x "1")
S: c1 OK SETMETADATA completed
C: c2 SETMETADATA "" (/shared/comment "1")
S: c2 NO [NOPERM] Not permitted
C: c3 GETMETADATA "" (/private/vendor/x /shared/comment)
S: * METADATA "" (/private/vendor/x "1")
S: c3 OK GETMETADATA completed
# LIST
C: c4 LIST "" INBOX RETURN (METADATA (/private/v/a /private/none))
S: * LIST () "/" INBOX
S: * METADATA INBOX (/private/v/a "1" /private/none NIL)
S: c4 OK LIST completed
C: c5 LIST "" INBOX RETURN (METADATA)
S: c5 BAD {{.+}}
# others: private is one's own, shared is the owner's, "w" changes it
C: d1 SETACL INBOX ben@example.org lr
S: d1 OK {{.*}}
S1: * OK {{.*}} ready
C1: e0 LOGIN ben@example.org geheim-zwei
S1: e0 OK {{.*}}
C1: e1 GETMETADATA (DEPTH infinity) shared/anna@example.org/INBOX (/private /shared)
S1: e1 BAD {{.+}}
C1: e2 GETMETADATA shared/anna@example.org/INBOX (/private/v/a /shared/comment)
S1: * METADATA shared/anna@example.org/INBOX (/shared/comment "")
S1: e2 OK GETMETADATA completed
C1: e3 SETMETADATA shared/anna@example.org/INBOX (/shared/comment "Ben")
S1: e3 NO [NOPERM] Not allowed in this mailbox
C1: e4 SETMETADATA shared/anna@example.org/INBOX (/private/comment "Annas")
S1: e4 OK SETMETADATA completed
C1: e5 GETMETADATA shared/anna@example.org/INBOX /private/comment
S1: * METADATA shared/anna@example.org/INBOX (/private/comment "Annas")
S1: e5 OK GETMETADATA completed
C1: e6 GETMETADATA shared/anna@example.org/Entw /private/comment
S1: e6 NO [NONEXISTENT] No such mailbox
C: d2 GETMETADATA INBOX /private/comment
S: d2 OK GETMETADATA completed
C: d3 DELETEACL INBOX ben@example.org
S: d3 OK {{.*}}
C1: e7 GETMETADATA shared/anna@example.org/INBOX /private/comment
S1: e7 NO [NONEXISTENT] No such mailbox
# goes with its mailbox
C: f1 CREATE Kurz
S: f1 OK {{.*}}
C: f2 SETMETADATA Kurz (/private/comment "da")
S: f2 OK SETMETADATA completed
C: f3 RENAME Kurz Lang
S: f3 OK {{.*}}
C: f4 GETMETADATA Lang /private/comment
S: * METADATA Lang (/private/comment "da")
S: f4 OK GETMETADATA completed
C: f5 DELETE Lang
S: f5 OK {{.*}}
C: f6 CREATE Lang
S: f6 OK {{.*}}
C: f7 GETMETADATA Lang /private/comment
S: f7 OK GETMETADATA completed
