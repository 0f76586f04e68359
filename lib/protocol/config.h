/*
 * birthmark.conf: an INI file with a section [server] and one [profile NAME] for each profile. Handed in as text; the caller reads the file.
 */
#ifndef BM_PROTOCOL_CONFIG_H
#define BM_PROTOCOL_CONFIG_H

#include "x509/profile.h"

#define BM_CONFIG_PROFILES_MAX 32
#define BM_CONFIG_SIZE_MAX 65536

/* A configuration. Plain data; no clean-up. */
typedef struct {
    unsigned servers;         /* [server] processes: 0 = one per core; at most 64 */
    unsigned max_connections; /* [server] max_connections, of each process; default 1024 */
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

/* The configuration that init writes, with comments that explain each key. A string literal. */
const char *bm_config_default_text(void);

#endif
