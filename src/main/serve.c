#include "main/serve.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/time.h"
#include "main/child.h"
#include "main/listeners.h"
#include "main/sandbox.h"
#include "main/tls_files.h"

#define PROCESSES_MAX 36
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 10000
#define DRAIN_SEC 20

enum state { STARTING = 1, RUNNING, WAITING, STOPPED };

struct process {
	char name[16];
	pid_t pid;
	int link;                      /* -1: not running */
	enum state state;
	unsigned restarts, backoff_ms;
	int64_t since_sec, started_us, again_us;
	bool wants_bus, has_bus;       /* asked while core was not up; was given a connection */
};

struct super {
	const struct serve_config *config;
	struct process p[PROCESSES_MAX];   /* vault, core, out, text, gate0... */
	size_t n;
	struct listener_row rows[LISTENERS_MAX];
	size_t n_rows;
	int bus_fd, control_fd, vault_fd, text_fd;
	unsigned uid, gid;
	char hostname[256], ticket[2 * 32 + 1];
	bool stopping, announced;
	int64_t stop_us;
};

static bool is_gate(const struct process *p)
{
	return strncmp(p->name, "gate", 4) == 0;
}

static void write_status(struct super *s)
{
	static const char *const names[] = { "", "starting", "running", "waiting", "stopped" };
	SCOPED_BUF b;
	int fd;

	buf_init(&b, 65536);
	buf_addf(&b, "supervisor %d running 0 %lld\n", (int)getpid(), (long long)s->p[0].since_sec);
	for (size_t i = 0; i < s->n; i++)
		buf_addf(&b, "%s %d %s %u %lld\n", s->p[i].name, (int)s->p[i].pid, names[s->p[i].state], s->p[i].restarts,
			(long long)s->p[i].since_sec);
	fd = openat(s->config->dirfd, "run/status.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		if (io_write_full(fd, buf_span(&b), NULL) == 0)
			renameat(s->config->dirfd, "run/status.new", s->config->dirfd, "run/status");
		close(fd);
	}
}

static void send_tls(struct super *s, struct process *p)
{
	SCOPED_ARENA a = arena_new();
	SCOPED_BUF b;
	struct link_cert certs[LINK_CERTS_MAX];
	struct err e = ERR_INIT;
	size_t n;

	buf_init(&b, LINK_PAYLOAD_MAX);
	if (tls_files_read(a, s->config->dirfd, s->config->settings, certs, &n, &e) < 0) {
		log_msg("tls", "%s: kept what was there", e.log);
		return;
	}
	link_tls_encode(&b, certs, n);
	if (link_send(p->link, LINK_TLS, buf_span(&b), -1, &e) < 0)
		log_msg("tls", "%s: %s", p->name, e.log);
	secret_wipe(b.p, b.n);
}

/* What TLSA records of our certificates say; none when they cannot be read (send_tls says why). */
static json_t *tlsa_text(struct super *s, const struct process *p)
{
	SCOPED_ARENA a = arena_new();
	struct span text = SPAN_NONE;

	if (strcmp(p->name, "core") == 0 && tls_files_tlsa(a, s->config->dirfd, s->config->settings, &text, NULL) < 0)
		text = SPAN_NONE;
	return json_stringn(text.p ? text.p : "", text.n);
}

/* Where scripts are put, for clients (RFC 5804 section 3); nothing when that port is not opened. */
static json_t *sieve_url(const struct super *s)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (strcmp(s->rows[i].name, "sieve") == 0)
			return json_sprintf("sieve://%s:%u", s->hostname, (unsigned)s->rows[i].port);
	return json_string("");
}

static json_t *boot_text(struct super *s, const struct process *p)
{
	const struct settings *c = s->config->settings;
	json_t *list = json_array(), *nets = json_array(), *dns = json_array();

	for (size_t i = 0; i < s->n_rows && is_gate(p); i++)
		json_array_append_new(list, json_pack("{s:i,s:b}", "service", s->rows[i].service, "tls", s->rows[i].tls));
	for (size_t i = 0; i < c->proxy_networks.n; i++)
		json_array_append_new(nets, json_string(c->proxy_networks.v[i]));
	for (size_t i = 0; i < c->dns_forwarders.n; i++)
		json_array_append_new(dns, json_string(c->dns_forwarders.v[i]));
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:I,s:I,s:I,s:I,s:s,s:I,s:I,s:s,s:o,s:o,s:o,s:o,s:I,s:o}", "name", p->name, "dir",
		s->config->dir, "hostname", s->hostname, "rspamd", c->rspamd, "rspamd_controller", c->rspamd_controller, "clamd", c->clamd, "tls_roots", c->tls_roots, "dns_anchor", c->dns_anchor, "uid", (int)s->uid, "gid", (int)s->gid, "store", c->store, "workers",
		(json_int_t)c->workers, "imap_message_limit", (json_int_t)c->imap_message_limit, "out_port", (json_int_t)c->out_port, "mta_sts_port", (json_int_t)c->mta_sts_port, "out_hosts", c->out_hosts, "password_threads",
		(json_int_t)c->password_threads, "password_memory", (json_int_t)c->password_memory, "ticket_key",
		strcmp(p->name, "core") == 0 ? s->ticket : "", "listeners", list, "proxy_networks", nets, "dns_forwarders", dns, "tlsa", tlsa_text(s, p), "imap_progress_ms",
		(json_int_t)c->imap_progress_ms, "sieve_url", sieve_url(s));
}

