#include "net/resolver.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/scan.h"
#include "base/time.h"

enum { TYPE_SECURE = -2, TYPE_SLOW = -1, TYPE_FAIL = 0, TYPE_A = 1, TYPE_CNAME = 5, TYPE_PTR = 12, TYPE_MX = 15, TYPE_TXT = 16, TYPE_AAAA = 28,
	TYPE_SRV = 33, CLASS_IN = 1 };
#define CNAME_MAX 8
#define RECORDS_MAX 40

struct zone_row {
	int type;
	struct span name, host, data;
	unsigned preference;
	struct resolver_address address;
};

struct resolver {
	struct ub_ctx *ub;            /* NULL: table */
	unsigned timeout_ms;
	struct arena *arena;
	struct zone_row *rows;
	size_t n_rows;
};

/* What one question brought, from either source. */
struct answer {
	struct resolver_mx mx[RECORDS_MAX];
	struct resolver_address address[RECORDS_MAX];
	struct span data[RECORDS_MAX];
	size_t n;
	bool secure;
	struct span canonical;        /* of an alias */
	uint32_t ttl_sec;
	const char *why;
};

bool resolver_numeric(struct span text, struct resolver_address *out)
{
	char z[INET6_ADDRSTRLEN + 1];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;

	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
		text = span_sub(text, 1, text.n - 2);
		if (span_istarts(text, SPAN("IPv6:")))
			text = span_from(text, 5);
	}
	if (!text.n || text.n >= sizeof(z))
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = 0;
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, z, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		out->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, z, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		out->len = sizeof(*v6);
		return true;
	}
	return false;
}

static struct span name_clean(struct arena *a, struct span name)
{
	char *p;

	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	p = arena_dup(a, name.p, name.n);
	for (size_t i = 0; i < name.n; i++)
		p[i] = ascii_lower(p[i]);
	return SPAN_BYTES(p, name.n);
}

/* ---- the table ---- */

static struct span word_next(struct span *line)
{
	size_t n = 0;
	struct span word;

	scan_blanks(line);
	while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t' && line->p[n] != '\r')
		n++;
	word = span_sub(*line, 0, n);
	*line = span_from(*line, n);
	return word;
}

/* RR type name hex: any other record. */
static bool row_parse_raw(struct arena *a, struct span line, struct zone_row *row)
{
	uint64_t type;
	struct span hex;
	uint8_t *p;

	if (!span_num(word_next(&line), &type, 1, 65535))
		return false;
	row->type = (int)type;
	row->name = name_clean(a, word_next(&line));
	hex = word_next(&line);
	p = arena_alloc(a, hex.n / 2 + 1);
	row->data = SPAN_BYTES(p, hex.n / 2);
	return row->name.n && scan_hex(hex, p, hex.n / 2);
}

static bool row_parse(struct arena *a, struct span line, struct zone_row *row)
{
	struct span kind = word_next(&line), value;
	uint64_t preference = 0;

	if (span_eqz(kind, "RR"))
		return row_parse_raw(a, line, row);
	row->name = name_clean(a, word_next(&line));
	if (span_eqz(kind, "TXT")) {
		row->type = TYPE_TXT;
		row->data = span_trim(line);
		return row->name.n > 0;
	}
	value = word_next(&line);
	if (!row->name.n)
		return false;
	if (span_eqz(kind, "SECURE"))
		row->type = TYPE_SECURE;
	else if (span_eqz(kind, "FAIL"))
		row->type = TYPE_FAIL;
	else if (span_eqz(kind, "SLOW"))
		row->type = TYPE_SLOW;
	else if (span_eqz(kind, "PTR")) {
		row->type = TYPE_PTR;
		row->host = name_clean(a, value);
	}
	else if (span_eqz(kind, "NULLMX"))
		row->type = TYPE_MX;
	else if (span_eqz(kind, "MX")) {
		row->type = TYPE_MX;
		if (!span_num(value, &preference, 0, 65535))
			return false;
		row->host = name_clean(a, word_next(&line));
	} else if (span_eqz(kind, "CNAME")) {
		row->type = TYPE_CNAME;
		row->host = name_clean(a, value);
	} else if (span_eqz(kind, "A") && resolver_numeric(value, &row->address))
		row->type = row->address.sa.ss_family == AF_INET ? TYPE_A : TYPE_AAAA;
	else
		return false;
	row->preference = (unsigned)preference;
	return true;
}

