#include "unit_store.h"

#include "store/store_verdict.h"

static void a_device_is_added_once(void **state)
{
    fixture *f = *state;
    bool changed = false;

    assert_ok(add_device(f->store, 1, "SN1", &changed));
    assert_true(changed);
    assert_ok(add_device(f->store, 1, "SN1", &changed));
    assert_false(changed);
    assert_ok(add_device(f->store, 1, "", &changed));
    assert_false(changed);
    assert_int_equal(devices(f->store), 1);
    assert_int_equal(verified(f->store), 1);
}

static void a_serial_of_an_active_device_is_not_given_again(void **state)
{
    fixture *f = *state;
    bool changed;

    assert_ok(add_device(f->store, 1, "SN1", &changed));
    assert_code(add_device(f->store, 2, "SN1", &changed), BM_E_IDENTITY_TAKEN);
    assert_code(add_device(f->store, 1, "SN2", &changed), BM_E_IDENTITY_MISMATCH);
    retire(f->store, 1);
    assert_code(add_device(f->store, 1, "SN1", &changed), BM_E_DEVICE_RETIRED);
    assert_code(add_device(f->store, 1, "", &changed), BM_E_DEVICE_RETIRED);
    assert_ok(add_device(f->store, 2, "SN1", &changed));
    assert_code(add_device(f->store, 3, "SN1", &changed), BM_E_IDENTITY_TAKEN);
}

static void a_row_without_a_serial_takes_one_later(void **state)
{
    fixture *f = *state;
    bm_store_lookup found;
    bool changed = false;

    assert_ok(add_device(f->store, 1, "", &changed));
    assert_ok(add_device(f->store, 2, "", &changed));
    assert_ok(add_device(f->store, 1, "SN1", &changed));
    assert_true(changed);
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_int_equal(found.claim, BM_CLAIM_MINE);
    assert_code(add_device(f->store, 2, "SN1", &changed), BM_E_IDENTITY_TAKEN);
}

static void a_claimed_device_enters_the_inventory(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN1");
    bm_store_lookup found;
    bool changed = false;

    assert_ok(record(f->store, &made));
    assert_ok(add_device(f->store, 1, "", &changed));
    assert_true(changed);
    assert_ok(bm_store_look_up(f->store, ek(1), "", &found));
    assert_true(found.device.in_inventory);
    assert_string_equal(found.device.identity, "SN1");
}

static void devices_are_found_by_serial_and_by_ek(void **state)
{
    fixture *f = *state;
    char hex[2 * BM_SHA256_SIZE + 1];
    bm_device device;
    bool changed;

    assert_ok(add_device(f->store, 0xAB, "SN1", &changed));
    assert_ok(add_device(f->store, 0xCD, "", &changed));
    assert_ok(bm_store_device_find(f->store, "SN1", &device));
    assert_memory_equal(device.ek_sha256, ek(0xAB), BM_SHA256_SIZE);
    assert_ok(bm_store_device_find(f->store, "cdcdcdcd", &device));
    assert_memory_equal(device.ek_sha256, ek(0xCD), BM_SHA256_SIZE);
    assert_ok(bm_store_device_find(f->store, "CDCDCDCDC", &device));
    bm_text_hex(bm_bytes_of(ek(0xAB), BM_SHA256_SIZE), hex);
    assert_ok(bm_store_device_find(f->store, hex, &device));
    assert_memory_equal(device.ek_sha256, ek(0xAB), BM_SHA256_SIZE);
    hex[63] = hex[63] == '0' ? '1' : '0';
    assert_code(bm_store_device_find(f->store, hex, &device), BM_E_STORE_NOT_FOUND);
    assert_code(bm_store_device_find(f->store, "cdcdcd", &device), BM_E_STORE_NOT_FOUND);
    assert_code(bm_store_device_find(f->store, "SN2", &device), BM_E_STORE_NOT_FOUND);
    assert_code(bm_store_device_find(f->store, "", &device), BM_E_STORE_NOT_FOUND);
}

