/* mail_export.c - kontor mail export: the command line asks for the folders (an empty file), then for the mails of one behind a UID
 * (a record MOVE_FOLDER: its name, the UID as date), some megabytes at a time; the answer replaces the question in the file. */
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "codec/move/move_item.h"
#include "domain/mail/message.h"
#include "domain/org/account.h"
#include "proto/control/mail_int.h"

#define QUESTION_MAX 16384
#define PART_BYTES (4u << 20)

struct export {
	struct control *c;
	int fd;
	struct move_item ask;
	bool folders;
	uint64_t bytes, n, last, account_id;
	bool end;
};

static int write_item(struct export *x, const struct move_item *item, struct err *e)
{
	SCOPED_BUF head;

	buf_init(&head, 65536);
	move_item_head(&head, item);
	if (io_write_full(x->fd, buf_span(&head), e) < 0 || io_write_full(x->fd, item->body, e) < 0)
		return e->code;
	x->bytes += head.n + item->body.n;
	return 0;
}

static int put_folders(struct export *x, struct tx *tx, uint64_t account_id, struct err *e)
{
	struct mailbox_row *v;
	size_t n;

	if (mailbox_list(x->c->org, tx, x->c->arena, account_id, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		struct move_item item = { .kind = MOVE_FOLDER, .folder = v[i].name };

		if (v[i].box.id && v[i].box.account_id == account_id && write_item(x, &item, e) < 0)
			return e->code;
	}
	return 0;
}

static struct span keywords_of(struct arena *a, const struct mailbox *box, uint64_t flags)
{
	SCOPED_BUF b;

	buf_init(&b, 8000);
	for (size_t i = 0; i < box->n_keywords; i++)
		if (flags >> (FLAG_KEYWORD_SHIFT + i) & 1)
			buf_addf(&b, "%s%.*s", b.n ? " " : "", SPAN_F(box->keywords[i]));
	return arena_span(a, buf_span(&b));
}

static int put_mail(struct export *x, struct tx *tx, const struct mailbox *box, const struct message *m, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct move_item item = { .kind = MOVE_MESSAGE, .flags = (unsigned)(m->flags & FLAG_SYSTEM), .received_sec = m->received_sec };

	item.keywords = keywords_of(a, box, m->flags);
	item.source = arena_printf(a, "%u", m->uid);
	x->n++;
	x->last = m->uid;
	return message_body(tx, a, m, &item.body, e) < 0 ? e->code : write_item(x, &item, e);
}

static int put_mails(struct export *x, struct tx *tx, uint64_t account_id, struct err *e)
{
	struct imap_range range = { (uint32_t)x->ask.received_sec + 1, UINT32_MAX };
	struct imap_set set = { &range, 1, 1 };
	struct message_walk *w = NULL;
	struct mailbox box;
	struct message m;
	int r;

	if (mailbox_find(x->c->org, tx, x->c->arena, account_id, x->ask.folder, &box, e) < 0 ||
		message_walk_open(x->c->org, tx, x->c->arena, &box, &set, WANT_SUMMARY, &w, e) < 0)
		return e->code;
	while ((r = message_walk_next(w, &m, e)) == 1 && r > 0) {
		if (put_mail(x, tx, &box, &m, e) < 0) {
			r = e->code;
			break;
		}
		if (x->bytes >= PART_BYTES)
			break;
	}
	message_walk_close(w);
	x->end = r == 0;
	return r < 0 ? r : 0;
}

static int answer_fn(struct tx *tx, void *arg, struct err *e)
{
	struct export *x = arg;
	struct account who;

	if (control_account(x->c, tx, control_text(x->c, "account"), &who, e) < 0)
		return e->code;
	if (ftruncate(x->fd, 0) < 0 || lseek(x->fd, 0, SEEK_SET) < 0)
		return err_errno(e, "file of the answer");
	x->account_id = who.id;
	x->bytes = x->n = x->last = 0;
	control_put_int(x->c->result, "used_bytes", who.used_bytes);
	control_put_int(x->c->result, "messages", who.used_messages);
	return x->folders ? put_folders(x, tx, who.id, e) : put_mails(x, tx, who.id, e);
}

static int read_question(struct export *x, struct err *e)
{
	char *p = arena_alloc(x->c->arena, QUESTION_MAX);
	ssize_t n = x->fd < 0 ? -1 : pread(x->fd, p, QUESTION_MAX, 0);
	struct span in = SPAN_BYTES(p, n > 0 ? (size_t)n : 0);

	if (n < 0)
		return err_set(e, ERR_PARAM, N_("There is no file to write to"), "no descriptor");
	x->folders = n == 0;
	if (x->folders)
		return 0;
	if (move_item_next(&in, &x->ask, e) != 1 || x->ask.kind != MOVE_FOLDER || x->ask.received_sec < 0 ||
		x->ask.received_sec >= UINT32_MAX)
		return err_set(e, ERR_SYNTAX, N_("The batch of mails cannot be read"), "export question");
	return 0;
}

int control_mail_export(struct control *c, struct tx *tx, struct err *e)
{
	struct export x = { .c = c, .fd = c->call->cmd->spool_fd };

	(void)tx;
	if (read_question(&x, e) < 0 || store_read(c->call->house->store, answer_fn, &x, e) < 0)
		return e->code;
	if (x.folders)
		log_msg("mail_export", "account %llu", (unsigned long long)x.account_id);
	control_put_int(c->result, "last", x.last);
	json_object_set_new(c->result, "end", json_boolean(x.end));
	return 0;
}
