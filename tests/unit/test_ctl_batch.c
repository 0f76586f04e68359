/* ctl/batch_judge, batch_message and batch_grant: what a worker says about a request, and what becomes of it. */
#include "make_device.h"

#include "crypto/random.h"
#include "ctl/batch_grant.h"
#include "ctl/batch_judge.h"
#include "protocol/problem.h"
#include "protocol/reply.h"
#include "protocol/verdict.h"
#include "x509/issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY 86400
#define EPOCH 7

static const char config_text[] = "[profile default]\ntrust = certificate\nidentity = claim\nsubject = CN=%i\noffline_ticket_lifetime = 7d\n"
                                  "[profile online]\ntrust = certificate\nidentity = claim\nsubject = CN=%i\n";

/* A CA, a worker's judge that knows the vendor, and a device. */
typedef struct {
    bm_ctl_batch_ca ca;
    bm_ctl_batch_judge *judge;
    EVP_PKEY *vendor_key;
    X509 *vendor;
    make_device device;
    char directory[64];
    char database[96];
    bm_buf request; /* to the worker */
    bm_buf reply;   /* of it */
    bm_ctl_batch_judged judged;
    bm_ctl_batch_outcome outcome;
} fixture;

/* Sends a message that has no answer. */
static void tell(fixture *f, bm_ctl_batch_type type, bm_bytes body)
{
    assert_ok(bm_ctl_batch_message_begin(&f->request, type, 0));
    assert_ok(bm_buf_put(&f->request, body));
    assert_ok(bm_ctl_batch_judge_answer(f->judge, bm_buf_view(&f->request), &f->reply));
    assert_int_equal(f->reply.size, 0);
}

static void tell_anchors(fixture *f)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF anchor = BM_BUF_EMPTY;
    static const uint8_t epoch[8] = {0, 0, 0, 0, 0, 0, 0, EPOCH};

    make_der(f->vendor, &der);
    assert_ok(bm_buf_put_u8(&anchor, BM_CLASS_DISCRETE));
    assert_ok(bm_buf_put(&anchor, bm_buf_view(&der)));
    tell(f, BM_BATCH_ANCHORS, BM_BYTES_ARRAY(epoch));
    tell(f, BM_BATCH_ANCHOR, bm_buf_view(&anchor));
    tell(f, BM_BATCH_ANCHORS_END, bm_bytes_of(NULL, 0));
}

