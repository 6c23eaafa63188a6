/* The role that reads attachments: texts of real and of hostile documents; what its children are refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zip.h>
#include <cmocka.h>
#include "base/io.h"
#include "main/sandbox.h"
#include "text/text.h"

/* One entry of this name and content as an archive; malloc'ed. */
static struct span archive(const char *name, const void *data, size_t n)
{
	char path[] = "/tmp/kt-text-XXXXXX";
	int fd = mkstemp(path), error;
	zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
	off_t len;
	char *out;

	assert_non_null(z);
	assert_true(zip_file_add(z, name, zip_source_buffer(z, data, n, 0), 0) >= 0);
	assert_int_equal(zip_close(z), 0);
	close(fd);
	fd = open(path, O_RDONLY);
	len = lseek(fd, 0, SEEK_END);
	out = malloc((size_t)len);
	assert_int_equal(pread(fd, out, (size_t)len, 0), len);
	close(fd);
	unlink(path);
	return (struct span){ out, (size_t)len };
}

static void read_office(const char *name, const void *data, size_t n, struct buf *out)
{
	struct span in = archive(name, data, n);

	buf_init(out, TEXT_OUT_MAX);
	assert_true(text_is_document(in));
	text_read(in, out);
	free((void *)(uintptr_t)in.p);
}

static void office_is(const char *name, const char *xml, const char *want)
{
	SCOPED_BUF out;

	read_office(name, xml, strlen(xml), &out);
	if (span_find(buf_span(&out), span_str(want)) < 0)
		fail_msg("%s: %.*s", name, SPAN_F(buf_span(&out)));
}

static void test_office(void **state)
{
	SCOPED_BUF out;
	const char *secret = "<x>Geheim</x>";

	(void)state;
	office_is("word/document.xml", "<w:document xmlns:w='w'><w:p><w:r><w:t>Rech</w:t></w:r><w:r><w:t>nung</w:t></w:r></w:p><w:p>2</w:p></w:document>",
		"Rechnung\n2\n");
	office_is("content.xml", "<o xmlns:text='t'><text:p>Gr\xc3\xbc<text:span>\xc3\x9f" "e</text:span><text:s/>an alle</text:p></o>", "Gr\xc3\xbc\xc3\x9f" "e an alle\n");
	office_is("xl/sharedStrings.xml", "<sst><si><t>Konto</t></si></sst>", "Konto\n");
	office_is("xl/worksheets/sheet1.xml", "<s><c t='s'><v>17</v></c><c><v>4711</v></c></s>", "\n4711\n");
	office_is("ppt/slides/slide3.xml", "<a:x xmlns:a='a'><a:p><a:t>Folie</a:t></a:p></a:x>", "Folie\n");
	read_office("word/other.xml", secret, strlen(secret), &out);
	assert_int_equal(out.n, 0);
}

static void test_hostile_office(void **state)
{
	static const char laughs[] = "<!DOCTYPE x [<!ENTITY a \"hahahahaha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><x>&b;</x>";
	size_t n = 200u << 20;
	char *bomb = malloc(n);
	SCOPED_BUF out;

	(void)state;
	assert_non_null(bomb);
	memset(bomb, 'z', n);
	memcpy(bomb, "<x>", 3);
	read_office("content.xml", bomb, n, &out);           /* 200 MB out of 200 KB */
	assert_in_range(out.n, TEXT_OUT_MAX - 65536, TEXT_OUT_MAX);
	buf_fini(&out);
	for (size_t i = 0; i + 3 <= 3000000; i += 3)
		memcpy(bomb + i, "<x>", 3);
	read_office("content.xml", bomb, 3000000, &out);     /* a million levels */
	buf_fini(&out);
	read_office("content.xml", laughs, sizeof(laughs) - 1, &out);
	assert_true(span_find(buf_span(&out), SPAN("haha")) < 0);
	buf_reset(&out);
	text_read(SPAN("PK\3\4 no archive at all"), &out);
	text_read(SPAN("%PDF-1.4 no document at all"), &out);
	text_read(SPAN(""), &out);
	assert_int_equal(out.n, 0);
	free(bomb);
}

#define PDF "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" \
	"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n" \
	"4 0 obj<</Length 44>>stream\nBT /F 12 Tf 20 100 Td (Kassenbericht) Tj ET \nendstream endobj\n" \
	"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

