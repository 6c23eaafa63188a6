# APPEND: flags, date, LITERAL+, literal8, MULTIAPPEND all or nothing, spooled bodies, quota, TRYCREATE
S: * OK {{.*}} ready
C: a0 LOGIN last@example.org geheim-drei
S: a0 OK {{.*}}
C: a1 APPEND INBOX (\Seen $Wichtig) " 7-Feb-1994 21:52:25 -0800" {22+}
C: Subject: hallo
C: 
C: Text
S: a1 OK [APPENDUID {{[0-9]+}} 1] APPEND completed
C: a2 APPEND INBOX {6}
S: + OK
C: A: b
C: 
S: a2 OK [APPENDUID {{[0-9]+}} 2] APPEND completed
C: a3 APPEND INBOX (\Seen) {6+}
C: A: b
C:  (\Flagged) ~{6+}
C: C: d
C: 
S: a3 OK [APPENDUID {{[0-9]+}} 3:4] APPEND completed
C: a4 APPEND Nirgends {6+}
C: A: b
C: 
S: a4 NO [TRYCREATE] {{.+}}
C: a5 APPEND INBOX
S: a5 BAD {{.+}}
C: a6 APPEND INBOX {0+}
C: 
S: a6 NO [CANNOT] {{.+}}
C: a7 APPEND INBOX (\Nonsense) {6+}
C: A: b
C: 
S: a7 BAD {{.+}}
# the second message breaks the quota: neither is stored
C: a8 APPEND INBOX {6+}
C: A: b
C:  {50000+}
C: <<50000 x>>
S: a8 NO [OVERQUOTA] {{.+}}
C: a9 STATUS INBOX (MESSAGES UNSEEN SIZE)
S: * STATUS INBOX (MESSAGES 4 UNSEEN 2 SIZE {{[0-9]+}})
S: a9 OK Completed
C: b1 GETQUOTAROOT INBOX
S: * QUOTAROOT INBOX ""
S: * QUOTA "" (STORAGE 1 40)
S: b1 OK Completed
C: b2 GETQUOTA ""
S: * QUOTA "" (STORAGE 1 40)
S: b2 OK Completed
C: b3 GETQUOTA "nonsense"
S: b3 NO [NONEXISTENT] {{.+}}
C: b4 EXAMINE INBOX
S: ...
S: b4 OK [READ-ONLY] EXAMINE completed
C: b5 FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)
S: * 1 FETCH (FLAGS (\Seen $Wichtig) INTERNALDATE " 8-Feb-1994 05:52:25 +0000" RFC822.SIZE 22)
S: b5 OK FETCH completed
# a spooled body comes back as it was
S1: * OK {{.*}} ready
C1: a1 LOGIN anna@example.org geheim-eins
S1: a1 OK {{.*}}
C1: a2 APPEND INBOX {100008+}
C1: A: b
C1: 
C1: <<10000 0123456789>>
S1: a2 OK [APPENDUID {{[0-9]+}} 1] APPEND completed
C1: a3 SELECT INBOX
S1: ...
S1: a3 OK {{.*}}
C1: a4 FETCH 1 (BODY.PEEK[TEXT]<99995.100> RFC822.SIZE)
S1: * 1 FETCH (BODY[TEXT]<99995> {5}
S1: 56789 RFC822.SIZE 100008)
S1: a4 OK FETCH completed
