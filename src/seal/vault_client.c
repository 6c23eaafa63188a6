#include "seal/vault_client.h"
#include "base/io.h"
#include "base/wire.h"
#include "seal/vault_proto.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define WAIT_QUICK_MS 5000
#define WAIT_SLOW_MS 60000        /* Argon2 may stand in a queue, the disk may be busy */
#define WAIT_CONNECT_MS 3000
#define SEND_LIMIT_SEC 10
#define TRIES 3
#define LATER "Temporarily unavailable, try again later"

/* One question under way: on the asker's stack, in the client's list until answered or lost. */
struct call {
	struct call *next;
	uint32_t id;
	bool done, lost;
	pthread_cond_t cond;
	struct err err;                /* the vault's */
	struct vault_status status;
	uint32_t number;
	size_t n;
	char data[VAULT_KEYS_MAX * SEAL_KEY_LEN];
};

struct vault_client {
	int (*reconnect)(void *arg);
	void *arg;
	pthread_t reader;
	pthread_mutex_t send_mu;       /* before mu */
	pthread_mutex_t mu;
	pthread_cond_t up, wake;
	int fd;                        /* changed under both mutexes, so either is enough to read it */
	uint32_t next_id;
	struct call *calls;
	bool stop;
};

static struct timespec later(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

/* --- the reader thread: connects, takes answers, hands them to the askers --- */

static void call_answer(struct call *c, const struct vault_reply *r)
{
	c->done = true;
	c->status = r->status;
	c->number = r->number;
	if (r->data.n > sizeof(c->data)) {
		err_set(&c->err, ERR_BROKEN, "Internal error", "vault: answer of %zu bytes", r->data.n);
	} else if (r->code < 0) {
		char say[sizeof(c->err.say)] = "";

		memcpy(say, r->say.p, r->say.n < sizeof(say) ? r->say.n : sizeof(say) - 1);
		err_set(&c->err, r->code, say, "vault: %.*s", SPAN_F(r->log));
	} else if (r->data.n) {
		memcpy(c->data, r->data.p, r->data.n);
		c->n = r->data.n;
	}
	pthread_cond_signal(&c->cond);
}

static void reader_deliver(struct vault_client *v, const struct vault_reply *r)
{
	pthread_mutex_lock(&v->mu);
	for (struct call **at = &v->calls; *at; at = &(*at)->next)
		if ((*at)->id == r->id) {
			struct call *c = *at;

			*at = c->next;
			call_answer(c, r);
			break;
		}
	pthread_mutex_unlock(&v->mu);
}

static void reader_lost(struct vault_client *v)
{
	pthread_mutex_lock(&v->send_mu);
	pthread_mutex_lock(&v->mu);
	io_close(&v->fd);
	while (v->calls) {
		struct call *c = v->calls;

		v->calls = c->next;
		c->lost = true;
		pthread_cond_signal(&c->cond);
	}
	pthread_mutex_unlock(&v->mu);
	pthread_mutex_unlock(&v->send_mu);
}

static void fd_adopt(struct vault_client *v, int fd)
{
	struct timeval limit = { .tv_sec = SEND_LIMIT_SEC };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	pthread_mutex_lock(&v->send_mu);
	pthread_mutex_lock(&v->mu);
	v->fd = fd;
	pthread_cond_broadcast(&v->up);
	pthread_mutex_unlock(&v->mu);
	pthread_mutex_unlock(&v->send_mu);
}

/* False when the client is to stop. */
static bool reader_connect(struct vault_client *v)
{
	unsigned pause_ms = 10;
	bool stop;

	for (;;) {
		int fd;

		pthread_mutex_lock(&v->mu);
		stop = v->stop;
		fd = v->fd;
		pthread_mutex_unlock(&v->mu);
		if (stop || fd >= 0)
			return !stop;
		fd = v->reconnect ? v->reconnect(v->arg) : -1;
		if (fd >= 0) {
			fd_adopt(v, fd);
			continue;      /* look at stop again: free may have missed this descriptor */
		}
		pthread_mutex_lock(&v->mu);
		if (!v->stop) {
			struct timespec until = later(pause_ms);

			pthread_cond_timedwait(&v->wake, &v->mu, &until);
		}
		pthread_mutex_unlock(&v->mu);
		pause_ms = pause_ms < 320 ? pause_ms * 2 : 500;
	}
}

static void *reader_main(void *arg)
{
	struct vault_client *v = arg;
	SCOPED_SECRET mem = { 0 };

	secret_init(&mem, VAULT_FRAME_MAX);
	while (reader_connect(v)) {
		struct vault_reply r;
		struct span frame;

		while (vault_frame_recv(v->fd, mem.p, mem.n, &frame, NULL) == 0 &&
			vault_reply_decode(frame, &r, NULL) == 0) {
			reader_deliver(v, &r);
			secret_wipe(mem.p, frame.n);
		}
		reader_lost(v);
	}
	reader_lost(v);
	return NULL;
}

struct vault_client *vault_client_new(int sock, int (*reconnect)(void *arg), void *arg)
{
	struct vault_client *v = calloc(1, sizeof(*v));
	sigset_t all, old;

	if (!v)
		abort();
	v->reconnect = reconnect;
	v->arg = arg;
	v->fd = -1;
	pthread_mutex_init(&v->send_mu, NULL);
	pthread_mutex_init(&v->mu, NULL);
	cond_init(&v->up);
	cond_init(&v->wake);
	if (sock >= 0)
		fd_adopt(v, sock);
	sigfillset(&all);      /* signals are for the process's own threads */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&v->reader, NULL, reader_main, v) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return v;
}