static void start(struct super *s, struct process *p)
{
	int fds[LISTENERS_MAX];
	size_t n = 0;
	struct err e = ERR_INIT;
	json_t *boot = boot_text(s, p);

	if (strcmp(p->name, "vault") == 0) {
		fds[n++] = s->vault_fd;
	} else if (strcmp(p->name, "text") == 0) {
		fds[n++] = s->text_fd;
	} else if (strcmp(p->name, "core") == 0) {
		fds[n++] = s->bus_fd;
		fds[n++] = s->control_fd;
	}
	for (size_t i = 0; i < s->n_rows && is_gate(p); i++)
		fds[n++] = s->rows[i].fd;
	p->started_us = time_mono_us();
	p->since_sec = time_real_sec();
	p->wants_bus = p->has_bus = false;
	if (child_start(p->name, boot, fds, n, &p->pid, &p->link, &e) < 0) {
		log_msg("start", "%s: %s", p->name, e.log);
		p->state = WAITING;
		p->again_us = p->started_us + BACKOFF_MAX_MS * 1000;
	} else {
		p->state = STARTING;
		if (is_gate(p))
			send_tls(s, p);
	}
	json_decref(boot);
}

/* A child that lived for a while starts again at once; one that dies at birth waits longer each time. */
static void ended(struct super *s, pid_t pid, int status)
{
	for (size_t i = 0; i < s->n; i++) {
		struct process *p = &s->p[i];
		struct logline l;

		if (p->pid != pid)
			continue;
		log_begin(&l, "process_end");
		log_kz(&l, "name", p->name);
		log_ki(&l, "pid", pid);
		log_ki(&l, WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		log_end(&l);
		io_close(&p->link);
		p->pid = 0;
		if (s->stopping) {
			p->state = STOPPED;
			continue;
		}
		if (time_mono_us() - p->started_us > 5 * US_PER_SEC || !p->backoff_ms)
			p->backoff_ms = BACKOFF_MIN_MS;
		else if (p->backoff_ms < BACKOFF_MAX_MS)
			p->backoff_ms *= 2;
		p->restarts++;
		p->state = WAITING;
		p->again_us = time_mono_us() + (int64_t)p->backoff_ms * 1000;
	}
	write_status(s);
}

static int bus_connect(struct super *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/bus", s->config->dir);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		io_close(&fd);
	return fd;
}

static bool core_runs(const struct super *s)
{
	return s->p[1].state == RUNNING;
}

static void announce(struct super *s)
{
	struct logline l;

	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].state != RUNNING || (i >= 2 && !s->p[i].has_bus && strcmp(s->p[i].name, "text") != 0))
			return;
	if (s->announced)
		return;
	s->announced = true;
	log_begin(&l, "ready");
	for (size_t i = 0; i < s->n_rows; i++)
		if (i == 0 || s->rows[i].port > s->rows[i - 1].port)
			log_ki(&l, s->rows[i].name, s->rows[i].port);
	log_end(&l);
}

/* Who asks while core is not up gets the answer when it is. */
static void give_bus(struct super *s, struct process *p)
{
	struct err e = ERR_INIT;
	int fd;

	p->wants_bus = !core_runs(s);
	if (p->wants_bus)
		return;
	fd = bus_connect(s);
	p->has_bus = link_send(p->link, LINK_BUS, SPAN_NONE, fd, &e) == 0 && fd >= 0;
	io_close(&fd);
	announce(s);
}

static void heard(struct super *s, struct process *p)
{
	SCOPED_ARENA a = arena_new();
	struct link_msg m;
	struct err e = ERR_INIT;
	int r;

	while ((r = link_recv(p->link, a, &m, &e)) == 1) {
		io_close(&m.fd);
		if (m.kind == LINK_READY) {
			p->state = RUNNING;
			for (size_t i = 2; i < s->n; i++)
				if (s->p[i].wants_bus && s->p[i].link >= 0)
					give_bus(s, &s->p[i]);
			write_status(s);
			announce(s);
		} else if (m.kind == LINK_NEED_BUS) {
			give_bus(s, p);
		}
		arena_reset(a);
	}
	if (r < 0)
		io_close(&p->link); /* its end is reported by SIGCHLD */
}

static void stop_role(struct super *s, const char *prefix)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].link >= 0 && strncmp(s->p[i].name, prefix, strlen(prefix)) == 0)
			link_send(s->p[i].link, LINK_DRAIN, SPAN_NONE, -1, NULL);
}

