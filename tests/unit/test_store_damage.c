/* What a damaged file does: it is found out, and nothing is built upon it. */
#include "unit_store.h"

#include "store/store_sqlite_wal.h"

#include <fcntl.h>

#define PAGE 4096
#define WAL_HEADER 32
#define FRAME (24 + PAGE)
#define ISSUES 4

static bm_bytes read_file(const char *path, bm_buf *out)
{
    int fd = open(path, O_RDONLY);
    struct stat status = {0};
    uint8_t *start = NULL;

    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    assert_ok(bm_buf_extend(out, (size_t)status.st_size, &start));
    assert_non_null(start);
    assert_int_equal(read(fd, start, out->size), out->size);
    assert_int_equal(close(fd), 0);
    return bm_buf_view(out);
}

static void write_file(const char *path, bm_bytes bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.size), bytes.size);
    assert_int_equal(close(fd), 0);
}

/* Turns every bit of some bytes of a file. */
static void damage(const char *path, off_t at, size_t size)
{
    int fd = open(path, O_RDWR);
    uint8_t bytes[PAGE];

    assert_true(fd >= 0 && size <= sizeof(bytes));
    assert_int_equal(pread(fd, bytes, size, at), size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)~bytes[i];
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    assert_int_equal(close(fd), 0);
}

/* The database as a crash leaves it: its file and its write-ahead log, with some issues that no checkpoint has moved; the store is closed. */
typedef struct {
    bm_buf database;
    bm_buf wal;
    char wal_path[128];
} crash;

static void crash_after_issues(fixture *f, crash *left)
{
    *left = (crash){0};
    (void)snprintf(left->wal_path, sizeof(left->wal_path), "%s-wal", f->path);
    for (unsigned i = 0; i < ISSUES; i++) {
        char identity[8];
        bm_store_certificate made;

        (void)snprintf(identity, sizeof(identity), "SN-%u", i);
        made = certificate(i, (uint8_t)(i + 1), identity);
        assert_ok(record(f->store, &made));
    }
    (void)read_file(f->path, &left->database);
    (void)read_file(left->wal_path, &left->wal);
    bm_store_freep(&f->store);
}

/* Puts back what the crash left. */
static void restore(fixture *f, const crash *left)
{
    char shm[128];

    bm_store_freep(&f->store);
    (void)snprintf(shm, sizeof(shm), "%s-shm", f->path);
    (void)unlink(shm);
    write_file(f->path, bm_buf_view(&left->database));
    write_file(left->wal_path, bm_buf_view(&left->wal));
}

static void forget(crash *left)
{
    bm_buf_fini(&left->database);
    bm_buf_fini(&left->wal);
}

/* Opens it as the ledger does at its start. */
static bm_result start(fixture *f)
{
    bm_result result;

    BM_TRY(bm_store_open(f->path, false, &f->store));
    BM_TRY(bm_store_begin(f->store));
    result = bm_store_check_end(f->store);
    bm_store_rollback(f->store);
    return result;
}

/* The number of the first frame of the last transaction: behind the last commit but one. */
static size_t last_transaction(const crash *left)
{
    size_t frames = (left->wal.size - WAL_HEADER) / FRAME;
    size_t commits = 0;

    for (size_t i = frames; i-- > 0;) {
        const uint8_t *size_after = left->wal.data + WAL_HEADER + i * FRAME + 4;

        commits += (size_after[0] | size_after[1] | size_after[2] | size_after[3]) != 0;
        if (commits == 2)
            return i + 1;
    }
    fail();
    return 0;
}

static void a_damage_in_the_write_ahead_log_is_found_wherever_a_later_commit_stands_behind_it(void **state)
{
    fixture *f = *state;
    crash left;
    size_t frames, last;

    crash_after_issues(f, &left);
    frames = (left.wal.size - WAL_HEADER) / FRAME;
    last = last_transaction(&left);
    assert_true(last > 4 && last < frames);
    for (size_t i = 0; i < last; i++) {
        static const off_t places[] = {0, 4, 9, 17, 24, 2000, FRAME - 1}; /* number, commit, salts, checksum, page */

        for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
            write_file(left.wal_path, bm_buf_view(&left.wal));
            damage(left.wal_path, (off_t)(WAL_HEADER + i * FRAME) + places[p], 1);
            assert_code(bm_store_sqlite_wal_check(left.wal_path), BM_E_STORE);
        }
    }
    restore(f, &left);
    damage(left.wal_path, WAL_HEADER + 3 * FRAME + 24, 400);
    assert_code(start(f), BM_E_STORE);
    restore(f, &left);
    assert_ok(start(f));
    assert_int_equal(certificates(f->store), ISSUES);
    forget(&left);
}

/* A power failure may leave a transaction half on the disk: it was not committed, nobody has heard of it. */
static void a_write_ahead_log_that_ends_anywhere_is_taken_up_to_its_last_commit(void **state)
{
    fixture *f = *state;
    crash left;
    size_t last;

    crash_after_issues(f, &left);
    last = last_transaction(&left);
    write_file(left.wal_path, bm_buf_view(&left.wal));
    for (size_t size = left.wal.size - 1; size > 4999; size -= 4999) {
        assert_int_equal(truncate(left.wal_path, (off_t)size), 0);
        assert_ok(bm_store_sqlite_wal_check(left.wal_path));
    }
    restore(f, &left);
    damage(left.wal_path, (off_t)(WAL_HEADER + last * FRAME + 100), 400);
    assert_ok(start(f));
    assert_int_equal(certificates(f->store), ISSUES - 1);
    forget(&left);
}

