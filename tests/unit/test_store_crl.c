#include "unit_store.h"

#include "x509/revoked.h"

/* A CRL number `number` of a vendor: its ids are so many, and each has the byte in it. */
static bm_store_crl crl_of(unsigned number, uint8_t vendor, size_t count, bm_buf *ids)
{
    bm_store_crl made = {.issuer = "CN=Vendor",
                         .number = bm_bytes_of("\x05", 1),
                         .this_update = NOW,
                         .next_update = NOW + 100,
                         .added = NOW + number,
                         .count = count,
                         .der = bm_bytes_str("a crl")};

    memset(made.sha256, (int)number, sizeof(made.sha256));
    memset(made.scope, vendor, sizeof(made.scope));
    for (size_t i = 0; i < count; i++) {
        uint8_t id[BM_REVOKED_ID_SIZE] = {vendor, (uint8_t)number, (uint8_t)i};

        assert_ok(bm_buf_put(ids, BM_BYTES_ARRAY(id)));
    }
    made.ids = bm_buf_view(ids);
    return made;
}

static bm_result change(bm_store *store, bm_result result)
{
    if (result.code == BM_OK)
        return bm_store_commit(store);
    bm_store_rollback(store);
    return result;
}

static bm_result add(bm_store *store, unsigned number, uint8_t vendor, size_t count)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    const bm_store_crl crl = crl_of(number, vendor, count, &ids);

    BM_TRY(bm_store_begin(store));
    return change(store, bm_store_crl_add(store, &crl));
}

static bm_result drop(bm_store *store, unsigned number)
{
    uint8_t sha256[BM_SHA256_SIZE];

    memset(sha256, (int)number, sizeof(sha256));
    BM_TRY(bm_store_begin(store));
    return change(store, bm_store_crl_remove(store, sha256, NOW));
}

/* "number:count" of each, in order. */
static BM_RESULT write_crl(void *context, const bm_store_crl *crl)
{
    assert_string_equal(crl->issuer, "CN=Vendor");
    assert_bytes(crl->number, bm_bytes_of("\x05", 1));
    assert_int_equal(crl->next_update, NOW + 100);
    return bm_buf_putf(context, "%u:%u ", crl->sha256[0], (unsigned)crl->count);
}

static void listed(bm_store *store, const char *wanted)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    assert_ok(bm_store_crl_list(store, write_crl, &text));
    assert_bytes(bm_buf_view(&text), bm_bytes_str(wanted));
}

static BM_RESULT count_ids(void *context, bm_bytes ids)
{
    *(size_t *)context += ids.size / BM_REVOKED_ID_SIZE;
    return bm_ok();
}

static void revoked(bm_store *store, size_t wanted)
{
    size_t count = 0;

    assert_ok(bm_store_revoked_list(store, count_ids, &count));
    assert_int_equal(count, wanted);
}

static uint64_t epoch(bm_store *store)
{
    uint64_t number = 0;

    assert_ok(bm_store_anchors_epoch(store, &number));
    return number;
}

static BM_RESULT write_act(void *context, const bm_store_log_entry *entry)
{
    return bm_buf_putf(context, "%s %.2s %.*s;", entry->text, entry->subject, (int)entry->evidence.size, (const char *)entry->evidence.data);
}

static void crls_are_added_replaced_and_removed_and_each_act_is_logged(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF acts = BM_BUF_EMPTY;
    uint64_t before = epoch(f->store);

    assert_ok(add(f->store, 1, 7, 3));
    assert_ok(add(f->store, 2, 8, 0));
    listed(f->store, "1:3 2:0 ");
    revoked(f->store, 3);
    assert_ok(add(f->store, 3, 7, 5));
    listed(f->store, "2:0 3:5 ");
    revoked(f->store, 5);
    assert_ok(drop(f->store, 3));
    listed(f->store, "2:0 ");
    revoked(f->store, 0);
    assert_int_equal(epoch(f->store), before + 4);
    assert_ok(bm_store_log_list(f->store, 0, write_act, &acts));
    assert_bytes(bm_buf_view(&acts),
                 bm_bytes_str("add crl 01 CN=Vendor;add crl 02 CN=Vendor;replace crl 03 CN=Vendor;remove crl 03 ;"));
    assert_int_equal(verified(f->store), 4);
}

static void what_is_no_crl_is_refused_and_changes_nothing(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    bm_store_crl crl = crl_of(1, 7, 2, &ids);
    uint64_t before = epoch(f->store);

    assert_code(bm_store_crl_add(f->store, &crl), BM_E_STORE); /* no transaction */
    assert_code(bm_store_crl_remove(f->store, crl.sha256, NOW), BM_E_STORE);
    assert_ok(bm_store_begin(f->store));
    crl.count = 3;
    assert_code(bm_store_crl_add(f->store, &crl), BM_E_STORE);
    crl.count = 2;
    crl.der = bm_bytes_of(NULL, 0);
    assert_code(bm_store_crl_add(f->store, &crl), BM_E_STORE);
    assert_code(bm_store_crl_remove(f->store, crl.sha256, NOW), BM_E_STORE_NOT_FOUND);
    assert_ok(bm_store_commit(f->store));
    listed(f->store, "");
    assert_int_equal(epoch(f->store), before);
    assert_ok(add(f->store, 1, 7, 2));
    /* the same list under another scope: there is something wrong with the caller */
    assert_code(add(f->store, 1, 9, 2), BM_E_STORE_CONFLICT);
    listed(f->store, "1:2 ");
}

