#include "store/store_log.h"

static const char domain[] = "birthmark log v1"; /* hashed with its NUL */

BM_RESULT bm_store_log_hash(const uint8_t previous[BM_SHA256_SIZE], const bm_store_log_entry *entry, uint8_t hash[BM_SHA256_SIZE])
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put(&message, BM_BYTES_ARRAY(domain)));
    BM_TRY(bm_buf_put(&message, bm_bytes_of(previous, BM_SHA256_SIZE)));
    BM_TRY(bm_buf_put_u64(&message, entry->seq));
    BM_TRY(bm_buf_put_u64(&message, (uint64_t)entry->time));
    BM_TRY(bm_buf_put_u32(&message, (uint32_t)entry->kind));
    BM_TRY(bm_buf_put_sized32(&message, bm_bytes_str(entry->subject)));
    BM_TRY(bm_buf_put_sized32(&message, bm_bytes_str(entry->text)));
    BM_TRY(bm_buf_put_sized32(&message, entry->evidence));
    return bm_hash_sha256(bm_buf_view(&message), hash);
}

bool bm_store_log_is_kind(int64_t kind)
{
    return kind >= BM_LOG_ISSUE && kind <= BM_LOG_OPERATOR;
}

BM_RESULT bm_store_log_put_issue(bm_buf *out, const bm_store_certificate *certificate)
{
    uint8_t digest[BM_SHA256_SIZE];

    BM_TRY(bm_hash_sha256(certificate->der, digest));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(digest)));
    return bm_buf_put(out, certificate->evidence);
}

BM_RESULT bm_store_log_check_issue(bm_bytes evidence, bm_bytes der)
{
    uint8_t digest[BM_SHA256_SIZE];

    BM_TRY(bm_hash_sha256(der, digest));
    BM_CHECK(bm_bytes_equal(bm_bytes_slice(evidence, 0, BM_SHA256_SIZE), BM_BYTES_ARRAY(digest)), BM_E_STORE,
             "a certificate is not the one that was logged");
    return bm_ok();
}
