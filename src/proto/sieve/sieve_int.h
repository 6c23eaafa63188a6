/* sieve_int.h - what the files of proto/sieve share. */
#pragma once
#include "base/buf.h"
#include "codec/sieve/managesieve.h"
#include "domain/org/sasl_server.h"
#include "proto/sieve/sieve.h"

struct sieve_session {
	struct sasl *sasl;           /* an exchange under way */
};
static inline struct sieve_session *sieve_session(struct call *c)
{
	return c->session->proto;
}

/* "OK", "NO" or "BYE", a code in parentheses or NULL, a sentence. */
void sieved_say(struct call *c, const char *what, const char *code, struct span text);
void sieved_fail(struct call *c, const struct err *e);       /* NO, by class */
void sieved_bad(struct call *c, const char *say);            /* NO, counted by the gate */
void sieved_save(struct call *c);
bool sieved_secure(const struct call *c);
void sieved_capability(struct call *c);

typedef void sieve_handler(struct call *c);
sieve_handler sieved_authenticate, sieved_continue;
sieve_handler sieved_havespace, sieved_putscript, sieved_checkscript, sieved_listscripts, sieved_setactive, sieved_getscript,
	sieved_deletescript, sieved_renamescript;
