#include "swarm/vendor.h"

#include "crypto/random.h"
#include "x509/build.h"

#define DAY 86400
#define YEARS_20 (INT64_C(7305) * DAY)
#define KEY_ENCIPHERMENT 0x20 /* bits of KeyUsage (RFC 5280, 4.2.1.3) */
#define KEY_AGREEMENT 0x08

void bm_swarm_vendor_fini(bm_swarm_vendor *vendor)
{
    bm_pkey_free(vendor->key);
    bm_ca_fini(&vendor->ca);
    *vendor = (bm_swarm_vendor){0};
}

/* Hands out what was made, or frees it. */
static BM_RESULT hand_out(bm_result result, bm_swarm_vendor *made, bm_swarm_vendor *vendor)
{
    if (result.code == BM_OK)
        *vendor = *made;
    else
        bm_swarm_vendor_fini(made);
    return result;
}

static BM_RESULT make(const char *name, int64_t now, bm_swarm_vendor *made)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_ca_options options = {.common_name = name, .not_before = now - DAY, .not_after = now + YEARS_20};

    BM_TRY(bm_random(options.serial, sizeof(options.serial)));
    options.serial[0] = (uint8_t)((options.serial[0] & 0x7F) | 0x40);
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &made->key));
    BM_TRY(bm_ca_self_signed(made->key, &options, &der));
    return bm_ca_parse(bm_buf_view(&der), &made->ca);
}

BM_RESULT bm_swarm_vendor_make(const char *name, int64_t now, bm_swarm_vendor *vendor)
{
    bm_swarm_vendor made = {0};

    return hand_out(make(name, now, &made), &made, vendor);
}

static BM_RESULT load(bm_bytes key, bm_bytes certificate, bm_swarm_vendor *made)
{
    bm_pubkey public_key;

    BM_TRY(bm_result_as(bm_pkey_from_private(key, &made->key), BM_E_MALFORMED));
    BM_TRY(bm_ca_parse(certificate, &made->ca));
    BM_TRY(bm_pkey_public(made->key, &public_key));
    BM_CHECK(bm_pubkey_equal(&public_key, &made->ca.key), BM_E_MALFORMED, "the vendor's key is not the one of its certificate");
    return bm_ok();
}

BM_RESULT bm_swarm_vendor_load(bm_bytes key, bm_bytes certificate, bm_swarm_vendor *vendor)
{
    bm_swarm_vendor made = {0};

    return hand_out(load(key, certificate, &made), &made, vendor);
}

/* Appends one attribute of the TPM's description, 2.23.133.2.n (TCG EK Credential Profile, 3.1.2). */
static BM_RESULT put_description(bm_buf *out, uint8_t n, const char *text)
{
    const uint8_t oid[] = {0x67, 0x81, 0x05, 0x02, n};
    BM_AUTO_BUF attribute = BM_BUF_EMPTY;
    BM_AUTO_BUF pair = BM_BUF_EMPTY;

    BM_TRY(bm_der_put(&attribute, BM_DER_OID, BM_BYTES_ARRAY(oid)));
    BM_TRY(bm_der_put(&attribute, BM_DER_UTF8_STRING, bm_bytes_str(text)));
    BM_TRY(bm_der_put(&pair, BM_DER_SEQUENCE, bm_buf_view(&attribute)));
    return bm_der_put(out, BM_DER_SET, bm_buf_view(&pair));
}

/* Appends the SAN: a directoryName that says which TPM it is. Critical, since the subject is empty. */
static BM_RESULT put_san(bm_buf *out)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF general = BM_BUF_EMPTY;
    BM_AUTO_BUF value = BM_BUF_EMPTY;

    BM_TRY(put_description(&rdns, 1, "id:00000000"));
    BM_TRY(put_description(&rdns, 2, "birthmark-swarm"));
    BM_TRY(put_description(&rdns, 3, "id:00010000"));
    BM_TRY(bm_der_put(&name, BM_DER_SEQUENCE, bm_buf_view(&rdns)));
    BM_TRY(bm_der_put(&general, BM_DER_CONTEXT(4), bm_buf_view(&name)));
    BM_TRY(bm_der_put(&value, BM_DER_SEQUENCE, bm_buf_view(&general)));
    return bm_build_put_extension(out, bm_build_oid_san, true, bm_buf_view(&value));
}

static BM_RESULT put_extensions(const bm_swarm_vendor *vendor, const bm_pubkey *ek, bm_buf *out)
{
    static const uint8_t ek_certificate[] = {0x67, 0x81, 0x05, 0x08, 0x01}; /* 2.23.133.8.1 */
    uint8_t id[BM_BUILD_KEY_ID_SIZE];

    BM_TRY(bm_build_key_id(ek, id));
    BM_TRY(put_san(out));
    BM_TRY(bm_build_put_basic(out, false));
    BM_TRY(bm_build_put_key_usage(out, bm_pubkey_is_rsa(ek->type) ? KEY_ENCIPHERMENT : KEY_AGREEMENT));
    BM_TRY(bm_build_put_eku(out, BM_BYTES_ARRAY(ek_certificate)));
    return bm_build_put_key_ids(out, BM_BYTES_ARRAY(id), bm_buf_view(&vendor->ca.key_id));
}

BM_RESULT bm_swarm_vendor_certify(const bm_swarm_vendor *vendor, const bm_pubkey *ek, uint64_t number, bm_buf *der)
{
    static const uint8_t empty_name[] = {BM_DER_SEQUENCE, 0};
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;
    BM_AUTO_BUF serial = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_build_fields fields = {.alg = BM_SIG_ECDSA_SHA256,
                              .issuer = bm_buf_view(&vendor->ca.subject),
                              .not_before = vendor->ca.not_before,
                              .not_after = vendor->ca.not_after,
                              .subject = BM_BYTES_ARRAY(empty_name),
                              .key = ek};

    BM_TRY(put_extensions(vendor, ek, &extensions));
    BM_TRY(bm_buf_put_u64(&serial, number + 1));
    fields.serial = bm_buf_view(&serial);
    fields.extensions = bm_buf_view(&extensions);
    BM_TRY(bm_build_put_tbs(&tbs, &fields));
    BM_TRY(bm_pkey_sign(vendor->key, fields.alg, bm_buf_view(&tbs), &signature));
    return bm_build_put_certificate(der, bm_buf_view(&tbs), fields.alg, bm_buf_view(&signature));
}
