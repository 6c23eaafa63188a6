# SELECT, EXAMINE, CLOSE, UNSELECT, CHECK; CONDSTORE and QRESYNC parameters
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 SELECT INBOX
S: * FLAGS (\Seen \Answered \Flagged \Deleted \Draft)
S: * OK [PERMANENTFLAGS (\Seen \Answered \Flagged \Deleted \Draft \*)] {{.*}}
S: * 0 EXISTS
S: * 0 RECENT
S: * OK [UIDVALIDITY {{[0-9]+}}] {{.*}}
S: * OK [UIDNEXT 1] {{.*}}
S: * OK [HIGHESTMODSEQ {{[0-9]+}}] {{.*}}
S: * OK [MAILBOXID (F{{[0-9]+}})] {{.*}}
S: a1 OK [READ-WRITE] SELECT completed
C: a2 CHECK
S: a2 OK Completed
C: a3 SELECT Nirgends
S: a3 NO [NONEXISTENT] {{.+}}
C: a4 CHECK
S: a4 BAD No mailbox is selected
C: a5 APPEND INBOX {6+}
C: A: b
C: 
S: a5 OK {{.*}}
C: a6 SELECT inbox (QRESYNC (1 1))
S: a6 BAD QRESYNC is not enabled
C: a7 ENABLE QRESYNC
S: * ENABLED QRESYNC
S: a7 OK Completed
C: a8 SELECT INBOX (CONDSTORE)
S: ...
S: * 1 EXISTS
S: ...
S: a8 OK [READ-WRITE] SELECT completed
C: a9 STORE 1 +FLAGS.SILENT (\Deleted)
S: * 1 FETCH (UID 1 MODSEQ ({{[0-9]+}}))
S: a9 OK STORE completed
C: b1 UNSELECT
S: b1 OK Completed
C: b2 EXAMINE INBOX
S: ...
S: * 1 EXISTS
S: ...
S: b2 OK [READ-ONLY] EXAMINE completed
C: b3 STORE 1 FLAGS ()
S: b3 NO [NOPERM] The mailbox is read-only
C: b4 EXPUNGE
S: b4 NO [NOPERM] The mailbox is read-only
C: b5 CLOSE
S: b5 OK Completed
C: b6 SELECT INBOX
S: ...
S: * 1 EXISTS
S: ...
S: b6 OK [READ-WRITE] SELECT completed
C: b7 CLOSE
S: b7 OK Completed
C: b8 SELECT INBOX (QRESYNC (1 1))
S: ...
S: * 0 EXISTS
S: ...
S: b8 OK [READ-WRITE] SELECT completed
C: b9 SELECT INBOX (FOO)
S: b9 BAD Unknown parameter
