#include "proto/imap/imap.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "domain/mail/acl.h"
#include "proto/imap/context.h"
#include "proto/imap/imap_int.h"
#include "proto/imap/notify.h"

static const struct imap_row rows[] = {
	{ "CAPABILITY", ST_ANY, 0, imap_cmd_capability, "9051 6.1.1" },
	{ "NOOP", ST_ANY, TX_READ, imap_noop, "9051 6.1.2" },
	{ "LOGOUT", ST_ANY, NO_SYNC, imap_logout, "9051 6.1.3" },
	{ "ID", ST_ANY, 0, imap_id, "2971" },
	{ "STARTTLS", ST_GUEST, NO_SYNC, imap_starttls, "9051 6.2.1" },
	{ "AUTHENTICATE", ST_GUEST, NO_SYNC, imap_authenticate, "9051 6.2.2, 4959" },
	{ "LOGIN", ST_GUEST, NO_SYNC, imap_login, "9051 6.2.3" },
	{ "ENABLE", ST_AUTH | ST_SELECTED, 0, imap_enable, "5161, 9051 6.3.1" },
	{ "COMPRESS", ST_LOGGED_IN, NO_SYNC, imap_compress, "4978" },
	{ "SELECT", ST_LOGGED_IN, TX_READ | NO_SYNC, imap_select, "9051 6.3.2, 7162" },
	{ "EXAMINE", ST_LOGGED_IN, TX_READ | NO_SYNC, imap_examine, "9051 6.3.3" },
	{ "CREATE", ST_LOGGED_IN, TX_WRITE, imap_create, "9051 6.3.4, 6154" },
	{ "DELETE", ST_LOGGED_IN, TX_WRITE, imap_delete, "9051 6.3.5" },
	{ "RENAME", ST_LOGGED_IN, TX_WRITE, imap_rename, "9051 6.3.6" },
	{ "SUBSCRIBE", ST_LOGGED_IN, TX_WRITE, imap_subscribe, "9051 6.3.7" },
	{ "UNSUBSCRIBE", ST_LOGGED_IN, TX_WRITE, imap_unsubscribe, "9051 6.3.8" },
	{ "LIST", ST_LOGGED_IN, TX_READ, imap_list, "9051 6.3.9, 5258, 5819, 6154, 8438" },
	{ "LSUB", ST_LOGGED_IN, TX_READ, imap_lsub, "3501 6.3.9" },
	{ "NAMESPACE", ST_LOGGED_IN, 0, imap_namespace, "9051 6.3.10" },
	{ "STATUS", ST_LOGGED_IN, TX_READ, imap_status_cmd, "9051 6.3.11" },
	{ "APPEND", ST_LOGGED_IN, 0, imap_append, "9051 6.3.12, 3502, 4315" },
	{ "GETMETADATA", ST_LOGGED_IN, TX_READ, imap_getmetadata, "5464 4.2" },
	{ "SETMETADATA", ST_LOGGED_IN, TX_WRITE, imap_setmetadata, "5464 4.3" },
	{ "SETACL", ST_LOGGED_IN, TX_WRITE, imap_setacl, "4314 3.1" },
	{ "DELETEACL", ST_LOGGED_IN, TX_WRITE, imap_deleteacl, "4314 3.2" },
	{ "GETACL", ST_LOGGED_IN, TX_READ, imap_getacl, "4314 3.3" },
	{ "LISTRIGHTS", ST_LOGGED_IN, TX_READ, imap_listrights, "4314 3.4" },
	{ "MYRIGHTS", ST_LOGGED_IN, TX_READ, imap_myrights, "4314 3.5" },
	{ "IDLE", ST_LOGGED_IN, TX_READ | NO_SYNC, imap_idle, "9051 6.3.13" },
	{ "NOTIFY", ST_LOGGED_IN, 0, imap_notify, "5465 3" },
	{ "GETQUOTA", ST_LOGGED_IN, TX_READ, imap_getquota, "9208 4.1" },
	{ "GETQUOTAROOT", ST_LOGGED_IN, TX_READ, imap_getquotaroot, "9208 4.2" },
	{ "CLOSE", ST_SELECTED, NO_SYNC, imap_close, "9051 6.4.1" },
	{ "UNSELECT", ST_SELECTED, NO_SYNC, imap_unselect_cmd, "9051 6.4.2" },
	{ "CHECK", ST_SELECTED, TX_READ, imap_check, "3501 6.4.1" },
	{ "EXPUNGE", ST_SELECTED, TX_WRITE | READ_WRITE | EXPUNGES, imap_expunge, "9051 6.4.3" },
	{ "UID EXPUNGE", ST_SELECTED, TX_WRITE | READ_WRITE | BY_UID | EXPUNGES, imap_uid_expunge, "9051 6.4.9" },
	{ "SEARCH", ST_SELECTED, TX_READ | HOLD_EXPUNGE | NUMBERS, imap_search, "9051 6.4.4, 4731, 5182, 5032, 7162" },
	{ "UID SEARCH", ST_SELECTED, TX_READ | BY_UID, imap_search, "9051 6.4.9" },
	{ "SORT", ST_SELECTED, TX_READ | HOLD_EXPUNGE | NUMBERS, imap_sort, "5256, 5957, 5267" },
	{ "UID SORT", ST_SELECTED, TX_READ | BY_UID, imap_sort, "5256" },
	{ "THREAD", ST_SELECTED, TX_READ | HOLD_EXPUNGE | NUMBERS, imap_thread, "5256" },
	{ "UID THREAD", ST_SELECTED, TX_READ | BY_UID, imap_thread, "5256" },
	{ "FETCH", ST_SELECTED, HOLD_EXPUNGE | NUMBERS, imap_fetch, "9051 6.4.5, 7162, 3516, 8474, 8514" },
	{ "UID FETCH", ST_SELECTED, BY_UID, imap_fetch, "9051 6.4.9" },
	{ "STORE", ST_SELECTED, TX_WRITE | HOLD_EXPUNGE | READ_WRITE | NUMBERS, imap_store, "9051 6.4.6, 7162" },
	{ "UID STORE", ST_SELECTED, TX_WRITE | BY_UID | READ_WRITE, imap_store, "9051 6.4.9" },
	{ "COPY", ST_SELECTED, TX_WRITE | NUMBERS, imap_copy, "9051 6.4.7" },
	{ "UID COPY", ST_SELECTED, TX_WRITE | BY_UID, imap_copy, "9051 6.4.9" },
	{ "MOVE", ST_SELECTED, TX_WRITE | READ_WRITE | NUMBERS | EXPUNGES, imap_move, "9051 6.4.8" },
	{ "UID MOVE", ST_SELECTED, TX_WRITE | BY_UID | READ_WRITE | EXPUNGES, imap_move, "9051 6.4.9" },
	{ "CANCELUPDATE", ST_SELECTED, 0, imap_cancelupdate, "5267 4.3.5" },
	{ "ESEARCH", ST_LOGGED_IN, TX_READ | BY_UID, imap_esearch, "7377" },
	{ "UIDBATCHES", ST_SELECTED, TX_READ | BY_UID, imap_uidbatches, "10022" },
	{ "REPLACE", ST_SELECTED, READ_WRITE | NUMBERS | EXPUNGES, imap_replace, "8508" },
	{ "UID REPLACE", ST_SELECTED, READ_WRITE | BY_UID | EXPUNGES, imap_replace, "8508" },
	{ "*GREETING", ST_ANY, NO_SYNC, imap_greeting, "9051 7.1.4" },
	{ "*CONTINUE", ST_GUEST, NO_SYNC, imap_continue, "9051 6.2.2" },
	{ "*SYNC", ST_LOGGED_IN, TX_READ | NO_SYNC, imap_sync_idle, "9051 6.3.13" },
	{ "*NOTICE", ST_LOGGED_IN, TX_READ | NO_SYNC, imap_notice, "5465 3" },
	{ "*DONE", ST_LOGGED_IN, TX_READ, imap_done, "9051 6.3.13" },
};