static void a_prefix_of_two_eks_is_refused(void **state)
{
    fixture *f = *state;
    uint8_t one[BM_SHA256_SIZE] = {1, 2, 3, 4, 5};
    uint8_t two[BM_SHA256_SIZE] = {1, 2, 3, 4, 6};
    bm_device device;
    bool changed;

    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_device_add(f->store, one, "", NOW, &changed));
    assert_ok(bm_store_device_add(f->store, two, "", NOW, &changed));
    assert_ok(bm_store_commit(f->store));
    assert_code(bm_store_device_find(f->store, "01020304", &device), BM_E_STORE_CONFLICT);
    assert_ok(bm_store_device_find(f->store, "0102030406", &device));
    assert_memory_equal(device.ek_sha256, two, sizeof(two));
}

/* A device that claims the digits of another one's EK as its serial does not get what an operator means for that one. */
static void a_serial_that_looks_like_an_ek_does_not_stand_in_for_it(void **state)
{
    fixture *f = *state;
    char hex[2 * BM_SHA256_SIZE + 1];
    bm_device device;
    bool changed;

    assert_ok(add_device(f->store, 0xCD, "SN1", &changed));
    assert_ok(add_device(f->store, 1, "cdcdcdcdcdcdcdcd", &changed));
    assert_code(bm_store_device_find(f->store, "cdcdcdcdcdcdcdcd", &device), BM_E_STORE_CONFLICT);
    bm_text_hex(bm_bytes_of(ek(0xCD), BM_SHA256_SIZE), hex);
    assert_ok(add_device(f->store, 2, hex, &changed));
    assert_ok(bm_store_device_find(f->store, hex, &device));
    assert_string_equal(device.identity, "SN1");
    assert_ok(add_device(f->store, 3, "12345678", &changed));
    assert_ok(bm_store_device_find(f->store, "12345678", &device));
    assert_string_equal(device.identity, "12345678");
}

static void the_active_device_is_found_before_retired_ones(void **state)
{
    fixture *f = *state;
    bm_device device;
    bool changed;

    for (uint8_t i = 1; i <= 3; i++) {
        assert_ok(add_device(f->store, i, "SN1", &changed));
        if (i < 3)
            retire(f->store, i);
    }
    assert_ok(bm_store_device_find(f->store, "SN1", &device));
    assert_memory_equal(device.ek_sha256, ek(3), BM_SHA256_SIZE);
    retire(f->store, 3);
    assert_ok(bm_store_device_find(f->store, "SN1", &device));
    assert_int_equal(device.status, BM_DEVICE_RETIRED);
    assert_memory_equal(device.ek_sha256, ek(3), BM_SHA256_SIZE);
}

static void a_device_that_is_not_there_cannot_be_retired(void **state)
{
    fixture *f = *state;

    assert_ok(bm_store_begin(f->store));
    assert_code(bm_store_device_retire(f->store, 1, NOW), BM_E_STORE_NOT_FOUND);
    bm_store_rollback(f->store);
}

static void the_look_up_says_when_the_last_certificate_ends_and_who_was_let_in_since(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN1");
    bm_store_lookup found;

    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_int_equal(found.last_expiry, 0);
    assert_ok(record(f->store, &made));
    made = certificate(2, 1, "SN1");
    made.not_after = NOW + 5000;
    assert_ok(record(f->store, &made));
    made = certificate(3, 1, "SN1");
    assert_ok(record(f->store, &made));
    made = certificate(4, 2, "SN2");
    made.not_after = NOW + 9000;
    assert_ok(record(f->store, &made));
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_int_equal(found.last_expiry, NOW + 5000);
    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_device_admit(f->store, found.device.id, NOW + 6000));
    assert_ok(bm_store_commit(f->store));
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_int_equal(found.device.admitted, NOW + 6000);
    assert_int_equal(found.device.changed, NOW + 6000);
    assert_int_equal(found.last_expiry, NOW + 5000);
}

