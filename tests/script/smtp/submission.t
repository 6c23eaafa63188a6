# Submission: sign in first, only over TLS or loopback, only with one's own addresses; what is added and taken away
@peer C0 submission
S: 220 {{.*}}
C: EHLO laptop.example
S: ...
S: 250-AUTH PLAIN LOGIN SCRAM-SHA-256
S: 250 HELP
C: MAIL FROM:<anna@example.org>
S: 530 5.7.0 {{.*}}
C: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAd3Jvbmc=
S: 535 5.7.8 {{.*}}
C: AUTH CRAM-MD5
S: 504 5.5.4 {{.*}}
C: AUTH PLAIN
S: 334 
C: *
S: 501 5.7.0 {{.*}}
C: AUTH PLAIN
S: 334 
C: !!!
S: 501 5.5.2 {{.*}}
C: AUTH PLAIN =
S: 501 5.5.2 {{.*}}
C: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S: 235 2.7.0 {{.*}}
C: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S: 503 5.5.1 {{.*}}
C: MAIL FROM:<ben@example.org>
S: 553 5.7.1 This address is not yours to send with
C: MAIL FROM:<x@elsewhere.example>
S: 553 5.7.1 This address is not yours to send with
C: MAIL FROM:<vorstand@example.org>
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 {{.*}}
C: MAIL FROM:<anna+news@example.org> RET=FULL ENVID=QQ314159
S: 250 2.1.0 {{.*}}
C: RCPT TO:<somebody@elsewhere.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Some+2Bbody@elsewhere.example
S: 250 2.1.5 {{.*}}
C: RCPT TO:<Somebody@Elsewhere.Example>
S: 250 2.1.5 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: RCPT TO:<nobody@example.org>
S: 550 5.1.1 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: two
C: Bcc: secret@elsewhere.example,
C:  other@elsewhere.example
C: To: somebody@elsewhere.example
C: 
C: text
C: .
S: 250 2.0.0 {{.*}}
@queue
M: <anna+news@example.org> -> <somebody@elsewhere.example> flags=16 notify=10 orcpt=rfc822;Some+body@elsewhere.example envid=QQ314159
@body
M: Received: {{.*}}
M: ...
M: Date: {{.*}}
M: Message-ID: <{{.*}}@mail.example.org>
M: Subject: two
M: To: somebody@elsewhere.example
M: 
M: text
@inbox ben@example.org
M: Return-Path: <anna+news@example.org>
M: ...
M: Subject: two
M: To: somebody@elsewhere.example
M: 
M: text
# From is one's own name, too; an office's while one holds it
C: MAIL FROM:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: From: Ben <ben@example.org>
C: Sender: anna@example.org
C: 
C: .
S: 550 5.7.1 The address in From is not yours to send with
C: MAIL FROM:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: From: Vorstand <vorstand@example.org>
C: 
C: .
S: 250 2.0.0 {{.*}}
@limit anna@example.org 2
C: MAIL FROM:<anna@example.org>
S: 250 {{.*}}
C: RCPT TO:<a@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<b@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<c@elsewhere.example>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Date: Tue, 24 Nov 2026 12:00:00 +0000
C: 
C: .
S: 450 4.7.1 {{.*}}
@queue
M: <anna+news@example.org> -> <somebody@elsewhere.example> {{.*}}
# LOGIN, in a mail transaction, and not over clear text from outside
@peer C2 submission outside
S2: 220 {{.*}}
C2: EHLO x.example
S2: ...
S2: 250-STARTTLS
S2: 250 HELP
C2: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S2: 538 5.7.11 {{.*}}
C2: STARTTLS
S2: 220 2.0.0 {{.*}}
C2: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S2: 503 5.5.1 {{.*}}
C2: EHLO x.example
S2: ...
S2: 250-AUTH PLAIN LOGIN SCRAM-SHA-256
S2: 250 HELP
C2: STARTTLS
S2: 503 5.5.1 {{.*}}
C2: AUTH LOGIN
S2: 334 VXNlcm5hbWU6
C2: YW5uYUBleGFtcGxlLm9yZw==
S2: 334 UGFzc3dvcmQ6
C2: Z2VoZWltLWVpbnM=
S2: 235 2.7.0 {{.*}}
@peer C3 submission binding
S3: 220 {{.*}}
C3: EHLO x.example
S3: ...
S3: 250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
S3: 250 HELP
