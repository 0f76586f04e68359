#include "unit.h"

#include "crypto/random.h"
#include "protocol/ticket.h"
#include "server/channel.h"
#include "server/keeper_requests.h"
#include "server/message.h"
#include "x509/issue.h"
#include "x509/profile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1790000000)
#define LIFETIME 300 /* the longest of a ticket, in seconds */

/* A keeper with real keys, the key of a device, and what a server has of them. */
typedef struct {
    bm_keeper keeper;
    bm_pkey *ca_key;
    bm_buf ca_der;
    bm_buf ca_sealed;
    bm_buf ticket_sealed;
    bm_pkey *ik;
    bm_pubkey ik_public;
    bm_ticket_fields fields;
    uint8_t ticket[BM_TICKET_SIZE];
    bm_buf reply;
} fixture;

static const char passphrase[] = "a passphrase of the tests";

static BM_RESULT make_ca(const char *name, int64_t not_after, bm_pkey **key, bm_buf *der)
{
    bm_ca_options options = {.common_name = name, .not_before = NOW - 1000, .not_after = not_after};

    BM_TRY(bm_random(options.serial, sizeof(options.serial)));
    bm_issue_serial(options.serial);
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, key));
    return bm_ca_self_signed(*key, &options, der);
}

/* Asks the keeper; the reply's head is opened. */
static bm_msg_type ask(fixture *f, bm_bytes datagram, int64_t now, bm_message *message)
{
    assert_ok(bm_keeper_requests_answer(&f->keeper, datagram, now, &f->reply));
    assert_ok(bm_message_open(bm_buf_view(&f->reply), message));
    assert_int_equal(message->id, 42);
    return message->type;
}

static bm_code error_of(bm_message *message)
{
    bm_result error;

    assert_int_equal(message->type, BM_MSG_ERROR);
    assert_ok(bm_message_take_error(message, &error));
    return error.code;
}

/* Asks for the ticket of fields at a time of the keeper's clock; the key id comes back in them. */
static void get_ticket_at(fixture *f, int64_t now, bm_ticket_fields *fields, uint8_t ticket[BM_TICKET_SIZE])
{
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    bm_message message;

    assert_ok(bm_message_begin(&request, BM_MSG_TICKET, 42));
    assert_ok(bm_ticket_put_message(&request, fields));
    assert_int_equal(ask(f, bm_buf_view(&request), now, &message), BM_MSG_TICKET_REPLY);
    assert_ok(bm_cursor_u32(&message.body, &fields->key_id));
    assert_ok(bm_cursor_copy(&message.body, ticket, BM_TICKET_SIZE));
    assert_ok(bm_cursor_end(&message.body));
}

static void get_ticket(fixture *f, bm_ticket_fields *fields, uint8_t ticket[BM_TICKET_SIZE])
{
    get_ticket_at(f, NOW, fields, ticket);
}

/* What the monitor hands over, of this ticket key and CA certificate. */
static bm_keeper_options options_of(const fixture *f, const char *words, bm_bytes ticket_keys, bm_bytes ca)
{
    return (bm_keeper_options){.passphrase = bm_bytes_str(words),
                               .ca_key = bm_buf_view(&f->ca_sealed),
                               .ticket_keys = ticket_keys,
                               .ca = ca,
                               .ticket_lifetime = LIFETIME};
}

