/* cmd_append.c - APPEND of one or many messages, all or none (RFC 9051 6.3.12, 3502, 4315); REPLACE and UID REPLACE
 * of one message by another, both or neither (RFC 8508).
 *
 * replace = "REPLACE" SP (nz-number / "*") SP mailbox append-message
 * append-message = [SP flag-list] [SP date-time] SP append-data
 * append-data =/ "UTF8" SP "(" literal8 ")"                         (RFC 6855 section 4)
 * append-data =/ "CATENATE" ...                                     (cmd_catenate.c)
 * Bytes are kept as the client sent them. Large literals lie in the gate's spool: it is mapped when it can be
 * sealed against shrinking, else read. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "codec/imap/imap_date.h"
#include "proto/imap/append.h"

#define MESSAGES_MAX 256

struct one {
	struct span *flags;
	size_t n_flags;
	int64_t received_sec;
	struct span bytes;
	struct buf whole;                 /* of CATENATE */
	struct email_prepared email;
	bool prepared, catenated;
};

struct append {
	struct span name, map;
	struct imap_set old;              /* REPLACE: the message that goes */
	bool replace, mapped;
	struct one v[MESSAGES_MAX];
	size_t n;
	struct mailbox box;
	struct imap_set uids;
};

static int spool_map(struct imap_call *c, struct append *ap, struct err *e)
{
	const struct cmd *cmd = c->call->cmd;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, have;
	off_t len = lseek(cmd->spool_fd, 0, SEEK_END);
	void *p;

	if (ap->map.p)
		return 0;
	if (len < 0 || (uint64_t)len < cmd->spool_len)
		return err_set(e, ERR_BROKEN, "", "spool is shorter than announced");
	(void)fcntl(cmd->spool_fd, F_ADD_SEALS, seals);
	have = fcntl(cmd->spool_fd, F_GET_SEALS);
	if (have > 0 && (have & F_SEAL_SHRINK)) {
		p = mmap(NULL, cmd->spool_len, PROT_READ, MAP_PRIVATE, cmd->spool_fd, 0);
		if (p == MAP_FAILED)
			return err_errno(e, "mmap of the spool");
		ap->map = SPAN_BYTES(p, cmd->spool_len);
		ap->mapped = true;
		return 0;
	}
	p = arena_alloc(c->arena, cmd->spool_len + 1);
	if (io_pread_full(cmd->spool_fd, p, cmd->spool_len, 0, e) < 0)
		return e->code;
	ap->map = SPAN_BYTES(p, cmd->spool_len);
	return 0;
}

static void append_free(struct append *ap)
{
	for (size_t i = 0; i < MESSAGES_MAX; i++) {
		if (ap->v[i].prepared)
			email_prepared_fini(&ap->v[i].email);
		if (ap->v[i].catenated)
			buf_fini(&ap->v[i].whole);
	}
	if (ap->mapped)
		munmap((void *)(uintptr_t)ap->map.p, ap->map.n);
}

int append_literal(struct imap_call *c, struct append *ap, struct imap_args *g, struct span *out, struct err *e)
{
	const struct cmd *cmd = c->call->cmd;
	const struct tok *t = imap_args_peek(g);

	if (!t || (t->kind != TOK_STRING && t->kind != TOK_SPOOL))
		return imap_bad(e, "Message literal expected");
	if (t->kind == TOK_SPOOL) {
		if (cmd->spool_fd < 0 || t->off > cmd->spool_len || t->len > cmd->spool_len - t->off)
			return imap_bad(e, "Message literal expected");
		if (spool_map(c, ap, e) < 0)
			return e->code;
		*out = span_sub(ap->map, t->off, t->len);
	} else {
		*out = t->text;
	}
	g->at++;
	return 0;
}

