/* name_job.h - questions to the DNS that core has and `out` asks: what travels in SVC_OUT's verb NAMES.
 *
 * The command's body carries answers to earlier questions (none: an empty list), the reply new questions (may be
 * none: the session then hears NOTICE_CHANGED). Numbers tie answers to questions; a question not answered before its
 * session ends is asked again in the next. Types and records as in codec/mailauth/dns_ask.h. Decoders distrust their input.
 * Errors: ERR_SYNTAX. Not good for: addresses to dial (out asks for those itself). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "codec/mailauth/dns_ask.h"

#define NAME_JOBS_MAX 64               /* in one message */
#define NAME_RECORDS_LEN_MAX 16384     /* octets of all records of one answer; more count as a failure */

struct name_question {
	uint64_t id;
	enum dns_type type;
	struct span name;
};
struct name_answer {
	uint64_t id;
	struct dns_answer answer;
	uint32_t ttl_sec;
};
void name_questions_encode(struct buf *b, const struct name_question *v, size_t n);
int name_questions_decode(struct arena *a, struct span in, struct name_question **out, size_t *n_out, struct err *e);
void name_answers_encode(struct buf *b, const struct name_answer *v, size_t n);
int name_answers_decode(struct arena *a, struct span in, struct name_answer **out, size_t *n_out, struct err *e);
