/* srs.h - sender rewriting (SRS): the local part that a forwarded mail's sender gets in our domain, and its way back.
 *
 *   SRS0=HASH=DAY=domain=local     a sender as it was
 *   SRS1=HASH=host=REST            one that another forwarder (host) has rewritten: REST follows its "SRS0"
 *   SRSL=HASH=DAY=TOKEN            too long for a local part; what TOKEN stands for the caller keeps
 * Pure text: the caller makes HASH (SRS_HASH_LEN letters) over srs_signed. Compared without case, in constant time, since
 * servers on the way may fold local parts. DAY is days since 1970 modulo 1024 in two letters.
 * Results in the arena. Source: the SRS paper of libspf2's authors (no RFC). Not good for: deciding who is rewritten
 * (domain/mail/forward.h). */
#pragma once
#include "base/arena.h"

#define SRS_HASH_LEN 8
#define SRS_DAYS 1024

enum srs_kind { SRS_PLAIN = 1, SRS_TWICE, SRS_LONG };
struct srs {
	enum srs_kind kind;
	struct span hash, body;      /* body: all behind the hash */
	struct span day, host, rest; /* rest: local part, what follows SRS0 at the host, or the token */
};

bool srs_parse(struct span local, struct srs *out);      /* false: no such local part */
/* What is hashed. */
struct span srs_signed(struct arena *a, enum srs_kind kind, struct span body);
/* First octets of a MAC (5 are used) as SRS_HASH_LEN letters. */
struct span srs_hash(struct arena *a, const unsigned char *mac);
bool srs_hash_equal(struct span x, struct span y);
/* Bodies: "DAY=domain=local", "host=REST" (local is the other's whole local part), "DAY=TOKEN". */
struct span srs_body(struct arena *a, int64_t day, struct span domain, struct span local);
struct span srs_body_again(struct arena *a, struct span host, struct span local);
struct span srs_body_long(struct arena *a, int64_t day, uint64_t token);
struct span srs_local(struct arena *a, enum srs_kind kind, struct span hash, struct span body);
/* Days since it was written, 0 to SRS_DAYS - 1; -1: unreadable. */
int srs_age(struct span day, int64_t today);
bool srs_token(struct span rest, uint64_t *out);
/* The address it stands for, local part unquoted; not for SRS_LONG. */
void srs_origin(struct arena *a, const struct srs *s, struct span *local_out, struct span *domain_out);
