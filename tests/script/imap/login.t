# LOGIN, AUTHENTICATE PLAIN and LOGIN, with and without initial response, refused and cancelled
@peer C1 outside
S1: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR STARTTLS LOGINDISABLED] {{.*}}
C1: a1 LOGIN anna@example.org geheim-eins
S1: a1 NO [PRIVACYREQUIRED] {{.+}}
C1: a2 AUTHENTICATE PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S1: a2 NO [PRIVACYREQUIRED] {{.+}}
C1: a3 STARTTLS
S1: a3 OK Begin TLS negotiation now
S: ...
S: {{.*}} ready
C: b1 LOGIN anna@example.org wrong
S: b1 NO [AUTHENTICATIONFAILED] {{.+}}
C: b2 LOGIN nobody@example.org wrong
S: b2 NO [AUTHENTICATIONFAILED] {{.+}}
C: b3 LOGIN "anna@example.org"
S: b3 BAD {{.+}}
C: b4 AUTHENTICATE CRAM-MD5
S: b4 NO [CANNOT] Unknown mechanism
C: b5 AUTHENTICATE PLAIN
S: + 
C: *
S: b5 BAD Cancelled
C: b6 AUTHENTICATE PLAIN
S: + 
C: !!!not base64
S: b6 BAD Not base64
C: b7 AUTHENTICATE PLAIN AGFubmFAZXhhbXBsZS5vcmcAd3Jvbmc=
S: b7 NO [AUTHENTICATIONFAILED] {{.+}}
C: b8 AUTHENTICATE PLAIN YmVuQGV4YW1wbGUub3JnAGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S: b8 NO [AUTHENTICATIONFAILED] {{.+}}
C: b9 AUTHENTICATE SCRAM-SHA-256 eSx4
S: b9 BAD {{.+}}
C: c1 AUTHENTICATE LOGIN
S: + VXNlcm5hbWU6
C: YW5uYUBleGFtcGxlLm9yZw==
S: + UGFzc3dvcmQ6
C: Z2VoZWltLWVpbnM=
S: c1 OK [CAPABILITY {{.*}}] Signed in
S2: * OK {{.*}} ready
C2: d1 AUTHENTICATE PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S2: d1 OK [CAPABILITY {{.*}}] Signed in
