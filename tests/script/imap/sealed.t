# Sealed: a new connection is told and closed, a running one gets NO, both work again afterwards
S: * OK {{.*}} ready
C: a1 LOGIN anna@example.org geheim-eins
S: a1 OK {{.*}}
C: a2 SELECT INBOX
S: ...
S: a2 OK {{.*}}
@seal
S1: * BYE [UNAVAILABLE] temporarily sealed
S1: (closed)
C: a3 FETCH 1 FLAGS
S: a3 NO [UNAVAILABLE] temporarily sealed
C: a4 NOOP
S: a4 NO [UNAVAILABLE] temporarily sealed
@unseal
C: a5 NOOP
S: a5 OK Completed
