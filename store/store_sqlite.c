#include "store/store_sqlite.h"

#include "store/store_sqlite_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
#define APPLICATION_ID 0x424D524B /* "BMRK" */
#define SCHEMA_VERSION 4

/* For each connection. In WAL mode, FULL is what makes a commit durable before it returns. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -16384;"
                               "PRAGMA wal_autocheckpoint = 4000;" /* 16 MiB */
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;";

static const char layout[] = "PRAGMA page_size = 4096;"
                             "PRAGMA journal_mode = WAL;";

/* Version 1; what later versions changed is in `steps`, so that a new database and one that was brought up to date are the same. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('anchors_epoch', 1);"
    "CREATE TABLE anchor ("
    " sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),"
    " class INTEGER NOT NULL,"
    " added INTEGER NOT NULL,"
    " subject TEXT NOT NULL,"
    " der BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE device ("
    " id INTEGER PRIMARY KEY,"
    " ek_sha256 BLOB NOT NULL UNIQUE CHECK (length(ek_sha256) = 32),"
    " identity TEXT COLLATE NOCASE CHECK (identity <> ''),"
    " in_inventory INTEGER NOT NULL CHECK (in_inventory IN (0, 1)),"
    " status INTEGER NOT NULL CHECK (status IN (0, 1)),"
    " created INTEGER NOT NULL,"
    " changed INTEGER NOT NULL"
    ") STRICT;"
    /* At most one active device has an identity, any number of retired ones: one index that says so and finds them all. */
    "CREATE UNIQUE INDEX device_identity ON device (identity, CASE status WHEN 0 THEN 0 ELSE id END);"
    /* AUTOINCREMENT: the last number is kept apart, so that a log whose end was cut off shows. */
    "CREATE TABLE log ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " time INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " subject TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " evidence BLOB NOT NULL,"
    " hash BLOB NOT NULL CHECK (length(hash) = 32)"
    ") STRICT;"
    "CREATE TRIGGER log_no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;"
    "CREATE TRIGGER log_no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;"
    /* A certificate has the number of the entry that logs it. */
    "CREATE TABLE certificate ("
    " seq INTEGER PRIMARY KEY REFERENCES log (seq),"
    " serial BLOB NOT NULL UNIQUE CHECK (length(serial) = 20),"
    " request_id BLOB NOT NULL UNIQUE CHECK (length(request_id) = 32),"
    " device_id INTEGER NOT NULL REFERENCES device (id),"
    " ik_spki_sha256 BLOB NOT NULL CHECK (length(ik_spki_sha256) = 32),"
    " profile TEXT NOT NULL,"
    " issued INTEGER NOT NULL,"
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " der BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX certificate_device ON certificate (device_id);"
    "PRAGMA application_id = 1112363595;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

/* steps[N - 1] makes version N + 1 of version N. */
static const char *const steps[SCHEMA_VERSION - 1] = {
    /* The vendors' CRLs: what they revoke, as servers search it, and the list itself behind it. */
    "CREATE TABLE crl ("
    " sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),"
    " scope BLOB NOT NULL UNIQUE CHECK (length(scope) = 32),"
    " issuer TEXT NOT NULL,"
    " number BLOB NOT NULL,"
    " this_update INTEGER NOT NULL,"
    " next_update INTEGER NOT NULL,"
    " added INTEGER NOT NULL,"
    " count INTEGER NOT NULL,"
    " ids BLOB NOT NULL CHECK (length(ids) = 16 * count),"
    " der BLOB NOT NULL"
    ") STRICT;"
    "PRAGMA user_version = 2;",
    /* When the last of a device's certificates ends is one entry of the index, however many it has had. */
    "DROP INDEX IF EXISTS certificate_device;"
    "CREATE INDEX certificate_device ON certificate (device_id, not_after);"
    "PRAGMA user_version = 3;",
    /*
     * When an operator last let a device in. It was in `changed` before, which every other act on the device
     * sets as well: only the log knows which it was, so who was let in is what the log says, and nobody else.
     * By one pass over it, since it has no index for that.
     */
    "ALTER TABLE device ADD COLUMN admitted INTEGER NOT NULL DEFAULT 0;"
    "UPDATE device SET admitted = acts.time"
    " FROM (SELECT evidence, max(time) AS time FROM log WHERE kind = 3 AND text = 'admit device'"
    " GROUP BY evidence) AS acts"
    " WHERE acts.evidence = device.ek_sha256;"
    "PRAGMA user_version = 4;",
};