static int table_load(struct resolver *r, struct span text, struct err *e)
{
	size_t max = 1;

	for (size_t i = 0; i < text.n; i++)
		max += text.p[i] == '\n';
	r->rows = ARENA_ARRAY(r->arena, struct zone_row, max);
	for (unsigned number = 1; text.n; number++) {
		struct span line = span_trim(span_cut(&text, '\n'));

		if (!line.n || line.p[0] == '#')
			continue;
		if (!row_parse(r->arena, line, &r->rows[r->n_rows]))
			return err_set(e, ERR_SYNTAX, "The table of hosts has an unreadable line", "hosts: line %u", number);
		r->n_rows++;
	}
	return 0;
}

static struct span row_data(struct arena *a, const struct zone_row *row)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&row->address.sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&row->address.sa;

	switch (row->type) {
	case TYPE_A:
		return SPAN_BYTES(&v4->sin_addr, 4);
	case TYPE_AAAA:
		return SPAN_BYTES(&v6->sin6_addr, 16);
	case TYPE_MX:
		return arena_printf(a, "%c%c%.*s", row->preference >> 8, row->preference & 255, SPAN_F(row->host));
	case TYPE_PTR:
	case TYPE_CNAME:
		return row->host;
	default:
		return row->data;
	}
}

static bool table_secure(const struct resolver *r, struct span name)
{
	for (size_t i = 0; i < r->n_rows; i++) {
		struct span zone = r->rows[i].name;

		if (r->rows[i].type == TYPE_SECURE && span_ends(name, zone) &&
			(name.n == zone.n || name.p[name.n - zone.n - 1] == '.'))
			return true;
	}
	return false;
}

static enum resolve_status table_ask(struct resolver *r, struct arena *a, struct span name, int type, unsigned timeout_ms,
	struct answer *out)
{
	out->secure = true;
	for (unsigned hop = 0; hop < CNAME_MAX; hop++) {
		bool known = false;
		struct span alias = SPAN_NONE;

		out->secure &= table_secure(r, name);

		for (size_t i = 0; i < r->n_rows; i++) {
			const struct zone_row *row = &r->rows[i];

			if (!span_eq(row->name, name) || row->type == TYPE_SECURE)
				continue;
			known = true;
			if (row->type == TYPE_FAIL || row->type == TYPE_SLOW) {
				if (row->type == TYPE_SLOW)
					poll(NULL, 0, (int)timeout_ms);
				out->why = "DNS: server failure";
				return RESOLVE_FAILED;
			}
			if (row->type == TYPE_CNAME)
				alias = row->host;
			if (row->type != type || out->n == RECORDS_MAX)
				continue;
			out->mx[out->n] = (struct resolver_mx){ row->host, row->preference };
			out->data[out->n] = row_data(a, row);
			out->address[out->n++] = row->address;
		}
		if (out->n) {
			out->canonical = hop ? name : SPAN_NONE;
			return RESOLVE_FOUND;
		}
		if (!alias.n) {
			out->why = known ? "DNS: no such record" : "DNS: no such domain";
			return known ? RESOLVE_NO_DATA : RESOLVE_NO_NAME;
		}
		name = alias;
	}
	out->why = "DNS: too many aliases";
	return RESOLVE_FAILED;
}

/* ---- the DNS ---- */

struct question {
	atomic_int done;              /* 1: result or failure is set */
	struct ub_result *result;
	int failure;
};

static void question_answered(void *arg, int failure, struct ub_result *result)
{
	struct question *q = arg;

	q->failure = failure;
	q->result = result;
	atomic_store(&q->done, 1);
}

/* Any waiting thread may take the answers of all off the library's pipe; each looks at its own flag. */
static int question_wait(struct resolver *r, struct question *q, int id, unsigned timeout_ms)
{
	int64_t deadline_us = time_mono_us() + (int64_t)timeout_ms * 1000;

	while (!atomic_load(&q->done)) {
		struct pollfd p = { .fd = ub_fd(r->ub), .events = POLLIN };

		if (time_mono_us() >= deadline_us && ub_cancel(r->ub, id) == 0)
			return ERR_LATER;
		/* cancel refused: the callback is running in another thread right now */
		poll(&p, 1, 20);
		if (p.revents)
			ub_process(r->ub);
	}
	return 0;
}

/* Domain name in wire form, uncompressed (libunbound unpacks it): to text. */
static struct span name_read(struct arena *a, struct span wire)
{
	struct buf b;
	struct span name;

	buf_init(&b, 512);
	while (wire.n && wire.p[0]) {
		size_t n = (unsigned char)wire.p[0];

		if (n > 63 || n >= wire.n)
			break;
		if (b.n)
			buf_addc(&b, '.');
		buf_add(&b, span_sub(wire, 1, n));
		wire = span_from(wire, n + 1);
	}
	name = name_clean(a, buf_span(&b));
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] == 127)
			((char *)name.p)[i] = '?';
	buf_fini(&b);
	return name;
}

