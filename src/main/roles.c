#include "main/roles.h"
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/io.h"
#include "base/log.h"
#include "base/scan.h"
#include "bus/link.h"
#include "bus/scan_job.h"
#include "core/core.h"
#include "gate/gate.h"
#include "main/child.h"
#include "main/sandbox.h"
#include "main/settings.h"
#include "out/out.h"
#include "text/text.h"
#include "vault/vault.h"

static struct {
	enum sandbox_role role;
	const char *folder;            /* Landlock: NULL none */
	bool files;                    /* restrict files at all */
} box;

static const char *text(const json_t *boot, const char *key)
{
	const char *s = json_string_value(json_object_get(boot, key));

	return s ? s : "";
}

static unsigned number(const json_t *boot, const char *key)
{
	return (unsigned)json_integer_value(json_object_get(boot, key));
}

/* After everything is open; a role that cannot be shut in does not serve. */
static void enter_sandbox(void)
{
	struct err e = ERR_INIT;

	log_msg("sandbox", "closing");
	if ((box.files && sandbox_files(box.folder, &e) < 0) || sandbox_calls(box.role, &e) < 0) {
		log_msg("sandbox", "%s", e.log);
		_exit(70);
	}
}

static void tell_ready(void)
{
	link_send(CHILD_LINK_FD, LINK_READY, SPAN_NONE, -1, NULL);
}

static int drop(const json_t *boot, const char *root, struct err *e)
{
	return sandbox_user(root, number(boot, "uid"), number(boot, "gid"), e);
}

