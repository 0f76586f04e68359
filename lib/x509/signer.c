#include "x509/signer.h"

#include "base/text.h"
#include "x509/build.h"
#include "x509/name.h"
#include "x509/walk.h"

static const uint8_t purpose_bytes[] = {0x69, 0x82, 0x88, 0xB5, 0xC6, 0xB6, 0xDD, 0x96, 0x82, 0x92,
                                        0xFF, 0x96, 0xF4, 0xE0, 0x98, 0xAA, 0xF4, 0x94, 0x97, 0x5C};
const bm_bytes bm_signer_purpose = {purpose_bytes, sizeof(purpose_bytes)};

static BM_RESULT put_name(bm_buf *out)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;

    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_CN, bm_bytes_str("Birthmark answers")));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&rdns));
}

static BM_RESULT put_extensions(bm_buf *out, const bm_ca *ca, const bm_pubkey *key)
{
    uint8_t id[BM_BUILD_KEY_ID_SIZE];

    BM_TRY(bm_build_key_id(key, id));
    BM_TRY(bm_build_put_basic(out, false));
    BM_TRY(bm_build_put_key_usage(out, BM_BUILD_DIGITAL_SIGNATURE));
    BM_TRY(bm_build_put_eku(out, bm_signer_purpose));
    return bm_build_put_key_ids(out, BM_BYTES_ARRAY(id), bm_buf_view(&ca->key_id));
}

BM_RESULT bm_signer_put_tbs(bm_buf *out, const bm_ca *ca, const bm_signer_fields *fields)
{
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;
    bm_build_fields built = {.serial = BM_BYTES_ARRAY(fields->serial),
                             .alg = bm_pkey_default_sig(ca->key.type),
                             .issuer = bm_buf_view(&ca->subject),
                             .not_before = fields->not_before,
                             .not_after = fields->not_after,
                             .key = fields->key};

    BM_CHECK(fields->key->type == BM_KEY_ECC256, BM_E_INTERNAL, "a key for answers is P-256");
    BM_TRY(put_name(&name));
    BM_TRY(put_extensions(&extensions, ca, fields->key));
    built.subject = bm_buf_view(&name);
    built.extensions = bm_buf_view(&extensions);
    return bm_build_put_tbs(out, &built);
}

static BM_RESULT read_fields(const bm_walk_cert *cert, bm_signer_fields *fields, bm_pubkey *key)
{
    const bm_walk_fields *walked = &cert->fields;

    BM_CHECK(walked->serial.size == BM_SERIAL_SIZE && walked->serial.data[0] <= 0x7F, BM_E_MALFORMED, NULL);
    BM_TRY(bm_bytes_copy_exact(walked->serial, fields->serial, BM_SERIAL_SIZE));
    BM_TRY(bm_walk_validity(walked->validity, &fields->not_before, &fields->not_after));
    BM_TRY(bm_pubkey_parse_spki(walked->spki, key));
    BM_CHECK(key->type == BM_KEY_ECC256, BM_E_MALFORMED, NULL);
    fields->key = key;
    return bm_ok();
}

/* Did this CA make it, in this form? */
static bool is_of(const bm_ca *ca, const bm_walk_cert *cert, const bm_signer_fields *fields)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_sig_alg alg = bm_pkey_default_sig(ca->key.type);

    return bm_bytes_equal(cert->fields.issuer, bm_buf_view(&ca->subject)) && bm_pkey_parse_sig_algorithm(cert->alg) == alg &&
           bm_signer_put_tbs(&again, ca, fields).code == BM_OK && bm_bytes_equal(bm_buf_view(&again), cert->tbs) &&
           bm_pkey_from_public(&ca->key, &key).code == BM_OK && bm_pkey_verify(key, alg, cert->tbs, cert->signature).code == BM_OK;
}

static BM_RESULT check_dates(int64_t not_before, int64_t not_after, int64_t now)
{
    char limit[BM_TIME_TEXT_SIZE];
    char clock[BM_TIME_TEXT_SIZE];

    bm_text_time(now, clock);
    bm_text_time(now < not_before ? not_before : not_after, limit);
    if (now < not_before)
        return bm_failf(BM_E_ANSWER_INVALID, "it is good from %s on, and the clock here says %s; is the clock right?", limit, clock);
    if (now > not_after)
        return bm_failf(BM_E_ANSWER_INVALID, "it was good until %s, and the clock here says %s; have the requests answered again", limit, clock);
    return bm_ok();
}

BM_RESULT bm_signer_check(bm_bytes der, const bm_ca *cas, size_t count, int64_t now, bm_pubkey *key)
{
    bm_signer_fields fields = {0};
    bm_walk_cert cert;
    bm_pubkey parsed;

    BM_CHECK(bm_walk_certificate(der, &cert).code == BM_OK && read_fields(&cert, &fields, &parsed).code == BM_OK, BM_E_ANSWER_INVALID,
             "the certificate of its signer is none of a key for answers");
    for (size_t i = 0; i < count; i++)
        if (is_of(&cas[i], &cert, &fields)) {
            BM_TRY(check_dates(cas[i].not_before, cas[i].not_after, now));
            BM_TRY(check_dates(fields.not_before, fields.not_after, now));
            *key = parsed;
            return bm_ok();
        }
    return bm_fail(BM_E_ANSWER_INVALID, "its signer has no certificate for answers from the CA of --ca");
}
