# protocols/mail.md section 7, as far as it touches SMTP: one part each
@peer C0 outside
S: 220 {{.*}}
# NUL in XCLIENT (2026-42395), which we do not speak anyway
X: XCLIENT NAME=a\0b ADDR=127.0.0.1\r\n
S: 500 5.5.2 NUL received
C: XCLIENT ADDR=127.0.0.1
S: 500 5.5.2 Command not recognised
C: EHLO client.example
S: ...
S: 250 HELP
# BDAT without MAIL: the chunk is read, not taken for commands
X: BDAT 12 LAST\r\nRSET\r\nQUIT\r\nNOOP\r\n
S: 503 5.5.1 Say MAIL first
S: 250 2.0.0 {{.*}}
# a size of nothing is no limit and no size
C: MAIL FROM:<x@elsewhere.example> SIZE=0
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
# FUTURERELEASE is not offered
C: MAIL FROM:<x@elsewhere.example> HOLDUNTIL=2030-01-01T00:00:00Z
S: 555 5.5.4 Unknown parameter
# addresses: control octets, quotes that end the string, source routes, percent hacks
X: MAIL FROM:<a\0b@elsewhere.example>\r\n
S: 500 5.5.2 NUL received
X: MAIL FROM:<a@elsewhere.example\r\nRCPT TO:<anna@example.org>\r\n
S: 501 5.1.7 Malformed address
S: 503 5.5.1 Say MAIL first
C: MAIL FROM:<"a\">@elsewhere.example>
S: 501 5.1.7 Malformed address
X: MAIL FROM:\x3c<<5000 (>>a@elsewhere.example>\r\n
S: 500 5.5.6 Line too long
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<anna%elsewhere.example@example.org>
S: 550 5.1.1 No such user here
C: RCPT TO:<@example.org:somebody@elsewhere.example>
S: 550 5.7.1 Relaying denied
C: RCPT TO:<anna@example.org@elsewhere.example>
S: 501 5.1.3 Malformed address
# header that is none (2026-27852): it comes in or it is refused, delivery does not stop
C: RCPT TO:<anna+keins@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: : nameless\r\nno colon at all\r\n folded: into nothing\r\n\x80\xff: bytes\r\nSubject\r\n:\r\n :\r\nFrom: <<300 (>>@\r\nTo: ,,;:,@,<>,"\r\nDate: Ja\r\nContent-Type: ;;;=;"\r\nContent-Transfer-Encoding: base65\r\nMIME-Version: -1\r\n\r\n\r\n.\r\n
S: 250 2.0.0 Taken
@count anna@example.org
M: 1 messages
@inbox anna@example.org
M: Return-Path: <x@elsewhere.example>
M: ...
M: : nameless
M: no colon at all
M:  folded: into nothing
M: ...
M: MIME-Version: -1
M: 
M: 
# no header at all, and nothing but a header
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: Subject: x\r\n.\r\n
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 3 messages
# bare CR and LF (2026-33604): refused whole, never taken for an end
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: Subject: x\r\n\r\na\r.\rMAIL FROM:<evil@elsewhere.example>\r.\r\n.\r\n
S: 550 5.6.0 Bare CR or LF in the message: every line must end with CR LF
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: Subject: x\r\n\r\na\r\n\0.\r\nb\r\n.\r\n
S: 550 5.6.0 NUL in the message
@count anna@example.org
M: 3 messages
# names that are no UTF-8 or that mean something in SQL (2026-40018)
@peer C1 submission
S1: 220 {{.*}}
C1: EHLO client.example
S1: ...
S1: 250 HELP
# NUL anna' OR '1'='1 NUL x
C1: AUTH PLAIN AGFubmEnIE9SICcxJz0nMQB4
S1: 535 5.7.8 Wrong name or password
# NUL BF 27 NUL x
C1: AUTH PLAIN AL8nAHg=
S1: 501 5.5.2 Name is not UTF-8
# a password too many NULs long
C1: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnMAeA==
S1: 501 5.5.2 NUL in password
# the password of another (2025-30189): first anna's is known, then it is tried for ben
@peer C2 submission
S2: 220 {{.*}}
C2: EHLO client.example
S2: ...
S2: 250 HELP
C2: AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAZ2VoZWltLWVpbnM=
S2: 235 2.7.0 {{.*}}
C1: AUTH PLAIN AGJlbkBleGFtcGxlLm9yZwBnZWhlaW0tZWlucw==
S1: 535 5.7.8 Wrong name or password
# what the gate keeps of a session is believed only whole (2026-40015)
@damage C2
@restart
C2: MAIL FROM:<anna@example.org>
S2: 250 2.1.0 {{.*}}
