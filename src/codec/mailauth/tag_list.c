#include "codec/mailauth/tag_list.h"

static bool name_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '_';
}

static bool seen(const struct tag_list *l, struct span name)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_eq(l->v[i].name, name))
			return true;
	return false;
}

/* tag-list = tag-spec *( ";" tag-spec ) [ ";" ]
 * tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS] */
int tag_list_parse(struct span in, struct tag_list *out, struct err *e)
{
	out->n = 0;
	while (span_trim(in).n) {
		struct span spec = span_cut(&in, ';'), name = spec, whole;
		ssize_t eq = span_chr(spec, '=');

		if (eq < 0 || out->n == TAG_MAX)
			return err_set(e, ERR_SYNTAX, "Not a list of tags", "tag without value, or too many");
		name = span_trim(span_sub(spec, 0, (size_t)eq));
		whole = span_from(spec, (size_t)eq + 1);
		if (!name.n || !ascii_alpha(name.p[0]) || seen(out, name))
			return err_set(e, ERR_SYNTAX, "Not a list of tags", "tag without name, or twice");
		for (size_t i = 0; i < name.n; i++)
			if (!name_char(name.p[i]))
				return err_set(e, ERR_SYNTAX, "Not a list of tags", "name of a tag");
		out->v[out->n++] = (struct tag){ name, span_trim(whole), whole };
	}
	return out->n ? 0 : err_set(e, ERR_SYNTAX, "Not a list of tags", "no tags");
}

bool tag_find(const struct tag_list *l, const char *name, struct span *value_out)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_eqz(l->v[i].name, name)) {
			*value_out = l->v[i].value;
			return true;
		}
	*value_out = SPAN_NONE;
	return false;
}

struct span tag_squeeze(struct arena *a, struct span value)
{
	char *p = arena_alloc(a, value.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != ' ' && value.p[i] != '\t' && value.p[i] != '\r' && value.p[i] != '\n')
			p[n++] = value.p[i];
	return SPAN_BYTES(p, n);
}

bool tag_next(struct span *rest, char separator, struct span *out)
{
	if (!rest->n)
		return false;
	*out = span_trim(span_cut(rest, separator));
	return true;
}
