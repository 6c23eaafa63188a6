# Of a message's references the last 32 count
# bound: MAIL_THREAD_REFS_MAX
S: * OK {{.*}} ready
C: a0 LOGIN anna@example.org geheim-eins
S: a0 OK {{.*}}
C: a1 APPEND INBOX {34+}
C: Message-ID: <r1@x>
C: Subject: A
C: 
C:  {294+}
C: Message-ID: <b@x>
C: Subject: B
C: References: <<32 <r<#@x> >>
C: 
C:  {34+}
C: Message-ID: <s1@x>
C: Subject: C
C: 
C:  {302+}
C: Message-ID: <d@x>
C: Subject: D
C: References: <<33 <s<#@x> >>
C: 
C: 
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
C: a3 THREAD REFS UTF-8 ALL
S: * THREAD {{.*}}
S: a3 OK {{.*}}
