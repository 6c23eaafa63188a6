/* sieve_word.c - the tables: extensions, tags, commands and tests. A row here and a function is a whole extension. */
#include "codec/sieve/sieve_int.h"

static const struct {
	enum sieve_ext ext;
	const char *name;
} exts[] = {                                               /* source (RFC) */
	{ EXT_FILEINTO, "fileinto" }, { EXT_ENVELOPE, "envelope" }, { EXT_ENCODED, "encoded-character" },   /* 5228 */
	{ EXT_OCTET, "comparator-i;octet" }, { EXT_CASEMAP, "comparator-i;ascii-casemap" },
	{ EXT_NUMERIC, "comparator-i;ascii-numeric" }, { EXT_UNICODE, "comparator-i;unicode-casemap" },     /* 4790, 5051 */
	{ EXT_REJECT, "reject" }, { EXT_EREJECT, "ereject" },                                               /* 5429 */
	{ EXT_COPY, "copy" },                                                                               /* 3894 */
	{ EXT_VARIABLES, "variables" },                                                                     /* 5229 */
	{ EXT_RELATIONAL, "relational" },                                                                   /* 5231 */
	{ EXT_SUBADDRESS, "subaddress" },                                                                   /* 5233 */
	{ EXT_FLAGS, "imap4flags" },                                                                        /* 5232 */
	{ EXT_BODY, "body" },                                                                               /* 5173 */
	{ EXT_VACATION, "vacation" }, { EXT_VACATION_SEC, "vacation-seconds" },                             /* 5230, 6131 */
	{ EXT_DATE, "date" }, { EXT_INDEX, "index" },                                                       /* 5260 */
	{ EXT_ENVIRONMENT, "environment" },                                                                 /* 5183 */
	{ EXT_IHAVE, "ihave" },                                                                             /* 5463 */
	{ EXT_INCLUDE, "include" },                                                                         /* 6609 */
	{ EXT_DUPLICATE, "duplicate" },                                                                     /* 7352 */
	{ EXT_EDITHEADER, "editheader" },                                                                   /* 5293 */
	{ EXT_REGEX, "regex" },                                                                             /* draft-ietf-sieve-regex */
	{ EXT_MAILBOX, "mailbox" }, { EXT_MBOXMETADATA, "mboxmetadata" },
	{ EXT_SERVERMETADATA, "servermetadata" },                                                           /* 5490 */
	{ EXT_SPECIAL_USE, "special-use" },                                                                 /* 8579 */
	{ EXT_MAILBOX_ID, "mailboxid" },                                                                    /* 9042 */
	{ EXT_FCC, "fcc" },                                                                                 /* 8580 */
	{ EXT_MIME, "mime" }, { EXT_FOREVERYPART, "foreverypart" }, { EXT_EXTRACTTEXT, "extracttext" },     /* 5703 */
	{ EXT_ENOTIFY, "enotify" },                                                                         /* 5435, 5436 */
	{ EXT_EXTLISTS, "extlists" },                                                                       /* 6134 */
	{ EXT_IMAPSIEVE, "imapsieve" },                                                                     /* 6785 */
	{ EXT_SPAMTEST, "spamtest" }, { EXT_SPAMTESTPLUS, "spamtestplus" }, { EXT_VIRUSTEST, "virustest" }, /* 5235 */
};

enum sieve_ext sieve_ext_find(struct span name)
{
	for (size_t i = 0; i < sizeof(exts) / sizeof(*exts); i++)
		if (span_eqz(name, exts[i].name))
			return exts[i].ext;
	return EXT_NONE;
}

void sieve_extensions(struct buf *b)
{
	for (size_t i = 0; i < sizeof(exts) / sizeof(*exts); i++)
		buf_addf(b, "%s%s", i ? " " : "", exts[i].name);
}

