/* blob_form.h - the sealed form of a blob, byte by byte.
 *
 *   head    "kb1" 0x00, chunk count u32, plain size u64, salt 16 bytes              (32 bytes, little endian)
 *   table   per chunk u32: stored length including the tag; top bit: the chunk is zstd-compressed
 *   chunks  XChaCha20-Poly1305 each; plain chunks hold 64 KiB, the last one the rest; an empty blob has one
 *
 * Nonce of chunk i = salt || i (u64). Additional data = blob id, head, i, "last" flag, table entry: so
 * cutting off, appending, reordering, exchanging between blobs and any flipped bit are noticed, also
 * when a range is read. Every chunk is compressed by itself so that a range unseals only what it touches.
 * Checksum (not in the form; kept in the row) = BLAKE2b-256 over chunks || head || table: it finds decay
 * while the key is away, and proves nothing against malice. */
#pragma once
#include "seal/seal.h"

#define BLOB_CHUNK 65536
#define BLOB_HEAD 32
#define BLOB_TAG 16
#define BLOB_SUM 32
#define BLOB_PACKED 0x80000000u
#define BLOB_CHUNKS_MAX (1u << 24)       /* 1 TiB */

struct blob_head {
	unsigned char raw[BLOB_HEAD];
	uint32_t count;
	uint64_t size;
};

uint32_t blob_chunks(uint64_t size);
uint32_t blob_chunk_len(const struct blob_head *h, uint32_t i);        /* plain */
void blob_head_new(struct blob_head *h, uint64_t size);                /* with a random salt */
int blob_head_read(struct blob_head *h, struct span raw, struct err *e);
static inline uint32_t blob_entry_len(uint32_t entry)
{
	return entry & ~BLOB_PACKED;
}
/* Table entry fits the chunk it describes. */
bool blob_entry_ok(const struct blob_head *h, uint32_t i, uint32_t entry);
void blob_entry_put(unsigned char *at, uint32_t entry);
uint32_t blob_entry_at(struct span table, uint32_t i);

/* Compress and seal chunk i; out has room for BLOB_CHUNK + BLOB_TAG. Returns the table entry. */
uint32_t blob_chunk_seal(const struct blob_head *h, const struct seal_key *key, uint64_t blob_id, uint32_t i,
	struct span plain, unsigned char *out);
/* Unseal and unpack chunk i into out (blob_chunk_len bytes). */
int blob_chunk_open(const struct blob_head *h, const struct seal_key *key, uint64_t blob_id, uint32_t i,
	uint32_t entry, const unsigned char *sealed, char *out, struct err *e);
/* A sealed form to read from: in memory (mem, at its first chunk) or a file (fd). */
struct blob_source {
	uint64_t blob_id;
	struct blob_head h;
	struct span table;
	const unsigned char *mem;
	int fd;
};
/* Plain bytes [off, off+len), clamped to the size; only the chunks in question are read and unsealed. */
int blob_source_range(struct arena *a, const struct blob_source *s, const struct seal_key *key, uint64_t off,
	uint64_t len, struct span *out, struct err *e);
/* Memory form: checked and opened. */
int blob_source_mem(struct blob_source *s, uint64_t blob_id, struct span sealed, struct err *e);
void blob_sum(struct span sealed, unsigned char out[BLOB_SUM]);
/* Structure of a sealed form without the key: head and table against the length. */
int blob_form_check(struct span head_and_table, uint64_t stored_size, struct err *e);
int blob_broken(struct err *e, uint64_t blob_id, const char *what);
