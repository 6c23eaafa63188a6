#include "vault/vault.h"
#include "base/io.h"
#include "base/log.h"
#include "base/wire.h"
#include "seal/vault_proto.h"
#include "vault/vault_accounts.h"
#include "vault/vault_dkim.h"
#include "vault/vault_password.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS_MAX 16
#define SEND_LIMIT_SEC 10
#define NEEDS_POOL 1
#define NEEDS_DISK 2

/* Under the vault's mu. slow: what takes Argon2id, for a few threads; disk: changes of the account keys, for one,
 * which writes the file once for all that wait. */
struct queue {
	pthread_cond_t work;
	struct job *first, **last;
	unsigned n;
};

struct vault {
	const struct vault_config *c;
	struct keys *keys;
	struct passwords *passwords;
	struct accounts *accounts;
	pthread_mutex_t mu;
	pthread_cond_t idle;
	struct queue slow, disk;
	struct conn *conns;
	unsigned conns_n;
	bool stop;
};

/* Lives until its thread and all its jobs are done with it; only then is the descriptor's number free again. */
struct conn {
	struct vault *vault;
	struct conn *next;
	int fd;
	unsigned refs;                 /* under vault->mu */
	pthread_mutex_t send_mu;
};

struct job {
	struct job *next;
	struct conn *conn;
	struct secret frame;
	int code;                      /* of a change: how it went */
	struct err err;
};

/* A thread's own room; wiped after each request. */
struct desk {
	struct vault *vault;
	bool slow_ok;                  /* a pool thread */
	struct arena *arena;
	struct secret data;
	struct buf out;
};

static void desk_init(struct desk *d, struct vault *v, bool slow_ok)
{
	*d = (struct desk){ .vault = v, .slow_ok = slow_ok, .arena = arena_new() };
	secret_init(&d->data, VAULT_FRAME_MAX);
	buf_init(&d->out, VAULT_FRAME_MAX);
	buf_space(&d->out, VAULT_FRAME_MAX);
}

static void desk_fini(struct desk *d)
{
	arena_free(d->arena);
	secret_fini(&d->data);
	buf_fini(&d->out);
}

/* --- what can be asked: 0, an error class, NEEDS_POOL or NEEDS_DISK --- */

typedef int (*op_run)(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e);

static int run_status(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	(void)q, (void)r, (void)d, (void)e;
	return 0;      /* every reply carries it */
}

static void log_state(struct vault *v, const char *event)
{
	struct vault_status s;
	struct logline l;

	keys_status(v->keys, &s);
	log_begin(&l, event);
	log_kz(&l, "state", s.state == VAULT_OPEN ? "open" : s.state == VAULT_SEALED ? "sealed" : "empty");
	if (s.state != VAULT_EMPTY)
		log_kv(&l, "mode", SPAN_BYTES(&s.mode, 1));
	if (s.mode == 's') {
		log_ki(&l, "have", s.have);
		log_ki(&l, "need", s.need);
		log_ki(&l, "total", s.total);
	}
	if (s.mode == 'k')
		log_kz(&l, "warning", "the key lies beside the data");
	log_end(&l);
}

static int run_lock(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	struct buf lines = { .p = (char *)d->data.p, .cap = d->data.n, .max = d->data.n };
	struct key_lock how = { (char)q->mode, q->secret, q->need, q->total, &lines };
	int code;

	if (!d->slow_ok)
		return NEEDS_POOL;
	code = q->op == VAULT_OP_CREATE ? keys_create(d->vault->keys, &how, e) :
		keys_rewrap(d->vault->keys, &how, e);
	r->data = buf_span(&lines);
	if (code == 0)
		log_state(d->vault, q->op == VAULT_OP_CREATE ? "vault_created" : "vault_rewrapped");
	return code;
}

