#include "codec/scan/scan.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include "base/scan.h"

/* ---- places ---- */

static int unix_place(struct span path, struct sockaddr_storage *out, socklen_t *len_out, struct err *e)
{
	struct sockaddr_un *un = (struct sockaddr_un *)out;

	if (path.n >= sizeof(un->sun_path) || span_has_nul(path))
		return err_set(e, ERR_PARAM, "", "the path of the socket is too long");
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.p, path.n);
	*len_out = sizeof(*un);
	return 0;
}

int scan_place(struct span text, struct sockaddr_storage *out, socklen_t *len_out, struct err *e)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	ssize_t colon = span_rchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2] = "";
	struct span name = span_sub(text, 0, colon < 0 ? 0 : (size_t)colon);
	uint64_t port;

	memset(out, 0, sizeof(*out));
	if (span_starts(text, SPAN("/")))
		return unix_place(text, out, len_out, e);
	if (span_starts(name, SPAN("[")) && span_ends(name, SPAN("]")))
		name = span_sub(name, 1, name.n - 2);
	if (span_eqz(name, "localhost"))
		name = SPAN("127.0.0.1");
	if (colon >= 0 && name.n < sizeof(host) && span_num(span_from(text, (size_t)colon + 1), &port, 1, 65535)) {
		if (name.n)
			memcpy(host, name.p, name.n);
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*len_out = sizeof(*v4);
		if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
			return 0;
		memset(out, 0, sizeof(*out));
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len_out = sizeof(*v6);
		if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
			return 0;
	}
	return err_set(e, ERR_PARAM, "", "neither ADDRESS:PORT nor the path of a socket");
}

/* ---- rspamd ---- */

/* Values are strangers' words: no line of its own may begin in them. */
static void add_field(struct buf *b, const char *name, struct span value)
{
	if (!value.n)
		return;
	buf_addf(b, "%s: ", name);
	for (size_t i = 0; i < value.n; i++)
		buf_addc(b, (unsigned char)value.p[i] < 32 || value.p[i] == 127 ? '?' : value.p[i]);
	buf_addz(b, "\r\n");
}

void rspamd_request(struct buf *b, const char *path, const struct scan_envelope *v, const char *mta, uint64_t size)
{
	buf_addf(b, "POST %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %llu\r\n", path, (unsigned long long)size);
	add_field(b, "IP", v->ip);
	add_field(b, "Helo", v->helo);
	add_field(b, "From", v->sender.n ? v->sender : SPAN("<>"));
	add_field(b, "User", v->user);
	for (size_t i = 0; i < v->n_rcpts && i < SCAN_RCPTS_MAX; i++)
		add_field(b, "Rcpt", v->rcpts[i]);
	add_field(b, "MTA-Name", span_str(mta));
	buf_addz(b, "\r\n");
}

/* status-line = "HTTP/" 1DIGIT "." 1DIGIT SP 3DIGIT ... */
static bool read_status(struct span head, bool *ok_out)
{
	struct span line = span_cut(&head, '\n'), version = span_cut(&line, ' ');
	uint64_t code;

	if (!span_starts(version, SPAN("HTTP/1.")) || !scan_num(&line, &code, 100, 599))
		return false;
	*ok_out = code >= 200 && code < 300;
	return true;
}

static bool read_length(struct span head, uint64_t *out)
{
	while (head.n) {
		struct span line = span_cut(&head, '\n'), name = span_cut(&line, ':');

		if (span_ieqz(span_trim(name), "Content-Length"))
			return span_num(span_trim(line), out, 0, SCAN_ANSWER_MAX);
	}
	return true;
}

int rspamd_answer(struct span in, bool eof, bool *ok_out, struct span *body_out, struct err *e)
{
	ssize_t end = span_find(in, SPAN("\r\n\r\n"));
	uint64_t len = UINT64_MAX;
	struct span body;

	if (in.n > SCAN_ANSWER_MAX)
		return err_set(e, ERR_SYNTAX, "", "the answer is too long");
	if (end < 0)
		return eof ? err_set(e, ERR_SYNTAX, "", "the answer is cut") : 0;
	if (!read_status(span_sub(in, 0, (size_t)end), ok_out) || !read_length(span_sub(in, 0, (size_t)end), &len))
		return err_set(e, ERR_SYNTAX, "", "the answer is no HTTP");
	body = span_from(in, (size_t)end + 4);
	if (body.n < len && !eof)
		return 0;
	if (body.n < len && len != UINT64_MAX)
		return err_set(e, ERR_SYNTAX, "", "the answer is cut");
	*body_out = span_sub(body, 0, len);
	return 1;
}

