# CHUNKING and BINARYMIME: chunks, order, what stays refused
@peer C0 outside
S: 220 {{.*}}
C: EHLO client.example
S: ...
S: 250 HELP
C: BDAT 3 LAST
X: abc
S: 503 5.5.1 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: BDAT 3
X: abc
S: 554 5.5.1 No valid recipients
C: RSET
S: 250 {{.*}}
C: MAIL FROM:<x@elsewhere.example> BODY=BINARYMIME
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: DATA
S: 503 5.5.1 {{.*}}
C: BDAT 14
X: Subject: bdat\n
S: 250 2.0.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 503 5.5.1 {{.*}}
C: DATA
S: 503 5.5.1 {{.*}}
C: BDAT 6
X: \n\0\xff.\r\n
S: 250 2.0.0 {{.*}}
C: BDAT 0 LAST
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 1 messages
C: MAIL FROM:<x@elsewhere.example> BODY=8BITMIME
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: BDAT 17 LAST
X: Subject: x\r\n\r\nab\n
S: 550 5.6.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 {{.*}}
C: BDAT 12
X: Subject: x\r\n
S: 250 {{.*}}
C: BDAT 7 LAST
X: \r\na.b\r\n
S: 250 2.0.0 {{.*}}
@inbox anna@example.org
M: ...
M: Subject: x
M: 
M: a.b
@count anna@example.org
M: 2 messages
