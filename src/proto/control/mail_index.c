/* kontor mail index ... : what the search index holds; taken up now, or made anew. */
#include "proto/control/mail_index.h"
#include "domain/mail/mail_index.h"
#include "domain/org/account.h"

int control_mail_index(struct control *c, struct tx *tx, struct err *e)
{
	struct account account = { .id = 0 };
	bool off;

	if (mail_index_is_off(c->org, tx, &off, e) < 0)
		return e->code;
	if (off)
		return err_set(e, ERR_DENIED, N_("The search index is switched off (setting search_index)"), "search_index is off");
	if (control_has(c, "account") && control_account(c, tx, control_text(c, "account"), &account, e) < 0)
		return e->code;
	if (control_has(c, "rebuild"))
		return mail_index_forget(tx, account.id, e);
	mail_index_hurry(tx);
	return 0;
}

int control_mail_index_status(struct control *c, struct tx *tx, struct err *e)
{
	struct account one, *v = &one;
	json_t *out = json_array();
	size_t n = 1;

	control_result(c, out);
	if (control_has(c, "account") ? control_account(c, tx, control_text(c, "account"), &one, e) < 0 :
		account_list(c->org, tx, c->arena, 0, &v, &n, e) < 0)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		struct mail_index_state s;
		json_t *o = json_object();

		json_array_append_new(out, o);
		if (mail_index_state(tx, v[i].id, &s, e) < 0)
			return e->code;
		control_put(o, "account", v[i].address);
		control_put_int(o, "mails", s.emails);
		control_put_int(o, "waiting", s.waiting);
		control_put_int(o, "segments", s.segments);
		control_put_int(o, "bytes", s.bytes);
	}
	return 0;
}
