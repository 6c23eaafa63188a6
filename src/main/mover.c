#include "main/mover.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/io.h"
#include "base/time.h"
#include "codec/move/maildir.h"
#include "main/cli_link.h"
#include "main/i18n.h"

#define BATCH_BYTES (8u << 20)
#define BATCH_MAILS 500
#define SKIPS_SHOWN 100
#define VERB "mail import"

void mover_begin(struct mover *m, const char *state, json_t *args)
{
	*m = (struct mover){ .state = state, .args = args, .file = -1, .pending = -1, .start_us = time_mono_us(),
		.terminal = isatty(2) == 1, .skips = json_array(), .into = span_str(json_string_value(json_object_get(args, "into"))) };
	m->shown_us = m->terminal ? 0 : m->start_us;
}

static int broken(struct mover *m, const char *text, const char *detail)
{
	if (!m->failure)
		m->failure = cli_failure(text, detail);
	return -1;
}

static int take_reply(struct mover *m, json_t *reply)
{
	json_t *result = json_object_get(reply, "result");

	if (!json_is_true(json_object_get(reply, "ok"))) {
		if (!m->failure)
			m->failure = json_incref(reply);
		return -1;
	}
	m->imported += (uint64_t)json_integer_value(json_object_get(result, "imported"));
	m->there += (uint64_t)json_integer_value(json_object_get(result, "there_already"));
	m->keywords_left += (uint64_t)json_integer_value(json_object_get(result, "keywords_left"));
	if (json_is_true(json_object_get(result, "full")))
		return broken(m, N_("The account's quota is used up; raise it or give --over-quota, and run this again"), NULL);
	return 0;
}

static int settle(struct mover *m)
{
	json_t *reply;
	int rc;

	if (m->pending < 0)
		return 0;
	reply = cli_ask_end(m->pending);
	m->pending = -1;
	rc = take_reply(m, reply);
	json_decref(reply);
	return rc;
}