static int run_open(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	int code;

	(void)r;
	if (!d->slow_ok)
		return NEEDS_POOL;
	code = keys_open(d->vault->keys, q->secret, e);
	log_state(d->vault, code == 0 ? "vault_open" : "vault_open_refused");
	return code;
}

static int run_seal(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	(void)q, (void)r, (void)e;
	keys_seal(d->vault->keys);
	passwords_forget(d->vault->passwords);
	log_state(d->vault, "vault_sealed");
	return 0;
}

/* Writes the wanted keys; a sealed vault says so before it says that there is none. */
static int keys_give(struct desk *d, size_t n, struct wire ids, struct err *e)
{
	unsigned char *rows = arena_alloc(d->arena, n * VAULT_KEY_ROW + 1);

	for (size_t i = 0; i < n; i++) {
		uint64_t id = wire_get_u64(&ids);
		struct vault_status s;

		if (accounts_find(d->vault->accounts, id, rows + i * VAULT_KEY_ROW))
			continue;
		keys_status(d->vault->keys, &s);
		return s.state == VAULT_OPEN ?
			err_set(e, ERR_MISSING, "No such account", "account %llu has no key", (unsigned long long)id) :
			err_set(e, ERR_LATER, "Temporarily sealed, try again later", "the vault is sealed");
	}
	return keys_account_open(d->vault->keys, SPAN_BYTES(rows, n * VAULT_KEY_ROW), d->data.p, e);
}

static int run_key_open(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	size_t n = q->keys.n / 8;

	r->data = SPAN_BYTES(d->data.p, n * SEAL_KEY_LEN);
	return keys_give(d, n, wire_open(q->keys), e);
}

static int run_key_list(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	uint64_t *ids = ARENA_ARRAY(d->arena, uint64_t, VAULT_IDS_MAX);
	size_t n = accounts_list(d->vault->accounts, q->account_id, ids, VAULT_IDS_MAX);
	struct buf out = { .p = (char *)d->data.p, .cap = d->data.n, .max = d->data.n };

	(void)e;
	for (size_t i = 0; i < n; i++)
		wire_u64(&out, ids[i]);
	r->data = buf_span(&out);
	return 0;
}

static int run_key_change(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	(void)d, (void)q, (void)r, (void)e;
	return NEEDS_DISK;
}

static int run_password_set(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	if (!d->slow_ok)
		return NEEDS_POOL;
	return password_make(d->vault->passwords, d->arena, q->account_id, q->secret, &r->data, e);
}

static int run_password_check(struct desk *d, const struct vault_request *q, struct vault_reply *r,
	struct err *e)
{
	int known;

	(void)r;
	if (d->slow_ok)
		return password_check(d->vault->passwords, d->arena, q->account_id, q->verifier, q->secret, e);
	known = password_known(d->vault->passwords, q->account_id, q->verifier, q->secret, e);
	return known < 0 ? known : known ? 0 : NEEDS_POOL;
}

static int run_scram_begin(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	return password_scram_begin(d->vault->passwords, d->arena, q->account_id, q->verifier, q->text, &r->data,
		&r->number, e);
}

static int run_scram_check(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	r->data = SPAN_BYTES(d->data.p, SCRAM_KEY_LEN);
	return password_scram_check(d->vault->passwords, d->arena, q->account_id, q->verifier, q->text, q->proof,
		d->data.p, e);
}

static int run_dkim_new(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	struct buf b = { .p = (char *)d->data.p, .cap = d->data.n, .max = d->data.n };
	struct span sealed, public;
	int code;

	if (!d->slow_ok)
		return NEEDS_POOL;             /* RSA takes its time */
	code = dkim_key_make(d->vault->keys, d->arena, q->account_id, q->mode, &sealed, &public, e);
	if (code < 0)
		return code;
	wire_span(&b, sealed);
	wire_span(&b, public);
	r->data = buf_span(&b);
	return 0;
}

