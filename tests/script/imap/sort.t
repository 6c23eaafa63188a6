# SORT, SORT=DISPLAY, ESORT, THREAD
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [{{.*ESORT.*SORT SORT=DISPLAY.*THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS.*}}] Signed in
C: a1 APPEND INBOX "01-Jan-2024 10:00:00 +0000" {176+}
C: Date: Mon, 1 Jan 2024 10:00:00 +0000
C: From: =?utf-8?Q?=C3=84rzte?= <zoe@example.org>
C: To: anna@example.org
C: Cc: ben@example.org
C: Subject: Protokoll
C: Message-ID: <1@x>
C: 
C: eins
C:  "03-Jan-2024 10:00:00 +0000" {133+}
C: Date: Wed, 3 Jan 2024 09:00:00 +0000
C: From: ben@example.org
C: Subject: Re: [liste] protokoll
C: Message-ID: <2@x>
C: References: <1@x>
C: 
C:  "02-Jan-2024 10:00:00 +0000" {167+}
C: Date: Tue, 2 Jan 2024 09:00:00 +0000
C: From: Carla <carla@example.org>
C: To: Zora <zora@example.org>
C: Subject: Fwd: Kasse
C: Message-ID: <3@x>
C: References: <0@x> <1@x>
C: 
C:  "04-Jan-2024 10:00:00 +0000" {23+}
C: Subject: protokoll
C: 
C: 4
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: b1 SORT (ARRIVAL) UTF-8 ALL
S: * SORT 1 3 2 4
S: b1 OK SORT completed
C: b2 SORT (REVERSE ARRIVAL) US-ASCII ALL
S: * SORT 4 2 3 1
S: b2 OK SORT completed
# the longest order that is kept for the next one, and one that is not
C: b2a SORT (<<15 REVERSE ARRIVAL >>REVERSE ARRIVAL) UTF-8 ALL
S: * SORT 4 2 3 1
S: b2a OK SORT completed
C: b2b SORT (<<16 REVERSE ARRIVAL >>SIZE) UTF-8 ALL
S: * SORT 4 2 3 1
S: b2b OK SORT completed
C: b3 UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL
S: * SORT 3 4 2 1
S: b3 OK SORT completed
C: b4 SORT (SIZE) UTF-8 NOT SUBJECT kasse
S: * SORT 4 2 1
S: b4 OK SORT completed
C: b5 SORT (FROM) UTF-8 ALL
S: * SORT 4 2 3 1
S: b5 OK SORT completed
C: b6 SORT (DISPLAYFROM) UTF-8 ALL
S: * SORT 4 2 3 1
S: b6 OK SORT completed
C: b7 SORT (REVERSE TO REVERSE CC) UTF-8 ALL
S: * SORT 3 1 2 4
S: b7 OK SORT completed
C: b8 SORT (DISPLAYTO) UTF-8 1,3
S: * SORT 1 3
S: b8 OK SORT completed
C: b9 SORT (ARRIVAL) UTF-8 SEEN
S: * SORT
S: b9 OK SORT completed
C: c1 SORT RETURN (MIN MAX COUNT ALL) (ARRIVAL) UTF-8 ALL
S: * ESEARCH (TAG "c1") MIN 1 MAX 4 ALL 1,3,2,4 COUNT 4
S: c1 OK SORT completed
C: c2 UID SORT RETURN (PARTIAL 2:3) (ARRIVAL) UTF-8 ALL
S: * ESEARCH (TAG "c2") UID PARTIAL (2:3 3,2)
S: c2 OK SORT completed
C: c3 UID SORT RETURN (PARTIAL -1:-2 SAVE) (REVERSE ARRIVAL) UTF-8 SUBJECT protokoll
S: * ESEARCH (TAG "c3") UID PARTIAL (-1:-2 2,1)
S: c3 OK SORT completed
C: c4 SORT (ARRIVAL) KLINGON ALL
S: c4 NO [BADCHARSET ({{.*}})] {{.+}}
C: c5 SORT () UTF-8 ALL
S: c5 BAD {{.+}}
C: c6 SORT (REVERSE) UTF-8 ALL
S: c6 BAD {{.+}}
C: d1 THREAD REFERENCES UTF-8 ALL
S: * THREAD ((1 (3)(2))(4))
S: d1 OK THREAD completed
C: d2 UID THREAD REFS UTF-8 ALL
S: * THREAD (1 (3)(2))(4)
S: d2 OK THREAD completed
C: d3 THREAD ORDEREDSUBJECT UTF-8 ALL
S: * THREAD (1 (2)(4))(3)
S: d3 OK THREAD completed
C: d4 THREAD ORDEREDSUBJECT UTF-8 1:3
S: * THREAD (1 2)(3)
S: d4 OK THREAD completed
C: d5 THREAD REFERENCES UTF-8 SEEN
S: * THREAD
S: d5 OK THREAD completed
C: d6 THREAD MAGIC UTF-8 ALL
S: d6 BAD {{.+}}
# asked again: kept orders hold only what is there now
C: k1 SORT (SUBJECT REVERSE DATE) UTF-8 ALL
S: * SORT 3 4 2 1
S: k1 OK SORT completed
C: k2 SORT (SUBJECT REVERSE DATE) UTF-8 NOT SUBJECT kasse
S: * SORT 4 2 1
S: k2 OK SORT completed
C: k3 UID STORE 3 +FLAGS.SILENT (\Deleted)
S: k3 OK {{.*}}
C: k4 UID EXPUNGE 3
S: * 3 EXPUNGE
S: k4 OK {{.*}}
C: k5 UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL
S: * SORT 4 2 1
S: k5 OK SORT completed
C: k6 UID THREAD REFERENCES UTF-8 ALL
S: * THREAD ((1 2)(4))
S: k6 OK THREAD completed
C: k7 UID THREAD REFERENCES UTF-8 ALL
S: * THREAD ((1 2)(4))
S: k7 OK THREAD completed
C: k8 APPEND INBOX "05-Jan-2024 10:00:00 +0000" {39+}
C: Subject: Antrag
C: References: <1@x>
C: 
C: 5
S: * 4 EXISTS
S: ...
S: k8 OK {{.*}}
C: k9 UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL
S: * SORT 5 4 2 1
S: k9 OK SORT completed
C: k10 UID THREAD REFERENCES UTF-8 ALL
S: * THREAD ((1 (2)(5))(4))
S: k10 OK THREAD completed
