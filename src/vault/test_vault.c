/* The client against the vault: as a thread of this test, and as a process of its own that is killed. */
#include "vault/vault.h"
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "base/wire.h"
#include "seal/vault_proto.h"
#include "vault/vault_accounts.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define PW_OPS 1
#define PW_MEM (64 * 1024)
#define SLOW_MEM (64 * 1024 * 1024)

static char dir[64];
static struct sockaddr_un addr = { .sun_family = AF_UNIX };

struct house {                 /* a vault in a thread */
	struct vault_config c;
	int stop[2];
	pthread_t thread;
	int result;
};
static sem_t is_ready;

static void ready(void)
{
	sem_post(&is_ready);
}

static int listen_here(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(addr.sun_path);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 16) == 0);
	return fd;
}

static int connect_here(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void *house_main(void *arg)
{
	struct house *h = arg;
	struct err e = ERR_INIT;

	h->result = vault_main(&h->c, &e);
	if (h->result < 0)
		sem_post(&is_ready);
	return NULL;
}

static void house_start(struct house *h, uint64_t pw_ops, uint64_t pw_mem)
{
	*h = (struct house){ .c = { .pw_ops = pw_ops, .pw_mem = pw_mem, .in_process = true, .ready = ready } };
	h->c.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h->c.listen_fd = listen_here();
	assert_int_equal(pipe2(h->stop, O_CLOEXEC), 0);
	h->c.stop_fd = h->stop[0];
	assert_int_equal(pthread_create(&h->thread, NULL, house_main, h), 0);
	while (sem_wait(&is_ready) < 0)
		;
}

static int house_stop(struct house *h)
{
	unlink(addr.sun_path);
	assert_int_equal(write(h->stop[1], "x", 1), 1);
	pthread_join(h->thread, NULL);
	close(h->stop[0]);
	close(h->stop[1]);
	close(h->c.listen_fd);
	close(h->c.dirfd);
	return h->result;
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/kontor-vault-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", dir);
	return sem_init(&is_ready, 0, 0);
}

static int teardown(void **state)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	unlinkat(fd, "master", 0);
	unlinkat(fd, "master.key", 0);
	unlinkat(fd, "accounts", 0);
	unlinkat(fd, "socket", 0);
	close(fd);
	return rmdir(dir);
}

static struct vault_status status(struct vault_client *v)
{
	struct vault_status s = { .state = 99 };

	assert_int_equal(vault_status(v, &s, NULL), 0);
	return s;
}

static void test_shares_life(void **state)
{
	struct span lines[3], none = SPAN_NONE;
	SCOPED_ARENA a = arena_new();
	struct vault_client *v;
	struct vault_status s;
	struct err e = ERR_INIT;
	struct seal_key k, again;
	uint64_t id = 5;
	struct house h;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), connect_here, NULL);
	assert_int_equal(status(v).state, VAULT_EMPTY);
	assert_int_equal(vault_key_new(v, 5, &k, &e), ERR_LATER);
	assert_true(e.code == ERR_LATER && e.say[0]);
	assert_int_equal(vault_create(v, a, 's', none, 1, 3, lines, NULL), ERR_PARAM);
	assert_int_equal(vault_create(v, a, 's', none, 2, 17, lines, NULL), ERR_PARAM);
	assert_int_equal(vault_create(v, a, 's', none, 2, 3, lines, NULL), 0);
	assert_int_equal(vault_create(v, a, 's', none, 2, 3, lines, NULL), ERR_EXISTS);
	assert_int_equal(vault_key_new(v, 5, &k, NULL), 0);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);

	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(-1, connect_here, NULL);
	s = status(v);
	assert_true(s.state == VAULT_SEALED && s.mode == 's' && s.need == 2 && s.total == 3 && s.have == 0);
	assert_int_equal(vault_open(v, SPAN("share 1: AAAA"), &s, NULL), ERR_DENIED);
	assert_int_equal(vault_open(v, lines[2], &s, NULL), 0);
	assert_true(s.state == VAULT_SEALED && s.have == 1);
	assert_int_equal(vault_open(v, lines[0], &s, NULL), 0);
	assert_int_equal(s.state, VAULT_OPEN);
	assert_int_equal(vault_key_open(v, 1, &id, &again, NULL), 0);
	assert_memory_equal(&k, &again, sizeof(k));
	assert_int_equal(vault_seal(v, NULL), 0);
	assert_int_equal(vault_key_open(v, 1, &id, &again, NULL), ERR_LATER);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

