#include "store/query.h"

#include <stdio.h>

#define DEVICE_COLUMNS "id, ek_sha256, identity, in_inventory, status, created, changed, admitted"
#define CERTIFICATE_COLUMNS                                                                                            \
    "c.serial, c.request_id, d.ek_sha256, c.ik_spki_sha256, d.identity, c.profile, c.issued, c.not_before, c.not_after, c.der,"       \
    " substr(l.evidence, 33)" /* behind the certificate's hash */
#define CERTIFICATE_TABLES "certificate c JOIN device d ON d.id = c.device_id JOIN log l ON l.seq = c.seq"

static const char *const texts[BM_SQL_COUNT] = {
#define X(id, sql) [BM_SQL_##id] = (sql),
#include "store/statements.def"
#undef X
};

void bm_query_pool_fini(bm_query_pool *pool)
{
    for (size_t i = 0; i < BM_SQL_COUNT; i++) {
        (void)sqlite3_finalize(pool->statements[i]);
        pool->statements[i] = NULL;
    }
}

static bool means_damage(int status)
{
    return (status & 0xFF) == SQLITE_CORRUPT || (status & 0xFF) == SQLITE_NOTADB;
}

static BM_RESULT damage(const char *words)
{
    return bm_failf(BM_E_STORE, "the database is damaged (%s): stop birthmarkd and restore a backup; see the operator's guide, \"Backup and restore\"",
                    words);
}

/* What was to be written and could not be. SQLite says FULL for ENOSPC alone: quotas and limits look like a broken disk. */
static bool means_unwritten(int status)
{
    return status == SQLITE_IOERR_WRITE || status == SQLITE_IOERR_FSYNC || status == SQLITE_IOERR_DIR_FSYNC || status == SQLITE_IOERR_TRUNCATE ||
           status == SQLITE_IOERR_SHMSIZE || status == SQLITE_IOERR_SHMMAP;
}

BM_RESULT bm_query_failure(sqlite3 *db, int status)
{
    const char *words = db == NULL ? sqlite3_errstr(status) : sqlite3_errmsg(db);

    if (means_damage(status))
        return damage(words);
    if (status == SQLITE_IOERR_NOMEM)
        return bm_fail(BM_E_NO_MEMORY, NULL);
    if ((status & 0xFF) == SQLITE_FULL)
        return bm_failf(BM_E_STORE, "there is no room for the database (%s): make room on its disk; birthmarkd goes on by itself", words);
    if (means_unwritten(status))
        return bm_failf(BM_E_STORE, "the database could not be written (%s): a quota or a limit of file sizes, or a broken disk; birthmarkd goes on "
                                    "by itself when it can", words);
    switch (status & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return bm_failf(BM_E_STORE_BUSY, "%s", words);
    case SQLITE_CONSTRAINT:
        return bm_failf(BM_E_STORE_CONFLICT, "%s", words);
    case SQLITE_NOMEM:
        return bm_fail(BM_E_NO_MEMORY, NULL);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return bm_failf(BM_E_STORE, "the database cannot be written (%s): its directory and files must belong to birthmarkd's user, on a file "
                                    "system that is mounted to be written", words);
    default:
        return bm_failf(BM_E_STORE, "%s", words);
    }
}

bm_query bm_query_begin(bm_query_pool *pool, bm_sql id)
{
    bm_query query = {.pool = pool, .statement = pool->statements[id], .status = SQLITE_OK, .next = 1, .owned = false};

    if (pool->damaged && id != BM_SQL_ROLLBACK) {
        query.statement = NULL;
        query.status = SQLITE_CORRUPT;
        return query;
    }
    if (query.statement == NULL) {
        query.status = sqlite3_prepare_v3(pool->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &query.statement, NULL);
        pool->statements[id] = query.statement;
    } else if (sqlite3_stmt_busy(query.statement)) {
        query.owned = true;
        query.status = sqlite3_prepare_v2(pool->db, texts[id], -1, &query.statement, NULL);
    }
    return query;
}

