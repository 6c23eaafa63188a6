#include "domain/mail/filter_int.h"
#include <string.h>
#include <time.h>
#include "base/log.h"
#include "codec/mime/mime_header.h"
#include "codec/smtp/smtp_address.h"
#include "domain/mail/mail_impl.h"
#include "domain/mail/metadata.h"
#include "domain/mail/sender.h"
#include "domain/org/address.h"

#define USED_MAX 60

struct job {
	struct mail *m;
	struct org *org;
	struct arena *a;
	const struct filter_mail *mail;
	struct delivery *to;             /* grows while it is walked */
	size_t n, cap;
	struct tx *tx;
	struct err *e;
	unsigned depth;                  /* mails of scripts that run scripts */
};
/* One account's run: what the callbacks need. */
struct run {
	struct job *job;
	uint64_t account_id;
	struct script_use used[USED_MAX];
	size_t n_used;
	struct mailbox_row *boxes;           /* read when first asked */
	size_t n_boxes;
	bool have_boxes;
	const struct filter_event *event;    /* or NULL */
};

static int load_boxes(struct run *r)
{
	struct job *j = r->job;

	if (!r->have_boxes && mailbox_list(j->org, j->tx, j->a, r->account_id, &r->boxes, &r->n_boxes, j->e) < 0)
		return j->e->code;
	r->have_boxes = true;
	return 0;
}

static int has_mailbox(void *arg, struct span name)
{
	struct run *r = arg;
	struct mailbox box;
	struct span inner;
	int x;

	if (mailbox_name_normal(r->job->a, name, &inner, NULL) < 0)
		return 0;
	x = mailbox_lookup(r->job->org, r->job->tx, r->job->a, r->account_id, inner, &box, r->job->e);
	if (x != ERR_MISSING)
		return x < 0 ? x : 1;
	err_clear(r->job->e);
	return 0;
}

/* What the account itself could read by GETMETADATA. */
static int annotation(void *arg, struct span mailbox, struct span name, struct span *out)
{
	struct run *r = arg;
	struct job *j = r->job;
	struct mailbox box;
	struct span folded;
	int x = metadata_name(j->a, name, &folded, j->e);

	if (x == 0 && mailbox.p)
		x = mailbox_find(j->org, j->tx, j->a, r->account_id, mailbox, &box, j->e);
	if (x == 0)
		x = metadata_get(j->org, j->tx, j->a, r->account_id, mailbox.p ? &box : NULL, folded, out, j->e);
	if (x == ERR_MISSING || x == ERR_DENIED || x == ERR_PARAM) {
		err_clear(j->e);
		return 0;
	}
	return x;
}

static int has_special(void *arg, struct span name, struct span use)
{
	struct run *r = arg;
	enum mailbox_special want = deliver_special(use);

	if (want == SPECIAL_NONE || load_boxes(r) < 0)
		return want == SPECIAL_NONE ? 0 : r->job->e->code;
	for (size_t i = 0; i < r->n_boxes; i++)
		if (r->boxes[i].box.account_id == r->account_id && r->boxes[i].box.special == want &&
			(!name.p || span_eq(r->boxes[i].name, name)))
			return 1;
	return 0;
}

static int has_id(void *arg, struct span id)
{
	struct run *r = arg;
	uint64_t want = deliver_mailbox_id(id);

	if (!want || load_boxes(r) < 0)
		return want ? r->job->e->code : 0;
	for (size_t i = 0; i < r->n_boxes; i++)
		if (r->boxes[i].box.account_id == r->account_id && r->boxes[i].box.id == want)
			return 1;
	return 0;
}

static int duplicate(void *arg, struct span id, int64_t seconds)
{
	struct run *r = arg;

	(void)seconds;
	return script_remembers(r->job->org, r->job->tx, r->account_id, SCRIPT_DUPLICATE, id, r->job->mail->now_sec, r->job->e);
}

/* :global scripts: the house has none. */
static int include(void *arg, struct span name, bool global, const struct sieve_script **out)
{
	struct run *r = arg;
	struct script_use *u = &r->used[r->n_used];
	int x;

	if (global || r->n_used == USED_MAX)
		return 0;
	x = script_use_name(mail_scripts(r->job->m), r->job->org, r->job->tx, r->account_id, name, u, r->job->e);
	if (x == 1) {
		*out = u->script;
		r->n_used++;
	}
	if (x == ERR_SYNTAX)
		err_clear(r->job->e);
	return x;
}

