#include "x509/issuer.h"

#include "crypto/evp.h"
#include "x509/revoked.h"

#include <openssl/err.h>

#define SECURITY_BITS_MIN 112 /* NIST SP 800-57 part 1: SHA-224 and better */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096     /* more would only cost us time */
#define EXPONENT_BITS_MAX 64  /* of RSA: as long as the modulus, it would cost us a hundred times as much */

void bm_issuer_free_path(STACK_OF(X509) **path)
{
    sk_X509_pop_free(*path, X509_free);
    *path = NULL;
}

void bm_issuer_fini(bm_issuer *made)
{
    bm_issuer_free_path(&made->path);
}

BM_RESULT bm_issuer_id(X509 *x509, uint8_t id[BM_SHA256_SIZE])
{
    unsigned char key[BM_SHA256_SIZE];
    unsigned int size = sizeof(key);
    BM_AUTO_BUF both = BM_BUF_EMPTY;
    int good = 0;
    /* Of the name as names are compared (case and spaces aside), 32 bits: which CA it is, the key says; this tells two names of one key apart. */
    unsigned long name = X509_NAME_hash_ex(X509_get_subject_name(x509), NULL, NULL, &good);

    if (good != 1 || X509_pubkey_digest(x509, bm_evp_md(BM_HASH_SHA256), key, &size) != 1)
        return bm_evp_error(BM_E_INTERNAL, "hashing the key and the name of a CA");
    BM_TRY(bm_buf_put(&both, BM_BYTES_ARRAY(key)));
    BM_TRY(bm_buf_put_u32(&both, (uint32_t)name));
    return bm_hash_sha256(bm_buf_view(&both), id);
}

BM_RESULT bm_issuer_check_revoked(bm_bytes revoked, const uint8_t issuer[BM_SHA256_SIZE], bm_bytes serial, const char *detail)
{
    uint8_t id[BM_REVOKED_ID_SIZE];

    if (revoked.size == 0)
        return bm_ok();
    BM_TRY(bm_revoked_id(issuer, serial, id));
    BM_CHECK(!bm_revoked_has(revoked, id), BM_E_EKC_REVOKED, detail);
    return bm_ok();
}

BM_RESULT bm_issuer_check_revoked_ca(bm_bytes revoked, const uint8_t issuer[BM_SHA256_SIZE], const X509 *x509, const char *detail)
{
    unsigned char *der = NULL;
    int size = i2d_ASN1_INTEGER(X509_get0_serialNumber(x509), &der);
    bm_cursor at = bm_cursor_of(bm_bytes_of(der, size > 0 ? (size_t)size : 0));
    bm_bytes serial;
    bm_result result = bm_der_take(&at, BM_DER_INTEGER, &serial);

    if (result.code == BM_OK)
        result = bm_issuer_check_revoked(revoked, issuer, serial, detail);
    OPENSSL_free(der);
    ERR_clear_error();
    return result;
}

BM_RESULT bm_issuer_measure(bm_issuer *made)
{
    BM_TRY(bm_issuer_id(sk_X509_value(made->path, 0), made->id));
    made->from = INT64_MIN;
    made->until = INT64_MAX;
    for (int i = 0; i < sk_X509_num(made->path); i++) {
        const X509 *x509 = sk_X509_value(made->path, i);
        int64_t from;
        int64_t until;

        BM_TRY(bm_ekc_dates(x509, &from, &until));
        made->from = from > made->from ? from : made->from;
        made->until = until < made->until ? until : made->until;
        made->constrained = made->constrained || X509_get_ext_by_NID(x509, NID_name_constraints, -1) >= 0;
    }
    return bm_ok();
}

BM_RESULT bm_issuer_push(STACK_OF(X509) *path, X509 *x509)
{
    BM_CHECK(X509_up_ref(x509) == 1, BM_E_INTERNAL, "sharing a certificate");
    if (sk_X509_push(path, x509) > 0)
        return bm_ok();
    X509_free(x509);
    return bm_fail(BM_E_NO_MEMORY, NULL);
}

