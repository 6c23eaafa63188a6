/* text_pdf.c - PDF through libpoppler-glib, loaded at run time so that nothing else of kontor has it in its address space. */
#include <dlfcn.h>
#include <string.h>
#include "text/text.h"

#define PAGES_MAX 2000

static struct {
	void *(*bytes_new_static)(const void *p, size_t n);
	void (*object_unref)(void *o);
	void (*g_free)(void *p);
	void *(*document_new)(void *bytes, const char *password, void **error);
	int (*pages)(void *document);
	void *(*page)(void *document, int index);
	char *(*page_text)(void *page);
} poppler;

void text_libraries(void)
{
	void *h = dlopen("libpoppler-glib.so.8", RTLD_NOW | RTLD_GLOBAL);
	const struct {
		const char *name;
		void *to;
	} want[] = { { "g_bytes_new_static", &poppler.bytes_new_static }, { "g_object_unref", &poppler.object_unref }, { "g_free", &poppler.g_free },
		{ "poppler_document_new_from_bytes", &poppler.document_new }, { "poppler_document_get_n_pages", &poppler.pages },
		{ "poppler_document_get_page", &poppler.page }, { "poppler_page_get_text", &poppler.page_text } };

	for (size_t i = 0; h && i < sizeof(want) / sizeof(*want); i++) {
		void *f = dlsym(h, want[i].name);

		if (!f)
			h = NULL;
		memcpy(want[i].to, &f, sizeof(f));
	}
	if (!h)
		memset(&poppler, 0, sizeof(poppler));
}

void text_read_pdf(struct span document, struct buf *out)
{
	void *d = poppler.document_new ? poppler.document_new(poppler.bytes_new_static(document.p, document.n), NULL, NULL) : NULL;
	int n = d ? poppler.pages(d) : 0;

	for (int i = 0; i < n && i < PAGES_MAX && out->n < out->max; i++) {
		void *page = poppler.page(d, i);
		char *text = page ? poppler.page_text(page) : NULL;

		if (text)
			buf_add(out, span_sub(span_str(text), 0, out->max - out->n));
		if (out->n < out->max)
			buf_addc(out, '\n');
		poppler.g_free(text);
		if (page)
			poppler.object_unref(page);
	}
}
