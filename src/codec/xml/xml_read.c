#include "codec/xml/xml_read.h"
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

struct reading {
	const struct xml_sink *sink;
	XML_Parser parser;
	char path[XML_PATH_MAX];
	size_t path_n, start[XML_DEPTH_MAX];   /* where each level's name begins */
	unsigned depth;
	size_t elements;
	struct buf text;
	int code;
	const char *why;
};

static void stop(struct reading *r, int code, const char *why)
{
	if (!r->code) {
		r->code = code;
		r->why = why;
	}
	XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_begin(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *r = arg;
	const char *local = strrchr(name, ':');
	size_t n, at = r->path_n + (r->depth > 0);
	int code;

	(void)attributes;
	local = local && local[1] ? local + 1 : name;
	n = strlen(local);
	if (r->code)
		return;
	if (r->depth == XML_DEPTH_MAX || r->elements++ == r->sink->elements_max || at + n > XML_PATH_MAX) {
		stop(r, ERR_TOOBIG, "too many or too deep elements");
		return;
	}
	r->start[r->depth] = r->path_n;
	if (r->depth++)
		r->path[r->path_n] = '/';
	memcpy(r->path + at, local, n);
	r->path_n = at + n;
	buf_reset(&r->text);
	code = r->sink->begin ? r->sink->begin(r->sink->arg, SPAN_BYTES(r->path, r->path_n)) : 0;
	if (code < 0)
		stop(r, code, "refused");
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reading *r = arg;
	int code;

	(void)name;
	if (r->code)
		return;
	code = r->sink->end(r->sink->arg, SPAN_BYTES(r->path, r->path_n), span_trim(buf_span(&r->text)));
	buf_reset(&r->text);
	r->path_n = r->start[--r->depth];
	if (code < 0)
		stop(r, code, "refused");
}

static void XMLCALL on_text(void *arg, const XML_Char *p, int n)
{
	struct reading *r = arg;

	if (!r->code && !buf_add(&r->text, SPAN_BYTES(p, (size_t)n)))
		stop(r, ERR_TOOBIG, "text is too long");
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sys, const XML_Char *pub, int internal)
{
	(void)name;
	(void)sys;
	(void)pub;
	(void)internal;
	stop(arg, ERR_SYNTAX, "document type");
}

int xml_read(struct span document, const struct xml_sink *sink, struct err *e)
{
	struct reading r = { .sink = sink };
	enum XML_Status status;

	if (document.n > INT32_MAX)
		return err_set(e, ERR_TOOBIG, "The document is too large", "xml of %zu", document.n);
	r.parser = XML_ParserCreate(NULL);
	if (!r.parser)
		abort();
	buf_init(&r.text, XML_TEXT_MAX);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_begin, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	status = XML_Parse(r.parser, document.n ? document.p : "", (int)document.n, 1);
	if (status != XML_STATUS_OK && !r.code) {
		r.code = ERR_SYNTAX;
		r.why = XML_ErrorString(XML_GetErrorCode(r.parser));
	}
	XML_ParserFree(r.parser);
	buf_fini(&r.text);
	return r.code ? err_set(e, r.code, "The document is not readable", "xml: %s", r.why) : 0;
}
