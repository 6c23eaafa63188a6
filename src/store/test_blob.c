/* Blobs: every size, ranges, tampering, references, sweep. */
#include "store/test_support.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/time.h"
#include "store/blob.h"
#include "store/blob_form.h"
#include "store/store_impl.h"

static const size_t sizes[] = { 0, 1, 127, 128, 10000, 65535, 65536, 65537, 131072, 262144, 262145, 5 << 20 };
#define SIZES_N (sizeof(sizes) / sizeof(sizes[0]))

/* Packs well (text) or not at all (noise). */
static struct span filler(struct arena *a, size_t n, bool noise)
{
	char *p = arena_alloc(a, n + 1);

	if (noise)
		random_bytes(p, n);
	else
		for (size_t i = 0; i < n; i++)
			p[i] = "Die Mitgliederversammlung beschloss "[(i + i / 1000) % 36];
	return (struct span){ p, n };
}

static void test_form_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * SIZES_N; i++) {
		SCOPED_ARENA a = arena_new();
		struct err e = ERR_INIT;
		struct seal_key k;
		struct span plain = filler(a, sizes[i / 2], i % 2), sealed, back;

		seal_key_new(&k);
		assert_int_equal(blob_seal(a, &k, 77, plain, &sealed, &e), 0);
		assert_int_equal(blob_unseal(a, &k, 77, sealed, &back, &e), 0);
		assert_true(span_eq(plain, back));
		assert_int_equal(blob_unseal(a, &k, 78, sealed, &back, &e), ERR_BROKEN);
		if (i % 2 == 0 && plain.n > 1000)
			assert_true(sealed.n < plain.n / 4);
	}
}

/* A tebibyte is refused by its head, and before it is read. */
static void test_bound(void **state)
{
	const uint64_t most = (uint64_t)BLOB_CHUNKS_MAX * BLOB_CHUNK;
	struct blob_head h, back;
	struct err e = ERR_INIT;

	(void)state;
	blob_head_new(&h, most);
	assert_int_equal(blob_head_read(&back, SPAN_BYTES(h.raw, sizeof(h.raw)), &e), 0);
	assert_true(back.size == most && back.count == BLOB_CHUNKS_MAX);
	blob_head_new(&h, most + 1);
	assert_int_equal(blob_head_read(&back, SPAN_BYTES(h.raw, sizeof(h.raw)), &e), ERR_BROKEN);
}

static void test_form_notices_tampering(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct seal_key k;
	struct span plain = filler(a, 3 * BLOB_CHUNK + 5, false), sealed, back;
	struct err e = ERR_INIT;
	char *copy;

	(void)state;
	seal_key_new(&k);
	assert_int_equal(blob_seal(a, &k, 7, plain, &sealed, &e), 0);
	copy = arena_alloc(a, sealed.n + 100);
	for (size_t i = 0; i < sealed.n; i++) {
		SCOPED_ARENA b = arena_new();

		memcpy(copy, sealed.p, sealed.n);
		copy[i] ^= (char)(1 << i % 8);
		assert_int_equal(blob_unseal(b, &k, 7, (struct span){ copy, sealed.n }, &back, &e), ERR_BROKEN);
	}
	memcpy(copy, sealed.p, sealed.n);
	for (size_t n = 0; n < sealed.n; n++)
		assert_int_equal(blob_unseal(a, &k, 7, (struct span){ copy, n }, &back, &e), ERR_BROKEN);
	assert_int_equal(blob_unseal(a, &k, 7, (struct span){ copy, sealed.n + 1 }, &back, &e), ERR_BROKEN);
	assert_int_equal(blob_unseal(a, &k, 7, (struct span){ copy, sealed.n }, &back, &e), 0);
}

/* Chunks 0 and 1 exchanged together with their table entries; and one whole chunk cut off. */
static void test_form_notices_reordering(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct seal_key k;
	struct span plain = filler(a, 2 * BLOB_CHUNK, true), sealed, back;
	struct err e = ERR_INIT;
	size_t c = BLOB_CHUNK + BLOB_TAG, front = BLOB_HEAD + 8;
	char *copy;

	(void)state;
	seal_key_new(&k);
	assert_int_equal(blob_seal(a, &k, 7, plain, &sealed, &e), 0);
	assert_int_equal(sealed.n, front + 2 * c);
	copy = arena_alloc(a, sealed.n);
	memcpy(copy, sealed.p, front);
	memcpy(copy + front, sealed.p + front + c, c);
	memcpy(copy + front + c, sealed.p + front, c);
	assert_int_equal(blob_unseal(a, &k, 7, (struct span){ copy, sealed.n }, &back, &e), ERR_BROKEN);
	/* A head that says one chunk, its table, the first chunk: well formed, but not what was sealed. */
	memcpy(copy, sealed.p, BLOB_HEAD + 4);
	copy[4] = 1;
	memcpy(copy + 8, "\0\0\1\0\0\0\0\0", 8);
	memcpy(copy + BLOB_HEAD + 4, sealed.p + front, c);
	assert_int_equal(blob_form_check((struct span){ copy, BLOB_HEAD + 4 + c }, BLOB_HEAD + 4 + c, &e), 0);
	assert_int_equal(blob_unseal(a, &k, 7, (struct span){ copy, BLOB_HEAD + 4 + c }, &back, &e), ERR_BROKEN);
}

