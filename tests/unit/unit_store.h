/* What the tests of the store share: a database in a temporary directory, and certificates to record. */
#ifndef BM_TESTS_UNIT_STORE_H
#define BM_TESTS_UNIT_STORE_H

#include "unit.h"

#include "store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1790000000)

/* A temporary directory with a database. */
typedef struct {
    char dir[64];    /* a state directory with a database and nothing else */
    char folder[80]; /* of the database */
    char path[96];
    bm_store *store;
} fixture;

static inline int fixture_begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/bmstore.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->folder, sizeof(f->folder), "%s/database", f->dir);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    (void)snprintf(f->path, sizeof(f->path), "%s/birthmark.db", f->folder);
    assert_ok(bm_store_open(f->path, true, &f->store));
    *state = f;
    return 0;
}

static inline int fixture_end(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-copy"};
    fixture *f = *state;
    char name[128];

    bm_store_free(f->store);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", f->path, suffixes[i]);
        (void)unlink(name);
    }
    assert_int_equal(rmdir(f->folder), 0);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

/* Runs SQL behind the store's back, without its checks. */
static inline void raw_sql(const fixture *f, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The hash of an EK: 32 times the same byte. */
static inline const uint8_t *ek(uint8_t byte)
{
    static uint8_t hashes[256][BM_SHA256_SIZE];

    memset(hashes[byte], byte, BM_SHA256_SIZE);
    return hashes[byte];
}

/* A certificate number `number` for an EK and an identity; its DER and evidence are recognisable text. */
static inline bm_store_certificate certificate(unsigned number, uint8_t ek_byte, const char *identity)
{
    static char der[4][32];
    static unsigned turn;
    char *text = der[turn++ % 4];
    bm_store_certificate made = {.issued = NOW + number, .not_before = NOW, .not_after = NOW + 1000};

    (void)snprintf(text, sizeof(der[0]), "certificate %u", number);
    memset(made.serial, 1, sizeof(made.serial));
    made.serial[0] = (uint8_t)number;
    made.serial[1] = (uint8_t)(number >> 8);
    memset(made.request_id, 2, sizeof(made.request_id));
    made.request_id[0] = (uint8_t)number;
    made.request_id[1] = (uint8_t)(number >> 8);
    memcpy(made.ek_sha256, ek(ek_byte), BM_SHA256_SIZE);
    memset(made.ik_spki_sha256, 3, sizeof(made.ik_spki_sha256));
    (void)snprintf(made.identity, sizeof(made.identity), "%s", identity);
    (void)snprintf(made.profile, sizeof(made.profile), "default");
    made.der = bm_bytes_str(text);
    made.evidence = bm_bytes_str("evidence");
    return made;
}

/* Records in a transaction of its own; rolled back when it fails. */
static inline bm_result record(bm_store *store, const bm_store_certificate *made)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_result result;

    BM_TRY(bm_store_begin(store));
    result = bm_store_record_issue(store, made, &der);
    if (result.code != BM_OK) {
        bm_store_rollback(store);
        return result;
    }
    return bm_store_commit(store);
}

/* Adds a device in a transaction of its own. */
static inline bm_result add_device(bm_store *store, uint8_t ek_byte, const char *identity, bool *changed)
{
    bm_result result;

    BM_TRY(bm_store_begin(store));
    result = bm_store_device_add(store, ek(ek_byte), identity, NOW, changed);
    if (result.code != BM_OK) {
        bm_store_rollback(store);
        return result;
    }
    return bm_store_commit(store);
}

/* Retires the device of an EK. */
static inline void retire(bm_store *store, uint8_t ek_byte)
{
    bm_store_lookup found;

    assert_ok(bm_store_look_up(store, ek(ek_byte), "", &found));
    assert_true(found.known);
    assert_ok(bm_store_begin(store));
    assert_ok(bm_store_device_retire(store, found.device.id, NOW));
    assert_ok(bm_store_commit(store));
}

/* Rows of listings, counted. */
static inline BM_RESULT count_certificate(void *context, const bm_store_certificate *row)
{
    (void)row;
    (*(unsigned *)context)++;
    return bm_ok();
}

/* The same for devices. */
static inline BM_RESULT count_device(void *context, const bm_device *row)
{
    (void)row;
    (*(unsigned *)context)++;
    return bm_ok();
}

static inline unsigned certificates(bm_store *store)
{
    unsigned count = 0;

    assert_ok(bm_store_certificate_list(store, NULL, count_certificate, &count));
    return count;
}

static inline unsigned devices(bm_store *store)
{
    unsigned count = 0;

    assert_ok(bm_store_device_list(store, count_device, &count));
    return count;
}

static inline uint64_t verified(bm_store *store)
{
    uint64_t count = 0;

    assert_ok(bm_store_log_verify(store, &count));
    return count;
}

#endif