void bm_query_end(bm_query *query)
{
    if (query->owned) {
        (void)sqlite3_finalize(query->statement);
    } else if (query->statement != NULL) {
        (void)sqlite3_reset(query->statement);
        (void)sqlite3_clear_bindings(query->statement);
    }
    query->statement = NULL;
}

static void remember(bm_query *query, int status)
{
    if (query->status == SQLITE_OK)
        query->status = status;
    query->next++;
}

void bm_query_int(bm_query *query, int64_t value)
{
    if (query->status == SQLITE_OK)
        remember(query, sqlite3_bind_int64(query->statement, query->next, value));
}

void bm_query_text(bm_query *query, const char *value)
{
    if (query->status == SQLITE_OK)
        remember(query, sqlite3_bind_text(query->statement, query->next, value, -1, SQLITE_STATIC));
}

void bm_query_blob(bm_query *query, bm_bytes value)
{
    /* A NULL pointer would bind NULL, which is not the empty blob. */
    if (query->status == SQLITE_OK)
        remember(query, sqlite3_bind_blob64(query->statement, query->next, value.size == 0 ? "" : (const void *)value.data,
                                            value.size, SQLITE_STATIC));
}

BM_RESULT bm_query_row(bm_query *query, bool *found)
{
    if (query->status == SQLITE_OK)
        query->status = sqlite3_step(query->statement);
    if (means_damage(query->status)) {
        bool known = query->pool->damaged;

        query->pool->damaged = true;
        return damage(known ? "as was found before" : sqlite3_errmsg(query->pool->db));
    }
    if (query->status != SQLITE_ROW && query->status != SQLITE_DONE)
        return bm_query_failure(query->pool->db, query->status);
    *found = query->status == SQLITE_ROW;
    if (*found)
        query->status = SQLITE_OK;
    return bm_ok();
}

BM_RESULT bm_query_run(bm_query *query)
{
    bool found;

    BM_TRY(bm_query_row(query, &found));
    BM_CHECK(!found, BM_E_INTERNAL, "a statement gave a row where none was expected");
    return bm_ok();
}

BM_RESULT bm_query_simple(bm_query_pool *pool, bm_sql id)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, id);

    return bm_query_run(&query);
}

int64_t bm_query_get_int(const bm_query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

const char *bm_query_get_text(const bm_query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->statement, column);

    return text == NULL ? "" : (const char *)text;
}

bm_bytes bm_query_get_blob(const bm_query *query, int column)
{
    const void *data = sqlite3_column_blob(query->statement, column);

    return bm_bytes_of(data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(query->statement, column));
}

/* A column that no row of ours has. */
static BM_RESULT bad_column(const bm_query *query, int column, const char *what)
{
    char words[96];

    query->pool->damaged = true;
    (void)snprintf(words, sizeof(words), "%.64s %s", sqlite3_column_name(query->statement, column), what);
    return damage(words);
}

BM_RESULT bm_query_copy_blob(const bm_query *query, int column, uint8_t *to, size_t size)
{
    if (bm_bytes_copy_exact(bm_query_get_blob(query, column), to, size).code != BM_OK)
        return bad_column(query, column, "has the wrong size");
    return bm_ok();
}

BM_RESULT bm_query_copy_text(const bm_query *query, int column, char *to, size_t size)
{
    bm_bytes text = bm_bytes_str(bm_query_get_text(query, column));

    if (text.size >= size)
        return bad_column(query, column, "is too long");
    for (size_t i = 0; i < text.size; i++)
        to[i] = (char)text.data[i];
    to[text.size] = 0;
    return bm_ok();
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool bm_query_prefix(bm_bytes hex, size_t size, uint8_t *low, uint8_t *high)
{
    if (hex.size < 8 || hex.size > 2 * size)
        return false;
    for (size_t i = 0; i < 2 * size; i++) {
        int digit = i < hex.size ? digit_of(hex.data[i]) : -1;

        if (i < hex.size && digit < 0)
            return false;
        low[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : low[i / 2]) | (digit < 0 ? 0 : digit) << (i % 2 == 0 ? 4 : 0));
        high[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : high[i / 2]) | (digit < 0 ? 15 : digit) << (i % 2 == 0 ? 4 : 0));
    }
    return true;
}
