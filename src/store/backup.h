/* backup.h - the stream that store_backup writes and store_restore reads; the same for SQLite and PostgreSQL.
 *
 *   "kontor backup 1\n", then records: type (1 byte), length u32, payload. Numbers little endian, a span is a
 *   u32 length and its bytes (base/wire.h).
 *     M  part span, number u64, name span, sql span      a migration, in order: the tables are made from these
 *     T  name span, columns u16, their names             rows of this table follow
 *     R  per column: 'n' | 'i' u64 | 'b' span | 't' span  one row
 *     F  blob id u64, length u64                          a blob file follows
 *     D  bytes (at most 1 MiB)                            its next piece
 *     E  BLAKE2b-256 over all that precedes this record   the end: without it the stream is cut off
 * Everything personal in it is sealed as it is in the store. The sum finds damage, not malice.
 * One snapshot: rows of one transaction are there together or not at all; blob files are kept meanwhile.
 * Restoring is one transaction; a failure leaves an empty store behind. Ids go on 2^36 higher than they were,
 * so that what was numbered after the backup is never numbered again. */
#pragma once

#define BACKUP_MAGIC "kontor backup 1\n"
#define BACKUP_MAGIC_LEN 16
#define BACKUP_PIECE (1u << 20)
#define BACKUP_RECORD_MAX (1u << 30)
#define BACKUP_COLUMNS_MAX 40
#define BACKUP_SUM 32
#define BACKUP_ID_JUMP (1LL << 36)