/* TXT: strings with their lengths, joined. Names become text, what stands before them stays. */
static struct span record_plain(struct arena *a, int type, struct span data)
{
	size_t before = type == TYPE_MX ? 2 : type == TYPE_SRV ? 6 : 0, n = 0;
	struct span name;
	char *p;

	if (type == TYPE_TXT) {
		p = arena_alloc(a, data.n + 1);
		while (data.n) {
			struct span s = span_sub(data, 1, (unsigned char)data.p[0]);

			memcpy(p + n, s.p, s.n);
			n += s.n;
			data = span_from(data, 1 + s.n);
		}
		return SPAN_BYTES(p, n);
	}
	if (!before && type != TYPE_PTR && type != TYPE_CNAME)
		return arena_span(a, data);
	name = name_read(a, span_from(data, before));
	p = arena_alloc(a, before + name.n + 1);
	memcpy(p, data.p, data.n < before ? data.n : before);
	if (name.n)
		memcpy(p + before, name.p, name.n);
	return SPAN_BYTES(p, before + name.n);
}

static void record_read(struct arena *a, int type, struct span data, struct answer *out)
{
	struct resolver_address *to = &out->address[out->n];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&to->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to->sa;

	if (type == TYPE_MX && data.n >= 3) {
		const unsigned char *p = (const unsigned char *)data.p;

		out->mx[out->n++] = (struct resolver_mx){ name_read(a, span_from(data, 2)), (unsigned)p[0] << 8 | p[1] };
	} else if (type == TYPE_A && data.n == 4) {
		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, data.p, 4);
		to->len = sizeof(*v4);
		out->n++;
	} else if (type == TYPE_AAAA && data.n == 16) {
		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, data.p, 16);
		to->len = sizeof(*v6);
		out->n++;
	}
}

static enum resolve_status result_read(struct arena *a, int type, bool raw, const struct ub_result *u, struct answer *out)
{
	if (u->bogus) {
		out->why = "DNS: the answer's signature is wrong (DNSSEC)";
		return RESOLVE_FAILED;
	}
	out->secure = u->secure;
	if (u->nxdomain || u->rcode == 3) {
		out->why = "DNS: no such domain";
		return RESOLVE_NO_NAME;
	}
	if (u->rcode != 0) {
		out->why = "DNS: server failure";
		return RESOLVE_FAILED;
	}
	out->ttl_sec = u->ttl > 0 ? (uint32_t)u->ttl : 0;
	for (int i = 0; u->havedata && u->data[i] && out->n < RECORDS_MAX; i++) {
		struct span data = SPAN_BYTES(u->data[i], (size_t)u->len[i]);

		if (raw)
			out->data[out->n++] = record_plain(a, type, data);
		else
			record_read(a, type, data, out);
	}
	if (out->n)
		return RESOLVE_FOUND;
	out->why = "DNS: no such record";
	return RESOLVE_NO_DATA;
}

static enum resolve_status ask_how(struct resolver *r, struct arena *a, struct span name, int type, bool raw, unsigned timeout_ms,
	struct answer *out)
{
	struct question q = { 0 };
	enum resolve_status status;
	int id = 0;

	memset(out, 0, sizeof(*out));
	name = name_clean(a, name);
	if (!r->ub)
		return table_ask(r, a, name, type, timeout_ms, out);
	out->why = "DNS: no answer in time";
	if (span_has_nul(name) ||
	    ub_resolve_async(r->ub, arena_strz(a, name), type, CLASS_IN, &q, question_answered, &id) != 0) {
		out->why = "DNS: the question could not be asked";
		return RESOLVE_FAILED;
	}
	if (question_wait(r, &q, id, timeout_ms) < 0)
		return RESOLVE_FAILED;
	if (q.failure || !q.result) {
		out->why = "DNS: server failure";
		return RESOLVE_FAILED;
	}
	status = result_read(a, type, raw, q.result, out);
	if (q.result->canonname)
		out->canonical = name_clean(a, span_str(q.result->canonname));
	if (span_eq(out->canonical, name))
		out->canonical = SPAN_NONE;
	ub_resolve_free(q.result);
	return status;
}

static enum resolve_status ask(struct resolver *r, struct arena *a, struct span name, int type, struct answer *out)
{
	return ask_how(r, a, name, type, false, r->timeout_ms, out);
}

