#include "crypto/hash_stream.h"

#include "crypto/evp.h"

#include <stdlib.h>

struct bm_hash_stream {
    EVP_MD_CTX *context;
};

static BM_RESULT begin(bm_hash_stream *stream)
{
    const EVP_MD *md = bm_evp_md(BM_HASH_SHA256);

    stream->context = EVP_MD_CTX_new();
    if (md == NULL || stream->context == NULL || !EVP_DigestInit_ex2(stream->context, md, NULL))
        return bm_evp_error(BM_E_INTERNAL, "cannot start a hash");
    return bm_ok();
}

BM_RESULT bm_hash_stream_new(bm_hash_stream **stream)
{
    bm_hash_stream *made = calloc(1, sizeof(*made));
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    result = begin(made);
    if (result.code != BM_OK) {
        bm_hash_stream_free(made);
        return result;
    }
    *stream = made;
    return bm_ok();
}

void bm_hash_stream_free(bm_hash_stream *stream)
{
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    free(stream);
}

void bm_hash_stream_freep(bm_hash_stream **stream)
{
    bm_hash_stream_free(*stream);
    *stream = NULL;
}

BM_RESULT bm_hash_stream_add(bm_hash_stream *stream, bm_bytes piece)
{
    if (!EVP_DigestUpdate(stream->context, piece.data, piece.size))
        return bm_evp_error(BM_E_INTERNAL, "cannot hash");
    return bm_ok();
}

BM_RESULT bm_hash_stream_end(bm_hash_stream *stream, uint8_t digest[BM_SHA256_SIZE])
{
    if (!EVP_DigestFinal_ex(stream->context, digest, NULL))
        return bm_evp_error(BM_E_INTERNAL, "cannot end a hash");
    return bm_ok();
}