static void no_other_act_on_a_device_lets_it_in(void **state)
{
    const bm_subject subject = {.ek_sha256 = {1}, .claimed = "SN1"};
    const bm_profile lapsing = {.trust = BM_TRUST_CERTIFICATE, .identity = BM_IDENTITY_CLAIM, .lapses = true};
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN1");
    char identity[BM_IDENTITY_MAX + 1];
    bm_store_lookup found;
    bool changed = false;

    assert_ok(record(f->store, &made));
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_int_equal(found.last_expiry, NOW + 1000);
    assert_ok(bm_store_verdict(&found, &subject, &lapsing, NOW + 1000, identity));
    assert_code(bm_store_verdict(&found, &subject, &lapsing, NOW + 1001, identity), BM_E_RENEWAL_EXPIRED);
    /* into the inventory, for the first time and again */
    for (int i = 0; i < 2; i++) {
        assert_ok(bm_store_begin(f->store));
        assert_ok(bm_store_device_add(f->store, ek(1), "SN1", NOW + 2000 + i, &changed));
        assert_ok(bm_store_commit(f->store));
        assert_int_equal(changed, i == 0);
        assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
        assert_true(found.device.in_inventory);
        assert_int_equal(found.device.changed, NOW + 2000);
        assert_int_equal(found.device.admitted, 0);
        assert_code(bm_store_verdict(&found, &subject, &lapsing, NOW + 3000, identity), BM_E_RENEWAL_EXPIRED);
    }
    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_device_admit(f->store, found.device.id, NOW + 4000));
    assert_ok(bm_store_commit(f->store));
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_ok(bm_store_verdict(&found, &subject, &lapsing, NOW + 5000, identity));
}

static void a_retired_device_is_not_let_in_nor_one_that_is_not_there(void **state)
{
    fixture *f = *state;
    bool changed;

    assert_ok(add_device(f->store, 1, "SN1", &changed));
    retire(f->store, 1);
    assert_code(bm_store_device_admit(f->store, 1, NOW), BM_E_STORE);
    assert_ok(bm_store_begin(f->store));
    assert_code(bm_store_device_admit(f->store, 1, NOW), BM_E_DEVICE_RETIRED);
    assert_code(bm_store_device_admit(f->store, 2, NOW), BM_E_STORE_NOT_FOUND);
    bm_store_rollback(f->store);
}

static bm_store_anchor anchor_of(uint8_t byte, bm_tpm_class class)
{
    bm_store_anchor anchor = {.class = class, .added = NOW, .subject = "CN=Vendor", .der = bm_bytes_str("der of an anchor")};

    memset(anchor.sha256, byte, sizeof(anchor.sha256));
    return anchor;
}

static uint64_t put_anchor(bm_store *store, bm_store_anchor anchor)
{
    uint64_t epoch = 0;

    assert_ok(bm_store_begin(store));
    assert_ok(bm_store_anchor_add(store, &anchor));
    assert_ok(bm_store_commit(store));
    assert_ok(bm_store_anchors_epoch(store, &epoch));
    return epoch;
}

static BM_RESULT last_anchor(void *context, const bm_store_anchor *row)
{
    bm_store_anchor *last = context;

    assert_bytes(row->der, bm_bytes_str("der of an anchor"));
    assert_string_equal(row->subject, "CN=Vendor");
    *last = *row;
    return bm_ok();
}

static void the_epoch_grows_when_anchors_change_and_only_then(void **state)
{
    fixture *f = *state;
    bm_store_anchor last = {0};
    uint64_t epoch = 0;

    assert_int_equal(put_anchor(f->store, anchor_of(1, BM_CLASS_DISCRETE)), 2);
    assert_int_equal(put_anchor(f->store, anchor_of(1, BM_CLASS_DISCRETE)), 2);
    assert_int_equal(put_anchor(f->store, anchor_of(1, BM_CLASS_VIRTUAL)), 3);
    assert_ok(bm_store_anchor_list(f->store, last_anchor, &last));
    assert_int_equal(last.class, BM_CLASS_VIRTUAL);
    assert_ok(bm_store_begin(f->store));
    assert_code(bm_store_anchor_remove(f->store, ek(2), NOW), BM_E_STORE_NOT_FOUND);
    assert_ok(bm_store_anchor_remove(f->store, ek(1), NOW));
    assert_code(bm_store_anchor_remove(f->store, ek(1), NOW), BM_E_STORE_NOT_FOUND);
    assert_ok(bm_store_commit(f->store));
    assert_ok(bm_store_anchors_epoch(f->store, &epoch));
    assert_int_equal(epoch, 4);
    memset(&last, 0, sizeof(last));
    assert_ok(bm_store_anchor_list(f->store, last_anchor, &last));
    assert_int_equal(last.added, 0);
    assert_int_equal(verified(f->store), 3);
}

