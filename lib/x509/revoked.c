#include "x509/revoked.h"

#include <stdlib.h>

/* Without the octets that say nothing: some certificates in the field have them. */
static bm_bytes shortest(bm_bytes serial)
{
    while (serial.size > 1 && ((serial.data[0] == 0x00 && serial.data[1] < 0x80) || (serial.data[0] == 0xFF && serial.data[1] >= 0x80)))
        serial = bm_bytes_slice(serial, 1, serial.size - 1);
    return serial;
}

BM_RESULT bm_revoked_id(const uint8_t issuer[BM_SHA256_SIZE], bm_bytes serial, uint8_t id[BM_REVOKED_ID_SIZE])
{
    bm_bytes pieces[] = {bm_bytes_of(issuer, BM_SHA256_SIZE), shortest(serial)};
    bm_digest digest;

    BM_TRY(bm_hash_pieces(BM_HASH_SHA256, pieces, 2, &digest));
    return bm_bytes_copy_exact(bm_bytes_of(digest.bytes, BM_REVOKED_ID_SIZE), id, BM_REVOKED_ID_SIZE);
}

static bm_bytes id_at(bm_bytes ids, size_t index)
{
    return bm_bytes_slice(ids, index * BM_REVOKED_ID_SIZE, BM_REVOKED_ID_SIZE);
}

static int compare(const void *a, const void *b)
{
    return bm_bytes_compare(bm_bytes_of(a, BM_REVOKED_ID_SIZE), bm_bytes_of(b, BM_REVOKED_ID_SIZE));
}

void bm_revoked_sort(bm_buf *ids)
{
    size_t count = ids->size / BM_REVOKED_ID_SIZE;
    size_t kept = 0;

    if (count == 0)
        return;
    qsort(ids->data, count, BM_REVOKED_ID_SIZE, compare);
    for (size_t i = 1; i < count; i++) {
        bm_bytes next = id_at(bm_buf_view(ids), i);

        if (bm_bytes_equal(next, id_at(bm_buf_view(ids), kept)))
            continue;
        kept++;
        if (kept < i)
            bm_result_ignore(bm_bytes_copy_exact(next, ids->data + kept * BM_REVOKED_ID_SIZE, BM_REVOKED_ID_SIZE));
    }
    ids->size = (kept + 1) * BM_REVOKED_ID_SIZE;
}

BM_RESULT bm_revoked_merge(bm_buf *all, bm_bytes more)
{
    BM_AUTO_BUF merged = BM_BUF_EMPTY;
    bm_bytes left = bm_buf_view(all);
    size_t i = 0;
    size_t k = 0;

    if (more.size == 0)
        return bm_ok();
    BM_TRY(bm_buf_reserve(&merged, left.size + more.size));
    while (i * BM_REVOKED_ID_SIZE < left.size || k * BM_REVOKED_ID_SIZE < more.size) {
        bm_bytes a = id_at(left, i);
        bm_bytes b = id_at(more, k);
        int order = a.size == 0 ? 1 : b.size == 0 ? -1 : bm_bytes_compare(a, b);

        BM_TRY(bm_buf_put(&merged, order <= 0 ? a : b));
        i += order <= 0;
        k += order >= 0;
    }
    bm_buf_move(all, &merged);
    return bm_ok();
}

BM_RESULT bm_revoked_check(bm_bytes ids)
{
    BM_CHECK(ids.size % BM_REVOKED_ID_SIZE == 0, BM_E_MALFORMED, "a piece of a revoked certificate's id");
    BM_CHECK(ids.size / BM_REVOKED_ID_SIZE <= BM_REVOKED_MAX, BM_E_MALFORMED, "more revoked certificates than there may be");
    for (size_t i = 1; i * BM_REVOKED_ID_SIZE < ids.size; i++)
        BM_CHECK(bm_bytes_compare(id_at(ids, i - 1), id_at(ids, i)) < 0, BM_E_MALFORMED,
                 "the ids of revoked certificates are not in their order");
    return bm_ok();
}

bool bm_revoked_has(bm_bytes ids, const uint8_t id[BM_REVOKED_ID_SIZE])
{
    size_t low = 0;
    size_t high = ids.size / BM_REVOKED_ID_SIZE;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bm_bytes_compare(id_at(ids, middle), bm_bytes_of(id, BM_REVOKED_ID_SIZE));

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
