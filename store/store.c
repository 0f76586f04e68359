#include "store/store_ops.h"
#include "store/store_sqlite.h"
#include "x509/revoked.h"

/* "" or an identity. */
static bool identity_or_none(const char *identity)
{
    return identity[0] == 0 || bm_text_is_identity(bm_bytes_str(identity));
}

BM_RESULT bm_store_open(const char *path, bool create, bm_store **store)
{
    return bm_store_sqlite_open(path, create, store);
}

void bm_store_free(bm_store *store)
{
    if (store != NULL)
        store->ops->free(store);
}

void bm_store_freep(bm_store **store)
{
    bm_store_free(*store);
    *store = NULL;
}

void bm_store_set_patience(bm_store *store, unsigned milliseconds)
{
    store->ops->set_patience(store, milliseconds);
}

bool bm_store_is_damaged(const bm_store *store)
{
    return store->ops->is_damaged(store);
}

BM_RESULT bm_store_check_end(bm_store *store)
{
    return store->ops->check_end(store);
}

BM_RESULT bm_store_begin_reading(bm_store *store)
{
    return store->ops->begin_reading(store);
}

BM_RESULT bm_store_begin(bm_store *store)
{
    return store->ops->begin(store);
}

BM_RESULT bm_store_commit(bm_store *store)
{
    return store->ops->commit(store);
}

void bm_store_rollback(bm_store *store)
{
    store->ops->rollback(store);
}

BM_RESULT bm_store_look_up(bm_store *store, const uint8_t ek_sha256[BM_SHA256_SIZE], const char *identity, bm_store_lookup *found)
{
    return store->ops->look_up(store, ek_sha256, identity, found);
}

BM_RESULT bm_store_find_request(bm_store *store, const uint8_t request_id[BM_SHA256_SIZE], bm_buf *der)
{
    return store->ops->find_request(store, request_id, der);
}

BM_RESULT bm_store_record_issue(bm_store *store, const bm_store_certificate *certificate, bm_buf *der)
{
    BM_CHECK(bm_text_is_identity(bm_bytes_str(certificate->identity)), BM_E_IDENTITY_INVALID, NULL);
    BM_CHECK(bm_text_is_profile_name(bm_bytes_str(certificate->profile)), BM_E_STORE, "a profile name that is none");
    BM_CHECK(certificate->der.size > 0, BM_E_STORE, "a certificate without bytes");
    return store->ops->record_issue(store, certificate, der);
}

BM_RESULT bm_store_record_log(bm_store *store, const bm_store_log_entry *entry)
{
    /* An issue is logged by bm_store_record_issue, together with its certificate. */
    BM_CHECK(entry->kind == BM_LOG_REFUSAL || entry->kind == BM_LOG_OPERATOR, BM_E_STORE, "a log entry of no such kind");
    return store->ops->record_log(store, entry);
}

BM_RESULT bm_store_anchors_epoch(bm_store *store, uint64_t *epoch)
{
    return store->ops->anchors_epoch(store, epoch);
}

BM_RESULT bm_store_anchor_add(bm_store *store, const bm_store_anchor *anchor)
{
    BM_CHECK((unsigned)anchor->class < BM_CLASS_COUNT && anchor->der.size > 0, BM_E_STORE, "an anchor without class or bytes");
    return store->ops->anchor_add(store, anchor);
}

BM_RESULT bm_store_anchor_remove(bm_store *store, const uint8_t sha256[BM_SHA256_SIZE], int64_t now)
{
    return store->ops->anchor_remove(store, sha256, now);
}

BM_RESULT bm_store_anchor_list(bm_store *store, bm_store_anchor_row row, void *context)
{
    return store->ops->anchor_list(store, row, context);
}

BM_RESULT bm_store_crl_add(bm_store *store, const bm_store_crl *crl)
{
    BM_CHECK(crl->count <= BM_REVOKED_MAX && crl->ids.size == crl->count * BM_REVOKED_ID_SIZE, BM_E_STORE, "a CRL whose ids are not as many");
    BM_CHECK(crl->der.size > 0 && crl->issuer != NULL, BM_E_STORE, "a CRL without issuer or bytes");
    return store->ops->crl_add(store, crl);
}

BM_RESULT bm_store_crl_remove(bm_store *store, const uint8_t sha256[BM_SHA256_SIZE], int64_t now)
{
    return store->ops->crl_remove(store, sha256, now);
}

BM_RESULT bm_store_crl_list(bm_store *store, bm_store_crl_row row, void *context)
{
    return store->ops->crl_list(store, row, context);
}

BM_RESULT bm_store_revoked_list(bm_store *store, bm_store_revoked_row row, void *context)
{
    return store->ops->revoked_list(store, row, context);
}

BM_RESULT bm_store_device_add(bm_store *store, const uint8_t ek_sha256[BM_SHA256_SIZE], const char *identity, int64_t now, bool *changed)
{
    BM_CHECK(identity_or_none(identity), BM_E_IDENTITY_INVALID, NULL);
    return store->ops->device_add(store, ek_sha256, identity, now, changed);
}

BM_RESULT bm_store_device_retire(bm_store *store, int64_t id, int64_t now)
{
    return store->ops->device_retire(store, id, now);
}

BM_RESULT bm_store_device_admit(bm_store *store, int64_t id, int64_t now)
{
    return store->ops->device_admit(store, id, now);
}

BM_RESULT bm_store_device_find(bm_store *store, const char *name, bm_device *device)
{
    return store->ops->device_find(store, name, device);
}

BM_RESULT bm_store_device_list(bm_store *store, bm_store_device_row row, void *context)
{
    return store->ops->device_list(store, row, context);
}

BM_RESULT bm_store_certificate_list(bm_store *store, const char *identity, bm_store_certificate_row row, void *context)
{
    return store->ops->certificate_list(store, identity, row, context);
}

BM_RESULT bm_store_certificate_find(bm_store *store, bm_bytes serial, bm_store_certificate_row row, void *context)
{
    return store->ops->certificate_find(store, serial, row, context);
}

BM_RESULT bm_store_log_list(bm_store *store, uint64_t from, bm_store_log_row row, void *context)
{
    return store->ops->log_list(store, from, row, context);
}

BM_RESULT bm_store_log_verify(bm_store *store, uint64_t *count)
{
    return store->ops->log_verify(store, count);
}
