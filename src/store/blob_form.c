#include "store/blob_form.h"
#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "base/io.h"
#include "base/time.h"
#include "store/blob.h"

#define LEVEL 1
#define PACK_MIN 128                 /* below, the frame costs what it saves */
#define MAGIC "kb1"

/* Contexts cost more to make than a message costs to pack: one set per thread, freed with it. */
struct tools {
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
	unsigned char packed[BLOB_CHUNK], sealed[BLOB_CHUNK + BLOB_TAG];
	char first[BLOB_CHUNK];
};
static pthread_key_t tools_key;
static pthread_once_t tools_once = PTHREAD_ONCE_INIT;

static void tools_free(void *p)
{
	struct tools *t = p;

	ZSTD_freeCCtx(t->cctx);
	ZSTD_freeDCtx(t->dctx);
	sodium_memzero(t, sizeof(*t));
	free(t);
}

static void tools_init(void)
{
	if (pthread_key_create(&tools_key, tools_free) != 0)
		abort();
}

static struct tools *tools_get(void)
{
	struct tools *t;

	pthread_once(&tools_once, tools_init);
	t = pthread_getspecific(tools_key);
	if (t)
		return t;
	t = malloc(sizeof(*t));
	if (!t)
		abort();
	t->cctx = ZSTD_createCCtx();
	t->dctx = ZSTD_createDCtx();
	if (!t->cctx || !t->dctx || pthread_setspecific(tools_key, t) != 0)
		abort();
	ZSTD_CCtx_setParameter(t->cctx, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(t->cctx, ZSTD_c_contentSizeFlag, 1);
	return t;
}

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static void put64(unsigned char *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int blob_broken(struct err *e, uint64_t blob_id, const char *what)
{
	return err_set(e, ERR_BROKEN, "Stored data is damaged", "blob %llu: %s", (unsigned long long)blob_id,
		what);
}

uint32_t blob_chunks(uint64_t size)
{
	return size ? (uint32_t)((size + BLOB_CHUNK - 1) / BLOB_CHUNK) : 1;
}

uint32_t blob_chunk_len(const struct blob_head *h, uint32_t i)
{
	return i + 1 < h->count ? BLOB_CHUNK : (uint32_t)(h->size - (uint64_t)i * BLOB_CHUNK);
}

void blob_head_new(struct blob_head *h, uint64_t size)
{
	h->size = size;
	h->count = blob_chunks(size);
	memcpy(h->raw, MAGIC, 4);
	put32(h->raw + 4, h->count);
	put64(h->raw + 8, size);
	random_bytes(h->raw + 16, 16);
}

int blob_head_read(struct blob_head *h, struct span raw, struct err *e)
{
	if (raw.n < BLOB_HEAD || memcmp(raw.p, MAGIC, 4) != 0)
		return blob_broken(e, 0, "no head");
	memcpy(h->raw, raw.p, BLOB_HEAD);
	h->count = get32(h->raw + 4);
	h->size = get32(h->raw + 8) | (uint64_t)get32(h->raw + 12) << 32;
	if (h->size > (uint64_t)BLOB_CHUNKS_MAX * BLOB_CHUNK || h->count != blob_chunks(h->size))
		return blob_broken(e, 0, "head makes no sense");
	return 0;
}

bool blob_entry_ok(const struct blob_head *h, uint32_t i, uint32_t entry)
{
	uint32_t plain = blob_chunk_len(h, i), len = blob_entry_len(entry);

	if (entry & BLOB_PACKED)
		return len > BLOB_TAG && len < plain + BLOB_TAG;
	return len == plain + BLOB_TAG;
}

void blob_entry_put(unsigned char *at, uint32_t entry)
{
	put32(at, entry);
}

uint32_t blob_entry_at(struct span table, uint32_t i)
{
	return get32((const unsigned char *)table.p + 4 * (size_t)i);
}

struct binding {
	unsigned char ad[8 + BLOB_HEAD + 4 + 1 + 4];
	unsigned char nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
};

static void bind(struct binding *b, const struct blob_head *h, uint64_t blob_id, uint32_t i, uint32_t entry)
{
	put64(b->ad, blob_id);
	memcpy(b->ad + 8, h->raw, BLOB_HEAD);
	put32(b->ad + 8 + BLOB_HEAD, i);
	b->ad[12 + BLOB_HEAD] = i + 1 == h->count;
	put32(b->ad + 13 + BLOB_HEAD, entry);
	memcpy(b->nonce, h->raw + 16, 16);
	put64(b->nonce + 16, i);
}

uint32_t blob_chunk_seal(const struct blob_head *h, const struct seal_key *key, uint64_t blob_id, uint32_t i,
	struct span plain, unsigned char *out)
{
	struct tools *t = tools_get();
	const unsigned char *from = (const unsigned char *)plain.p;
	size_t n = plain.n;
	uint32_t packed = 0;
	unsigned long long sealed_len;
	struct binding b;

	if (n >= PACK_MIN) {
		/* Room for what would save at least a sixteenth; more makes zstd give up. */
		size_t r = ZSTD_compress2(t->cctx, t->packed, n - n / 16, plain.p, n);

		if (!ZSTD_isError(r)) {
			from = t->packed;
			n = r;
			packed = BLOB_PACKED;
		}
	}
	bind(&b, h, blob_id, i, (uint32_t)(n + BLOB_TAG) | packed);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, &sealed_len, from, n, b.ad, sizeof(b.ad), NULL, b.nonce,
		key->k);
	assert(sealed_len == n + BLOB_TAG);
	return (uint32_t)sealed_len | packed;
}

int blob_chunk_open(const struct blob_head *h, const struct seal_key *key, uint64_t blob_id, uint32_t i,
	uint32_t entry, const unsigned char *sealed, char *out, struct err *e)
{
	struct tools *t = tools_get();
	bool packed = entry & BLOB_PACKED;
	uint32_t plain_len = blob_chunk_len(h, i), len = blob_entry_len(entry);
	unsigned char *to = packed ? t->packed : (unsigned char *)out;
	struct binding b;
	size_t r;

	if (!blob_entry_ok(h, i, entry))
		return blob_broken(e, blob_id, "table makes no sense");
	bind(&b, h, blob_id, i, entry);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(to, NULL, NULL, sealed, len, b.ad, sizeof(b.ad), b.nonce,
		    key->k) != 0)
		return blob_broken(e, blob_id, "a chunk does not verify");
	if (!packed)
		return 0;
	r = ZSTD_decompressDCtx(t->dctx, out, plain_len, t->packed, len - BLOB_TAG);
	if (ZSTD_isError(r) || r != plain_len)
		return blob_broken(e, blob_id, "a chunk does not unpack");
	return 0;
}

