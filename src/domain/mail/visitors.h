/* visitors.h - strangers at port 25, counted by network (/24, /64): how much they send and how often they guess addresses.
 *
 * In memory only, at most VISITORS_MAX networks (who came first goes first), thread-safe. A network is new until it has been
 * known for an hour; whoever asks for unknown recipients more often than for known ones, VISITOR_UNKNOWN_HOUR times in an hour,
 * harvests addresses. Times are monotonic. Not good for: signed-in people (outgoing limits), single messages. */
#pragma once
#include "codec/mailauth/peer_ip.h"

#define VISITORS_MAX 20000
#define VISITOR_NEW_MINUTE 200         /* messages a minute; what the settings smtp.rate_new, smtp.rate, smtp.rate_unknown say instead */
#define VISITOR_MINUTE 1000
#define VISITOR_UNKNOWN_HOUR 50

struct visitors;
struct visitor_limits {
	uint64_t new_minute, minute, unknown_hour;    /* 0: none */
};
struct visitors *visitors_new(void);
void visitors_free(struct visitors *v);
/* One more message: false when that is too many in this minute; it is not counted then. */
bool visitors_message(struct visitors *v, const unsigned char network[PEER_NETWORK_LEN], const struct visitor_limits *l,
	int64_t now_us);
/* False while the network is taken for one that harvests. */
bool visitors_welcome(struct visitors *v, const unsigned char network[PEER_NETWORK_LEN], const struct visitor_limits *l,
	int64_t now_us);
/* The account signed in from this network: from how many in this hour, and from how many to send? At most VISITOR_NETWORKS are
 * told apart. */
#define VISITOR_NETWORKS 64
unsigned visitors_login(struct visitors *v, uint64_t account_id, const unsigned char network[PEER_NETWORK_LEN], bool sends, int64_t now_us,
	unsigned *sending_out);
void visitors_recipient(struct visitors *v, const unsigned char network[PEER_NETWORK_LEN], bool known, int64_t now_us);
