/* Durable rows: SQLite as the store opens it (store/store_sqlite.c), with one table that has no index and no rule. */
#include "floor.h"

#include "store/store.h"

#include <stdlib.h>
#include <unistd.h>

static void run(sqlite3 *db, const char *sql)
{
    FLOOR_MUST(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    FLOOR_MUST(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK);
    return statement;
}

/* The page size of a new database of the store's. */
static int page_size_of_store(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement;
    bm_store *store = NULL;
    int size;

    assert_ok(bm_store_open(path, true, &store));
    bm_store_free(store);
    FLOOR_MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    statement = prepare(db, "PRAGMA page_size");
    FLOOR_MUST(sqlite3_step(statement) == SQLITE_ROW);
    size = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return size;
}

static void set_up(sqlite3 *db, int page_size)
{
    char pragma[64];

    (void)snprintf(pragma, sizeof(pragma), "PRAGMA page_size = %d", page_size);
    run(db, pragma);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;"
            "CREATE TABLE record (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;");
}

void floor_row_init(floor_row *row)
{
    const char *where = getenv("TMPDIR");
    char path[96];

    *row = (floor_row){.db = NULL};
    FLOOR_MUST((size_t)snprintf(row->directory, sizeof(row->directory), "%s/bmfloor.XXXXXX", where != NULL ? where : "/tmp") <
               sizeof(row->directory));
    FLOOR_MUST(mkdtemp(row->directory) != NULL);
    (void)snprintf(path, sizeof(path), "%s/floor.db", row->directory);
    FLOOR_MUST(sqlite3_open_v2(path, &row->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK);
    (void)snprintf(path, sizeof(path), "%s/store.db", row->directory);
    set_up(row->db, page_size_of_store(path));
    row->begin = prepare(row->db, "BEGIN IMMEDIATE");
    row->insert = prepare(row->db, "INSERT INTO record (content) VALUES (?1)");
    row->commit = prepare(row->db, "COMMIT");
    FLOOR_MUST(sqlite3_bind_blob(row->insert, 1, row->row, sizeof(row->row), SQLITE_STATIC) == SQLITE_OK);
}

void floor_row_fini(floor_row *row)
{
    static const char *const names[] = {"floor.db", "floor.db-wal", "floor.db-shm", "store.db", "store.db-wal", "store.db-shm"};
    char path[96];

    (void)sqlite3_finalize(row->begin);
    (void)sqlite3_finalize(row->insert);
    (void)sqlite3_finalize(row->commit);
    (void)sqlite3_close(row->db);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", row->directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(row->directory);
}

static void step(sqlite3_stmt *statement)
{
    FLOOR_MUST(sqlite3_step(statement) == SQLITE_DONE && sqlite3_reset(statement) == SQLITE_OK);
}

__attribute__((noinline)) void floor_row_write(floor_pair *pair)
{
    step(pair->row.begin);
    for (int i = 0; i < FLOOR_GROUP; i++)
        step(pair->row.insert);
    step(pair->row.commit);
}