static void make_ca(fixture *f)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF ca_key = BM_BUF_EMPTY;
    BM_AUTO_BUF tickets = BM_BUF_EMPTY;
    bm_bytes passphrase = bm_bytes_str("of the tests");
    bm_ca_options options = {.common_name = "CA", .not_before = MAKE_FROM, .not_after = MAKE_NOW + 3650 * (int64_t)DAY, .serial = {1}};

    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
    assert_ok(bm_ca_self_signed(key, &options, &der));
    assert_ok(bm_ca_parse(bm_buf_view(&der), &f->ca.ca));
    assert_ok(bm_keys_file_seal_ca(passphrase, BM_CIPHER_RANDOM, key, &ca_key));
    assert_ok(bm_keys_file_new_ticket(passphrase, BM_CIPHER_RANDOM, &tickets));
    assert_ok(bm_keys_file_open(passphrase, bm_buf_view(&ca_key), bm_buf_view(&tickets), &f->ca.keys));
    bm_buf_move(&f->ca.chain[f->ca.chain_count++], &der);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_ok(bm_config_parse("test", bm_bytes_str(config_text), &f->ca.config));
    make_ca(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/bm-batch.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->database, sizeof(f->database), "%s/db", f->directory);
    assert_ok(bm_store_open(f->database, true, &f->ca.store));
    f->vendor_key = make_key(BM_KEY_ECC256);
    f->vendor = make_x509(&(make_options){.key = f->vendor_key, .name = "Vendor", .options = make_ca_extensions});
    make_device_init(&f->device, &(make_vendor){.certificate = f->vendor, .key = f->vendor_key}, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    assert_ok(bm_ctl_batch_judge_new(&f->ca.config, &f->judge));
    tell_anchors(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    const char *const ends[] = {"", "-wal", "-shm"};

    bm_ctl_batch_grant_fini(&f->outcome);
    bm_ctl_batch_judge_free(f->judge);
    bm_ctl_batch_grant_close(&f->ca);
    make_device_fini(&f->device);
    X509_free(f->vendor);
    EVP_PKEY_free(f->vendor_key);
    bm_buf_fini(&f->request);
    bm_buf_fini(&f->reply);
    for (int i = 0; i < 3; i++) {
        char path[112];

        (void)snprintf(path, sizeof(path), "%s%s", f->database, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->directory);
    free(f);
    return 0;
}

/* Has this text judged. */
static void judge_text(fixture *f, bm_bytes text, int64_t now)
{
    bm_ctl_batch_type type;
    bm_cursor body;
    uint32_t id;

    assert_ok(bm_ctl_batch_message_begin(&f->request, BM_BATCH_JUDGE, 42));
    assert_ok(bm_buf_put_u64(&f->request, (uint64_t)now));
    assert_ok(bm_buf_put(&f->request, text));
    assert_ok(bm_ctl_batch_judge_answer(f->judge, bm_buf_view(&f->request), &f->reply));
    assert_ok(bm_ctl_batch_message_open(bm_buf_view(&f->reply), &type, &id, &body));
    assert_int_equal(type, BM_BATCH_JUDGED);
    assert_int_equal(id, 42);
    assert_ok(bm_ctl_batch_message_take_judged(&body, &f->judged));
    assert_int_equal(f->judged.epoch, EPOCH);
}

static void judge_call(fixture *f, bm_call call, int64_t now)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    assert_ok(bm_request_put_file(call, &f->device.request, &text));
    judge_text(f, bm_buf_view(&text), now);
}

/* Decides upon what was judged, in a transaction of its own. */
static bm_code decide(fixture *f, int64_t now)
{
    bm_ctl_batch_grant_fini(&f->outcome);
    assert_ok(bm_store_begin(f->ca.store));
    assert_ok(bm_ctl_batch_grant_decide(&f->ca, &f->judged, now, &f->outcome));
    assert_ok(bm_store_commit(f->ca.store));
    if (f->outcome.code != BM_OK) {
        bm_problem problem;

        assert_ok(bm_problem_parse(bm_buf_view(&f->outcome.body), &problem));
        assert_string_equal(problem.code, bm_code_name(f->outcome.code));
        assert_true(f->outcome.code != BM_E_TICKET_INVALID || problem.detail[0] == 0);
        assert_int_equal(f->outcome.ticket.size, 0);
    }
    return f->outcome.code;
}

/* The first trip: the device has challenge and ticket then. */
static void first_trip(fixture *f)
{
    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(f->judged.result.code, BM_OK);
    assert_int_equal(decide(f, MAKE_NOW), BM_OK);
    assert_int_equal(f->outcome.ticket.size, BM_TICKET_SIZE);
    assert_true(f->outcome.expires == MAKE_NOW + 7 * DAY);
    bm_buf_move(&f->device.request.challenge, &f->outcome.challenge);
    bm_buf_move(&f->device.request.ticket, &f->outcome.ticket);
}

static bm_code second_trip(fixture *f, int64_t now)
{
    judge_call(f, BM_CALL_CERTIFICATE, now);
    return decide(f, now);
}

static void two_trips_give_a_certificate_and_again_the_same(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate reply = {0};
    BM_AUTO_BUF before = BM_BUF_EMPTY;
    bm_issued issued;

    first_trip(f);
    assert_int_equal(second_trip(f, MAKE_NOW + DAY), BM_OK);
    assert_ok(bm_reply_certificate_parse(bm_buf_view(&f->outcome.body), &reply));
    assert_string_equal(reply.device, "SN-1");
    assert_ok(bm_issue_parse(bm_buf_view(&reply.certificate), &issued));
    assert_true(issued.not_after > MAKE_NOW + DAY);
    bm_buf_move(&before, &f->outcome.body);
    assert_int_equal(second_trip(f, MAKE_NOW + 2 * DAY), BM_OK);
    assert_bytes(bm_buf_view(&f->outcome.body), bm_buf_view(&before));
}

static void a_worker_wraps_the_ticket_for_this_ek_alone(void **state)
{
    fixture *f = *state;
    bm_ctl_batch_type type;
    bm_result made;
    bm_cursor body;
    bm_bytes blob;
    bm_bytes secret;
    uint32_t id;

    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_OK);
    assert_ok(bm_ctl_batch_message_begin(&f->request, BM_BATCH_CREDENTIAL, 9));
    assert_ok(bm_ctl_batch_message_put_credential(&f->request, &(bm_ctl_batch_credential){.ek_public = f->judged.ek_public,
                                                                                         .ik_name = f->judged.ik_name,
                                                                                         .ticket = bm_buf_view(&f->outcome.ticket)}));
    assert_ok(bm_ctl_batch_judge_answer(f->judge, bm_buf_view(&f->request), &f->reply));
    assert_ok(bm_ctl_batch_message_open(bm_buf_view(&f->reply), &type, &id, &body));
    assert_int_equal(type, BM_BATCH_CREDENTIAL_MADE);
    assert_ok(bm_ctl_batch_message_take_result(&body, &made));
    assert_int_equal(made.code, BM_OK);
    assert_ok(bm_cursor_sized16(&body, BM_CTL_BATCH_BLOB_MAX, &blob));
    assert_ok(bm_cursor_sized16(&body, BM_CTL_BATCH_BLOB_MAX, &secret));
    assert_ok(bm_cursor_end(&body));
    assert_true(blob.size > 2 && secret.size > 2);
    for (size_t size = 5; size < f->request.size; size++) {
        bm_result answered = bm_ctl_batch_judge_answer(f->judge, bm_bytes_of(f->request.data, size), &f->reply);

        assert_int_equal(answered.code, BM_E_MALFORMED);
    }
}