const struct imap_row *imap_row_find(struct span verb)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (span_eqz(verb, rows[i].verb))
			return &rows[i];
	return NULL;
}

static void drop_saved(struct imap_session *s)
{
	free(s->saved.v);
	s->saved = (struct imap_set){ 0 };
}

void imap_unselect(struct imap_call *c)
{
	struct imap_session *s = c->s;

	if (s->view.mailbox_id)
		mail_view_close(&s->view);
	s->view = (struct mail_view){ 0 };
	s->box_id = s->box_account = 0;
	s->rights = 0;
	s->readonly = s->box_shared = false;
	drop_saved(s);
	contexts_free(s);
	if (s->at == ST_SELECTED)
		s->at = ST_AUTH;
	c->call->house->watch(c->call->house, c->call->session->id, 0);
}

void imap_session_free(void *session)
{
	struct imap_session *s = session;

	if (s->view.mailbox_id)
		mail_view_close(&s->view);
	drop_saved(s);
	sasl_free(s->sasl);
	if (s->more)
		arena_free(s->more);
	notify_free(s->notify);
	contexts_free(s);
	free(s);
}

static void call_init(struct imap_call *c, struct call *call)
{
	*c = (struct imap_call){ .call = call, .arena = call->arena, .out = call->out, .s = call->session->proto,
		.org = call->house->org, .store = call->house->store, .who = call->session->account_id };
}

