/* pop_int.h - inside proto/pop: the session and what its commands share. */
#pragma once
#include "domain/mail/message.h"
#include "domain/org/sasl_server.h"
#include "proto/pop/pop.h"

struct pop_message {
	uint32_t uid;
	uint64_t size;
	bool gone;                        /* DELE */
};
struct pop_session {
	char user[256];                   /* after USER */
	size_t user_len;
	struct sasl *sasl;
	bool utf8, german;                /* LANG de */
	uint64_t box_id;
	uint32_t uidvalidity;
	struct pop_message *v;            /* malloc'ed */
	size_t n;
};

typedef void pop_handler(struct call *c);

static inline struct pop_session *pop_session(const struct call *c)
{
	return c->session->proto;
}
/* pop.c */
void pop_ok(struct call *c, const char *text);
/* "-ERR [code] text"; code NULL: none. Counts as a bad command when class is ERR_SYNTAX. */
void pop_err(struct call *c, int class, const char *code, const char *text);
void pop_fail(struct call *c, const struct err *e);
/* pop_lang.c: the text in the session's language, or as it is when there is no German for it. */
const char *pop_text(const struct call *c, const char *english);
bool pop_secure(const struct call *c);
/* Argument i, or none. */
struct span pop_arg(const struct call *c, size_t i);
/* pop_auth.c, pop_drop.c, pop_lang.c */
pop_handler pop_user, pop_pass, pop_auth, pop_continue, pop_stat, pop_list, pop_uidl, pop_retr, pop_top, pop_dele,
	pop_rset, pop_quit, pop_lang;
/* The account of c->session is known: takes the picture. */
void pop_signed_in(struct call *c);
