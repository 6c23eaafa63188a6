/* mail_import.c - kontor mail import: one batch, in one transaction. The command line has read the files or the other server and asks
 * with one batch after the other; MOVE_ASK records are only looked up. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include "codec/move/move_item.h"
#include "domain/mail/import.h"
#include "domain/org/account.h"
#include "proto/control/mail_int.h"

#define PREPARERS 2

_Static_assert((int)MOVE_SEEN == FLAG_SEEN && (int)MOVE_ANSWERED == FLAG_ANSWERED && (int)MOVE_FLAGGED == FLAG_FLAGGED &&
	(int)MOVE_DELETED == FLAG_DELETED && (int)MOVE_DRAFT == FLAG_DRAFT && (int)MOVE_SUBSCRIBED == IMPORT_SUBSCRIBED && (int)MOVE_NOT_SUBSCRIBED == IMPORT_NOT_SUBSCRIBED,
	"one numbering");

struct batch {
	struct control *c;
	uint64_t account_id;
	struct span map;
	struct move_item *items;
	struct import_mail *mails;
	struct email_prepared *emails;
	bool *prepared;
	size_t n;
	struct import_done done;
};

static int map_batch(struct batch *b, struct err *e)
{
	int fd = b->c->call->cmd->spool_fd, seals = fd < 0 ? 0 : fcntl(fd, F_GET_SEALS);
	off_t len = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	void *p;

	if (len <= 0 || seals < 0 || !(seals & F_SEAL_SHRINK) || !(seals & F_SEAL_WRITE))
		return err_set(e, ERR_PARAM, N_("There is no batch of mails; the command line makes it"), "no sealed descriptor");
	p = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(e, "mmap of the batch");
	b->map = SPAN_BYTES(p, (size_t)len);
	return 0;
}

static int read_items(struct batch *b, struct err *e)
{
	struct span rest = b->map;
	struct arena *a = b->c->arena;
	int r;

	b->items = ARENA_ARRAY(a, struct move_item, IMPORT_MAX);
	while (b->n < IMPORT_MAX && (r = move_item_next(&rest, &b->items[b->n], e)) != 0) {
		if (r < 0)
			return r;
		b->n++;
	}
	if (rest.n)
		return err_set(e, ERR_LIMIT, N_("The batch of mails cannot be read"), "more than %d records", IMPORT_MAX);
	b->mails = ARENA_ARRAY(a, struct import_mail, b->n);
	b->emails = ARENA_ARRAY(a, struct email_prepared, b->n);
	b->prepared = ARENA_ARRAY(a, bool, b->n);
	for (size_t i = 0; i < b->n; i++) {
		const struct move_item *t = &b->items[i];

		b->mails[i] = (struct import_mail){ .folder = t->folder, .special = (enum mailbox_special)t->special, .source = t->source,
			.keywords = t->keywords, .flags = t->flags, .received_sec = t->received_sec, .email = &b->emails[i] };
		if (t->kind != MOVE_FOLDER && !t->source.n)
			return err_set(e, ERR_SYNTAX, N_("The batch of mails cannot be read"), "no source");
		if (t->kind == MOVE_FOLDER)
			b->mails[i].source = SPAN_NONE;
	}
	return 0;
}

static int look_fn(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	struct account who;
	int rc = control_account(b->c, tx, control_text(b->c, "account"), &who, e);

	if (rc < 0)
		return rc;
	b->account_id = who.id;
	return control_has(b->c, "again") ? 0 : import_known(b->c->org, tx, who.id, b->mails, b->n, e);
}

struct preparer {
	struct batch *b;
	struct arena *arena;
	size_t first;
	struct err e;
};

static void *prepare(void *arg)
{
	struct preparer *p = arg;
	struct batch *b = p->b;

	for (size_t i = p->first; i < b->n && p->e.code == 0; i += PREPARERS) {
		if (b->items[i].kind != MOVE_MESSAGE || b->mails[i].known)
			continue;
		b->prepared[i] = email_prepare(b->c->org, p->arena, b->items[i].body, &b->emails[i], &p->e) == 0;
	}
	return NULL;
}

static int put_fn(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	SCOPED_ARENA a = arena_new();

	return import_put(b->c->org, tx, a, b->account_id, b->mails, b->n, control_has(b->c, "over-quota"),
		control_has(b->c, "again"), &b->done, e);
}

static int prepare_and_put(struct batch *b, struct err *e)
{
	struct preparer p[PREPARERS];
	pthread_t thread[PREPARERS];
	bool runs[PREPARERS] = { false };
	int rc = 0;

	for (size_t i = 0; i < PREPARERS; i++) {
		p[i] = (struct preparer){ .b = b, .arena = arena_new(), .first = i };
		runs[i] = i && pthread_create(&thread[i], NULL, prepare, &p[i]) == 0;
	}
	for (size_t i = 0; i < PREPARERS; i++)
		if (!runs[i])
			prepare(&p[i]);
	for (size_t i = 0; i < PREPARERS; i++) {
		if (runs[i])
			pthread_join(thread[i], NULL);
		if (p[i].e.code && rc == 0)
			rc = err_set(e, p[i].e.code, p[i].e.say, "%s", p[i].e.log);
	}
	if (rc == 0)
		rc = store_write(b->c->call->house->store, put_fn, b, e);
	for (size_t i = 0; i < b->n; i++)
		if (b->prepared[i])
			email_prepared_fini(&b->emails[i]);
	for (size_t i = 0; i < PREPARERS; i++)
		arena_free(p[i].arena);
	return rc;
}

/* "0110...": which of the records asked about are there. */
static void tell_known(struct batch *b)
{
	char *text = arena_alloc(b->c->arena, b->n + 1);

	for (size_t i = 0; i < b->n; i++)
		text[i] = b->mails[i].known ? '1' : '0';
	control_put(b->c->result, "there", SPAN_BYTES(text, b->n));
}

static int run_batch(struct batch *b, struct err *e)
{
	if (read_items(b, e) < 0 || store_read(b->c->call->house->store, look_fn, b, e) < 0)
		return e->code;
	if (b->n && b->items[0].kind == MOVE_ASK) {
		tell_known(b);
		return 0;
	}
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].kind == MOVE_ASK)
			return err_set(e, ERR_SYNTAX, N_("The batch of mails cannot be read"), "questions among mails");
	if (prepare_and_put(b, e) < 0)
		return e->code;
	control_put_int(b->c->result, "imported", b->done.imported);
	control_put_int(b->c->result, "there_already", b->done.known);
	control_put_int(b->c->result, "keywords_left", b->done.keywords_left);
	json_object_set_new(b->c->result, "full", json_boolean(b->done.full));
	return 0;
}

int control_mail_import(struct control *c, struct tx *tx, struct err *e)
{
	struct batch *b = ARENA_NEW(c->arena, struct batch);
	int rc;

	(void)tx;
	b->c = c;
	if (map_batch(b, e) < 0)
		return e->code;
	rc = run_batch(b, e);
	munmap((void *)(uintptr_t)b->map.p, b->map.n);
	return rc;
}
