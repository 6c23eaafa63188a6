/* offline.c - a house without gates: the vault in a thread, the store opened here. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/io.h"
#include "core/migrations.h"
#include "main/init.h"
#include "main/listeners.h"
#include "vault/vault.h"

static struct {
	struct vault_config config;
	pthread_t thread;
	int stop;
	char path[108];
} in_here;

static void *vault_thread(void *arg)
{
	struct err e = ERR_INIT;

	(void)arg;
	if (vault_main(&in_here.config, &e) < 0)
		fprintf(stderr, "kontor: vault: %s\n", e.log);
	return NULL;
}

static int vault_dial(void *arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", in_here.path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		io_close(&fd);
	return fd;
}

static int vault_here(int dirfd, const char *dir, const struct settings *s, struct err *e)
{
	int stop[2];

	mkdirat(dirfd, "vault", 0700);
	mkdirat(dirfd, "run", 0711);
	if (pipe2(stop, O_CLOEXEC) < 0)
		return err_errno(e, "pipe");
	in_here.stop = stop[1];
	snprintf(in_here.path, sizeof(in_here.path), "%s/run/vault", dir);
	in_here.config = (struct vault_config){ .dirfd = openat(dirfd, "vault", O_DIRECTORY | O_RDONLY | O_CLOEXEC),
		.stop_fd = stop[0], .in_process = true, .pw_mem = s->password_memory,
		.password_threads = (unsigned)s->password_threads };
	if (listeners_unix(dirfd, dir, "vault", geteuid(), getegid(), &in_here.config.listen_fd, e) < 0)
		return e->code;
	if (pthread_create(&in_here.thread, NULL, vault_thread, NULL))
		return err_set(e, ERR_BROKEN, "", "no thread for the vault");
	return 0;
}

int offline_open(struct arena *a, const char *dir, struct offline *out, struct err *e)
{
	struct store_config sc = { .readers = 4 };

	*out = (struct offline){ .dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC) };
	if (out->dirfd < 0)
		return err_errno(e, dir);
	if (settings_read(a, out->dirfd, &out->settings, e) < 0 || seal_init(e) < 0 ||
		vault_here(out->dirfd, dir, &out->settings, e) < 0)
		return e->code;
	sc.url = out->settings.store;
	sc.dirfd = out->dirfd;
	sc.dir = dir;
	if (store_open(&sc, &out->store, e) < 0 || store_migrate(out->store, core_migrations, core_migrations_n, e) < 0)
		return e->code;
	out->vault = vault_client_new(-1, vault_dial, NULL);
	out->org = org_new(out->store, out->vault);
	account_on_add(core_account_made, out->org);
	return 0;
}

void offline_close(struct offline *o)
{
	if (o->org)
		org_free(o->org);
	if (o->vault)
		vault_client_free(o->vault);
	if (o->store)
		store_close(o->store);
	if (in_here.path[0]) {
		io_close(&in_here.stop);
		pthread_join(in_here.thread, NULL);
		unlink(in_here.path);
		in_here.path[0] = '\0';
	}
	io_close(&o->dirfd);
}
