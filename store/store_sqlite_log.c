#include "store/store_log.h"
#include "store/store_sqlite.h"

#define END_CHECKED 64 /* entries that are looked at when not all of them are */

static BM_RESULT read_head(bm_query_pool *pool, uint64_t *seq, uint8_t *hash)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_LOG_HEAD);
    bool found;

    *seq = 0;
    BM_TRY(bm_query_row(&query, &found));
    if (!found)
        return bm_ok();
    *seq = (uint64_t)bm_query_get_int(&query, 0);
    return bm_query_copy_blob(&query, 1, hash, BM_SHA256_SIZE);
}

BM_RESULT bm_store_sqlite_log_append(bm_query_pool *pool, const bm_store_log_entry *entry, uint64_t *seq)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_LOG_INSERT);
    uint8_t previous[BM_SHA256_SIZE] = {0};
    bm_store_log_entry next = *entry;
    uint64_t last;

    BM_TRY(read_head(pool, &last, previous));
    next.seq = last + 1;
    BM_TRY(bm_store_log_hash(previous, &next, next.hash));
    bm_query_int(&query, (int64_t)next.seq);
    bm_query_int(&query, next.time);
    bm_query_int(&query, next.kind);
    bm_query_text(&query, next.subject);
    bm_query_text(&query, next.text);
    bm_query_blob(&query, next.evidence);
    bm_query_blob(&query, BM_BYTES_ARRAY(next.hash));
    BM_TRY(bm_query_run(&query));
    *seq = next.seq;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_log_record(bm_store *store, const bm_store_log_entry *entry)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    uint64_t seq;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    return bm_store_sqlite_log_append(pool, entry, &seq);
}

static BM_RESULT read_entry(const bm_query *query, bm_store_log_entry *entry)
{
    bm_store_log_entry row = {.seq = (uint64_t)bm_query_get_int(query, 0),
                              .time = bm_query_get_int(query, 1),
                              .subject = bm_query_get_text(query, 3),
                              .text = bm_query_get_text(query, 4),
                              .evidence = bm_query_get_blob(query, 5)};

    BM_CHECK(bm_store_log_is_kind(bm_query_get_int(query, 2)), BM_E_STORE, "a log entry of no known kind");
    row.kind = (bm_log_kind)bm_query_get_int(query, 2);
    BM_TRY(bm_query_copy_blob(query, 6, row.hash, sizeof(row.hash)));
    *entry = row;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_log_list(bm_store *store, uint64_t from, bm_store_log_row row, void *context)
{
    BM_AUTO_QUERY query = bm_query_begin(bm_store_sqlite_pool(store), BM_SQL_LOG_LIST);
    bm_store_log_entry entry;
    bool found;

    bm_query_int(&query, from > INT64_MAX ? INT64_MAX : (int64_t)from);
    for (;;) {
        BM_TRY(bm_query_row(&query, &found));
        if (!found)
            return bm_ok();
        BM_TRY(read_entry(&query, &entry));
        BM_TRY(row(context, &entry));
    }
}

/* Checks the row that the chain's query stands at against the hash before it, which becomes this row's. */
static BM_RESULT check_link(const bm_query *query, uint64_t expected, uint8_t *previous, uint64_t *issues)
{
    bm_store_log_entry entry;
    uint8_t hash[BM_SHA256_SIZE];

    BM_TRY(read_entry(query, &entry));
    BM_CHECK(entry.seq == expected, BM_E_STORE, "an entry is missing");
    BM_TRY(bm_store_log_hash(previous, &entry, hash));
    BM_CHECK(bm_bytes_equal(BM_BYTES_ARRAY(hash), BM_BYTES_ARRAY(entry.hash)), BM_E_STORE,
             "it is not what its hash, or the one before it, says");
    if (entry.kind == BM_LOG_ISSUE) {
        BM_CHECK(bm_query_get_blob(query, 7).size > 0, BM_E_STORE, "its certificate is missing");
        BM_TRY(bm_store_log_check_issue(entry.evidence, bm_query_get_blob(query, 7)));
        (*issues)++;
    }
    return bm_bytes_copy_exact(BM_BYTES_ARRAY(hash), previous, BM_SHA256_SIZE);
}

/* The chain behind entry `from`, whose hash is `previous`; `count` is the number of its last entry, or of the last that is good. */
static BM_RESULT check_chain(bm_query_pool *pool, uint64_t from, uint8_t *previous, uint64_t *count, uint64_t *issues)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_LOG_CHAIN);
    bool found;

    *count = from;
    *issues = 0;
    bm_query_int(&query, (int64_t)from);
    for (;;) {
        bm_result link;

        BM_TRY(bm_query_row(&query, &found));
        if (!found)
            return bm_ok();
        link = check_link(&query, *count + 1, previous, issues);
        if (link.code == BM_E_STORE)
            return bm_failf(BM_E_STORE, "the log is not whole: entry %llu: %s", (unsigned long long)*count + 1, link.detail);
        BM_TRY(link);
        (*count)++;
    }
}

/* The value of a statement with one row and column; 0 without a row. */
static BM_RESULT read_number(bm_query_pool *pool, bm_sql sql, uint64_t *value)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, sql);
    bool found;

    BM_TRY(bm_query_row(&query, &found));
    *value = found ? (uint64_t)bm_query_get_int(&query, 0) : 0;
    return bm_ok();
}

static BM_RESULT check_is_end(uint64_t good, uint64_t last)
{
    if (good < last)
        return bm_failf(BM_E_STORE, "the log is not whole: entry %llu: it and what follows is missing", (unsigned long long)good + 1);
    return bm_ok();
}

static BM_RESULT read_hash(bm_query_pool *pool, uint64_t seq, uint8_t *hash)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_LOG_HASH);
    bool found;

    bm_query_int(&query, (int64_t)seq);
    BM_TRY(bm_query_row(&query, &found));
    if (!found)
        return bm_failf(BM_E_STORE, "the log is not whole: entry %llu: it is missing", (unsigned long long)seq);
    return bm_query_copy_blob(&query, 0, hash, BM_SHA256_SIZE);
}

BM_RESULT bm_store_sqlite_log_check_end(bm_query_pool *pool)
{
    uint8_t previous[BM_SHA256_SIZE] = {0};
    uint64_t last, from, good, issues;

    BM_TRY(read_number(pool, BM_SQL_LOG_LAST, &last));
    from = last > END_CHECKED ? last - END_CHECKED : 0;
    if (from > 0)
        BM_TRY(read_hash(pool, from, previous));
    BM_TRY(check_chain(pool, from, previous, &good, &issues));
    return check_is_end(good, last);
}

BM_RESULT bm_store_sqlite_log_verify(bm_store *store, uint64_t *count)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    uint64_t last;
    uint64_t certificates;
    uint64_t good;
    uint64_t issues;
    uint8_t previous[BM_SHA256_SIZE] = {0};

    /* Read before the chain: another process may append meanwhile, and then the chain is longer, never shorter. */
    BM_TRY(read_number(pool, BM_SQL_LOG_LAST, &last));
    BM_TRY(read_number(pool, BM_SQL_CERTIFICATE_COUNT, &certificates));
    BM_TRY(check_chain(pool, 0, previous, &good, &issues));
    BM_TRY(check_is_end(good, last));
    if (issues < certificates)
        return bm_fail(BM_E_STORE, "the log is not whole: there are certificates that no entry is about");
    *count = good;
    return bm_ok();
}
