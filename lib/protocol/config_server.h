/* The section [server] of birthmark.conf; for config.c. */
#ifndef BM_PROTOCOL_CONFIG_SERVER_H
#define BM_PROTOCOL_CONFIG_SERVER_H

#include "protocol/config.h"

#define BM_CONFIG_SERVER_KEYS_MAX 16

/* Which keys of [server] stood there already. All false at the beginning. */
typedef struct {
    bool given[BM_CONFIG_SERVER_KEYS_MAX];
} bm_config_server_keys;

/* What the keys are that do not stand there. */
void bm_config_server_init(bm_config *config);

/* Takes a key and its value. BM_E_CONFIG_INVALID: no such key, one that was given before, or a value that is none. */
BM_RESULT bm_config_server_set(bm_config_server_keys *keys, const char *key, bm_bytes value, bm_config *config);

#endif