/* ---- in a store ---- */

static struct place place;

static int adopt(struct tx *tx, void *arg, struct err *e)
{
	return blob_adopt(tx, arg, 2, e);
}

struct reading {
	struct arena *a;
	uint64_t id, off, len;
	const struct seal_key *k;
	struct span out;
};

static void test_stage_bound(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct blob_staged b;
	struct err e = ERR_INIT;
	struct store *s;

	(void)state;
	place_new(&place);
	s = place_open(&place);
	assert_int_equal(blob_stage(s, a, SPAN_BYTES("", (uint64_t)BLOB_CHUNKS_MAX * BLOB_CHUNK + 1), &b, &e), ERR_TOOBIG);
	store_close(s);
	place_free(&place);
}

static int read_range(struct tx *tx, void *arg, struct err *e)
{
	struct reading *r = arg;

	return blob_read_range(tx, r->a, r->id, r->k, r->off, r->len, &r->out, e);
}

static int read_all(struct tx *tx, void *arg, struct err *e)
{
	struct reading *r = arg;

	return blob_read(tx, r->a, r->id, r->k, &r->out, e);
}

struct refs {
	uint64_t id;
	int32_t more;
};

static int ref(struct tx *tx, void *arg, struct err *e)
{
	struct refs *r = arg;

	return blob_ref(tx, r->id, r->more, e);
}

static bool file_there(uint64_t id)
{
	char path[40];
	struct stat st;

	blob_path(id, path);
	if (fstatat(place.dirfd, path, &st, 0) < 0)
		return false;
	assert_int_equal(st.st_mode & 0777, 0600);
	return true;
}

static void check_ranges(struct store *s, struct arena *a, const struct blob_staged *b, struct span plain)
{
	const uint64_t at[] = { 0, 1, 65535, 65536, 65537, 131071, plain.n / 2, plain.n ? plain.n - 1 : 0, plain.n,
		plain.n + 1, UINT64_MAX };
	const uint64_t len[] = { 0, 1, 2, 65536, 65537, 200000, UINT64_MAX };
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (size_t k = 0; k < sizeof(len) / sizeof(len[0]); k++) {
			struct reading r = { a, b->id, at[i], len[k], &b->key, SPAN_NONE };
			size_t off = at[i] < plain.n ? at[i] : plain.n;

			assert_int_equal(store_read(s, read_range, &r, &e), 0);
			assert_true(span_eq(r.out, span_sub(plain, off, len[k])));
		}
}

static void test_every_size(void **state)
{
	struct store *s;

	(void)state;
	place_new(&place);
	s = place_open(&place);
	for (size_t i = 0; i < 2 * SIZES_N; i++) {
		SCOPED_ARENA a = arena_new();
		struct err e = ERR_INIT;
		struct blob_staged b;
		struct span plain = filler(a, sizes[i / 2], i % 2);
		struct reading r = { .a = a, .k = &b.key };
		struct refs one;
		struct seal_key other;

		assert_int_equal(blob_stage(s, a, plain, &b, &e), 0);
		assert_int_equal(b.size, plain.n);
		assert_true((b.inline_data.p != NULL) == (b.stored_size <= 65536 && plain.n <= 262144));
		assert_true(file_there(b.id) == !b.inline_data.p);
		r.id = b.id;
		assert_int_equal(store_read(s, read_all, &r, &e), ERR_MISSING);
		assert_int_equal(store_write(s, adopt, &b, &e), 0);
		assert_int_equal(store_read(s, read_all, &r, &e), 0);
		assert_true(span_eq(r.out, plain));
		check_ranges(s, a, &b, plain);
		seal_key_new(&other);
		r.k = &other;
		assert_int_equal(store_read(s, read_all, &r, &e), ERR_BROKEN);
		r.k = &b.key;
		one = (struct refs){ b.id, -1 };
		assert_int_equal(store_write(s, ref, &one, &e), 0);
		assert_int_equal(store_read(s, read_all, &r, &e), 0);
		assert_int_equal(store_write(s, ref, &one, &e), 0);
		assert_int_equal(store_read(s, read_all, &r, &e), ERR_MISSING);
		assert_int_equal(store_write(s, ref, &one, &e), ERR_MISSING);
		blob_staged_fini(&b);
	}
	assert_int_equal(ask_int(s, "SELECT count(*) FROM blob"), 0);
	assert_int_equal(ask_int(s, "SELECT count(*) FROM blob_data"), 0);
	store_close(s);
	place_free(&place);
}

