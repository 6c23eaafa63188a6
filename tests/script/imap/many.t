# More hits than one answer holds: 3 MiB of numbers
S: * OK {{.*}} ready
@fill 4000000001 4000580001 2
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 ESEARCH IN (mailboxes INBOX) RETURN (ALL) UNSEEN
S: a1 NO [LIMIT] Too many hits, please ask for COUNT or fewer mailboxes
C: a2 ESEARCH IN (mailboxes INBOX) RETURN (COUNT MIN) UNSEEN
S: * ESEARCH (TAG "a2" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID MIN 4000000001 COUNT 290001
S: a2 OK ESEARCH completed
C: a3 ESEARCH IN (mailboxes INBOX) RETURN (ALL) UID 4000000001:4000000005 UNSEEN
S: * ESEARCH (TAG "a3" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID ALL 4000000001,4000000003,4000000005
S: a3 OK ESEARCH completed
