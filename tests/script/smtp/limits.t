# The bounds of issue 2: the last that fits, the first that does not
# bound: SMTP_RCPT_MAX SMTP_HEADER_MAX SMTP_FIELDS_MAX SMTP_HOPS_MAX SMTP_SIZE_MAX
# bound: SMTP_LOCAL_MAX SMTP_PATH_MAX SMTP_ENVID_MAX SMTP_ORCPT_MAX
S: 220 {{.*}}
C: EHLO client.example
S: ...
S: 250 HELP
# recipients: 1,000
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
X: <<1000 RCPT TO:<anna+<#@example.org>\r\n>>
@times 1000
S: 250 2.1.5 {{.*}}
C: RCPT TO:<anna+last@example.org>
S: 452 4.5.3 Too many recipients
C: RCPT TO:<ben@example.org>
S: 452 4.5.3 Too many recipients
C: DATA
S: 354 {{.*}}
C: Subject: to many
C: 
C: .
S: 250 2.0.0 {{.*}}
@count ben@example.org
M: 0 messages
# size as declared
C: MAIL FROM:<x@elsewhere.example> SIZE=52428800
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example> SIZE=52428801
S: 552 5.3.4 {{.*}}
# header fields: 1,000
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<1000 X-A: b\r\n>>\r\n.\r\n
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<1001 X-A: b\r\n>>\r\n.\r\n
S: 552 5.3.4 Too many header fields
# header octets: 262,144
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<655 X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n>>X: <<137 z>>\r\n\r\n.\r\n
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<655 X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n>>X: <<138 z>>\r\n\r\n.\r\n
S: 552 5.3.4 Header too large
# Received fields: 50
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<50 Received: by a.example\r\n>>\r\n.\r\n
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
X: <<51 Received: by a.example\r\n>>\r\n.\r\n
S: 554 5.4.6 Too many hops: the mail goes round in circles
# local part: 64; domain: 255 and labels of 63; path: 256
X: MAIL FROM:\x3c<<64 a>>@elsewhere.example>\r\n
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
X: MAIL FROM:\x3c<<65 a>>@elsewhere.example>\r\n
S: 501 5.1.7 {{.*}}
C: MAIL FROM:<a@<<63 b>>.example>
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<a@<<64 b>>.example>
S: 501 5.1.7 {{.*}}
C: MAIL FROM:<a@<<125 b.>>cc>
S: 250 2.1.0 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<aa@<<125 b.>>cc>
S: 501 5.1.7 {{.*}}
C: MAIL FROM:<a@<<126 b.>>cc>
S: 501 5.1.7 {{.*}}
# ENVID: 100, ORCPT: 500
C: MAIL FROM:<x@elsewhere.example> ENVID=<<100 e>>
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ben@example.org> ORCPT=rfc822;<<480 o>>@elsewhere.ex
S: 250 2.1.5 {{.*}}
C: RCPT TO:<ben@example.org> ORCPT=rfc822;<<481 o>>@elsewhere.ex
S: 501 5.5.4 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<x@elsewhere.example> ENVID=<<101 e>>
S: 501 5.5.4 {{.*}}
# line: 2,048
C: NOOP <<2041 n>>
S: 250 2.0.0 {{.*}}
C: NOOP <<2042 n>>
S: 500 5.5.6 Line too long
