/* The SQLite back end: what its files share. One connection, used by one thread. */
#ifndef BM_STORE_STORE_SQLITE_H
#define BM_STORE_STORE_SQLITE_H

#include "store/query.h"
#include "store/store_ops.h"

typedef struct {
    bm_store base;
    bm_query_pool pool;
} bm_store_sqlite;

/* The connection and the statements of a store of this back end. */
static inline bm_query_pool *bm_store_sqlite_pool(bm_store *store)
{
    return &((bm_store_sqlite *)(void *)store)->pool;
}

/* BM_E_STORE unless a transaction is open (SQLite itself may have ended it, after an I/O error): nothing is written outside one. */
static inline BM_RESULT bm_store_sqlite_in_transaction(bm_query_pool *pool)
{
    BM_CHECK(!sqlite3_get_autocommit(pool->db), BM_E_STORE, "no transaction is open");
    return bm_ok();
}

/* See bm_store_open. */
BM_RESULT bm_store_sqlite_open(const char *path, bool create, bm_store **store);

/* What every change of the anchors or CRLs does besides: the epoch grows, and the log has an entry with the SHA-256 of what changed. */
BM_RESULT bm_store_sqlite_anchor_note(bm_query_pool *pool, const uint8_t *sha256, const char *act, bm_bytes evidence, int64_t now);

/* Appends to the log and says under which number. */
BM_RESULT bm_store_sqlite_log_append(bm_query_pool *pool, const bm_store_log_entry *entry, uint64_t *seq);

/* The last entries of the log are whole, follow from each other, and have their certificates. BM_E_STORE. */
BM_RESULT bm_store_sqlite_log_check_end(bm_query_pool *pool);

/* The device with this EK. */
BM_RESULT bm_store_sqlite_device_by_ek(bm_query_pool *pool, const uint8_t *ek_sha256, bool *found, bm_device *device);

/* Has, or had, a device with another EK this identity? `active` says whether one of them is active. */
BM_RESULT bm_store_sqlite_device_others(bm_query_pool *pool, const char *identity, const uint8_t *ek_sha256, bool *any, bool *active);

/* A new device. */
BM_RESULT bm_store_sqlite_device_insert(bm_query_pool *pool, const bm_device *device, int64_t *id);

/* Gives a device that has none its identity. */
BM_RESULT bm_store_sqlite_device_bind(bm_query_pool *pool, int64_t id, const char *identity, int64_t now);

/* The functions of the table. */
BM_RESULT bm_store_sqlite_device_look_up(bm_store *store, const uint8_t *ek_sha256, const char *identity, bm_store_lookup *found);
BM_RESULT bm_store_sqlite_certificate_request(bm_store *store, const uint8_t *request_id, bm_buf *der);
BM_RESULT bm_store_sqlite_certificate_record(bm_store *store, const bm_store_certificate *certificate, bm_buf *der);
BM_RESULT bm_store_sqlite_log_record(bm_store *store, const bm_store_log_entry *entry);
BM_RESULT bm_store_sqlite_anchor_epoch(bm_store *store, uint64_t *epoch);
BM_RESULT bm_store_sqlite_anchor_add(bm_store *store, const bm_store_anchor *anchor);
BM_RESULT bm_store_sqlite_anchor_remove(bm_store *store, const uint8_t *sha256, int64_t now);
BM_RESULT bm_store_sqlite_anchor_list(bm_store *store, bm_store_anchor_row row, void *context);
BM_RESULT bm_store_sqlite_crl_add(bm_store *store, const bm_store_crl *crl);
BM_RESULT bm_store_sqlite_crl_remove(bm_store *store, const uint8_t *sha256, int64_t now);
BM_RESULT bm_store_sqlite_crl_list(bm_store *store, bm_store_crl_row row, void *context);
BM_RESULT bm_store_sqlite_crl_revoked(bm_store *store, bm_store_revoked_row row, void *context);
BM_RESULT bm_store_sqlite_device_add(bm_store *store, const uint8_t *ek_sha256, const char *identity, int64_t now, bool *changed);
BM_RESULT bm_store_sqlite_device_retire(bm_store *store, int64_t id, int64_t now);
BM_RESULT bm_store_sqlite_device_admit(bm_store *store, int64_t id, int64_t now);
BM_RESULT bm_store_sqlite_device_find(bm_store *store, const char *name, bm_device *device);
BM_RESULT bm_store_sqlite_device_list(bm_store *store, bm_store_device_row row, void *context);
BM_RESULT bm_store_sqlite_certificate_list(bm_store *store, const char *identity, bm_store_certificate_row row, void *context);
BM_RESULT bm_store_sqlite_certificate_find(bm_store *store, bm_bytes serial, bm_store_certificate_row row, void *context);
BM_RESULT bm_store_sqlite_log_list(bm_store *store, uint64_t from, bm_store_log_row row, void *context);
BM_RESULT bm_store_sqlite_log_verify(bm_store *store, uint64_t *count);

#endif
