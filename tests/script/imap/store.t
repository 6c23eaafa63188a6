# STORE: add, remove, replace, .SILENT, keywords, UNCHANGEDSINCE, own echo only once
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 APPEND INBOX {6+}
C: A: b
C:  {6+}
C: C: d
C: 
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: a3 STORE 1 +FLAGS (\Flagged)
S: * 1 FETCH (FLAGS (\Flagged))
S: a3 OK STORE completed
C: a4 STORE 1 +FLAGS (\Flagged)
S: * 1 FETCH (FLAGS (\Flagged))
S: a4 OK STORE completed
C: a5 STORE 1:2 +FLAGS.SILENT \Seen
S: a5 OK STORE completed
C: a6 STORE 1 -FLAGS (\Flagged)
S: * 1 FETCH (FLAGS (\Seen))
S: a6 OK STORE completed
C: a7 UID STORE 2 FLAGS (\Answered $Neu)
S: * FLAGS (\Seen \Answered \Flagged \Deleted \Draft $Neu)
S: * OK [PERMANENTFLAGS ({{.*}} $Neu \*)] {{.*}}
S: * 2 FETCH (UID 2 FLAGS (\Answered $Neu))
S: a7 OK STORE completed
C: a8 STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\Deleted)
S: * OK [HIGHESTMODSEQ {{[0-9]+}}] {{.*}}
S: a8 OK [MODIFIED 1] STORE completed
C: a9 STORE 1 +FLAGS (\Recent)
S: a9 BAD {{.+}}
C: b0 STORE 1 FLAGS
S: b0 BAD Flags expected
C: b0 STORE 1 -FLAGS.SILENT
S: b0 BAD Flags expected
C: b1 STORE 1 FLAG (\Seen)
S: b1 BAD {{.+}}
C: b2 STORE 9 FLAGS (\Seen)
S: b2 BAD {{.+}}
C: b3 STORE 1 +FLAGS.SILENT (\Draft)
S: * 1 FETCH (MODSEQ ({{[0-9]+}}))
S: b3 OK STORE completed
C: b4 FETCH 1:2 FLAGS
S: * 1 FETCH (FLAGS (\Seen \Draft))
S: * 2 FETCH (FLAGS (\Answered $Neu))
S: b4 OK FETCH completed
