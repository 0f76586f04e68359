/* device/exchange/offer: which refusals are about the EK alone, and what an operator is told. */
#include "unit.h"

#include "device/exchange/offer.h"

#include <string.h>

static void only_what_is_about_the_ek_brings_in_another(void **state)
{
    static const bm_code of_ek[] = {BM_E_EK_TEMPLATE, BM_E_EK_MISMATCH,   BM_E_EK_WEAK,   BM_E_EK_PUBLIC_MALFORMED,
                                    BM_E_EKC_MISSING, BM_E_EKC_MALFORMED, BM_E_EKC_USAGE, BM_E_EKC_VALIDITY,
                                    BM_E_EKC_CLASS,   BM_E_EKC_UNTRUSTED, BM_E_EK_NOT_IN_INVENTORY};
    size_t found = 0;

    (void)state;
    for (unsigned code = 0; code < BM_CODE_COUNT; code++)
        found += bm_offer_is_about_ek((bm_code)code);
    assert_int_equal(found, sizeof(of_ek) / sizeof(of_ek[0]));
    for (size_t i = 0; i < found; i++)
        assert_true(bm_offer_is_about_ek(of_ek[i]));
}

static void what_was_thrown_out_does_not_come_back_by_another_ek(void **state)
{
    static const bm_code never[] = {BM_E_EKC_REVOKED,   BM_E_DEVICE_RETIRED,  BM_E_IDENTITY_TAKEN, BM_E_IDENTITY_MISMATCH,
                                    BM_E_RATE_LIMITED,  BM_E_PROFILE_UNKNOWN, BM_E_IK_ALGORITHM,   BM_E_INTERNAL,
                                    BM_E_TICKET_INVALID};

    (void)state;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_false(bm_offer_is_about_ek(never[i]));
}

static void the_operators_line_names_the_serial_and_the_hash(void **state)
{
    static const uint8_t x[32] = {1}, y[32] = {2};
    BM_AUTO_BUF line = BM_BUF_EMPTY;
    BM_AUTO_BUF without = BM_BUF_EMPTY;
    bm_pubkey key;

    (void)state;
    assert_ok(bm_pubkey_from_point(BM_KEY_ECC256, BM_BYTES_ARRAY(x), BM_BYTES_ARRAY(y), &key));
    assert_ok(bm_offer_put_add(&line, "SN-1", &key));
    assert_bytes(bm_bytes_slice(bm_buf_view(&line), 0, line.size - 64), bm_bytes_str("birthmarkctl device add --serial SN-1 --ek-sha256 "));
    assert_ok(bm_offer_put_add(&without, NULL, &key));
    assert_bytes(bm_bytes_slice(bm_buf_view(&without), 0, without.size - 64), bm_bytes_str("birthmarkctl device add --serial SERIAL --ek-sha256 "));
    assert_bytes(bm_bytes_slice(bm_buf_view(&without), without.size - 64, 64), bm_bytes_slice(bm_buf_view(&line), line.size - 64, 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_about_the_ek_brings_in_another),
        cmocka_unit_test(what_was_thrown_out_does_not_come_back_by_another_ek),
        cmocka_unit_test(the_operators_line_names_the_serial_and_the_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
