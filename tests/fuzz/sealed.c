/*
 * bm_cipher_unseal (crypto/cipher.h), bm_keys_file_open (keys/keys.h), bm_pkey_from_private (crypto/pkey.h): the sealed key files, as somebody
 * who can write them may leave them. The first byte says what the rest is: a private key; a sealed file; the rows of a ticket file or the CA's
 * key, to be sealed with the right passphrase.
 */
#include "world.h"

#include "crypto/cipher.h"
#include "keys/keys.h"

static void read_private(bm_bytes bytes)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO(bm_pkey_freep) bm_pkey *again = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_pubkey first;
    bm_pubkey second;

    if (bm_pkey_from_private(bytes, &key).code != BM_OK)
        return;
    FUZZ_OK(bm_pkey_public(key, &first));
    FUZZ_OK(bm_pkey_put_private(&der, key));
    FUZZ_OK(bm_pkey_from_private(bm_buf_view(&der), &again));
    FUZZ_OK(bm_pkey_public(again, &second));
    FUZZ_MUST(bm_pubkey_equal(&first, &second));
}

static void open_keys(bm_bytes ca_key, bm_bytes ticket_keys)
{
    BM_AUTO(bm_keys_freep) bm_keys *keys = NULL;
    uint8_t mac[BM_SHA256_SIZE];

    if (bm_keys_file_open(bm_bytes_str("fuzz"), ca_key, ticket_keys, &keys).code != BM_OK)
        return;
    FUZZ_MUST(bm_keys_ticket_key_id(keys) != 0);
    FUZZ_OK(bm_keys_ticket_mac(keys, bm_keys_ticket_key_id(keys), bm_bytes_str("message"), mac));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t what = fuzz_choice(&rest) % 4;
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    if (what == 0) {
        read_private(rest);
    } else if (what == 1) {
        open_keys(world_sealed_ca_key(), rest);
    } else if (what == 2) {
        FUZZ_OK(bm_cipher_seal(bm_bytes_str("fuzz"), BM_CIPHER_RANDOM, BM_KEYS_LABEL_TICKET, rest, &sealed));
        open_keys(world_sealed_ca_key(), bm_buf_view(&sealed));
    } else {
        FUZZ_OK(bm_cipher_seal(bm_bytes_str("fuzz"), BM_CIPHER_RANDOM, BM_KEYS_LABEL_CA, rest, &sealed));
        open_keys(bm_buf_view(&sealed), world_sealed_ticket_keys());
    }
    return 0;
}