static int run_dkim_sign(struct desk *d, const struct vault_request *q, struct vault_reply *r, struct err *e)
{
	return dkim_key_sign(d->vault->keys, d->arena, q->account_id, q->text, q->proof, &r->data, e);
}

static const op_run op_table[VAULT_OP_LAST + 1] = {
	[VAULT_OP_STATUS] = run_status,
	[VAULT_OP_CREATE] = run_lock,
	[VAULT_OP_OPEN] = run_open,
	[VAULT_OP_SEAL] = run_seal,
	[VAULT_OP_REWRAP] = run_lock,
	[VAULT_OP_KEY_NEW] = run_key_change,
	[VAULT_OP_KEY_OPEN] = run_key_open,
	[VAULT_OP_KEY_PUT] = run_key_change,
	[VAULT_OP_KEY_DESTROY] = run_key_change,
	[VAULT_OP_KEY_LIST] = run_key_list,
	[VAULT_OP_PASSWORD_SET] = run_password_set,
	[VAULT_OP_PASSWORD_CHECK] = run_password_check,
	[VAULT_OP_SCRAM_BEGIN] = run_scram_begin,
	[VAULT_OP_SCRAM_CHECK] = run_scram_check,
	[VAULT_OP_DKIM_NEW] = run_dkim_new,
	[VAULT_OP_DKIM_SIGN] = run_dkim_sign,
};

/* --- connections and jobs --- */

static void conn_send(struct conn *c, struct span frame)
{
	pthread_mutex_lock(&c->send_mu);
	if (vault_frame_send(c->fd, frame, NULL) < 0)
		shutdown(c->fd, SHUT_RDWR);    /* its thread notices and ends */
	pthread_mutex_unlock(&c->send_mu);
}

static void conn_unref(struct conn *c)
{
	struct vault *v = c->vault;
	bool last;

	pthread_mutex_lock(&v->mu);
	last = --c->refs == 0;
	if (last) {
		for (struct conn **at = &v->conns; *at; at = &(*at)->next)
			if (*at == c) {
				*at = c->next;
				break;
			}
		close(c->fd);
		pthread_mutex_destroy(&c->send_mu);
		free(c);
		v->conns_n--;
		pthread_cond_signal(&v->idle);
	}
	pthread_mutex_unlock(&v->mu);
}

static void job_free(struct job *j)
{
	secret_fini(&j->frame);
	conn_unref(j->conn);
	free(j);
}

static int job_add(struct conn *c, struct queue *queue, struct span frame, struct err *e)
{
	struct vault *v = c->vault;
	struct job *j = calloc(1, sizeof(*j));
	bool room;

	if (!j)
		abort();
	j->conn = c;
	secret_copy(&j->frame, frame);
	pthread_mutex_lock(&v->mu);
	c->refs++;
	room = queue->n < VAULT_JOBS_MAX && !v->stop;
	if (room) {
		*queue->last = j;
		queue->last = &j->next;
		queue->n++;
		pthread_cond_signal(&queue->work);
	}
	pthread_mutex_unlock(&v->mu);
	if (room)
		return 0;
	job_free(j);
	return err_set(e, ERR_LATER, "Too many sign-ins at once, try again later", "%u requests are waiting",
		VAULT_JOBS_MAX);
}

/* Waits for work and takes one job, or all; NULL: the vault stops. */
static struct job *jobs_take(struct vault *v, struct queue *queue, bool all)
{
	struct job *j;

	pthread_mutex_lock(&v->mu);
	while (!queue->first && !v->stop)
		pthread_cond_wait(&queue->work, &v->mu);
	j = v->stop ? NULL : queue->first;
	if (j) {
		queue->first = all ? NULL : j->next;
		queue->n = all ? 0 : queue->n - 1;
		if (!queue->first)
			queue->last = &queue->first;
		if (!all)
			j->next = NULL;
	}
	pthread_mutex_unlock(&v->mu);
	return j;
}

