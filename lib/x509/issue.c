#include "x509/issue.h"

#include "x509/build.h"
#include "x509/name.h"
#include "x509/walk.h"

void bm_issue_serial(uint8_t serial[BM_SERIAL_SIZE])
{
    serial[0] &= 0x7F;
    if (serial[0] == 0)
        serial[0] = 1;
}

/* certificatePolicies: tcg-cap-verifiedTPMResidency (TPM 2.0 Keys for Device Identity and Attestation, section 4) */
static BM_RESULT put_policy(bm_buf *out)
{
    static const uint8_t residency[] = {BM_DER_SEQUENCE, 10, BM_DER_SEQUENCE, 8,    BM_DER_OID, 6,
                                        0x67,            0x81, 0x05,          0x0B, 0x01,       0x01};

    return bm_build_put_extension(out, bm_build_oid_policies, false, BM_BYTES_ARRAY(residency));
}

static BM_RESULT put_extensions(bm_buf *out, const bm_pubkey *key, bm_bytes issuer_id)
{
    uint8_t id[BM_BUILD_KEY_ID_SIZE];

    BM_TRY(bm_build_key_id(key, id));
    BM_TRY(bm_build_put_basic(out, false));
    BM_TRY(bm_build_put_key_usage(out, BM_BUILD_DIGITAL_SIGNATURE));
    BM_TRY(bm_build_put_eku(out, bm_build_oid_client_auth));
    BM_TRY(put_policy(out));
    return bm_build_put_key_ids(out, BM_BYTES_ARRAY(id), issuer_id);
}

BM_RESULT bm_issue_put_tbs(bm_buf *out, const bm_ca *ca, bm_sig_alg alg, const bm_issue_fields *fields)
{
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;
    bm_build_fields built = {.serial = BM_BYTES_ARRAY(fields->serial),
                             .alg = alg,
                             .issuer = bm_buf_view(&ca->subject),
                             .not_before = fields->not_before,
                             .not_after = fields->not_after,
                             .subject = fields->subject,
                             .key = fields->key};

    BM_TRY(bm_buf_reserve(&extensions, 256));
    BM_TRY(put_extensions(&extensions, fields->key, bm_buf_view(&ca->key_id)));
    built.extensions = bm_buf_view(&extensions);
    return bm_build_put_tbs(out, &built);
}

/* The fields that a to-be-signed certificate was made from. */
static BM_RESULT read_fields(bm_bytes tbs, bm_issue_fields *fields, bm_pubkey *key)
{
    bm_walk_fields walked;

    BM_TRY(bm_walk_tbs(tbs, &walked));
    BM_CHECK(walked.serial.size == BM_SERIAL_SIZE && walked.serial.data[0] >= 1 && walked.serial.data[0] <= 0x7F,
             BM_E_MALFORMED, "the serial number is not one that we make");
    BM_TRY(bm_bytes_copy_exact(walked.serial, fields->serial, BM_SERIAL_SIZE));
    BM_TRY(bm_walk_validity(walked.validity, &fields->not_before, &fields->not_after));
    BM_TRY(bm_name_check_ours(walked.subject));
    BM_TRY(bm_pubkey_parse_spki(walked.spki, key));
    fields->subject = walked.subject;
    fields->key = key;
    return bm_ok();
}

BM_RESULT bm_issue_check_tbs(bm_bytes tbs, const bm_ca *ca, bm_sig_alg alg, const uint8_t spki_sha256[BM_SHA256_SIZE])
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_issue_fields fields = {0};
    bm_pubkey key;
    uint8_t sha256[BM_SHA256_SIZE];

    BM_TRY(bm_result_as(read_fields(tbs, &fields, &key), BM_E_KEY_REFUSED));
    BM_TRY(bm_pubkey_spki_sha256(&key, sha256));
    BM_CHECK(bm_bytes_equal_secret(BM_BYTES_ARRAY(sha256), bm_bytes_of(spki_sha256, BM_SHA256_SIZE)), BM_E_KEY_REFUSED,
             "the certificate's key is not the one that the ticket bound");
    BM_CHECK(!bm_pubkey_equal(&key, &ca->key), BM_E_KEY_REFUSED, "the certificate's key is the CA's own");
    BM_CHECK(!bm_bytes_equal(fields.subject, bm_buf_view(&ca->subject)), BM_E_KEY_REFUSED,
             "the certificate's subject is the CA's own");
    BM_CHECK(fields.not_after <= ca->not_after, BM_E_KEY_REFUSED, "the certificate would outlive the CA's");
    BM_TRY(bm_result_as(bm_issue_put_tbs(&again, ca, alg, &fields), BM_E_KEY_REFUSED));
    BM_CHECK(bm_bytes_equal(bm_buf_view(&again), tbs), BM_E_KEY_REFUSED,
             "the certificate is not built as ours are");
    return bm_ok();
}

BM_RESULT bm_issue_assemble(bm_buf *out, bm_bytes tbs, bm_sig_alg alg, bm_bytes signature)
{
    return bm_build_put_certificate(out, tbs, alg, signature);
}
