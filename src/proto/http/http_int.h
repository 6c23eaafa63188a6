/* http_int.h - what the files of proto/http share: the request as handlers see it, and how they answer.
 *
 * A handler answers exactly once. Nothing it says may depend on whether an address exists. */
#pragma once
#include "base/buf.h"
#include "codec/http/http_write.h"
#include "proto/http/http.h"

enum { /* what the Host of a request is; a route says for which it is there */
	HOST_HOUSE = 1,                   /* the server's name, a domain of ours, this machine */
	HOST_AUTOCONFIG = 2, HOST_AUTODISCOVER = 4, HOST_MTA_STS = 8,   /* autoconfig.DOMAIN and the like */
};

struct http_request {
	struct span method, host, path, query, body;
	unsigned port;
	bool close, head_only, german;
	unsigned hosts;
	struct span domain;               /* of ours, that the host stands for; none for the server's name */
	struct span organisation;         /* its name, or none */
	const struct cmd *cmd;
};
/* A field of the request that occurs once, or none. */
struct span http_field(const struct http_request *q, const char *name);
/* Status, security fields, type, length, body. more: further field lines with their line ends, or none. */
void http_say(struct call *c, const struct http_request *q, int status, const char *type, struct span more, struct span body);
void http_error(struct call *c, const struct http_request *q, int status);
/* The same as 200; the gate puts the body into a signature. */
void http_say_signed(struct call *c, const struct http_request *q, const char *type, struct span more, struct span body);
/* A parameter of the query, decoded; a '+' stays. */
struct span http_parameter(struct call *c, const struct http_request *q, const char *name);
/* Has this text the form of an address with a domain of ours? 0, or, without e: ERR_MISSING (no text), ERR_SYNTAX, ERR_DENIED
 * (another's domain); e: the store's errors. Whether the address exists is not asked. */
int http_own_address(struct call *c, struct span address, struct span *domain_out, struct err *e);

/* How mail programs reach this house, the best first; setup.c. */
struct mail_way {
	const char *kind;                 /* "imap", "pop3", "smtp" */
	unsigned port;
	bool tls;                         /* from the first byte; else STARTTLS */
};
extern const struct mail_way mail_ways[6];

typedef int http_handler(struct call *c, struct http_request *q, struct err *e);
http_handler http_autoconfig, http_autodiscover, http_autodiscover_json, http_mobileconfig, http_mta_sts, http_setup, http_style;
