#include "x509/seen.h"

static size_t place_of(const uint8_t sha256[BM_SHA256_SIZE])
{
    return ((size_t)sha256[0] * 256 + sha256[1]) % BM_SEEN_MAX;
}

void bm_seen_put(bm_seen *seen, const bm_seen_row *row)
{
    seen->rows[place_of(row->sha256)] = *row;
}

const bm_seen_row *bm_seen_get(const bm_seen *seen, const uint8_t sha256[BM_SHA256_SIZE])
{
    const bm_seen_row *row = &seen->rows[place_of(sha256)];
    bool same = row->used && bm_bytes_equal(BM_BYTES_ARRAY(row->sha256), bm_bytes_of(sha256, BM_SHA256_SIZE));

    return same ? row : NULL;
}
