#include "codec/xml/autodiscover.h"
#include "codec/xml/xml_read.h"

struct reading {
	struct arena *arena;
	struct autodiscover *out;
};

static int end(void *arg, struct span path, struct span text)
{
	struct reading *r = arg;

	if (span_eqz(path, "Autodiscover/Request/EMailAddress"))
		r->out->address = arena_span(r->arena, text);
	else if (span_eqz(path, "Autodiscover/Request/AcceptableResponseSchema"))
		r->out->schema = arena_span(r->arena, text);
	return 0;
}

int autodiscover_parse(struct arena *a, struct span body, struct autodiscover *out, struct err *e)
{
	struct reading r = { a, out };
	struct xml_sink sink = { .arg = &r, .end = end, .elements_max = 50 };

	*out = (struct autodiscover){ SPAN_NONE, SPAN_NONE };
	return xml_read(body, &sink, e);
}
