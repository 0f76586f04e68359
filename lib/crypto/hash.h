/* Hashes, HMAC and the TPM's two key derivation functions. */
#ifndef BM_CRYPTO_HASH_H
#define BM_CRYPTO_HASH_H

#include "base/bytes.h"

#define BM_HASH_MAX 64
#define BM_SHA256_SIZE 32

/* The hashes of TPM name algorithms and signatures. */
typedef enum { BM_HASH_NONE = 0, BM_HASH_SHA256, BM_HASH_SHA384, BM_HASH_SHA512 } bm_hash_alg;

/* A digest of up to BM_HASH_MAX bytes. */
typedef struct {
    size_t size;
    uint8_t bytes[BM_HASH_MAX];
} bm_digest;

/* A view of a digest. */
static inline bm_bytes bm_hash_view(const bm_digest *digest)
{
    return bm_bytes_of(digest->bytes, digest->size);
}

/* 32, 48, 64; 0 for BM_HASH_NONE. */
size_t bm_hash_size(bm_hash_alg alg);

/* The hash of `count` pieces one after the other; BM_E_INTERNAL. */
BM_RESULT bm_hash_pieces(bm_hash_alg alg, const bm_bytes *pieces, size_t count, bm_digest *digest);

/* The hash of some bytes; BM_E_INTERNAL. */
BM_RESULT bm_hash(bm_hash_alg alg, bm_bytes bytes, bm_digest *digest);

/* SHA-256 of some bytes, into 32 bytes; BM_E_INTERNAL. */
BM_RESULT bm_hash_sha256(bm_bytes bytes, uint8_t digest[BM_SHA256_SIZE]);

/* HMAC (RFC 2104) of `count` pieces one after the other; BM_E_INTERNAL. The caller wipes the result where it is secret. */
BM_RESULT bm_hash_hmac(bm_hash_alg alg, bm_bytes key, const bm_bytes *pieces, size_t count, bm_digest *digest);

/*
 * KDFa (TPM 2.0 Part 1, 11.4.10.2): `bits` (a multiple of 8) of key material from `key`, the label (a string; its NUL is added as the
 * specification has it) and two contexts. Writes bits/8 bytes to `out`. BM_E_INTERNAL.
 */
BM_RESULT bm_hash_kdfa(bm_hash_alg alg, bm_bytes key, const char *label, bm_bytes context_u, bm_bytes context_v, unsigned bits,
                       uint8_t *out);

/*
 * KDFe (TPM 2.0 Part 1, 11.4.10.3): from the x coordinate of a shared point, the label, and the x of both parties (each padded to the
 * field's size by the caller). Writes bits/8 bytes to `out`. BM_E_INTERNAL.
 */
BM_RESULT bm_hash_kdfe(bm_hash_alg alg, bm_bytes z, const char *label, bm_bytes party_u, bm_bytes party_v, unsigned bits,
                       uint8_t *out);

#endif
