#include "store/store_sqlite.h"

/* Runs a statement that deletes by one blob, and says whether there was such a row. */
static BM_RESULT delete_by(bm_query_pool *pool, bm_sql sql, const uint8_t *sha256, bool *found)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, sql);
    bool more = true;

    bm_query_blob(&query, bm_bytes_of(sha256, BM_SHA256_SIZE));
    BM_TRY(bm_query_row(&query, found));
    while (*found && more)
        BM_TRY(bm_query_row(&query, &more));
    return bm_ok();
}

static BM_RESULT insert(bm_query_pool *pool, const bm_store_crl *crl)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_CRL_INSERT);

    bm_query_blob(&query, BM_BYTES_ARRAY(crl->sha256));
    bm_query_blob(&query, BM_BYTES_ARRAY(crl->scope));
    bm_query_text(&query, crl->issuer);
    bm_query_blob(&query, crl->number);
    bm_query_int(&query, crl->this_update);
    bm_query_int(&query, crl->next_update);
    bm_query_int(&query, crl->added);
    bm_query_int(&query, (int64_t)crl->count);
    bm_query_blob(&query, crl->ids);
    bm_query_blob(&query, crl->der);
    return bm_query_run(&query);
}

BM_RESULT bm_store_sqlite_crl_add(bm_store *store, const bm_store_crl *crl)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bool replaced;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(delete_by(pool, BM_SQL_CRL_DELETE_SCOPE, crl->scope, &replaced));
    BM_TRY(insert(pool, crl));
    /* The log keeps whose list it was, and its hash, not the list: it may have megabytes, and a new one comes every week. */
    return bm_store_sqlite_anchor_note(pool, crl->sha256, replaced ? "replace crl" : "add crl", bm_bytes_str(crl->issuer), crl->added);
}

BM_RESULT bm_store_sqlite_crl_remove(bm_store *store, const uint8_t *sha256, int64_t now)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bool found;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(delete_by(pool, BM_SQL_CRL_DELETE, sha256, &found));
    BM_CHECK(found, BM_E_STORE_NOT_FOUND, "there is no such CRL");
    return bm_store_sqlite_anchor_note(pool, sha256, "remove crl", bm_bytes_of(NULL, 0), now);
}

static BM_RESULT read_crl(const bm_query *query, bm_store_crl *crl)
{
    bm_store_crl row = {.issuer = bm_query_get_text(query, 2),
                        .number = bm_query_get_blob(query, 3),
                        .this_update = bm_query_get_int(query, 4),
                        .next_update = bm_query_get_int(query, 5),
                        .added = bm_query_get_int(query, 6),
                        .count = (uint64_t)bm_query_get_int(query, 7)};

    BM_TRY(bm_query_copy_blob(query, 0, row.sha256, sizeof(row.sha256)));
    BM_TRY(bm_query_copy_blob(query, 1, row.scope, sizeof(row.scope)));
    *crl = row;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_crl_list(bm_store *store, bm_store_crl_row row, void *context)
{
    BM_AUTO_QUERY query = bm_query_begin(bm_store_sqlite_pool(store), BM_SQL_CRL_LIST);
    bm_store_crl crl;
    bool found;

    for (;;) {
        BM_TRY(bm_query_row(&query, &found));
        if (!found)
            return bm_ok();
        BM_TRY(read_crl(&query, &crl));
        BM_TRY(row(context, &crl));
    }
}

BM_RESULT bm_store_sqlite_crl_revoked(bm_store *store, bm_store_revoked_row row, void *context)
{
    BM_AUTO_QUERY query = bm_query_begin(bm_store_sqlite_pool(store), BM_SQL_CRL_IDS);
    bool found;

    for (;;) {
        BM_TRY(bm_query_row(&query, &found));
        if (!found)
            return bm_ok();
        BM_TRY(row(context, bm_query_get_blob(&query, 0)));
    }
}
