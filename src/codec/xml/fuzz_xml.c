/* Any document: paths are whole, depth comes back to nothing, bounds hold. */
#include "codec/xml/autodiscover.h"
#include "codec/xml/xml_read.h"
#include <assert.h>

static size_t open_elements;

static int begin(void *arg, struct span path)
{
	(void)arg;
	assert(path.n <= XML_PATH_MAX && ++open_elements <= XML_DEPTH_MAX);
	return 0;
}

static int end(void *arg, struct span path, struct span text)
{
	(void)arg;
	assert(path.n && text.n <= XML_TEXT_MAX && open_elements--);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	SCOPED_ARENA a = arena_new();
	struct xml_sink sink = { .begin = begin, .end = end, .elements_max = 1000 };
	struct autodiscover d;

	open_elements = 0;
	if (xml_read(SPAN_BYTES(p, n), &sink, NULL) == 0)
		assert(open_elements == 0);
	(void)autodiscover_parse(a, SPAN_BYTES(p, n), &d, NULL);
	return 0;
}