const struct sieve_tag sieve_tags[TAG_ID_COUNT] = {
	[TAG_IS] = { "is", 0, 'm', 0 }, [TAG_CONTAINS] = { "contains", 0, 'm', 0 }, [TAG_MATCHES] = { "matches", 0, 'm', 0 },
	[TAG_REGEX] = { "regex", EXT_REGEX, 'm', 0 }, [TAG_COUNT] = { "count", EXT_RELATIONAL, 'm', 's' },
	[TAG_VALUE] = { "value", EXT_RELATIONAL, 'm', 's' },
	[TAG_LIST] = { "list", EXT_EXTLISTS, 'm', 0 },
	[TAG_COMPARATOR] = { "comparator", 0, 0, 's' },
	[TAG_LOCALPART] = { "localpart", 0, 'p', 0 }, [TAG_DOMAIN] = { "domain", 0, 'p', 0 }, [TAG_ALL] = { "all", 0, 'p', 0 },
	[TAG_USER] = { "user", EXT_SUBADDRESS, 'p', 0 }, [TAG_DETAIL] = { "detail", EXT_SUBADDRESS, 'p', 0 },
	[TAG_OVER] = { "over", 0, 'o', 0 }, [TAG_UNDER] = { "under", 0, 'o', 0 },
	[TAG_COPY] = { "copy", EXT_COPY, 0, 0 }, [TAG_CREATE] = { "create", EXT_MAILBOX, 0, 0 },
	[TAG_FLAGS] = { "flags", EXT_FLAGS, 0, 'l' }, [TAG_SPECIALUSE] = { "specialuse", EXT_SPECIAL_USE, 0, 's' },
	[TAG_MAILBOXID] = { "mailboxid", EXT_MAILBOX_ID, 0, 's' }, [TAG_FCC] = { "fcc", EXT_FCC, 0, 's' },
	[TAG_DAYS] = { "days", 0, 'd', 'n' }, [TAG_SECONDS] = { "seconds", 0, 'd', 'n' }, [TAG_SUBJECT] = { "subject", 0, 0, 's' },
	[TAG_FROM] = { "from", 0, 0, 's' }, [TAG_ADDRESSES] = { "addresses", 0, 0, 'l' }, [TAG_MIME] = { "mime", 0, 0, 0 },
	[TAG_HANDLE] = { "handle", 0, 0, 's' },
	[TAG_RAW] = { "raw", 0, 'b', 0 }, [TAG_CONTENT] = { "content", 0, 'b', 'l' }, [TAG_TEXT] = { "text", 0, 'b', 0 },
	[TAG_ZONE] = { "zone", 0, 'z', 's' }, [TAG_ORIGINALZONE] = { "originalzone", 0, 'z', 0 },
	[TAG_INDEX] = { "index", 0, 0, 'n' }, [TAG_LAST] = { "last", 0, 0, 0 },
	[TAG_HEADER] = { "header", 0, 'u', 's' }, [TAG_UNIQUEID] = { "uniqueid", 0, 'u', 's' },
	[TAG_LOWER] = { "lower", 0, 'l', 0 }, [TAG_UPPER] = { "upper", 0, 'l', 0 },
	[TAG_LOWERFIRST] = { "lowerfirst", 0, 'f', 0 }, [TAG_UPPERFIRST] = { "upperfirst", 0, 'f', 0 },
	[TAG_QUOTEWILDCARD] = { "quotewildcard", 0, 'q', 0 }, [TAG_QUOTEREGEX] = { "quoteregex", EXT_REGEX, 'q', 0 },
	[TAG_LENGTH] = { "length", 0, 0, 0 }, [TAG_ENCODEURL] = { "encodeurl", EXT_ENOTIFY, 0, 0 },
	[TAG_ANYCHILD] = { "anychild", EXT_MIME, 0, 0 }, [TAG_TYPE] = { "type", EXT_MIME, 't', 0 },
	[TAG_SUBTYPE] = { "subtype", EXT_MIME, 't', 0 }, [TAG_CONTENTTYPE] = { "contenttype", EXT_MIME, 't', 0 },
	[TAG_PARAM] = { "param", EXT_MIME, 't', 'l' }, [TAG_FIRST] = { "first", 0, 0, 'n' }, [TAG_NAME] = { "name", 0, 0, 's' },
	[TAG_IMPORTANCE] = { "importance", 0, 0, 's' }, [TAG_OPTIONS] = { "options", 0, 0, 'l' },
	[TAG_MESSAGE] = { "message", 0, 0, 's' },
	[TAG_PERSONAL] = { "personal", 0, 'g', 0 }, [TAG_GLOBAL] = { "global", 0, 'g', 0 },
	[TAG_ONCE] = { "once", 0, 0, 0 }, [TAG_OPTIONAL] = { "optional", 0, 0, 0 },
	[TAG_PERCENT] = { "percent", EXT_SPAMTESTPLUS, 0, 0 },
};