static void a_ticket_is_good_for_its_time_its_parameters_and_this_way_alone(void **state)
{
    fixture *f = *state;

    first_trip(f);
    f->device.request.ticket.data[0] ^= 1;
    assert_int_equal(second_trip(f, MAKE_NOW), BM_E_TICKET_INVALID);
    f->device.request.ticket.data[0] ^= 1;
    assert_int_equal(second_trip(f, MAKE_NOW + 7 * DAY), BM_E_TICKET_INVALID);
    /* of another version: online */
    f->device.request.challenge.data[0] = 1;
    assert_int_equal(second_trip(f, MAKE_NOW), BM_E_TICKET_INVALID);
    f->device.request.challenge.data[0] = 2;
    /* longer than the profile allows now */
    f->ca.config.profiles[0].offline_ticket_lifetime = DAY;
    assert_int_equal(second_trip(f, MAKE_NOW), BM_E_TICKET_INVALID);
    f->ca.config.profiles[0].offline_ticket_lifetime = 0;
    assert_int_equal(second_trip(f, MAKE_NOW), BM_E_OFFLINE_REFUSED);
    f->ca.config.profiles[0].offline_ticket_lifetime = INT64_C(7) * DAY;
    assert_int_equal(second_trip(f, MAKE_NOW), BM_OK);
}

static void a_profile_must_allow_it_and_exist(void **state)
{
    fixture *f = *state;

    (void)snprintf(f->device.request.profile, sizeof(f->device.request.profile), "online");
    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_OFFLINE_REFUSED);
    (void)snprintf(f->device.request.profile, sizeof(f->device.request.profile), "none");
    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_PROFILE_UNKNOWN);
}

/* The device as the operator retires it. */
static BM_RESULT retire(bm_store *store)
{
    bm_device device;

    BM_TRY(bm_store_device_find(store, "SN-1", &device));
    return bm_store_device_retire(store, device.id, MAKE_NOW);
}

static void a_device_that_is_retired_between_the_trips_gets_nothing(void **state)
{
    fixture *f = *state;
    bool changed;

    first_trip(f);
    assert_ok(bm_store_begin(f->ca.store));
    assert_ok(bm_store_device_add(f->ca.store, f->judged.ek_sha256, "SN-1", MAKE_NOW, &changed));
    assert_ok(retire(f->ca.store));
    assert_ok(bm_store_commit(f->ca.store));
    assert_int_equal(second_trip(f, MAKE_NOW), BM_E_DEVICE_RETIRED);
    /* ... and without the ticket not even that is said */
    f->device.request.ticket.data[5] ^= 4;
    assert_int_equal(second_trip(f, MAKE_NOW), BM_E_TICKET_INVALID);
}

