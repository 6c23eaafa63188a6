/* spf_eval.c - drives spf_check from outside (tests/mailauth/spf_suite.py): a zone, then questions, on stdin.
 *
 * Fields are hex. "Z name type data" (type 0: every question about the name fails; data "-": this type fails),
 * "C ip sender helo" is answered by "result explanation" (hex). "." empties the zone. */
#include <stdio.h>
#include <string.h>
#include "base/scan.h"
#include "codec/mailauth/spf.h"

struct row {
	struct span name, data;
	uint64_t type;
	bool fails;
};
struct zone {
	struct row v[1000];
	size_t n;
};

static bool find(void *arg, struct span name, enum dns_type type, struct dns_answer *out)
{
	static _Thread_local struct span hits[DNS_RECORDS_MAX];
	const struct zone *z = arg;
	bool known = false, follow = true;
	size_t n = 0;

	out->status = DNS_FAILED;
	for (unsigned hops = 0; follow && hops < 5; hops++) {
		struct span next = name;

		follow = false;
		for (size_t i = 0; i < z->n; i++) {
			const struct row *r = &z->v[i];

			if (!span_ieq(r->name, name))
				continue;
			known = true;
			if (r->type == DNS_CNAME && type != DNS_CNAME) {
				next = r->data;
				follow = true;
			}
			if (r->type == type && r->fails)
				return true;
			if (r->type == (uint64_t)type && n < DNS_RECORDS_MAX)
				hits[n++] = r->data;
		}
		if (!n)
			for (size_t i = 0; i < z->n; i++)
				if (span_ieq(z->v[i].name, name) && z->v[i].type == 0)
					return true;
		name = next;
	}
	*out = (struct dns_answer){ .status = n ? DNS_FOUND : known ? DNS_NO_DATA : DNS_NO_NAME, .v = hits, .n = n };
	if (n) {
		static _Thread_local struct arena *keep;

		keep = keep ? keep : arena_new();
		out->v = arena_dup(keep, hits, n * sizeof(*hits));
	}
	return true;
}

static struct span field(struct arena *a, struct span *line)
{
	struct span hex = span_cut(line, ' ');
	uint8_t *p = arena_alloc(a, hex.n / 2 + 1);

	return scan_hex(hex, p, hex.n / 2) ? SPAN_BYTES(p, hex.n / 2) : SPAN_NONE;
}

static void zone_row(struct arena *a, struct zone *z, struct span line)
{
	struct row *r = &z->v[z->n++];
	struct span type;

	r->name = field(a, &line);
	type = span_cut(&line, ' ');
	span_num(type, &r->type, 0, 65535);
	r->fails = span_eqz(line, "-");
	r->data = field(a, &line);
}

static void question(struct arena *a, struct zone *z, struct span line)
{
	struct dns_source dns = { find, z };
	struct spf_request q = { .receiver = SPAN("receiver.example"), .now_sec = 1700000000 };
	struct spf_verdict v;

	q.ip = field(a, &line);
	q.sender = field(a, &line);
	q.helo = field(a, &line);
	if (spf_check(a, &q, &dns, &v) != 0)
		printf("more\n");
	else
		printf("%s %.*s\n", spf_result_name(v.result), SPAN_F(v.explanation));
	fflush(stdout);
}

int main(void)
{
	static struct zone zone;
	static char line[65536];
	struct arena *a = arena_new();

	while (fgets(line, sizeof(line), stdin)) {
		struct span s = span_trim(arena_span(a, SPAN_BYTES(line, strlen(line))));
		struct span kind = span_cut(&s, ' ');

		if (span_eqz(kind, "."))
			zone.n = 0;
		else if (span_eqz(kind, "Z") && zone.n < sizeof(zone.v) / sizeof(*zone.v))
			zone_row(a, &zone, s);
		else if (span_eqz(kind, "C"))
			question(a, &zone, s);
	}
	arena_free(a);
	return 0;
}
