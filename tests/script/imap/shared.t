# A role's mailbox: seen while the term lasts, not by others, lost with the term's end
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 LIST "" "shared/vorstand@example.org/INBOX"
S: * LIST ({{.*}}) "/" shared/vorstand@example.org/INBOX
S: a1 OK LIST completed
C: a2 APPEND shared/vorstand@example.org/INBOX {6+}
C: A: b
C: 
S: a2 OK {{.*}}
C: a3 SELECT shared/vorstand@example.org/INBOX
S: ...
S: * 1 EXISTS
S: ...
S: a3 OK [READ-WRITE] SELECT completed
C: a4 GETQUOTAROOT shared/vorstand@example.org/INBOX
S: * QUOTAROOT shared/vorstand@example.org/INBOX "shared/vorstand@example.org"
S: * QUOTA "shared/vorstand@example.org" ()
S: a4 OK Completed
S1: * OK {{.*}} ready
C1: a0 LOGIN ben@example.org geheim-zwei
S1: a0 OK {{.*}}
C1: a1 SELECT shared/vorstand@example.org/INBOX
S1: a1 NO [NONEXISTENT] {{.+}}
C1: a2 LIST "" "shared/*"
S1: a2 OK LIST completed
C: a5 UID COPY 1 INBOX
S: a5 OK [COPYUID {{[0-9]+}} 1 1] COPY completed
# into a shared mailbox that holds the message already
C: a5 UID COPY 1 shared/vorstand@example.org/INBOX
S: * 2 EXISTS
S: * 0 RECENT
S: a5 OK [COPYUID {{[0-9]+}} 1 2] COPY completed
@endterm
C: a6 FETCH 1 BODY[]
S: * BYE {{.+}}
S: a6 NO [NOPERM] {{.+}}
S: (closed)
