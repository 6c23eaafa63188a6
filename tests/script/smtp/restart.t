# Core starts again: signed in still, an open transaction is lost and said so; sealed: told and later fine
@peer C0 submission
S: 220 {{.*}}
C: EHLO laptop.example
S: ...
S: 250 HELP
C: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S: 235 {{.*}}
C: MAIL FROM:<anna@example.org>
S: 250 {{.*}}
@restart
C: RCPT TO:<ben@example.org>
S: 451 4.3.0 {{.*}}
C: DATA
S: 451 4.3.0 {{.*}}
C: BDAT 3 LAST
X: abc
S: 451 4.3.0 {{.*}}
C: MAIL FROM:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
@restart
C: text
C: .
S: 451 4.3.0 {{.*}}
C: RSET
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 503 5.5.1 {{.*}}
C: MAIL FROM:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 {{.*}}
@seal
C: RCPT TO:<anna@example.org>
S: 450 4.3.2 {{.*}}
C: NOOP
S: 450 4.3.2 {{.*}}
S1: 421 4.3.2 {{.*}}
S1: (closed)
@unseal
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 250 2.0.0 {{.*}}
@count ben@example.org
M: 1 messages
@lock anna@example.org
@restart
C: NOOP
S: 421 {{.*}}
S: (closed)