static void desk_answer(struct desk *d, struct conn *c, struct vault_reply *r, const struct err *e)
{
	if (r->code < 0) {
		r->say = span_str(e->say);
		r->log = span_str(e->log);
		r->data = SPAN_NONE;
	}
	keys_status(d->vault->keys, &r->status);
	vault_reply_encode(&d->out, r);
	assert(!d->out.failed);
	conn_send(c, buf_span(&d->out));
	secret_wipe(d->out.p, d->out.n);
	buf_reset(&d->out);
	secret_wipe(d->data.p, d->data.n);
	arena_reset(d->arena);
}

/* Answers one frame, or puts it into a queue. False: unreadable, hang up. */
static bool desk_serve(struct desk *d, struct conn *c, struct span frame)
{
	struct vault_reply r = { 0 };
	struct vault_request q;
	struct err e = ERR_INIT;

	if (vault_request_decode(frame, &q, &e) < 0) {
		log_msg("vault_bad_request", "%s", e.log);
		return false;
	}
	r.id = q.id;
	r.code = op_table[q.op](d, &q, &r, &e);
	if (r.code == NEEDS_POOL || r.code == NEEDS_DISK) {
		r.code = job_add(c, r.code == NEEDS_POOL ? &d->vault->slow : &d->vault->disk, frame, &e);
		if (r.code == 0)
			return true;
	}
	desk_answer(d, c, &r, &e);
	return true;
}

static void *conn_main(void *arg)
{
	struct conn *c = arg;
	struct secret mem;
	struct span frame;
	struct desk d;

	desk_init(&d, c->vault, false);
	secret_init(&mem, VAULT_FRAME_MAX);
	while (vault_frame_recv(c->fd, mem.p, mem.n, &frame, NULL) == 0 && desk_serve(&d, c, frame))
		secret_wipe(mem.p, frame.n);
	desk_fini(&d);
	secret_fini(&mem);
	shutdown(c->fd, SHUT_RDWR);
	conn_unref(c);         /* the last we touch: the vault may be gone after it */
	return NULL;
}

static void *pool_main(void *arg)
{
	struct vault *v = arg;
	struct desk d;
	struct job *j;

	desk_init(&d, v, true);
	while ((j = jobs_take(v, &v->slow, false))) {
		(void)desk_serve(&d, j->conn, secret_span(&j->frame));
		job_free(j);
	}
	desk_fini(&d);
	return NULL;
}

/* --- changes of the account keys: staged one by one, written together, answered --- */

static int stage_new(struct vault *v, uint64_t account_id, struct err *e)
{
	unsigned char row[VAULT_KEY_ROW];
	struct seal_key k;
	int r;

	if (accounts_staged(v->accounts, account_id))
		return 0;      /* asked again after a break: the same key */
	for (int i = 0; i < 8; i++)
		row[i] = (unsigned char)(account_id >> (8 * i));
	r = keys_account_new(v->keys, account_id, &k, row + 8, e);
	if (r < 0)
		return r;
	seal_key_wipe(&k);
	return accounts_stage(v->accounts, row, e);
}

/* Nothing that does not open gets in. */
static int stage_put(struct desk *d, struct span rows, struct err *e)
{
	struct accounts *a = d->vault->accounts;
	int r = keys_account_open(d->vault->keys, rows, d->data.p, e);

	secret_wipe(d->data.p, d->data.n);
	for (size_t at = 0; r == 0 && at < rows.n; at += VAULT_KEY_ROW) {
		struct wire w = wire_open(span_from(rows, at));

		if (!accounts_staged(a, wire_get_u64(&w)))
			r = accounts_stage(a, (const unsigned char *)rows.p + at, e);
	}
	return r;
}

