#include "swarm/rsa.h"

/* MGF1 (RFC 8017, B.2.1), laid over the bytes that it masks. */
static BM_RESULT unmask(bm_hash_alg alg, bm_bytes seed, uint8_t *masked, size_t size)
{
    size_t step = bm_hash_size(alg);

    for (size_t at = 0, block = 0; at < size; at += step, block++) {
        const uint8_t counter[] = {0, 0, 0, (uint8_t)block};
        const bm_bytes pieces[] = {seed, BM_BYTES_ARRAY(counter)};
        bm_digest mask;

        BM_TRY(bm_hash_pieces(alg, pieces, 2, &mask));
        for (size_t i = 0; i < step && at + i < size; i++)
            masked[at + i] ^= mask.bytes[i];
    }
    return bm_ok();
}

/* What stands behind the label's hash, zeros and a one (RFC 8017, 7.1.2, step 3g). */
static BM_RESULT take_message(bm_bytes block, const bm_digest *label, bm_bytes *message)
{
    bm_bytes rest = bm_bytes_strip_zeros(bm_bytes_slice(block, label->size, block.size - label->size));

    BM_CHECK(bm_bytes_equal(bm_bytes_slice(block, 0, label->size), bm_hash_view(label)), BM_E_MALFORMED, "encrypted with another label or to another key");
    BM_CHECK(rest.size > 0 && rest.data[0] == 1, BM_E_MALFORMED, "no OAEP");
    *message = bm_bytes_slice(rest, 1, rest.size - 1);
    return bm_ok();
}

BM_RESULT bm_swarm_rsa_open(bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_hash_alg alg, bm_bytes label, bm_bytes ciphertext,
                            bm_buf *message)
{
    size_t hash = bm_hash_size(alg);
    uint8_t block[BM_RSA_MAX];
    size_t size = choice->count * BM_SWARM_PRIME_SIZE;
    bm_digest label_hash;
    bm_bytes found;

    BM_CHECK(hash > 0 && size > 2 * hash + 2, BM_E_MALFORMED, "OAEP with a hash that does not fit");
    BM_TRY(bm_hash(alg, label, &label_hash));
    BM_TRY(bm_swarm_primes_private(primes, choice, ciphertext, block, size));
    BM_CHECK(block[0] == 0, BM_E_MALFORMED, "encrypted to another key");
    BM_TRY(unmask(alg, bm_bytes_of(block + 1 + hash, size - 1 - hash), block + 1, hash));
    BM_TRY(unmask(alg, bm_bytes_of(block + 1, hash), block + 1 + hash, size - 1 - hash));
    BM_TRY(take_message(bm_bytes_of(block + 1 + hash, size - 1 - hash), &label_hash, &found));
    bm_buf_clear(message);
    return bm_buf_put(message, found);
}

BM_RESULT bm_swarm_rsa_sign(bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_bytes message, bm_buf *signature)
{
    /* DigestInfo of SHA-256 up to the digest (RFC 8017, 9.2). */
    static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    BM_AUTO_BUF block = BM_BUF_EMPTY;
    size_t size = choice->count * BM_SWARM_PRIME_SIZE;
    uint8_t digest[BM_SHA256_SIZE];
    uint8_t made[BM_RSA_MAX];

    BM_TRY(bm_hash_sha256(message, digest));
    BM_TRY(bm_buf_put_u16(&block, 1));
    while (block.size < size - sizeof(info) - sizeof(digest) - 1)
        BM_TRY(bm_buf_put_u8(&block, 0xFF));
    BM_TRY(bm_buf_put_u8(&block, 0));
    BM_TRY(bm_buf_put(&block, BM_BYTES_ARRAY(info)));
    BM_TRY(bm_buf_put(&block, BM_BYTES_ARRAY(digest)));
    BM_TRY(bm_swarm_primes_private(primes, choice, bm_buf_view(&block), made, size));
    return bm_buf_put(signature, bm_bytes_of(made, size));
}
