#include "unit_store.h"

#include "store/query.h"

#include <sys/stat.h>

static void a_new_database_is_private_and_empty(void **state)
{
    fixture *f = *state;
    struct stat about;
    uint64_t epoch = 0;

    assert_int_equal(stat(f->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(devices(f->store), 0);
    assert_int_equal(certificates(f->store), 0);
    assert_int_equal(verified(f->store), 0);
    assert_ok(bm_store_anchors_epoch(f->store, &epoch));
    assert_int_equal(epoch, 1);
}

static void a_database_is_not_made_over_another_file(void **state)
{
    fixture *f = *state;
    bm_store *other = NULL;

    assert_code(bm_store_open(f->path, true, &other), BM_E_STORE);
    assert_null(other);
    assert_ok(bm_store_open(f->path, false, &other));
    bm_store_free(other);
}

static void a_database_that_is_not_there_is_not_made_by_opening(void **state)
{
    fixture *f = *state;
    char path[128];
    bm_store *other = NULL;

    (void)snprintf(path, sizeof(path), "%s/none.db", f->dir);
    assert_code(bm_store_open(path, false, &other), BM_E_STORE_NOT_FOUND);
    assert_null(other);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_foreign_or_newer_database_is_refused(void **state)
{
    fixture *f = *state;
    bm_store *other = NULL;

    raw_sql(f, "PRAGMA user_version = 1000");
    assert_code(bm_store_open(f->path, false, &other), BM_E_STORE);
    raw_sql(f, "PRAGMA user_version = 0");
    assert_code(bm_store_open(f->path, false, &other), BM_E_STORE);
    raw_sql(f, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert_code(bm_store_open(f->path, false, &other), BM_E_STORE);
    assert_null(other);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
    fixture *f = *state;
    char path[128];
    char back[64] = "";
    bm_store *other = NULL;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s-copy", f->path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("a letter to a friend, not a database at all", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_code(bm_store_open(path, false, &other), BM_E_STORE);
    assert_code(bm_store_open(path, true, &other), BM_E_STORE);
    assert_null(other);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(back, sizeof(back), file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(back, "a letter to a friend, not a database at all");
}

static void nothing_is_written_outside_a_transaction(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate made = certificate(1, 1, "SN1");
    bm_store_log_entry entry = {.time = NOW, .kind = BM_LOG_REFUSAL, .subject = "SN1", .text = "ek-weak"};
    bm_store_anchor anchor = {.class = BM_CLASS_DISCRETE, .subject = "CN=x", .der = bm_bytes_str("der")};
    bool changed;

    assert_code(bm_store_record_issue(f->store, &made, &der), BM_E_STORE);
    assert_code(bm_store_record_log(f->store, &entry), BM_E_STORE);
    assert_code(bm_store_device_add(f->store, ek(1), "SN1", NOW, &changed), BM_E_STORE);
    assert_code(bm_store_device_retire(f->store, 1, NOW), BM_E_STORE);
    assert_code(bm_store_anchor_add(f->store, &anchor), BM_E_STORE);
    assert_code(bm_store_anchor_remove(f->store, ek(1), NOW), BM_E_STORE);
    assert_code(bm_store_commit(f->store), BM_E_STORE);
    bm_store_rollback(f->store);
    assert_int_equal(der.size, 0);
    assert_int_equal(devices(f->store), 0);
    assert_int_equal(verified(f->store), 0);
}

static void transactions_do_not_nest(void **state)
{
    fixture *f = *state;

    assert_ok(bm_store_begin(f->store));
    assert_code(bm_store_begin(f->store), BM_E_STORE);
    assert_ok(bm_store_commit(f->store));
}

static BM_RESULT see_certificate(void *context, const bm_store_certificate *row)
{
    bm_store_certificate expected = certificate(7, 1, "SN1");

    (*(unsigned *)context)++;
    assert_memory_equal(row->serial, expected.serial, sizeof(expected.serial));
    assert_memory_equal(row->request_id, expected.request_id, sizeof(expected.request_id));
    assert_memory_equal(row->ek_sha256, expected.ek_sha256, sizeof(expected.ek_sha256));
    assert_memory_equal(row->ik_spki_sha256, expected.ik_spki_sha256, sizeof(expected.ik_spki_sha256));
    assert_string_equal(row->identity, "SN1");
    assert_string_equal(row->profile, "default");
    assert_true(row->issued == expected.issued && row->not_before == NOW && row->not_after == NOW + 1000);
    assert_bytes(row->der, expected.der);
    assert_bytes(row->evidence, expected.evidence);
    return bm_ok();
}

static void an_issue_binds_the_identity_and_keeps_everything(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(7, 1, "SN1");
    bm_store_lookup found;
    unsigned seen = 0;

    assert_ok(record(f->store, &made));
    assert_ok(bm_store_certificate_list(f->store, "SN1", see_certificate, &seen));
    assert_ok(bm_store_certificate_find(f->store, bm_bytes_str("0700010101010101010101010101010101010101"), see_certificate, &seen));
    assert_ok(bm_store_certificate_find(f->store, bm_bytes_str("07000101"), see_certificate, &seen));
    assert_int_equal(seen, 3);
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_true(found.known && found.claim == BM_CLAIM_MINE && !found.device.in_inventory);
    assert_string_equal(found.device.identity, "SN1");
    assert_int_equal(found.device.status, BM_DEVICE_ACTIVE);
    assert_int_equal(verified(f->store), 1);
}

static void the_same_request_gives_the_same_certificate_and_changes_nothing(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate again = certificate(2, 1, "SN1");

    assert_ok(record(f->store, &first));
    memcpy(again.request_id, first.request_id, sizeof(again.request_id));
    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_record_issue(f->store, &again, &der));
    assert_ok(bm_store_commit(f->store));
    assert_bytes(bm_buf_view(&der), bm_bytes_str("certificate 1"));
    assert_int_equal(certificates(f->store), 1);
    assert_int_equal(verified(f->store), 1);

    bm_buf_clear(&der);
    assert_ok(bm_store_find_request(f->store, first.request_id, &der));
    assert_bytes(bm_buf_view(&der), bm_bytes_str("certificate 1"));
    assert_code(bm_store_find_request(f->store, ek(9), &der), BM_E_STORE_NOT_FOUND);
}

static void the_same_request_by_another_ek_is_refused(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate again = certificate(2, 2, "SN2");

    assert_ok(record(f->store, &first));
    memcpy(again.request_id, first.request_id, sizeof(again.request_id));
    assert_code(record(f->store, &again), BM_E_STORE_CONFLICT);
}

static void an_identity_of_another_ek_is_taken(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate other = certificate(2, 2, "SN1");
    bm_store_lookup found;

    assert_ok(record(f->store, &first));
    assert_ok(bm_store_look_up(f->store, ek(2), "SN1", &found));
    assert_true(!found.known && found.claim == BM_CLAIM_TAKEN);
    assert_code(record(f->store, &other), BM_E_IDENTITY_TAKEN);
    assert_int_equal(devices(f->store), 1);
    assert_int_equal(certificates(f->store), 1);
}

static void names_that_differ_in_case_alone_are_one_identity(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN-a1");
    bm_store_certificate other = certificate(2, 2, "sn-A1");
    bm_store_lookup found;
    bool changed;

    /* RFC 5280, 7.1 compares names without case: two devices of such names would be one to who verifies them. */
    assert_ok(record(f->store, &first));
    assert_ok(bm_store_look_up(f->store, ek(2), "sn-A1", &found));
    assert_int_equal(found.claim, BM_CLAIM_TAKEN);
    assert_code(record(f->store, &other), BM_E_IDENTITY_TAKEN);
    assert_code(add_device(f->store, 3, "SN-A1", &changed), BM_E_IDENTITY_TAKEN);
    assert_int_equal(devices(f->store), 1);
}

static void an_ek_has_one_identity_for_good(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate other = certificate(2, 1, "SN2");
    bm_store_lookup found;

    assert_ok(record(f->store, &first));
    assert_code(record(f->store, &other), BM_E_IDENTITY_MISMATCH);
    assert_ok(bm_store_look_up(f->store, ek(1), "SN2", &found));
    assert_true(found.known && found.claim == BM_CLAIM_FREE);
    assert_string_equal(found.device.identity, "SN1");
}

static void a_retired_device_gets_nothing_and_leaves_its_identity_to_the_operator(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate again = certificate(2, 1, "SN1");
    bm_store_certificate heir = certificate(3, 2, "SN1");
    bm_store_lookup found;
    bool changed = false;

    assert_ok(record(f->store, &first));
    retire(f->store, 1);
    assert_code(record(f->store, &again), BM_E_DEVICE_RETIRED);
    assert_code(record(f->store, &first), BM_E_DEVICE_RETIRED);
    /* A claim does not inherit; an operator's row does. */
    assert_ok(bm_store_look_up(f->store, ek(2), "SN1", &found));
    assert_int_equal(found.claim, BM_CLAIM_TAKEN);
    assert_code(record(f->store, &heir), BM_E_IDENTITY_TAKEN);
    assert_ok(add_device(f->store, 2, "SN1", &changed));
    assert_true(changed);
    assert_ok(bm_store_look_up(f->store, ek(2), "SN1", &found));
    assert_int_equal(found.claim, BM_CLAIM_MINE);
    assert_ok(record(f->store, &heir));
    assert_code(record(f->store, &again), BM_E_DEVICE_RETIRED);
}

static void an_inventory_row_without_a_serial_is_bound_by_its_first_claim(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN1");
    bm_store_lookup found;
    bool changed;

    assert_ok(add_device(f->store, 1, "", &changed));
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_true(found.known && found.device.in_inventory && found.device.identity[0] == 0 && found.claim == BM_CLAIM_FREE);
    assert_ok(record(f->store, &made));
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_true(found.device.in_inventory && found.claim == BM_CLAIM_MINE);
    assert_int_equal(devices(f->store), 1);
}

static void a_serial_number_is_used_once(void **state)
{
    fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate other = certificate(2, 2, "SN2");
    bm_store_lookup found;

    assert_ok(record(f->store, &first));
    memcpy(other.serial, first.serial, sizeof(other.serial));
    assert_code(record(f->store, &other), BM_E_STORE_CONFLICT);
    assert_ok(bm_store_look_up(f->store, ek(2), "SN2", &found));
    assert_true(!found.known && found.claim == BM_CLAIM_FREE);
}

static void a_refused_issue_leaves_the_others_of_its_transaction(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate thief = certificate(2, 2, "SN1");
    bm_store_certificate third = certificate(3, 3, "SN3");

    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_record_issue(f->store, &first, &der));
    assert_code(bm_store_record_issue(f->store, &thief, &der), BM_E_IDENTITY_TAKEN);
    assert_ok(bm_store_record_issue(f->store, &third, &der));
    assert_ok(bm_store_commit(f->store));
    assert_bytes(bm_buf_view(&der), bm_bytes_str("certificate 1certificate 3"));
    assert_int_equal(certificates(f->store), 2);
    assert_int_equal(devices(f->store), 2);
    assert_int_equal(verified(f->store), 2);
}

/* The log refuses the row, after the device was made: what fails half-way must take its first half back. */
static void an_issue_that_fails_half_way_leaves_nothing_behind(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate first = certificate(1, 1, "SN1");
    bm_store_certificate second = certificate(2, 2, "SN2");

    raw_sql(f, "CREATE TRIGGER fault BEFORE INSERT ON certificate WHEN NEW.serial = x'0200010101010101010101010101010101010101'"
               " BEGIN SELECT RAISE(ABORT, 'fault'); END");
    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_record_issue(f->store, &first, &der));
    assert_code(bm_store_record_issue(f->store, &second, &der), BM_E_STORE_CONFLICT);
    assert_ok(bm_store_commit(f->store));
    assert_bytes(bm_buf_view(&der), bm_bytes_str("certificate 1"));
    assert_int_equal(devices(f->store), 1);
    assert_int_equal(certificates(f->store), 1);
    assert_int_equal(verified(f->store), 1);
}

static void what_was_rolled_back_never_was(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate made = certificate(1, 1, "SN1");
    bm_store_lookup found;
    bool changed;

    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_record_issue(f->store, &made, &der));
    assert_ok(bm_store_device_add(f->store, ek(2), "SN2", NOW, &changed));
    bm_store_rollback(f->store);
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_true(!found.known && found.claim == BM_CLAIM_FREE);
    assert_int_equal(devices(f->store), 0);
    assert_int_equal(verified(f->store), 0);
    assert_ok(record(f->store, &made));
    assert_int_equal(verified(f->store), 1);
}

static void names_that_are_none_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {"", " SN", "SN 1", "-SN", "SN\n", "SN/1", "S'N", "\xC3\xA9"};
    bm_store_certificate made = certificate(1, 1, "SN1");
    bool changed;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        made = certificate(1, 1, bad[i]);
        assert_code(record(f->store, &made), BM_E_IDENTITY_INVALID);
        if (bad[i][0] != 0)
            assert_code(add_device(f->store, 1, bad[i], &changed), BM_E_IDENTITY_INVALID);
    }
    made = certificate(1, 1, "SN1");
    made.profile[0] = 0;
    assert_code(record(f->store, &made), BM_E_STORE);
    made = certificate(1, 1, "SN1");
    made.der = bm_bytes_of(NULL, 0);
    assert_code(record(f->store, &made), BM_E_STORE);
    assert_int_equal(devices(f->store), 0);
}