void vault_client_free(struct vault_client *v)
{
	if (!v)
		return;
	pthread_mutex_lock(&v->mu);
	v->stop = true;
	if (v->fd >= 0)
		shutdown(v->fd, SHUT_RDWR);
	pthread_cond_broadcast(&v->wake);
	pthread_mutex_unlock(&v->mu);
	pthread_join(v->reader, NULL);
	pthread_cond_destroy(&v->up);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->mu);
	pthread_mutex_destroy(&v->send_mu);
	free(v);
}

/* --- asking --- */

/* In the list before it is sent: the answer may be quicker than we are. */
static int call_enter(struct vault_client *v, struct call *c, struct err *e)
{
	struct timespec until = later(WAIT_CONNECT_MS);
	int r = 0;

	pthread_mutex_lock(&v->mu);
	while (v->fd < 0 && r == 0)
		r = pthread_cond_timedwait(&v->up, &v->mu, &until);
	if (v->fd >= 0) {
		c->id = ++v->next_id;
		c->done = c->lost = false;
		c->next = v->calls;
		v->calls = c;
		r = 0;
	}
	pthread_mutex_unlock(&v->mu);
	return r ? err_set(e, ERR_LATER, LATER, "vault: not connected") : 0;
}

static void call_send(struct vault_client *v, struct span frame)
{
	pthread_mutex_lock(&v->send_mu);
	/* half a frame makes the rest unreadable: hang up, the reader tells everybody */
	if (v->fd >= 0 && vault_frame_send(v->fd, frame, NULL) < 0)
		shutdown(v->fd, SHUT_RDWR);
	pthread_mutex_unlock(&v->send_mu);
}

static void call_wait(struct vault_client *v, struct call *c, unsigned wait_ms)
{
	struct timespec until = later(wait_ms);
	int r = 0;

	pthread_mutex_lock(&v->mu);
	while (!c->done && !c->lost && r == 0)
		r = pthread_cond_timedwait(&c->cond, &v->mu, &until);
	if (!c->done && !c->lost)
		for (struct call **at = &v->calls; *at; at = &(*at)->next)
			if (*at == c) {
				*at = c->next;
				break;
			}
	pthread_mutex_unlock(&v->mu);
}

static int call_try(struct vault_client *v, struct vault_request *q, struct call *c, unsigned wait_ms,
	struct err *e)
{
	size_t room = 128 + q->secret.n + q->verifier.n + q->text.n + q->proof.n + q->keys.n;
	SCOPED_BUF b = { 0 };
	int r = call_enter(v, c, e);

	if (r < 0)
		return r;
	q->id = c->id;
	buf_init(&b, VAULT_FRAME_MAX);
	buf_space(&b, room);
	vault_request_encode(&b, q);
	if (!b.failed)
		call_send(v, buf_span(&b));
	if (b.p)
		secret_wipe(b.p, b.n);
	call_wait(v, c, b.failed ? 0 : wait_ms);
	return 0;
}

