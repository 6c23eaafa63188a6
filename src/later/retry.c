#include "later/retry.h"

int64_t retry_wait_sec(unsigned attempts, uint64_t spread)
{
	int64_t wait = RETRY_FIRST_SEC;

	for (unsigned i = 1; i < attempts && wait < RETRY_MAX_SEC; i++)
		wait *= 2;
	if (wait > RETRY_MAX_SEC)
		wait = RETRY_MAX_SEC;
	return wait - wait / 8 + (int64_t)(spread % (uint64_t)(wait / 4 + 1)); /* 7/8 to 9/8 */
}

int64_t retry_next(int64_t now_sec, int64_t expires_sec, unsigned attempts, uint64_t spread)
{
	int64_t next = now_sec + retry_wait_sec(attempts, spread);

	if (now_sec >= expires_sec)
		return 0;
	return next > expires_sec ? expires_sec : next;
}

bool retry_warn(int64_t now_sec, int64_t created_sec, bool warned)
{
	return !warned && now_sec - created_sec >= RETRY_WARN_SEC;
}