int blob_form_check(struct span form, uint64_t stored_size, struct err *e)
{
	struct blob_head h;
	struct span table = span_from(form, BLOB_HEAD);
	uint64_t at;
	int rc = blob_head_read(&h, form, e);

	if (rc < 0)
		return rc;
	if (table.n < 4 * (uint64_t)h.count)
		return blob_broken(e, 0, "cut off in its table");
	at = BLOB_HEAD + 4 * (uint64_t)h.count;
	for (uint32_t i = 0; i < h.count; i++) {
		uint32_t entry = blob_entry_at(table, i);

		if (!blob_entry_ok(&h, i, entry))
			return blob_broken(e, 0, "table makes no sense");
		at += blob_entry_len(entry);
	}
	return at == stored_size ? 0 : blob_broken(e, 0, "longer or shorter than its table says");
}

/* ---- whole forms in memory ---- */

int blob_seal(struct arena *a, const struct seal_key *key, uint64_t blob_id, struct span plain, struct span *out,
	struct err *e)
{
	struct blob_head h;
	unsigned char *p, *at;

	if (plain.n > (size_t)1 << 30)
		return err_set(e, ERR_TOOBIG, "Too large", "blob_seal: %zu bytes in memory", plain.n);
	blob_head_new(&h, plain.n);
	p = arena_alloc(a, BLOB_HEAD + (size_t)h.count * (4 + BLOB_TAG) + plain.n);
	memcpy(p, h.raw, BLOB_HEAD);
	at = p + BLOB_HEAD + 4 * (size_t)h.count;
	for (uint32_t i = 0; i < h.count; i++) {
		struct span chunk = { plain.p + (size_t)i * BLOB_CHUNK, blob_chunk_len(&h, i) };
		uint32_t entry = blob_chunk_seal(&h, key, blob_id, i, plain.n ? chunk : SPAN(""), at);

		blob_entry_put(p + BLOB_HEAD + 4 * (size_t)i, entry);
		at += blob_entry_len(entry);
	}
	*out = SPAN_BYTES(p, (size_t)(at - p));
	return 0;
}

