/* device/doctor/findings, tpm and system: what the doctor prints, and what it says of clocks, nodes and firmware. */
#include "unit.h"

#include "device/doctor/system.h"
#include "device/doctor/tpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char printed[8192];
static int kept;
static FILE *file;

/* From here on stdout goes into a file; `said` ends that and reads it. */
static void listen(void)
{
    (void)fflush(stdout);
    kept = dup(STDOUT_FILENO);
    file = tmpfile();
    assert_non_null(file);
    assert_true(kept >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
}

static const char *said(void)
{
    size_t size;

    (void)fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    (void)close(kept);
    rewind(file);
    size = fread(printed, 1, sizeof(printed) - 1, file);
    printed[size] = 0;
    (void)fclose(file);
    return printed;
}

static void a_finding_is_a_line_and_the_verdicts_are_counted(void **state)
{
    bm_findings findings;

    (void)state;
    listen();
    bm_findings_begin(&findings, false);
    bm_findings_add(&findings, BM_FINDING_OK, "tpm", "a \"%s\"\n\x1b[31m", "chip");
    bm_findings_add(&findings, BM_FINDING_PROBLEM, "ek", "none");
    bm_findings_end(&findings);
    assert_string_equal(said(), "ok       tpm               a \"chip\"??[31m\nproblem  ek                none\n1 problem, 0 warnings\n");
    assert_int_equal(findings.count[BM_FINDING_PROBLEM], 1);
    assert_int_equal(findings.count[BM_FINDING_OK], 1);
}

static void as_json_nothing_breaks_out_of_a_string(void **state)
{
    bm_findings findings;

    (void)state;
    listen();
    bm_findings_begin(&findings, true);
    bm_findings_add(&findings, BM_FINDING_WARNING, "ek-L-1", "\"\\ \n\xff");
    bm_findings_add(&findings, BM_FINDING_OK, "nv", "x");
    bm_findings_end(&findings);
    assert_string_equal(said(), "{\"findings\": [\n"
                                "  {\"name\": \"ek-L-1\", \"verdict\": \"warning\", \"text\": \"\\\"\\\\ ??\"},\n"
                                "  {\"name\": \"nv\", \"verdict\": \"ok\", \"text\": \"x\"}\n"
                                "], \"problems\": 0, \"warnings\": 1}\n");
}

static void a_failure_is_a_problem_unless_it_ends_the_program(void **state)
{
    bm_findings findings;

    (void)state;
    listen();
    bm_findings_begin(&findings, false);
    assert_ok(bm_findings_add_failure(&findings, "server", bm_fail(BM_E_NETWORK, "it is away: call somebody")));
    assert_code(bm_findings_add_failure(&findings, "server", bm_fail(BM_E_INTERRUPTED, NULL)), BM_E_INTERRUPTED);
    assert_code(bm_findings_add_failure(&findings, "server", bm_fail(BM_E_NO_MEMORY, NULL)), BM_E_NO_MEMORY);
    assert_ok(bm_findings_add_failure(&findings, "server", bm_ok()));
    assert_string_equal(said(), "problem  server            it is away: call somebody\n");
}

static void failures_of_enroll_name_a_finding(void **state)
{
    static const struct {
        bm_result result;
        const char *name;
    } rows[] = {
        {{BM_E_TPM_UNREACHABLE, "device:/dev/tpmrm0 cannot be opened"}, "device-node"},
        {{BM_E_TPM_UNREACHABLE, "swtpm:path=/x cannot be opened"}, "tpm"},
        {{BM_E_TPM_LOCKOUT, NULL}, "lockout"},
        {{BM_E_TPM_AUTH, "the TPM's owner hierarchy has"}, "owner-auth"},
        {{BM_E_TPM_AUTH, "the TPM's endorsement hierarchy has"}, "endorsement-auth"},
        {{BM_E_EK_MISMATCH, NULL}, "ek"},
        {{BM_E_EK_MISMATCH, "this TPM does not have the EK of --ek-sha256"}, "bus"},
        {{BM_E_TPM_HANDLE_TAKEN, NULL}, "handle"},
        {{BM_E_NETWORK, NULL}, "server"},
        {{BM_E_SERVER_REFUSED, NULL}, "profile"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(bm_findings_name_for(rows[i].result), rows[i].name);
    assert_string_equal(bm_findings_name_for(bm_tpm_context_result("TPM2_Create", TPM2_RC_OBJECT_MEMORY)), "objects");
    assert_string_equal(bm_findings_name_for(bm_tpm_context_result("TPM2_Sign", TSS2_ESYS_RC_RSP_AUTH_FAILED)), "bus");
    assert_string_equal(bm_findings_name_for(bm_tpm_context_result("TPM2_StartAuthSession", TPM2_RC_SESSION_MEMORY)), "sessions");
    assert_string_equal(bm_findings_name_for(bm_tpm_context_result("TPM2_EvictControl", TPM2_RC_NV_SPACE)), "persistent");
    assert_string_equal(bm_findings_name_for(bm_tpm_context_result("TPM2_CreatePrimary", 0x185)), "hierarchies");
    assert_string_equal(bm_findings_name_for(bm_tpm_context_result("TPM2_Create", TPM2_RC_CURVE)), "algorithms");
    assert_null(bm_findings_name_for(bm_fail(BM_E_USAGE, NULL)));
    assert_null(bm_findings_name_for(bm_fail(BM_E_INTERRUPTED, NULL)));
    assert_null(bm_findings_name_for(bm_ok()));
}

static void a_clock_before_the_certificates_is_a_problem(void **state)
{
    bm_findings findings;

    (void)state;
    listen();
    bm_findings_begin(&findings, false);
    bm_doctor_system_clock(&findings, (int64_t)time(NULL) + 86400);
    bm_doctor_system_clock(&findings, (int64_t)time(NULL) - 86400);
    bm_doctor_system_clock(&findings, 0);
    assert_non_null(strstr(said(), "set the clock"));
    assert_int_equal(findings.count[BM_FINDING_PROBLEM], 1);
    assert_int_equal(findings.count[BM_FINDING_OK], 2);
}

static void a_node_is_looked_for_where_the_tcti_has_one(void **state)
{
    static const char *const good[] = {"swtpm:path=/x", "tabrmd", "mssim", "device:/dev/null", "libtss2-tcti-device.so.0:/dev/null"};
    static const char *const bad[] = {"device:/dev/bm-none", "device:/etc/passwd", "device:/etc/passwd/x"};
    bm_findings findings;

    (void)state;
    listen();
    bm_findings_begin(&findings, false);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        bm_doctor_system_node(&findings, good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        bm_doctor_system_node(&findings, bad[i]);
    assert_non_null(strstr(said(), "is no device"));
    assert_int_equal(findings.count[BM_FINDING_OK], 5);
    assert_int_equal(findings.count[BM_FINDING_PROBLEM], 3);
}

static void weak_firmware_is_the_makers_own_list(void **state)
{
    static const struct {
        uint32_t manufacturer;
        uint32_t version;
        bool weak;
    } rows[] = {
        {0x49465800, 5u << 16 | 61, true},  {0x49465800, 5u << 16 | 62, false}, {0x49465800, 7u << 16 | 40, true},
        {0x49465800, 7u << 16 | 61, true},  {0x49465800, 7u << 16 | 62, false}, {0x49465800, 6u << 16 | 42, true},
        {0x49465800, 6u << 16 | 43, false}, {0x49465800, 15u << 16 | 20, false}, {0x53544D20, 7u << 16 | 40, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(bm_doctor_tpm_is_roca_firmware(rows[i].manufacturer, rows[i].version), rows[i].weak);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_is_a_line_and_the_verdicts_are_counted),
        cmocka_unit_test(as_json_nothing_breaks_out_of_a_string),
        cmocka_unit_test(a_failure_is_a_problem_unless_it_ends_the_program),
        cmocka_unit_test(failures_of_enroll_name_a_finding),
        cmocka_unit_test(a_clock_before_the_certificates_is_a_problem),
        cmocka_unit_test(a_node_is_looked_for_where_the_tcti_has_one),
        cmocka_unit_test(weak_firmware_is_the_makers_own_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