static int begin(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    bm_keeper_options options;

    assert_ok(make_ca("Test CA", NOW + 1000000, &f->ca_key, &f->ca_der));
    assert_ok(bm_keys_file_seal_ca(bm_bytes_str(passphrase), BM_CIPHER_RANDOM, f->ca_key, &f->ca_sealed));
    assert_ok(bm_keys_file_new_ticket(bm_bytes_str(passphrase), BM_CIPHER_RANDOM, &f->ticket_sealed));
    options = options_of(f, passphrase, bm_buf_view(&f->ticket_sealed), bm_buf_view(&f->ca_der));
    assert_ok(bm_keeper_requests_init(&f->keeper, &options));
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &f->ik));
    assert_ok(bm_pkey_public(f->ik, &f->ik_public));
    f->fields.expires = NOW + LIFETIME;
    assert_ok(bm_random(f->fields.nonce, sizeof(f->fields.nonce)));
    assert_ok(bm_pubkey_spki_sha256(&f->ik_public, f->fields.ik_spki));
    get_ticket(f, &f->fields, f->ticket);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;

    bm_keeper_requests_fini(&f->keeper);
    bm_pkey_free(f->ca_key);
    bm_pkey_free(f->ik);
    bm_buf_fini(&f->ca_der);
    bm_buf_fini(&f->ca_sealed);
    bm_buf_fini(&f->ticket_sealed);
    bm_buf_fini(&f->reply);
    test_free(f);
    return 0;
}

/* What the certificate of the device is made of, when nothing is wrong with it. */
static void put_good_tbs(fixture *f, const bm_ca *ca, const bm_pubkey *key, int64_t not_after, bm_buf *tbs)
{
    bm_issue_fields fields = {.key = key, .not_before = NOW - 60, .not_after = not_after};
    BM_AUTO_BUF subject = BM_BUF_EMPTY;
    bm_profile profile = {.name = "default"};

    assert_ok(bm_random(fields.serial, sizeof(fields.serial)));
    bm_issue_serial(fields.serial);
    assert_ok(bm_profile_parse_subject(bm_bytes_str("CN=%i"), &profile));
    assert_ok(bm_profile_put_subject(&subject, &profile, "SN-1", f->fields.csr));
    fields.subject = bm_buf_view(&subject);
    assert_ok(bm_issue_put_tbs(tbs, ca, f->keeper.alg, &fields));
}

static void put_issue(const bm_ticket_fields *fields, const uint8_t ticket[BM_TICKET_SIZE], bm_bytes tbs, bm_buf *request)
{
    assert_ok(bm_message_begin(request, BM_MSG_ISSUE, 42));
    assert_ok(bm_ticket_put_message(request, fields));
    assert_ok(bm_buf_put(request, bm_bytes_of(ticket, BM_TICKET_SIZE)));
    assert_ok(bm_buf_put_sized32(request, tbs));
}

/* The keeper refuses to sign this, and says why in one word. */
static void refuses(fixture *f, const bm_ticket_fields *fields, const uint8_t ticket[BM_TICKET_SIZE], bm_bytes tbs, int64_t now, bm_code code)
{
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    bm_message message;

    put_issue(fields, ticket, tbs, &request);
    assert_int_equal(ask(f, bm_buf_view(&request), now, &message), BM_MSG_ERROR);
    assert_int_equal(error_of(&message), code);
}

static void what_the_ticket_was_made_for_is_signed(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_message message;
    bm_bytes signature;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    put_issue(&f->fields, f->ticket, bm_buf_view(&tbs), &request);
    assert_int_equal(ask(f, bm_buf_view(&request), NOW, &message), BM_MSG_ISSUE_REPLY);
    assert_ok(bm_cursor_sized32(&message.body, 1024, &signature));
    assert_ok(bm_cursor_end(&message.body));
    assert_ok(bm_pkey_verify(f->ca_key, f->keeper.alg, bm_buf_view(&tbs), signature));
}

static void the_same_request_through_a_socket_pair_is_answered(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;
    bm_message message;
    bool got = false;
    int ends[2];

    assert_ok(bm_channel_pair(ends));
    assert_ok(bm_message_begin(&request, BM_MSG_KEYS, 42));
    assert_ok(bm_channel_send(ends[0], bm_buf_view(&request)));
    assert_ok(bm_channel_receive(ends[1], &datagram, &got));
    assert_true(got);
    assert_int_equal(ask(f, bm_buf_view(&datagram), NOW, &message), BM_MSG_KEYS_REPLY);
    assert_ok(bm_channel_send(ends[1], bm_buf_view(&f->reply)));
    assert_ok(bm_channel_receive(ends[0], &datagram, &got));
    assert_true(got);
    assert_bytes(bm_buf_view(&datagram), bm_buf_view(&f->reply));
    assert_ok(bm_channel_receive(ends[0], &datagram, &got));
    assert_false(got);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_certificate_of_another_key_is_not_signed(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_pkey_freep) bm_pkey *other = NULL;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_pubkey key;

    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &other));
    assert_ok(bm_pkey_public(other, &key));
    put_good_tbs(f, &f->keeper.ca, &key, NOW + 1000, &tbs);
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_KEY_REFUSED);
}

