# SEARCH: keys, umlauts, encoded words, charsets, ESEARCH, SEARCHRES, MODSEQ
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 APPEND INBOX (\Flagged $Junk) "23-Nov-2026 10:00:00 +0000" {454+}
C: Date: Mon, 23 Nov 2026 20:36:35 +0100
C: From: =?utf-8?Q?Eva_M=C3=BCller?= <eva@example.org>
C: To: anna@example.org
C: Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
C: Message-ID: <1@example.org>
C: MIME-Version: 1.0
C: Content-Type: multipart/mixed; boundary=x
C: 
C: --x
C: Content-Type: text/plain; charset=utf-8
C: Content-Transfer-Encoding: quoted-printable
C: 
C: Sch=C3=B6ne Worte
C: --x
C: Content-Type: application/octet-stream
C: Content-Transfer-Encoding: base64
C: 
C: SGFsbG8=
C: --x--
S: a1 OK {{.*}}
C: a2 APPEND INBOX (\Seen) "01-Jan-2020 10:00:00 +0000" {37+}
C: Subject: zwei
C: X-Art: Brief
C: 
C: nichts
S: a2 OK {{.*}}
C: a3 SELECT INBOX
S: ...
S: a3 OK {{.*}}
C: s1 SEARCH ALL
S: * SEARCH 1 2
S: s1 OK SEARCH completed
C: s2 SEARCH 1
S: * SEARCH 1
S: s2 OK SEARCH completed
C: s3 SEARCH *
S: * SEARCH 2
S: s3 OK SEARCH completed
C: s4 SEARCH UID 2
S: * SEARCH 2
S: s4 OK SEARCH completed
C: s5 SEARCH SEEN
S: * SEARCH 2
S: s5 OK SEARCH completed
C: s6 SEARCH UNSEEN
S: * SEARCH 1
S: s6 OK SEARCH completed
C: s7 SEARCH FLAGGED
S: * SEARCH 1
S: s7 OK SEARCH completed
C: s8 SEARCH KEYWORD $Junk
S: * SEARCH 1
S: s8 OK SEARCH completed
C: s9 SEARCH UNKEYWORD $Junk
S: * SEARCH 2
S: s9 OK SEARCH completed
C: s10 SEARCH KEYWORD $Nope
S: * SEARCH
S: s10 OK SEARCH completed
C: s11 SEARCH SUBJECT zwei
S: * SEARCH 2
S: s11 OK SEARCH completed
C: s12 SEARCH SUBJECT {7+}
C: grüsse
S: * SEARCH 1
S: s12 OK SEARCH completed
C: s13 SEARCH CHARSET UTF-8 SUBJECT {7+}
C: GRÜSSE
S: * SEARCH 1
S: s13 OK SEARCH completed
C: s14 SEARCH FROM {7+}
C: müller
S: * SEARCH 1
S: s14 OK SEARCH completed
C: s15 SEARCH FROM eva@example.org
S: * SEARCH 1
S: s15 OK SEARCH completed
C: s16 SEARCH TO anna
S: * SEARCH 1
S: s16 OK SEARCH completed
C: s17 SEARCH CC anna
S: * SEARCH
S: s17 OK SEARCH completed
C: s18 SEARCH BODY {7+}
C: schöne
S: * SEARCH 1
S: s18 OK SEARCH completed
C: s19 SEARCH TEXT {7+}
C: schöne
S: * SEARCH 1
S: s19 OK SEARCH completed
C: s20 SEARCH TEXT {7+}
C: SCHÖNE
S: * SEARCH 1
S: s20 OK SEARCH completed
C: s21 SEARCH BODY subject
S: * SEARCH
S: s21 OK SEARCH completed
C: s22 SEARCH TEXT zwei
S: * SEARCH 2
S: s22 OK SEARCH completed
C: s23 SEARCH HEADER X-Art brief
S: * SEARCH 2
S: s23 OK SEARCH completed
C: s24 SEARCH HEADER X-Art ""
S: * SEARCH 2
S: s24 OK SEARCH completed
C: s25 SEARCH HEADER Message-ID "<1@example"
S: * SEARCH 1
S: s25 OK SEARCH completed
C: s26 SEARCH SINCE 1-Jan-2026
S: * SEARCH 1
S: s26 OK SEARCH completed
C: s27 SEARCH BEFORE 1-Jan-2026
S: * SEARCH 2
S: s27 OK SEARCH completed
C: s28 SEARCH ON 1-Jan-2020
S: * SEARCH 2
S: s28 OK SEARCH completed
C: s29 SEARCH SENTON 23-Nov-2026
S: * SEARCH 1
S: s29 OK SEARCH completed
C: s30 SEARCH SENTSINCE 24-Nov-2026
S: * SEARCH
S: s30 OK SEARCH completed
C: s31 SEARCH LARGER 100
S: * SEARCH 1
S: s31 OK SEARCH completed
C: s32 SEARCH SMALLER 100
S: * SEARCH 2
S: s32 OK SEARCH completed
C: s33 SEARCH OR SUBJECT zwei FLAGGED
S: * SEARCH 1 2
S: s33 OK SEARCH completed
C: s34 SEARCH NOT FLAGGED
S: * SEARCH 2
S: s34 OK SEARCH completed
C: s35 SEARCH NOT (OR FLAGGED SEEN)
S: * SEARCH
S: s35 OK SEARCH completed
C: s36 SEARCH OR (SEEN SUBJECT zwei) NOT SEEN
S: * SEARCH 1 2
S: s36 OK SEARCH completed
C: s37 SEARCH SEEN BODY nichts
S: * SEARCH 2
S: s37 OK SEARCH completed
C: s38 SEARCH UNDELETED UNDRAFT
S: * SEARCH 1 2
S: s38 OK SEARCH completed
C: s39 SEARCH RECENT
S: * SEARCH
S: s39 OK SEARCH completed
C: s40 SEARCH NEW
S: * SEARCH
S: s40 OK SEARCH completed
C: s41 SEARCH OLD
S: * SEARCH 1 2
S: s41 OK SEARCH completed
C: s42 SEARCH OLDER 100000000
S: * SEARCH 2
S: s42 OK SEARCH completed
C: t1 SEARCH CHARSET ISO-8859-1 SUBJECT {4+}
C: Gr��
S: * SEARCH 1
S: t1 OK SEARCH completed
C: t2 SEARCH CHARSET KLINGON SUBJECT x
S: t2 NO [BADCHARSET ({{.*UTF-8.*}})] {{.+}}
C: t3 UID SEARCH RETURN (MIN MAX COUNT ALL) ALL
S: * ESEARCH (TAG "t3") UID MIN 1 MAX 2 ALL 1:2 COUNT 2
S: t3 OK SEARCH completed
C: t4 SEARCH RETURN (COUNT) KEYWORD $Nope
S: * ESEARCH (TAG "t4") COUNT 0
S: t4 OK SEARCH completed
C: t5 SEARCH RETURN (SAVE) SEEN
S: t5 OK SEARCH completed
C: t6 FETCH $ UID
S: * 2 FETCH (UID 2)
S: t6 OK FETCH completed
C: t7 SEARCH NOT $
S: * SEARCH 1
S: t7 OK SEARCH completed
C: t8 SEARCH MODSEQ 1
S: * OK [HIGHESTMODSEQ {{[0-9]+}}] {{.*}}
S: * SEARCH 1 2 (MODSEQ {{[0-9]+}})
S: t8 OK SEARCH completed
C: t9 SEARCH
S: t9 BAD {{.+}}
C: u1 SEARCH NONSENSE
S: u1 BAD {{.+}}
C: u2 ENABLE IMAP4rev2
S: * ENABLED IMAP4rev2
S: u2 OK Completed
C: u3 SEARCH SEEN
S: * ESEARCH (TAG "u3") ALL 2
S: u3 OK SEARCH completed
C: u4 SEARCH KEYWORD $Nope
S: * ESEARCH (TAG "u4")
S: u4 OK SEARCH completed