static int begin(struct call *call, struct span state)
{
	struct imap_session *s = calloc(1, sizeof(*s));
	struct imap_call c;

	if (!s)
		abort();
	s->at = ST_GUEST;
	call->session->proto = s;
	call->session->proto_free = imap_session_free;
	call_init(&c, call);
	if (!state.n || imap_state_load(&c, state, &call->err) == 0)
		return 0;
	buf_reset(call->out);
	buf_addz(call->out, call->err.code == ERR_LATER ? "* BYE [UNAVAILABLE] Try again later\r\n" :
		"* BYE The mailbox has changed, please connect again\r\n");
	return call->err.code;
}

/* The retried part of a command: starts from scratch every time. */
static int attempt(struct tx *tx, void *arg, struct err *e)
{
	struct imap_call *c = arg;
	int r;

	buf_reset(c->out);
	while (c->nseg)
		close(c->seg[--c->nseg].fd);
	c->tx = tx;
	c->args.at = 0;
	c->code = SPAN_NONE;
	c->no_code = NULL;
	c->limit_uid = 0;
	c->answered = false;
	c->n_own = 0;
	c->reached = 0;
	c->lesson = (struct imap_lesson){ 0 };
	c->event_account = 0;
	r = c->row->run(c, e);
	if (r >= 0 && !c->answered && !(c->row->flags & (NO_SYNC | TX_WRITE)) && c->s->at == ST_SELECTED)
		r = imap_sync(c, !(c->row->flags & HOLD_EXPUNGE), e);
	c->tx = NULL;
	return r;
}

static int sync_after(struct imap_call *c, struct err *e)
{
	return imap_sync(c, !(c->row->flags & HOLD_EXPUNGE), e);
}

/* Is the mailbox still the client's to see? A term of office may have ended since, an entry may be gone. */
static int check_rights(struct imap_call *c, struct err *e)
{
	return acl_rights(c->org, c->tx, c->arena, c->who, c->s->box_account, c->s->box_id, &c->s->rights, e);
}

static int run_row(struct imap_call *c, struct err *e)
{
	const struct imap_row *row = c->row;
	bool selected = row->states == ST_SELECTED;

	if ((c->call->cmd->flags & CMD_MORE) && (!c->s->more || row->run != c->s->more_run))
		return imap_no(e, ERR_LATER, "Please ask again");
	if (!(row->states & c->s->at))
		return imap_bad(e, c->s->at == ST_GUEST ? "Please sign in first" :
			selected ? "No mailbox is selected" : "Already signed in");
	if ((row->flags & NUMBERS) && c->s->uidonly)
		return imap_uid_required(c, e);
	if (c->s->box_shared && c->s->at == ST_SELECTED) {
		if (imap_in_read(c, check_rights, e) < 0)
			return e->code;
		if (!(c->s->rights & RIGHT_READ)) {
			buf_addz(c->out, "* BYE The right to this mailbox has ended\r\n");
			c->call->reply->next = NEXT_CLOSE;
			return imap_no(e, ERR_DENIED, "The right to this mailbox has ended");
		}
	}
	if ((row->flags & READ_WRITE) && c->s->readonly)
		return imap_no(e, ERR_DENIED, "The mailbox is read-only");
	if (row->flags & TX_READ)
		return store_read(c->store, attempt, c, e);
	if (row->flags & TX_WRITE)
		return store_write(c->store, attempt, c, e);
	return row->run(c, e);
}

/* Bytes of out and descriptors of large bodies in turn. */
static void put_segments(struct imap_call *c)
{
	struct reply *r = c->call->reply;
	size_t at = 0;

	for (size_t i = 0; i < c->nseg; i++) {
		if (c->seg[i].at > at)
			reply_bytes(r, span_sub(buf_span(c->out), at, c->seg[i].at - at));
		r->seg[r->nseg++] = (struct segment){ .fd = c->seg[i].fd, .off = 0, .len = c->seg[i].len };
		at = c->seg[i].at;
	}
	if (c->nseg && c->out->n > at)
		reply_bytes(r, span_from(buf_span(c->out), at));
}