/* RFC 6785 section 4. */
static bool event_item(const struct filter_event *ev, struct span name, struct span *out)
{
	const struct {
		const char *name;
		struct span value;
	} items[] = { { "location", SPAN("MS") }, { "phase", SPAN("post") }, { "imap.user", ev->user }, { "imap.email", ev->user },
		{ "imap.cause", ev->cause }, { "imap.mailbox", ev->mailbox }, { "imap.changedflags", ev->changed } };

	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		if (span_ieqz(name, items[i].name)) {
			*out = items[i].value;
			return true;
		}
	return false;
}

static int environment(void *arg, struct span name, struct span *out)
{
	struct run *r = arg;
	const char *host = r->job->mail->hostname, *dot = strchr(host, '.');

	if (r->event && event_item(r->event, name, out))
		return 0;
	if (span_ieqz(name, "host"))
		*out = span_str(host);
	else if (span_ieqz(name, "domain"))
		*out = span_str(dot ? dot + 1 : host);
	else if (span_ieqz(name, "location"))
		*out = SPAN("MDA");
	else if (span_ieqz(name, "phase"))
		*out = SPAN("during");
	return 0;
}

#define ADDRESS_BOOK "urn:ietf:params:sieve:addrbook:default"

/* Whom the account has written to, whom it allows, and everybody of the house. */
static int in_address_book(struct run *r, struct span value)
{
	struct job *j = r->job;
	struct sender s = { .verified = true };
	enum sender_verdict verdict;
	struct sender_counts counts;
	uint64_t id;
	int k;

	if (sender_parse(j->a, value, &s.address, j->e) < 0 || s.address.p[0] == '@') {
		err_clear(j->e);
		return 0;
	}
	k = address_accepts(j->org, j->tx, j->a, s.address, &id, j->e);
	if (k == 0)
		return 1;
	if (k != ERR_MISSING && k != ERR_DENIED)
		return k;
	err_clear(j->e);
	if (sender_known(j->org, j->tx, j->a, r->account_id, &s, &counts, j->e) < 0 ||
		sender_verdict(j->org, j->tx, j->a, r->account_id, SPAN_NONE, &s, j->mail->now_sec, &verdict, &id, j->e) < 0)
		return j->e->code;
	return counts.answered > 0 || verdict == SENDER_ALLOWED;
}

/* mailto:GROUP - the members of a group, for whoever is one of them: a script must not be a way to ask who is in others. */
static int in_group(struct run *r, struct span group, struct span value)
{
	struct job *j = r->job;
	struct recipients all = { 0 };
	bool mine = false, there = !value.p;
	int k = address_resolve(j->org, j->tx, j->a, group, &all, j->e);

	if (k == ERR_MISSING || k == ERR_DENIED || k == ERR_PARAM || k == ERR_LIMIT) {
		err_clear(j->e);
		return 0;
	}
	if (k < 0)
		return k;
	for (size_t i = 0; i < all.n; i++) {
		mine |= all.v[i].account_id == r->account_id;
		there |= value.p && address_same(j->a, all.v[i].address, value);
	}
	return mine && there;
}

static int in_list(void *arg, struct span list, struct span value)
{
	struct run *r = arg;

	if (span_ieqz(list, ADDRESS_BOOK))
		return value.p ? in_address_book(r, value) : 1;
	return span_istarts(list, SPAN("mailto:")) ? in_group(r, span_from(list, 7), value) : 0;
}

/* ---- from the result to a plan ---- */

/* The account's own mark, as aliases have it: nobody else can tell whose it is. */
static int own_mark(struct job *j, struct span address, struct span *out)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char lookup[SEAL_LOOKUP_LEN];
	struct span key;
	char *p = arena_alloc(j->a, 2 * SEAL_LOOKUP_LEN + 1);

	if (smtp_address_normalise(j->a, address, &key, j->e) < 0 || org_lookup(j->org, j->tx, "loop", key, lookup, j->e) < 0)
		return j->e->code;
	for (size_t i = 0; i < SEAL_LOOKUP_LEN; i++) {
		p[2 * i] = digits[lookup[i] >> 4];
		p[2 * i + 1] = digits[lookup[i] & 15];
	}
	*out = SPAN_BYTES(p, 2 * SEAL_LOOKUP_LEN);
	return 0;
}