static BM_RESULT run_script(sqlite3 *db, const char *script)
{
    int status = sqlite3_exec(db, script, NULL, NULL, NULL);

    return status == SQLITE_OK ? bm_ok() : bm_query_failure(db, status);
}

static BM_RESULT read_number(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (status == SQLITE_OK)
        status = sqlite3_step(statement);
    if (status == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return status == SQLITE_ROW ? bm_ok() : bm_query_failure(db, status);
}

/* Makes the file, so that its mode is ours and nobody else's file is taken for a new database. */
static BM_RESULT make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return bm_failf(BM_E_STORE, "%s cannot be made: %s", path, strerror(errno));
    (void)close(fd);
    return bm_ok();
}

static BM_RESULT check_is_ours(sqlite3 *db, const char *path)
{
    int64_t value = 0;

    BM_TRY(read_number(db, "PRAGMA application_id", &value));
    if (value != APPLICATION_ID)
        return bm_failf(BM_E_STORE, "%s is not a Birthmark database", path);
    BM_TRY(read_number(db, "PRAGMA user_version", &value));
    if (value < 1 || value > SCHEMA_VERSION)
        return bm_failf(BM_E_STORE, "%s was made by another version of Birthmark (schema %lld; this one knows 1 to %d): use that version",
                        path, (long long)value, SCHEMA_VERSION);
    return bm_ok();
}

/* The steps from the version that the database has, in the transaction that is open: another process may just have made them. */
static BM_RESULT make_steps(sqlite3 *db)
{
    int64_t version = 0;

    BM_TRY(read_number(db, "PRAGMA user_version", &version));
    for (; version >= 1 && version < SCHEMA_VERSION; version++)
        BM_TRY(run_script(db, steps[version - 1]));
    return run_script(db, "COMMIT");
}

/* Brings the schema up to date: to all of it, or to nothing of it. */
static BM_RESULT upgrade(sqlite3 *db)
{
    int64_t version = 0;
    bm_result result;

    BM_TRY(read_number(db, "PRAGMA user_version", &version));
    if (version == SCHEMA_VERSION)
        return bm_ok();
    BM_TRY(run_script(db, "BEGIN IMMEDIATE"));
    result = make_steps(db);
    if (result.code != BM_OK)
        bm_result_ignore(run_script(db, "ROLLBACK"));
    return result;
}

static BM_RESULT set_up(sqlite3 *db, const char *path, bool create)
{
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (create)
        BM_TRY(run_script(db, layout));
    BM_TRY(run_script(db, settings));
    if (create)
        BM_TRY(run_script(db, schema));
    BM_TRY(check_is_ours(db, path));
    return upgrade(db);
}

static void close_database(bm_store *store)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);

    bm_query_pool_fini(pool);
    /* The ledger cannot remove its write-ahead log: left behind it is empty, so that no backup that is put in its place meets newer pages. */
    if (pool->db != NULL && !pool->damaged && sqlite3_get_autocommit(pool->db)) {
        (void)sqlite3_busy_timeout(pool->db, 0);
        (void)sqlite3_wal_checkpoint_v2(pool->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    (void)sqlite3_close_v2(pool->db); /* rolls back what is open */
    free(store);
}

/* For BM_AUTO. */
static void close_opened(bm_store **store)
{
    if (*store != NULL)
        close_database(*store);
}

static BM_RESULT begin_reading(bm_store *store)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);

    BM_CHECK(sqlite3_get_autocommit(pool->db), BM_E_STORE, "a transaction is open already");
    return bm_query_simple(pool, BM_SQL_BEGIN_READING);
}