static bool op_slow(unsigned op)
{
	return op == VAULT_OP_CREATE || op == VAULT_OP_OPEN || op == VAULT_OP_REWRAP ||
		op == VAULT_OP_PASSWORD_SET || op == VAULT_OP_PASSWORD_CHECK || op == VAULT_OP_KEY_NEW ||
		op == VAULT_OP_KEY_PUT || op == VAULT_OP_KEY_DESTROY || op == VAULT_OP_DKIM_NEW;
}

/* On success the caller takes what it needs from c and calls call_fini. */
static int call_run(struct vault_client *v, struct vault_request *q, struct call *c, struct err *e)
{
	bool again = q->op != VAULT_OP_CREATE && q->op != VAULT_OP_REWRAP;
	int r;

	c->err = (struct err)ERR_INIT;
	c->n = 0;
	cond_init(&c->cond);
	for (int i = 0; i < TRIES; i++) {
		r = call_try(v, q, c, op_slow(q->op) ? WAIT_SLOW_MS : WAIT_QUICK_MS, e);
		if (r < 0 || !c->lost || !again)
			break;
	}
	if (r == 0 && !c->done)
		r = err_set(e, ERR_LATER, LATER, "vault: %s", c->lost ? "connection lost" : "no answer in time");
	else if (r == 0 && c->err.code)
		r = err_set(e, c->err.code, c->err.say, "%s", c->err.log);
	pthread_cond_destroy(&c->cond);
	return r;
}

static void call_fini(struct call *c)
{
	secret_wipe(c->data, c->n);
}

static int size_need(const struct call *c, size_t n, struct err *e)
{
	return c->n == n ? 0 : err_set(e, ERR_BROKEN, "Internal error", "vault: answer of %zu bytes", c->n);
}

static int secret_fits(struct span s, struct err *e)
{
	return s.n <= VAULT_SECRET_MAX ? 0 :
		err_set(e, ERR_TOOBIG, "Too long", "secret of %zu bytes", s.n);
}

static int verifier_fits(struct span s, struct err *e)
{
	return s.n <= VAULT_VERIFIER_MAX ? 0 :
		err_set(e, ERR_BROKEN, "Internal error", "password verifier of %zu bytes", s.n);
}

/* --- the key --- */

int vault_status(struct vault_client *v, struct vault_status *out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_STATUS };
	struct call c;
	int r = call_run(v, &q, &c, e);

	if (r == 0)
		*out = c.status;
	return r;
}

static int lines_take(struct arena *a, const struct call *c, unsigned total, struct span *shares_out,
	struct err *e)
{
	struct span text = { c->data, c->n };

	for (unsigned i = 0; i < total; i++) {
		struct span line = span_cut(&text, '\n');

		if (!line.n)
			return err_set(e, ERR_BROKEN, "Internal error", "vault: %u of %u shares", i, total);
		shares_out[i] = arena_span(a, line);
	}
	return 0;
}

static int key_lock(struct vault_client *v, enum vault_op op, struct arena *a, char mode, struct span secret,
	unsigned need, unsigned total, struct span *shares_out, struct err *e)
{
	struct vault_request q = { .op = (uint8_t)op, .mode = (uint8_t)mode, .secret = secret };
	struct call c;
	int r = secret_fits(secret, e);

	if (r < 0)
		return r;
	if (mode == 's') {
		if (need < 2 || need > total || total > VAULT_SHARES_MAX || !shares_out)
			return err_set(e, ERR_PARAM, "That many shares make no sense", "%u of %u shares", need,
				total);
		q.need = (uint8_t)need;
		q.total = (uint8_t)total;
	}
	r = call_run(v, &q, &c, e);
	if (r == 0 && mode == 's')
		r = lines_take(a, &c, total, shares_out, e);
	call_fini(&c);
	return r;
}

int vault_create(struct vault_client *v, struct arena *a, char mode, struct span secret, unsigned need,
	unsigned total, struct span *shares_out, struct err *e)
{
	return key_lock(v, VAULT_OP_CREATE, a, mode, secret, need, total, shares_out, e);
}

int vault_rewrap(struct vault_client *v, struct arena *a, char mode, struct span secret, unsigned need,
	unsigned total, struct span *shares_out, struct err *e)
{
	return key_lock(v, VAULT_OP_REWRAP, a, mode, secret, need, total, shares_out, e);
}