static void a_ticket_with_any_bit_changed_is_refused(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    for (size_t bit = 0; bit < 8 * BM_TICKET_SIZE; bit += 7) {
        f->ticket[bit / 8] ^= (uint8_t)(1U << bit % 8);
        refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
        f->ticket[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void a_ticket_for_other_parameters_is_refused(void **state)
{
    fixture *f = *state;
    bm_ticket_fields fields = f->fields;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    fields.csr[0] ^= 1;
    refuses(f, &fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
    fields = f->fields;
    fields.expires += 1;
    refuses(f, &fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
    fields = f->fields;
    fields.profile[31] ^= 0x80;
    refuses(f, &fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
    fields = f->fields;
    fields.key_id = 0;
    refuses(f, &fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
    fields.key_id = f->fields.key_id + 1;
    refuses(f, &fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
}

static void a_stale_ticket_is_refused_by_the_keepers_own_clock(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), f->fields.expires, BM_E_TICKET_INVALID);
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), f->fields.expires + 1, BM_E_TICKET_INVALID);
}

/* The keeper makes no ticket that ends then. */
static void makes_no_ticket(fixture *f, int64_t expires, uint32_t key_id)
{
    bm_ticket_fields fields = f->fields;
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    bm_message message;

    fields.expires = expires;
    fields.key_id = key_id;
    assert_ok(bm_message_begin(&request, BM_MSG_TICKET, 42));
    assert_ok(bm_ticket_put_message(&request, &fields));
    assert_int_equal(ask(f, bm_buf_view(&request), NOW, &message), BM_MSG_ERROR);
    assert_int_equal(error_of(&message), BM_E_TICKET_INVALID);
}

static void no_ticket_is_made_for_a_time_that_is_still_to_come(void **state)
{
    fixture *f = *state;
    bm_ticket_fields fields = f->fields;
    uint8_t ticket[BM_TICKET_SIZE];

    fields.expires = NOW + LIFETIME;
    get_ticket(f, &fields, ticket);
    makes_no_ticket(f, NOW + LIFETIME + 1, 0);
    makes_no_ticket(f, NOW + LIFETIME + 1, f->fields.key_id);
    makes_no_ticket(f, NOW + LIFETIME + 100, 0);
    makes_no_ticket(f, NOW + INT64_C(3) * 365 * 86400, 0);
    makes_no_ticket(f, INT64_MAX, 0);
}

/*
 * One that was made in the future: under a clock that was ahead, or by a keeper before this one that did not
 * look.
 */
static void a_ticket_that_ends_too_far_ahead_is_not_signed_for_whoever_made_it(void **state)
{
    static const int64_t ahead[] = {1, 101, INT64_C(3) * 365 * 86400};
    fixture *f = *state;
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_message message;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        bm_ticket_fields fields = f->fields;
        uint8_t ticket[BM_TICKET_SIZE];

        fields.expires = NOW + LIFETIME + ahead[i];
        get_ticket_at(f, NOW + ahead[i], &fields, ticket);
        refuses(f, &fields, ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
        bm_buf_clear(&request);
        put_issue(&fields, ticket, bm_buf_view(&tbs), &request);
        assert_int_equal(ask(f, bm_buf_view(&request), NOW + ahead[i], &message), BM_MSG_ISSUE_REPLY);
    }
}

static void the_ticket_of_another_ca_is_refused(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    fixture other = {.fields = f->fields};
    bm_keeper_options options;

    assert_ok(bm_keys_file_new_ticket(bm_bytes_str(passphrase), BM_CIPHER_RANDOM, &sealed));
    options = options_of(f, passphrase, bm_buf_view(&sealed), bm_buf_view(&f->ca_der));
    assert_ok(bm_keeper_requests_init(&other.keeper, &options));
    other.fields.key_id = 0;
    get_ticket(&other, &other.fields, other.ticket);
    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    refuses(f, &other.fields, other.ticket, bm_buf_view(&tbs), NOW, BM_E_TICKET_INVALID);
    bm_keeper_requests_fini(&other.keeper);
    bm_buf_fini(&other.reply);
}

/* Replaces the first `from` in a good to-be-signed certificate by `to`, of the same length. */
static void refuses_changed(fixture *f, bm_bytes from, bm_bytes to)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    uint8_t *at;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    at = memmem(tbs.data, tbs.size, from.data, from.size);
    assert_non_null(at);
    assert_int_equal(from.size, to.size);
    memcpy(at, to.data, to.size);
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_KEY_REFUSED);
}

static void a_ca_certificate_is_not_signed(void **state)
{
    /* basicConstraints, critical, CA:FALSE (an empty SEQUENCE); and as an unknown, shorter lie: the OID of keyUsage changed to basicConstraints */
    static const uint8_t oid_key_usage[] = {0x06, 0x03, 0x55, 0x1D, 0x0F};
    static const uint8_t oid_constraints[] = {0x06, 0x03, 0x55, 0x1D, 0x13};
    /* keyUsage digitalSignature, and keyCertSign in its place */
    static const uint8_t digital_signature[] = {0x03, 0x02, 0x07, 0x80};
    static const uint8_t cert_sign[] = {0x03, 0x02, 0x02, 0x04};
    fixture *f = *state;
    BM_AUTO_BUF ca_tbs = BM_BUF_EMPTY;
    bm_cursor cursor = bm_cursor_of(bm_buf_view(&f->ca_der));
    uint8_t header[4];

    refuses_changed(f, BM_BYTES_ARRAY(oid_key_usage), BM_BYTES_ARRAY(oid_constraints));
    refuses_changed(f, BM_BYTES_ARRAY(digital_signature), BM_BYTES_ARRAY(cert_sign));
    /* The CA's own to-be-signed certificate: CA:TRUE, of the CA's key. */
    assert_ok(bm_cursor_copy(&cursor, header, sizeof(header)));
    assert_int_equal(cursor.rest.data[0], 0x30);
    assert_int_equal(cursor.rest.data[1], 0x82);
    assert_ok(bm_buf_put(&ca_tbs, bm_bytes_of(cursor.rest.data, 4 + ((size_t)cursor.rest.data[2] << 8 | cursor.rest.data[3]))));
    refuses(f, &f->fields, f->ticket, bm_buf_view(&ca_tbs), NOW, BM_E_KEY_REFUSED);
}

static void another_issuer_is_not_signed_for(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO(bm_ca_fini) bm_ca other = {0};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    assert_ok(make_ca("Another CA", NOW + 1000000, &key, &der));
    assert_ok(bm_ca_parse(bm_buf_view(&der), &other));
    put_good_tbs(f, &other, &f->ik_public, NOW + 1000, &tbs);
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_KEY_REFUSED);
}

static void nothing_outlives_the_ca(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, f->keeper.ca.not_after + 1, &tbs);
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_KEY_REFUSED);
}

