# Parameters of MAIL and RCPT: known, unknown, twice, malformed; what HELO does not offer; SMTPUTF8
S: 220 {{.*}}
C: EHLO client.example
S: ...
S: 250 HELP
C: MAIL FROM:<x@elsewhere.example> FOO=bar
S: 555 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> SIZE=abc
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> SIZE=52428801
S: 552 5.3.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> SIZE=99999999999999999999999999
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> BODY=9BIT
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> RET=SOME
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> ENVID=a+b
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> SMTPUTF8=yes
S: 555 5.5.4 Unknown parameter
C: MAIL FROM:<x@elsewhere.example> SIZE=1 SIZE=2
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<x@elsewhere.example> BODY=8BITMIME BODY=7BIT
S: 501 5.5.4 {{.*}}
C: MAIL FROM:<jürgen@elsewhere.example>
S: 553 5.6.7 {{.*}}
C: MAIL FROM:<x@elsewhere.example> AUTH=<> SIZE=10 BODY=7BIT RET=HDRS ENVID=a+2Bb
S: 250 2.1.0 {{.*}}
C: RCPT TO:<anna@example.org> NOTIFY=NEVER,SUCCESS
S: 501 5.5.4 {{.*}}
C: RCPT TO:<anna@example.org> ORCPT=anna
S: 501 5.5.4 {{.*}}
C: RCPT TO:<anna@example.org> FOO=bar
S: 555 5.5.4 {{.*}}
C: RCPT TO:<anna@example.org> NOTIFY=SUCCESS NOTIFY=DELAY
S: 501 5.5.4 {{.*}}
C: RCPT TO:<ännchen@example.org>
S: 553 5.6.7 {{.*}}
C: RCPT TO:<>
S: 501 5.1.3 {{.*}}
C: RCPT TO:<anna@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;anna@example.org
S: 250 2.1.5 {{.*}}
C: RSET
S: 250 2.0.0 {{.*}}
C: MAIL FROM:<jürgen@elsewhere.example> SMTPUTF8
S: 250 2.1.0 {{.*}}
C: RCPT TO:<ännchen@example.org>
S: 550 5.1.1 {{.*}}
C: RCPT TO:<anna@example.org>
S: 250 2.1.5 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: Grüße
C: 
C: .
S: 250 2.0.0 {{.*}}
@inbox anna@example.org
M: Return-Path: <jürgen@elsewhere.example>
M: Received: {{.*}}
M: {{.*}} with UTF8SMTP id {{.*}}
M: ...
M: Subject: Grüße
M: 
S1: 220 {{.*}}
C1: HELO old.example
S1: 250 mail.example.org
C1: MAIL FROM:<x@elsewhere.example> SIZE=10
S1: 555 5.5.4 {{.*}}
C1: MAIL FROM:<x@elsewhere.example>
S1: 250 2.1.0 {{.*}}
C1: RCPT TO:<anna@example.org> NOTIFY=NEVER
S1: 555 5.5.4 {{.*}}
C1: RCPT TO:<anna@example.org>
S1: 250 2.1.5 {{.*}}
C1: DATA
S1: 354 {{.*}}
C1: .
S1: 250 2.0.0 {{.*}}
@inbox anna@example.org
M: Return-Path: <x@elsewhere.example>
M: Received: {{.*}}
M: {{.*}} with SMTP id {{.*}}
M: 	for <anna@example.org>;
M: {{.*}}
S2: 220 {{.*}}
C2: EHLO -bad-
S2: 501 5.5.4 {{.*}}