int vault_open(struct vault_client *v, struct span secret_or_share, struct vault_status *out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_OPEN, .secret = secret_or_share };
	struct call c;
	int r = secret_fits(secret_or_share, e);

	if (r == 0)
		r = call_run(v, &q, &c, e);
	if (r == 0)
		*out = c.status;
	return r;
}

int vault_seal(struct vault_client *v, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_SEAL };
	struct call c;

	return call_run(v, &q, &c, e);
}

int vault_key_new(struct vault_client *v, uint64_t account_id, struct seal_key *key_out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_KEY_NEW, .account_id = account_id };
	struct call c;
	int r = call_run(v, &q, &c, e);

	if (r == 0)
		r = size_need(&c, SEAL_KEY_LEN, e);
	if (r == 0)
		memcpy(key_out->k, c.data, SEAL_KEY_LEN);
	call_fini(&c);
	return r;
}

static void id_write(char *p, uint64_t id)
{
	for (int k = 0; k < 8; k++)
		p[k] = (char)(id >> (8 * k));
}

/* One request of up to VAULT_KEYS_MAX rows: ids, and with KEY_PUT their wrapped keys. */
static int keys_send(struct vault_client *v, enum vault_op op, size_t n, const uint64_t *account_ids,
	const struct span *wrapped, struct call *c, struct err *e)
{
	struct vault_request q = { .op = (uint8_t)op };
	char rows[VAULT_KEYS_MAX * VAULT_KEY_ROW];
	size_t row = op == VAULT_OP_KEY_PUT ? VAULT_KEY_ROW : 8;

	c->n = 0;
	for (size_t i = 0; i < n; i++) {
		id_write(rows + i * row, account_ids[i]);
		if (op != VAULT_OP_KEY_PUT)
			continue;
		if (wrapped[i].n != SEAL_WRAPPED_LEN)
			return err_set(e, ERR_BROKEN, "Internal error", "key of account %llu has %zu bytes",
				(unsigned long long)account_ids[i], wrapped[i].n);
		memcpy(rows + i * row + 8, wrapped[i].p, SEAL_WRAPPED_LEN);
	}
	q.keys = SPAN_BYTES(rows, n * row);
	return call_run(v, &q, c, e);
}

static size_t some_of(size_t n, size_t at)
{
	return n - at < VAULT_KEYS_MAX ? n - at : VAULT_KEYS_MAX;
}

int vault_key_open(struct vault_client *v, size_t n, const uint64_t *account_ids, struct seal_key *keys_out,
	struct err *e)
{
	struct call c;

	for (size_t i = 0; i < n; i += VAULT_KEYS_MAX) {
		size_t some = some_of(n, i);
		int r = keys_send(v, VAULT_OP_KEY_OPEN, some, account_ids + i, NULL, &c, e);

		if (r == 0)
			r = size_need(&c, some * SEAL_KEY_LEN, e);
		if (r == 0)
			memcpy(keys_out + i, c.data, some * SEAL_KEY_LEN);
		call_fini(&c);
		if (r < 0) {
			secret_wipe(keys_out, n * sizeof(*keys_out));
			return r;
		}
	}
	return 0;
}

static int keys_tell(struct vault_client *v, enum vault_op op, size_t n, const uint64_t *account_ids,
	const struct span *wrapped, struct err *e)
{
	struct call c;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i += VAULT_KEYS_MAX)
		r = keys_send(v, op, some_of(n, i), account_ids + i, wrapped ? wrapped + i : NULL, &c, e);
	return r;
}

int vault_key_put(struct vault_client *v, size_t n, const uint64_t *account_ids, const struct span *wrapped,
	struct err *e)
{
	return keys_tell(v, VAULT_OP_KEY_PUT, n, account_ids, wrapped, e);
}

int vault_key_destroy(struct vault_client *v, size_t n, const uint64_t *account_ids, struct err *e)
{
	return keys_tell(v, VAULT_OP_KEY_DESTROY, n, account_ids, NULL, e);
}

int vault_key_list(struct vault_client *v, uint64_t after, uint64_t ids_out[VAULT_IDS_MAX], size_t *n_out,
	struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_KEY_LIST, .account_id = after };
	struct call c;
	int r = call_run(v, &q, &c, e);
	struct wire w = wire_open((struct span){ c.data, r < 0 ? 0 : c.n });

	for (*n_out = 0; w.in.n >= 8 && *n_out < VAULT_IDS_MAX;)
		ids_out[(*n_out)++] = wire_get_u64(&w);
	return r;
}

