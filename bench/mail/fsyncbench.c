/* fsyncbench - the floor of the disk: fsyncbench --dir D [--threads T] [--seconds S] [--bytes N]
 *
 * Each thread appends N bytes to a file of its own and calls fdatasync, over and over. Output: one JSON object. */
#include "load.h"
#include <fcntl.h>

static const char *dir = ".";
static long threads = 1, length = 4096, total;
static double seconds = 2, stop_at;

static void *run(void *arg)
{
	char path[4096], *b = must_alloc((size_t)length);
	int fd;
	long n = 0;

	snprintf(path, sizeof(path), "%s/fsyncbench-%ld", dir, (long)arg);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	for (; now() < stop_at; n++)
		if (write(fd, b, (size_t)length) != length || fdatasync(fd) < 0)
			die("%s: %s", path, strerror(errno));
	close(fd);
	unlink(path);
	free(b);
	__atomic_add_fetch(&total, n, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	const struct option_row options[] = { { "dir", .text = &dir }, { "threads", .number = &threads },
		{ "seconds", .real = &seconds }, { "bytes", .number = &length }, { 0 } };
	pthread_t t[64];
	double begin = now();

	options_read(argc, argv, options);
	if (threads < 1 || threads > 64)
		die("1 to 64 threads");
	stop_at = begin + seconds;
	for (long i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, run, (void *)i);
	for (long i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	printf("{\"errors\":0,\"ops_per_s\":%.1f}\n", (double)total / (now() - begin));
	return 0;
}
