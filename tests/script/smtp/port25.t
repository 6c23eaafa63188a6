# Port 25: greeting, EHLO, a delivery, relaying refused, unknown users, order of commands
@peer C0 outside
S: 220 mail.example.org ESMTP kontor
C: MAIL FROM:<x@elsewhere.example>
S: 503 5.5.1 {{.*}}
C: LHLO x.example
S: 500 5.5.1 {{.*}}
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
S: 250-LIMITS RCPTMAX=1000
S: 250-STARTTLS
S: 250 HELP
C: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S: 502 5.5.1 {{.*}}
C: RCPT TO:<anna@example.org>
S: 503 5.5.1 {{.*}}
C: DATA
S: 503 5.5.1 {{.*}}
C: MAIL FROM:<x@elsewhere.example> SIZE=100 BODY=8BITMIME
S: 250 2.1.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 503 5.5.1 {{.*}}
C: DATA
S: 554 5.5.1 {{.*}}
C: RCPT TO:<somebody@elsewhere.example>
S: 550 5.7.1 {{.*}}
C: RCPT TO:<nobody@example.org>
S: 550 5.1.1 {{.*}}
C: RCPT TO:<Anna@Example.ORG>
S: 250 2.1.5 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: one
C: 
C: ..dot
C: text
C: .
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 1 messages
@inbox anna@example.org
M: Return-Path: <x@elsewhere.example>
M: Received: from client.example ([192.0.2.1])
M: 	by mail.example.org with ESMTP id {{[0-9a-f]+}}
M: 	for <Anna@Example.ORG>;
M: 	{{[A-Z][a-z]{2}, [0-9].* \+0000}}
M: Subject: one
M: 
M: .dot
M: text
@queue
M: empty
C: MAIL FROM:<>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<postmaster>
S: 250 2.1.5 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: DATA
S: 503 5.5.1 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: EHLO again.example
S: ...
S: 250 HELP
C: RCPT TO:<anna@example.org>
S: 503 5.5.1 {{.*}}
C: VRFY anna
S: 252 {{.*}}
C: EXPN staff
S: 502 5.5.1 {{.*}}
C: HELP
S: 214 2.0.0 {{.*RCPT.*}}
C: NOOP x
S: 250 2.0.0 {{.*}}
C: QUIT
S: 221 2.0.0 {{.*}}
S: (closed)
