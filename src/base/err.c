#include "base/err.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void copy_z(char *to, size_t cap, const char *from)
{
	size_t n = strnlen(from, cap - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

int err_set(struct err *e, int code, const char *say, const char *fmt, ...)
{
	va_list ap;

	if (!e || (e->code && code != ERR_BROKEN))
		return code;
	e->code = code;
	copy_z(e->say, sizeof(e->say), say ? say : "");
	va_start(ap, fmt);
	vsnprintf(e->log, sizeof(e->log), fmt, ap);
	va_end(ap);
	return code;
}

int err_errno(struct err *e, const char *what)
{
	int no = errno;
	bool later = no == ENOSPC || no == EDQUOT || no == EFBIG || no == EROFS || no == EMFILE || no == ENFILE ||
		no == ENOMEM || no == EAGAIN || no == ETIMEDOUT;

	return err_set(e, later ? ERR_LATER : ERR_BROKEN,
		later ? "Temporary shortage, try again later" : "Internal error", "%s: %s", what,
		strerror(no));
}

void err_clear(struct err *e)
{
	if (e)
		*e = (struct err)ERR_INIT;
}

const char *err_name(int code)
{
	static const char *const names[] = { "ok", "param", "denied", "missing", "exists", "limit",
		"busy", "gone", "syntax", "toobig", "later", "broken" };

	return code <= 0 && code >= ERR_BROKEN ? names[-code] : "?";
}
