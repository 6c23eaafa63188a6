# ACL (RFC 4314): one's own mailboxes shared with others
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} ACL LIST-METADATA LIST-MYRIGHTS METADATA RIGHTS=texk {{.*}}] Signed in
C: a1 CREATE Projekte
S: a1 OK {{.*}}
C: a2 APPEND Projekte {6+}
C: A: b
C: 
S: a2 OK {{.*}}
C: a3 MYRIGHTS Projekte
S: * MYRIGHTS Projekte lrswipkxteacd
S: a3 OK MYRIGHTS completed
C: a4 GETACL Projekte
S: * ACL Projekte "anna@example.org" lrswipkxteacd
S: a4 OK GETACL completed
C: a5 LISTRIGHTS Projekte ben@example.org
S: * LISTRIGHTS Projekte "ben@example.org" "" l r s w i p k x t e a c d
S: a5 OK LISTRIGHTS completed
C: a6 LISTRIGHTS Projekte anna@example.org
S: * LISTRIGHTS Projekte "anna@example.org" lrswipkxteacd
S: a6 OK LISTRIGHTS completed
# who has no right hears that there is nothing
S1: * OK {{.*}} ready
C1: b0 LOGIN ben@example.org geheim-zwei
S1: b0 OK {{.*}}
C1: b1 SELECT shared/anna@example.org/Projekte
S1: b1 NO [NONEXISTENT] No such mailbox
C1: b2 MYRIGHTS shared/anna@example.org/Projekte
S1: b2 NO [NONEXISTENT] No such mailbox
C1: b3 SETACL shared/anna@example.org/Projekte ben@example.org lr
S1: b3 NO [NONEXISTENT] No such mailbox
C: a7 SETACL Projekte ben@example.org lr
S: a7 OK SETACL completed
C: a8 SETACL Projekte niemand@example.org lr
S: a8 NO [CANNOT] Nobody here has this address
C: a9 SETACL Projekte ben@example.org lz
S: a9 BAD There is no such right
C: aa SETACL Projekte anna@example.org ""
S: aa NO [CANNOT] The owner has every right
C: ab SETACL Projekte ben@example.org
S: ab BAD {{.+}}
C1: b4 LIST "" "shared/*" RETURN (MYRIGHTS)
S1: * LIST (\Noselect \NonExistent) "/" shared/anna@example.org
S1: * LIST () "/" shared/anna@example.org/Projekte
S1: * MYRIGHTS shared/anna@example.org/Projekte lr
S1: b4 OK LIST completed
# l and r: read, nothing else
C1: b5 SELECT shared/anna@example.org/Projekte
S1: ...
S1: b5 OK [READ-ONLY] SELECT completed
C1: b6 FETCH 1 (FLAGS BODY[])
S1: * 1 FETCH (FLAGS () BODY[] {6}
S1: A: b
S1: )
S1: b6 OK FETCH completed
C1: b7 STORE 1 +FLAGS (\Seen)
S1: b7 NO [NOPERM] The mailbox is read-only
C1: b8 EXPUNGE
S1: b8 NO [NOPERM] The mailbox is read-only
C1: b9 APPEND shared/anna@example.org/Projekte {6+}
C1: A: b
C1: 
S1: b9 NO [NOPERM] Not allowed in this mailbox
C1: ba CREATE shared/anna@example.org/Projekte/Neu
S1: ba NO [NOPERM] Not permitted
C1: bb DELETE shared/anna@example.org/Projekte
S1: bb NO [NOPERM] Not allowed in this mailbox
C1: bc RENAME shared/anna@example.org/Projekte shared/anna@example.org/Weg
S1: bc NO [NOPERM] Not permitted
C1: bd GETACL shared/anna@example.org/Projekte
S1: bd NO [NOPERM] Not allowed in this mailbox
C1: be SELECT shared/anna@example.org/INBOX
S1: be NO [NONEXISTENT] No such mailbox
C1: bf CREATE shared/anna@example.org/Ganz
S1: bf NO [NOPERM] Not permitted
# flags by class: s and t, not w; what may not be changed stays
C: ac SETACL Projekte ben@example.org +st
S: ac OK SETACL completed
C1: c1 SELECT shared/anna@example.org/Projekte
S1: * FLAGS {{.*}}
S1: * OK [PERMANENTFLAGS (\Seen \Deleted)] Flags that are kept
S1: ...
S1: c1 OK [READ-WRITE] SELECT completed
C1: c2 STORE 1 +FLAGS (\Flagged Wichtig)
S1: c2 NO [NOPERM] Not allowed in this mailbox
C1: c3 STORE 1 +FLAGS (\Seen \Flagged)
S1: * 1 FETCH (FLAGS (\Seen))
S1: c3 OK STORE completed
C: ad SELECT Projekte
S: ...
S: ad OK {{.*}}
C: ae STORE 1 +FLAGS (\Flagged)
S: * 1 FETCH (FLAGS (\Seen \Flagged))
S: ae OK STORE completed
C1: c4 STORE 1 FLAGS (\Deleted)
S1: * 1 FETCH (FLAGS (\Flagged \Deleted))
S1: c4 OK STORE completed
C1: c5 EXPUNGE
S1: c5 NO [NOPERM] Not allowed in this mailbox
C1: c6 MOVE 1 INBOX
S1: c6 NO [NOPERM] Not allowed in this mailbox
C1: c7 COPY 1 INBOX
S1: c7 OK [COPYUID {{[0-9]+}} 1 1] COPY completed
# i: a message comes in without the flags that may not be set
C: af SETACL Projekte ben@example.org lri
S: * 1 FETCH (FLAGS (\Flagged \Deleted))
S: af OK SETACL completed
C1: c8 APPEND shared/anna@example.org/Projekte (\Seen \Flagged Eilig) {6+}
C1: C: d
C1: 
S1: * 2 EXISTS
S1: * 0 RECENT
S1: c8 OK {{.*}}
C1: c9 FETCH 2 FLAGS
S1: * 2 FETCH (FLAGS ())
S1: c9 OK FETCH completed
# e, k, x; what is made below a shared mailbox is shared
C: b1 SETACL Projekte ben@example.org lrkxe
S: * 2 EXISTS
S: * 0 RECENT
S: b1 OK SETACL completed
C1: d1 EXPUNGE
S1: * 1 EXPUNGE
S1: d1 OK EXPUNGE completed
C1: d2 CREATE shared/anna@example.org/Projekte/Neu
S1: d2 OK {{.*}}
C1: d3 MYRIGHTS shared/anna@example.org/Projekte/Neu
S1: * MYRIGHTS shared/anna@example.org/Projekte/Neu lrkxecd
S1: d3 OK MYRIGHTS completed
C1: d4 RENAME shared/anna@example.org/Projekte/Neu shared/anna@example.org/Projekte/Alt
S1: d4 OK {{.*}}
C1: d5 RENAME shared/anna@example.org/Projekte/Alt Meins
S1: d5 NO [NOPERM] Not permitted
C1: d6 DELETE shared/anna@example.org/Projekte/Alt
S1: d6 OK {{.*}}
# a passes the right to give rights
C: b2 SETACL Projekte ben@example.org +a
S: * 1 EXPUNGE
S: b2 OK SETACL completed
C1: e1 SETACL shared/anna@example.org/Projekte last@example.org lr
S1: e1 OK SETACL completed
C1: e2 GETACL shared/anna@example.org/Projekte
S1: * ACL shared/anna@example.org/Projekte "anna@example.org" lrswipkxteacd "ben@example.org" lrkxeacd "last@example.org" lr
S1: e2 OK GETACL completed
C1: e3 GETQUOTAROOT shared/anna@example.org/Projekte
S1: * QUOTAROOT shared/anna@example.org/Projekte "shared/anna@example.org"
S1: * QUOTA "shared/anna@example.org" ()
S1: e3 OK Completed
# anyone, negative rights, an end
C: b3 SETACL Projekte anyone lrs
S: b3 OK SETACL completed
C: b4 SETACL Projekte -ben@example.org r
S: b4 OK SETACL completed
C1: f1 NOOP
S1: * BYE The right to this mailbox has ended
S1: f1 NO [NOPERM] {{.+}}
S1: (closed)
S2: * OK {{.*}} ready
C2: g0 LOGIN ben@example.org geheim-zwei
S2: g0 OK {{.*}}
C2: g1 MYRIGHTS shared/anna@example.org/Projekte
S2: * MYRIGHTS shared/anna@example.org/Projekte lskxeacd
S2: g1 OK MYRIGHTS completed
C2: g2 STATUS shared/anna@example.org/Projekte (MESSAGES)
S2: g2 NO [NOPERM] Not allowed in this mailbox
C2: g3 FETCH 1 FLAGS
S2: g3 BAD {{.+}}
C: b5 DELETEACL Projekte -ben@example.org
S: b5 OK DELETEACL completed
C: b6 DELETEACL Projekte ben@example.org
S: b6 OK DELETEACL completed
C2: g4 MYRIGHTS shared/anna@example.org/Projekte
S2: * MYRIGHTS shared/anna@example.org/Projekte lrs
S2: g4 OK MYRIGHTS completed
C: b7 DELETEACL Projekte anyone
S: b7 OK DELETEACL completed
C2: g5 LIST "" "shared/*"
S2: g5 OK LIST completed
# an office: its mailbox opened to somebody on top; a right for whoever holds it
C: h1 SETACL shared/vorstand@example.org/INBOX ben@example.org lrs
S: h1 OK SETACL completed
C2: g6 SELECT shared/vorstand@example.org/INBOX
S2: ...
S2: g6 OK [READ-WRITE] SELECT completed
C2: g7 CREATE Ablage
S2: g7 OK {{.*}}
C2: g8 SETACL Ablage vorstand@example.org lri
S2: g8 OK SETACL completed
C: h2 LIST "" shared/ben@example.org/* RETURN (MYRIGHTS)
S: * LIST () "/" shared/ben@example.org/Ablage
S: * MYRIGHTS shared/ben@example.org/Ablage lri
S: h2 OK LIST completed
C: h3 SELECT shared/ben@example.org/Ablage
S: ...
S: h3 OK [READ-WRITE] SELECT completed
@endterm
C: h4 NOOP
S: * BYE The right to this mailbox has ended
S: h4 NO [NOPERM] {{.+}}
S: (closed)
