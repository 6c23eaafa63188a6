#include "core/core.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "core/core_int.h"
#include "core/migrations.h"
#include "domain/mail/mail_view.h"
#include "later/indexer.h"
#include "later/later.h"
#include "later/outbound.h"

#define SERVICE(id, word) extern const struct proto word##_proto;
#define SERVICE_INSIDE(id, word) extern const struct proto word##_proto;
#include "bus/services.def"

struct arena *core_arena_get(struct core *c)
{
	struct arena *a = NULL;

	pthread_mutex_lock(&c->arenas_lock);
	if (c->n_arenas)
		a = c->arenas[--c->n_arenas];
	pthread_mutex_unlock(&c->arenas_lock);
	return a ? a : arena_new();
}

void core_arena_put(struct core *c, struct arena *a)
{
	arena_reset(a);
	pthread_mutex_lock(&c->arenas_lock);
	if (c->n_arenas < sizeof(c->arenas) / sizeof(*c->arenas)) {
		c->arenas[c->n_arenas++] = a;
		a = NULL;
	}
	pthread_mutex_unlock(&c->arenas_lock);
	arena_free(a);
}

/* Prometheus text: the core's own counters and what the gates sent last. */
static void metrics_run(struct call *call)
{
	struct core *c = call->house->core;

	metrics_print(&c->metrics, call->out);
	pthread_mutex_lock(&c->reg);
	for (struct conn *n = c->conns; n; n = n->next)
		buf_addz(call->out, n->stats);
	pthread_mutex_unlock(&c->reg);
}

static void metrics_refuse(struct call *call, int err_class, bool sealed)
{
	(void)err_class;
	buf_addf(call->out, "kontor_sealed %d\n", sealed);
}

const struct proto metrics_proto = { .name = "metrics", .run = metrics_run, .refuse = metrics_refuse };

const struct proto *core_proto(uint8_t service)
{
	switch (service) {
#define SERVICE(id, word) case SVC_##id: return &word##_proto;
#define SERVICE_INSIDE(id, word) case SVC_##id: return &word##_proto;
#include "bus/services.def"
	default:
		return NULL;
	}
}

static int vault_connect(void *arg)
{
	struct core *c = arg;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", c->config->vault_path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	seal_watch_look(c);
	return fd;
}

static size_t open_sessions(const struct house *h)
{
	return atomic_load(&h->core->metrics.sessions);
}

#define MESSAGE_LIMIT_MIN 1000       /* RFC 9738 section 3 */

static int open_house(struct core *c, struct err *e)
{
	const struct core_config *config = c->config;
	struct store_config sc = { .url = config->store_url, .dirfd = config->dirfd, .dir = config->dir,
		.readers = 24 };

	c->house = (struct house){ .hostname = config->hostname, .tlsa = config->tlsa, .text_path = config->text_path, .dirfd = config->dirfd,
		.sieve_url = config->sieve_url,
		.message_limit = config->message_limit < MESSAGE_LIMIT_MIN ? MESSAGE_LIMIT_MIN : config->message_limit,
		.ticket_key = &config->ticket_key, .watch = feed_watch, .watch_accounts = feed_watch_accounts,
		.news = feed_news, .sealed = feed_sealed, .admit = session_admit,
		.maildrop = session_maildrop,
		.sessions = open_sessions, .progress_ms = config->imap_progress_ms, .core = c };
	if (store_open(&sc, &c->house.store, e) < 0 ||
		store_migrate(c->house.store, core_migrations, core_migrations_n, e) < 0)
		return e->code;
	c->house.vault = vault_client_new(vault_connect(c), vault_connect, c);
	c->house.org = org_new(c->house.store, c->house.vault);
	c->house.mail = mail_new(c->house.org);
	account_on_add(core_account_made, c->house.org);
	store_subscribe(c->house.store, feed_publish, c);
	return 0;
}

static void close_house(struct core *c)
{
	mail_free(c->house.mail);
	org_free(c->house.org);
	vault_client_free(c->house.vault);
	store_close(c->house.store);
}

int core_main(const struct core_config *config, struct err *e)
{
	static struct core core; /* threads of the control socket may outlive this call */
	unsigned n = config->workers ? config->workers : 4 * (unsigned)sysconf(_SC_NPROCESSORS_ONLN) + 8;
	struct lane_config lanes[LANE_COUNT] = {
		[LANE_INTERACTIVE] = { "interactive", n, 20000, 8 },
		[LANE_PASSWORD] = { "password", 4, 2000, 2 },
		[LANE_BULK] = { "bulk", 3, 5000, 2 },
		[LANE_LATER] = { "later", 2, 1000, 0 },
	};
	struct core *c = &core;
	int r;

	c->config = config;
	c->metrics.started_sec = time_real_sec();
	time_steady_sec();
	pthread_mutex_init(&c->reg, NULL);
	pthread_mutex_init(&c->arenas_lock, NULL);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (open_house(c, e) < 0)
		return e->code;
	c->pool = pool_new(lanes, LANE_COUNT);
	if (config->enter_sandbox)
		config->enter_sandbox();
	if (names_start(c, e) < 0 || scans_start(c, e) < 0 || seal_watch_start(c, e) < 0 || control_start(c, e) < 0)
		return e->code;
	later_start(&c->house);
	indexer_start(&c->house);
	if (config->ready)
		config->ready();
	r = core_bus_loop(c, e);
	names_stop(c);
	scans_stop(c);
	seal_watch_stop(c);
	pool_drain(c->pool);
	indexer_stop();
	later_stop();
	pool_free(c->pool);
	close_house(c);
	return r;
}