/* How many bits a number has, without leading zeros. */
static size_t bits_of(bm_bytes number)
{
    size_t bits = 8 * number.size;

    for (uint8_t top = number.size > 0 ? number.data[0] : 0x80; (top & 0x80) == 0; top = (uint8_t)(top << 1 | 1))
        bits--;
    return bits;
}

/* SubjectPublicKeyInfo of rsaEncryption (RFC 3279, 2.3.1): modulus and exponent. */
static BM_RESULT take_rsa(bm_bytes spki, bm_bytes *modulus, bm_bytes *exponent)
{
    static const uint8_t rsa_encryption[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};
    bm_cursor at = bm_cursor_of(spki);
    bm_cursor inner;
    bm_bytes part;

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &part));
    BM_CHECK(bm_bytes_equal(part, BM_BYTES_ARRAY(rsa_encryption)), BM_E_MALFORMED, "a key of another kind");
    BM_TRY(bm_der_bits(&inner, &part));
    at = bm_cursor_of(part);
    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_der_unsigned(&inner, modulus));
    return bm_der_unsigned(&inner, exponent);
}

bool bm_issuer_key_is_fit(bm_bytes spki)
{
    bm_pubkey point;
    bm_bytes modulus;
    bm_bytes exponent;

    if (take_rsa(spki, &modulus, &exponent).code != BM_OK)
        return bm_pubkey_parse_spki(spki, &point).code == BM_OK && bm_pubkey_is_ecc(point.type);
    return bits_of(modulus) >= RSA_BITS_MIN && bits_of(modulus) <= RSA_BITS_MAX && bits_of(exponent) <= EXPONENT_BITS_MAX;
}

bool bm_issuer_has_fit_key(X509 *x509)
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
    bool fit = size > 0 && bm_issuer_key_is_fit(bm_bytes_of(der, (size_t)size)) && X509_get0_pubkey(x509) != NULL;

    OPENSSL_free(der);
    ERR_clear_error();
    return fit;
}

/* SHA-2 in its signature. */
static bool is_strongly_signed(X509 *x509)
{
    int bits = 0;

    return X509_get_signature_info(x509, NULL, NULL, &bits, NULL) == 1 && bits >= SECURITY_BITS_MIN;
}

BM_RESULT bm_issuer_check_path(STACK_OF(X509) *path)
{
    int count = sk_X509_num(path);
    long below = 0;

    for (int i = 0; i < count; i++) {
        X509 *x509 = sk_X509_value(path, i);
        uint32_t flags = X509_get_extension_flags(x509);
        long limit = X509_get_pathlen(x509);

        BM_CHECK(X509_check_ca(x509) == 1, BM_E_EKC_UNTRUSTED, "a certificate of the chain is not a CA's");
        BM_CHECK((flags & (EXFLAG_CRITICAL | EXFLAG_INVALID)) == 0, BM_E_EKC_UNTRUSTED,
                 "a CA of the chain has a critical extension that is not known");
        BM_CHECK(bm_issuer_has_fit_key(x509), BM_E_EKC_UNTRUSTED, BM_ISSUER_UNFIT_KEY);
        BM_CHECK(i == count - 1 || is_strongly_signed(x509), BM_E_EKC_UNTRUSTED,
                 "a CA certificate of the chain is signed with a weak hash");
        BM_CHECK(limit < 0 || below <= limit, BM_E_EKC_UNTRUSTED, "the chain is longer than a CA of it allows");
        if ((flags & EXFLAG_SI) == 0)
            below++;
    }
    return bm_ok();
}

/* The algorithm of the EK certificate's signature, if it is one of ours; both places must say the same (RFC 5280, 4.1.1.2). */
static bm_sig_alg algorithm_of(const bm_walk_cert *leaf)
{
    return bm_bytes_equal(leaf->alg, leaf->fields.alg) ? bm_pkey_parse_sig_algorithm(leaf->alg) : BM_SIG_NONE;
}

