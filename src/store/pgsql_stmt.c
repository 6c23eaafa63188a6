/* Statements on PostgreSQL. Values cross in binary, so nothing is ever escaped. A statement is prepared when
 * it first runs, because only then the kinds of its values are known; one text may have several prepared
 * forms. The BEGIN, the Parse and the first execution of a transaction travel together (pipeline mode). */
#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "store/pgsql.h"

#define PARAMS_MAX 40
#define TEXT_MAX (1 << 20)

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_OID = 26,
	OID_NUMERIC = 1700 };

struct form {
	struct form *next;
	char name[16];
	bool prepared;
	Oid types[PARAMS_MAX];       /* 0: NULL was bound, the server infers */
};

struct pg_sql {
	struct sql q;
	struct pg_conn *c;
	char *text;                  /* translated */
	int nparams;
	Oid types[PARAMS_MAX];
	int64_t ints[PARAMS_MAX];    /* big endian */
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	struct form *forms;
	PGresult *res;
	int row;                     /* -1 before the first */
	bool ran, streaming, toobig;
};

/* ---- text ---- */

static bool is_word(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '_';
}

/* ?N -> $N; the two type names that differ. Quoted text and comments stay. */
static char *translate(const char *z)
{
	struct buf b;
	char quote = 0;

	buf_init(&b, TEXT_MAX);
	for (const char *p = z; *p;) {
		size_t n = 1;

		if (quote) {
			quote = *p == quote ? 0 : quote;
			buf_addc(&b, *p++);
			continue;
		}
		if (*p == '\'' || *p == '"') {
			quote = *p;
		} else if (p[0] == '-' && p[1] == '-') {
			while (p[n] && p[n] != '\n')
				n++;
		} else if (*p == '?') {
			buf_addc(&b, '$');
			p++;
			continue;
		} else if (is_word(*p)) {
			while (is_word(p[n]))
				n++;
			if (span_eqz((struct span){ p, n }, "INTEGER") || span_eqz((struct span){ p, n }, "BLOB")) {
				buf_addz(&b, *p == 'I' ? "bigint" : "bytea");
				p += n;
				continue;
			}
		}
		buf_add(&b, (struct span){ p, n });
		p += n;
	}
	if (!buf_addc(&b, '\0')) {
		buf_fini(&b);
		return NULL;
	}
	return b.p;
}

static size_t bucket_of(const char *text)
{
	uintptr_t v = (uintptr_t)text;

	return (v ^ v >> 8 ^ v >> 16) % PG_BUCKETS;
}

static void free_sql(struct pg_sql *ps)
{
	struct form *next;

	for (struct form *f = ps->forms; f; f = next) {
		next = f->next;
		free(f);
	}
	PQclear(ps->res);
	free(ps->text);
	free(ps);
}

void pg_cache_free(struct pg_conn *c)
{
	for (size_t i = 0; i < PG_BUCKETS; i++)
		while (c->cache[i]) {
			struct sql *q = c->cache[i];

			c->cache[i] = q->next;
			free_sql((struct pg_sql *)q);
		}
}

struct sql *pg_sql_open(struct tx *tx, const char *text, bool once)
{
	struct pg_conn *c = tx->conn;
	struct sql **at = &c->cache[bucket_of(text)];
	struct pg_sql *ps;

	tx->open++;
	for (struct sql *q = once ? NULL : *at; q; q = q->next)
		if (q->text == text && !q->tx) {
			q->tx = tx;
			return q;
		}
	ps = calloc(1, sizeof(*ps));
	if (!ps)
		abort();
	ps->c = c;
	ps->row = -1;
	ps->text = translate(text);
	ps->toobig = !ps->text;
	ps->q = (struct sql){ .drv = &pgsql_driver, .tx = tx, .text = text, .once = once };
	if (!once) {
		ps->q.next = *at;
		*at = &ps->q;
	}
	return &ps->q;
}

/* ---- values ---- */

static int slot(struct pg_sql *ps, int param)
{
	assert(param >= 1 && param <= PARAMS_MAX);
	if (param > ps->nparams)
		ps->nparams = param;
	return param - 1;
}

void pg_sql_int(struct sql *q, int param, int64_t v)
{
	struct pg_sql *ps = (struct pg_sql *)q;
	int i = slot(ps, param);

	ps->types[i] = OID_INT8;
	ps->ints[i] = (int64_t)htobe64((uint64_t)v);
	ps->values[i] = (const char *)&ps->ints[i];
	ps->lengths[i] = 8;
}

void pg_sql_bytes(struct sql *q, int param, struct span v, bool text)
{
	struct pg_sql *ps = (struct pg_sql *)q;
	int i = slot(ps, param);

	if (v.n > INT32_MAX / 2)
		ps->toobig = true;
	ps->types[i] = !v.p ? 0 : text ? OID_TEXT : OID_BYTEA;
	ps->values[i] = v.p;
	ps->lengths[i] = (int)v.n;
}

