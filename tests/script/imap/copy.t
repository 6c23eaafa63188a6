# COPY, MOVE, EXPUNGE, UID EXPUNGE
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 APPEND INBOX (\Seen $k) {6+}
C: A: b
C:  {6+}
C: C: d
C:  {6+}
C: E: f
C: 
S: a1 OK [APPENDUID {{[0-9]+}} 1:3] APPEND completed
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: a3 COPY 1:2 Archive
S: a3 OK [COPYUID {{[0-9]+}} 1:2 1:2] COPY completed
C: a4 COPY 1 Nirgends
S: a4 NO [TRYCREATE] {{.+}}
C: a5 MOVE 2 Archive
S: * OK [COPYUID {{[0-9]+}} 2 3] Moved
S: * 2 EXPUNGE
S: a5 OK MOVE completed
C: a6 UID STORE 1,3 +FLAGS.SILENT (\Deleted)
S: a6 OK STORE completed
C: a7 UID EXPUNGE 3
S: * 2 EXPUNGE
S: a7 OK EXPUNGE completed
C: a8 EXPUNGE
S: * 1 EXPUNGE
S: a8 OK EXPUNGE completed
C: a9 UID MOVE 9 Archive
S: a9 OK MOVE completed
C: b1 SELECT Archive
S: ...
S: * 3 EXISTS
S: ...
S: b1 OK {{.*}}
C: b2 FETCH 1 (UID FLAGS BODY.PEEK[])
S: * 1 FETCH (UID 1 FLAGS (\Seen $k) BODY[] {6}
S: A: b
S: )
S: b2 OK FETCH completed
C: b3 UID COPY 1:* Archive
S: * 6 EXISTS
S: * 0 RECENT
S: b3 OK [COPYUID {{[0-9]+}} 1:3 4:6] COPY completed
