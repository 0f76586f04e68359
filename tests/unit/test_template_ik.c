/* tpm/template: identity keys with a policy, and primaries. */
#include "unit.h"

#include "base/text.h"
#include "tpm/template.h"

#include "tpm_areas.h"

static void an_identity_key_that_its_policy_alone_governs_is_taken(void **state)
{
    BM_AUTO_BUF area = vector(area_ecc_ik);
    static const uint8_t policy[32] = {1};
    bm_tpm_public ik;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ik));
    ik.policy = BM_BYTES_ARRAY(policy);
    ik.attributes &= ~BM_TPMA_USER_WITH_AUTH;
    assert_ok(bm_template_check_ik(&ik));
}

/* The template that docs/birthmark.1 promises, byte for byte. */
static void a_primary_has_its_unique_and_a_policy_takes_the_place_of_the_value(void **state)
{
    static const uint8_t unique[32] = {'b', 'i', 'r', 't', 'h', 'm', 'a', 'r', 'k', '-', 'i', 'k', 0, 0, 0, 0, 0xAA};
    static const uint8_t policy[32] = {0x11};
    static const uint8_t too_long[49] = {1};
    const bm_ik_template primary = {.type = BM_KEY_ECC256, .unique = BM_BYTES_ARRAY(unique)};
    const bm_ik_template governed = {.type = BM_KEY_ECC256, .policy = BM_BYTES_ARRAY(policy)};
    const bm_ik_template wrong = {.type = BM_KEY_ECC384, .unique = BM_BYTES_ARRAY(too_long)};
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    BM_AUTO_BUF expected = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_template_put_ik(&out, &primary));
    assert_ok(bm_text_from_hex(bm_bytes_str("0056" "0023" "000b" "00040472" "0000" "0010" "0010" "0003" "0010" "0020"
                                            "62697274686d61726b2d696b00000000aa000000000000000000000000000000" "0020"
                                            "0000000000000000000000000000000000000000000000000000000000000000"), &expected));
    assert_bytes(bm_buf_view(&out), bm_buf_view(&expected));
    bm_buf_clear(&out);
    bm_buf_clear(&expected);
    assert_ok(bm_template_put_ik(&out, &governed));
    assert_ok(bm_text_from_hex(bm_bytes_str("0036" "0023" "000b" "00040432" "0020"
                                            "1100000000000000000000000000000000000000000000000000000000000000"
                                            "0010" "0010" "0003" "0010" "0000" "0000"), &expected));
    assert_bytes(bm_buf_view(&out), bm_buf_view(&expected));
    assert_code(bm_template_put_ik(&out, &wrong), BM_E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_key_that_its_policy_alone_governs_is_taken),
        cmocka_unit_test(a_primary_has_its_unique_and_a_policy_takes_the_place_of_the_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
