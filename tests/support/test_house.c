#include "support/test_house.h"
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "domain/org/account.h"
#include "vault/vault.h"

static sem_t is_ready;

static void ready(void)
{
	sem_post(&is_ready);
}

static void *vault_thread(void *arg)
{
	struct test_house *h = arg;
	struct vault_config c = { .dirfd = h->vault_dirfd, .listen_fd = h->listen_fd, .stop_fd = h->stop[0],
		.pw_ops = 1, .pw_mem = 64 * 1024, .in_process = true, .ready = ready };
	struct err e = ERR_INIT;

	if (vault_main(&c, &e) < 0)
		sem_post(&is_ready);
	return NULL;
}

static int dial(void *arg)
{
	struct test_house *h = arg;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, h->socket, strlen(h->socket));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void start_vault(struct test_house *h)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	assert_int_equal(mkdirat(h->place.dirfd, "vault", 0700), 0);
	h->vault_dirfd = openat(h->place.dirfd, "vault", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(h->socket, sizeof(h->socket), "%s/vault/socket", h->place.dir);
	memcpy(at.sun_path, h->socket, strlen(h->socket));
	h->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(h->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(h->listen_fd, 16), 0);
	assert_int_equal(pipe2(h->stop, O_CLOEXEC), 0);
	sem_init(&is_ready, 0, 0);
	assert_int_equal(pthread_create(&h->thread, NULL, vault_thread, h), 0);
	while (sem_wait(&is_ready) < 0)
		;
	h->vault = vault_client_new(dial(h), dial, h);
}

void test_house_new(struct test_house *h, const struct migration *list, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct org_first first = { SPAN("Verein zur Probe e.V."), SPAN("example.org"), SPAN("admin@example.org"),
		SPAN("Ada Amt"), SPAN(TEST_PASSWORD), SPAN("de") };
	struct err e = ERR_INIT;

	*h = (struct test_house){ 0 };
	assert_int_equal(seal_init(&e), 0);
	place_new(&h->place);
	h->store = place_open(&h->place);
	start_vault(h);
	if (store_migrate(h->store, list, n, &e) < 0 ||
		vault_create(h->vault, a, 'p', SPAN("open sesame"), 0, 0, NULL, &e) < 0)
		fail_msg("%s", e.log);
	h->org = org_new(h->store, h->vault);
	if (org_create(h->org, &first, &e) < 0)
		fail_msg("org_create: %s (%s)", e.say, e.log);
}

void test_house_free(struct test_house *h)
{
	org_free(h->org);
	vault_client_free(h->vault);
	assert_int_equal(write(h->stop[1], "x", 1), 1);
	pthread_join(h->thread, NULL);
	close(h->stop[0]);
	close(h->stop[1]);
	close(h->listen_fd);
	close(h->vault_dirfd);
	store_close(h->store);
	place_free(&h->place);
	sem_destroy(&is_ready);
}

void test_house_seal(struct test_house *h)
{
	struct err e = ERR_INIT;

	if (vault_seal(h->vault, &e) < 0)
		fail_msg("%s", e.log);
	org_forget(h->org);
}

void test_house_unseal(struct test_house *h)
{
	struct vault_status st;
	struct err e = ERR_INIT;

	if (vault_open(h->vault, SPAN("open sesame"), &st, &e) < 0)
		fail_msg("%s", e.log);
}

uint64_t test_person(struct test_house *h, const char *address, const char *name)
{
	struct account_new n = { .kind = ACCOUNT_PERSON, .address = span_str(address), .name = span_str(name),
		.password = SPAN(TEST_PASSWORD) };
	struct err e = ERR_INIT;
	uint64_t id = 0;

	if (account_add(h->org, &n, &id, &e) < 0)
		fail_msg("account_add %s: %s (%s)", address, e.say, e.log);
	return id;
}
