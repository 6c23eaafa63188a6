# SCRAM-SHA-256 and -PLUS (RFC 5802, 7677, 9266): right, wrong, unknown; channel binding may not be dodged
S1: * OK {{.*}} ready
@scram C1 anna@example.org wrong-password
S1: s NO [AUTHENTICATIONFAILED] {{.+}}
@scram C1 nobody@example.org geheim-eins
S1: s NO [AUTHENTICATIONFAILED] {{.+}}
@scram C1 anna@example.org geheim-eins
S1: s OK [CAPABILITY {{.*}}] Signed in
C1: a1 SELECT INBOX
S1: ...
S1: a1 OK {{.*}}
@peer C2 outside binding
S2: * OK [CAPABILITY {{.*}}AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS] {{.*}}
# "y": the client can bind but was told that we cannot
C2: b1 AUTHENTICATE SCRAM-SHA-256 eSwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S2: b1 NO [AUTHENTICATIONFAILED] {{.+}}
# no binding under -PLUS
C2: b2 AUTHENTICATE SCRAM-SHA-256-PLUS biwsbj1hbm5hQGV4YW1wbGUub3JnLHI9YWJjZGVmZ2hpams=
S2: b2 NO [AUTHENTICATIONFAILED] {{.+}}
@scram C2 anna@example.org geheim-eins
S2: s OK [CAPABILITY {{.*}}] Signed in
C2: b3 STARTTLS
S2: b3 BAD {{.+}}
