# ESEARCH over many mailboxes (RFC 7377): sources, MAILBOX and UIDVALIDITY, what belongs to the selected one only
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} MULTISEARCH {{.*}}] Signed in
C: a1 CREATE Archive/2025
S: a1 OK {{.*}}
C: a2 CREATE Archive/2025/Mai
S: a2 OK {{.*}}
C: a3 APPEND INBOX (\Seen) {17+}
C: Subject: Kuchen
C:  {17+}
C: Subject: Torten
C: 
S: a3 OK {{.*}}
C: a4 APPEND Archive {17+}
C: Subject: Kuchen
C: 
S: a4 OK {{.*}}
C: a5 APPEND Archive/2025 {17+}
C: Subject: Kuchen
C: 
S: a5 OK {{.*}}
C: a6 APPEND Archive/2025/Mai {17+}
C: Subject: Torten
C:  {17+}
C: Subject: Kuchen
C: 
S: a6 OK {{.*}}
# nothing is selected
C: b1 ESEARCH SUBJECT kuchen
S: b1 BAD No mailbox is selected
C: b2 ESEARCH IN (selected) SUBJECT kuchen
S: b2 BAD No mailbox is selected
C: b3 ESEARCH IN (personal) SUBJECT kuchen
S: * ESEARCH (TAG "b3" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: * ESEARCH (TAG "b3" MAILBOX Archive UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: * ESEARCH (TAG "b3" MAILBOX Archive/2025 UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: * ESEARCH (TAG "b3" MAILBOX Archive/2025/Mai UIDVALIDITY {{[0-9]+}}) UID ALL 2
S: b3 OK ESEARCH completed
C: b4 ESEARCH IN (subtree-one Archive) RETURN (COUNT MIN) SUBJECT kuchen
S: * ESEARCH (TAG "b4" MAILBOX Archive UIDVALIDITY {{[0-9]+}}) UID MIN 1 COUNT 1
S: * ESEARCH (TAG "b4" MAILBOX Archive/2025 UIDVALIDITY {{[0-9]+}}) UID MIN 1 COUNT 1
S: b4 OK ESEARCH completed
C: b5 ESEARCH IN (subtree (Archive/2025 Nirgends)) SUBJECT kuchen
S: * ESEARCH (TAG "b5" MAILBOX Archive/2025 UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: * ESEARCH (TAG "b5" MAILBOX Archive/2025/Mai UIDVALIDITY {{[0-9]+}}) UID ALL 2
S: b5 OK ESEARCH completed
C: b6 ESEARCH IN (mailboxes ("inbox" Archive/2025/Mai)) UNSEEN SUBJECT torten
S: * ESEARCH (TAG "b6" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID ALL 2
S: * ESEARCH (TAG "b6" MAILBOX Archive/2025/Mai UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: b6 OK ESEARCH completed
# INBOX and Archive are subscribed from the start
C: b7 ESEARCH IN (subscribed) RETURN (ALL) SUBJECT kuchen
S: * ESEARCH (TAG "b7" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: * ESEARCH (TAG "b7" MAILBOX Archive UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: b7 OK ESEARCH completed
C: b8 ESEARCH IN (inboxes) SUBJECT brot
S: b8 OK ESEARCH completed
# what the selected mailbox has alone
C: c1 SELECT Archive/2025/Mai
S: ...
S: c1 OK {{.*}}
C: c2 ESEARCH SUBJECT kuchen
S: * ESEARCH (TAG "c2" MAILBOX Archive/2025/Mai UIDVALIDITY {{[0-9]+}}) UID ALL 2
S: c2 OK ESEARCH completed
C: c3 ESEARCH IN (selected-delayed) RETURN (SAVE) 1
S: c3 OK ESEARCH completed
C: c4 ESEARCH IN (selected) RETURN (COUNT) $
S: * ESEARCH (TAG "c4" MAILBOX Archive/2025/Mai UIDVALIDITY {{[0-9]+}}) UID COUNT 1
S: c4 OK ESEARCH completed
C: c5 ESEARCH IN (selected mailboxes INBOX) 1
S: c5 BAD {{.+}}
C: c6 ESEARCH IN (personal) $
S: c6 BAD {{.+}}
C: c7 ESEARCH IN (personal) RETURN (SAVE) ALL
S: c7 BAD {{.+}}
C: c8 ESEARCH IN (selected personal) RETURN (COUNT) SEEN
S: * ESEARCH (TAG "c8" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID COUNT 1
S: c8 OK ESEARCH completed
# bad sources
C: d1 ESEARCH IN () ALL
S: d1 BAD {{.+}}
C: d2 ESEARCH IN (everything) ALL
S: d2 BAD {{.+}}
C: d3 ESEARCH IN (mailboxes) ALL
S: d3 BAD {{.+}}
C: d4 ESEARCH IN (personal (scope 1)) ALL
S: d4 BAD {{.+}}
C: d5 ESEARCH IN (personal) CHARSET X-NONE SUBJECT x
S: d5 NO [BADCHARSET {{.+}}
C: d6 ESEARCH IN (mailboxes (<<255 Nichts<# >>INBOX)) RETURN (COUNT) SEEN
S: * ESEARCH (TAG "d6" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID COUNT 1
S: d6 OK ESEARCH completed
C: d7 ESEARCH IN (mailboxes (<<255 Nichts<# >>INBOX) subtree Archive) RETURN (COUNT) SEEN
S: d7 NO [LIMIT] Too many mailbox names
# another account's mailbox is as if it were not there; an office's is found with its whole name
S1: * OK {{.*}} ready
C1: a0 LOGIN ben@example.org geheim-zwei
S1: a0 OK {{.*}}
C1: a1 ESEARCH IN (personal subscribed subtree shared mailboxes shared/anna@example.org/INBOX) ALL
S1: a1 OK ESEARCH completed
C: e1 APPEND shared/vorstand@example.org/INBOX {17+}
C: Subject: Kuchen
C: 
S: e1 OK {{.*}}
C: e2 ESEARCH IN (subtree shared) SUBJECT kuchen
S: * ESEARCH (TAG "e2" MAILBOX shared/vorstand@example.org/INBOX UIDVALIDITY {{[0-9]+}}) UID ALL 1
S: e2 OK ESEARCH completed
