/* What birthmarkctl prints of certificates: with a certificate that was really issued. */
#include "unit_store.h"

#include "ctl/ctl.h"
#include "x509/issue.h"

#include <fcntl.h>

/* A CA and a device's certificate by it. */
static void issue(uint8_t serial[BM_SERIAL_SIZE], bm_buf *der)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *ca_key = NULL;
    BM_AUTO(bm_pkey_freep) bm_pkey *ik = NULL;
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};
    BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
    BM_AUTO_BUF subject = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_ca_options options = {.common_name = "Test CA", .not_before = NOW - 10, .not_after = NOW + 100000, .serial = {1}};
    bm_profile profile = {.name = "default"};
    bm_pubkey key;
    bm_issue_fields fields = {.key = &key, .not_before = NOW, .not_after = NOW + 1000};

    memset(fields.serial, 0x5A, sizeof(fields.serial));
    memcpy(serial, fields.serial, BM_SERIAL_SIZE);
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &ca_key));
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &ik));
    assert_ok(bm_pkey_public(ik, &key));
    assert_ok(bm_ca_self_signed(ca_key, &options, &ca_der));
    assert_ok(bm_ca_parse(bm_buf_view(&ca_der), &ca));
    assert_ok(bm_profile_parse_subject(bm_bytes_str("CN=%i, O=Example"), &profile));
    assert_ok(bm_profile_put_subject(&subject, &profile, "SN-1", ek(1)));
    fields.subject = bm_buf_view(&subject);
    assert_ok(bm_issue_put_tbs(&tbs, &ca, BM_SIG_ECDSA_SHA256, &fields));
    assert_ok(bm_pkey_sign(ca_key, BM_SIG_ECDSA_SHA256, bm_buf_view(&tbs), &signature));
    assert_ok(bm_issue_assemble(der, bm_buf_view(&tbs), BM_SIG_ECDSA_SHA256, bm_buf_view(&signature)));
}

/* The text that a handler prints. */
static bm_result printed_by(bm_ctl_handler handler, const bm_ctl *ctl, const char *file, char *text, size_t size)
{
    int saved;
    int fd;
    ssize_t got;
    bm_result result;

    assert_int_equal(fflush(stdout), 0);
    saved = dup(STDOUT_FILENO);
    fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && fd >= 0);
    assert_true(dup2(fd, STDOUT_FILENO) >= 0);
    result = handler(ctl);
    (void)fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    got = pread(fd, text, size - 1, 0);
    assert_true(got >= 0);
    text[got] = 0;
    (void)close(fd);
    (void)close(saved);
    (void)unlink(file);
    return result;
}

static void certificates_are_listed_and_shown(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    const char *arguments[] = {"5A:5A:5A:5A:5A"};
    const char *device[] = {"SN-1"};
    bm_ctl ctl = {.state = f->dir, .now = NOW};
    char out[128];
    char text[4096];

    (void)snprintf(out, sizeof(out), "%s/out", f->dir);
    issue(made.serial, &der);
    made.der = bm_buf_view(&der);
    assert_ok(record(f->store, &made));

    assert_ok(printed_by(bm_ctl_cert_list, &ctl, out, text, sizeof(text)));
    assert_non_null(strstr(text, "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a  SN-1                      default"));
    ctl.arguments = device;
    ctl.argument_count = 1;
    assert_ok(printed_by(bm_ctl_device_show, &ctl, out, text, sizeof(text)));
    assert_non_null(strstr(text, "certificates    5a5a5a5a"));
    ctl.values[BM_OPTION_JSON] = "";
    assert_ok(printed_by(bm_ctl_cert_list, &ctl, out, text, sizeof(text)));
    assert_non_null(strstr(text, "{\"certificate\": \"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\", \"device\": \"SN-1\""));

    ctl.arguments = arguments;
    assert_ok(printed_by(bm_ctl_cert_show, &ctl, out, text, sizeof(text)));
    assert_non_null(strstr(text, "subject         CN=SN-1, O=Example\n"));
    assert_non_null(strstr(text, "key             ecc256\n"));
    ctl.values[BM_OPTION_PEM] = "";
    assert_ok(printed_by(bm_ctl_cert_show, &ctl, out, text, sizeof(text)));
    assert_ok(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&der)));
    assert_bytes(bm_bytes_str(text), bm_buf_view(&pem));
}

static void what_is_not_there_is_not_shown(void **state)
{
    fixture *f = *state;
    const char *arguments[] = {"5a5a5a5a"};
    bm_ctl ctl = {.state = f->dir, .now = NOW, .arguments = arguments, .argument_count = 1};
    char out[128];
    char text[256];

    (void)snprintf(out, sizeof(out), "%s/out", f->dir);
    assert_code(printed_by(bm_ctl_cert_show, &ctl, out, text, sizeof(text)), BM_E_STORE_NOT_FOUND);
    assert_string_equal(text, "");
    assert_code(printed_by(bm_ctl_device_show, &ctl, out, text, sizeof(text)), BM_E_STORE_NOT_FOUND);
    assert_string_equal(text, "");
}

static void a_changed_certificate_does_not_verify(void **state)
{
    fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    bm_ctl ctl = {.state = f->dir, .now = NOW};
    char out[128];
    char text[256];

    (void)snprintf(out, sizeof(out), "%s/out", f->dir);
    assert_ok(record(f->store, &made));
    assert_ok(printed_by(bm_ctl_log_verify, &ctl, out, text, sizeof(text)));
    assert_non_null(strstr(text, "1 entries, all of them good\n"));
    raw_sql(f, "UPDATE certificate SET der = x'00'");
    assert_code(printed_by(bm_ctl_log_verify, &ctl, out, text, sizeof(text)), BM_E_STORE);
    assert_string_equal(text, "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(certificates_are_listed_and_shown),
        T(what_is_not_there_is_not_shown),
        T(a_changed_certificate_does_not_verify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