static void a_serial_is_found_by_a_prefix_that_is_the_only_one(void **state)
{
    fixture *f = *state;
    bm_store_certificate one = certificate(1, 1, "SN1");
    bm_store_certificate two = certificate(2, 1, "SN1");
    unsigned seen = 0;

    memset(one.serial, 0x1A, sizeof(one.serial));
    memset(two.serial, 0x1A, sizeof(two.serial));
    two.serial[4] = 0x1B;
    assert_ok(record(f->store, &one));
    assert_ok(record(f->store, &two));
    assert_code(bm_store_certificate_find(f->store, bm_bytes_str("1a1a1a1a"), count_certificate, &seen), BM_E_STORE_CONFLICT);
    assert_code(bm_store_certificate_find(f->store, bm_bytes_str("1a1a1a1a1"), count_certificate, &seen), BM_E_STORE_CONFLICT);
    assert_code(bm_store_certificate_find(f->store, bm_bytes_str("1a1a1a1b"), count_certificate, &seen), BM_E_STORE_NOT_FOUND);
    assert_code(bm_store_certificate_find(f->store, bm_bytes_str("1a1a"), count_certificate, &seen), BM_E_STORE_NOT_FOUND);
    assert_code(bm_store_certificate_find(f->store, bm_bytes_str("1a1a1a1g"), count_certificate, &seen), BM_E_STORE_NOT_FOUND);
    assert_code(bm_store_certificate_find(f->store, bm_bytes_str(""), count_certificate, &seen), BM_E_STORE_NOT_FOUND);
    assert_int_equal(seen, 0);
    assert_ok(bm_store_certificate_find(f->store, bm_bytes_str("1A1A1A1A1B"), count_certificate, &seen));
    assert_int_equal(seen, 1);
}

