# COMPRESS: who may, what, once; it outlives core
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK [CAPABILITY {{.*}} COMPRESS=DEFLATE {{.*}}] Signed in
C: a1 COMPRESS
S: a1 BAD COMPRESS takes an algorithm
C: a2 COMPRESS LZ4
S: a2 BAD Only DEFLATE is known
C: a3 COMPRESS DEFLATE FAST
S: a3 BAD {{.+}}
C: a4 COMPRESS deflate
S: a4 OK DEFLATE begins
C: a5 COMPRESS DEFLATE
S: a5 NO [COMPRESSIONACTIVE] Compression is active already
C: a6 CAPABILITY
S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR UTF8=ACCEPT {{.*}}
S: a6 OK Completed
@restart
C: a7 COMPRESS DEFLATE
S: a7 NO [COMPRESSIONACTIVE] Compression is active already
