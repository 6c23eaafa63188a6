#include "domain/mail/sts_policy.h"

int sts_policy(struct org *o, struct tx *tx, struct arena *a, struct span hostname, struct sts_published *out, struct err *e)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a: says only that the text is another */
	struct err why = ERR_INIT;

	out->mode = SPAN_NONE;
	if (org_setting_get(o, tx, a, "mta_sts_mode", &out->mode, &why) < 0 && why.code != ERR_MISSING)
		return err_set(e, why.code, why.say, "%s", why.log);
	if (!out->mode.n)
		out->mode = SPAN("testing");
	out->text = arena_printf(a, "version: STSv1\r\nmode: %.*s\r\nmx: %.*s\r\nmax_age: %d\r\n", SPAN_F(out->mode),
		SPAN_F(hostname), STS_MAX_AGE_SEC);
	for (size_t i = 0; i < out->text.n; i++)
		hash = (hash ^ (unsigned char)out->text.p[i]) * 0x100000001b3;
	out->id = arena_printf(a, "%016llx", (unsigned long long)hash);
	return 0;
}