static int ub_start(struct resolver *r, const struct resolver_config *c, struct err *e)
{
	struct answer *warm = ARENA_NEW(r->arena, struct answer);
	int bad;

	r->ub = ub_ctx_create();
	if (!r->ub)
		return err_set(e, ERR_BROKEN, "", "libunbound does not start");
	bad = ub_ctx_async(r->ub, 1);
	bad |= ub_ctx_set_option(r->ub, "do-not-query-localhost:", "no");
	if (!c->n_forwarders)
		ub_ctx_resolvconf(r->ub, NULL);        /* absent: asks the root servers itself */
	for (size_t i = 0; i < c->n_forwarders; i++)
		bad |= ub_ctx_set_fwd(r->ub, c->forwarders[i]);
	if (c->anchor_file && access(c->anchor_file, R_OK) == 0)
		bad |= ub_ctx_add_ta_file(r->ub, c->anchor_file);
	if (bad)
		return err_set(e, ERR_BROKEN, "", "libunbound refuses its settings");
	ask(r, r->arena, SPAN("localhost"), TYPE_A, warm);   /* opens its files and starts its thread now */
	return 0;
}

struct resolver *resolver_new(const struct resolver_config *c, struct err *e)
{
	struct resolver *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		abort();
	r->arena = arena_new();
	r->timeout_ms = c->timeout_ms ? c->timeout_ms : 20000;
	rc = c->hosts.p ? table_load(r, c->hosts, e) : ub_start(r, c, e);
	if (rc < 0) {
		resolver_free(r);
		return NULL;
	}
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	if (r->ub)
		ub_ctx_delete(r->ub);
	arena_free(r->arena);
	free(r);
}

/* ---- questions ---- */

/* Shuffle all, then sort stably by insertion: equal preferences stay shuffled (RFC 5321 5.1). */
static void mx_order(struct resolver_mx *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = random_u64() % i;
		struct resolver_mx t = v[i - 1];

		v[i - 1] = v[j];
		v[j] = t;
	}
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && v[j].preference < v[j - 1].preference; j--) {
			struct resolver_mx t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
}

enum resolve_status resolver_mx(struct resolver *r, struct arena *a, struct span domain, struct resolver_mx_list *out)
{
	struct answer *found = ARENA_NEW(a, struct answer);
	enum resolve_status status = ask(r, a, domain, TYPE_MX, found);

	memset(out, 0, sizeof(*out));
	out->secure = found->secure;
	out->why = found->why;
	if (status == RESOLVE_NO_DATA) {
		out->implicit = true;
		out->v[0] = (struct resolver_mx){ name_clean(a, domain), 0 };
		out->n = 1;
		return RESOLVE_FOUND;
	}
	if (status != RESOLVE_FOUND)
		return status;
	if (found->n == 1 && !found->mx[0].host.n) {
		out->why = "the domain takes no mail (null MX)";
		return RESOLVE_NULL_MX;
	}
	mx_order(found->mx, found->n);
	for (size_t i = 0; i < found->n && out->n < RESOLVER_MX_MAX; i++)
		if (found->mx[i].host.n)
			out->v[out->n++] = found->mx[i];
	return RESOLVE_FOUND;
}

enum resolve_status resolver_records(struct resolver *r, struct arena *a, struct span name, unsigned type,
	unsigned timeout_ms, struct resolver_records *out)
{
	struct answer *found = ARENA_NEW(a, struct answer);
	enum resolve_status status = ask_how(r, a, name, (int)type, true, timeout_ms ? timeout_ms : r->timeout_ms, found);

	_Static_assert(RECORDS_MAX == RESOLVER_RECORDS_MAX, "all that is read is given on");
	*out = (struct resolver_records){ .n = found->n, .secure = found->secure, .ttl_sec = found->ttl_sec, .why = found->why };
	memcpy(out->v, found->data, found->n * sizeof(*found->data));
	return status;
}

enum resolve_status resolver_addresses(struct resolver *r, struct arena *a, struct span host,
	struct resolver_address_list *out)
{
	static const int types[] = { TYPE_AAAA, TYPE_A };
	struct answer *found = ARENA_NEW(a, struct answer);
	enum resolve_status worst = RESOLVE_NO_NAME;

	memset(out, 0, sizeof(*out));
	out->secure = true;
	if (resolver_numeric(host, &out->v[0])) {
		out->n = 1;
		return RESOLVE_FOUND;
	}
	for (size_t t = 0; t < 2; t++) {
		enum resolve_status status = ask(r, a, host, types[t], found);

		out->secure &= found->secure;
		if (status > worst || !out->why)
			out->why = found->why;
		if (status > worst)
			worst = status;
		if (status == RESOLVE_FOUND)
			out->canonical = found->canonical;
		for (size_t i = 0; status == RESOLVE_FOUND && i < found->n && out->n < RESOLVER_ADDRESS_MAX; i++)
			out->v[out->n++] = found->address[i];
	}
	return out->n ? RESOLVE_FOUND : worst;
}
