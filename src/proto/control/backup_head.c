#include "proto/control/backup_head.h"
#include "base/io.h"
#include "base/wire.h"

static const char magic[16] = "kontor backup 1\n";

void backup_head_write(struct buf *b, struct span conf, struct span master)
{
	buf_add(b, SPAN_BYTES(magic, sizeof(magic)));
	wire_span(b, conf);
	wire_span(b, master);
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

int backup_head_read(int fd, struct arena *a, struct span *conf_out, struct span *master_out, struct err *e)
{
	char got[sizeof(magic)];

	if (io_read_full(fd, got, sizeof(got), e) < 0 || !span_eq(SPAN_BYTES(got, sizeof(got)), SPAN_BYTES(magic, sizeof(magic))))
		return err_set(e, ERR_SYNTAX, "This is no backup", "this is no backup of kontor");
	return read_part(fd, a, conf_out, e) < 0 || read_part(fd, a, master_out, e) < 0 ? e->code : 0;
}