static struct form *form_for(struct pg_sql *ps)
{
	struct form *f;

	for (f = ps->forms; f; f = f->next) {
		int i = 0;

		while (i < ps->nparams && (f->types[i] == ps->types[i] || ps->types[i] == 0))
			i++;
		if (i == ps->nparams)
			return f;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		abort();
	memcpy(f->types, ps->types, sizeof(f->types));
	if (!ps->q.once)
		snprintf(f->name, sizeof(f->name), "k%u", ps->c->next_name++);
	f->next = ps->forms;
	ps->forms = f;
	return f;
}

/* ---- running ---- */

/* One result of the pipeline: kept when it is the last, checked for failure always. */
static int take(struct pg_sql *ps, bool keep, const char *what, struct err *e)
{
	PGresult *res = PQgetResult(ps->c->db), *end;
	ExecStatusType st = PQresultStatus(res);
	int rc = 0;

	if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK)
		rc = st == PGRES_PIPELINE_ABORTED ? ERR_BROKEN : pg_fail(ps->c, res, what, e);
	if (res && (end = PQgetResult(ps->c->db)))
		PQclear(end); /* the NULL that ends one command's results */
	if (keep && rc == 0)
		ps->res = res;
	else
		PQclear(res);
	return rc;
}

static const int binary[PARAMS_MAX] = { [0 ... PARAMS_MAX - 1] = 1 };

static bool send_all(struct pg_sql *ps, struct form *f, bool begin)
{
	PGconn *db = ps->c->db;

	return (!begin || PQsendQueryParams(db, ps->c->begin, 0, NULL, NULL, NULL, NULL, 1)) &&
		(f->prepared || PQsendPrepare(db, f->name, ps->text, ps->nparams, f->types)) &&
		PQsendQueryPrepared(db, f->name, ps->nparams, ps->values, ps->lengths, binary, 1) &&
		PQpipelineSync(db);
}

static int run_pipeline(struct pg_sql *ps, struct err *e)
{
	struct pg_conn *c = ps->c;
	struct form *f = form_for(ps);
	bool begin = !c->begun;
	char what[96];
	PGresult *sync;
	int rc = 0, more;

	snprintf(what, sizeof(what), "\"%.*s\"", 90, ps->q.text);
	if (!PQenterPipelineMode(c->db) || !send_all(ps, f, begin))
		return pg_fail(c, NULL, what, e);
	c->begun = true;
	if (begin)
		rc = take(ps, false, "begin", e);
	if (!f->prepared) {
		more = take(ps, false, what, e);
		f->prepared = more == 0;
		rc = rc ? rc : more;
	}
	more = take(ps, true, what, e);
	rc = rc ? rc : more;
	sync = PQgetResult(c->db);
	if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC && rc == 0)
		rc = pg_fail(c, sync, what, e);
	PQclear(sync);
	if (PQstatus(c->db) == CONNECTION_OK)
		PQexitPipelineMode(c->db);
	if (ps->q.once)
		f->prepared = false; /* the unnamed one belongs to whoever prepares next */
	return rc;
}

static int begin_alone(struct pg_conn *c, struct err *e)
{
	PGresult *res = c->begun ? NULL : PQexec(c->db, c->begin);
	int rc = 0;

	if (!c->begun && PQresultStatus(res) != PGRES_COMMAND_OK)
		rc = pg_fail(c, res, "begin", e);
	PQclear(res);
	c->begun = true;
	return rc;
}

/* Uncached statements hand their rows over one by one: whole tables pass through them (backup, check).
 * Nothing else may run on the connection meanwhile. */
static int run_streaming(struct pg_sql *ps, struct err *e)
{
	int rc = begin_alone(ps->c, e);

	if (rc < 0)
		return rc;
	if (!PQsendQueryParams(ps->c->db, ps->text, ps->nparams, ps->types, ps->values, ps->lengths, binary, 1) ||
		!PQsetSingleRowMode(ps->c->db))
		return pg_fail(ps->c, NULL, "stream", e);
	ps->streaming = true;
	return 0;
}

static int next_streamed(struct pg_sql *ps, struct err *e)
{
	ExecStatusType st;

	PQclear(ps->res);
	ps->res = PQgetResult(ps->c->db);
	st = PQresultStatus(ps->res);
	ps->row = 0;
	if (st == PGRES_SINGLE_TUPLE)
		return 1;
	if (ps->res && st != PGRES_TUPLES_OK && st != PGRES_COMMAND_OK) {
		char what[96];

		snprintf(what, sizeof(what), "\"%.*s\"", 90, ps->q.text);
		pg_fail(ps->c, ps->res, what, e);
		return tx_fail(ps->q.tx, e);
	}
	return 0;
}