BM_RESULT bm_issuer_check_strongly_signed(const bm_ekc *leaf)
{
    BM_AUTO(bm_ekc_x509_freep) X509 *x509 = NULL;

    if (algorithm_of(bm_ekc_walked(leaf)) != BM_SIG_NONE)
        return bm_ok(); /* each of ours has SHA-256 or longer */
    BM_TRY(bm_ekc_decode(bm_ekc_der(leaf), &x509));
    BM_CHECK(is_strongly_signed(x509), BM_E_EKC_UNTRUSTED, "the EK certificate is signed with a weak hash");
    return bm_ok();
}

/* By its bytes, or else as RFC 5280, 7.1 compares: without regard to case and repeated spaces. */
static bool has_name(const X509 *candidate, bm_bytes name)
{
    const X509_NAME *subject = X509_get_subject_name(candidate);
    const unsigned char *at = name.data;
    const unsigned char *der;
    X509_NAME *parsed;
    size_t size;
    bool same;

    if (X509_NAME_get0_der(subject, &der, &size) == 1 && bm_bytes_equal(bm_bytes_of(der, size), name))
        return true;
    parsed = d2i_X509_NAME(NULL, &at, (long)name.size);
    same = parsed != NULL && X509_NAME_cmp(subject, parsed) == 0;
    X509_NAME_free(parsed);
    return same;
}

bool bm_issuer_says_so(X509 *candidate, const bm_ekc *leaf)
{
    const AUTHORITY_KEYID *authority = bm_ekc_authority(leaf);

    return has_name(candidate, bm_ekc_walked(leaf)->fields.issuer) && (X509_get_extension_flags(candidate) & EXFLAG_INVALID) == 0 &&
           (authority == NULL || X509_check_akid(candidate, authority) == X509_V_OK) &&
           (X509_get_key_usage(candidate) & KU_KEY_CERT_SIGN) != 0;
}

/* With OpenSSL's decoder where the algorithm or the key is none of ours. */
static bool verifies(X509 *candidate, const bm_ekc *leaf)
{
    const bm_walk_cert *walked = bm_ekc_walked(leaf);
    BM_AUTO(bm_ekc_x509_freep) X509 *x509 = NULL;
    EVP_PKEY *key = X509_get0_pubkey(candidate);
    bm_sig_alg alg = algorithm_of(walked);

    if (alg != BM_SIG_NONE && EVP_PKEY_is_a(key, bm_pkey_sig_is_rsa(alg) ? "RSA" : "EC"))
        return bm_pkey_verify_evp(key, alg, walked->tbs, walked->signature).code == BM_OK;
    return bm_ekc_decode(bm_ekc_der(leaf), &x509).code == BM_OK && X509_check_issued(candidate, x509) == X509_V_OK &&
           X509_verify(x509, key) == 1;
}

bool bm_issuer_has_signed(X509 *candidate, const bm_ekc *leaf)
{
    bool yes = bm_issuer_says_so(candidate, leaf) && bm_issuer_has_fit_key(candidate) && verifies(candidate, leaf);

    ERR_clear_error();
    return yes;
}

bool bm_issuer_is_current(const bm_issuer *candidate, int64_t now)
{
    return candidate->from <= now && now <= candidate->until;
}

BM_RESULT bm_issuer_check_constraints(const bm_issuer *candidate, const bm_ekc *leaf)
{
    BM_AUTO(bm_ekc_x509_freep) X509 *decoded = NULL;

    if (!candidate->constrained)
        return bm_ok();
    BM_TRY(bm_ekc_decode(bm_ekc_der(leaf), &decoded));
    for (int i = 0; i < sk_X509_num(candidate->path); i++) {
        const X509 *x509 = sk_X509_value(candidate->path, i);
        NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(x509, NID_name_constraints, NULL, NULL);
        int verdict = constraints == NULL ? X509_V_OK : NAME_CONSTRAINTS_check(decoded, constraints);
        bool unreadable = constraints == NULL && X509_get_ext_by_NID(x509, NID_name_constraints, -1) >= 0;

        NAME_CONSTRAINTS_free(constraints);
        ERR_clear_error();
        BM_CHECK(!unreadable && verdict == X509_V_OK, BM_E_EKC_UNTRUSTED,
                 "a CA of the chain may not issue for this name");
    }
    return bm_ok();
}
