# Port 25: greeting, EHLO, a delivery, relaying refused, unknown users, order of commands
@peer C0 outside
S: 220 mail.example.org ESMTP ready
C: MAIL FROM:<x@elsewhere.example>
S: 503 5.5.1 Say EHLO first
C: LHLO x.example
S: 502 5.5.1 Command is not offered here
C: EHLO client.example
S: 250-mail.example.org
S: 250-PIPELINING
S: 250-SIZE 52428800
S: 250-8BITMIME
S: 250-ENHANCEDSTATUSCODES
S: 250-CHUNKING
S: 250-BINARYMIME
S: 250-SMTPUTF8
S: 250-DSN
S: 250-LIMITS MAILMAX=100000 RCPTMAX=1000
S: 250 STARTTLS
C: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S: 502 5.5.1 Command is not offered here
C: RCPT TO:<anna@example.org>
S: 503 5.5.1 Say MAIL first
C: DATA
S: 503 5.5.1 Say MAIL first
C: MAIL FROM:<x@elsewhere.example> SIZE=100 BODY=8BITMIME
S: 250 2.1.0 Sender ok
C: MAIL FROM:<x@elsewhere.example>
S: 503 5.5.1 A sender was given already
C: DATA
S: 503 5.5.1 No recipient was accepted
C: RCPT TO:<somebody@elsewhere.example>
S: 550 5.7.1 Relay access denied
C: RCPT TO:<nobody@example.org>
S: 550 5.1.1 No such user here
C: RCPT TO:<Anna@Example.ORG>
S: 250 2.1.5 Recipient ok
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 Recipient ok
C: DATA
S: 354 End with a dot on a line of its own
C: Subject: one
C: 
C: ..dot
C: text
C: .
S: 250 2.0.0 Accepted as {{[0-9]+}}
@count anna@example.org
M: 1 messages
@inbox anna@example.org
M: Return-Path: <x@elsewhere.example>
M: Received: from client.example ([192.0.2.1])
M: 	by mail.example.org with ESMTP
M: 	id {{[0-9]+}} for <Anna@Example.ORG>;
M: 	{{[A-Z][a-z]{2}, [0-9].* \+0000}}
M: Subject: one
M: 
M: .dot
M: text
@queue
M: empty
C: MAIL FROM:<>
S: 250 2.1.0 Sender ok
C: RCPT TO:<postmaster>
S: 250 2.1.5 Recipient ok
C: RSET
S: 250 2.0.0 Flushed
C: DATA
S: 503 5.5.1 Say MAIL first
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 Sender ok
C: EHLO again.example
S: ...
S: 250 STARTTLS
C: RCPT TO:<anna@example.org>
S: 503 5.5.1 Say MAIL first
C: VRFY anna
S: 252 2.5.0 Cannot say, but mail to it will be tried
C: EXPN staff
S: 502 5.5.1 Lists are not expanded
C: HELP
S: 214 2.0.0 Commands: EHLO HELO LHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP
C: NOOP x
S: 250 2.0.0 Fine
C: QUIT
S: 221 2.0.0 mail.example.org Bye
S: (closed)
