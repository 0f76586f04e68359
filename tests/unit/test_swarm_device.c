#include "unit.h"

#include "protocol/reply.h"
#include "protocol/request.h"
#include "protocol/ticket.h"
#include "swarm/device.h"
#include "tpm/credential.h"
#include "x509/csr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1795473000)

static const uint8_t challenge[BM_TICKET_CHALLENGE_SIZE] = {1, 2, 3};
static const uint8_t secret[BM_SHA256_SIZE] = {4, 5, 6};

static char directory[] = "/tmp/bm-swarm-device.XXXXXX";
static char path[64];

static BM_RESULT no_watch(void *context, size_t made, size_t of)
{
    (void)context;
    (void)made;
    (void)of;
    return bm_ok();
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/fleet", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void open_fleet(bm_swarm_fleet *fleet, bm_key_type ek, bm_key_type ik)
{
    assert_ok(bm_swarm_fleet_open(path, NULL, NOW, fleet));
    assert_ok(bm_swarm_fleet_select(fleet, ek, ik));
    assert_ok(bm_swarm_fleet_grow(fleet, 2, no_watch, NULL));
}

/* What the server would answer: a credential for this EK and this Name with the secret in it. */
static void make_reply(const bm_tpm_public *ek, const bm_tpm_name *name, bm_bytes ticket, bm_buf *body)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {.expires = NOW};
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;

    assert_ok(bm_pkey_from_public(&ek->key, &key));
    assert_ok(bm_credential_make(ek, key, bm_tpm_public_name_view(name), ticket, &reply.credential_blob, &reply.encrypted_secret));
    assert_ok(bm_buf_put(&reply.challenge, BM_BYTES_ARRAY(challenge)));
    bm_buf_clear(body);
    assert_ok(bm_reply_challenge_put(&reply, body));
}

static void a_device_does_what_its_tpm_would(void **state)
{
    static const bm_key_type eks[] = {BM_KEY_RSA2048, BM_KEY_ECC256, BM_KEY_ECC384};
    static const bm_key_type iks[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        BM_AUTO(bm_swarm_fleet_close) bm_swarm_fleet fleet = {.fd = -1};
        BM_AUTO(bm_swarm_device_kit_freep) bm_swarm_kit *kit = NULL;
        BM_AUTO(bm_swarm_device_fini) bm_swarm_device device = {0};
        BM_AUTO(bm_request_fini) bm_request request = {0};
        BM_AUTO(bm_request_fini) bm_request second = {0};
        BM_AUTO_BUF reply = BM_BUF_EMPTY;
        bm_tpm_public ek, ik;
        bm_tpm_name name;

        open_fleet(&fleet, eks[i % 3], iks[i / 3]);
        assert_ok(bm_swarm_device_kit_new(&fleet, "some-profile", false, &kit));
        assert_ok(bm_swarm_device_prepare(kit, 1, BM_SWARM_GOOD, &device));
        assert_ok(bm_request_parse(BM_CALL_CHALLENGE, bm_buf_view(&device.body), &request));
        assert_string_equal(request.profile, "some-profile");
        assert_bytes(bm_buf_view(&request.csr), device.own.record.csr);
        assert_bytes(bm_buf_view(&request.ek_certificate), device.own.record.certificate);
        assert_ok(bm_tpm_public_parse(bm_buf_view(&request.ek_public), &ek));
        assert_non_null(bm_template_match_ek(&ek));
        assert_ok(bm_tpm_public_parse(bm_buf_view(&request.ik_public), &ik));
        assert_ok(bm_template_check_ik(&ik));
        assert_ok(bm_tpm_public_name(&ik, &name));
        make_reply(&ek, &name, BM_BYTES_ARRAY(secret), &reply);
        assert_ok(bm_swarm_device_answer(kit, &device, bm_buf_view(&reply)));
        assert_ok(bm_request_parse(BM_CALL_CERTIFICATE, bm_buf_view(&device.body), &second));
        assert_bytes(bm_buf_view(&second.ticket), BM_BYTES_ARRAY(secret));
        assert_bytes(bm_buf_view(&second.challenge), BM_BYTES_ARRAY(challenge));
        assert_bytes(bm_buf_view(&second.csr), bm_buf_view(&request.csr));
    }
}

