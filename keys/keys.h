/*
 * The key store: the CA's signing key and the ticket keys. One interface; each back end is a const table of functions (keys_file.c;
 * PKCS#11 later). Used by the keeper alone (and by birthmarkctl init, which makes them).
 */
#ifndef BM_KEYS_KEYS_H
#define BM_KEYS_KEYS_H

#include "crypto/cipher.h"
#include "crypto/pkey.h"

#define BM_TICKET_KEY_SIZE 32
/* The labels of the sealed files (bm_cipher_seal). The CA's and the TLS key are sealed as PKCS#8 DER. */
#define BM_KEYS_LABEL_CA "birthmark ca-key"
#define BM_KEYS_LABEL_TICKET "birthmark ticket-key"
#define BM_KEYS_LABEL_TLS "birthmark tls-key"

typedef struct bm_keys bm_keys;

/* What a key store can do. */
typedef struct {
    const char *name; /* "file" */
    /* Appends a signature of the CA's key over `message` with its default algorithm. */
    BM_RESULT (*sign)(bm_keys *keys, bm_bytes message, bm_buf *signature);
    /* HMAC-SHA256 under the ticket key `id`; BM_E_TICKET_INVALID when there is no such key. */
    BM_RESULT (*ticket_mac)(bm_keys *keys, uint32_t id, bm_bytes message, uint8_t mac[BM_SHA256_SIZE]);
    /* The id of the ticket key that new tickets use. */
    uint32_t (*ticket_key_id)(const bm_keys *keys);
    /* The CA key's public half. */
    BM_RESULT (*public_key)(const bm_keys *keys, bm_pubkey *key);
    void (*free)(bm_keys *keys);
} bm_keys_ops;

/* Every back end's struct begins with this. */
struct bm_keys {
    const bm_keys_ops *ops;
};

/* Wrappers of the table; bm_keys_free takes NULL. */
BM_RESULT bm_keys_sign(bm_keys *keys, bm_bytes message, bm_buf *signature);
BM_RESULT bm_keys_ticket_mac(bm_keys *keys, uint32_t id, bm_bytes message, uint8_t mac[BM_SHA256_SIZE]);
uint32_t bm_keys_ticket_key_id(const bm_keys *keys);
BM_RESULT bm_keys_public(const bm_keys *keys, bm_pubkey *key);
void bm_keys_free(bm_keys *keys);
void bm_keys_freep(bm_keys **keys);

/*
 * The file back end, from sealed bytes that somebody else read (the keeper opens no files): `ca_key` and `ticket_keys` are envelopes of
 * bm_cipher_seal under the passphrase. The ticket file holds, sealed, rows of u32 id | 32 bytes, the newest last. Decrypted ticket keys
 * are kept in memory that is locked (where allowed) and in no core file, and wiped at the end; the CA's key is in OpenSSL's memory, which
 * the process locks as a whole if it wants to. BM_E_KEY_PASSPHRASE, BM_E_KEY_INVALID.
 */
BM_RESULT bm_keys_file_open(bm_bytes passphrase, bm_bytes ca_key, bm_bytes ticket_keys, bm_keys **keys);

/* Appends a sealed CA key; see bm_cipher_seal. */
BM_RESULT bm_keys_file_seal_ca(bm_bytes passphrase, bm_cipher_passphrase kind, const bm_pkey *key, bm_buf *sealed);

/* Appends a sealed ticket file with one new random key; its id is random too (so that CAs' ids differ) and never zero. */
BM_RESULT bm_keys_file_new_ticket(bm_bytes passphrase, bm_cipher_passphrase kind, bm_buf *sealed);

#endif