static void what_is_no_certificate_is_not_signed(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    refuses(f, &f->fields, f->ticket, bm_bytes_str(""), NOW, BM_E_KEY_REFUSED);
    refuses(f, &f->fields, f->ticket, bm_bytes_str("any digest of thirty-two bytes.."), NOW, BM_E_KEY_REFUSED);
    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    assert_ok(bm_buf_put_u8(&tbs, 0));
    refuses(f, &f->fields, f->ticket, bm_buf_view(&tbs), NOW, BM_E_KEY_REFUSED);
    refuses(f, &f->fields, f->ticket, bm_bytes_of(tbs.data, tbs.size - 2), NOW, BM_E_KEY_REFUSED);
}

static void a_request_of_the_wrong_size_is_answered_with_an_error(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_message message;

    put_good_tbs(f, &f->keeper.ca, &f->ik_public, NOW + 1000, &tbs);
    put_issue(&f->fields, f->ticket, bm_buf_view(&tbs), &request);
    for (size_t size = BM_MESSAGE_HEAD_SIZE; size < request.size; size += 13)
        assert_int_equal(ask(f, bm_bytes_of(request.data, size), NOW, &message), BM_MSG_ERROR);
    assert_ok(bm_buf_put_u8(&request, 0));
    assert_int_equal(ask(f, bm_buf_view(&request), NOW, &message), BM_MSG_ERROR);
}