static BM_RESULT stop(void *context, const bm_store_certificate *row)
{
    (void)row;
    (*(unsigned *)context)++;
    return bm_fail(BM_E_INTERRUPTED, "enough");
}

static void a_listing_ends_when_its_reader_says_so(void **state)
{
    fixture *f = *state;
    bm_store_certificate one = certificate(1, 1, "SN1");
    bm_store_certificate two = certificate(2, 1, "SN1");
    unsigned seen = 0;

    assert_ok(record(f->store, &one));
    assert_ok(record(f->store, &two));
    assert_code(bm_store_certificate_list(f->store, NULL, stop, &seen), BM_E_INTERRUPTED);
    assert_int_equal(seen, 1);
    assert_int_equal(certificates(f->store), 2);
    assert_ok(bm_store_certificate_list(f->store, "SN2", stop, &seen));
}

static void memory_that_runs_out_below_sqlite_is_no_fault_of_the_database(void **state)
{
    (void)state;
    assert_code(bm_query_failure(NULL, SQLITE_NOMEM), BM_E_NO_MEMORY);
    assert_code(bm_query_failure(NULL, SQLITE_IOERR_NOMEM), BM_E_NO_MEMORY);
    assert_code(bm_query_failure(NULL, SQLITE_IOERR_READ), BM_E_STORE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_new_database_is_private_and_empty),
        T(a_database_is_not_made_over_another_file),
        T(a_database_that_is_not_there_is_not_made_by_opening),
        T(a_foreign_or_newer_database_is_refused),
        T(a_file_that_is_no_database_is_refused_and_left_alone),
        T(nothing_is_written_outside_a_transaction),
        T(transactions_do_not_nest),
        T(an_issue_binds_the_identity_and_keeps_everything),
        T(the_same_request_gives_the_same_certificate_and_changes_nothing),
        T(the_same_request_by_another_ek_is_refused),
        T(an_identity_of_another_ek_is_taken),
        T(names_that_differ_in_case_alone_are_one_identity),
        T(an_ek_has_one_identity_for_good),
        T(a_retired_device_gets_nothing_and_leaves_its_identity_to_the_operator),
        T(an_inventory_row_without_a_serial_is_bound_by_its_first_claim),
        T(a_serial_number_is_used_once),
        T(a_refused_issue_leaves_the_others_of_its_transaction),
        T(an_issue_that_fails_half_way_leaves_nothing_behind),
        T(what_was_rolled_back_never_was),
        T(names_that_are_none_are_refused),
        T(a_serial_is_found_by_a_prefix_that_is_the_only_one),
        T(a_listing_ends_when_its_reader_says_so),
        cmocka_unit_test(memory_that_runs_out_below_sqlite_is_no_fault_of_the_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