static enum scan_action action_of(const char *name)
{
	static const struct { const char *name; enum scan_action action; } known[] = { { "no action", SCAN_PASS }, { "accept", SCAN_PASS },
		{ "add header", SCAN_JUNK }, { "rewrite subject", SCAN_JUNK }, { "quarantine", SCAN_JUNK }, { "greylist", SCAN_DEFER },
		{ "soft reject", SCAN_DEFER }, { "reject", SCAN_REJECT }, { "discard", SCAN_REJECT } };

	for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].action;
	return SCAN_PASS;
}

static int64_t milli(const json_t *v)
{
	double d = json_number_value(v);

	return isfinite(d) && d > -1e6 && d < 1e6 ? (int64_t)lround(d * 1000) : 0;
}

static bool plain(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '_' || c == '-' || c == '.';
}

static struct span plain_words(struct arena *a, struct span s, bool blanks)
{
	char *p = arena_dup(a, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		if (!plain(p[i]) && !(blanks && p[i] >= ' ' && p[i] <= '~'))
			p[i] = '?';
	return SPAN_BYTES(p, s.n);
}

static void add_words(struct arena *a, struct buf *b, json_t *symbols)
{
	const char *name;
	json_t *v;

	json_object_foreach(symbols, name, v) {
		struct span word = span_sub(span_str(name), 0, SCAN_NAME_MAX);
		int64_t score = milli(json_object_get(v, "score"));

		if (b->n + word.n + 32 > SCAN_WORDS_MAX)
			break;
		word = plain_words(a, word, false);
		buf_addf(b, "%s%.*s(%.2f)", b->n ? " " : "", SPAN_F(word), (double)score / 1000);
	}
}

int rspamd_verdict(struct arena *a, struct span body, struct scan_spam *out, struct err *e)
{
	json_error_t why;
	json_t *o = json_loadb(body.n ? body.p : "", body.n, 0, &why);
	const char *message;
	SCOPED_BUF words;

	buf_init(&words, SCAN_WORDS_MAX);
	*out = (struct scan_spam){ 0 };
	if (!json_is_object(o) || !json_is_string(json_object_get(o, "action"))) {
		json_decref(o);
		return err_set(e, ERR_SYNTAX, "", "the answer has no action");
	}
	out->action = action_of(json_string_value(json_object_get(o, "action")));
	out->score_milli = milli(json_object_get(o, "score"));
	out->required_milli = milli(json_object_get(o, "required_score"));
	add_words(a, &words, json_object_get(o, "symbols"));
	out->words = arena_span(a, buf_span(&words));
	message = json_string_value(json_object_get(json_object_get(o, "messages"), "smtp_message"));
	if (message)
		out->message = plain_words(a, span_sub(span_str(message), 0, 200), true);
	json_decref(o);
	return 0;
}

/* ---- clamd ---- */

int clamd_verdict(struct arena *a, struct span answer, struct span *virus_out, struct err *e)
{
	struct span text = span_trim(span_cut(&answer, '\0')), prefix = SPAN("stream: ");

	*virus_out = SPAN_NONE;
	if (!span_starts(text, prefix))
		return err_set(e, ERR_LATER, "", "clamd: %.*s", SPAN_F(plain_words(a, span_sub(text, 0, SCAN_NAME_MAX), true)));
	text = span_from(text, prefix.n);
	if (span_eqz(text, "OK"))
		return 0;
	if (!span_ends(text, SPAN(" FOUND")) || text.n == 6)
		return err_set(e, ERR_LATER, "", "clamd: %.*s", SPAN_F(plain_words(a, span_sub(text, 0, SCAN_NAME_MAX), true)));
	*virus_out = plain_words(a, span_sub(span_sub(text, 0, text.n - 6), 0, SCAN_NAME_MAX), false);
	return 0;
}