static BM_RESULT begin(bm_store *store)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);

    BM_CHECK(sqlite3_get_autocommit(pool->db), BM_E_STORE, "a transaction is open already");
    /* SQLite opens a file that may only be read without a word, and begins a transaction that can write nothing. */
    if (sqlite3_db_readonly(pool->db, "main") == 1)
        return bm_query_failure(NULL, SQLITE_READONLY);
    return bm_query_simple(pool, BM_SQL_BEGIN);
}

static BM_RESULT commit(bm_store *store)
{
    BM_TRY(bm_store_sqlite_in_transaction(bm_store_sqlite_pool(store)));
    return bm_query_simple(bm_store_sqlite_pool(store), BM_SQL_COMMIT);
}

static void rollback(bm_store *store)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);

    if (!sqlite3_get_autocommit(pool->db))
        bm_result_ignore(bm_query_simple(pool, BM_SQL_ROLLBACK));
}

static void set_patience(bm_store *store, unsigned milliseconds)
{
    (void)sqlite3_busy_timeout(bm_store_sqlite_pool(store)->db, (int)milliseconds);
}

static bool is_damaged(const bm_store *store)
{
    return ((const bm_store_sqlite *)(const void *)store)->pool.damaged;
}

static BM_RESULT check_end(bm_store *store)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(bm_store_sqlite_wal_check(sqlite3_filename_wal(sqlite3_db_filename(pool->db, "main"))));
    return bm_store_sqlite_log_check_end(pool);
}

static const bm_store_ops sqlite_ops = {
    .name = "sqlite",
    .free = close_database,
    .set_patience = set_patience,
    .is_damaged = is_damaged,
    .check_end = check_end,
    .begin_reading = begin_reading,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .look_up = bm_store_sqlite_device_look_up,
    .find_request = bm_store_sqlite_certificate_request,
    .record_issue = bm_store_sqlite_certificate_record,
    .record_log = bm_store_sqlite_log_record,
    .anchors_epoch = bm_store_sqlite_anchor_epoch,
    .anchor_add = bm_store_sqlite_anchor_add,
    .anchor_remove = bm_store_sqlite_anchor_remove,
    .anchor_list = bm_store_sqlite_anchor_list,
    .crl_add = bm_store_sqlite_crl_add,
    .crl_remove = bm_store_sqlite_crl_remove,
    .crl_list = bm_store_sqlite_crl_list,
    .revoked_list = bm_store_sqlite_crl_revoked,
    .device_add = bm_store_sqlite_device_add,
    .device_retire = bm_store_sqlite_device_retire,
    .device_admit = bm_store_sqlite_device_admit,
    .device_find = bm_store_sqlite_device_find,
    .device_list = bm_store_sqlite_device_list,
    .certificate_list = bm_store_sqlite_certificate_list,
    .certificate_find = bm_store_sqlite_certificate_find,
    .log_list = bm_store_sqlite_log_list,
    .log_verify = bm_store_sqlite_log_verify,
};

static BM_RESULT open_database(const char *path, bool create, bm_store **store)
{
    BM_AUTO(close_opened) bm_store *opened = NULL;
    bm_store_sqlite *own;
    uint8_t byte;
    int status;

    own = calloc(1, sizeof(*own));
    BM_CHECK(own != NULL, BM_E_NO_MEMORY, NULL);
    own->base.ops = &sqlite_ops;
    opened = &own->base;
    status = sqlite3_open_v2(path, &own->pool.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (status != SQLITE_OK)
        return bm_failf(BM_E_STORE, "%s cannot be opened: %s", path, sqlite3_errstr(status));
    BM_TRY(set_up(own->pool.db, path, create));
    /* Its generator opens its device at the first use, which may come when nothing can be opened any more (server/sandbox.c). */
    sqlite3_randomness(sizeof(byte), &byte);
    *store = opened;
    opened = NULL;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_open(const char *path, bool create, bm_store **store)
{
    bm_result result;

    if (create)
        BM_TRY(make_file(path));
    else if (access(path, F_OK) != 0 && errno == ENOENT)
        return bm_failf(BM_E_STORE_NOT_FOUND, "there is no database %s", path);
    result = open_database(path, create, store);
    if (create && result.code != BM_OK)
        (void)unlink(path);
    return result;
}
