# SCRAM-SHA-256 and -PLUS over SMTP (RFC 4954, 5802, 7677, 9266): right, wrong, unknown; binding may not be dodged
@peer C0 submission
S: 220 {{.*}}
C: EHLO laptop.example
S: ...
S: 250-AUTH PLAIN LOGIN SCRAM-SHA-256
S: 250 HELP
@scram C0 anna@example.org wrong-password
S: 535 5.7.8 Wrong name or password
# the same words for somebody whom there is not
@scram C0 nobody@example.org geheim-eins
S: 535 5.7.8 Wrong name or password
C: MAIL FROM:<anna@example.org>
S: 530 5.7.0 {{.*}}
# -PLUS was not offered
C: AUTH SCRAM-SHA-256-PLUS biwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S: 504 5.5.4 {{.*}}
# what is no SCRAM message
C: AUTH SCRAM-SHA-256 AAAA
S: 501 5.5.2 {{.*}}
C: AUTH SCRAM-SHA-256
S: 334 
C: *
S: 501 5.7.0 {{.*}}
@scram C0 anna@example.org geheim-eins
S: 235 2.7.0 {{.*}}
C: MAIL FROM:<anna@example.org>
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: AUTH SCRAM-SHA-256 biwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S: 503 5.5.1 {{.*}}
# with channel binding
@peer C1 submission outside binding
S1: 220 {{.*}}
C1: EHLO laptop.example
S1: ...
S1: 250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
S1: 250 HELP
@scram C1 anna@example.org wrong-password
S1: 535 5.7.8 Wrong name or password
# "y": the client can bind but was told that we cannot: somebody took -PLUS out of our list
C1: AUTH SCRAM-SHA-256 eSwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S1: 535 5.7.8 Channel binding or identity does not fit
# no binding under -PLUS
C1: AUTH SCRAM-SHA-256-PLUS biwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S1: 535 5.7.8 Channel binding or identity does not fit
@scram C1 anna@example.org geheim-eins
S1: 235 2.7.0 {{.*}}
# never in clear from outside
@peer C2 submission outside
S2: 220 {{.*}}
C2: EHLO laptop.example
S2: ...
S2: 250 HELP
C2: AUTH SCRAM-SHA-256 biwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S2: 538 5.7.11 {{.*}}