/* What a reader does before it looks into its document; `act` in a process of its own: its exit status, or minus its signal. */
static int confined(int (*act)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct err e = ERR_INIT;

		if (sandbox_files(NULL, &e) < 0 || sandbox_calls(SANDBOX_TEXT, &e) < 0 || sandbox_calls(SANDBOX_READER, &e) < 0)
			_exit(99);
		_exit(act());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int reads_pdf(void)
{
	SCOPED_BUF out;

	buf_init(&out, TEXT_OUT_MAX);
	text_read(SPAN(PDF), &out);
	return span_find(buf_span(&out), SPAN("Kassenbericht")) >= 0 ? 0 : out.n ? 2 : 3;
}

static struct span archived;

static int reads_office(void)
{
	SCOPED_BUF out;

	buf_init(&out, TEXT_OUT_MAX);
	text_read(archived, &out);
	return span_find(buf_span(&out), SPAN("Geheim")) >= 0 ? 0 : 2;
}

static int opens_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 1;
}

static int opens_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int starts_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int forks(void)
{
	return fork() >= 0;
}

static void test_confined(void **state)
{
	int pdf = confined(reads_pdf);

	(void)state;
	if (pdf == 3)
		print_message("libpoppler-glib is not installed: no text of PDF\n");
	else
		assert_int_equal(pdf, 0);
	archived = archive("content.xml", "<x>Geheim</x>", 13);
	assert_int_equal(confined(reads_office), 0);
	free((void *)(uintptr_t)archived.p);
	assert_int_equal(confined(opens_file), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_int_equal(confined(opens_socket), -SIGSYS);
	assert_int_equal(confined(starts_program), -SIGSYS);
	assert_int_equal(confined(forks), -SIGSYS);
#endif
}

/* ---- the role as a whole, in a process of its own ---- */

/* content.xml and a stored second entry that makes the archive so long. */
static int padded(size_t n)
{
	static const char text[] = "<x>Geheim</x>";
	char path[] = "/tmp/kt-text-XXXXXX";
	struct stat st;
	size_t pad = 0;
	char *zeros = calloc(1, n);
	int fd = -1;

	assert_non_null(zeros);
	for (int round = 0; round < 2; round++) {
		int error;
		zip_t *z;
		zip_int64_t at;

		if (fd < 0)
			fd = mkstemp(path);
		z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
		assert_non_null(z);
		assert_true(zip_file_add(z, "content.xml", zip_source_buffer(z, text, strlen(text), 0), 0) >= 0);
		at = zip_file_add(z, "pad", zip_source_buffer(z, zeros, pad, 0), 0);
		assert_int_equal(zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0), 0);
		assert_int_equal(zip_close(z), 0);
		close(fd);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(fstat(fd, &st), 0);
		pad = n - (size_t)st.st_size;
	}
	assert_int_equal(st.st_size, n);
	unlink(path);
	free(zeros);
	return fd;
}

static size_t answer_len(int sock, int document)
{
	unsigned char head[4];
	char *text;
	size_t n;

	assert_int_equal(io_send_fds(sock, SPAN("D"), &document, 1), 1);
	close(document);
	assert_int_equal(io_read_full(sock, head, 4, NULL), 0);
	n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	text = malloc(n + 1);
	assert_int_equal(io_read_full(sock, text, n, NULL), 0);
	free(text);
	return n;
}

/* One element after the other, with one letter in each: so the text can end anywhere. */
static int letters(size_t n)
{
	SCOPED_BUF xml;
	struct span in;
	int fd = io_memfd("letters");

	buf_init(&xml, 8 * n + 100);
	buf_addz(&xml, "<x>");
	while (n--)
		buf_addz(&xml, "<y>z</y>");
	buf_addz(&xml, "</x>");
	in = archive("content.xml", xml.p, xml.n);
	assert_int_equal(io_write_full(fd, in, NULL), 0);
	free((void *)(uintptr_t)in.p);
	return fd;
}

/* A document of the longest size is read, a longer one has no text; of a longer text comes the beginning. */
static void test_document_bound(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct text_config c;
	int stop[2], sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	pid_t pid;

	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/kt-text-%d", (int)getpid());
	c = (struct text_config){ .listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(bind(c.listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(c.listen_fd, 1), 0);
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	c.stop_fd = stop[0];
	pid = fork();
	if (pid == 0)
		_exit(text_main(&c, NULL) < 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_true(answer_len(sock, padded(TEXT_IN_MAX)) > 0);
	assert_int_equal(answer_len(sock, padded(TEXT_IN_MAX + 1)), 0);
	assert_in_range(answer_len(sock, letters(TEXT_OUT_MAX - 10)), TEXT_OUT_MAX - 10, TEXT_OUT_MAX);
	assert_int_equal(answer_len(sock, letters(TEXT_OUT_MAX + 10)), TEXT_OUT_MAX);
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(at.sun_path);
	close(sock);
	close(c.listen_fd);
	close(stop[0]);
	close(stop[1]);
}

static int start(void **state)
{
	(void)state;
	text_libraries();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_office), cmocka_unit_test(test_hostile_office),
		cmocka_unit_test(test_confined), cmocka_unit_test(test_document_bound) };

	return cmocka_run_group_tests(tests, start, NULL);
}
