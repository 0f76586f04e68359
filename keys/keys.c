#include "keys/keys.h"

BM_RESULT bm_keys_sign(bm_keys *keys, bm_bytes message, bm_buf *signature)
{
    return keys->ops->sign(keys, message, signature);
}

BM_RESULT bm_keys_ticket_mac(bm_keys *keys, uint32_t id, bm_bytes message, uint8_t mac[BM_SHA256_SIZE])
{
    return keys->ops->ticket_mac(keys, id, message, mac);
}

uint32_t bm_keys_ticket_key_id(const bm_keys *keys)
{
    return keys->ops->ticket_key_id(keys);
}

BM_RESULT bm_keys_public(const bm_keys *keys, bm_pubkey *key)
{
    return keys->ops->public_key(keys, key);
}

void bm_keys_free(bm_keys *keys)
{
    if (keys != NULL)
        keys->ops->free(keys);
}

void bm_keys_freep(bm_keys **keys)
{
    bm_keys_free(*keys);
    *keys = NULL;
}