/* --- passwords --- */

int vault_password_set(struct vault_client *v, struct arena *a, uint64_t account_id, struct span password,
	struct span *verifier_out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_PASSWORD_SET, .account_id = account_id, .secret = password };
	struct call c;
	int r = secret_fits(password, e);

	if (r == 0)
		r = call_run(v, &q, &c, e);
	if (r == 0)
		*verifier_out = arena_span(a, (struct span){ c.data, c.n });
	return r;
}

int vault_password_check(struct vault_client *v, uint64_t account_id, struct span verifier,
	struct span password, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_PASSWORD_CHECK, .account_id = account_id,
		.verifier = verifier, .secret = password };
	struct call c;
	int r = verifier_fits(verifier, e);

	if (r < 0)
		return r;
	/* no verifier was ever made for so long a password; the vault would refuse the frame */
	if (password.n > VAULT_SECRET_MAX)
		return err_set(e, ERR_DENIED, "Wrong name or password", "password of %zu bytes", password.n);
	return call_run(v, &q, &c, e);
}

int vault_scram_begin(struct vault_client *v, struct arena *a, uint64_t account_id, struct span verifier,
	struct span name, struct span *salt_out, uint32_t *iterations_out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_SCRAM_BEGIN, .account_id = account_id, .verifier = verifier,
		.text = name };
	struct call c;
	int r = verifier_fits(verifier, e);

	if (r == 0 && name.n > VAULT_TEXT_MAX)
		r = err_set(e, ERR_TOOBIG, "Too long", "name of %zu bytes", name.n);
	if (r == 0)
		r = call_run(v, &q, &c, e);
	if (r == 0) {
		*salt_out = arena_span(a, (struct span){ c.data, c.n });
		*iterations_out = c.number;
	}
	return r;
}

int vault_scram_check(struct vault_client *v, uint64_t account_id, struct span verifier,
	struct span auth_message, struct span client_proof, unsigned char server_signature_out[32], struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_SCRAM_CHECK, .account_id = account_id, .verifier = verifier,
		.text = auth_message, .proof = client_proof };
	struct call c;
	int r = verifier_fits(verifier, e);

	if (r == 0 && auth_message.n > VAULT_TEXT_MAX)
		r = err_set(e, ERR_TOOBIG, "Too long", "auth message of %zu bytes", auth_message.n);
	if (r == 0 && client_proof.n != 32)
		r = err_set(e, ERR_DENIED, "Wrong name or password", "proof of %zu bytes", client_proof.n);
	if (r == 0)
		r = call_run(v, &q, &c, e);
	if (r == 0)
		r = size_need(&c, 32, e);
	if (r == 0)
		memcpy(server_signature_out, c.data, 32);
	return r;
}

int vault_dkim_new(struct vault_client *v, struct arena *a, uint64_t key_id, unsigned kind, struct span *sealed_out,
	struct span *public_out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_DKIM_NEW, .account_id = key_id, .mode = (uint8_t)kind };
	struct call c;
	struct wire w;
	int r = call_run(v, &q, &c, e);

	if (r < 0)
		return r;
	w = wire_open(arena_span(a, (struct span){ c.data, c.n }));
	*sealed_out = wire_get_span(&w, VAULT_TEXT_MAX);
	*public_out = wire_get_span(&w, VAULT_TEXT_MAX);
	return wire_done(&w) ? 0 : err_set(e, ERR_BROKEN, "Internal error", "vault: answer is cut");
}

int vault_dkim_sign(struct vault_client *v, struct arena *a, uint64_t key_id, struct span sealed, struct span hash,
	struct span *signature_out, struct err *e)
{
	struct vault_request q = { .op = VAULT_OP_DKIM_SIGN, .account_id = key_id, .text = sealed, .proof = hash };
	struct call c;
	int r;

	if (sealed.n > VAULT_TEXT_MAX || hash.n > 32)
		return err_set(e, ERR_PARAM, "Internal error", "vault: key of %zu bytes, hash of %zu", sealed.n, hash.n);
	r = call_run(v, &q, &c, e);
	if (r == 0)
		*signature_out = arena_span(a, (struct span){ c.data, c.n });
	return r;
}
