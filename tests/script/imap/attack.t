# protocols/mail.md section 7, as far as it touches IMAP before MIME
S: * OK {{.*}} ready
# excessive parentheses before sign-in (2026-27857)
C: a1 NOOP <<2000 (>>
S: a1 BAD Too many arguments or too many parentheses
# ID with very many parameters before sign-in (2026-42391)
C: a2 ID (<<40 "a" "b" >>"c" "d")
S: a2 BAD ID is too long
# invalid base64 in AUTHENTICATE (2025-59028)
C: a3 AUTHENTICATE PLAIN ====
S: a3 BAD Not base64
C: a4 AUTHENTICATE PLAIN AAAA*
S: a4 BAD Not base64
# literals before sign-in are small
C: a5 LOGIN {100000000+}
S: a5 BAD Literal too large
# names that are no UTF-8 or that mean something in SQL (2026-40018)
S2: * OK {{.*}} ready
C2: a6 LOGIN "anna' OR '1'='1" x
S2: a6 NO [AUTHENTICATIONFAILED] Wrong name or password
X2: a6 LOGIN {2+}\r\n\xbf' {1+}\r\nx\r\n
S2: a6 NO [AUTHENTICATIONFAILED] Wrong name or password
X2: a6 LOGIN {3+}\r\na\0b {1+}\r\nx\r\n
S2: a6 BAD A literal with NUL has to be a literal8
# the password of another (2025-30189)
S3: * OK {{.*}} ready
C3: a0 LOGIN anna@example.org geheim-eins
S3: a0 OK {{.*}}
C2: a7 LOGIN ben@example.org geheim-eins
S2: a7 NO [AUTHENTICATIONFAILED] Wrong name or password
# COMPRESS: no other algorithm
C3: a2 COMPRESS LZ4
S3: a2 BAD Only DEFLATE is known
# not offered, so not to be attacked: XCLIENT and the like
C3: a3 X-DOVECOT-STATE AAAA
S3: a3 BAD Unknown command
# quotes and line ends in what comes back
C3: a4 ID ("name" "a\"b\\c")
S3: * ID {{.*}}
S3: a4 OK {{.*}}
X3: a5 SELECT {9+}\r\na\r\nb NOOP\r\n
S3: a5 BAD Mailbox name is not valid UTF-7
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
# LIST wildcards (2026-33607)
C1: a1 CREATE "<<200 a>>"
S1: a1 OK {{.*}}
C1: a2 LIST "" "<<300 %*>>b"
S1: a2 OK LIST completed
# bound: IMAP_PATTERN_MAX
C1: a3 LIST "" "<<512 %*>>"
S1: ...
S1: a3 OK LIST completed
C1: a3 LIST "" "<<512 %*>>%"
S1: a3 NO [TOOBIG] Pattern too long
C1: a4 SELECT INBOX
S1: ...
S1: a4 OK {{.*}}
# nested search keys; keys in all
# (bounds: test_imap_parse.c)
C1: a5 SEARCH <<31 NOT >>SEEN
S1: * SEARCH
S1: a5 OK SEARCH completed
C1: a5 SEARCH <<32 NOT >>SEEN
S1: a5 NO [LIMIT] Search keys nested too deep
C1: a5 SEARCH <<1000 NOT >>SEEN
S1: a5 NO [LIMIT] Search keys nested too deep
C1: a6 SEARCH <<1022 SEEN >>ALL
S1: * SEARCH
S1: a6 OK SEARCH completed
C1: a6 SEARCH <<1023 SEEN >>ALL
S1: a6 NO [LIMIT] Too many search keys
# huge sets
C1: a7 UID FETCH <<13000 <#,>>32768 FLAGS
S1: a7 BAD Command line too long
C1: a7 UID FETCH <<32768 1:2,>>1 FLAGS
S1: a7 BAD Command line too long
C1: a7 UID FETCH 1:4294967295 FLAGS
S1: a7 OK FETCH completed
C1: a8 UID FETCH 4294967296 FLAGS
S1: a8 BAD Bad sequence set
# parts that are too deep
# bound: IMAP_PART_MAX
C1: a9 UID FETCH 1 BODY[<<31 1.>>1]
S1: a9 OK FETCH completed
C1: a9 UID FETCH 1 BODY[<<32 1.>>1]
S1: a9 NO [LIMIT] Part path too deep
# internal verbs are the gate's
C1: b3 *SYNC
S1: b3 BAD Command missing or malformed
C1: b3 *CONTINUE "AAAA"
S1: b3 BAD Command missing or malformed
# RFC 2231 parameters without end (2026-27859): 64 are read, the mail is kept whole
X1: b1 APPEND INBOX {23445+}\r\nContent-Type: multipart/mixed; boundary=x<<2000 ; a*<#=b>>\r\n\r\n<<500 --x\r\n\r\n\r\n>>--x--\r\n\r\n
S1: * 1 EXISTS
S1: * 0 RECENT
S1: b1 OK {{.*}}
C1: b2 FETCH 1 (RFC822.SIZE BODYSTRUCTURE)
S1: * 1 FETCH (RFC822.SIZE 23445 BODYSTRUCTURE (<<500 ("text" "plain" NIL NIL NIL "7bit" 0 0 NIL NIL NIL NIL)>> "mixed" ("boundary" "x"<<63  "a*<#" "b">>) NIL NIL NIL))
S1: b2 OK FETCH completed
# 100 multiparts in each other: the structure ends at 32, the rest is one leaf, nothing is lost
X1: b3 APPEND INBOX {5392+}\r\n<<100 Content-Type: multipart/mixed; boundary=b<#\r\n\r\n--b<#\r\n>>\r\ndeep\r\n\r\n
S1: * 2 EXISTS
S1: * 0 RECENT
S1: b3 OK {{.*}}
C1: b4 FETCH 2 BODYSTRUCTURE
S1: * 2 FETCH (BODYSTRUCTURE <<31 (>>("text" "plain" ("boundary" "b32") NIL NIL "7bit" 3689 207 NIL NIL NIL NIL){{(( "mixed" [(]"boundary" "b[0-9]+"[)] NIL NIL NIL[)]){31})}})
S1: b4 OK FETCH completed
C1: b5 FETCH 2 (RFC822.SIZE BODY.PEEK[<<30 1.>>1.MIME])
S1: * 2 FETCH (RFC822.SIZE 5392 BODY[<<31 1.>>MIME] {47}
S1: Content-Type: multipart/mixed; boundary=b32
S1: 
S1: )
S1: b5 OK FETCH completed
C1: b5 FETCH 2 (BODY.PEEK[<<31 1.>>1.MIME])
S1: * 2 FETCH (BODY[1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.MIME] NIL)
S1: b5 OK FETCH completed
# 100 messages in each other
X1: b6 APPEND INBOX {3225+}\r\n<<100 Content-Type: message/rfc822\r\n\r\n>>Subject: inside\r\n\r\ndeep\r\n\r\n
S1: * 3 EXISTS
S1: * 0 RECENT
S1: b6 OK {{.*}}
C1: b7 FETCH 3 (RFC822.SIZE BODYSTRUCTURE)
S1: * 3 FETCH (RFC822.SIZE 3225 BODYSTRUCTURE {{(([(]"message" "rfc822" NIL NIL NIL "7bit" [0-9]+ [(](NIL ?){10}[)] ){31})}}("application" "octet-stream" NIL NIL NIL "7bit" 2201 NIL NIL NIL NIL){{(( [0-9]+ NIL NIL NIL NIL[)]){31})}})
S1: b7 OK FETCH completed
# bound: MIME_SUMMARY_STRING_MAX
# comments nested in addresses without end, and quotes that never close
X1: b8 APPEND INBOX {55052+}\r\nFrom: <<5000 (>>a@b.example\r\nTo: "<<5000 \\\\\\">>\r\nSubject: =?utf-8?q?<<3000 =?utf-8?q?>>\r\n\r\nx\r\n\r\n
S1: * 4 EXISTS
S1: * 0 RECENT
S1: b8 OK {{.*}}
C1: b9 FETCH 4 (RFC822.SIZE ENVELOPE)
S1: * 4 FETCH (RFC822.SIZE 55052 ENVELOPE (NIL "<<819 =?utf-8?q?>>=?" NIL NIL NIL ((NIL NIL "<<4096 \\\">>" "")) NIL NIL NIL NIL))
S1: b9 OK FETCH completed
# raw UTF-8 in the header is not sent to who did not ask for it
X1: c1 APPEND INBOX {81+}\r\nContent-Type: text/plain; name="Gr\xc3\xbc\xc3\x9fe.txt"\r\nContent-Description: Gr\xc3\xbc\xc3\x9fe\r\n\r\nx\r\n\r\n
S1: * 5 EXISTS
S1: * 0 RECENT
S1: c1 OK {{.*}}
C1: c2 FETCH 5 BODYSTRUCTURE
S1: * 5 FETCH (BODYSTRUCTURE ("text" "plain" ("name" "=?utf-8?B?R3LDvMOfZS50eHQ=?=") NIL "=?utf-8?B?R3LDvMOfZQ==?=" "7bit" 3 1 NIL NIL NIL NIL))
S1: c2 OK FETCH completed
# keywords run out
# bound: MAILBOX_KEYWORDS_MAX
C1: d1 STORE 1 +FLAGS.SILENT (<<58 k<# >>k1)
S1: * FLAGS (\Seen \Answered \Flagged \Deleted \Draft<<58  k<#>>)
S1: * OK [PERMANENTFLAGS (\Seen \Answered \Flagged \Deleted \Draft<<58  k<#>>)] Flags that are kept
S1: d1 OK STORE completed
C1: d2 STORE 1 +FLAGS.SILENT (k59)
S1: d2 NO [LIMIT] No more keywords in this mailbox
# who copies into a mailbox what it holds already
C1: d3 COPY 5 INBOX
S1: * 6 EXISTS
S1: * 0 RECENT
S1: d3 OK [COPYUID {{[0-9]+}} 5 6] COPY completed
# what the gate keeps of a session is believed only whole (2026-40015, 33606)
@damage C1
@restart
C1: e1 NOOP
S1: ...
S1: e1 OK Completed