void blob_sum(struct span sealed, unsigned char out[BLOB_SUM])
{
	struct blob_head h;
	size_t front = BLOB_HEAD;
	crypto_generichash_state st;

	if (blob_head_read(&h, sealed, NULL) == 0)
		front += 4 * (size_t)h.count;
	if (front > sealed.n)
		front = sealed.n; /* damaged: any sum will do, it will differ */
	crypto_generichash_init(&st, NULL, 0, BLOB_SUM);
	crypto_generichash_update(&st, (const unsigned char *)sealed.p + front, sealed.n - front);
	crypto_generichash_update(&st, (const unsigned char *)sealed.p, front);
	crypto_generichash_final(&st, out, BLOB_SUM);
}

int blob_source_mem(struct blob_source *s, uint64_t blob_id, struct span sealed, struct err *e)
{
	int rc = blob_form_check(sealed, sealed.n, e);

	*s = (struct blob_source){ .blob_id = blob_id, .fd = -1 };
	if (rc == 0)
		rc = blob_head_read(&s->h, sealed, e);
	if (rc < 0)
		return rc;
	s->table = span_sub(sealed, BLOB_HEAD, 4 * (size_t)s->h.count);
	s->mem = (const unsigned char *)sealed.p + BLOB_HEAD + s->table.n;
	return 0;
}

static int source_open(const struct blob_source *s, const struct seal_key *key, uint32_t i, uint64_t at, char *to,
	struct err *e)
{
	uint32_t entry = blob_entry_at(s->table, i);
	struct tools *t;

	if (s->mem)
		return blob_chunk_open(&s->h, key, s->blob_id, i, entry, s->mem + at, to, e);
	if (!blob_entry_ok(&s->h, i, entry))
		return blob_broken(e, s->blob_id, "table makes no sense");
	t = tools_get();
	if (io_pread_full(s->fd, t->sealed, blob_entry_len(entry), BLOB_HEAD + s->table.n + at, e) < 0)
		return e ? e->code : ERR_BROKEN;
	return blob_chunk_open(&s->h, key, s->blob_id, i, entry, t->sealed, to, e);
}

int blob_source_range(struct arena *a, const struct blob_source *s, const struct seal_key *key, uint64_t off,
	uint64_t len, struct span *out, struct err *e)
{
	uint64_t at = 0, size = s->h.size;
	uint32_t first, last;
	char *plain, *to;
	struct tools *t;

	off = off < size ? off : size;
	len = len < size - off ? len : size - off;
	*out = SPAN("");
	if (len == 0 && size > 0)
		return 0;
	first = (uint32_t)(off / BLOB_CHUNK);
	last = len ? (uint32_t)((off + len - 1) / BLOB_CHUNK) : 0;
	for (uint32_t i = 0; i < first; i++)
		at += blob_entry_len(blob_entry_at(s->table, i));
	plain = NULL;
	to = NULL;
	t = tools_get();
	if (first == last)
		to = plain = arena_alloc(a, blob_chunk_len(&s->h, first) + 1);
	for (uint32_t i = first; i <= last; i++) {
		/* The size is believed, and memory taken for it, after the first chunk has verified. */
		int rc = source_open(s, key, i, at, plain ? to : t->first, e);

		if (rc < 0)
			return rc;
		if (!plain) {
			to = plain = arena_alloc(a, (size_t)(last - first + 1) * BLOB_CHUNK);
			memcpy(plain, t->first, BLOB_CHUNK);
		}
		to += blob_chunk_len(&s->h, i);
		at += blob_entry_len(blob_entry_at(s->table, i));
	}
	*out = (struct span){ plain + (off - (uint64_t)first * BLOB_CHUNK), len };
	return 0;
}

int blob_unseal(struct arena *a, const struct seal_key *key, uint64_t blob_id, struct span sealed,
	struct span *out, struct err *e)
{
	struct blob_source s;
	int rc = blob_source_mem(&s, blob_id, sealed, e);

	return rc < 0 ? rc : blob_source_range(a, &s, key, 0, s.h.size, out, e);
}
