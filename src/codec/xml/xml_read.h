/* xml_read.h - a whole XML document, element by element, by its path: for formats that are trees of short texts.
 *
 * Pure; expat does the reading. Names are local (what stands before a colon is dropped), paths are joined by '/', without
 * one at the front: "feedback/record/row/count". Refused: document types (so no entities of a stranger's), more depth, elements
 * or text than bounded. Errors: ERR_SYNTAX (not well-formed, a document type), ERR_TOOBIG, or what a callback returned.
 * Source: XML 1.0, XML Names. Not good for: mixed content (texts of one element are joined), attributes, streams. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define XML_DEPTH_MAX 24
#define XML_TEXT_MAX 4096             /* of one element */
#define XML_PATH_MAX 512

struct xml_sink {
	void *arg;
	int (*begin)(void *arg, struct span path);              /* may be NULL; <0 ends the reading */
	int (*end)(void *arg, struct span path, struct span text); /* text without blanks at its ends; spans die with the call */
	size_t elements_max;
};
int xml_read(struct span document, const struct xml_sink *sink, struct err *e);