static void a_credential_for_another_is_not_opened(void **state)
{
    static const bm_key_type eks[] = {BM_KEY_RSA2048, BM_KEY_ECC256};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO(bm_swarm_fleet_close) bm_swarm_fleet fleet = {.fd = -1};
        BM_AUTO(bm_swarm_device_kit_freep) bm_swarm_kit *kit = NULL;
        BM_AUTO(bm_swarm_device_fini) bm_swarm_device device = {0};
        BM_AUTO(bm_swarm_device_fini) bm_swarm_device other = {0};
        BM_AUTO_BUF reply = BM_BUF_EMPTY;

        open_fleet(&fleet, eks[i], BM_KEY_ECC256);
        assert_ok(bm_swarm_device_kit_new(&fleet, "", false, &kit));
        assert_ok(bm_swarm_device_prepare(kit, 0, BM_SWARM_GOOD, &device));
        assert_ok(bm_swarm_device_prepare(kit, 1, BM_SWARM_GOOD, &other));
        make_reply(&other.ek, &device.ik_name, BM_BYTES_ARRAY(secret), &reply);
        assert_code(bm_swarm_device_answer(kit, &device, bm_buf_view(&reply)), BM_E_CHALLENGE_FAILED);
        make_reply(&device.ek, &other.ik_name, BM_BYTES_ARRAY(secret), &reply);
        assert_code(bm_swarm_device_answer(kit, &device, bm_buf_view(&reply)), BM_E_CHALLENGE_FAILED);
        assert_code(bm_swarm_device_answer(kit, &device, bm_bytes_str("{}")), BM_E_SERVER_REPLY);
        assert_code(bm_swarm_device_answer(kit, &device, bm_bytes_str("")), BM_E_SERVER_REPLY);
        assert_code(bm_swarm_device_take(&device, bm_bytes_str("{}"), &reply), BM_E_SERVER_REPLY);
    }
}

static void each_bad_device_is_bad_in_its_own_way(void **state)
{
    BM_AUTO(bm_swarm_fleet_close) bm_swarm_fleet fleet = {.fd = -1};
    BM_AUTO(bm_swarm_device_kit_freep) bm_swarm_kit *kit = NULL;
    BM_AUTO(bm_swarm_device_fini) bm_swarm_device device = {0};
    BM_AUTO(bm_request_fini) bm_request request = {0};
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_csr csr;

    (void)state;
    open_fleet(&fleet, BM_KEY_ECC256, BM_KEY_ECC256);
    assert_ok(bm_swarm_device_kit_new(&fleet, "", true, &kit));
    assert_ok(bm_swarm_device_prepare(kit, 0, BM_SWARM_BAD_JSON, &device));
    assert_code(bm_request_parse(BM_CALL_CHALLENGE, bm_buf_view(&device.body), &request), bm_swarm_device_expected(BM_SWARM_BAD_JSON));
    assert_ok(bm_swarm_device_prepare(kit, 0, BM_SWARM_BAD_CSR, &device));
    assert_ok(bm_request_parse(BM_CALL_CHALLENGE, bm_buf_view(&device.body), &request));
    assert_ok(bm_csr_parse(bm_buf_view(&request.csr), &csr));
    assert_false(bm_bytes_equal(csr.spki, device.ik_spki));
    bm_request_fini(&request);
    assert_ok(bm_swarm_device_prepare(kit, 0, BM_SWARM_BAD_VENDOR, &device));
    assert_ok(bm_request_parse(BM_CALL_CHALLENGE, bm_buf_view(&device.body), &request));
    assert_false(bm_bytes_equal(bm_buf_view(&request.ek_certificate), device.own.record.certificate));
    bm_request_fini(&request);
    assert_ok(bm_swarm_device_prepare(kit, 0, BM_SWARM_BAD_TICKET, &device));
    make_reply(&device.ek, &device.ik_name, BM_BYTES_ARRAY(secret), &reply);
    assert_ok(bm_swarm_device_answer(kit, &device, bm_buf_view(&reply)));
    assert_ok(bm_request_parse(BM_CALL_CERTIFICATE, bm_buf_view(&device.body), &request));
    assert_int_equal(request.ticket.size, sizeof(secret));
    assert_memory_not_equal(request.ticket.data, secret, sizeof(secret));
}

static void the_bad_are_as_many_as_asked_for(void **state)
{
    static const unsigned shares[] = {0, 1, 5, 10, 333, 999, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        unsigned kinds[BM_SWARM_BAD_COUNT] = {0};

        for (size_t index = 0; index < 4000; index++)
            kinds[bm_swarm_device_badness(index, shares[i])]++;
        assert_int_equal(kinds[BM_SWARM_GOOD], 4000 - 4 * shares[i]);
        for (unsigned kind = BM_SWARM_BAD_CSR; kind < BM_SWARM_BAD_COUNT; kind++)
            assert_int_equal(kinds[kind], shares[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_does_what_its_tpm_would),
        cmocka_unit_test(a_credential_for_another_is_not_opened),
        cmocka_unit_test(each_bad_device_is_bad_in_its_own_way),
        cmocka_unit_test(the_bad_are_as_many_as_asked_for),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