static void a_write_ahead_log_without_its_header_is_damaged(void **state)
{
    fixture *f = *state;
    crash left;

    crash_after_issues(f, &left);
    for (off_t at = 0; at < WAL_HEADER; at++) {
        write_file(left.wal_path, bm_buf_view(&left.wal));
        damage(left.wal_path, at, 1);
        assert_code(bm_store_sqlite_wal_check(left.wal_path), BM_E_STORE);
    }
    restore(f, &left);
    damage(left.wal_path, 3, 1);
    assert_code(start(f), BM_E_STORE);
    bm_store_freep(&f->store);
    restore(f, &left);
    assert_int_equal(unlink(left.wal_path), 0);
    assert_ok(bm_store_sqlite_wal_check(left.wal_path));
    forget(&left);
}

/* The old frames behind a log that began anew are no commits that are missing. */
static void a_log_that_began_anew_over_a_longer_one_is_whole(void **state)
{
    fixture *f = *state;
    bm_store_certificate more = certificate(100, 100, "SN-100");
    crash left;

    crash_after_issues(f, &left);
    restore(f, &left);
    assert_ok(bm_store_open(f->path, false, &f->store));
    raw_sql(f, "PRAGMA wal_checkpoint(RESTART)");
    assert_ok(record(f->store, &more));
    assert_ok(bm_store_sqlite_wal_check(left.wal_path));
    bm_store_freep(&f->store);
    forget(&left);
}

/* What is read after a damage was found is refused, even where it is whole. */
static void a_database_that_was_found_damaged_is_neither_read_nor_written(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN-1");
    bm_store_certificate second = certificate(2, 2, "SN-2");
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_lookup found;
    uint64_t epoch;
    struct stat status = {0};

    assert_ok(record(f->store, &first));
    bm_store_freep(&f->store); /* everything is in the one file now */
    assert_int_equal(stat(f->path, &status), 0);
    assert_ok(bm_store_open(f->path, false, &f->store));
    assert_ok(bm_store_anchors_epoch(f->store, &epoch));
    for (off_t page = 1; page < status.st_size / PAGE; page++)
        damage(f->path, page * PAGE, 64);
    assert_false(bm_store_is_damaged(f->store));
    assert_code(bm_store_look_up(f->store, ek(1), "SN-1", &found), BM_E_STORE);
    assert_true(bm_store_is_damaged(f->store));
    assert_code(bm_store_anchors_epoch(f->store, &epoch), BM_E_STORE);
    assert_code(record(f->store, &second), BM_E_STORE);
    assert_code(bm_store_find_request(f->store, first.request_id, &der), BM_E_STORE);
    assert_int_equal(der.size, 0);
}

/* An open transaction ends all the same: nobody else waits for it. */
static void a_transaction_in_which_damage_is_found_is_rolled_back(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    struct stat status = {0};

    assert_ok(record(f->store, &made));
    bm_store_freep(&f->store);
    assert_int_equal(stat(f->path, &status), 0);
    assert_ok(bm_store_open(f->path, false, &f->store));
    assert_ok(bm_store_begin(f->store));
    for (off_t page = 1; page < status.st_size / PAGE; page++)
        damage(f->path, page * PAGE, 64);
    made = certificate(2, 2, "SN-2");
    assert_code(bm_store_record_issue(f->store, &made, &der), BM_E_STORE);
    assert_code(bm_store_commit(f->store), BM_E_STORE);
    bm_store_rollback(f->store);
    raw_sql(f, "BEGIN IMMEDIATE; ROLLBACK");
}

static void an_end_of_the_log_that_is_not_whole_is_found_at_the_start(void **state)
{
    static const char *const acts[] = {
        "UPDATE certificate SET der = x'00' WHERE seq = 4",
        "DROP TRIGGER log_no_update; UPDATE log SET subject = 'SN-9' WHERE seq = 3",
        "DROP TRIGGER log_no_delete; PRAGMA foreign_keys = OFF; DELETE FROM log WHERE seq = 4",
        "PRAGMA foreign_keys = OFF; DELETE FROM certificate WHERE seq = 4",
    };
    fixture *f = *state;
    crash left;

    crash_after_issues(f, &left);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        restore(f, &left);
        raw_sql(f, acts[i]);
        assert_code(start(f), BM_E_STORE);
    }
    restore(f, &left);
    assert_ok(start(f));
    for (unsigned i = 100; i < 170; i++) {
        bm_store_certificate made = certificate(i, 1, "SN-0");

        assert_ok(record(f->store, &made));
    }
    bm_store_freep(&f->store);
    assert_ok(start(f));
    forget(&left);
}

static void a_file_that_was_cut_off_is_refused(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    BM_AUTO_BUF whole = BM_BUF_EMPTY;

    assert_ok(record(f->store, &made));
    bm_store_freep(&f->store);
    (void)read_file(f->path, &whole);
    for (size_t size = whole.size - PAGE; size > 0; size -= PAGE) {
        write_file(f->path, bm_bytes_of(whole.data, size));
        assert_code(start(f), BM_E_STORE);
        bm_store_freep(&f->store);
    }
    write_file(f->path, bm_bytes_of(whole.data, 0));
    assert_code(start(f), BM_E_STORE);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_damage_in_the_write_ahead_log_is_found_wherever_a_later_commit_stands_behind_it),
        STORE_TEST(a_write_ahead_log_that_ends_anywhere_is_taken_up_to_its_last_commit),
        STORE_TEST(a_write_ahead_log_without_its_header_is_damaged),
        STORE_TEST(a_log_that_began_anew_over_a_longer_one_is_whole),
        STORE_TEST(a_database_that_was_found_damaged_is_neither_read_nor_written),
        STORE_TEST(a_transaction_in_which_damage_is_found_is_rolled_back),
        STORE_TEST(an_end_of_the_log_that_is_not_whole_is_found_at_the_start),
        STORE_TEST(a_file_that_was_cut_off_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
