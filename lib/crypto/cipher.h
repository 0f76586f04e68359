/* Symmetric encryption: AES-CFB as TPM credentials have it, and a sealed envelope for keys at rest. */
#ifndef BM_CRYPTO_CIPHER_H
#define BM_CRYPTO_CIPHER_H

#include "base/bytes.h"

/* AES-CFB with IV zero (TPM 2.0 Part 1, 24.4): key of 16 or 32 bytes; appends as many bytes as `in` has. BM_E_INTERNAL. */
BM_RESULT bm_cipher_cfb_encrypt(bm_bytes key, bm_bytes in, bm_buf *out);
BM_RESULT bm_cipher_cfb_decrypt(bm_bytes key, bm_bytes in, bm_buf *out);

/*
 * What is known of a passphrase. One that a person chose is stretched (scrypt, N=2^15: 32 MiB and a tenth of a second), so that guessing costs
 * as much each time; one of 32 random bytes cannot be guessed, and N=2^10 is enough.
 */
typedef enum { BM_CIPHER_CHOSEN = 0, BM_CIPHER_RANDOM } bm_cipher_passphrase;

/*
 * Seals `secret` under a passphrase: scrypt (r=8, p=1, random salt) and AES-256-GCM. `label` ("ca-key", "ticket-key") is
 * authenticated, so that one sealed file cannot stand in for another. Appends
 * "BMSEAL1\0" (BM_CIPHER_CHOSEN) or "BMSEAL2\0" | salt[16] | nonce[12] | u32 size | ciphertext | tag[16].
 * BM_E_KEY_PASSPHRASE: the passphrase is empty. BM_E_INTERNAL (also: a secret above 64 KiB), BM_E_NO_MEMORY.
 */
BM_RESULT bm_cipher_seal(bm_bytes passphrase, bm_cipher_passphrase kind, const char *label, bm_bytes secret, bm_buf *out);

/* Opens a sealed envelope; BM_E_KEY_INVALID: not such an envelope; BM_E_KEY_PASSPHRASE: wrong passphrase or label, or changed bytes. */
BM_RESULT bm_cipher_unseal(bm_bytes passphrase, const char *label, bm_bytes sealed, bm_buf *secret);

#endif
