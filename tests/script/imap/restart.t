# Core starts again: sessions go on where they were, or end when messages have gone meanwhile
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 APPEND INBOX {6+}
C: A: b
C: 
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
@restart
C1: a1 APPEND INBOX {6+}
C1: C: d
C1: 
S1: a1 OK {{.*}}
C: a3 NOOP
S: * 2 EXISTS
S: * 0 RECENT
S: a3 OK Completed
C: a4 FETCH 1:2 UID
S: * 1 FETCH (UID 1)
S: * 2 FETCH (UID 2)
S: a4 OK FETCH completed
@restart
C1: a2 SELECT INBOX
S1: ...
S1: a2 OK {{.*}}
C1: a3 STORE 1 +FLAGS.SILENT (\Deleted)
S1: a3 OK STORE completed
C1: a4 EXPUNGE
S1: * 1 EXPUNGE
S1: a4 OK EXPUNGE completed
C: a5 NOOP
S: * BYE {{.+}}
S: (closed)