static int take_bytes(struct imap_call *c, struct append *ap, struct one *m, struct err *e)
{
	bool wrapped = imap_args_word(&c->args, "UTF8");

	if (!wrapped && imap_args_word(&c->args, "CATENATE")) {
		m->catenated = true;
		if (append_catenate(c, ap, &m->whole, e) < 0)
			return e->code;
		m->bytes = buf_span(&m->whole);
		return m->bytes.n ? 0 : imap_no(e, ERR_PARAM, "An empty message is not stored");
	}
	if (wrapped && (!c->s->utf8 || !imap_args_open(&c->args)))
		return imap_bad(e, "UTF8 takes a literal, after ENABLE UTF8=ACCEPT");
	if (append_literal(c, ap, &c->args, &m->bytes, e) < 0)
		return e->code;
	if (wrapped && !imap_args_close(&c->args))
		return imap_bad(e, "UTF8 takes one literal");
	if (!m->bytes.n)
		return imap_no(e, ERR_PARAM, "An empty message is not stored");
	return 0;
}

static int take_one(struct imap_call *c, struct append *ap, struct err *e)
{
	struct one *m = &ap->v[ap->n];
	struct imap_args look;
	struct span date;
	int zone;

	m->received_sec = time_real_sec();
	if (imap_args_is_list(&c->args)) {
		if (imap_arg_flags(c, &m->flags, &m->n_flags, e) < 0)
			return e->code;
	}
	look = c->args;
	if (look.at + 1 < look.n && look.v[look.at].kind == TOK_STRING &&
		look.v[look.at + 1].kind != TOK_OPEN && look.v[look.at + 1].kind != TOK_CLOSE &&
		look.v[look.at].text.n == 26 && imap_args_string(&look, &date) &&
		imap_date_time_parse(date, &m->received_sec, &zone, e) == 0)
		c->args = look;
	else if (e->code)
		return e->code;
	if (take_bytes(c, ap, m, e) < 0)
		return e->code;
	ap->n++;
	return 0;
}

struct put {
	struct imap_call *c;
	struct append *ap;
};

/* Before the new message comes, so that the quota has its room. */
static int remove_old(struct imap_call *c, struct append *ap, struct err *e)
{
	struct imap_set gone = { 0 };
	struct mailbox from;
	uint64_t modseq;

	if (imap_box(c, &from, e) < 0 ||
		message_expunge(c->org, c->tx, c->arena, &from, &ap->old, true, &gone, &modseq, e) < 0)
		return e->code;
	if (gone.n)
		return 0;
	c->no_code = "EXPUNGEISSUED";
	return imap_no(e, ERR_MISSING, "The message is gone");
}

static int put_all(struct tx *tx, void *arg, struct err *e)
{
	struct put *t = arg;
	struct imap_call *c = t->c;
	struct append *ap = t->ap;

	c->tx = tx;
	ap->uids = (struct imap_set){ 0 };
	c->no_code = NULL;
	c->event_account = 0;
	if (mailbox_find(c->org, tx, c->arena, c->who, ap->name, &ap->box, e) < 0) {
		if (e->code == ERR_MISSING)
			c->no_code = "TRYCREATE";
		return e->code;
	}
	if (mailbox_need(&ap->box, RIGHT_INSERT, e) < 0)
		return e->code;
	if (ap->replace && remove_old(c, ap, e) < 0)
		return e->code;
	for (size_t i = 0; i < ap->n; i++) {
		struct message_put to = { .mailbox_id = ap->box.id, .account_id = ap->box.account_id,
			.received_sec = ap->v[i].received_sec };
		uint32_t uid;

		if (imap_flag_bits(c, &ap->box, ap->v[i].flags, ap->v[i].n_flags, ap->box.rights & RIGHT_WRITE, &to.flags, e) < 0)
			return e->code;
		to.flags &= mailbox_flags_mask(ap->box.rights); /* the others are left out, RFC 4314 section 4 */
		if (message_put(c->org, tx, c->arena, &ap->v[i].email, &to, 1, &uid, NULL, e) < 0) {
			if (e->code == ERR_LIMIT)
				c->no_code = "OVERQUOTA";
			return e->code;
		}
		imap_set_add(c->arena, &ap->uids, uid);
	}
	return imap_event(c, &ap->box, EVENT_APPEND, &ap->uids, e);
}