int pg_sql_next(struct sql *q, struct err *e)
{
	struct pg_sql *ps = (struct pg_sql *)q;
	struct err own_err = ERR_INIT;
	int rc = 0;

	e = e ? e : &own_err;
	if (!ps->ran) {
		ps->ran = true;
		if (q->tx->failed.code) {
			*e = q->tx->failed; /* the server would only say that the transaction is aborted */
			rc = e->code;
		} else if (ps->toobig) {
			rc = err_set(e, ERR_TOOBIG, "Too large", "value or statement too large");
		} else {
			rc = q->once ? run_streaming(ps, e) : run_pipeline(ps, e);
		}
		if (rc < 0)
			return tx_fail(q->tx, e);
	}
	if (ps->streaming)
		return next_streamed(ps, e);
	if (!ps->res)
		return q->tx->failed.code;
	return ++ps->row < PQntuples(ps->res) ? 1 : 0;
}

int pg_sql_run(struct sql *q, struct err *e)
{
	struct pg_sql *ps = (struct pg_sql *)q;
	uint64_t changed = 0;
	int rc;

	do
		rc = pg_sql_next(q, e);
	while (rc > 0);
	if (rc == 0 && ps->res && !span_starts(span_str(PQcmdStatus(ps->res)), SPAN("SELECT"))) {
		const char *z = PQcmdTuples(ps->res);

		changed = *z ? strtoull(z, NULL, 10) : 0;
	}
	sql_close(q);
	return rc < 0 ? rc : (int)(changed > INT32_MAX ? INT32_MAX : changed);
}

void pg_sql_close(struct sql *q)
{
	struct pg_sql *ps = (struct pg_sql *)q;

	q->tx->open--;
	q->tx = NULL;
	PQclear(ps->res);
	ps->res = NULL;
	if (ps->streaming) {
		PGresult *res;

		while ((res = PQgetResult(ps->c->db)))
			PQclear(res);
	}
	if (q->once) {
		free_sql(ps);
		return;
	}
	ps->ran = ps->streaming = false;
	ps->toobig = !ps->text;
	ps->row = -1;
	ps->nparams = 0;
	memset(ps->types, 0, sizeof(ps->types));
	memset(ps->values, 0, sizeof(ps->values));
}

/* ---- columns ---- */

static uint16_t get16(const char *p)
{
	return (uint16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}

/* sum() of bigint is numeric: count, weight, sign, scale, then digits to base 10,000 from the top. */
static int64_t numeric_int(const char *p, int n)
{
	int digits = n >= 8 ? get16(p) : 0, weight = n >= 8 ? (int16_t)get16(p + 2) : -1;
	uint64_t v = 0;

	for (int i = 0; i <= weight && weight < 5; i++) {
		v *= 10000;
		if (i < digits && 10 + 2 * i <= n)
			v += get16(p + 8 + 2 * i);
	}
	return n >= 8 && get16(p + 4) == 0x4000 ? (int64_t)(0 - v) : (int64_t)v;
}

int64_t pg_sql_col_int(struct sql *q, int col)
{
	struct pg_sql *ps = (struct pg_sql *)q;
	const char *p = PQgetvalue(ps->res, ps->row, col);
	int n = PQgetlength(ps->res, ps->row, col);

	if (!p || n == 0)
		return 0;
	switch (PQftype(ps->res, col)) {
	case OID_INT8:
		return (int64_t)((uint64_t)get16(p) << 48 | (uint64_t)get16(p + 2) << 32 |
			(uint64_t)get16(p + 4) << 16 | get16(p + 6));
	case OID_INT4:
		return (int32_t)((uint32_t)get16(p) << 16 | get16(p + 2));
	case OID_OID:
		return (int64_t)((uint32_t)get16(p) << 16 | get16(p + 2));
	case OID_INT2:
		return (int16_t)get16(p);
	case OID_BOOL:
		return *p != 0;
	case OID_NUMERIC:
		return numeric_int(p, n);
	default:
		return 0;
	}
}

struct span pg_sql_col(struct sql *q, int col)
{
	struct pg_sql *ps = (struct pg_sql *)q;

	if (PQgetisnull(ps->res, ps->row, col))
		return SPAN_NONE;
	return (struct span){ PQgetvalue(ps->res, ps->row, col), (size_t)PQgetlength(ps->res, ps->row, col) };
}

char pg_sql_col_kind(struct sql *q, int col)
{
	struct pg_sql *ps = (struct pg_sql *)q;

	if (PQgetisnull(ps->res, ps->row, col))
		return 'n';
	switch (PQftype(ps->res, col)) {
	case OID_INT8:
	case OID_INT4:
	case OID_INT2:
	case OID_OID:
	case OID_BOOL:
	case OID_NUMERIC:
		return 'i';
	case OID_BYTEA:
		return 'b';
	default:
		return 't';
	}
}

int pg_sql_cols(struct sql *q)
{
	return PQnfields(((struct pg_sql *)q)->res);
}

const char *pg_sql_col_name(struct sql *q, int col)
{
	return PQfname(((struct pg_sql *)q)->res, col);
}
