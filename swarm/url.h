/* The server's address: https://HOST[:PORT][/PATH]. */
#ifndef BM_SWARM_URL_H
#define BM_SWARM_URL_H

#include "base/bytes.h"

#include <sys/socket.h>

#define BM_SWARM_URL_HOST_MAX 253
#define BM_SWARM_URL_PATH_MAX 200

/* The parts of an address. */
typedef struct {
    char host[BM_SWARM_URL_HOST_MAX + 1];                /* without brackets */
    char port[6];
    char authority[BM_SWARM_URL_HOST_MAX + 16];          /* for the field Host */
    char path[BM_SWARM_URL_PATH_MAX + 1];                /* what stands before /v1, without a slash at its end */
    bool is_address;                                     /* the host is an IP address */
} bm_swarm_url;

/* An address to connect to. */
typedef struct {
    struct sockaddr_storage address;
    socklen_t size;
} bm_swarm_target;

/* Takes an address apart; BM_E_USAGE with what is wrong. */
BM_RESULT bm_swarm_url_parse(const char *text, bm_swarm_url *url);

/* Asks the name service for up to `max` addresses, at least one; BM_E_NETWORK. */
BM_RESULT bm_swarm_url_resolve(const bm_swarm_url *url, bm_swarm_target *targets, size_t max, size_t *count);

#endif
