#include "make_issue.h"

#include "crypto/random.h"

make_fleet fleet;

const bm_key_type make_types[MAKE_TYPE_COUNT] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_ECC521};

int make_fleet_begin(void **state)
{
    static const bm_ca_options options = {.common_name = "Fleet CA", .not_before = MAKE_FROM, .not_after = MAKE_CA_UNTIL, .serial = {1}};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_profile profile = {.name = "default"};
    uint8_t ek[BM_SHA256_SIZE] = {0};

    (void)state;
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &fleet.ca_key));
    assert_ok(bm_ca_self_signed(fleet.ca_key, &options, &der));
    assert_ok(bm_ca_parse(bm_buf_view(&der), &fleet.ca));
    for (size_t i = 0; i < MAKE_TYPE_COUNT; i++) {
        BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;

        assert_ok(bm_pkey_generate(make_types[i], &key));
        assert_ok(bm_pkey_public(key, &fleet.device[make_types[i]]));
    }
    assert_ok(bm_profile_parse_subject(bm_bytes_str("CN=%i, serialNumber=%i, O=Example Ltd"), &profile));
    assert_ok(bm_profile_put_subject(&fleet.subject, &profile, "SN-1", ek));
    return 0;
}

int make_fleet_end(void **state)
{
    (void)state;
    bm_pkey_free(fleet.ca_key);
    bm_ca_fini(&fleet.ca);
    bm_buf_fini(&fleet.subject);
    return 0;
}

bm_issue_fields make_fields(bm_key_type type)
{
    bm_issue_fields fields = {
        .subject = bm_buf_view(&fleet.subject), .key = &fleet.device[type], .not_before = MAKE_FROM, .not_after = MAKE_UNTIL};

    assert_ok(bm_random(fields.serial, sizeof(fields.serial)));
    bm_issue_serial(fields.serial);
    return fields;
}

static void sign(bm_bytes tbs, bm_buf *der)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    assert_ok(bm_pkey_sign(fleet.ca_key, BM_SIG_ECDSA_SHA256, tbs, &signature));
    assert_ok(bm_issue_assemble(der, tbs, BM_SIG_ECDSA_SHA256, bm_buf_view(&signature)));
}

void make_issued(const bm_issue_fields *fields, bm_buf *der)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    assert_ok(bm_issue_put_tbs(&tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, fields));
    sign(bm_buf_view(&tbs), der);
}
