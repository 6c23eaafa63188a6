# What a message may not be: bare LF or CR, NUL, too large, too many hops or fields; what is tolerated
@peer C0 outside
S: 220 {{.*}}
C: EHLO client.example
S: ...
S: 250 HELP
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: Subject: smuggled\r\n\r\ntext\n.\nMAIL FROM:<evil@elsewhere.example>\r\n.\r\n
S: 550 5.6.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: a\r\n\r.\r\nb\r\n.\r\n
S: 550 5.6.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: a\r\n\0\r\n.\r\n
S: 550 5.6.0 {{.*}}
@max 2000
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: <<2100 x>>
C: .
S: 552 5.3.4 {{.*}}
@max 52428800
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<51 Received: from x by y; Tue, 24 Nov 2026 12:00:00 +0000\r\n>>\r\n.\r\n
S: 554 5.4.6 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<1001 X-A: b\r\n>>\r\n.\r\n
S: 552 5.3.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: X-A: <<263000 a>>\r\n\r\n.\r\n
S: 552 5.3.4 {{.*}}
@count anna@example.org
M: 0 messages
# an empty message, one without header, one larger than 64 KiB, 8 bit in the header
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Hello Anna
C: how are you?
C: .
S: 250 2.0.0 {{.*}}
@inbox anna@example.org
M: Return-Path: <x@elsewhere.example>
M: Received: {{.*}}
M: 	by {{.*}}
M: 	for {{.*}}
M: 	{{.*}}
M: 
M: Hello Anna
M: how are you?
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
X: Subject: Gr\xfc\xdfe\r\n\r\n<<100000 0123456789abcdef>>\r\n.\r\n
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 3 messages