/* Gates, out and text first, core when they are gone, the vault last; what does not go in time is killed. */
static bool stop_step(struct super *s)
{
	bool outer = false, inner = false;

	for (size_t i = 0; i < s->n; i++) {
		outer |= s->p[i].pid && i >= 2;
		inner |= s->p[i].pid && i == 1;
	}
	if (time_mono_us() - s->stop_us > DRAIN_SEC * US_PER_SEC)
		for (size_t i = 0; i < s->n; i++)
			if (s->p[i].pid)
				kill(s->p[i].pid, SIGKILL);
	if (!outer)
		stop_role(s, "core");
	if (!outer && !inner)
		stop_role(s, "vault");
	return outer || inner || s->p[0].pid;
}

static void signalled(struct super *s, int fd)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			log_msg("reload", "certificates");
			for (size_t i = 0; i < s->n; i++)
				if (is_gate(&s->p[i]) && s->p[i].link >= 0)
					send_tls(s, &s->p[i]);
		} else if (si.ssi_signo != SIGCHLD && !s->stopping) {
			log_msg("stop", "signal %u", si.ssi_signo);
			s->stopping = true;
			s->stop_us = time_mono_us();
			stop_role(s, "gate");
			stop_role(s, "out");
			stop_role(s, "text");
		}
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(s, pid, status);
}

static int until_next(struct super *s)
{
	int64_t now = time_mono_us(), wait = s->stopping ? 200000 : 60 * US_PER_SEC;

	for (size_t i = 0; i < s->n && !s->stopping; i++) {
		struct process *p = &s->p[i];

		if (p->state != WAITING)
			continue;
		if (p->again_us <= now) {
			start(s, p);
			write_status(s);
		} else if (p->again_us - now < wait) {
			wait = p->again_us - now;
		}
	}
	return (int)(wait / 1000) + 1;
}

static int loop(struct super *s, int signals)
{
	struct pollfd fds[PROCESSES_MAX + 1];

	for (;;) {
		int wait = until_next(s);

		if (s->stopping && !stop_step(s))
			return 0;
		fds[0] = (struct pollfd){ signals, POLLIN, 0 };
		for (size_t i = 0; i < s->n; i++)
			fds[i + 1] = (struct pollfd){ s->p[i].link, POLLIN, 0 };
		if (poll(fds, s->n + 1, wait) < 0)
			continue;
		for (size_t i = 0; i < s->n; i++)
			if (fds[i + 1].revents && s->p[i].link >= 0)
				heard(s, &s->p[i]);
		if (fds[0].revents)
			signalled(s, signals);
	}
}

static int prepare(struct super *s, struct err *e)
{
	const struct serve_config *c = s->config;
	unsigned char key[32];
	int lock;

	if (sandbox_user_find(c->settings->user, &s->uid, &s->gid, e) < 0)
		return e->code;
	mkdirat(c->dirfd, "run", 0711);
	mkdirat(c->dirfd, "run/empty", 0755);
	lock = openat(c->dirfd, "run/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_EXISTS, "Already running", "%s: a server is running here already", c->dir);
	snprintf(s->hostname, sizeof(s->hostname), "%s", c->settings->hostname);
	if (!s->hostname[0] && gethostname(s->hostname, sizeof(s->hostname) - 1) < 0)
		return err_errno(e, "gethostname");
	random_bytes(key, sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++)
		snprintf(s->ticket + 2 * i, 3, "%02x", key[i]);
	if (tls_files_self(c->dirfd, s->hostname, e) < 0 || listeners_open(c->settings, s->rows, &s->n_rows, e) < 0 ||
		listeners_unix(c->dirfd, c->dir, "bus", s->uid, s->gid, &s->bus_fd, e) < 0 ||
		listeners_unix(c->dirfd, c->dir, "control", s->uid, s->gid, &s->control_fd, e) < 0 ||
		listeners_unix(c->dirfd, c->dir, "vault", s->uid, s->gid, &s->vault_fd, e) < 0 ||
		listeners_unix(c->dirfd, c->dir, "text", s->uid, s->gid, &s->text_fd, e) < 0)
		return e->code;
	return 0;
}

static void add(struct super *s, const char *name)
{
	struct process *p = &s->p[s->n++];

	snprintf(p->name, sizeof(p->name), "%s", name);
	p->link = -1;
}

int serve(const struct serve_config *c, struct err *e)
{
	struct super s = { .config = c };
	long gates = c->settings->gates ? (long)c->settings->gates : (sysconf(_SC_NPROCESSORS_ONLN) + 1) / 2;
	sigset_t set;
	int signals, shifted;

	log_role("supervisor");
	shifted = child_test_clock(e);
	if (shifted < 0)
		return e->code;
	if (shifted)
		log_msg("clock", "the clock is that of a test");
	if (prepare(&s, e) < 0)
		return e->code;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		return err_errno(e, "signalfd");
	add(&s, "vault");
	add(&s, "core");
	add(&s, "out");
	add(&s, "text");
	for (long i = 0; i < gates && i < 32; i++) {
		char name[16];

		snprintf(name, sizeof(name), "gate%ld", i);
		add(&s, name);
	}
	for (size_t i = 0; i < s.n; i++)
		start(&s, &s.p[i]);
	write_status(&s);
	return loop(&s, signals);
}
