#include "main/init.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "domain/org/org.h"
#include "main/sandbox.h"
#include "main/tls_files.h"

int init_folder(const char *dir, struct err *e)
{
	DIR *d;
	struct dirent *entry;
	bool empty = true;

	if (mkdir(dir, 0711) < 0 && errno != EEXIST)
		return err_set(e, ERR_PARAM, "Cannot make the folder", "%s: %m", dir);
	d = opendir(dir);
	if (!d)
		return err_set(e, ERR_PARAM, "Cannot open the folder", "%s: %m", dir);
	while ((entry = readdir(d)))
		empty &= !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	closedir(d);
	return empty ? 0 : err_set(e, ERR_EXISTS, "Folder is not empty", "%s is not empty: an organisation needs a folder of its own", dir);
}

static int write_conf(const char *dir, const char *conf, struct err *e)
{
	SCOPED_FD dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	SCOPED_BUF b;

	buf_init(&b, 1u << 20);
	if (conf)
		buf_addf(&b, "%s\n", conf);
	settings_template(&b);
	if (dirfd < 0)
		return err_errno(e, dir);
	return io_write_file_durable(dirfd, "kontor.conf", buf_span(&b), 0644, e);
}

static unsigned own_uid, own_gid;

static int own(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return lchown(path, own_uid, own_gid);
}

/* Everything the processes use belongs to their user; kontor.conf and the keys of tls stay the owner's. */
int init_hand_over(const char *dir, const struct settings *s, struct err *e)
{
	static const char *const mine[] = { "kontor.conf", "tls" };
	char path[4096];

	if (geteuid() != 0)
		return 0;
	if (sandbox_user_find(s->user, &own_uid, &own_gid, e) < 0)
		return e->code;
	if (nftw(dir, own, 16, FTW_PHYS) < 0)
		return err_set(e, ERR_BROKEN, "", "chown %s: %m", dir);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, mine[i]);
		if (chown(path, 0, 0) < 0 && errno != ENOENT)
			return err_set(e, ERR_BROKEN, "", "chown %s: %m", path);
	}
	return 0;
}

static int fill(struct arena *a, const struct init_options *o, struct offline *house, struct buf *shares_out, struct err *e)
{
	struct span shares[VAULT_SHARES_MAX] = { 0 };
	struct org_first first = { .name = o->name.n ? o->name : o->domain, .domain = o->domain,
		.admin_address = o->admin, .admin_name = SPAN("Administration"), .password = o->password,
		.language = o->language };

	if (vault_create(house->vault, a, o->seal, o->passphrase, o->need, o->total, shares, e) < 0)
		return e->code;
	for (unsigned i = 0; o->seal == 's' && i < o->total; i++)
		buf_addf(shares_out, "%.*s\n", SPAN_F(shares[i]));
	return org_create(house->org, &first, e);
}

int init_organisation(const struct init_options *o, struct buf *shares_out, struct err *e)
{
	SCOPED_ARENA a = arena_new();
	struct offline house;
	int r;

	if (init_folder(o->dir, e) < 0 || write_conf(o->dir, o->conf, e) < 0)
		return e->code;
	r = offline_open(a, o->dir, &house, e);
	if (r == 0)
		r = fill(a, o, &house, shares_out, e);
	offline_close(&house);
	if (r == 0)
		r = init_hand_over(o->dir, &house.settings, e);
	return r;
}