static void other_messages_are_not_for_the_keeper(void **state)
{
    fixture *f = *state;

    for (int type = 1; type < BM_MSG_TYPE_COUNT; type++) {
        BM_AUTO_BUF request = BM_BUF_EMPTY;
        bm_message message;

        if (type == BM_MSG_TICKET || type == BM_MSG_ISSUE || type == BM_MSG_KEYS)
            continue;
        assert_ok(bm_message_begin(&request, (bm_msg_type)type, 42));
        assert_int_equal(ask(f, bm_buf_view(&request), NOW, &message), BM_MSG_ERROR);
    }
    assert_code(bm_keeper_requests_answer(&f->keeper, bm_bytes_str("no message"), NOW, &f->reply), BM_E_MALFORMED);
    assert_code(bm_keeper_requests_answer(&f->keeper, bm_bytes_of(NULL, 0), NOW, &f->reply), BM_E_MALFORMED);
}

static void keys_of_another_certificate_or_passphrase_do_not_open(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_keeper keeper = {0};
    bm_keeper_options options;

    assert_ok(make_ca("Test CA", NOW + 1000000, &key, &der));
    options = options_of(f, passphrase, bm_buf_view(&f->ticket_sealed), bm_buf_view(&der));
    assert_code(bm_keeper_requests_init(&keeper, &options), BM_E_KEY_INVALID);
    bm_keeper_requests_fini(&keeper);
    options = options_of(f, "another", bm_buf_view(&f->ticket_sealed), bm_buf_view(&f->ca_der));
    assert_code(bm_keeper_requests_init(&keeper, &options), BM_E_KEY_PASSPHRASE);
    bm_keeper_requests_fini(&keeper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_ticket_was_made_for_is_signed),
        cmocka_unit_test(the_same_request_through_a_socket_pair_is_answered),
        cmocka_unit_test(a_certificate_of_another_key_is_not_signed),
        cmocka_unit_test(a_ticket_with_any_bit_changed_is_refused),
        cmocka_unit_test(a_ticket_for_other_parameters_is_refused),
        cmocka_unit_test(a_stale_ticket_is_refused_by_the_keepers_own_clock),
        cmocka_unit_test(no_ticket_is_made_for_a_time_that_is_still_to_come),
        cmocka_unit_test(a_ticket_that_ends_too_far_ahead_is_not_signed_for_whoever_made_it),
        cmocka_unit_test(the_ticket_of_another_ca_is_refused),
        cmocka_unit_test(a_ca_certificate_is_not_signed),
        cmocka_unit_test(another_issuer_is_not_signed_for),
        cmocka_unit_test(nothing_outlives_the_ca),
        cmocka_unit_test(what_is_no_certificate_is_not_signed),
        cmocka_unit_test(a_request_of_the_wrong_size_is_answered_with_an_error),
        cmocka_unit_test(other_messages_are_not_for_the_keeper),
        cmocka_unit_test(keys_of_another_certificate_or_passphrase_do_not_open),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