#define COMMAND(name, ext, args, tags, check, run) { name, ext, WORD_COMMAND, args, tags, check, run }
#define TEST(name, ext, args, tags, check, run) { name, ext, WORD_TEST, args, tags, check, run }
#define SET_TAGS (T(LOWER) | T(UPPER) | T(LOWERFIRST) | T(UPPERFIRST) | T(QUOTEWILDCARD) | T(QUOTEREGEX) | T(LENGTH) | T(ENCODEURL))
#define FCC_TAGS (T(FCC) | T(CREATE) | T(FLAGS) | T(SPECIALUSE) | T(MAILBOXID))
#define VACATION_TAGS (T(DAYS) | T(SECONDS) | T(SUBJECT) | T(FROM) | T(ADDRESSES) | T(MIME) | T(HANDLE) | FCC_TAGS)

static const struct sieve_word words[] = {
	{ "if", 0, WORD_COMMAND | WORD_BLOCK | WORD_ONE_TEST, "", 0, NULL, sieve_run_if },
	{ "elsif", 0, WORD_COMMAND | WORD_BLOCK | WORD_ONE_TEST, "", 0, NULL, NULL },   /* run by their if */
	{ "else", 0, WORD_COMMAND | WORD_BLOCK, "", 0, NULL, NULL },
	COMMAND("require", 0, "l", 0, NULL, NULL),
	COMMAND("stop", 0, "", 0, NULL, sieve_run_stop),
	COMMAND("keep", 0, "", T(FLAGS), NULL, sieve_run_keep),
	COMMAND("discard", 0, "", 0, NULL, sieve_run_discard),
	COMMAND("redirect", 0, "s", T(COPY) | T(LIST), NULL, sieve_run_redirect),
	COMMAND("fileinto", EXT_FILEINTO, "s", T(COPY) | T(FLAGS) | T(CREATE) | T(SPECIALUSE) | T(MAILBOXID), NULL, sieve_run_fileinto),
	COMMAND("reject", EXT_REJECT, "s", 0, NULL, sieve_run_reject),
	COMMAND("ereject", EXT_EREJECT, "s", 0, NULL, sieve_run_reject),
	COMMAND("set", EXT_VARIABLES, "ss", SET_TAGS, sieve_check_set, sieve_run_set),
	COMMAND("setflag", EXT_FLAGS, "?sl", 0, sieve_check_flags, sieve_run_setflag),
	COMMAND("addflag", EXT_FLAGS, "?sl", 0, sieve_check_flags, sieve_run_addflag),
	COMMAND("removeflag", EXT_FLAGS, "?sl", 0, sieve_check_flags, sieve_run_removeflag),
	COMMAND("vacation", EXT_VACATION, "s", VACATION_TAGS, sieve_check_vacation, sieve_run_vacation),
	COMMAND("error", EXT_IHAVE, "s", 0, NULL, sieve_run_error),
	COMMAND("include", EXT_INCLUDE, "s", T(PERSONAL) | T(GLOBAL) | T(ONCE) | T(OPTIONAL), sieve_check_include, sieve_run_include),
	COMMAND("return", EXT_INCLUDE, "", 0, NULL, sieve_run_return),
	COMMAND("global", EXT_INCLUDE, "l", 0, sieve_check_global, sieve_run_global),
	COMMAND("addheader", EXT_EDITHEADER, "ss", T(LAST), NULL, sieve_run_addheader),
	COMMAND("deleteheader", EXT_EDITHEADER, "s?l", TAGS_INDEX | TAGS_MATCH, sieve_check_deleteheader, sieve_run_deleteheader),
	{ "foreverypart", EXT_FOREVERYPART, WORD_COMMAND | WORD_BLOCK, "", T(NAME), sieve_check_foreverypart, sieve_run_foreverypart },
	COMMAND("break", EXT_FOREVERYPART, "", T(NAME), sieve_check_break, sieve_run_break),
	COMMAND("extracttext", EXT_EXTRACTTEXT, "s", T(FIRST) | SET_TAGS, sieve_check_extracttext, sieve_run_extracttext),
	COMMAND("notify", EXT_ENOTIFY, "s", T(FROM) | T(IMPORTANCE) | T(OPTIONS) | T(MESSAGE) | FCC_TAGS, sieve_check_notify,
		sieve_run_notify),

	TEST("true", 0, "", 0, NULL, sieve_run_true),
	TEST("false", 0, "", 0, NULL, sieve_run_false),
	{ "not", 0, WORD_TEST | WORD_ONE_TEST, "", 0, NULL, sieve_run_not },
	{ "allof", 0, WORD_TEST | WORD_TEST_LIST, "", 0, NULL, sieve_run_allof },
	{ "anyof", 0, WORD_TEST | WORD_TEST_LIST, "", 0, NULL, sieve_run_anyof },
	TEST("address", 0, "ll", TAGS_MATCH | TAGS_PART | TAGS_INDEX | T(MIME) | T(ANYCHILD), sieve_check_address, sieve_run_address),
	TEST("header", 0, "ll", TAGS_MATCH | TAGS_INDEX | TAGS_MIME, sieve_check_header, sieve_run_header),
	TEST("envelope", EXT_ENVELOPE, "ll", TAGS_MATCH | TAGS_PART, sieve_check_match, sieve_run_envelope),
	TEST("exists", 0, "l", T(MIME) | T(ANYCHILD), NULL, sieve_run_exists),
	TEST("size", 0, "n", T(OVER) | T(UNDER), sieve_check_size, sieve_run_size),
	TEST("string", EXT_VARIABLES, "ll", TAGS_MATCH, sieve_check_match, sieve_run_string),
	TEST("hasflag", EXT_FLAGS, "?ll", TAGS_MATCH, sieve_check_match, sieve_run_hasflag),
	TEST("body", EXT_BODY, "l", TAGS_MATCH | T(RAW) | T(CONTENT) | T(TEXT), sieve_check_match, sieve_run_body),
	TEST("date", EXT_DATE, "ssl", TAGS_MATCH | TAGS_INDEX | T(ZONE) | T(ORIGINALZONE), sieve_check_date, sieve_run_date),
	TEST("currentdate", EXT_DATE, "sl", TAGS_MATCH | T(ZONE), sieve_check_date, sieve_run_currentdate),
	TEST("environment", EXT_ENVIRONMENT, "sl", TAGS_MATCH, sieve_check_match, sieve_run_environment),
	TEST("ihave", EXT_IHAVE, "l", 0, sieve_check_ihave, sieve_run_ihave),
	TEST("duplicate", EXT_DUPLICATE, "", T(HANDLE) | T(HEADER) | T(UNIQUEID) | T(SECONDS) | T(LAST), NULL, sieve_run_duplicate),
	TEST("mailboxexists", EXT_MAILBOX, "l", 0, NULL, sieve_run_mailboxexists),
	TEST("metadata", EXT_MBOXMETADATA, "ssl", TAGS_MATCH, sieve_check_match, sieve_run_metadata),
	TEST("metadataexists", EXT_MBOXMETADATA, "sl", 0, NULL, sieve_run_metadataexists),
	TEST("servermetadata", EXT_SERVERMETADATA, "sl", TAGS_MATCH, sieve_check_match, sieve_run_servermetadata),
	TEST("servermetadataexists", EXT_SERVERMETADATA, "l", 0, NULL, sieve_run_servermetadataexists),
	TEST("specialuse_exists", EXT_SPECIAL_USE, "?sl", 0, NULL, sieve_run_specialuse),
	TEST("mailboxidexists", EXT_MAILBOX_ID, "l", 0, NULL, sieve_run_mailboxidexists),
	TEST("valid_notify_method", EXT_ENOTIFY, "l", 0, NULL, sieve_run_validnotify),
	TEST("notify_method_capability", EXT_ENOTIFY, "ssl", TAGS_MATCH, sieve_check_match, sieve_run_notifycapability),
	TEST("valid_ext_list", EXT_EXTLISTS, "l", 0, NULL, sieve_run_validlist),
	TEST("spamtest", EXT_SPAMTEST, "s", TAGS_MATCH | T(PERCENT), sieve_check_match, sieve_run_spamtest),
	TEST("virustest", EXT_VIRUSTEST, "s", TAGS_MATCH, sieve_check_match, sieve_run_virustest),
};

const struct sieve_word *sieve_word_find(struct span name, unsigned form)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if ((words[i].form & form) && span_ieqz(name, words[i].name))
			return &words[i];
	return NULL;
}