static int seal(struct mover *m)
{
	return fcntl(m->file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ? broken(m, strerror(errno), NULL) : 0;
}

static int flush_batch(struct mover *m)
{
	int rc = settle(m);

	if (m->n && rc == 0) {
		rc = seal(m);
		m->pending = rc == 0 ? cli_ask_begin(m->state, VERB, m->args, m->file) : -1;
		if (m->pending < 0 && rc == 0)
			rc = broken(m, N_("No server is running here"), m->state);
	}
	if (m->file >= 0)
		close(m->file);
	m->file = -1;
	m->n = m->bytes = 0;
	return rc;
}

static struct span target(struct mover *m, struct arena *a, struct span folder)
{
	if (m->into.n)
		folder = span_ieqz(folder, "INBOX") ? m->into : arena_printf(a, "%.*s/%.*s", SPAN_F(m->into), SPAN_F(folder));
	return move_folder_clean(a, folder);
}

static int write_item(struct mover *m, const struct move_item *item)
{
	SCOPED_BUF head;
	struct err e = ERR_INIT;

	buf_init(&head, 65536);
	move_item_head(&head, item);
	if (m->file < 0)
		m->file = memfd_create("batch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->file < 0 || io_write_full(m->file, buf_span(&head), &e) < 0 || io_write_full(m->file, item->body, &e) < 0)
		return broken(m, N_("There is no memory for the next mails"), e.log);
	m->n++;
	m->bytes += head.n + item->body.n;
	return 0;
}

int mover_add(struct mover *m, const struct move_item *item)
{
	SCOPED_ARENA a = arena_new();
	struct move_item clean = *item;

	clean.folder = target(m, a, item->folder);
	if (m->into.n)
		clean.special = MOVE_PLAIN;
	m->seen_mails += item->kind == MOVE_MESSAGE;
	if (m->n && (m->n >= BATCH_MAILS || m->bytes + item->body.n > BATCH_BYTES) && flush_batch(m) < 0)
		return -1;
	return write_item(m, &clean);
}

static int ask_file(struct mover *m, const struct span *sources, size_t n)
{
	SCOPED_BUF b;
	int fd = memfd_create("question", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	buf_init(&b, 8 << 20);
	for (size_t i = 0; i < n; i++)
		move_item_head(&b, &(struct move_item){ .kind = MOVE_ASK, .folder = SPAN("INBOX"), .source = sources[i] });
	if (fd >= 0 && !b.failed && io_write_full(fd, buf_span(&b), NULL) == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	io_close(&fd);
	return broken(m, N_("There is no memory for the next mails"), NULL);
}

/* Beside the batch that core may be storing now. */
int mover_there(struct mover *m, const struct span *sources, size_t n, bool *there_out)
{
	SCOPED_FD fd = n ? ask_file(m, sources, n) : -1;
	const char *there;
	json_t *reply;
	int rc;

	if (fd < 0)
		return n ? -1 : 0;
	reply = cli_ask_end(cli_ask_begin(m->state, VERB, m->args, fd));
	rc = take_reply(m, reply);
	there = json_string_value(json_object_get(json_object_get(reply, "result"), "there"));
	if (rc == 0 && (!there || strlen(there) != n))
		rc = broken(m, N_("The answer cannot be read"), NULL);
	for (size_t i = 0; i < n && rc == 0; i++)
		there_out[i] = there[i] == '1';
	json_decref(reply);
	return rc;
}

void mover_skip(struct mover *m, const char *what, const char *why)
{
	json_t *name = json_string(what);

	if (m->skipped++ < SKIPS_SHOWN)
		json_array_append_new(m->skips, json_pack("{s:o,s:s}", "file", name ? name : json_string("?"), "why", why));
	else
		json_decref(name);
}

static void put_left(FILE *f, int64_t sec)
{
	if (sec >= 3600)
		fprintf(f, _(", %lld:%02lld h left"), (long long)(sec / 3600), (long long)(sec / 60 % 60));
	else
		fprintf(f, _(", %lld:%02lld min left"), (long long)(sec / 60), (long long)(sec % 60));
}

/* On a terminal one line that changes; else a line every ten seconds. */
void mover_progress(struct mover *m, uint64_t bytes)
{
	int64_t now = time_mono_us(), took = now - m->start_us;
	double part, rate;

	m->done_bytes += bytes;
	if (now - m->shown_us < (m->terminal ? 50000 : 10 * US_PER_SEC))
		return;
	m->shown_us = now;
	m->shown = true;
	part = m->total_bytes ? (double)m->done_bytes / (double)m->total_bytes : 0;
	part = part > 1 ? 1 : part;
	rate = (double)m->seen_mails * 1e6 / (double)(took ? took : 1);
	if (m->terminal) {
		int full = (int)(part * 24);

		fprintf(stderr, "\r[%.*s%.*s] ", full, "########################", 24 - full, "........................");
	}
	fprintf(stderr, _("%3.0f %%, %llu mails, %.0f/s"), part * 100, (unsigned long long)m->seen_mails, rate);
	if (part > 0.001)
		put_left(stderr, (int64_t)((double)took / part * (1 - part) / 1e6));
	fputs(m->terminal ? "\033[K" : "\n", stderr);
	fflush(stderr);
}

static void clear_line(const struct mover *m)
{
	if (m->shown && m->terminal)
		fputs("\r\033[K", stderr);
}

void mover_clear(struct mover *m)
{
	clear_line(m);
	json_decref(m->skips);
}

json_t *mover_end(struct mover *m, json_t *failure)
{
	json_t *result, *reply;

	if (failure && !m->failure)
		m->failure = json_incref(failure);
	if (!m->failure)
		flush_batch(m);
	settle(m);
	if (m->file >= 0)
		close(m->file);
	clear_line(m);
	result = json_pack("{s:I,s:I,s:I}", "imported", (json_int_t)m->imported, "there_already", (json_int_t)m->there, "skipped",
		(json_int_t)m->skipped);
	if (m->keywords_left)
		json_object_set_new(result, "keywords_left", json_integer((json_int_t)m->keywords_left));
	if (json_array_size(m->skips))
		json_object_set(result, "skips", m->skips);
	reply = m->failure ? m->failure : json_pack("{s:b}", "ok", 1);
	json_object_set_new(reply, "result", result);
	json_decref(m->skips);
	json_decref(failure);
	return reply;
}
