# APPENDLIMIT, UTF8=ACCEPT, PREVIEW, SAVEDATE, PARTIAL, WITHIN
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 CAPABILITY
S: * CAPABILITY {{.*}} UTF8=ACCEPT APPENDLIMIT=268435456 {{.*}}BINARY {{.*}} PARTIAL PREVIEW {{.*}} SAVEDATE {{.*}} WITHIN{{.*}}
S: a1 OK {{.*}}
C: a2 STATUS INBOX (APPENDLIMIT MESSAGES)
S: * STATUS INBOX (MESSAGES 0 APPENDLIMIT 268435456)
S: a2 OK Completed
C: a3 APPEND INBOX UTF8 (~{6+}
C: A: b
C: )
S: a3 BAD {{.+}}
C: b1 CREATE "Gr&APwA3w-e"
S: b1 OK {{.*}}
C: b2 ENABLE UTF8=ACCEPT
S: * ENABLED UTF8=ACCEPT
S: b2 OK Completed
C: b3 LIST "" Gr*
S: * LIST ({{.*}}) "/" "Grüße"
S: b3 OK LIST completed
C: b4 APPEND "Grüße" (\Seen) "01-Jan-2020 10:00:00 +0000" UTF8 (~{35+}
C: Subject: Grüße
C: 
C: Wörter   und
C: )
S: b4 OK [APPENDUID {{[0-9]+}} 1] {{.*}}
C: b5 SELECT "Grüße"
S: ...
S: b5 OK {{.*}}
C: b6 FETCH 1 (PREVIEW)
S: * 1 FETCH (PREVIEW "Wörter und")
S: b6 OK FETCH completed
C: b7 FETCH 1 PREVIEW (LAZY)
S: * 1 FETCH (PREVIEW "Wörter und")
S: b7 OK FETCH completed
C: b8 SEARCH CHARSET UTF-8 ALL
S: b8 BAD {{.+}}
C: b9 SEARCH SUBJECT "grüße"
S: * SEARCH 1
S: b9 OK SEARCH completed
# SAVEDATE is when it came here, INTERNALDATE what the client said
C: c1 SEARCH SAVEDBEFORE 2-Jan-2020
S: * SEARCH
S: c1 OK SEARCH completed
C: c2 SEARCH SAVEDSINCE 2-Jan-2020
S: * SEARCH 1
S: c2 OK SEARCH completed
C: c3 FETCH 1 SAVEDATE
S: * 1 FETCH (SAVEDATE "{{[ 0-9]+-[A-Z][a-z]+-20[2-9][0-9] .*}}")
S: c3 OK FETCH completed
C: c4 SEARCH OLDER 3600
S: * SEARCH 1
S: c4 OK SEARCH completed
C: c5 SEARCH YOUNGER 3600
S: * SEARCH
S: c5 OK SEARCH completed
# PARTIAL: five messages, one of them gone
C: d1 APPEND "Grüße" {6+}
C: A: b
C:  {6+}
C: A: b
C:  {6+}
C: A: b
C:  {6+}
C: A: b
C: 
S: ...
S: d1 OK {{.*}}
C: d2 UID STORE 3 +FLAGS.SILENT (\Deleted)
S: d2 OK {{.*}}
C: d3 EXPUNGE
S: * 3 EXPUNGE
S: d3 OK {{.*}}
C: d4 UID SEARCH RETURN (PARTIAL 2:3) ALL
S: * ESEARCH (TAG "d4") UID PARTIAL (2:3 2,4)
S: d4 OK SEARCH completed
C: d5 UID SEARCH RETURN (PARTIAL -1:-2 COUNT) ALL
S: * ESEARCH (TAG "d5") UID PARTIAL (-1:-2 4:5) COUNT 4
S: d5 OK SEARCH completed
C: d6 UID SEARCH RETURN (PARTIAL 10:20) ALL
S: * ESEARCH (TAG "d6") UID PARTIAL (10:20 NIL)
S: d6 OK SEARCH completed
C: d7 SEARCH RETURN (PARTIAL 1:2 ALL) ALL
S: d7 BAD {{.+}}
C: d8 SEARCH RETURN (PARTIAL 1:-2) ALL
S: d8 BAD {{.+}}
C: d9 UID FETCH 1:* UID (PARTIAL -1:-2)
S: * 3 FETCH (UID 4)
S: * 4 FETCH (UID 5)
S: d9 OK FETCH completed
C: e1 FETCH 1:* UID (PARTIAL 1:2)
S: e1 BAD {{.+}}
C: e2 UID SEARCH RETURN (SAVE PARTIAL 1:2) ALL
S: * ESEARCH (TAG "e2") UID PARTIAL (1:2 1:2)
S: e2 OK SEARCH completed
C: e3 UID FETCH $ UID
S: * 1 FETCH (UID 1)
S: * 2 FETCH (UID 2)
S: e3 OK FETCH completed