static void an_anchor_without_class_or_bytes_is_refused(void **state)
{
    fixture *f = *state;
    bm_store_anchor none = anchor_of(1, BM_CLASS_COUNT);
    bm_store_anchor empty = anchor_of(1, BM_CLASS_DISCRETE);

    empty.der = bm_bytes_of(NULL, 0);
    assert_ok(bm_store_begin(f->store));
    assert_code(bm_store_anchor_add(f->store, &none), BM_E_STORE);
    assert_code(bm_store_anchor_add(f->store, &empty), BM_E_STORE);
    assert_ok(bm_store_commit(f->store));
    assert_int_equal(verified(f->store), 0);
}

/* A log of a refusal, an operator's act, and three issues: five entries. */
static void write_a_log(fixture *f)
{
    bm_store_log_entry refusal = {
        .time = NOW, .kind = BM_LOG_REFUSAL, .subject = "SN9", .text = "ek-weak", .evidence = bm_bytes_str("why")};
    bool changed;

    assert_ok(bm_store_begin(f->store));
    assert_ok(bm_store_record_log(f->store, &refusal));
    assert_ok(bm_store_commit(f->store));
    assert_ok(add_device(f->store, 1, "SN1", &changed));
    for (unsigned i = 1; i <= 3; i++) {
        bm_store_certificate made = certificate(i, 1, "SN1");

        assert_ok(record(f->store, &made));
    }
    assert_int_equal(verified(f->store), 5);
}

static BM_RESULT collect(void *context, const bm_store_log_entry *entry)
{
    BM_TRY(bm_buf_putf(context, "%u %d %s %s %zu;", (unsigned)entry->seq, entry->kind, entry->subject, entry->text, entry->evidence.size));
    return bm_ok();
}

static void the_log_is_listed_from_a_number_on(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF some = BM_BUF_EMPTY;

    write_a_log(f);
    assert_ok(bm_store_log_list(f->store, 0, collect, &all));
    assert_bytes(bm_buf_view(&all), bm_bytes_str("1 2 SN9 ek-weak 3;2 3 SN1 add device 32;3 1 SN1 issued 40;4 1 SN1 issued 40;5 1 SN1 issued 40;"));
    assert_ok(bm_store_log_list(f->store, 5, collect, &some));
    assert_bytes(bm_buf_view(&some), bm_bytes_str("5 1 SN1 issued 40;"));
    assert_ok(bm_store_log_list(f->store, 6, collect, &some));
    assert_ok(bm_store_log_list(f->store, UINT64_MAX, collect, &some));
    assert_bytes(bm_buf_view(&some), bm_bytes_str("5 1 SN1 issued 40;"));
}

static void an_issue_cannot_be_logged_without_its_certificate(void **state)
{
    fixture *f = *state;
    bm_store_log_entry entry = {.time = NOW, .kind = BM_LOG_ISSUE, .subject = "SN1", .text = "issued"};

    assert_ok(bm_store_begin(f->store));
    assert_code(bm_store_record_log(f->store, &entry), BM_E_STORE);
    entry.kind = (bm_log_kind)4;
    assert_code(bm_store_record_log(f->store, &entry), BM_E_STORE);
    bm_store_rollback(f->store);
}

