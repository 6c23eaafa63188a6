# LMTP: from this machine or a listed one, one answer for each recipient, quota per recipient
@peer C0 lmtp
S: 220 mail.example.org LMTP {{.*}}
C: EHLO client.example
S: 500 5.5.1 {{.*}}
C: LHLO client.example
S: 250-mail.example.org
S: ...
S: 250 HELP
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<somebody@elsewhere.example>
S: 550 5.7.1 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<last@example.org>
S: 250 {{.*}}
C: RCPT TO:<last+x@example.org>
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: <<41000 x>>
C: .
S: 250 2.0.0 {{.*}}
S: 452 4.2.2 {{.*}}
S: 452 4.2.2 {{.*}}
S: 250 2.0.0 {{.*}}
@count last@example.org
M: 0 messages
@count anna@example.org
M: 1 messages
@count ben@example.org
M: 1 messages
@queue
M: empty
@inbox ben@example.org
M: Return-Path: <x@elsewhere.example>
M: Received: {{.*}}
M: {{.*}} with LMTP id {{.*}}
M: ...
M: {{x+}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: a\nb\r\n.\r\n
S: 550 5.6.0 {{.*}}
S: 550 5.6.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
@restart
C: text
C: .
S: 421 4.3.0 {{.*}}
S: (closed)
@peer C1 lmtp outside
S1: 554 5.7.1 {{.*}}
S1: (closed)
@setting smtp.lmtp_clients 192.0.2.9 192.0.2.1
@peer C2 lmtp outside
S2: 220 {{.*}}
C2: LHLO x.example
S2: ...
S2: 250 HELP
C2: MAIL FROM:<x@elsewhere.example>
S2: 250 {{.*}}
C2: RCPT TO:<anna@example.org>
S2: 250 {{.*}}
C2: RCPT TO:<ben@example.org>
S2: 250 {{.*}}
C2: DATA
S2: 354 {{.*}}
@seal
C2: text
C2: .
S2: 421 4.3.2 {{.*}}
S2: (closed)
