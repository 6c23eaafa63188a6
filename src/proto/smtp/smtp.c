#include "proto/smtp/smtp.h"
#include <stdlib.h>
#include <string.h>
#include "proto/smtp/smtp_int.h"

enum { ON_SMTP = 1, ON_SUBMISSION = 2, ON_LMTP = 4, ON_MAIL = 3, ON_ALL = 7 };
enum { NEED_HELO = 1, NEED_LOGIN = 2 /* on submission */, INTERNAL = 4 };

const struct smtp_row smtp_rows[] = {
	{ "*GREETING", ON_ALL, INTERNAL, cmd_greeting, "5321 3.1" },
	{ "EHLO", ON_MAIL, 0, cmd_ehlo, "5321 4.1.1.1" },
	{ "HELO", ON_MAIL, 0, cmd_helo, "5321 4.1.1.1" },
	{ "LHLO", ON_LMTP, 0, cmd_lhlo, "2033 4.1" },
	{ "STARTTLS", ON_ALL, NEED_HELO, cmd_starttls, "3207" },
	{ "AUTH", ON_SUBMISSION, NEED_HELO, cmd_auth, "4954" },
	{ "*CONTINUE", ON_SUBMISSION, INTERNAL, cmd_continue, "4954 4" },
	{ "MAIL", ON_ALL, NEED_HELO | NEED_LOGIN, cmd_mail, "5321 4.1.1.2, 1870, 3461, 6531" },
	{ "RCPT", ON_ALL, NEED_HELO | NEED_LOGIN, cmd_rcpt, "5321 4.1.1.3, 3461" },
	{ "DATA", ON_ALL, NEED_HELO | NEED_LOGIN, cmd_data, "5321 4.1.1.4" },
	{ "*MESSAGE", ON_ALL, INTERNAL, cmd_message, "5321 4.1.1.4, 2033 4.2" },
	{ "BDAT", ON_ALL, NEED_HELO | NEED_LOGIN, cmd_bdat, "3030" },
	{ "RSET", ON_ALL, 0, cmd_rset, "5321 4.1.1.5" },
	{ "NOOP", ON_ALL, 0, cmd_noop, "5321 4.1.1.9" },
	{ "QUIT", ON_ALL, 0, cmd_quit, "5321 4.1.1.10" },
	{ "VRFY", ON_ALL, 0, cmd_vrfy, "5321 3.5" },
	{ "EXPN", ON_ALL, 0, cmd_expn, "5321 3.5" },
	{ "HELP", ON_ALL, 0, cmd_help, "5321 4.1.1.8" },
};
const size_t smtp_rows_n = sizeof(smtp_rows) / sizeof(*smtp_rows);

static const struct smtp_row *row_find(struct span verb)
{
	for (size_t i = 0; i < smtp_rows_n; i++)
		if (span_eqz(verb, smtp_rows[i].verb))
			return &smtp_rows[i];
	return NULL;
}

static void session_free(void *session)
{
	struct smtp_session *s = session;

	smtp_mail_end(s);
	sasl_server_free(s->sasl);
	free(s);
}

static void call_init(struct smtp_call *c, struct call *call)
{
	*c = (struct smtp_call){ .call = call, .arena = call->arena, .out = call->out, .s = call->session->proto,
		.org = call->house->org, .store = call->house->store, .tok = call->cmd->tok, .ntok = call->cmd->ntok,
		.service = call->session->service };
}

static int begin(struct call *call, struct span state)
{
	struct smtp_session *s = calloc(1, sizeof(*s));
	struct smtp_call c;

	if (!s)
		abort();
	call->session->proto = s;
	call->session->proto_free = session_free;
	call_init(&c, call);
	if (!state.n || smtp_state_load(&c, state, &call->err) == 0)
		return 0;
	buf_addf(call->out, "421 4.3.2 %s Please connect again\r\n", call->house->hostname);
	return call->err.code;
}

static unsigned service_bit(uint8_t service)
{
	return service == SVC_SUBMISSION ? ON_SUBMISSION : service == SVC_LMTP ? ON_LMTP : ON_SMTP;
}

static int run_row(struct smtp_call *c, const struct smtp_row *row, struct err *e)
{
	if (!row || !(row->services & service_bit(c->service)) ||
		!(row->needs & INTERNAL) != !(c->call->cmd->flags & CMD_INTERNAL))
		return smtp_no(c, ERR_SYNTAX, 502, "5.5.1", "Command is not offered here", e);
	if ((row->needs & NEED_HELO) && !c->s->helo_len)
		return smtp_no(c, ERR_SYNTAX, 503, "5.5.1", smtp_is_lmtp(c) ? "Say LHLO first" : "Say EHLO first", e);
	if ((row->needs & NEED_LOGIN) && smtp_is_submission(c) && !c->call->session->account_id)
		return smtp_no(c, ERR_DENIED, 530, "5.7.0", "Please sign in first", e);
	return row->run(c, e);
}

static void run(struct call *call)
{
	struct smtp_call c;

	call_init(&c, call);
	if (run_row(&c, row_find(call->cmd->verb), &call->err) < 0)
		smtp_error(&c, &call->err);
}

static int lane(struct span verb)
{
	return span_eqz(verb, "AUTH") || span_eqz(verb, "*CONTINUE") ? LANE_PASSWORD : LANE_INTERACTIVE;
}

/* How many replies does the peer wait for? LMTP has one for each recipient, which core may not know any more. */
static bool uncountable(const struct call *call)
{
	return call->session->service == SVC_LMTP &&
		(span_eqz(call->cmd->verb, "*MESSAGE") || span_eqz(call->cmd->verb, "BDAT"));
}

static void refuse(struct call *call, int err_class, bool sealed)
{
	const char *why = sealed ? "temporarily sealed" : err_class == ERR_LATER ? "too busy, please try again" :
		"internal error, please try again";

	if (span_eqz(call->cmd->verb, "QUIT")) {
		buf_addf(call->out, "221 2.0.0 %s Bye\r\n", call->house->hostname);
		call->reply->next = NEXT_CLOSE;
	} else if (span_eqz(call->cmd->verb, "*GREETING") || uncountable(call)) {
		buf_addf(call->out, "421 4.3.2 %s %s\r\n", call->house->hostname, why);
		call->reply->next = NEXT_CLOSE;
	} else {
		buf_addf(call->out, "450 4.3.2 %s\r\n", why);
		if (span_eqz(call->cmd->verb, "BDAT"))
			call->reply->mood = MOOD_BAD_COMMAND; /* the gate drops what it has gathered */
	}
}

const struct proto smtp_proto = { .name = "smtp", .begin = begin, .run = run, .lane = lane, .refuse = refuse };
