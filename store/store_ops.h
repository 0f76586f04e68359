/* What a back end of the store is: a const table of functions. The contracts are those of store.h; arguments were checked by store.c. */
#ifndef BM_STORE_STORE_OPS_H
#define BM_STORE_STORE_OPS_H

#include "store/store.h"

typedef struct {
    const char *name; /* "sqlite" */
    void (*free)(bm_store *store);
    void (*set_patience)(bm_store *store, unsigned milliseconds);
    bool (*is_damaged)(const bm_store *store);
    BM_RESULT (*check_end)(bm_store *store);
    BM_RESULT (*begin_reading)(bm_store *store);
    BM_RESULT (*begin)(bm_store *store);
    BM_RESULT (*commit)(bm_store *store);
    void (*rollback)(bm_store *store);
    BM_RESULT (*look_up)(bm_store *store, const uint8_t *ek_sha256, const char *identity, bm_store_lookup *found);
    BM_RESULT (*find_request)(bm_store *store, const uint8_t *request_id, bm_buf *der);
    BM_RESULT (*record_issue)(bm_store *store, const bm_store_certificate *certificate, bm_buf *der);
    BM_RESULT (*record_log)(bm_store *store, const bm_store_log_entry *entry);
    BM_RESULT (*anchors_epoch)(bm_store *store, uint64_t *epoch);
    BM_RESULT (*anchor_add)(bm_store *store, const bm_store_anchor *anchor);
    BM_RESULT (*anchor_remove)(bm_store *store, const uint8_t *sha256, int64_t now);
    BM_RESULT (*anchor_list)(bm_store *store, bm_store_anchor_row row, void *context);
    BM_RESULT (*crl_add)(bm_store *store, const bm_store_crl *crl);
    BM_RESULT (*crl_remove)(bm_store *store, const uint8_t *sha256, int64_t now);
    BM_RESULT (*crl_list)(bm_store *store, bm_store_crl_row row, void *context);
    BM_RESULT (*revoked_list)(bm_store *store, bm_store_revoked_row row, void *context);
    BM_RESULT (*device_add)(bm_store *store, const uint8_t *ek_sha256, const char *identity, int64_t now, bool *changed);
    BM_RESULT (*device_retire)(bm_store *store, int64_t id, int64_t now);
    BM_RESULT (*device_admit)(bm_store *store, int64_t id, int64_t now);
    BM_RESULT (*device_find)(bm_store *store, const char *name, bm_device *device);
    BM_RESULT (*device_list)(bm_store *store, bm_store_device_row row, void *context);
    BM_RESULT (*certificate_list)(bm_store *store, const char *identity, bm_store_certificate_row row, void *context);
    BM_RESULT (*certificate_find)(bm_store *store, bm_bytes serial, bm_store_certificate_row row, void *context);
    BM_RESULT (*log_list)(bm_store *store, uint64_t from, bm_store_log_row row, void *context);
    BM_RESULT (*log_verify)(bm_store *store, uint64_t *count);
} bm_store_ops;

/* Every back end's struct begins with this. */
struct bm_store {
    const bm_store_ops *ops;
};

#endif
