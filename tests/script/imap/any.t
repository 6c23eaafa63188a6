# CAPABILITY, NOOP, ID, ENABLE, NAMESPACE, LOGOUT; states and unknown commands
S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR STARTTLS AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256] mail.example.org ready
C: a1 CAPABILITY
S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR STARTTLS AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256
S: a1 OK Completed
C: a2 NOOP
S: a2 OK Completed
C: a3 NOOP extra
S: a3 BAD {{.+}}
C: a4 ID ("name" "test" "version" NIL)
S: * ID ("name" "kontor")
S: a4 OK Completed
C: a5 ID NIL
S: * ID ("name" "kontor")
S: a5 OK Completed
C: a6 ID ("name")
S: a6 BAD {{.+}}
C: a7 SELECT INBOX
S: a7 BAD Please sign in first
C: a8 FROBNICATE
S: a8 BAD Unknown command
C: a9 LOGIN anna@example.org geheim-eins
S: a9 OK [CAPABILITY IMAP4rev1 IMAP4rev2 {{.*CONDSTORE.*QRESYNC.*}}] Signed in
C: b1 LOGIN anna@example.org geheim-eins
S: b1 BAD Already signed in
C: b2 FETCH 1 FLAGS
S: b2 BAD No mailbox is selected
C: b3 ENABLE CONDSTORE FOO IMAP4rev2 UTF8=ACCEPT
S: * ENABLED CONDSTORE IMAP4rev2 UTF8=ACCEPT
S: b3 OK Completed
C: b4 ENABLE
S: b4 BAD {{.+}}
C: b5 NAMESPACE
S: * NAMESPACE (("" "/")) NIL (("shared/" "/"))
S: b5 OK Completed
C: b6 STARTTLS
S: b6 BAD {{.+}}
C: b7 LOGOUT
S: * BYE Good bye
S: b7 OK Completed
S: (closed)