static bool marked(struct span header, struct span mark)
{
	struct mime_field f;

	while (mime_header_next(&header, &f))
		if (span_ieqz(f.name, FILTER_LOOP_FIELD) && span_eq(span_trim(f.value), mark))
			return true;
	return false;
}

/* Mark, header (without Return-Path, which only final delivery writes), body. */
static struct span redirected(struct job *j, struct span mark, struct span header, struct span body)
{
	SCOPED_BUF b;
	struct span rest = header;
	struct mime_field f;

	buf_init(&b, header.n + body.n + 256);
	buf_addf(&b, FILTER_LOOP_FIELD ": %.*s\r\n", SPAN_F(mark));
	while (mime_header_next(&rest, &f))
		if (!span_ieqz(f.name, "Return-Path"))
			buf_add(&b, f.raw);
	buf_add(&b, rest);
	buf_add(&b, body);
	return arena_span(j->a, buf_span(&b));
}

static struct span with_header(struct job *j, struct span message, struct span header)
{
	struct span body = span_from(message, mime_header_len(message));
	char *p;

	if (header.p == message.p)
		return SPAN_NONE;            /* as it came */
	p = arena_alloc(j->a, header.n + body.n + 1);
	memcpy(p, header.p, header.n);
	if (body.n)
		memcpy(p + header.n, body.p, body.n);
	return SPAN_BYTES(p, header.n + body.n);
}

static void add_delivery(struct job *j, struct delivery d)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->to[i].account_id == d.account_id)
			return;              /* has it already: the end of every circle */
	if (j->n == j->cap) {
		struct delivery *more = ARENA_ARRAY(j->a, struct delivery, 2 * j->cap + 8);

		if (j->n)
			memcpy(more, j->to, j->n * sizeof(*more));
		j->to = more;
		j->cap = 2 * j->cap + 8;
	}
	j->to[j->n++] = d;
}

static void add_put(struct filter_plan *p, struct filter_put put)
{
	p->puts[p->n_puts++] = put;
}

/* Adds mails and deliveries; 0: nobody could be reached so (then the message is kept). */
static int redirect(struct job *j, struct filter_plan *p, const struct filter_who *who, struct span message,
	const struct sieve_action *act)
{
	struct span body = span_from(message, mime_header_len(message)), mark;
	struct recipients all = { 0 };
	struct err why = ERR_INIT;

	if (own_mark(j, who->account.address, &mark) < 0)
		return j->e->code;
	if (marked(act->header, mark))
		return 0;
	if (address_resolve(j->org, j->tx, j->a, act->target, &all, &why) < 0) {
		if (why.code == ERR_LATER || why.code == ERR_BROKEN)
			return err_set(j->e, why.code, why.say, "%s", why.log);
		if (why.code != ERR_DENIED)
			return 0;            /* an address of ours that is not there */
		all.v = ARENA_NEW(j->a, struct recipient);
		all.v[all.n++] = (struct recipient){ .address = act->target };
	}
	for (size_t i = 0; i < all.n; i++) {
		if (all.v[i].account_id == who->account.id)
			continue;
		if (all.v[i].account_id)
			add_delivery(j, (struct delivery){ .account_id = all.v[i].account_id, .address = all.v[i].address,
				.rcpt = arena_span(j->a, act->target), .tag = all.v[i].tag, .force = true, .message = with_header(j, message, act->header) });
		else if (p->n_outs < SIEVE_ACTIONS_MAX)
			p->outs[p->n_outs++] = (struct filter_out){ .sender = j->mail->sender, .rcpt = all.v[i].address, .redirect = true,
				.message = redirected(j, mark, act->header, body) };
	}
	return all.n == 1 && all.v[0].account_id == who->account.id ? 0 : 1;
}

static void add_fcc(struct filter_plan *p, const struct sieve_action *act)
{
	if (act->fcc.n)
		add_put(p, (struct filter_put){ .target = act->fcc, .special_use = act->special_use, .mailbox_id = act->mailbox_id,
			.flags = act->flags, .n_flags = act->n_flags, .create = act->fcc_create, .out = p->n_outs });
}

