# IDLE: changes of another session arrive, DONE ends it, anything else is BAD
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 SELECT INBOX
S: ...
S: a1 OK {{.*}}
C: a2 IDLE
S: + idling
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
C1: a1 APPEND INBOX {6+}
C1: A: b
C1: 
S1: a1 OK {{.*}}
S: * 1 EXISTS
S: * 0 RECENT
C1: a2 SELECT INBOX
S1: ...
S1: a2 OK {{.*}}
C1: a3 STORE 1 +FLAGS.SILENT (\Deleted)
S1: a3 OK STORE completed
S: * 1 FETCH (FLAGS (\Deleted))
C1: a4 EXPUNGE
S1: * 1 EXPUNGE
S1: a4 OK EXPUNGE completed
S: * 1 EXPUNGE
C: DONE
S: a2 OK IDLE completed
C: a3 IDLE
S: + idling
C: nonsense
S: a3 BAD Expected DONE