static void run(struct call *call)
{
	struct imap_call c;
	struct err *e = &call->err;
	struct err ignored = ERR_INIT;
	int r;

	call_init(&c, call);
	if (!(call->cmd->flags & CMD_MORE)) {
		c.s->progress_us = time_mono_us() + (int64_t)call->house->progress_ms * 1000;
		c.s->progress_told = 0;
	}
	c.row = imap_row_find(call->cmd->verb);
	c.args = imap_args(call->cmd->tok, call->cmd->ntok);
	c.text = "Completed";
	if (!c.row || (call->cmd->verb.p[0] == '*') != !!(call->cmd->flags & CMD_INTERNAL)) {
		c.row = NULL;
		imap_bad(e, "Unknown command");
		imap_tagged(&c, e);
		return;
	}
	c.uid = c.row->flags & BY_UID;
	call->log_verb = c.row->verb;
	r = run_row(&c, e);
	if (r >= 0) {
		imap_learn(&c);
		imap_events_run(&c);
	}
	if (r >= 0 && c.reached)
		c.s->view.modseq = c.reached;
	if ((r < 0 || !c.reached || c.event_account) && !c.answered && c.s->at == ST_SELECTED && !(c.row->flags & NO_SYNC) &&
		(r < 0 || !(c.row->flags & TX_READ)) && call->reply->next != NEXT_CLOSE &&
		imap_in_read(&c, sync_after, &ignored) < 0 && r >= 0)
		*e = ignored;
	if (call->reply->next != NEXT_CLOSE && call->reply->next != NEXT_MORE) {
		contexts_tell_lost(&c);
		if (c.s->notify)
			notify_tell(&c);
	}
	if (!c.answered)
		imap_tagged(&c, e);
	if (c.s->notify && call->reply->next == NEXT_READ)
		call->reply->next = NEXT_NOTIFY;
	put_segments(&c);
	if (call->reply->next != NEXT_MORE)
		imap_more_end(c.s);
	if (c.s->at != ST_GUEST)
		imap_state_save(&c);
}

static int lane(struct span verb)
{
	static const char *const bulk[] = { "SEARCH", "UID SEARCH", "SORT", "UID SORT", "THREAD", "UID THREAD", "ESEARCH" };

	if (span_eqz(verb, "LOGIN") || span_eqz(verb, "AUTHENTICATE") || span_eqz(verb, "*CONTINUE"))
		return LANE_PASSWORD;
	for (size_t i = 0; i < sizeof(bulk) / sizeof(*bulk); i++)
		if (span_eqz(verb, bulk[i]))
			return LANE_BULK;
	return LANE_INTERACTIVE;
}

static void refuse(struct call *call, int err_class, bool sealed)
{
	const struct cmd *cmd = call->cmd;
	bool greeting = span_eqz(cmd->verb, "*GREETING"), notice = span_eqz(cmd->verb, "*NOTICE");
	const struct imap_session *s = call->session->proto;
	const char *say = sealed ? "temporarily sealed" : err_class == ERR_LATER ? "too busy, try again" :
		"Internal error";
	const char *code = err_class == ERR_LATER || sealed ? "UNAVAILABLE" : "SERVERBUG";

	if (s && s->notify)
		call->reply->next = NEXT_NOTIFY;
	if (notice && !sealed)
		return;
	if (greeting || notice || span_eqz(cmd->verb, "*SYNC")) {
		if (greeting || sealed)
			buf_addf(call->out, "* BYE [%s] %s\r\n", code, say);
		call->reply->next = greeting || sealed ? NEXT_CLOSE : NEXT_IDLE;
		return;
	}
	if (span_eqz(cmd->verb, "LOGOUT")) {
		buf_addz(call->out, "* BYE Good bye\r\n");
		call->reply->next = NEXT_CLOSE;
	}
	buf_add(call->out, cmd->tag.n ? cmd->tag : SPAN("*"));
	buf_addf(call->out, " %s [%s] %s\r\n", call->reply->next == NEXT_CLOSE ? "OK" : "NO", code, say);
}

const struct proto imap_proto = { .name = "imap", .begin = begin, .run = run, .lane = lane, .refuse = refuse };
