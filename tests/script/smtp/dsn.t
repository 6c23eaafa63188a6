# Reports by SMTP itself: success when asked, a member of a group that is full, never to nobody in silence
@alias team@example.org anna@example.org last@example.org
@alias postmaster@example.org anna@example.org
@full last@example.org
S: 220 {{.*}}
C: EHLO client.example
S: ...
S: 250 HELP
C: MAIL FROM:<ben@example.org> ENVID=E1
S: 250 {{.*}}
C: RCPT TO:<anna@example.org> NOTIFY=SUCCESS ORCPT=rfc822;Anna@example.org
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: tell me
C: 
C: secret text
C: .
S: 250 2.0.0 {{.*}}
@inbox ben@example.org
M: Return-Path: <>
M: From: {{.*}}<MAILER-DAEMON@mail.example.org>
M: To: <ben@example.org>
M: Subject: Your mail was delivered
M: ...
M: Original-Envelope-Id: E1
M: Reporting-MTA: dns; mail.example.org
M: Arrival-Date: {{.*}}
M: 
M: Original-Recipient: rfc822;Anna@example.org
M: Final-Recipient: rfc822;anna@example.org
M: Action: delivered
M: Status: 2.0.0
M: ...
M: Subject: tell me
M: ...
M: --{{.*}}--
# a member is full: the others have it, the sender hears of it
C: MAIL FROM:<ben@example.org>
S: 250 {{.*}}
C: RCPT TO:<team@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: for the team
C: 
C: .
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 2 messages
@count last@example.org
M: 0 messages
@inbox ben@example.org
M: ...
M: Subject: Your mail could not be delivered
M: ...
M: Final-Recipient: rfc822;team@example.org
M: Action: failed
M: Status: 5.2.2
M: ...
M: --{{.*}}--
# NOTIFY=NEVER is silent; the null sender's failure goes to postmaster
C: MAIL FROM:<ben@example.org>
S: 250 {{.*}}
C: RCPT TO:<team@example.org> NOTIFY=NEVER
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 250 2.0.0 {{.*}}
@count ben@example.org
M: 2 messages
C: MAIL FROM:<>
S: 250 {{.*}}
C: RCPT TO:<team@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: from nobody
C: 
C: .
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 5 messages
@inbox anna@example.org
M: ...
M: Subject: Your mail could not be delivered
M: ...
M: Subject: from nobody
M: ...
M: --{{.*}}--
# the sender itself is full: it hears of it all the same
@full ben@example.org
C: MAIL FROM:<ben@example.org>
S: 250 {{.*}}
C: RCPT TO:<team@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 250 2.0.0 {{.*}}
@count ben@example.org
M: 3 messages
# to an outside sender it is queued, from nobody
C: MAIL FROM:<x@elsewhere.example> RET=HDRS
S: 250 {{.*}}
C: RCPT TO:<team@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: hello
C: 
C: secret text
C: .
S: 250 2.0.0 {{.*}}
@queue
M: <> -> <x@elsewhere.example> flags=32 {{.*}}
@body
M: From: {{.*}}
M: ...
M: Subject: hello
M: 
M: 
M: --{{.*}}--
# nobody at all can have it: no report, a refusal
C: MAIL FROM:<x@elsewhere.example> SIZE=100
S: 250 {{.*}}
C: RCPT TO:<last@example.org>
S: 452 4.2.2 {{.*}}
C: RSET
S: 250 {{.*}}
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<last@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 452 4.2.2 {{.*}}
@queue
M: <> -> <x@elsewhere.example> {{.*}}
