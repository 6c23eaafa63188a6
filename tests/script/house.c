#include "tests/script/house.h"
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/time.h"
#include "core/migrations.h"
#include "domain/mail/mail_view.h"
#include "domain/org/org.h"
#include "domain/org/role.h"
#include "vault/vault.h"

static char dir[64];
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static sem_t is_ready;
static struct vault_config vault;
static int stop[2];
static pthread_t thread;
static struct seal_key ticket;
static uint64_t term_id;

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s / %s\n", what, e ? e->say : "", e ? e->log : "");
	exit(1);
}

static void ready(void)
{
	sem_post(&is_ready);
}

static void *vault_thread(void *arg)
{
	struct err e = ERR_INIT;

	(void)arg;
	if (vault_main(&vault, &e) < 0)
		die("vault", &e);
	return NULL;
}

static int connect_vault(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void vault_start(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/vault", dir);
	mkdir(path, 0700);
	vault = (struct vault_config){ .pw_ops = 1, .pw_mem = 64 * 1024, .in_process = true, .ready = ready };
	vault.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	vault.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(vault.listen_fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(vault.listen_fd, 8) ||
		pipe2(stop, O_CLOEXEC) || sem_init(&is_ready, 0, 0))
		die("vault socket", NULL);
	vault.stop_fd = stop[0];
	pthread_create(&thread, NULL, vault_thread, NULL);
	sem_wait(&is_ready);
}

static int make_term(struct tx *tx, void *arg, struct err *e)
{
	struct test_house *t = arg;
	struct term term = { .role_id = t->role, .holder_id = t->anna, .from_sec = time_real_sec() - 10,
		.rights = RIGHT_ALL };

	return term_add(t->house.org, tx, &term, &term_id, e);
}

static int find_anna(struct tx *tx, void *arg, struct err *e)
{
	struct test_house *t = arg;
	struct account found;
	SCOPED_ARENA a = arena_new();

	if (account_find(t->house.org, tx, a, SPAN("anna@example.org"), false, &found, e) < 0)
		return e->code;
	t->anna = found.id;
	return 0;
}

static int account_made(void *org, struct tx *tx, uint64_t id, enum account_kind kind, struct span language,
	struct err *e)
{
	return core_account_made(org, tx, id, kind, language, e);
}

static void people(struct test_house *t)
{
	struct org_first first = { SPAN("Verein"), SPAN("example.org"), SPAN("anna@example.org"), SPAN("Anna"),
		SPAN("geheim"), SPAN("en") };
	struct account_new ben = { ACCOUNT_PERSON, 0, SPAN("ben@example.org"), SPAN("Ben"), SPAN("en"), SPAN("geheim2"),
		0, 0, 0 };
	struct account_new small = { ACCOUNT_PERSON, 0, SPAN("last@example.org"), SPAN("Last"), SPAN("en"),
		SPAN("geheim3"), 40960, 0, 0 };
	struct account_new role = { ACCOUNT_ROLE, 0, SPAN("vorstand@example.org"), SPAN("Vorstand"), SPAN("en"),
		SPAN_NONE, 0, 0, 0 };
	struct err e = ERR_INIT;

	if (org_create(t->house.org, &first, &e) < 0 || account_add(t->house.org, &ben, &t->ben, &e) < 0 ||
		account_add(t->house.org, &small, &t->small, &e) < 0 ||
		account_add(t->house.org, &role, &t->role, &e) < 0 ||
		store_read(t->house.store, find_anna, t, &e) < 0 || store_write(t->house.store, make_term, t, &e) < 0)
		die("people", &e);
}

struct test_house *house_open(void (*watch)(struct house *h, uint64_t session, uint64_t object_id),
	void (*changed)(void *arg, const struct change *c, size_t n))
{
	struct test_house *t = calloc(1, sizeof(*t));
	struct err e = ERR_INIT;
	struct store_config config = { .url = "sqlite", .readers = 2 };
	SCOPED_ARENA a = arena_new();

	snprintf(dir, sizeof(dir), "/tmp/kontor-script-XXXXXX");
	if (!t || !mkdtemp(dir) || seal_init(&e) < 0)
		die("start", &e);
	vault_start();
	config.dir = dir;
	config.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	seal_key_new(&ticket);
	t->house = (struct house){ .hostname = "mail.example.org", .ticket_key = &ticket, .watch = watch };
	if (store_open(&config, &t->house.store, &e) < 0 ||
		store_migrate(t->house.store, core_migrations, core_migrations_n, &e) < 0)
		die("store", &e);
	t->house.vault = vault_client_new(connect_vault(NULL), connect_vault, NULL);
	if (vault_create(t->house.vault, a, 'k', SPAN_NONE, 0, 0, NULL, &e) < 0)
		die("vault_create", &e);
	t->house.org = org_new(t->house.store, t->house.vault);
	t->house.mail = mail_new(t->house.org);
	account_on_add(account_made, t->house.org);
	store_subscribe(t->house.store, changed, NULL);
	people(t);
	return t;
}

static int end_term(struct tx *tx, void *arg, struct err *e)
{
	struct test_house *t = arg;

	return term_end(t->house.org, tx, term_id, time_real_sec() - 1, e);
}

void house_end_term(struct test_house *t)
{
	struct err e = ERR_INIT;

	if (store_write(t->house.store, end_term, t, &e) < 0)
		die("end of term", &e);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(path);
}

void house_close(struct test_house *t)
{
	mail_free(t->house.mail);
	org_free(t->house.org);
	vault_client_free(t->house.vault);
	store_close(t->house.store);
	if (write(stop[1], "x", 1) == 1)
		pthread_join(thread, NULL);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
}