/* What the script wrote itself: signed like the account's other mail. */
static int add_own(struct job *j, struct filter_plan *p, const struct filter_who *who, const struct sieve_action *act)
{
	struct filter_out *o = &p->outs[p->n_outs++];
	struct mail_signer *s = ARENA_NEW(j->a, struct mail_signer);

	add_fcc(p, act);
	o->signer = s;
	return mail_signer_find(j->org, j->tx, j->a, who->account.id, span_sub(o->message, 0, mime_header_len(o->message)),
		j->mail->now_sec, s, j->e);
}

static int plan_action(struct job *j, size_t i, struct filter_plan *p, const struct filter_who *who, struct span message,
	const struct sieve_action *act, bool may_send)
{
	int r;

	switch (act->kind) {
	case SIEVE_KEEP:
		if (j->mail->event && i == 0) {
			p->kept = true;
			p->kept_flags = act->flags;
			p->n_kept_flags = act->n_flags;
			return 0;
		}
		/* fall through */
	case SIEVE_FILEINTO:
		add_put(p, (struct filter_put){ .target = act->kind == SIEVE_KEEP ? SPAN_NONE : act->target, .special_use = act->special_use,
			.mailbox_id = act->mailbox_id, .flags = act->flags, .n_flags = act->n_flags, .create = act->create,
			.message = with_header(j, message, act->header) });
		return 0;
	case SIEVE_REDIRECT:
		r = may_send ? redirect(j, p, who, message, act) : 0;
		if (r == 0 && j->mail->event && i == 0)
			p->kept = true;
		else if (r == 0)
			add_put(p, (struct filter_put){ .message = with_header(j, message, act->header) });
		return r;
	case SIEVE_REJECT:
		if (j->mail->ours)
			add_put(p, (struct filter_put){ .message = with_header(j, message, act->header) });
		else
			j->to[i].reject = act->target;
		return 0;
	case SIEVE_VACATION:
		if (may_send && filter_vacation(j->a, who, act, span_sub(message, 0, mime_header_len(message)), &p->outs[p->n_outs]))
			return add_own(j, p, who, act);
		return 0;
	default:
		if (may_send && !marked(act->header, SPAN("answer"))) {
			filter_notify(j->a, who, act, act->header, &p->outs[p->n_outs]);
			return add_own(j, p, who, act);
		}
		return 0;
	}
}

static int make_plan(struct job *j, size_t i, const struct sieve_result *res, bool may_send)
{
	struct filter_plan *p = ARENA_NEW(j->a, struct filter_plan);
	struct filter_who who = { .mail = j->mail, .rcpt = j->to[i].rcpt };
	struct span message = j->to[i].message.p ? j->to[i].message : j->mail->message;

	if (account_get(j->org, j->tx, j->a, j->to[i].account_id, &who.account, j->e) < 0)
		return j->e->code;
	p->puts = ARENA_ARRAY(j->a, struct filter_put, 2 * SIEVE_ACTIONS_MAX + 2);
	p->outs = ARENA_ARRAY(j->a, struct filter_out, SIEVE_ACTIONS_MAX + 1);
	if (j->mail->event && i == 0) {      /* when nothing else is said of them */
		p->n_kept_flags = j->mail->event->n_flags;
		p->kept_flags = arena_dup(j->a, j->mail->event->flags, p->n_kept_flags * sizeof(*p->kept_flags));
	}
	p->seen = res->seen;
	p->n_seen = res->n_seen;
	p->now_sec = j->mail->now_sec;
	p->flags = j->mail->flags & (QUEUE_UTF8 | QUEUE_8BIT | QUEUE_BINARY | QUEUE_REQUIRETLS);
	for (size_t k = 0; k < res->n_actions; k++)
		if (plan_action(j, i, p, &who, message, &res->actions[k], may_send) < 0)
			return j->e->code;
	j->to[i].plan = p;
	return 0;
}

/* Spans of a script do not outlive its use (the cache may drop it): what a plan keeps of them is copied. */
static struct span own(struct arena *a, struct span s)
{
	return s.p ? arena_span(a, s) : s;
}

static struct span *own_all(struct arena *a, const struct span *v, size_t n)
{
	struct span *out = ARENA_ARRAY(a, struct span, n + 1);

	for (size_t k = 0; k < n; k++)
		out[k] = own(a, v[k]);
	return out;
}

