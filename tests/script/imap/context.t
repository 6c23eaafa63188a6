# RETURN (UPDATE) of SEARCH and SORT: what changes of a result is told (RFC 5267)
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}} CONTEXT=SEARCH CONTEXT=SORT {{.*}}
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
C1: a1 APPEND INBOX {14+}
C1: Subject: b
C1: 
C1: 
S1: a1 OK {{.*}}
C1: a2 APPEND INBOX (\Seen) {14+}
C1: Subject: d
C1: 
C1: 
S1: a2 OK {{.*}}
C: a1 SELECT INBOX
S: ...
S: a1 OK {{.*}}
C1: a3 SELECT INBOX
S1: ...
S1: a3 OK {{.*}}
C: u UID SEARCH RETURN (UPDATE ALL COUNT) UNSEEN
S: * ESEARCH (TAG "u") UID ALL 1 COUNT 1
S: u OK SEARCH completed
C: n SEARCH RETURN (UPDATE) SUBJECT c
S: * ESEARCH (TAG "n")
S: n OK SEARCH completed
C: s SORT RETURN (UPDATE CONTEXT ALL) (SUBJECT) UTF-8 ALL
S: * ESEARCH (TAG "s") ALL 1,2
S: s OK SORT completed
# one more: it has its place in the order
C1: a4 APPEND INBOX {14+}
C1: Subject: c
C1: 
C1: 
S1: * 3 EXISTS
S1: * 0 RECENT
S1: a4 OK {{.*}}
C: a2 NOOP
S: * 3 EXISTS
S: * 0 RECENT
S: * ESEARCH (TAG "s") ADDTO (2 3)
S: * ESEARCH (TAG "n") ADDTO (0 3)
S: * ESEARCH (TAG "u") UID ADDTO (0 3)
S: a2 OK Completed
# flags: of a search that looks at them; one's own changes count
C1: a5 STORE 1 +FLAGS.SILENT (\Seen)
S1: a5 OK STORE completed
C: a3 STORE 2 -FLAGS.SILENT (\Seen)
S: * ESEARCH (TAG "u") UID REMOVEFROM (0 1)
S: * 1 FETCH (FLAGS (\Seen))
S: * ESEARCH (TAG "u") UID ADDTO (0 2)
S: a3 OK STORE completed
# expunged: removed with the old numbers first, the last place first
C1: a6 STORE 1,3 +FLAGS.SILENT (\Deleted)
S1: ...
S1: a6 OK STORE completed
C1: a7 EXPUNGE
S1: * 3 EXPUNGE
S1: * 1 EXPUNGE
S1: a7 OK EXPUNGE completed
C: a4 IDLE
S: + idling
S: * ESEARCH (TAG "s") REMOVEFROM (2 3 1 1)
S: * ESEARCH (TAG "n") REMOVEFROM (0 3)
S: * ESEARCH (TAG "u") UID REMOVEFROM (0 3)
S: * 3 EXPUNGE
S: * 1 EXPUNGE
C1: a8 APPEND INBOX (\Seen) {14+}
C1: Subject: a
C1: 
C1: 
S1: * 2 EXISTS
S1: * 0 RECENT
S1: a8 OK {{.*}}
S: * 2 EXISTS
S: * 0 RECENT
S: * ESEARCH (TAG "s") ADDTO (1 2)
C: DONE
S: a4 OK IDLE completed
# enough of it
C: a5 CANCELUPDATE "n" "s"
S: a5 OK Completed
C: a6 CANCELUPDATE "s"
S: a6 BAD {{.+}}
C: a7 CANCELUPDATE
S: a7 BAD {{.+}}
C1: a9 APPEND INBOX {14+}
C1: Subject: c
C1: 
C1: 
S1: * 3 EXISTS
S1: * 0 RECENT
S1: a9 OK {{.*}}
C: a8 NOOP
S: * 3 EXISTS
S: * 0 RECENT
S: * ESEARCH (TAG "u") UID ADDTO (0 5)
S: a8 OK Completed
# results that change with more than their messages are not kept; neither are tags of any length
C: x1 SEARCH RETURN (UPDATE COUNT) 1:2
S: * NO [NOUPDATE "x1"] {{.+}}
S: * ESEARCH (TAG "x1") COUNT 2
S: x1 OK SEARCH completed
C: x2 UID SEARCH RETURN (UPDATE COUNT) YOUNGER 60
S: * NO [NOUPDATE "x2"] {{.+}}
S: * ESEARCH (TAG "x2") UID COUNT 3
S: x2 OK SEARCH completed
C: x3456789012345678 SEARCH RETURN (UPDATE COUNT) ALL
S: * NO [NOUPDATE "x3456789012345678"] {{.+}}
S: * ESEARCH (TAG "x3456789012345678") COUNT 3
S: x3456789012345678 OK SEARCH completed
C: x4 ESEARCH IN (personal) RETURN (UPDATE) ALL
S: x4 BAD {{.+}}
# bound: CONTEXTS_MAX CONTEXT_TAG_MAX
C: k1 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k1")
S: k1 OK SEARCH completed
C: k2 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k2")
S: k2 OK SEARCH completed
C: k3 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k3")
S: k3 OK SEARCH completed
C: k4 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k4")
S: k4 OK SEARCH completed
C: k5 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k5")
S: k5 OK SEARCH completed
C: k6 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k6")
S: k6 OK SEARCH completed
C: k789012345678901 SEARCH RETURN (UPDATE) ALL
S: * ESEARCH (TAG "k789012345678901")
S: k789012345678901 OK SEARCH completed
C: k8 SEARCH RETURN (UPDATE) ALL
S: * NO [NOUPDATE "k8"] {{.+}}
S: * ESEARCH (TAG "k8")
S: k8 OK SEARCH completed
C: a9 CANCELUPDATE "k1" "k2" "k3" "k4" "k5" "k6"
S: a9 OK Completed
# core starts again: said, and begun anew
@restart
C: a10 NOOP
S: * NO [NOUPDATE "u"] {{.+}}
S: * NO [NOUPDATE "k789012345678901"] {{.+}}
S: a10 OK Completed
C: v UID SEARCH RETURN (UPDATE) UNSEEN
S: * ESEARCH (TAG "v") UID
S: v OK SEARCH completed
C: a11 STORE 1 +FLAGS (\Seen)
S: * 1 FETCH (FLAGS (\Seen))
S: * ESEARCH (TAG "v") UID REMOVEFROM (0 2)
S: a11 OK STORE completed
# they end with the mailbox
C: a12 SELECT INBOX
S: ...
S: a12 OK {{.*}}
C: a13 STORE 1 -FLAGS (\Seen)
S: * 1 FETCH (FLAGS ())
S: a13 OK STORE completed
C: a14 CANCELUPDATE "v"
S: a14 BAD {{.+}}
# a part of the messages is no result to keep (RFC 9738)
@messagelimit 2
C: w UID SEARCH RETURN (UPDATE COUNT) ALL
S: * NO [NOUPDATE "w"] {{.+}}
S: * ESEARCH (TAG "w") UID COUNT 2
S: w OK [MESSAGELIMIT 2 {{[0-9]+}}] SEARCH completed
