# Aliases, groups, tags, circles; what an alias sends outside and gets back stops
@alias team@example.org anna@example.org ben@example.org friend@elsewhere.example
@alias away@example.org far@elsewhere.example
@alias ring1@example.org ring2@example.org
@alias ring2@example.org ring1@example.org
@alias @example.org ben@example.org
S: 220 {{.*}}
C: EHLO client.example
S: ...
S: 250 HELP
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<team@example.org>
S: 250 {{.*}}
C: RCPT TO:<away@example.org>
S: 250 {{.*}}
C: RCPT TO:<anna+drafts@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: Subject: to all
C: 
C: .
S: 250 2.0.0 {{.*}}
@count anna@example.org
M: 1 messages
@count ben@example.org
M: 1 messages
@queue
M: <SRS0={{[A-Z2-7]+=[A-Z2-7]+}}=elsewhere.example=x@example.org> -> <friend@elsewhere.example> {{.*}}
M: <SRS0={{[A-Z2-7]+=[A-Z2-7]+}}=elsewhere.example=x@example.org> -> <far@elsewhere.example> {{.*}}
@body
M: X-Kontor-Loop: {{[0-9a-f]+}}
M: X-Kontor-Loop: {{[0-9a-f]+}}
M: Received: {{.*}}
M: ...
M: Subject: to all
M: 
@inbox ben@example.org
M: Return-Path: <x@elsewhere.example>
M: Received: {{.*}}
M: ...
M: Subject: to all
M: 
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<nobody-knows@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 250 2.0.0 {{.*}}
@count ben@example.org
M: 2 messages
C: MAIL FROM:<x@elsewhere.example>
S: 250 {{.*}}
C: RCPT TO:<ring1@example.org>
S: 250 {{.*}}
C: DATA
S: 354 {{.*}}
C: .
S: 550 5.1.1 {{.*}}
@bounce away@example.org
M: 354 {{.*}}
M: 554 5.4.6 {{.*}}
@bounce team@example.org
M: 354 {{.*}}
M: 554 5.4.6 {{.*}}
@bounce anna@example.org
M: 354 {{.*}}
M: 250 2.0.0 {{.*}}