static void keep_plan(struct arena *a, struct delivery *d)
{
	struct filter_plan *p = d->plan;

	d->reject = own(a, d->reject);
	if (p)
		p->kept_flags = own_all(a, p->kept_flags, p->n_kept_flags);
	for (size_t i = 0; p && i < p->n_puts; i++) {
		struct filter_put *u = &p->puts[i];

		u->flags = own_all(a, u->flags, u->n_flags);
		u->target = own(a, u->target);
		u->special_use = own(a, u->special_use);
		u->mailbox_id = own(a, u->mailbox_id);
	}
	for (size_t i = 0; p && i < p->n_outs; i++)
		p->outs[i].rcpt = own(a, p->outs[i].rcpt);
}

static void log_failure(uint64_t account_id, const struct sieve_error *why)
{
	struct logline l;

	log_begin(&l, "script_failed");
	log_ki(&l, "account", (int64_t)account_id);
	log_ki(&l, "line", why->line);
	log_kz(&l, "why", why->text);
	log_end(&l);
}

static int run_one(struct job *j, size_t i, struct run *r, const struct script_active *active)
{
	struct script_cache *cache = mail_scripts(j->m);
	struct delivery *d = &j->to[i];
	struct sieve_result res;
	struct sieve_host host = { .arg = r, .message = d->message.p ? d->message : j->mail->message, .from = j->mail->sender,
		.to = d->rcpt.n ? d->rcpt : d->address, .auth = j->mail->auth, .now_sec = j->mail->now_sec,
		.zone_min = j->mail->zone_min, .budget = FILTER_STEPS, .separator = '+', .mailbox = has_mailbox, .special_use = has_special,
		.metadata = annotation, .mailbox_id = has_id, .duplicate = duplicate, .include = include, .environment = environment,
		.in_list = in_list, .event = r->event };
	int x;

	if (r->event) {
		host.flags = r->event->flags;
		host.n_flags = r->event->n_flags;
	}
	x = script_use(cache, j->org, j->tx, d->account_id, active->id, active->changed, &r->used[0], j->e);
	if (x == ERR_SYNTAX) {               /* an older release took it */
		err_clear(j->e);
		return 0;
	}
	if (x < 0)
		return x;
	r->n_used = 1;
	x = sieve_run(j->a, r->used[0].script, &host, &res);
	script_ran(cache, d->account_id, j->mail->now_sec, res.steps);
	if (x < 0)
		log_failure(d->account_id, &res.error);
	if (x < 0 && j->e->code)             /* the store, not the script */
		return j->e->code;
	if (x < 0 && r->event)               /* the message is where it belongs */
		return 0;
	return make_plan(j, i, &res, active->sent < FILTER_SENT_DAY && !j->mail->quiet);
}

static int plan_rows(struct job *j);

static void set_apart(struct job *j)
{
	for (size_t i = 0; i < j->n && j->mail->apart; i++)
		if (!j->to[i].message.p)
			j->to[i].message = j->mail->message;
}

/* A mail that a script writes: who gets it, and what their scripts do with it. */
static int plan_out(struct job *j, struct filter_out *out)
{
	struct filter_mail *fm = ARENA_NEW(j->a, struct filter_mail);
	struct job inner = { .m = j->m, .org = j->org, .a = j->a, .mail = fm, .tx = j->tx, .e = j->e, .depth = j->depth + 1 };
	struct err why = ERR_INIT;

	if (address_resolve(j->org, j->tx, j->a, out->rcpt, &out->to, &why) < 0 && why.code != ERR_DENIED)
		return why.code == ERR_MISSING || why.code == ERR_LIMIT ? 0 : err_set(j->e, why.code, why.say, "%s", why.log);
	if (why.code == ERR_DENIED) {        /* outside */
		out->to.v = ARENA_NEW(j->a, struct recipient);
		out->to.v[out->to.n++] = (struct recipient){ .address = out->rcpt };
	}
	*fm = (struct filter_mail){ .hostname = j->mail->hostname, .message = out->message, .sender = out->sender, .now_sec = j->mail->now_sec,
		.zone_min = j->mail->zone_min, .flags = j->mail->flags & (QUEUE_UTF8 | QUEUE_REQUIRETLS), .ours = true, .quiet = j->mail->quiet };
	for (size_t i = 0; i < out->to.n; i++)
		if (out->to.v[i].account_id)
			add_delivery(&inner, (struct delivery){ .account_id = out->to.v[i].account_id, .address = out->to.v[i].address,
				.tag = out->to.v[i].tag });
	fm->apart = inner.n < out->to.n;
	if (inner.depth <= FILTER_DEPTH && plan_rows(&inner) < 0)
		return j->e->code;
	set_apart(&inner);
	out->local = inner.to;
	out->n_local = inner.n;
	return 0;
}