static int stage(struct desk *d, const struct vault_request *q, struct err *e)
{
	struct wire w = wire_open(q->keys);

	if (q->op == VAULT_OP_KEY_NEW)
		return stage_new(d->vault, q->account_id, e);
	if (q->op == VAULT_OP_KEY_PUT)
		return stage_put(d, q->keys, e);
	while (w.in.n)
		accounts_stage_removal(d->vault->accounts, wire_get_u64(&w));
	return 0;
}

static void disk_answer(struct desk *d, struct job *j)
{
	struct vault_reply r = { .code = j->code };
	struct vault_request q;

	vault_request_decode(secret_span(&j->frame), &q, NULL);        /* it was readable before */
	r.id = q.id;
	if (r.code == 0 && q.op == VAULT_OP_KEY_NEW) {
		SCOPED_BUF id;

		buf_init(&id, 8);
		wire_u64(&id, q.account_id);
		r.data = SPAN_BYTES(d->data.p, SEAL_KEY_LEN);
		r.code = keys_give(d, 1, wire_open(buf_span(&id)), &j->err);
	}
	desk_answer(d, j->conn, &r, &j->err);
}

static void disk_run(struct desk *d, struct job *jobs)
{
	unsigned char check[ACCOUNTS_CHECK_LEN];
	struct err why = ERR_INIT;
	int r;

	for (struct job *j = jobs; j; j = j->next) {
		struct vault_request q;

		vault_request_decode(secret_span(&j->frame), &q, NULL);
		j->code = stage(d, &q, &j->err);
	}
	r = keys_check(d->vault->keys, check) ? accounts_commit(d->vault->accounts, check, &why) : 0;
	if (r < 0)
		log_msg("vault_accounts", "%s", why.log);
	while (jobs) {
		struct job *j = jobs;

		jobs = j->next;
		if (j->code == 0 && r < 0)
			j->code = err_set(&j->err, r, why.say, "%s", why.log);
		disk_answer(d, j);
		job_free(j);
	}
}

static void *disk_main(void *arg)
{
	struct vault *v = arg;
	struct desk d;
	struct job *jobs;

	desk_init(&d, v, false);
	while ((jobs = jobs_take(v, &v->disk, true)))
		disk_run(&d, jobs);
	desk_fini(&d);
	return NULL;
}

/* Signals stay with the main thread, which knows what they mean. */
static bool thread_start(pthread_t *t, void *(*main)(void *), void *arg)
{
	sigset_t all, old;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(t, NULL, main, arg) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

static void conn_accept(struct vault *v)
{
	int fd = accept4(v->c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct timeval limit = { .tv_sec = SEND_LIMIT_SEC };
	struct conn *c;
	pthread_t t;
	bool full;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			poll(NULL, 0, 50);     /* until somebody hangs up; do not spin */
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->vault = v;
	c->fd = fd;
	c->refs = 1;
	pthread_mutex_init(&c->send_mu, NULL);
	pthread_mutex_lock(&v->mu);
	full = v->conns_n >= VAULT_CONNS_MAX;
	v->conns_n++;
	c->next = v->conns;
	v->conns = c;
	pthread_mutex_unlock(&v->mu);
	if (full || !thread_start(&t, conn_main, c)) {
		log_msg("vault_refused", "no room for one more connection");
		conn_unref(c);
		return;
	}
	pthread_detach(t);
}

/* --- the process --- */

static int accept_loop(struct vault *v, struct err *e)
{
	struct pollfd p[2] = { { v->c->listen_fd, POLLIN, 0 }, { v->c->stop_fd, POLLIN, 0 } };

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno != EINTR)
				return err_errno(e, "poll");
			continue;
		}
		if (p[1].revents)
			return 0;
		if (p[0].revents & (POLLERR | POLLNVAL))
			return err_set(e, ERR_BROKEN, "Internal error", "the vault's socket is broken");
		if (p[0].revents)
			conn_accept(v);
	}
}

/* Their askers see the connection end. */
static void queue_drop(struct queue *queue)
{
	while (queue->first) {
		struct job *j = queue->first;

		queue->first = j->next;
		job_free(j);
	}
	queue->last = &queue->first;
}

