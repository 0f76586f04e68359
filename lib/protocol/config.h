/*
 * birthmark.conf: an INI file with a section [server] and one [profile NAME] for each profile. Handed in as text; the caller reads the file.
 */
#ifndef BM_PROTOCOL_CONFIG_H
#define BM_PROTOCOL_CONFIG_H

#include "base/address.h"
#include "x509/profile.h"

#define BM_CONFIG_PROFILES_MAX 32
#define BM_CONFIG_SIZE_MAX 65536
#define BM_CONFIG_PROXIES_MAX 16

/* A configuration. Plain data; no clean-up. */
typedef struct {
    unsigned servers;         /* [server] processes; 0 = one per core; at most 64 */
    unsigned max_connections; /* of each process; default 10000 */
    unsigned request_timeout; /* seconds for each part of a request: handshake and head, body, reply; default 10 */
    unsigned idle_timeout;    /* seconds that a connection may be idle between requests; default 60 */
    unsigned address_rate;    /* public-key operations a second for one address, of each process; 0: no limit; default 600 */
    unsigned address_burst;   /* how many of them at once; default 6000 */
    unsigned total_rate;      /* the same for all addresses together; default 3000 */
    unsigned total_burst;     /* default 6000: fewer than connections, so that a flood cannot take all their places at once */
    bm_network trusted_proxies[BM_CONFIG_PROXIES_MAX]; /* whose X-Forwarded-For is believed */
    size_t trusted_proxy_count;
    bm_profile profiles[BM_CONFIG_PROFILES_MAX];
    size_t profile_count;
} bm_config;

/*
 * Parses a configuration. BM_E_CONFIG_INVALID: the detail is "FILE:LINE: reason" (`name` is FILE). Unknown sections and keys, keys given
 * twice, missing keys and values out of range are all refused. Every profile must have: trust, identity, subject; the others have the
 * defaults of the profile `default`. There must be at least one profile.
 */
BM_RESULT bm_config_parse(const char *name, bm_bytes text, bm_config *config);

/* The profile of this name; NULL when there is none. */
const bm_profile *bm_config_profile(const bm_config *config, const char *name);

/*
 * The longest life of a ticket that a profile gives, in seconds: at most an hour. Of those over the network.
 */
int64_t bm_config_ticket_lifetime(const bm_config *config);

/* The configuration that init writes, with comments that explain each key. A string literal. */
const char *bm_config_default_text(void);

#endif
