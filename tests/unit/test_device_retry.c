/* device/tpm/retry: which TPM codes are worth another try, how long, and which never. */
#include "unit.h"

#include "device/tpm/retry.h"

#include <tss2/tss2_tpm2_types.h>

static const TSS2_RC busy[] = {TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING, TPM2_RC_NV_RATE, TPM2_RC_NV_UNAVAILABLE};
static const TSS2_RC full[] = {TPM2_RC_OBJECT_MEMORY, TPM2_RC_SESSION_MEMORY, TPM2_RC_MEMORY, TPM2_RC_OBJECT_HANDLES,
                               TPM2_RC_SESSION_HANDLES};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_a_busy_tpm_is_waited_for_longer_each_time_and_not_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(busy); i++) {
        bm_tpm_retry retry = {0};
        int64_t before = 0;
        int64_t all = 0;
        int64_t pause = 0;
        unsigned times = 0;

        while (bm_tpm_retry_next(&retry, busy[i], true, &pause) == BM_TPM_RETRY_PAUSE) {
            assert_true(pause >= before && pause > 0 && pause <= BM_TPM_RETRY_PAUSE_NS);
            before = pause;
            all += pause;
            assert_true(++times < 100);
        }
        assert_true(all >= BM_TPM_RETRY_WAIT_NS && all < BM_TPM_RETRY_WAIT_NS + BM_TPM_RETRY_PAUSE_NS);
        assert_int_equal(bm_tpm_retry_next(&retry, busy[i], true, &pause), BM_TPM_RETRY_NEVER);
    }
}

static void test_the_time_is_for_the_command_whatever_its_codes(void **state)
{
    bm_tpm_retry retry = {0};
    int64_t pause = 0;
    unsigned times = 0;

    (void)state;
    while (bm_tpm_retry_next(&retry, busy[times % COUNT(busy)], true, &pause) == BM_TPM_RETRY_PAUSE)
        assert_true(++times < 100);
    for (size_t i = 0; i < COUNT(busy); i++)
        assert_int_equal(bm_tpm_retry_next(&retry, busy[i], true, &pause), BM_TPM_RETRY_NEVER);
}

static void test_room_is_made_once_and_only_where_it_may_be(void **state)
{
    int64_t pause = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(full); i++) {
        bm_tpm_retry bare = {0};
        bm_tpm_retry managed = {0};

        assert_int_equal(bm_tpm_retry_next(&bare, full[i], true, &pause), BM_TPM_RETRY_MAKE_ROOM);
        assert_int_equal(bm_tpm_retry_next(&bare, full[i], true, &pause), BM_TPM_RETRY_NEVER);
        assert_int_equal(bm_tpm_retry_next(&managed, full[i], false, &pause), BM_TPM_RETRY_NEVER);
    }
}

static void test_lockout_and_what_is_about_the_command_is_never_tried_again(void **state)
{
    static const TSS2_RC rows[] = {TSS2_RC_SUCCESS, TPM2_RC_LOCKOUT, TPM2_RC_FAILURE, TPM2_RC_INITIALIZE, TPM2_RC_NV_SPACE,
                                   TPM2_RC_VALUE, TPM2_RC_HANDLE, TPM2_RC_INTEGRITY, TPM2_RC_AUTH_FAIL, TPM2_RC_BAD_AUTH,
                                   TSS2_TCTI_RC_IO_ERROR, TSS2_ESYS_RC_BAD_SEQUENCE, TSS2_SYS_RC_INSUFFICIENT_RESPONSE};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bm_tpm_retry retry = {0};
        int64_t pause = 0;

        assert_int_equal(bm_tpm_retry_next(&retry, rows[i], true, &pause), BM_TPM_RETRY_NEVER);
    }
}

static void test_the_tpms_state_is_told_from_what_is_wrong_with_a_command(void **state)
{
    static const TSS2_RC about_command[] = {TPM2_RC_VALUE, TPM2_RC_CURVE, TPM2_RC_HANDLE | TPM2_RC_H, TPM2_RC_ATTRIBUTES,
                                            TPM2_RC_COMMAND_CODE, TPM2_RC_NV_AUTHORIZATION, TPM2_RC_NV_SPACE, TSS2_ESYS_RC_BAD_VALUE};
    static const TSS2_RC about_state[] = {TPM2_RC_LOCKOUT, TPM2_RC_FAILURE, TPM2_RC_INITIALIZE, TSS2_SYS_RC_MALFORMED_RESPONSE,
                                          TSS2_ESYS_RC_INSUFFICIENT_RESPONSE, TSS2_ESYS_RC_RSP_AUTH_FAILED};

    (void)state;
    for (size_t i = 0; i < COUNT(about_command); i++)
        assert_false(bm_tpm_retry_is_state(about_command[i]));
    for (size_t i = 0; i < COUNT(about_state); i++)
        assert_true(bm_tpm_retry_is_state(about_state[i]));
    for (size_t i = 0; i < COUNT(busy); i++)
        assert_true(bm_tpm_retry_is_state(busy[i]));
    for (size_t i = 0; i < COUNT(full); i++)
        assert_true(bm_tpm_retry_is_state(full[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_busy_tpm_is_waited_for_longer_each_time_and_not_for_ever),
        cmocka_unit_test(test_the_time_is_for_the_command_whatever_its_codes),
        cmocka_unit_test(test_room_is_made_once_and_only_where_it_may_be),
        cmocka_unit_test(test_lockout_and_what_is_about_the_command_is_never_tried_again),
        cmocka_unit_test(test_the_tpms_state_is_told_from_what_is_wrong_with_a_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