static void shut_down(struct vault *v, const pthread_t *threads, unsigned n)
{
	pthread_mutex_lock(&v->mu);
	v->stop = true;
	for (struct conn *c = v->conns; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	pthread_cond_broadcast(&v->slow.work);
	pthread_cond_broadcast(&v->disk.work);
	pthread_mutex_unlock(&v->mu);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	queue_drop(&v->slow);
	queue_drop(&v->disk);
	pthread_mutex_lock(&v->mu);
	while (v->conns_n)
		pthread_cond_wait(&v->idle, &v->mu);
	pthread_mutex_unlock(&v->mu);
}

static int run(struct vault *v, struct err *e)
{
	unsigned want = v->c->password_threads ? v->c->password_threads : 2, n = 0;
	pthread_t threads[THREADS_MAX + 1];
	bool disk;
	int r = 0;

	if (want > THREADS_MAX)
		want = THREADS_MAX;
	disk = thread_start(&threads[n], disk_main, v);
	n += disk;
	while (disk && n < want + 1 && thread_start(&threads[n], pool_main, v))
		n++;
	if (n < 2)
		r = err_set(e, ERR_BROKEN, "Internal error", "the vault cannot start a thread");
	if (r == 0) {
		log_state(v, "vault_start");
		if (v->c->ready)
			v->c->ready();
		r = accept_loop(v, e);
	}
	shut_down(v, threads, n);
	return r;
}

/* OpenSSL reads its configuration at first use: have that behind us before the sandbox closes. */
static int warm_up(struct err *e)
{
	struct scram_keys s;

	return scram_derive(SPAN("x"), SPAN("salt"), 1, &s, e);
}

static void protect(void)
{
	struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

static int load(struct vault *v, struct err *e)
{
	const struct vault_config *c = v->c;
	struct keys_config kc = { c->dirfd, c->key_file ? c->key_file : "master.key",
		c->pw_ops ? c->pw_ops : crypto_pwhash_OPSLIMIT_MODERATE,
		c->pw_mem ? c->pw_mem : crypto_pwhash_MEMLIMIT_MODERATE };
	unsigned char check[ACCOUNTS_CHECK_LEN];
	int r = keys_load(&kc, &v->keys, e);

	if (r < 0)
		return r;
	return accounts_load(c->dirfd, keys_check(v->keys, check) ? check : NULL, &v->accounts, e);
}

int vault_main(const struct vault_config *c, struct err *e)
{
	struct vault v = { .c = c, .mu = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER,
		.slow = { .work = PTHREAD_COND_INITIALIZER }, .disk = { .work = PTHREAD_COND_INITIALIZER } };
	struct vault_status s;
	int r;

	v.slow.last = &v.slow.first;
	v.disk.last = &v.disk.first;
	if (!c->in_process)
		protect();
	share_setup();
	if ((r = seal_init(e)) < 0 || (r = warm_up(e)) < 0 || (r = load(&v, e)) < 0) {
		keys_free(v.keys);
		return r;
	}
	keys_status(v.keys, &s);
	if (s.mode == 'k') {
		struct err why = ERR_INIT;

		if (keys_open(v.keys, SPAN_NONE, &why) < 0)
			log_msg("vault_key_file", "%s", why.log);      /* stays sealed */
	}
	v.passwords = passwords_new(v.keys, c->pw_ops ? c->pw_ops : crypto_pwhash_OPSLIMIT_INTERACTIVE,
		c->pw_mem ? c->pw_mem : crypto_pwhash_MEMLIMIT_INTERACTIVE);
	if (c->enter_sandbox)
		c->enter_sandbox();
	r = run(&v, e);
	passwords_free(v.passwords);
	accounts_free(v.accounts);
	keys_free(v.keys);
	return r;
}
