#include "crypto/hash.h"

#include "crypto/evp.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

size_t bm_hash_size(bm_hash_alg alg)
{
    switch (alg) {
    case BM_HASH_SHA256:
        return 32;
    case BM_HASH_SHA384:
        return 48;
    case BM_HASH_SHA512:
        return 64;
    case BM_HASH_NONE:
        break;
    }
    return 0;
}

BM_RESULT bm_hash_pieces(bm_hash_alg alg, const bm_bytes *pieces, size_t count, bm_digest *digest)
{
    const EVP_MD *md = bm_evp_md(alg);
    BM_AUTO(bm_evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bm_digest made = {.size = bm_hash_size(alg)};

    if (md == NULL || ctx == NULL || !EVP_DigestInit_ex2(ctx, md, NULL))
        return bm_evp_error(BM_E_INTERNAL, "cannot start a hash");
    for (size_t i = 0; i < count; i++)
        if (!EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].size))
            return bm_evp_error(BM_E_INTERNAL, "cannot hash");
    if (!EVP_DigestFinal_ex(ctx, made.bytes, NULL))
        return bm_evp_error(BM_E_INTERNAL, "cannot end a hash");
    *digest = made;
    bm_wipe(&made, sizeof(made));
    return bm_ok();
}

BM_RESULT bm_hash(bm_hash_alg alg, bm_bytes bytes, bm_digest *digest)
{
    return bm_hash_pieces(alg, &bytes, 1, digest);
}

BM_RESULT bm_hash_sha256(bm_bytes bytes, uint8_t digest[BM_SHA256_SIZE])
{
    bm_digest made;

    BM_TRY(bm_hash(BM_HASH_SHA256, bytes, &made));
    return bm_bytes_copy_exact(bm_hash_view(&made), digest, BM_SHA256_SIZE);
}

static EVP_MAC *hmac_mac(void)
{
    /* Exempt from "no mutable globals", as in bm_evp_md. */
    static EVP_MAC *fetched;

    if (fetched == NULL)
        fetched = EVP_MAC_fetch(NULL, "HMAC", NULL);
    return fetched;
}

BM_RESULT bm_hash_hmac(bm_hash_alg alg, bm_bytes key, const bm_bytes *pieces, size_t count, bm_digest *digest)
{
    static const uint8_t no_key[1];
    EVP_MAC *mac = hmac_mac();
    BM_AUTO(bm_evp_mac_ctx_freep) EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    const char *name = bm_evp_md_name(alg);
    bm_digest made = {.size = bm_hash_size(alg)};
    OSSL_PARAM params[2];

    if (ctx == NULL || name == NULL)
        return bm_evp_error(BM_E_INTERNAL, "cannot start an HMAC");
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, bm_evp_in(name), 0);
    params[1] = OSSL_PARAM_construct_end();
    /* A NULL key would mean "the key of before": an empty one needs an address. */
    if (!EVP_MAC_init(ctx, key.size == 0 ? no_key : key.data, key.size, params))
        return bm_evp_error(BM_E_INTERNAL, "cannot start an HMAC");
    for (size_t i = 0; i < count; i++)
        if (!EVP_MAC_update(ctx, pieces[i].data, pieces[i].size))
            return bm_evp_error(BM_E_INTERNAL, "cannot compute an HMAC");
    if (!EVP_MAC_final(ctx, made.bytes, NULL, sizeof(made.bytes)))
        return bm_evp_error(BM_E_INTERNAL, "cannot end an HMAC");
    *digest = made;
    bm_wipe(&made, sizeof(made));
    return bm_ok();
}

/* A number as four big-endian bytes. */
static bm_bytes encode_u32(uint32_t value, uint8_t out[4])
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    return bm_bytes_of(out, 4);
}

/* One block of a KDF, for a counter. */
typedef struct {
    bm_hash_alg alg;
    bm_bytes key; /* HMAC key; data NULL: a plain hash */
    bm_bytes pieces[6];
    size_t count;
} kdf;

/* The blocks of counter 1, 2, .. one after the other; the first piece is the counter. */
static BM_RESULT run_kdf(kdf *state, unsigned bits, uint8_t *out)
{
    size_t left = bits / 8;
    uint8_t counter[4];
    bm_digest block;

    BM_CHECK(bits > 0 && bits % 8 == 0 && bm_hash_size(state->alg) > 0, BM_E_INTERNAL, "a KDF of no bits or no hash");
    for (uint32_t i = 1; left > 0; i++) {
        size_t part = left < bm_hash_size(state->alg) ? left : bm_hash_size(state->alg);

        state->pieces[0] = encode_u32(i, counter);
        if (state->key.data != NULL)
            BM_TRY(bm_hash_hmac(state->alg, state->key, state->pieces, state->count, &block));
        else
            BM_TRY(bm_hash_pieces(state->alg, state->pieces, state->count, &block));
        BM_TRY(bm_bytes_copy_exact(bm_bytes_of(block.bytes, part), out, part));
        out += part;
        left -= part;
    }
    bm_wipe(&block, sizeof(block));
    return bm_ok();
}

BM_RESULT bm_hash_kdfa(bm_hash_alg alg, bm_bytes key, const char *label, bm_bytes context_u, bm_bytes context_v, unsigned bits,
                       uint8_t *out)
{
    static const uint8_t no_key[1];
    uint8_t length[4];
    kdf state = {
        .alg = alg,
        .key = bm_bytes_of(key.size == 0 ? no_key : key.data, key.size),
        .pieces = {{0}, bm_bytes_str(label), bm_bytes_of("", 1), context_u, context_v, encode_u32(bits, length)},
        .count = 6,
    };

    return run_kdf(&state, bits, out);
}

BM_RESULT bm_hash_kdfe(bm_hash_alg alg, bm_bytes z, const char *label, bm_bytes party_u, bm_bytes party_v, unsigned bits,
                       uint8_t *out)
{
    kdf state = {
        .alg = alg,
        .pieces = {{0}, z, bm_bytes_str(label), bm_bytes_of("", 1), party_u, party_v},
        .count = 6,
    };

    return run_kdf(&state, bits, out);
}
