/* imap_reply.c - tagged lines, the table of errors, capabilities, flags and attributes as text. */
#include "base/time.h"
#include "codec/imap/imap_frame.h"
#include "proto/imap/imap_int.h"

/* RFC 5530; one place that says what a class looks like to a client. */
static const struct {
	const char *status, *code, *text;
} error_table[] = {
	[-ERR_PARAM] = { "NO", "CANNOT", "Not possible" },
	[-ERR_DENIED] = { "NO", "NOPERM", "Not allowed" },
	[-ERR_MISSING] = { "NO", "NONEXISTENT", "No such mailbox" },
	[-ERR_EXISTS] = { "NO", "ALREADYEXISTS", "There already" },
	[-ERR_LIMIT] = { "NO", "LIMIT", "A limit is reached" },
	[-ERR_BUSY] = { "NO", "INUSE", "Try again" },
	[-ERR_GONE] = { "NO", "UNAVAILABLE", "Try again" },
	[-ERR_SYNTAX] = { "BAD", NULL, "Syntax error" },
	[-ERR_TOOBIG] = { "NO", "TOOBIG", "Too large" },
	[-ERR_LATER] = { "NO", "UNAVAILABLE", "Temporarily unavailable" },
	[-ERR_BROKEN] = { "NO", "SERVERBUG", "Internal error" },
};

int imap_bad(struct err *e, const char *say)
{
	return err_set(e, ERR_SYNTAX, say, "%s", say);
}

int imap_no(struct err *e, int class, const char *say)
{
	return err_set(e, class, say, "%s", say);
}

/* In the tagged line, or where that says something else before it (RFC 9738 section 3.1). */
static void put_limit(struct imap_call *c, const struct err *e)
{
	struct span code = arena_printf(c->arena, "MESSAGELIMIT %llu %u", (unsigned long long)imap_limit(c), c->limit_uid);

	if (!e->code && !c->code.n)
		c->code = code;
	else if (!e->code || (c->no_code && span_eqz(span_str(c->no_code), "EXPUNGEISSUED")))
		buf_addf(c->out, "* NO [%.*s] Only the newest of these messages were taken\r\n", SPAN_F(code));
}

void imap_tagged(struct imap_call *c, const struct err *e)
{
	struct buf *b = c->out;
	const char *code, *text;

	if (c->limit_uid)
		put_limit(c, e);
	buf_add(b, c->call->cmd->tag.n ? c->call->cmd->tag : SPAN("*"));
	if (!e->code) {
		buf_addz(b, " OK ");
		if (c->code.n) {
			buf_addc(b, '[');
			buf_add(b, c->code);
			buf_addz(b, "] ");
		}
		buf_addz(b, c->text);
		buf_addz(b, "\r\n");
		return;
	}
	code = c->no_code ? c->no_code : error_table[-e->code].code;
	text = e->say[0] && e->code != ERR_BROKEN ? e->say : error_table[-e->code].text;
	buf_addf(b, " %s ", error_table[-e->code].status);
	if (code)
		buf_addf(b, "[%s] ", code);
	imap_write_text(b, span_str(text));
	buf_addz(b, "\r\n");
	if (e->code == ERR_SYNTAX)
		c->call->reply->mood = MOOD_BAD_COMMAND;
}

bool imap_secure(const struct imap_call *c)
{
	return c->call->session->peer.tls || c->call->session->peer.loopback;
}

void imap_capability(struct imap_call *c, struct buf *b)
{
	const struct peer *p = &c->call->session->peer;

	buf_addz(b, "CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR");
	if (c->s->at == ST_GUEST) {
		if (!p->tls)
			buf_addz(b, " STARTTLS");
		if (!imap_secure(c)) {
			buf_addz(b, " LOGINDISABLED");
			return;
		}
		buf_addz(b, " AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256");
		if (p->channel_binding.n)
			buf_addz(b, " AUTH=SCRAM-SHA-256-PLUS");
		return;
	}
	if (!c->s->compress)
		buf_addz(b, " COMPRESS=DEFLATE");
	buf_addf(b, " UTF8=ACCEPT APPENDLIMIT=%llu MESSAGELIMIT=%llu", (unsigned long long)imap_limits_post_auth.literal_max,
		(unsigned long long)imap_limit(c));
	buf_addz(b, " CONTEXT=SEARCH CONTEXT=SORT INPROGRESS NOTIFY");
	buf_addz(b, " ACL LIST-METADATA LIST-MYRIGHTS METADATA RIGHTS=texk");
	if (c->call->house->sieve_url)
		buf_addf(b, " IMAPSIEVE=%s", c->call->house->sieve_url);
	buf_addz(b, " BINARY CATENATE CHILDREN CONDSTORE CREATE-SPECIAL-USE ESEARCH ESORT FILTERS IDLE LIST-EXTENDED LIST-STATUS MOVE"
		" MULTIAPPEND MULTISEARCH NAMESPACE OBJECTID PARTIAL PREVIEW QRESYNC QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE REPLACE SAVEDATE SEARCHRES SEARCH=FUZZY"
		" SORT SORT=DISPLAY SPECIAL-USE STATUS=SIZE THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS UIDBATCHES UIDONLY UIDPLUS UNSELECT WITHIN");
}

