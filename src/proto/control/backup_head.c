#include "proto/control/backup_head.h"
#include <sodium.h>
#include <string.h>
#include "base/io.h"
#include "base/wire.h"

static const char magic[16] = "kontor backup 2\n", magic_1[16] = "kontor backup 1\n";

static void head_sum(struct span conf, struct span master, unsigned char out[BACKUP_HEAD_SUM])
{
	crypto_generichash_state st;
	SCOPED_BUF len;

	buf_init(&len, 64);
	wire_u32(&len, (uint32_t)conf.n);
	crypto_generichash_init(&st, NULL, 0, BACKUP_HEAD_SUM);
	crypto_generichash_update(&st, (unsigned char *)len.p, len.n);
	crypto_generichash_update(&st, (const unsigned char *)conf.p, conf.n);
	crypto_generichash_update(&st, (const unsigned char *)master.p, master.n);
	crypto_generichash_final(&st, out, BACKUP_HEAD_SUM);
}

void backup_head_write(struct buf *b, struct span conf, struct span master)
{
	unsigned char sum[BACKUP_HEAD_SUM];

	buf_add(b, SPAN_BYTES(magic, sizeof(magic)));
	wire_span(b, conf);
	wire_span(b, master);
	head_sum(conf, master, sum);
	buf_add(b, SPAN_BYTES(sum, sizeof(sum)));
}

static int read_part(int fd, struct arena *a, struct span *out, struct err *e)
{
	char head[4];
	struct wire w = wire_open(SPAN_BYTES(head, 4));
	uint32_t n;
	char *p;

	if (io_read_full(fd, head, 4, e) < 0)
		return e->code;
	n = wire_get_u32(&w);
	if (n > BACKUP_FILE_MAX)
		return err_set(e, ERR_SYNTAX, "This is no backup", "part of %u bytes", n);
	p = arena_alloc(a, n + 1);
	*out = (struct span){ p, n };
	return io_read_full(fd, p, n, e);
}

int backup_head_read(int fd, struct arena *a, unsigned *version_out, struct span *conf_out, struct span *master_out,
	struct err *e)
{
	char got[sizeof(magic)];
	unsigned char sum[BACKUP_HEAD_SUM], now[BACKUP_HEAD_SUM];

	if (io_read_full(fd, got, sizeof(got), e) < 0)
		return err_set(e, ERR_SYNTAX, "This is no backup", "this is no backup of kontor");
	*version_out = memcmp(got, magic, sizeof(got)) == 0 ? 2 : memcmp(got, magic_1, sizeof(got)) == 0 ? 1 : 0;
	if (*version_out == 0)
		return err_set(e, ERR_SYNTAX, "This is no backup", "this is no backup of kontor");
	if (read_part(fd, a, conf_out, e) < 0 || read_part(fd, a, master_out, e) < 0 ||
		io_read_full(fd, sum, sizeof(sum), e) < 0)
		return e->code;
	head_sum(*conf_out, *master_out, now);
	return memcmp(sum, now, sizeof(sum)) == 0 ? 0 : err_set(e, ERR_SYNTAX, "This backup is damaged",
		"the backup's beginning has changed (checksum)");
}
