# FILTERS (RFC 5466): search criteria kept on the server
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.* FILTERS .*}}] Signed in
C: a1 APPEND INBOX (\Seen) {40+}
C: Subject: eins
C: From: eva@example.org
C: 
C:  () {48+}
C: Subject: Grüße zwei
C: From: ben@example.org
C: 
C:  (\Flagged) {13+}
C: Subject: drei
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: b1 SETMETADATA "" (/private/filters/values/on-the-road "OR FLAGGED FROM \"eva@example.org\"")
S: b1 OK SETMETADATA completed
C: c1 SEARCH FILTER on-the-road
S: * SEARCH 1 3
S: c1 OK SEARCH completed
C: c2 SEARCH UID 1:2 FILTER On-The-Road SEEN
S: * SEARCH 1
S: c2 OK SEARCH completed
C: c3 SEARCH NOT FILTER on-the-road
S: * SEARCH 2
S: c3 OK SEARCH completed
# several keys are one
C: b2 SETMETADATA "" (/private/filters/values/two "UNSEEN UNFLAGGED" /private/filters/values/three {28+}
C: FUZZY SUBJECT "GRÜSSE Zwei" /private/filters/descriptions/three "freundlich")
S: b2 OK SETMETADATA completed
C: c4 SEARCH NOT FILTER two
S: * SEARCH 1 3
S: c4 OK SEARCH completed
C: c5 SEARCH OR SEEN FILTER three
S: * SEARCH 1 2
S: c5 OK SEARCH completed
C: c6 SEARCH RETURN (RELEVANCY ALL) FILTER three
S: * ESEARCH (TAG "c6") ALL 2 RELEVANCY (100)
S: c6 OK SEARCH completed
C: c7 SORT (REVERSE ARRIVAL) UTF-8 FILTER on-the-road
S: * SORT {{(1 3|3 1)}}
S: c7 OK SORT completed
C: c8 THREAD ORDEREDSUBJECT US-ASCII FILTER three
S: * THREAD (2)
S: c8 OK THREAD completed
C: c9 ESEARCH IN (personal) RETURN (COUNT) FILTER two
S: * ESEARCH (TAG "c9" MAILBOX INBOX UIDVALIDITY {{[0-9]+}}) UID COUNT 1
S: c9 OK ESEARCH completed
# what is not there; charsets
C: d1 SEARCH FILTER nope
S: d1 NO [UNDEFINED-FILTER nope] No such filter
C: d2 SEARCH CHARSET ISO-8859-1 FILTER two
S: d2 BAD [BADCHARSET (UTF-8 US-ASCII)] Filters are in UTF-8
C: d3 SEARCH CHARSET us-ascii FILTER two
S: * SEARCH 2
S: d3 OK SEARCH completed
C: d4 SEARCH FILTER
S: d4 BAD Name of a filter expected
C: d5 SEARCH FILTER a/b
S: d5 BAD Name of a filter expected
# only whole criteria are kept
C: e1 SETMETADATA "" (/private/filters/values/x "OR SMALLER")
S: e1 NO [CANNOT] Not a search criterion
C: e2 SETMETADATA "" (/private/filters/values/x "")
S: e2 NO [CANNOT] Not a search criterion
C: e3 SETMETADATA "" (/private/filters/values/x/y "ALL")
S: e3 NO [CANNOT] Not the name of a filter
C: e4 SETMETADATA "" (/private/filters/values/x {14+}
C: SUBJECT {1}
C: a)
S: e4 NO [CANNOT] Not a search criterion
C: e5 SETMETADATA "" (/shared/filters/values/x "ALL")
S: e5 NO [NOPERM] {{.*}}
C: e6 SETMETADATA "" (/private/filters/values/two NIL)
S: e6 OK SETMETADATA completed
C: e7 SEARCH FILTER two
S: e7 NO [UNDEFINED-FILTER two] No such filter
# one names others, eight deep; loops end; what one command becomes is bounded
C: f1 SETMETADATA "" (/private/filters/values/f0 "SEEN" /private/filters/values/f1 "FILTER f0" /private/filters/values/f2 "FILTER f1" /private/filters/values/f3 "NOT FILTER f2" /private/filters/values/f4 "FILTER f3" /private/filters/values/f5 "FILTER f4" /private/filters/values/f6 "FILTER f5" /private/filters/values/f7 "FILTER f6" /private/filters/values/f8 "FILTER f7" /private/filters/values/loop "ALL (FILTER pool)" /private/filters/values/pool "FILTER loop")
S: f1 OK SETMETADATA completed
C: f2 SEARCH FILTER f7
S: * SEARCH 2 3
S: f2 OK SEARCH completed
C: f3 SEARCH FILTER f8
S: f3 NO [UNDEFINED-FILTER f0] No such filter
C: f4 SEARCH FILTER loop
S: f4 NO [UNDEFINED-FILTER loop] No such filter
C: f5 SETMETADATA "" (/private/filters/values/b0 "SEEN SEEN SEEN SEEN" /private/filters/values/b1 "FILTER b0 FILTER b0 FILTER b0 FILTER b0" /private/filters/values/b2 "FILTER b1 FILTER b1 FILTER b1 FILTER b1" /private/filters/values/b3 "FILTER b2 FILTER b2 FILTER b2 FILTER b2" /private/filters/values/b4 "FILTER b3 FILTER b3 FILTER b3 FILTER b3")
S: f5 OK SETMETADATA completed
C: f6 SEARCH FILTER b2
S: * SEARCH 1
S: f6 OK SEARCH completed
C: f7 SEARCH FILTER b4
S: f7 NO [LIMIT] Too many filters in one search
# numbers in a filter under UIDONLY
C: g1 SETMETADATA "" (/private/filters/values/first "1")
S: g1 OK SETMETADATA completed
C: g2 ENABLE UIDONLY
S: * ENABLED UIDONLY
S: g2 OK Completed
C: g3 UID SEARCH FILTER first
S: g3 BAD [UIDREQUIRED] With UIDONLY messages have no numbers
