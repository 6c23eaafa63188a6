# Untagged changes: EXPUNGE is held back during FETCH, STORE and SEARCH; VANISHED with QRESYNC; EXPUNGEISSUED
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
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
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
C1: a1 ENABLE QRESYNC
S1: * ENABLED QRESYNC
S1: a1 OK Completed
C1: a2 SELECT INBOX
S1: ...
S1: a2 OK {{.*}}
C1: a3 STORE 1 +FLAGS (\Deleted)
S1: * 1 FETCH (UID 1 FLAGS (\Deleted) MODSEQ ({{[0-9]+}}))
S1: a3 OK STORE completed
C1: a4 EXPUNGE
S1: * VANISHED 1
S1: a4 OK [HIGHESTMODSEQ {{[0-9]+}}] EXPUNGE completed
C: a3 FETCH 2 UID
S: * 2 FETCH (UID 2)
S: a3 OK FETCH completed
C: a4 SEARCH ALL
S: * SEARCH 2 3
S: a4 OK SEARCH completed
C: a5 FETCH 1 UID
S: a5 NO [EXPUNGEISSUED] {{.+}}
C: a6 STORE 3 +FLAGS (\Seen)
S: * 3 FETCH (FLAGS (\Seen))
S: a6 OK STORE completed
C: a7 NOOP
S: * 1 EXPUNGE
S: a7 OK Completed
C1: a5 NOOP
S1: * 2 FETCH (UID 3 FLAGS (\Seen) MODSEQ ({{[0-9]+}}))
S1: a5 OK Completed
C: a8 APPEND INBOX {6+}
C: G: h
C: 
S: * 3 EXISTS
S: * 0 RECENT
S: a8 OK {{.*}}
C1: a6 UID FETCH 1:* (UID) (CHANGEDSINCE 1 VANISHED)
S1: * VANISHED (EARLIER) 1
S1: ...
S1: * 3 EXISTS
S1: * 0 RECENT
S1: a6 OK FETCH completed
C: a9 STORE 1 +FLAGS.SILENT (\Flagged)
S: a9 OK STORE completed
C: b0 NOOP
S: b0 OK Completed
C1: a7 STORE 2 +FLAGS.SILENT (\Answered)
S1: * 2 FETCH (UID 3 MODSEQ ({{[0-9]+}}))
S1: * 1 FETCH (UID 2 FLAGS (\Flagged) MODSEQ ({{[0-9]+}}))
S1: a7 OK STORE completed
C: b1 STORE 1 -FLAGS.SILENT (\Flagged)
S: * 2 FETCH (FLAGS (\Seen \Answered))
S: b1 OK STORE completed
C: b2 NOOP
S: b2 OK Completed
C1: a8 NOOP
S1: * 1 FETCH (UID 2 FLAGS () MODSEQ ({{[0-9]+}}))
S1: a8 OK Completed
