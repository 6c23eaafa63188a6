/* sieve_regex.c - regular expressions with PCRE2, whose match and heap limits the C library's have not. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "codec/sieve/sieve_int.h"
#include <stdio.h>

#define PATTERN_MAX 1024
#define MATCH_STEPS 100000
#define HEAP_KIB 2048
/* Nothing that a POSIX expression cannot do and that costs: no code, no verbs that lift limits. */
#define OPTIONS (PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C)

static pcre2_code *compile(struct span pattern, bool fold, int *why_out)
{
	PCRE2_SIZE at;
	pcre2_compile_context *cc;
	pcre2_code *re;

	*why_out = 0;
	if (pattern.n > PATTERN_MAX || span_starts(pattern, SPAN("(*"))) {
		*why_out = PCRE2_ERROR_BADOPTION;
		return NULL;
	}
	cc = pcre2_compile_context_create(NULL);
	if (cc)
		pcre2_set_parens_nest_limit(cc, 50);
	re = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, OPTIONS | (fold ? PCRE2_CASELESS : 0), why_out, &at, cc);
	pcre2_compile_context_free(cc);
	return re;
}

int regex_check(struct span pattern, char *why, size_t why_len)
{
	int code;
	pcre2_code *re = compile(pattern, false, &code);

	if (!re && code == PCRE2_ERROR_BADOPTION)
		snprintf(why, why_len, "longer than %d octets, or it sets options", PATTERN_MAX);
	else if (!re)
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, why_len);
	pcre2_code_free(re);
	return re ? 0 : ERR_SYNTAX;
}

int regex_open(struct span pattern, int fold, void **out)
{
	int code;

	*out = compile(pattern, fold, &code);
	return *out ? 0 : ERR_SYNTAX;
}

int regex_match(void *re, struct span value, struct span *groups, size_t *n_groups)
{
	pcre2_match_context *mc = pcre2_match_context_create(NULL);
	pcre2_match_data *md = pcre2_match_data_create(10, NULL);
	int r;

	*n_groups = 0;
	if (!mc || !md) {
		pcre2_match_context_free(mc);
		pcre2_match_data_free(md);
		return ERR_LIMIT;
	}
	pcre2_set_match_limit(mc, MATCH_STEPS);
	pcre2_set_heap_limit(mc, HEAP_KIB);
	r = pcre2_match(re, (PCRE2_SPTR)value.p, value.n, 0, 0, md, mc);
	if (r >= 0) {
		PCRE2_SIZE *v = pcre2_get_ovector_pointer(md);

		if (r == 0)
			r = 10;
		for (int i = 0; i < r; i++)
			groups[i] = v[2 * i] == PCRE2_UNSET ? SPAN_NONE : span_sub(value, v[2 * i], v[2 * i + 1] - v[2 * i]);
		*n_groups = (size_t)r;
	}
	pcre2_match_data_free(md);
	pcre2_match_context_free(mc);
	if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_HEAPLIMIT || r == PCRE2_ERROR_DEPTHLIMIT)
		return ERR_LIMIT;
	return r >= 0;
}

void regex_close(void *re)
{
	pcre2_code_free(re);
}