/* Refused before the bodies are compressed and sealed. */
static int may_append(struct imap_call *c, struct err *e)
{
	struct imap_args start = imap_args(c->call->cmd->tok, c->call->cmd->ntok);
	struct imap_args now = c->args;
	struct mailbox box;
	struct span name;

	c->args = start;
	if (c->row->run == imap_replace)
		imap_args_skip(&c->args);
	if (imap_arg_mailbox(c, &name, e) < 0 ||
		mailbox_find(c->org, c->tx, c->arena, c->who, name, &box, e) < 0) {
		if (e->code == ERR_MISSING)
			c->no_code = "TRYCREATE";
		return e->code;
	}
	c->args = now;
	return mailbox_need(&box, RIGHT_INSERT, e);
}

static int too_many(struct imap_call *c, size_t most, struct err *e)
{
	c->no_code = arena_printf(c->arena, "MESSAGELIMIT %zu", most).p;
	return imap_no(e, ERR_LIMIT, "Too many messages at once");
}

static int append_all(struct imap_call *c, struct append *ap, struct err *e)
{
	uint64_t limit = imap_limit(c);
	size_t most = ap->replace ? 1 : limit < MESSAGES_MAX ? (size_t)limit : MESSAGES_MAX;
	struct put t = { c, ap };
	SCOPED_BUF b;

	buf_init(&b, 65536);
	do {
		if (ap->n == most)
			return ap->replace ? imap_bad(e, "REPLACE takes one message") : too_many(c, most, e);
		if (take_one(c, ap, e) < 0)
			return e->code;
	} while (!imap_args_end(&c->args));
	if (imap_in_read(c, may_append, e) < 0)
		return e->code;
	for (size_t i = 0; i < ap->n; i++) {
		imap_progress(c, i, ap->n);
		if (email_prepare(c->org, c->arena, ap->v[i].bytes, &ap->v[i].email, e) < 0)
			return e->code;
		ap->v[i].prepared = true;
	}
	if (store_write(c->store, put_all, &t, e) < 0)
		return e->code;
	buf_addf(&b, "APPENDUID %u ", ap->box.uidvalidity);
	if (ap->box.special == SPECIAL_JUNK)
		imap_lesson(c, &ap->box, &ap->uids, true);
	imap_set_format(&b, &ap->uids);
	c->text = ap->replace ? "REPLACE completed" : "APPEND completed";
	if (ap->replace) /* before the EXPUNGE that follows (RFC 8508 section 3.2) */
		buf_addf(c->out, "* OK [%.*s] Replacement is stored\r\n", SPAN_F(buf_span(&b)));
	else
		c->code = arena_span(c->arena, buf_span(&b));
	return 0;
}

int imap_append(struct imap_call *c, struct err *e)
{
	struct append *ap = ARENA_NEW(c->arena, struct append);
	int r;

	if (imap_arg_mailbox(c, &ap->name, e) < 0)
		return e->code;
	r = append_all(c, ap, e);
	c->tx = NULL;
	append_free(ap);
	return r;
}

/* One message, no set. */
static int take_old(struct imap_call *c, struct append *ap, struct err *e)
{
	const struct tok *t = imap_args_peek(&c->args);

	if (!t || t->kind != TOK_ATOM || span_find(t->text, SPAN("$")) >= 0 || span_find(t->text, SPAN(":")) >= 0 ||
		span_find(t->text, SPAN(",")) >= 0)
		return imap_bad(e, "REPLACE takes one message");
	if (imap_arg_set(c, &ap->old, e) < 0)
		return e->code;
	return ap->old.n ? 0 : imap_no(e, ERR_MISSING, "No such message");
}

int imap_replace(struct imap_call *c, struct err *e)
{
	struct append *ap = ARENA_NEW(c->arena, struct append);
	int r;

	ap->replace = true;
	if (take_old(c, ap, e) < 0 || imap_arg_mailbox(c, &ap->name, e) < 0 || imap_need(c, RIGHT_DELETE | RIGHT_EXPUNGE, e) < 0)
		return e->code;
	r = append_all(c, ap, e);
	c->tx = NULL;
	append_free(ap);
	return r;
}
