#include "core/metrics.h"
#include <inttypes.h>
#include "base/err.h"
#include "base/time.h"

static const int64_t bound_us[METRIC_BUCKETS - 1] = { 100, 300, 1000, 3000, 10000, 30000, 100000, 1000000,
	10000000 };
static const char *const service_names[METRIC_SERVICES] = { "none", "smtp", "submission", "lmtp", "imap", "control",
	"out", "metrics", "sieve", "pop", "http" };

void metrics_command(struct metrics *m, unsigned service, int err_class, int64_t run_us)
{
	size_t b = 0;

	if (service >= METRIC_SERVICES)
		service = 0;
	if (err_class > 0 || err_class <= -METRIC_CLASSES)
		err_class = 0;
	atomic_fetch_add_explicit(&m->commands[service][-err_class], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->micros[service], (unsigned long long)run_us, memory_order_relaxed);
	while (b < METRIC_BUCKETS - 1 && run_us > bound_us[b])
		b++;
	atomic_fetch_add_explicit(&m->bucket[b], 1, memory_order_relaxed);
}

static void print_commands(const struct metrics *m, struct buf *out)
{
	buf_addz(out, "# TYPE kontor_commands_total counter\n");
	for (unsigned s = 1; s < METRIC_SERVICES; s++) {
		for (int k = 0; k < METRIC_CLASSES; k++) {
			unsigned long long n = atomic_load_explicit(&m->commands[s][k], memory_order_relaxed);

			if (n)
				buf_addf(out, "kontor_commands_total{service=\"%s\",result=\"%s\"} %llu\n",
					service_names[s], k ? err_name(-k) : "ok", n);
		}
	}
	buf_addz(out, "# TYPE kontor_command_seconds_total counter\n");
	for (unsigned s = 1; s < METRIC_SERVICES; s++) {
		unsigned long long us = atomic_load_explicit(&m->micros[s], memory_order_relaxed);

		if (us)
			buf_addf(out, "kontor_command_seconds_total{service=\"%s\"} %.6f\n", service_names[s],
				(double)us / 1e6);
	}
}

void metrics_print(const struct metrics *m, struct buf *out)
{
	unsigned long long sum = 0;

	buf_addf(out, "# TYPE kontor_core_start_time_seconds gauge\nkontor_core_start_time_seconds %" PRId64 "\n",
		m->started_sec);
	buf_addf(out, "# TYPE kontor_sessions gauge\nkontor_sessions %llu\n", atomic_load(&m->sessions));
	buf_addf(out, "# TYPE kontor_notices_total counter\nkontor_notices_total %llu\n", atomic_load(&m->notices));
	buf_addf(out, "# TYPE kontor_refused_total counter\nkontor_refused_total %llu\n", atomic_load(&m->refused));
	buf_addf(out, "# TYPE kontor_scans_total counter\nkontor_scans_total{result=\"ok\"} %llu\nkontor_scans_total{result=\"failed\"} %llu\n",
		atomic_load(&m->scans), atomic_load(&m->scans_failed));
	print_commands(m, out);
	buf_addz(out, "# TYPE kontor_command_seconds histogram\n");
	for (size_t b = 0; b < METRIC_BUCKETS; b++) {
		sum += atomic_load_explicit(&m->bucket[b], memory_order_relaxed);
		if (b < METRIC_BUCKETS - 1)
			buf_addf(out, "kontor_command_seconds_bucket{le=\"%g\"} %llu\n", (double)bound_us[b] / 1e6,
				sum);
		else
			buf_addf(out, "kontor_command_seconds_bucket{le=\"+Inf\"} %llu\n", sum);
	}
	buf_addf(out, "kontor_command_seconds_count %llu\n", sum);
}
