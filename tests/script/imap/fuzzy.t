# SEARCH=FUZZY (RFC 6203): words instead of octets, scores, SORT by relevancy
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.* SEARCH=FUZZY .*}}] Signed in
C: a1 APPEND INBOX {50+}
C: Subject: Rechnungen im Mai
C: 
C: Herr Mueller zahlt
C:  {44+}
C: Subject: Stromrechnung
C: 
C: Frau Meier zahlt
C:  {32+}
C: Subject: Rechnung
C: 
C: von allen
C:  {51+}
C: Subject: Protokoll
C: 
C: Die Rechnung von Herrn Muller
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: f1 SEARCH FUZZY SUBJECT Rechnugn
S: * SEARCH 1 3
S: f1 OK SEARCH completed
C: f2 SEARCH SUBJECT Rechnugn
S: * SEARCH
S: f2 OK SEARCH completed
C: f3 SEARCH FUZZY BODY {7+}
C: Müller
S: * SEARCH 1 4
S: f3 OK SEARCH completed
C: f4 SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT Rechnung
S: * ESEARCH (TAG "f4") ALL 1:4 RELEVANCY (85 65 100 70)
S: f4 OK SEARCH completed
C: f5 UID SEARCH RETURN (RELEVANCY PARTIAL -1:-2 COUNT) FUZZY TEXT rechnung
S: * ESEARCH (TAG "f5") UID PARTIAL (-1:-2 3:4) RELEVANCY (100 70) COUNT 4
S: f5 OK SEARCH completed
C: f6 SEARCH RETURN (RELEVANCY ALL) FUZZY BODY nirgendwo
S: * ESEARCH (TAG "f6") RELEVANCY ()
S: f6 OK SEARCH completed
C: f7 SEARCH RETURN (RELEVANCY ALL) OR FUZZY SUBJECT Rechnung FUZZY BODY Muller
S: * ESEARCH (TAG "f7") ALL 1:4 RELEVANCY (95 65 100 100)
S: f7 OK SEARCH completed
C: f8 SEARCH RETURN (RELEVANCY ALL) FUZZY (SUBJECT Rechnung BODY Muller)
S: * ESEARCH (TAG "f8") ALL 1 RELEVANCY (90)
S: f8 OK SEARCH completed
C: f9 SEARCH RETURN (RELEVANCY ALL) FUZZY 2:3
S: * ESEARCH (TAG "f9") ALL 2:3 RELEVANCY (100 100)
S: f9 OK SEARCH completed
C: g1 SORT (RELEVANCY) UTF-8 FUZZY TEXT Rechnung
S: * SORT 3 1 4 2
S: g1 OK SORT completed
C: g2 SORT RETURN (RELEVANCY ALL) (REVERSE RELEVANCY) UTF-8 FUZZY TEXT Rechnung
S: * ESEARCH (TAG "g2") ALL 2,4,1,3 RELEVANCY (65 70 85 100)
S: g2 OK SORT completed
C: g3 SORT RETURN (PARTIAL 1:2 RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT Rechnung
S: * ESEARCH (TAG "g3") PARTIAL (1:2 3,1) RELEVANCY (100 85)
S: g3 OK SORT completed
C: h1 SEARCH RETURN (RELEVANCY) TEXT Rechnung
S: h1 BAD RELEVANCY needs a FUZZY key
C: h2 SORT (RELEVANCY) UTF-8 TEXT Rechnung
S: h2 BAD RELEVANCY needs a FUZZY key
C: h3 SEARCH FUZZY BODY "1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6"
S: h3 NO [LIMIT] Too many words for a fuzzy search
C: h4 SEARCH FUZZY SUBJECT "!?" NOT FUZZY BODY Muller
S: * SEARCH
S: h4 OK SEARCH completed
C: h5 ESEARCH IN (mailboxes INBOX) RETURN (RELEVANCY ALL) FUZZY SUBJECT Rechnung
S: * ESEARCH (TAG "h5" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID ALL 1:3 RELEVANCY (85 65 100)
S: h5 OK ESEARCH completed