/* Appends "\Seen $Junk" without parentheses. */
static void put_flag_names(struct buf *b, const struct mailbox *box, uint64_t flags, const char *more)
{
	static const char *const names[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft" };
	bool first = true;

	for (size_t i = 0; i < 5; i++) {
		if (!(flags >> i & 1))
			continue;
		buf_addz(b, first ? "" : " ");
		buf_addz(b, names[i]);
		first = false;
	}
	for (size_t i = 0; flags >> FLAG_KEYWORD_SHIFT && i < box->n_keywords; i++) {
		if (!(flags >> (FLAG_KEYWORD_SHIFT + i) & 1))
			continue;
		buf_addz(b, first ? "" : " ");
		buf_add(b, box->keywords[i]);
		first = false;
	}
	if (more)
		buf_addf(b, "%s%s", first ? "" : " ", more);
}

void imap_put_flags(struct buf *b, const struct mailbox *box, uint64_t flags)
{
	buf_addc(b, '(');
	put_flag_names(b, box, flags, NULL);
	buf_addc(b, ')');
}

void imap_put_flag_lines(struct imap_call *c, const struct mailbox *box)
{
	uint64_t keywords = ~(uint64_t)FLAG_SYSTEM, can = 0;
	uint32_t rights = c->s->readonly ? 0 : c->s->rights;

	buf_addz(c->out, "* FLAGS ");
	imap_put_flags(c->out, box, FLAG_SYSTEM | keywords);
	buf_addz(c->out, "\r\n* OK [PERMANENTFLAGS (");
	if (rights & RIGHT_SEEN)
		can |= FLAG_SEEN;
	if (rights & RIGHT_WRITE)
		can |= FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DRAFT | keywords;
	if (rights & RIGHT_DELETE)
		can |= FLAG_DELETED;
	put_flag_names(c->out, box, can,
		(rights & RIGHT_WRITE) && box->n_keywords < MAILBOX_KEYWORDS_MAX ? "\\*" : NULL);
	buf_addz(c->out, ")] Flags that are kept\r\n");
	c->s->n_keywords = box->n_keywords;
}

void imap_put_fetch(struct imap_call *c, const struct uid_set *uids, uint32_t uid)
{
	buf_addz(c->out, "* ");
	buf_addu(c->out, c->s->uidonly ? uid : uid_set_seq(uids, uid));
	buf_addz(c->out, c->s->uidonly ? " UIDFETCH (" : " FETCH (");
}

void imap_progress(void *call, uint64_t done, uint64_t goal)
{
	struct imap_call *c = call;
	unsigned ms = c->call->house->progress_ms;
	int64_t now;
	SCOPED_BUF b;

	buf_init(&b, 1024);
	if (!ms || !c->call->say_now || done >= goal || done <= c->s->progress_told)
		return;
	now = time_mono_us();
	if (now < c->s->progress_us)
		return;
	c->s->progress_us = now + (int64_t)ms * 1000;
	c->s->progress_told = done;
	buf_addz(&b, "* OK [INPROGRESS (");
	imap_write_quoted(&b, c->call->cmd->tag);
	buf_addf(&b, " %llu %llu)] Still at work\r\n", (unsigned long long)done, (unsigned long long)goal);
	c->call->say_now(c->call, buf_span(&b));
}

int imap_uid_required(struct imap_call *c, struct err *e)
{
	c->no_code = "UIDREQUIRED";
	return imap_bad(e, "With UIDONLY messages have no numbers");
}

static const char *const special_names[] = {
	[SPECIAL_NONE] = "", [SPECIAL_INBOX] = "", [SPECIAL_DRAFTS] = "\\Drafts", [SPECIAL_SENT] = "\\Sent",
	[SPECIAL_JUNK] = "\\Junk", [SPECIAL_TRASH] = "\\Trash", [SPECIAL_ARCHIVE] = "\\Archive",
	[SPECIAL_FLAGGED] = "\\Flagged", [SPECIAL_ALL] = "\\All", [SPECIAL_IMPORTANT] = "\\Important",
};

struct span imap_special_name(enum mailbox_special special)
{
	if ((size_t)special >= sizeof(special_names) / sizeof(*special_names))
		return SPAN_NONE;
	return span_str(special_names[special]);
}

enum mailbox_special imap_special_parse(struct span name)
{
	for (size_t i = SPECIAL_DRAFTS; i < sizeof(special_names) / sizeof(*special_names); i++)
		if (span_ieqz(name, special_names[i]))
			return (enum mailbox_special)i;
	return SPECIAL_NONE;
}

void imap_put_attributes(struct buf *b, const struct mailbox_row *row, bool children, bool subscribed)
{
	struct span use = imap_special_name(row->box.special);
	const char *sep = "";

	buf_addc(b, '(');
	if (!row->box.id) {
		buf_addz(b, "\\Noselect \\NonExistent"); /* the first for clients that do not know the second */
		sep = " ";
	}
	if (subscribed && row->subscribed) {
		buf_addf(b, "%s\\Subscribed", sep);
		sep = " ";
	}
	if (children) {
		buf_addf(b, "%s%s", sep, row->has_children ? "\\HasChildren" : "\\HasNoChildren");
		sep = " ";
	}
	if (use.n)
		buf_addf(b, "%s%.*s", sep, SPAN_F(use));
	buf_addc(b, ')');
}