static void test_tampered_file(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct store *s;
	struct err e = ERR_INIT;
	struct blob_staged b;
	struct span plain = filler(a, 300000, true);
	struct reading r = { .a = a, .k = &b.key };
	char path[40], c;
	int fd;

	(void)state;
	place_new(&place);
	s = place_open(&place);
	assert_int_equal(blob_stage(s, a, plain, &b, &e), 0);
	assert_int_equal(store_write(s, adopt, &b, &e), 0);
	r.id = b.id;
	blob_path(b.id, path);
	fd = openat(place.dirfd, path, O_RDWR);
	for (off_t at = 0; at < (off_t)b.stored_size; at += at < 60 ? 1 : 9973) {
		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= 1;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		assert_int_equal(store_read(s, read_all, &r, &e), ERR_BROKEN);
		c ^= 1;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	assert_int_equal(store_read(s, read_all, &r, &e), 0);
	assert_int_equal(ftruncate(fd, (off_t)b.stored_size + 1), 0);
	assert_int_equal(store_read(s, read_all, &r, &e), ERR_BROKEN);
	for (off_t n = (off_t)b.stored_size - 1; n > 0; n = n * 2 / 3) {
		assert_int_equal(ftruncate(fd, n), 0);
		assert_int_equal(store_read(s, read_all, &r, &e), ERR_BROKEN);
	}
	assert_int_equal(unlinkat(place.dirfd, path, 0), 0);
	assert_int_equal(store_read(s, read_all, &r, &e), ERR_BROKEN);
	close(fd);
	store_close(s);
	place_free(&place);
}

static int adopt_then_fail(struct tx *tx, void *arg, struct err *e)
{
	int rc = blob_adopt(tx, arg, 1, e);

	return rc < 0 ? rc : err_set(e, ERR_LIMIT, "no", "no");
}

static int drop_then_fail(struct tx *tx, void *arg, struct err *e)
{
	int rc = ref(tx, arg, e);

	return rc < 0 ? rc : err_set(e, ERR_LIMIT, "no", "no");
}

static void test_files_and_sweep(void **state)
{
	SCOPED_ARENA a = arena_new();
	struct store *s;
	struct err e = ERR_INIT;
	struct blob_staged kept, orphan, late;
	struct span plain = filler(a, 300000, true);
	struct refs two;
	uint64_t n;

	(void)state;
	place_new(&place);
	s = place_open(&place);
	assert_int_equal(blob_stage(s, a, plain, &kept, &e), 0);
	assert_int_equal(blob_stage(s, a, plain, &orphan, &e), 0);
	assert_int_equal(blob_stage(s, a, plain, &late, &e), 0);
	assert_int_equal(store_write(s, adopt, &kept, &e), 0);
	assert_int_equal(store_write(s, adopt_then_fail, &orphan, &e), ERR_LIMIT);
	assert_int_equal(blob_sweep(s, &n, &e), 0);
	assert_int_equal(n, 0); /* too young */
	time_test_set_real((time_real_sec() + 86400) * US_PER_SEC);
	assert_int_equal(blob_sweep(s, &n, &e), 0);
	assert_int_equal(n, 0); /* the clock was set: nothing is older for that */
	time_test_advance_mono(2000 * US_PER_SEC);
	assert_int_equal(store_write(s, adopt, &late, &e), ERR_LATER);
	time_test_advance_mono(2000 * US_PER_SEC);
	assert_int_equal(blob_sweep(s, &n, &e), 0);
	assert_int_equal(n, 0); /* the mark of this hour */
	time_test_advance_mono(4000 * US_PER_SEC);
	assert_int_equal(blob_sweep(s, &n, &e), 0);
	assert_int_equal(n, 2);
	time_test_set_real(0);
	time_test_advance_mono(-8000 * US_PER_SEC);
	assert_true(file_there(kept.id) && !file_there(orphan.id) && !file_there(late.id));
	two = (struct refs){ kept.id, -2 };
	assert_int_equal(store_write(s, drop_then_fail, &two, &e), ERR_LIMIT);
	store_close(s);
	assert_true(file_there(kept.id));
	s = place_open(&place);
	two.more = -3;
	assert_int_equal(store_write(s, ref, &two, &e), ERR_BROKEN);
	two.more = -2;
	assert_int_equal(store_write(s, ref, &two, &e), 0);
	store_close(s);
	assert_false(file_there(kept.id));
	place_free(&place);
}

static int group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form_round_trip), cmocka_unit_test(test_bound), cmocka_unit_test(test_stage_bound),
		cmocka_unit_test(test_form_notices_tampering),
		cmocka_unit_test(test_form_notices_reordering), cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_tampered_file), cmocka_unit_test(test_files_and_sweep),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	return seal_init(NULL) < 0 ? 1 : run_both("blob", group);
}
