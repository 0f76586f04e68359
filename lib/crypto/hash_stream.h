/* SHA-256 of what comes piece by piece. */
#ifndef BM_CRYPTO_HASH_STREAM_H
#define BM_CRYPTO_HASH_STREAM_H

#include "crypto/hash.h"

typedef struct bm_hash_stream bm_hash_stream;

/* Begins; BM_E_INTERNAL, BM_E_NO_MEMORY. */
BM_RESULT bm_hash_stream_new(bm_hash_stream **stream);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_hash_stream_free(bm_hash_stream *stream);
void bm_hash_stream_freep(bm_hash_stream **stream);

/* The next piece; BM_E_INTERNAL. */
BM_RESULT bm_hash_stream_add(bm_hash_stream *stream, bm_bytes piece);

/* The hash of all pieces; only bm_hash_stream_free may follow. BM_E_INTERNAL. */
BM_RESULT bm_hash_stream_end(bm_hash_stream *stream, uint8_t digest[BM_SHA256_SIZE]);

#endif
