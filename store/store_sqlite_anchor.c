#include "store/store_sqlite.h"

BM_RESULT bm_store_sqlite_anchor_epoch(bm_store *store, uint64_t *epoch)
{
    BM_AUTO_QUERY query = bm_query_begin(bm_store_sqlite_pool(store), BM_SQL_EPOCH);
    bool found;

    BM_TRY(bm_query_row(&query, &found));
    BM_CHECK(found, BM_E_STORE, "the database is damaged: it has no anchors_epoch");
    *epoch = (uint64_t)bm_query_get_int(&query, 0);
    return bm_ok();
}

BM_RESULT bm_store_sqlite_anchor_note(bm_query_pool *pool, const uint8_t *sha256, const char *act, bm_bytes evidence, int64_t now)
{
    char subject[2 * BM_SHA256_SIZE + 1];
    bm_store_log_entry entry = {.time = now, .kind = BM_LOG_OPERATOR, .subject = subject, .text = act, .evidence = evidence};
    uint64_t seq;

    bm_text_hex(bm_bytes_of(sha256, BM_SHA256_SIZE), subject);
    BM_TRY(bm_query_simple(pool, BM_SQL_EPOCH_NEXT));
    return bm_store_sqlite_log_append(pool, &entry, &seq);
}

static BM_RESULT find_anchor(bm_query_pool *pool, const uint8_t *sha256, bool *found, int64_t *class)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_ANCHOR_FIND);

    bm_query_blob(&query, bm_bytes_of(sha256, BM_SHA256_SIZE));
    BM_TRY(bm_query_row(&query, found));
    *class = *found ? bm_query_get_int(&query, 0) : 0;
    return bm_ok();
}

static BM_RESULT insert_anchor(bm_query_pool *pool, const bm_store_anchor *anchor)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_ANCHOR_INSERT);

    bm_query_blob(&query, BM_BYTES_ARRAY(anchor->sha256));
    bm_query_int(&query, anchor->class);
    bm_query_int(&query, anchor->added);
    bm_query_text(&query, anchor->subject);
    bm_query_blob(&query, anchor->der);
    return bm_query_run(&query);
}

static BM_RESULT change_class(bm_query_pool *pool, const bm_store_anchor *anchor)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_ANCHOR_CLASS);

    bm_query_blob(&query, BM_BYTES_ARRAY(anchor->sha256));
    bm_query_int(&query, anchor->class);
    return bm_query_run(&query);
}

BM_RESULT bm_store_sqlite_anchor_add(bm_store *store, const bm_store_anchor *anchor)
{
    static const char *const acts[BM_CLASS_COUNT] = {"add anchor: discrete", "add anchor: firmware", "add anchor: virtual"};
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    int64_t class;
    bool found;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(find_anchor(pool, anchor->sha256, &found, &class));
    if (found && class == (int64_t)anchor->class)
        return bm_ok();
    BM_TRY(found ? change_class(pool, anchor) : insert_anchor(pool, anchor));
    return bm_store_sqlite_anchor_note(pool, anchor->sha256, acts[anchor->class], anchor->der, anchor->added);
}

BM_RESULT bm_store_sqlite_anchor_remove(bm_store *store, const uint8_t *sha256, int64_t now)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_ANCHOR_DELETE);
    int64_t class;
    bool found;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(find_anchor(pool, sha256, &found, &class));
    BM_CHECK(found, BM_E_STORE_NOT_FOUND, "there is no such trust anchor");
    bm_query_blob(&query, bm_bytes_of(sha256, BM_SHA256_SIZE));
    BM_TRY(bm_query_run(&query));
    return bm_store_sqlite_anchor_note(pool, sha256, "remove anchor", bm_bytes_of(NULL, 0), now);
}

static BM_RESULT read_anchor(const bm_query *query, bm_store_anchor *anchor)
{
    int64_t class = bm_query_get_int(query, 1);
    bm_store_anchor row = {.added = bm_query_get_int(query, 2), .der = bm_query_get_blob(query, 4)};

    BM_CHECK(class >= 0 && class < BM_CLASS_COUNT, BM_E_STORE, "the database is damaged: an anchor has no known class");
    row.class = (bm_tpm_class)class;
    BM_TRY(bm_query_copy_blob(query, 0, row.sha256, sizeof(row.sha256)));
    BM_TRY(bm_query_copy_text(query, 3, row.subject, sizeof(row.subject)));
    *anchor = row;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_anchor_list(bm_store *store, bm_store_anchor_row row, void *context)
{
    BM_AUTO_QUERY query = bm_query_begin(bm_store_sqlite_pool(store), BM_SQL_ANCHOR_LIST);
    bm_store_anchor anchor;
    bool found;

    for (;;) {
        BM_TRY(bm_query_row(&query, &found));
        if (!found)
            return bm_ok();
        BM_TRY(read_anchor(&query, &anchor));
        BM_TRY(row(context, &anchor));
    }
}
