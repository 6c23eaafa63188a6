# protocols/mail.md section 7, as far as it touches IMAP before MIME
S: * OK {{.*}} ready
# excessive parentheses before sign-in (2026-27857)
C: a1 NOOP <<2000 (>>
S: a1 BAD {{.+}}
# ID with very many parameters before sign-in (2026-42391)
C: a2 ID (<<40 "a" "b" >>"c" "d")
S: a2 BAD {{.+}}
# invalid base64 in AUTHENTICATE (2025-59028)
C: a3 AUTHENTICATE PLAIN ====
S: a3 BAD {{.+}}
C: a4 AUTHENTICATE PLAIN AAAA*
S: a4 BAD {{.+}}
# literals before sign-in are small
C: a5 LOGIN {100000000+}
S: {{.*}} BAD {{.+}}
S1: * OK {{.*}} ready
C1: a0 LOGIN anna@example.org geheim-eins
S1: a0 OK {{.*}}
# LIST wildcards (2026-33607)
C1: a1 CREATE "<<200 a>>"
S1: a1 OK {{.*}}
C1: a2 LIST "" "<<300 %*>>b"
S1: a2 OK LIST completed
C1: a3 LIST "" "<<2000 %*>>"
S1: a3 NO [TOOBIG] {{.+}}
C1: a4 SELECT INBOX
S1: ...
S1: a4 OK {{.*}}
# nested search keys
C1: a5 SEARCH <<1000 NOT >>SEEN
S1: a5 {{BAD|NO}} {{.+}}
C1: a6 SEARCH <<3000 SEEN >>ALL
S1: a6 {{BAD|NO}} {{.+}}
# huge sets
C1: a7 UID FETCH <<40000 1,>>1 FLAGS
S1: a7 {{BAD|NO|OK}} {{.+}}
C1: a8 UID FETCH 4294967296 FLAGS
S1: a8 BAD {{.+}}
# a part path that is too deep
C1: a9 UID FETCH 1 BODY[<<60 1.>>1]
S1: a9 {{BAD|NO}} {{.+}}
# MIME that nests and RFC 2231 parameters without end (2026-27859)
C1: b1 APPEND INBOX {15545+}
C1: Content-Type: multipart/mixed; boundary=x<<2000 ; a*0=b>>
C1: 
C1: <<500 --x>>
S1: * 1 EXISTS
S1: * 0 RECENT
S1: b1 OK {{.*}}
C1: b2 FETCH 1 BODYSTRUCTURE
S1: * 1 FETCH (BODYSTRUCTURE {{.*}})
S1: b2 OK FETCH completed
# internal verbs are the gate's
C1: b3 *SYNC
S1: b3 BAD {{.+}}
# keywords run out
C1: b4 STORE 1 +FLAGS (<<1 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16 k17 k18 k19 k20 k21 k22 k23 k24 k25 k26 k27 k28 k29 k30 k31 k32 k33 k34 k35 k36 k37 k38 k39 k40 k41 k42 k43 k44 k45 k46 k47 k48 k49 k50 k51 k52 k53 k54 k55 k56 k57 k58 k59>>)
S1: b4 NO [LIMIT] {{.+}}