static void a_name_that_another_has_is_refused(void **state)
{
    fixture *f = *state;
    static const uint8_t other[BM_SHA256_SIZE] = {9};
    bool changed;

    assert_ok(bm_store_begin(f->ca.store));
    assert_ok(bm_store_device_add(f->ca.store, other, "SN-1", MAKE_NOW, &changed));
    assert_ok(bm_store_commit(f->ca.store));
    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_IDENTITY_TAKEN);
}

static void a_vendor_that_the_worker_does_not_know_is_refused(void **state)
{
    fixture *f = *state;
    static const uint8_t epoch[8] = {0, 0, 0, 0, 0, 0, 0, EPOCH};

    tell(f, BM_BATCH_ANCHORS, BM_BYTES_ARRAY(epoch));
    tell(f, BM_BATCH_ANCHORS_END, bm_bytes_of(NULL, 0));
    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_EKC_UNTRUSTED);
}

static void what_is_no_request_gets_its_reason(void **state)
{
    fixture *f = *state;

    judge_text(f, bm_bytes_str(""), MAKE_NOW);
    assert_false(f->judged.parsed);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_REQUEST_MALFORMED);
    judge_text(f, bm_bytes_str("{\"birthmark\":\"request 9\"}"), MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_FIELD_INVALID);
    f->device.request.csr.data[0] ^= 1;
    judge_call(f, BM_CALL_CHALLENGE, MAKE_NOW);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_CSR_MALFORMED);
}

static void what_a_worker_says_is_read_strictly(void **state)
{
    fixture *f = *state;
    bm_ctl_batch_judged taken;
    BM_AUTO_BUF said = BM_BUF_EMPTY;
    bm_cursor body;

    first_trip(f);
    judge_call(f, BM_CALL_CERTIFICATE, MAKE_NOW);
    assert_ok(bm_ctl_batch_message_put_judged(&said, &f->judged));
    for (size_t size = 0; size < said.size; size++) {
        body = bm_cursor_of(bm_bytes_of(said.data, size));
        assert_true(bm_ctl_batch_message_take_judged(&body, &taken).code == BM_E_MALFORMED);
    }
    assert_ok(bm_buf_put_u8(&said, 0));
    body = bm_cursor_of(bm_buf_view(&said));
    assert_code(bm_ctl_batch_message_take_judged(&body, &taken), BM_E_MALFORMED);
    /* a good request that was not parsed */
    bm_buf_clear(&said);
    assert_ok(bm_ctl_batch_message_put_judged(&said, &(bm_ctl_batch_judged){.epoch = 1}));
    body = bm_cursor_of(bm_buf_view(&said));
    assert_code(bm_ctl_batch_message_take_judged(&body, &taken), BM_E_MALFORMED);
}

static void a_worker_that_lies_about_the_key_gets_no_certificate(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF spki = BM_BUF_EMPTY;
    bm_pubkey other;

    first_trip(f);
    judge_call(f, BM_CALL_CERTIFICATE, MAKE_NOW);
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
    assert_ok(bm_pkey_public(key, &other));
    assert_ok(bm_pubkey_put_spki(&spki, &other));
    f->judged.ik_spki = bm_buf_view(&spki);
    assert_int_equal(decide(f, MAKE_NOW), BM_E_KEY_REFUSED);
    f->judged.ik_spki = bm_bytes_str("no key");
    assert_int_equal(decide(f, MAKE_NOW), BM_E_KEY_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_trips_give_a_certificate_and_again_the_same),
        TEST(a_worker_wraps_the_ticket_for_this_ek_alone),
        TEST(a_ticket_is_good_for_its_time_its_parameters_and_this_way_alone),
        TEST(a_profile_must_allow_it_and_exist),
        TEST(a_device_that_is_retired_between_the_trips_gets_nothing),
        TEST(a_name_that_another_has_is_refused),
        TEST(a_vendor_that_the_worker_does_not_know_is_refused),
        TEST(what_is_no_request_gets_its_reason),
        TEST(what_a_worker_says_is_read_strictly),
        TEST(a_worker_that_lies_about_the_key_gets_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