static int plan_one(struct job *j, size_t i)
{
	struct run r = { .job = j, .account_id = j->to[i].account_id };
	struct script_active active = { 0 };
	int x;

	r.event = i == 0 ? j->mail->event : NULL;
	if (r.event)
		x = script_for_event(j->org, j->tx, r.account_id, r.event->script, j->mail->now_sec, &active, j->e);
	else
		x = script_active(j->tx, r.account_id, j->mail->now_sec, &active, j->e);
	if (x <= 0 || !script_may_run(mail_scripts(j->m), r.account_id, j->mail->now_sec))
		return x < 0 ? x : 0;
	x = run_one(j, i, &r, &active);
	keep_plan(j->a, &j->to[i]);
	for (size_t k = 0; k < r.n_used; k++)
		script_put_back(mail_scripts(j->m), &r.used[k]);
	for (size_t k = 0; x >= 0 && j->to[i].plan && k < j->to[i].plan->n_outs; k++)
		if (!j->to[i].plan->outs[k].redirect)
			x = plan_out(j, &j->to[i].plan->outs[k]);
	return x;
}

static int plan_rows(struct job *j)
{
	for (size_t i = 0; i < j->n; i++)
		if (plan_one(j, i) < 0)
			return j->e->code;
	return 0;
}

static int plan_all(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;

	j->tx = tx;
	j->e = e;
	return plan_rows(j);
}

static int prepare_all(struct job *j, struct delivery *to, size_t n, struct err *e);

static int prepare(struct job *j, struct delivery *d, struct err *e)
{
	struct filter_plan *p = d->plan;

	if (d->message.p && email_prepare(j->org, j->a, d->message, &d->own, e) < 0)
		return e->code;
	for (size_t i = 0; p && i < p->n_outs; i++) {
		struct filter_out *o = &p->outs[i];

		if ((o->signer && o->signer->n && mail_sign(j->org, j->a, o->signer, o->message, j->mail->now_sec, &o->message, e) < 0) ||
			email_prepare(j->org, j->a, o->message, &o->p, e) < 0 || prepare_all(j, o->local, o->n_local, e) < 0)
			return e->code;
	}
	for (size_t i = 0; p && i < p->n_puts; i++) {
		struct span m = p->puts[i].out ? p->outs[p->puts[i].out - 1].message : p->puts[i].message;

		if (m.p && email_prepare(j->org, j->a, m, &p->puts[i].p, e) < 0)
			return e->code;
	}
	return 0;
}

static int prepare_all(struct job *j, struct delivery *to, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (prepare(j, &to[i], e) < 0)
			return e->code;
	return 0;
}

int filter_zone_min(int64_t now_sec)
{
	time_t now = (time_t)now_sec;
	struct tm tm;

	return localtime_r(&now, &tm) ? (int)(tm.tm_gmtoff / 60) : 0;
}

int filter_plan(struct mail *m, struct arena *a, const struct filter_mail *fm, struct delivery **to, size_t *n, struct err *e)
{
	struct job j = { .m = m, .org = mail_org(m), .a = a, .mail = fm, .to = *to, .n = *n, .cap = *n };
	int r = store_read(org_store(j.org), plan_all, &j, e);

	set_apart(&j);
	*to = j.to;
	*n = j.n;
	return r == 0 ? prepare_all(&j, j.to, j.n, e) : r;
}

static void filter_free_out(struct filter_out *out)
{
	filter_free(out->local, out->n_local);
	email_prepared_fini(&out->p);
}

void filter_free(struct delivery *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct filter_plan *p = to[i].plan;

		email_prepared_fini(&to[i].own);
		for (size_t k = 0; p && k < p->n_outs; k++)
			filter_free_out(&p->outs[k]);
		for (size_t k = 0; p && k < p->n_puts; k++)
			email_prepared_fini(&p->puts[k].p);
	}
}
