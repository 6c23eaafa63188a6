#include "later/retry.h"

int64_t retry_next_sec(unsigned attempts, int64_t now_sec, int64_t expires_sec, uint64_t random)
{
	int64_t wait = RETRY_FIRST_SEC, next;

	for (unsigned i = 0; i < attempts && wait < RETRY_MAX_SEC; i++)
		wait *= 2;
	if (wait > RETRY_MAX_SEC)
		wait = RETRY_MAX_SEC;
	next = now_sec + wait * 4 / 5 + (int64_t)(random % (uint64_t)(wait * 2 / 5 + 1));
	if (next > expires_sec && now_sec < expires_sec)
		next = expires_sec;
	return next;
}

bool retry_expired(int64_t now_sec, int64_t expires_sec)
{
	return now_sec >= expires_sec;
}

bool retry_warns(int64_t now_sec, int64_t created_sec, bool warned)
{
	return !warned && now_sec - created_sec >= RETRY_WARN_SEC;
}