static void the_log_refuses_changes_by_sql(void **state)
{
    fixture *f = *state;
    sqlite3 *db = NULL;

    write_a_log(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE log SET text = 'x' WHERE seq = 1", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM log WHERE seq = 5", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(verified(f->store), 5);
}

/* What somebody with the database in his hands may do, and the entry that tells of it ("" for the end of the message alone). */
static const struct {
    const char *sql;
    const char *tells;
} tampering[] = {
    {"UPDATE log SET text = 'issued' WHERE seq = 1", "entry 1:"},
    {"UPDATE log SET subject = 'SN2' WHERE seq = 3", "entry 3:"},
    {"UPDATE log SET time = time - 1 WHERE seq = 2", "entry 2:"},
    {"UPDATE log SET kind = 3 WHERE seq = 3", "entry 3:"},
    {"UPDATE log SET kind = 9 WHERE seq = 3", "entry 3:"},
    {"UPDATE log SET evidence = CAST(evidence || x'00' AS BLOB) WHERE seq = 4", "entry 4:"},
    {"UPDATE log SET hash = zeroblob(32) WHERE seq = 5", "entry 5:"},
    {"DELETE FROM log WHERE seq = 1", "entry 1:"},
    {"DELETE FROM log WHERE seq = 2", "entry 2:"},
    {"DELETE FROM log WHERE seq = 5", "entry 5:"},
    {"DELETE FROM log", "entry 1:"},
    /* removed, and the numbers closed up again */
    {"DELETE FROM certificate WHERE seq = 3; DELETE FROM log WHERE seq = 3; UPDATE certificate SET seq = seq - 1;"
     "UPDATE log SET seq = seq - 1 WHERE seq > 3", "entry 3:"},
    /* two in each other's place */
    {"UPDATE certificate SET seq = -1 WHERE seq = 3; UPDATE certificate SET seq = 3 WHERE seq = 4;"
     "UPDATE certificate SET seq = 4 WHERE seq = -1;"
     "UPDATE log SET seq = -1 WHERE seq = 3; UPDATE log SET seq = 3 WHERE seq = 4; UPDATE log SET seq = 4 WHERE seq = -1", "entry 3:"},
    /* an entry put in */
    {"UPDATE certificate SET seq = 6 WHERE seq = 5; UPDATE log SET seq = 6 WHERE seq = 5;"
     "INSERT INTO log SELECT 5, time, 2, subject, text, evidence, hash FROM log WHERE seq = 1", "entry 5:"},
    {"UPDATE certificate SET der = x'3000' WHERE seq = 4", "entry 4:"},
    {"DELETE FROM certificate WHERE seq = 4", "entry 4:"},
    /* a certificate that nobody logged */
    {"INSERT INTO certificate SELECT 99, zeroblob(20), zeroblob(32), device_id, ik_spki_sha256, profile, issued, not_before, not_after,"
     " der FROM certificate WHERE seq = 4", "certificates"},
};

static void a_tampered_log_does_not_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
        void *own = NULL;
        char sql[1024];
        uint64_t count = 77;
        bm_result result;

        assert_int_equal(fixture_begin(&own), 0);
        write_a_log(own);
        (void)snprintf(sql, sizeof(sql), "DROP TRIGGER log_no_update; DROP TRIGGER log_no_delete; %s", tampering[i].sql);
        raw_sql(own, sql);
        result = bm_store_log_verify(((fixture *)own)->store, &count);
        if (result.code != BM_E_STORE || result.detail == NULL || strstr(result.detail, tampering[i].tells) == NULL)
            fail_msg("%s: %s, %s", tampering[i].sql, bm_code_name(result.code), result.detail ? result.detail : "-");
        assert_int_equal(count, 77);
        assert_int_equal(fixture_end(&own), 0);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_device_is_added_once),
        T(a_serial_of_an_active_device_is_not_given_again),
        T(a_row_without_a_serial_takes_one_later),
        T(a_claimed_device_enters_the_inventory),
        T(devices_are_found_by_serial_and_by_ek),
        T(a_prefix_of_two_eks_is_refused),
        T(a_serial_that_looks_like_an_ek_does_not_stand_in_for_it),
        T(the_active_device_is_found_before_retired_ones),
        T(a_device_that_is_not_there_cannot_be_retired),
        T(the_look_up_says_when_the_last_certificate_ends_and_who_was_let_in_since),
        T(no_other_act_on_a_device_lets_it_in),
        T(a_retired_device_is_not_let_in_nor_one_that_is_not_there),
        T(the_epoch_grows_when_anchors_change_and_only_then),
        T(an_anchor_without_class_or_bytes_is_refused),
        T(the_log_is_listed_from_a_number_on),
        T(an_issue_cannot_be_logged_without_its_certificate),
        T(the_log_refuses_changes_by_sql),
        cmocka_unit_test(a_tampered_log_does_not_verify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
