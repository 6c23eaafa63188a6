#include "main/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/io.h"

int sandbox_user_find(const char *name, unsigned *uid_out, unsigned *gid_out, struct err *e)
{
	struct passwd *pw;

	*uid_out = geteuid();
	*gid_out = getegid();
	if (geteuid() != 0)
		return 0;
	pw = getpwnam(name);
	if (!pw || pw->pw_uid == 0)
		return err_set(e, ERR_MISSING, "No unprivileged user",
			"started as root, and there is no unprivileged user '%s' to run as: make it (useradd --system %s)"
			" or set 'user' in kontor.conf", name, name);
	*uid_out = pw->pw_uid;
	*gid_out = pw->pw_gid;
	return 0;
}

int sandbox_user(const char *root, unsigned uid, unsigned gid, struct err *e)
{
	tzset(); /* reads /etc/localtime while it is there */
	if (geteuid() != 0)
		return 0;
	if (root && (chroot(root) < 0 || chdir("/") < 0))
		return err_set(e, ERR_BROKEN, "", "chroot %s: %m", root);
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_set(e, ERR_BROKEN, "", "dropping root: %m");
	return 0;
}

int sandbox_files(const char *folder, struct err *e)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	/* version 1 knows everything up to MAKE_SYM; from 2 on a rename into another folder is a right (REFER) */
	const uint64_t all = ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0);
	struct landlock_ruleset_attr attr = { .handled_access_fs = all };
	SCOPED_FD set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (set < 0)
		return 0; /* an old kernel: users and seccomp remain */
	if (folder) {
		SCOPED_FD dir = open(folder, O_PATH | O_CLOEXEC);
		struct landlock_path_beneath_attr beneath = { .parent_fd = dir,
			.allowed_access = all & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE };

		if (dir < 0 || syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
			return err_set(e, ERR_BROKEN, "", "landlock %s: %m", folder);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return err_set(e, ERR_BROKEN, "", "landlock: %m");
	return 0;
}

static const struct call {
	int number;
	unsigned roles;
	const char *name;
} calls[] = {
#define CALL(name, roles) { SCMP_SYS(name), roles, #name },
#include "main/sandbox.def"
#undef CALL
};

int sandbox_calls(enum sandbox_role role, struct err *e)
{
	scmp_filter_ctx f;
	int r = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, ERR_BROKEN, "", "no_new_privs: %m");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0; /* sanitizers need calls of their own */
#endif
	f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!f)
		return err_set(e, ERR_BROKEN, "", "seccomp_init");
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && r == 0; i++)
		if (calls[i].roles & role)
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i].number, 0);
	if (r == 0 && !(role & (SANDBOX_CORE | SANDBOX_VAULT | SANDBOX_OUT)))
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r < 0 ? err_set(e, ERR_BROKEN, "", "seccomp: %s", strerror(-r)) : 0;
}