static int run_vault(const json_t *boot, struct err *e)
{
	const char *dir = text(boot, "dir");
	bool root = geteuid() == 0;
	char path[4096];
	struct vault_config c = { .listen_fd = CHILD_FDS_AT, .stop_fd = CHILD_LINK_FD, .enter_sandbox = enter_sandbox,
		.ready = tell_ready, .password_threads = number(boot, "password_threads"),
		.pw_mem = (uint64_t)json_integer_value(json_object_get(boot, "password_memory")) };

	snprintf(path, sizeof(path), "%s/vault", dir);
	box.role = SANDBOX_VAULT;
	box.files = true;
	box.folder = root ? "/" : path;
	if (drop(boot, path, e) < 0)
		return e->code;
	c.dirfd = open(root ? "/" : path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (c.dirfd < 0)
		return err_errno(e, "DIR/vault");
	return vault_main(&c, e);
}

static const char *text_or_null(const json_t *boot, const char *key)
{
	return text(boot, key)[0] ? text(boot, key) : NULL;
}

static unsigned scanners(const json_t *boot)
{
	return (text(boot, "rspamd")[0] ? SCAN_FOR_SPAM : 0) | (text(boot, "clamd")[0] ? SCAN_FOR_VIRUS : 0) |
		(text(boot, "rspamd_controller")[0] ? SCAN_LEARN_SPAM | SCAN_LEARN_HAM : 0);
}

static int run_core(const json_t *boot, struct err *e)
{
	const char *dir = text(boot, "dir"), *store = text(boot, "store");
	bool jail = geteuid() == 0 && strcmp(store, "sqlite") == 0;
	struct core_config c = { .dir = jail ? "/" : dir, .store_url = store, .bus_listen_fd = CHILD_FDS_AT,
		.control_listen_fd = CHILD_FDS_AT + 1, .hostname = text(boot, "hostname"), .tlsa = text(boot, "tlsa"), .sieve_url = text_or_null(boot, "sieve_url"),
		.workers = number(boot, "workers"), .message_limit = number(boot, "imap_message_limit"),
		.imap_progress_ms = number(boot, "imap_progress_ms"), .scanners = scanners(boot), .stop_fd = CHILD_LINK_FD, .enter_sandbox = enter_sandbox,
		.ready = tell_ready };
	char vault[4096], text_path[4096];

	snprintf(vault, sizeof(vault), "%s/run/vault", jail ? "" : dir);
	c.vault_path = vault;
	snprintf(text_path, sizeof(text_path), "%s/run/text", jail ? "" : dir);
	c.text_path = text_path;
	if (!scan_hex(span_str(text(boot, "ticket_key")), c.ticket_key.k, SEAL_KEY_LEN))
		return err_set(e, ERR_BROKEN, "", "no ticket key");
	box.role = SANDBOX_CORE;
	box.files = strcmp(store, "sqlite") == 0; /* libpq reads certificates and name service files */
	box.folder = c.dir;
	if (drop(boot, jail ? dir : NULL, e) < 0 || seal_init(e) < 0)
		return e->code;
	c.dirfd = open(c.dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (c.dirfd < 0)
		return err_errno(e, "state folder");
	return core_main(&c, e);
}

static int run_gate(const json_t *boot, struct err *e)
{
	const json_t *list = json_object_get(boot, "listeners"), *nets = json_object_get(boot, "proxy_networks");
	struct gate_listener listeners[CHILD_FDS_MAX];
	struct gate_net networks[64];
	struct gate_config c = { .name = text(boot, "name"), .link_fd = CHILD_LINK_FD, .listeners = listeners,
		.hostname = text(boot, "hostname"), .proxy_nets = networks, .enter_sandbox = enter_sandbox };
	char empty[4096];

	for (size_t i = 0; i < json_array_size(list) && i < CHILD_FDS_MAX; i++) {
		const json_t *row = json_array_get(list, i);

		listeners[c.n_listeners++] = (struct gate_listener){ .fd = CHILD_FDS_AT + (int)i,
			.service = (uint8_t)number(row, "service"), .implicit_tls = json_is_true(json_object_get(row, "tls")),
			.proxy = json_array_size(nets) > 0 && number(row, "service") != SVC_LMTP && number(row, "service") != SVC_METRICS };
	}
	for (size_t i = 0; i < json_array_size(nets) && i < 64; i++)
		if (gate_net_parse(span_str(json_string_value(json_array_get(nets, i))), &networks[c.n_proxy_nets++], e) < 0)
			return e->code;
	snprintf(empty, sizeof(empty), "%s/run/empty", text(boot, "dir"));
	box.role = SANDBOX_GATE;
	box.files = true;
	if (drop(boot, empty, e) < 0)
		return e->code;
	return gate_main(&c, e);
}

static int run_out(const json_t *boot, struct err *e)
{
	const char *hosts = text(boot, "out_hosts"), *forwarders[SETTING_LIST_MAX];
	const json_t *list = json_object_get(boot, "dns_forwarders");
	SCOPED_BUF zone;
	struct out_config c = { .name = "out", .link_fd = CHILD_LINK_FD, .hostname = text(boot, "hostname"),
		.port = (uint16_t)number(boot, "out_port"), .sts_port = (uint16_t)number(boot, "mta_sts_port"),
		.enter_sandbox = enter_sandbox,
		.ca_file = text(boot, "tls_roots"), .anchor_file = text(boot, "dns_anchor"), .forwarders = forwarders,
		.rspamd = text_or_null(boot, "rspamd"), .rspamd_controller = text_or_null(boot, "rspamd_controller"),
		.clamd = text_or_null(boot, "clamd") };

	for (size_t i = 0; i < json_array_size(list) && i < SETTING_LIST_MAX; i++)
		forwarders[c.n_forwarders++] = json_string_value(json_array_get(list, i));
	buf_init(&zone, 1u << 20);
	if (hosts[0] && io_read_file(AT_FDCWD, hosts, &zone, e) < 0)
		return e->code;
	if (hosts[0]) /* an empty table is one, too */
		c.hosts = buf_span(&zone);
	box.role = SANDBOX_OUT;
	if (drop(boot, NULL, e) < 0)
		return e->code;
	return out_main(&c, e);
}

static void enter_reader(void)
{
	struct err e = ERR_INIT;

	if (sandbox_calls(SANDBOX_READER, &e) < 0)
		_exit(70);
}

static int run_text(const json_t *boot, struct err *e)
{
	struct text_config c = { .listen_fd = CHILD_FDS_AT, .stop_fd = CHILD_LINK_FD, .enter_sandbox = enter_sandbox,
		.enter_reader = enter_reader, .ready = tell_ready };
	char empty[4096];

	snprintf(empty, sizeof(empty), "%s/run/empty", text(boot, "dir"));
	text_libraries();
	box.role = SANDBOX_TEXT;
	box.files = true;
	if (drop(boot, empty, e) < 0)
		return e->code;
	return text_main(&c, e);
}

int role_main(const char *name)
{
	static const struct {
		const char *prefix;
		int (*run)(const json_t *boot, struct err *e);
	} roles[] = { { "vault", run_vault }, { "core", run_core }, { "gate", run_gate }, { "out", run_out },
		{ "text", run_text } };
	struct err e = ERR_INIT;
	json_t *boot = child_boot(&e);

	if (!boot) {
		fprintf(stderr, "kontor: %s\n", e.log);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);      /* a limit on file sizes is an error like a full disk, not a death */
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_DUMPABLE, 0);
	log_role(name);
	if (child_test_clock(&e) < 0) {
		log_msg("end", "%s", e.log);
		return 2;
	}
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		if (strncmp(name, roles[i].prefix, strlen(roles[i].prefix)) == 0 && roles[i].run(boot, &e) < 0) {
			log_msg("end", "%s: %s", err_name(e.code), e.log);
			return 1;
		}
	log_msg("end", "stopped");
	return 0;
}