/* As many shares as there may be, all of them needed. */
static void test_most_shares(void **state)
{
	struct span lines[VAULT_SHARES_MAX + 1];
	SCOPED_ARENA a = arena_new();
	struct vault_client *v;
	struct vault_status s;
	struct house h;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), connect_here, NULL);
	assert_int_equal(vault_create(v, a, 's', SPAN_NONE, 2, VAULT_SHARES_MAX + 1, lines, NULL), ERR_PARAM);
	assert_int_equal(vault_create(v, a, 's', SPAN_NONE, VAULT_SHARES_MAX, VAULT_SHARES_MAX, lines, NULL), 0);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(-1, connect_here, NULL);
	for (int i = 0; i < VAULT_SHARES_MAX; i++) {
		assert_int_equal(vault_open(v, lines[i], &s, NULL), 0);
		assert_int_equal(s.state, i + 1 < VAULT_SHARES_MAX ? VAULT_SEALED : VAULT_OPEN);
	}
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

/* --- account keys --- */

struct maker {
	struct vault_client *v;
	const uint64_t *ids;
	struct seal_key *keys;
	size_t n;
	int wrong;
};

static void *maker_main(void *arg)
{
	struct maker *m = arg;

	for (size_t i = 0; i < m->n; i++)
		if (vault_key_new(m->v, m->ids[i], &m->keys[i], NULL) < 0)
			m->wrong++;
	return NULL;
}

/* From many threads at once, so that one writing serves many. */
static void make_keys(struct vault_client *v, const uint64_t *ids, struct seal_key *keys, size_t n)
{
	enum { T = 32 };
	struct maker m[T];
	pthread_t t[T];
	size_t each = n / T + 1, at = 0;

	for (int i = 0; i < T; i++) {
		size_t some = n - at < each ? n - at : each;

		m[i] = (struct maker){ v, ids + at, keys + at, some, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, maker_main, &m[i]), 0);
		at += some;
	}
	for (int i = 0; i < T; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(m[i].wrong, 0);
	}
}

