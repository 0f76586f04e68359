/*
 * SQLite as the rest of the store uses it: prepared statements with their values, and its codes as ours.
 *
 * A query is begun, given its values in order, stepped, read by column, and ended (BM_AUTO). What goes wrong while values are given
 * is remembered and reported by the first step.
 */
#ifndef BM_STORE_QUERY_H
#define BM_STORE_QUERY_H

#include "base/bytes.h"

#include <sqlite3.h>

/* The statements of statements.def. */
typedef enum {
#define X(id, sql) BM_SQL_##id,
#include "store/statements.def"
#undef X
    BM_SQL_COUNT
} bm_sql;

/* A connection and its prepared statements. */
typedef struct {
    sqlite3 *db;
    bool damaged; /* the database was found damaged: nothing is read from it or written to it any more */
    sqlite3_stmt *statements[BM_SQL_COUNT];
} bm_query_pool;

typedef struct {
    bm_query_pool *pool;
    sqlite3_stmt *statement;
    int status;    /* the first SQLite code that was not good */
    int next;      /* the parameter that the next value is for */
    bool owned;    /* prepared for this query alone, because the prepared one is in use */
} bm_query;

#define BM_AUTO_QUERY BM_AUTO(bm_query_end) bm_query

/* Finalises every statement. The connection stays open. */
void bm_query_pool_fini(bm_query_pool *pool);

/*
 * A SQLite code as ours, with SQLite's own words for the detail, and with what to do where that is known: BM_E_STORE_BUSY, BM_E_STORE_CONFLICT
 * (a constraint), BM_E_NO_MEMORY, BM_E_STORE.
 */
BM_RESULT bm_query_failure(sqlite3 *db, int status);

/* Begins; end it with bm_query_end, also after a failure. In a database that was found damaged nothing but a rollback succeeds. */
bm_query bm_query_begin(bm_query_pool *pool, bm_sql id);
void bm_query_end(bm_query *query);

/* Gives the next value; the bytes and the string must live until the query ends. */
void bm_query_int(bm_query *query, int64_t value);
void bm_query_text(bm_query *query, const char *value);
void bm_query_blob(bm_query *query, bm_bytes value);

/* Steps to the next row; `found` is false behind the last. */
BM_RESULT bm_query_row(bm_query *query, bool *found);

/* Runs a statement that gives no rows. */
BM_RESULT bm_query_run(bm_query *query);

/* Begins, runs and ends a statement without values and rows. */
BM_RESULT bm_query_simple(bm_query_pool *pool, bm_sql id);

/* A column of the row; views live until the next step. NULL is 0, "" and empty. */
int64_t bm_query_get_int(const bm_query *query, int column);
const char *bm_query_get_text(const bm_query *query, int column);
bm_bytes bm_query_get_blob(const bm_query *query, int column);

/* A column of exactly `size` bytes; BM_E_STORE: the database is damaged. */
BM_RESULT bm_query_copy_blob(const bm_query *query, int column, uint8_t *to, size_t size);

/* A column's text and its NUL in `size` bytes; BM_E_STORE: the database is damaged. */
BM_RESULT bm_query_copy_text(const bm_query *query, int column, char *to, size_t size);

/* The lowest and the highest value of `size` bytes that begin with these hex digits (8 or more, at most all). False when it is no such prefix. */
bool bm_query_prefix(bm_bytes hex, size_t size, uint8_t *low, uint8_t *high);

#endif
