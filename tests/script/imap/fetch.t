# FETCH: every item, sections, partials, \Seen, BINARY, CHANGEDSINCE, VANISHED, MORE
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 APPEND INBOX {454+}
C: Date: Mon, 23 Nov 2026 20:36:35 +0100
C: From: =?utf-8?Q?Eva_M=C3=BCller?= <eva@example.org>
C: To: anna@example.org
C: Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
C: Message-ID: <1@example.org>
C: MIME-Version: 1.0
C: Content-Type: multipart/mixed; boundary=x
C: 
C: --x
C: Content-Type: text/plain; charset=utf-8
C: Content-Transfer-Encoding: quoted-printable
C: 
C: Sch=C3=B6ne Worte
C: --x
C: Content-Type: application/octet-stream
C: Content-Transfer-Encoding: base64
C: 
C: SGFsbG8=
C: --x--
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: a3 FETCH 1 (UID FLAGS RFC822.SIZE EMAILID THREADID)
S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 454 EMAILID (M{{[0-9]+}}) THREADID NIL)
S: a3 OK FETCH completed
C: a4 FETCH 1 ENVELOPE
S: * 1 FETCH (ENVELOPE ("Mon, 23 Nov 2026 20:36:35 +0100" {{.*}} (("=?{{.*}}" NIL "eva" "example.org")) {{.*}} NIL NIL NIL "<1@example.org>"))
S: a4 OK FETCH completed
C: a5 FETCH 1 BODY
S: * 1 FETCH (BODY (("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" {{[0-9]+ [0-9]+}})("application" "octet-stream" NIL NIL NIL "base64" {{[0-9]+}}) "mixed"))
S: a5 OK FETCH completed
C: a6 FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]
S: * 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {40}
S: Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
S: 
S: )
S: a6 OK FETCH completed
C: a7 FETCH 1 BODY.PEEK[1]<0.4>
S: * 1 FETCH (BODY[1]<0> {4}
S: Sch=)
S: a7 OK FETCH completed
C: a8 FETCH 1 (BINARY.PEEK[2] BINARY.SIZE[2])
S: * 1 FETCH (BINARY[2] {5}
S: Hallo BINARY.SIZE[2] 5)
S: a8 OK FETCH completed
C: a9 FETCH 1 BODY.PEEK[2.MIME]
S: * 1 FETCH (BODY[2.MIME] {{.*}}
S: ...
S: )
S: a9 OK FETCH completed
C: b1 FETCH 1 BODY[7]
S: * 1 FETCH (BODY[7] NIL)
S: * 1 FETCH (FLAGS (\Seen))
S: b1 OK FETCH completed
C: b2 FETCH 2 FLAGS
S: b2 BAD {{.+}}
C: b3 FETCH 1 NONSENSE
S: b3 BAD {{.+}}
C: b4 FETCH 1 PREVIEW
S: * 1 FETCH (PREVIEW {13}
S: Schöne Worte)
S: b4 OK FETCH completed
C: b5 UID FETCH 1:* (FLAGS)
S: * 1 FETCH (UID 1 FLAGS (\Seen))
S: b5 OK FETCH completed
C: b6 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)
S: * OK [HIGHESTMODSEQ {{[0-9]+}}] {{.*}}
S: * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ ({{[0-9]+}}))
S: b6 OK FETCH completed
C: b7 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 9999999 VANISHED)
S: b7 BAD {{.+}}
C: b8 UID FETCH 77 (FLAGS)
S: b8 OK FETCH completed
C: b9 FETCH $ FLAGS
S: b9 OK FETCH completed
# replies beyond a MiB are cut and continued
C: c1 APPEND INBOX {1500008+}
C: A: b
C: 
C: <<150000 0123456789>>
S: * 2 EXISTS
S: * 0 RECENT
S: c1 OK {{.*}}
C: c2 UID COPY 2 INBOX
S: * 3 EXISTS
S: * 0 RECENT
S: c2 OK {{.*}}
C: c3 FETCH 1:3 (UID BODY.PEEK[TEXT])
S: ...
S: * 2 FETCH (UID 2 BODY[TEXT] {1500000}
S: <<150000 0123456789>>)
S: * 3 FETCH (UID 3 BODY[TEXT] {1500000}
S: <<150000 0123456789>>)
S: c3 OK FETCH completed
# large parts of one message in one answer, a descriptor each
# bound: IMAP_SEGMENTS_MAX
C: c3a FETCH 2 (<<7 BODY.PEEK[TEXT] >>BODY.PEEK[TEXT])
S: * 2 FETCH (BODY[TEXT] {1500000}
@times 7
S: <<150000 0123456789>> BODY[TEXT] {1500000}
S: <<150000 0123456789>>)
S: c3a OK FETCH completed
C: c3b FETCH 2 (<<8 BODY.PEEK[TEXT] >>BODY.PEEK[TEXT])
S: c3b NO [LIMIT] Too many large parts of one message at once
C: c4 FETCH 1 FAST
S: * 1 FETCH (FLAGS (\Seen) INTERNALDATE "{{.*}}" RFC822.SIZE 454)
S: c4 OK FETCH completed
C: c5 FETCH 1 (FLAGS
S: c5 BAD {{.+}}