/* Makes the fixture's database what the first version of the schema left, with a device, an anchor and a log in it. */
static void make_version_1(fixture *f)
{
    const bm_store_anchor anchor = {.class = BM_CLASS_FIRMWARE, .added = NOW, .subject = "CN=Anchor", .der = bm_bytes_str("der")};
    const bm_store_certificate made = certificate(1, 1, "SN-1");

    assert_ok(record(f->store, &made));
    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_anchor_add(f->store, &anchor));
    assert_ok(bm_store_commit(f->store));
    raw_sql(f, "ALTER TABLE device DROP COLUMN admitted;"
               "DROP TABLE crl; DROP INDEX certificate_device; CREATE INDEX certificate_device ON certificate (device_id);"
               "PRAGMA user_version = 1");
}

static void a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it(void **state)
{
    fixture *f = *state;
    bm_store *again = NULL;
    bm_store *both = NULL;

    make_version_1(f);
    assert_ok(bm_store_open(f->path, false, &again));
    assert_int_equal(certificates(again), 1);
    assert_int_equal(devices(again), 1);
    assert_int_equal(verified(again), 2);
    listed(again, "");
    assert_ok(add(again, 1, 7, 3));
    /* once is enough, and who had it open goes on */
    assert_ok(bm_store_open(f->path, false, &both));
    listed(both, "1:3 ");
    listed(f->store, "1:3 ");
    assert_int_equal(verified(f->store), 3);
    bm_store_free(again);
    bm_store_free(both);
}

static void an_update_that_fails_leaves_the_database_as_it_was(void **state)
{
    fixture *f = *state;
    bm_store *again = NULL;

    make_version_1(f);
    raw_sql(f, "CREATE TABLE crl (somebody TEXT) STRICT");
    assert_code(bm_store_open(f->path, false, &again), BM_E_STORE);
    assert_null(again);
    raw_sql(f, "INSERT INTO crl VALUES ('is here'); DROP TABLE crl");
    assert_ok(bm_store_open(f->path, false, &again));
    assert_int_equal(certificates(again), 1);
    bm_store_free(again);
}

/*
 * An act of an operator on the device with this EK, as versions before wrote it, with the time in `changed`
 * whatever it was.
 */
static void act(fixture *f, uint8_t ek_byte, int64_t now, bool admits)
{
    bm_store_lookup found;
    bool changed;

    assert_ok(bm_store_look_up(f->store, ek(ek_byte), "", &found));
    assert_ok(bm_store_begin(f->store));
    if (admits)
        assert_ok(bm_store_device_admit(f->store, found.device.id, now));
    else
        assert_ok(bm_store_device_add(f->store, ek(ek_byte), "", now, &changed));
    assert_ok(bm_store_commit(f->store));
}

static void admitted_at(bm_store *store, uint8_t ek_byte, int64_t expected)
{
    bm_store_lookup found;

    assert_ok(bm_store_look_up(store, ek(ek_byte), "", &found));
    assert_true(found.known);
    assert_int_equal(found.device.admitted, expected);
}

/*
 * Before version 4 the time of any act stood for a device's admission: an update lets in whom the log says,
 * and nobody else.
 */
static void an_update_lets_in_whom_an_operator_let_in_and_nobody_else(void **state)
{
    fixture *f = *state;
    bm_store_log_entry refusal = {.time = NOW + 9000, .kind = BM_LOG_REFUSAL, .subject = "SN-4", .text = "admit device"};
    bm_store *again = NULL;

    for (uint8_t i = 1; i <= 4; i++) {
        const bm_store_certificate made = certificate(i, i, (const char *const[]){"SN-1", "SN-2", "SN-3", "SN-4"}[i - 1]);

        assert_ok(record(f->store, &made));
    }
    act(f, 1, NOW + 5000, false);
    act(f, 2, NOW + 4000, true);
    act(f, 2, NOW + 6000, true);
    act(f, 3, NOW + 5500, true);
    act(f, 3, NOW + 7000, false);
    /* what only looks like an operator's act */
    refusal.evidence = bm_bytes_of(ek(4), BM_SHA256_SIZE);
    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_record_log(f->store, &refusal));
    assert_ok(bm_store_commit(f->store));
    raw_sql(f, "ALTER TABLE device DROP COLUMN admitted; PRAGMA user_version = 3");
    assert_ok(bm_store_open(f->path, false, &again));
    admitted_at(again, 1, 0);
    admitted_at(again, 2, NOW + 6000);
    admitted_at(again, 3, NOW + 5500);
    admitted_at(again, 4, 0);
    assert_int_equal(verified(again), 10);
    bm_store_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(crls_are_added_replaced_and_removed_and_each_act_is_logged, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(what_is_no_crl_is_refused_and_changes_nothing, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(an_update_lets_in_whom_an_operator_let_in_and_nobody_else, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(an_update_that_fails_leaves_the_database_as_it_was, fixture_begin, fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