/* More keys than one frame holds; one bad one spoils the lot and leaves nothing behind. */
static void test_many_keys(void **state)
{
	enum { N = VAULT_KEYS_MAX + 3 };
	static struct seal_key keys[N], opened[N];
	static uint64_t ids[N];
	SCOPED_ARENA a = arena_new();
	struct vault_client *v;
	struct house h;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(vault_create(v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	for (size_t i = 0; i < N; i++)
		ids[i] = i << 20;
	make_keys(v, ids, keys, N);
	assert_int_equal(vault_key_open(v, N, ids, opened, NULL), 0);
	assert_memory_equal(keys, opened, sizeof(keys));
	assert_int_equal(vault_key_open(v, 0, ids, opened, NULL), 0);
	ids[N - 1]++;
	assert_int_equal(vault_key_open(v, N, ids, opened, NULL), ERR_MISSING);
	assert_memory_equal(opened[0].k, (struct seal_key){ { 0 } }.k, SEAL_KEY_LEN);
	ids[N - 1]--;
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

/* Ids come in answers of so many, the rest above the last one. */
static void test_key_list(void **state)
{
	enum { N = VAULT_IDS_MAX + 1 };
	static struct seal_key keys[N];
	static uint64_t ids[N], listed[VAULT_IDS_MAX];
	SCOPED_ARENA a = arena_new();
	struct vault_client *v;
	struct house h;
	size_t n;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(vault_create(v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	for (size_t i = 0; i < N; i++)
		ids[i] = i + 1;
	make_keys(v, ids, keys, N);
	assert_int_equal(vault_key_list(v, 0, listed, &n, NULL), 0);
	assert_int_equal(n, VAULT_IDS_MAX);
	assert_int_equal(vault_key_list(v, listed[n - 1], listed, &n, NULL), 0);
	assert_true(n == 1 && listed[0] == N);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

static bool file_holds(const char *name, struct span what)
{
	SCOPED_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED_BUF b = { 0 };

	buf_init(&b, 1u << 20);
	assert_int_equal(io_read_file(fd, name, &b, NULL), 0);
	return memmem(b.p, b.n, what.p, what.n) != NULL;
}

/* What the file says of one account, as FILE.keys would. */
static void row_of(uint64_t id, unsigned char row[VAULT_KEY_ROW])
{
	SCOPED_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct accounts_file f;
	SCOPED_BUF b = { 0 };

	buf_init(&b, 1u << 20);
	assert_int_equal(io_read_file(fd, ACCOUNTS_FILE, &b, NULL), 0);
	assert_int_equal(accounts_file_decode(buf_span(&b), &f, NULL), 0);
	for (size_t i = 0; i < accounts_file_count(&f); i++)
		if (accounts_file_id(&f, i) == id) {
			memcpy(row, f.rows.p + i * VAULT_KEY_ROW, VAULT_KEY_ROW);
			return;
		}
	fail_msg("no row of %llu", (unsigned long long)id);
}

/* New, again, destroyed, put back, listed - and all of it still so after a restart. */
static void test_key_life(void **state)
{
	static const uint64_t ids[3] = { 1, 5000, 1ULL << 52 };
	uint64_t listed[VAULT_IDS_MAX];
	unsigned char row[VAULT_KEY_ROW];
	SCOPED_ARENA a = arena_new();
	struct seal_key k[3], again;
	struct vault_client *v;
	struct house h;
	struct span wrapped;
	size_t n;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(-1, connect_here, NULL);
	assert_int_equal(vault_create(v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vault_key_new(v, ids[i], &k[i], NULL), 0);
	assert_int_equal(vault_key_new(v, 5000, &again, NULL), 0);
	assert_memory_equal(&again, &k[1], sizeof(again));
	row_of(5000, row);
	assert_int_equal(vault_key_destroy(v, 1, &ids[1], NULL), 0);
	assert_int_equal(vault_key_destroy(v, 1, &ids[1], NULL), 0);
	assert_false(file_holds(ACCOUNTS_FILE, SPAN_BYTES(row + 8, SEAL_WRAPPED_LEN)));
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);

	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(-1, connect_here, NULL);
	assert_int_equal(vault_key_open(v, 1, &ids[1], &again, NULL), ERR_MISSING);
	assert_int_equal(vault_key_open(v, 1, &ids[2], &again, NULL), 0);
	assert_memory_equal(&again, &k[2], sizeof(again));
	assert_int_equal(vault_key_list(v, 0, listed, &n, NULL), 0);
	assert_true(n == 2 && listed[0] == 1 && listed[1] == 1ULL << 52);
	assert_int_equal(vault_key_list(v, 1ULL << 52, listed, &n, NULL), 0);
	assert_int_equal(n, 0);
	/* bound to its account: another's row under this name does not get in, its own does */
	wrapped = SPAN_BYTES(row + 8, SEAL_WRAPPED_LEN);
	assert_int_equal(vault_key_put(v, 1, &(uint64_t){ 5001 }, &wrapped, NULL), ERR_BROKEN);
	assert_int_equal(vault_key_put(v, 1, &ids[1], &wrapped, NULL), 0);
	assert_int_equal(vault_key_open(v, 1, &ids[1], &again, NULL), 0);
	assert_memory_equal(&again, &k[1], sizeof(again));
	assert_int_equal(vault_seal(v, NULL), 0);
	assert_int_equal(vault_key_new(v, 7, &again, NULL), ERR_LATER);
	assert_int_equal(vault_key_put(v, 1, &ids[1], &wrapped, NULL), ERR_LATER);
	assert_int_equal(vault_key_open(v, 1, &(uint64_t){ 8 }, &again, NULL), ERR_LATER);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

/* A folder that cannot be written: no key is handed out, none is taken back, and all works when it can again. */
static void test_no_disk(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct rlimit old, small = { 16, RLIM_INFINITY };
	struct vault_client *v;
	struct seal_key k, again;
	struct err e = ERR_INIT;
	uint64_t id = 1;
	struct house h;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(-1, connect_here, NULL);
	assert_int_equal(vault_create(v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	assert_int_equal(vault_key_new(v, id, &k, NULL), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(vault_key_new(v, 2, &again, &e), ERR_LATER);
	assert_int_equal(vault_key_destroy(v, 1, &id, NULL), ERR_LATER);
	assert_int_equal(vault_key_open(v, 1, &id, &again, NULL), 0);
	assert_memory_equal(&again, &k, sizeof(k));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(vault_key_open(v, 1, &(uint64_t){ 2 }, &again, NULL), ERR_MISSING);
	assert_int_equal(vault_key_new(v, 2, &again, NULL), 0);
	assert_int_equal(vault_key_destroy(v, 1, &id, NULL), 0);
	assert_int_equal(vault_key_open(v, 1, &id, &again, NULL), ERR_MISSING);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

static void test_passwords(void **state)
{
	char longest[VAULT_SECRET_MAX + 1];
	unsigned char signature[32], proof[32] = { 0 };
	SCOPED_ARENA a = arena_new();
	struct vault_client *v;
	struct span verifier, salt, none = SPAN_NONE;
	uint32_t n;
	struct house h;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(vault_create(v, a, 'p', SPAN("satz"), 0, 0, NULL, NULL), 0);
	assert_int_equal(vault_password_set(v, a, 7, SPAN("geheim"), &verifier, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vault_password_check(v, 7, verifier, SPAN("geheim"), NULL), 0);
		assert_int_equal(vault_password_check(v, 7, verifier, SPAN("falsch"), NULL), ERR_DENIED);
		assert_int_equal(vault_password_check(v, 0, none, SPAN("geheim"), NULL), ERR_DENIED);
		assert_int_equal(vault_password_check(v, 8, verifier, SPAN("geheim"), NULL), ERR_BROKEN);
	}
	assert_int_equal(vault_scram_begin(v, a, 7, verifier, SPAN("anna"), &salt, &n, NULL), 0);
	assert_true(salt.n == 16 && n == 4096);
	assert_int_equal(vault_scram_check(v, 7, verifier, SPAN("m"), SPAN_BYTES(proof, 32), signature, NULL),
		ERR_DENIED);
	assert_int_equal(vault_scram_check(v, 7, verifier, SPAN("m"), SPAN_BYTES(proof, 31), signature, NULL),
		ERR_DENIED);
	assert_int_equal(vault_password_set(v, a, 7, SPAN_BYTES(longest, sizeof(longest)), &verifier, NULL),
		ERR_TOOBIG);
	assert_int_equal(vault_password_check(v, 7, verifier, SPAN_BYTES(longest, sizeof(longest)), NULL),
		ERR_DENIED);
	assert_int_equal(vault_password_set(v, a, 7, SPAN_BYTES(longest, VAULT_SECRET_MAX), &verifier, NULL), 0);
	assert_int_equal(vault_password_check(v, 7, verifier, SPAN_BYTES(longest, VAULT_SECRET_MAX), NULL), 0);
	assert_int_equal(vault_seal(v, NULL), 0);
	assert_int_equal(vault_password_check(v, 7, verifier, SPAN_BYTES(longest, VAULT_SECRET_MAX), NULL),
		ERR_LATER);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

/* --- many threads on one client --- */

struct crowd {
	struct vault_client *v;
	struct span verifier;
	atomic_int wrong, done;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	SCOPED_ARENA a = arena_new();

	for (uint64_t i = 0; i < 30; i++) {
		struct seal_key k, again;
		bool good = i % 2;
		int want = good ? 0 : ERR_DENIED;

		if (vault_key_new(c->v, i, &k, NULL) < 0 ||
		    vault_key_open(c->v, 1, &i, &again, NULL) < 0 ||
		    memcmp(&k, &again, sizeof(k)) != 0 ||
		    vault_password_check(c->v, 7, c->verifier, good ? SPAN("geheim") : SPAN("falsch"), NULL) != want)
			c->wrong++;
	}
	c->done++;
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[8];
	SCOPED_ARENA a = arena_new();
	struct crowd c = { 0 };
	struct house h;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	c.v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(vault_create(c.v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	assert_int_equal(vault_password_set(c.v, a, 7, SPAN("geheim"), &c.verifier, NULL), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&t[i], NULL, crowd_main, &c), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(c.wrong, 0);
	vault_client_free(c.v);
	assert_int_equal(house_stop(&h), 0);
}

static void *slow_main(void *arg)
{
	struct crowd *c = arg;

	if (vault_password_check(c->v, 7, c->verifier, SPAN("falsch"), NULL) != ERR_DENIED)
		c->wrong++;
	c->done++;
	return NULL;
}

/* Keys overtake passwords: with six slow checks for two threads, twenty keys come before the last of them. */
static void test_no_waiting(void **state)
{
	pthread_t t[6];
	SCOPED_ARENA a = arena_new();
	struct crowd c = { 0 };
	struct seal_key k;
	struct house h;

	(void)state;
	house_start(&h, 3, SLOW_MEM);
	c.v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(vault_create(c.v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	assert_int_equal(vault_password_set(c.v, a, 7, SPAN("geheim"), &c.verifier, NULL), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&t[i], NULL, slow_main, &c), 0);
	usleep(20000);
	for (int i = 0; i < 20; i++)
		assert_int_equal(vault_key_new(c.v, 1, &k, NULL), 0);
	assert_true(c.done < 6);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(c.wrong, 0);
	vault_client_free(c.v);
	assert_int_equal(house_stop(&h), 0);
}

/* --- strangers, damage --- */

static void test_garbage(void **state)
{
	static const char bad[][12] = { "\xff\xff\xff\xff", "\0\0\0\0", "\4\0\0\0abcd", "\1\0\0\0\0" };
	struct vault_client *v;
	struct house h;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), NULL, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		SCOPED_FD fd = connect_here(NULL);
		char c;

		assert_int_equal(send(fd, bad[i], i == 2 ? 8 : i == 3 ? 5 : 4, MSG_NOSIGNAL) > 0, 1);
		assert_true(read(fd, &c, 1) <= 0);     /* hung up */
	}
	assert_int_equal(status(v).state, VAULT_EMPTY);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

/* The longest frame is waited for, one octet more is not. */
static void test_frame_bound(void **state)
{
	struct house h;
	unsigned char *p = malloc(VAULT_FRAME_MAX);
	struct span frame;
	int sv[2];

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	for (uint32_t n = VAULT_FRAME_MAX; n <= VAULT_FRAME_MAX + 1; n++) {
		SCOPED_FD fd = connect_here(NULL);
		struct pollfd pf = { .fd = fd, .events = POLLIN };
		SCOPED_BUF b = { 0 };

		buf_init(&b, VAULT_FRAME_MAX + 10);
		wire_u32(&b, n);
		assert_int_equal(send(fd, b.p, 4, MSG_NOSIGNAL), 4);
		assert_int_equal(poll(&pf, 1, n > VAULT_FRAME_MAX ? 30000 : 50), n > VAULT_FRAME_MAX);
		buf_fill(&b, 'x', n);
		assert_int_equal(send(sv[0], b.p, b.n, 0), b.n);
		assert_int_equal(vault_frame_recv(sv[1], p, VAULT_FRAME_MAX, &frame, NULL), n > VAULT_FRAME_MAX ? ERR_TOOBIG : 0);
	}
	close(sv[0]);
	close(sv[1]);
	free(p);
	assert_int_equal(house_stop(&h), 0);
}

static int request_with(struct vault_request q)
{
	struct vault_request out;
	SCOPED_BUF b = { 0 };

	buf_init(&b, 1u << 20);
	q.op = VAULT_OP_PASSWORD_CHECK;
	vault_request_encode(&b, &q);
	return vault_request_decode(span_from(buf_span(&b), 4), &out, NULL);
}

static void test_field_bounds(void **state)
{
	static char x[VAULT_TEXT_MAX + 1];

	(void)state;
	for (size_t over = 0; over <= 1; over++) {
		int want = over ? ERR_SYNTAX : 0;

		assert_int_equal(request_with((struct vault_request){ .secret = SPAN_BYTES(x, VAULT_SECRET_MAX + over) }), want);
		assert_int_equal(request_with((struct vault_request){ .verifier = SPAN_BYTES(x, VAULT_VERIFIER_MAX + over) }), want);
		assert_int_equal(request_with((struct vault_request){ .text = SPAN_BYTES(x, VAULT_TEXT_MAX + over) }), want);
		assert_int_equal(request_with((struct vault_request){ .keys = SPAN_BYTES(x, 8 * (VAULT_KEYS_MAX + over)) }), want);
	}
}

/* Checks that take long: so many wait, whoever comes then is told at once; and the vault ends in the midst of it. */
static void test_too_many_jobs(void **state)
{
	enum { N = 2 * VAULT_JOBS_MAX, POOL = 2 };            /* so many may have been begun */
	unsigned char *p = malloc(VAULT_FRAME_MAX);
	struct vault_request q = { .op = VAULT_OP_PASSWORD_CHECK, .secret = SPAN("falsch") };
	SCOPED_ARENA a = arena_new();
	struct vault_client *v;
	SCOPED_FD fd = -1;
	int refused = 0;
	struct house h;

	(void)state;
	house_start(&h, 10, SLOW_MEM);
	v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(vault_create(v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	fd = connect_here(NULL);
	for (q.id = 1; q.id <= N + 1; q.id++) {
		SCOPED_BUF b = { 0 };

		buf_init(&b, 1000);
		if (q.id > N)
			q.op = VAULT_OP_STATUS;               /* answered behind all that were refused */
		vault_request_encode(&b, &q);
		assert_int_equal(vault_frame_send(fd, buf_span(&b), NULL), 0);
	}
	for (struct vault_reply r = { 0 }; r.id != N + 1; refused += r.code == ERR_LATER) {
		struct span frame;

		assert_int_equal(vault_frame_recv(fd, p, VAULT_FRAME_MAX, &frame, NULL), 0);
		assert_int_equal(vault_reply_decode(frame, &r, NULL), 0);
	}
	assert_in_range(refused, N - VAULT_JOBS_MAX - POOL, N - VAULT_JOBS_MAX);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
	free(p);
}

static void test_too_many_conns(void **state)
{
	struct vault_client *v;
	int fds[VAULT_CONNS_MAX];
	struct house h;
	char c;

	(void)state;
	house_start(&h, PW_OPS, PW_MEM);
	v = vault_client_new(connect_here(NULL), NULL, NULL);
	assert_int_equal(status(v).state, VAULT_EMPTY);
	for (int i = 0; i < VAULT_CONNS_MAX; i++)
		fds[i] = connect_here(NULL);
	assert_true(read(fds[VAULT_CONNS_MAX - 1], &c, 1) <= 0);
	assert_int_equal(status(v).state, VAULT_EMPTY);
	for (int i = 0; i < VAULT_CONNS_MAX; i++)
		close(fds[i]);
	vault_client_free(v);
	assert_int_equal(house_stop(&h), 0);
}

static void test_damaged(void **state)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct house h;

	(void)state;
	assert_int_equal(io_write_file_durable(dirfd, "master", SPAN("kontor master key\n"), 0600, NULL), 0);
	close(dirfd);
	house_start(&h, PW_OPS, PW_MEM);
	assert_int_equal(house_stop(&h), ERR_BROKEN);
}

/* --- a process of its own, killed --- */

static pid_t process_start(void)
{
	int listen_fd = listen_here();
	char fd_text[16];
	pid_t pid;

	snprintf(fd_text, sizeof(fd_text), "%d", listen_fd);
	pid = fork();
	if (pid == 0) {
		fcntl(listen_fd, F_SETFD, 0);
		execl("/proc/self/exe", "test_vault", "vault", dir, fd_text, (char *)NULL);
		_exit(127);
	}
	close(listen_fd);
	return pid;
}

static void process_kill(pid_t pid)
{
	int how;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

static int process_main(char **argv)
{
	uint64_t fd;
	int never[2];
	struct vault_config c = { .pw_ops = PW_OPS, .pw_mem = PW_MEM };

	if (!span_num(span_str(argv[3]), &fd, 0, 1000) || pipe(never) < 0)
		return 1;
	c.dirfd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c.listen_fd = (int)fd;
	c.stop_fd = never[0];
	return vault_main(&c, NULL) < 0;
}

static void *restart_main(void *arg)
{
	pid_t *pid = arg;

	usleep(200000);
	process_kill(*pid);
	*pid = process_start();
	return NULL;
}

static void test_killed(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct seal_key k, again;
	uint64_t id = 9;
	struct vault_client *v;
	struct err e = ERR_INIT;
	pid_t pid = process_start();
	pthread_t t;

	(void)state;
	v = vault_client_new(-1, connect_here, NULL);
	assert_int_equal(vault_create(v, a, 'k', SPAN_NONE, 0, 0, NULL, NULL), 0);
	assert_int_equal(vault_key_new(v, 9, &k, NULL), 0);
	for (int i = 0; i < 3; i++) {
		/* the question is under way when its reader dies, and goes to the new one, which opens by its
		 * key file */
		kill(pid, SIGSTOP);
		assert_int_equal(pthread_create(&t, NULL, restart_main, &pid), 0);
		assert_int_equal(vault_key_open(v, 1, &id, &again, &e), 0);
		pthread_join(t, NULL);
		assert_memory_equal(&k, &again, sizeof(k));
	}
	process_kill(pid);
	unlink(addr.sun_path);
	assert_int_equal(vault_key_open(v, 1, &id, &again, &e), ERR_LATER);
	vault_client_free(v);
}

static void log_nowhere(struct span line)
{
	(void)line;
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_killed),
		WITH_DIR(test_shares_life),
		WITH_DIR(test_most_shares),
		WITH_DIR(test_many_keys),
		WITH_DIR(test_key_list),
		WITH_DIR(test_key_life),
		WITH_DIR(test_no_disk),
		WITH_DIR(test_passwords),
		WITH_DIR(test_threads),
		WITH_DIR(test_no_waiting),
		WITH_DIR(test_garbage),
		WITH_DIR(test_frame_bound),
		WITH_DIR(test_field_bounds),
		WITH_DIR(test_too_many_jobs),
		WITH_DIR(test_too_many_conns),
		WITH_DIR(test_damaged),
	};

	if (argc == 4 && span_eqz(span_str(argv[1]), "vault"))
		return process_main(argv);
	log_test_sink(log_nowhere);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
