#include "ctl/ca.h"

#include "crypto/der.h"
#include "crypto/random.h"
#include "ctl/files.h"
#include "x509/issue.h"

#define CA_FILE_MAX 65536
#define CA_VALIDITY (INT64_C(3653) * 86400) /* ten years */
#define CLOCK_SKEW INT64_C(3600)            /* a device whose clock is late takes the certificate all the same */
#define DEFAULT_NAME "Birthmark Identity CA"

void bm_ctl_ca_fini(bm_ctl_ca *ca)
{
    bm_pkey_free(ca->key);
    bm_ca_fini(&ca->certificate);
    bm_buf_fini(&ca->chain);
    *ca = (bm_ctl_ca){0};
}

BM_RESULT bm_ctl_ca_serial(uint8_t serial[BM_SERIAL_SIZE])
{
    BM_TRY(bm_random(serial, BM_SERIAL_SIZE));
    bm_issue_serial(serial);
    return bm_ok();
}

static BM_RESULT key_type(const bm_ctl *ctl, bm_key_type *type)
{
    const char *name = ctl->values[BM_OPTION_CA_KEY];

    *type = name == NULL ? BM_KEY_ECC256 : bm_pubkey_type_by_name(bm_bytes_str(name));
    if (*type != BM_KEY_ECC256 && *type != BM_KEY_ECC384 && *type != BM_KEY_RSA3072)
        return bm_failf(BM_E_USAGE, "'%s' is no type of a CA key: it is ecc256, ecc384 or rsa3072", name == NULL ? "" : name);
    return bm_ok();
}

BM_RESULT bm_ctl_ca_generate(const bm_ctl *ctl, bm_ctl_ca *ca)
{
    const char *name = ctl->values[BM_OPTION_NAME];
    bm_ca_options options = {.common_name = name == NULL ? DEFAULT_NAME : name,
                             .not_before = ctl->now - CLOCK_SKEW,
                             .not_after = ctl->now + CA_VALIDITY};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_key_type type;
    bm_result made;

    BM_TRY(key_type(ctl, &type));
    BM_TRY(bm_ctl_ca_serial(options.serial));
    BM_TRY(bm_pkey_generate(type, &ca->key));
    made = bm_ca_self_signed(ca->key, &options, &der);
    if (made.code == BM_E_USAGE)
        return bm_failf(BM_E_USAGE, "--name '%s' cannot be a common name: %s", options.common_name,
                        made.detail == NULL ? "1 to 64 characters" : made.detail);
    BM_TRY(made);
    BM_TRY(bm_ca_parse(bm_buf_view(&der), &ca->certificate));
    return bm_ca_put_pem(&ca->chain, "CERTIFICATE", bm_buf_view(&der));
}

/* Whether the certificate's issuer is this CA, and its signature by this CA's key. */
static BM_RESULT check_signed_by(bm_bytes der, const bm_ca *issuer)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_cursor cursor = bm_cursor_of(der);
    bm_cursor outer;
    bm_cursor inner;
    bm_bytes tbs;
    bm_bytes algorithm;
    bm_bytes signature;
    bm_bytes name;
    bm_bytes skipped;
    uint8_t tag;

    BM_TRY(bm_der_enter(&cursor, BM_DER_SEQUENCE, &outer));
    BM_TRY(bm_der_take_whole(&outer, BM_DER_SEQUENCE, &tbs));
    BM_TRY(bm_der_take_whole(&outer, BM_DER_SEQUENCE, &algorithm));
    BM_TRY(bm_der_bits(&outer, &signature));
    cursor = bm_cursor_of(tbs);
    BM_TRY(bm_der_enter(&cursor, BM_DER_SEQUENCE, &inner));
    for (int i = 0; i < 3; i++) /* version, serialNumber, signature */
        BM_TRY(bm_der_any(&inner, &tag, &skipped, NULL));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &name));
    BM_CHECK(bm_bytes_equal(name, bm_buf_view(&issuer->subject)), BM_E_MALFORMED, "its issuer is not the next one's subject");
    BM_TRY(bm_pkey_from_public(&issuer->key, &key));
    return bm_pkey_verify(key, bm_pkey_parse_sig_algorithm(algorithm), tbs, signature);
}

/* Takes in the certificate number `index` of a chain, checked against the one before it. */
static BM_RESULT take_certificate(const char *file, size_t index, bm_bytes der, bm_buf *before, bm_ctl_ca *ca)
{
    BM_AUTO(bm_ca_fini) bm_ca certificate = {0};
    bm_result result = bm_ca_parse(der, &certificate);

    if (result.code == BM_OK && index > 0)
        result = check_signed_by(bm_buf_view(before), &certificate);
    if (result.code == BM_E_MALFORMED && index > 0)
        return bm_failf(BM_E_MALFORMED, "%s: certificate %zu is not the CA that signed the one before it: %s", file, index + 1,
                        result.detail == NULL ? "not a CA certificate" : result.detail);
    if (result.code == BM_E_MALFORMED)
        return bm_failf(BM_E_MALFORMED, "%s: not the certificate of a CA: %s", file, result.detail == NULL ? "" : result.detail);
    BM_TRY(result);
    BM_TRY(bm_ca_put_pem(&ca->chain, "CERTIFICATE", der));
    bm_buf_clear(before);
    BM_TRY(bm_buf_put(before, der));
    if (index == 0) {
        ca->certificate = certificate;
        certificate = (bm_ca){0};
    }
    return bm_ok();
}

BM_RESULT bm_ctl_ca_read_chain(const char *name, bm_bytes bytes, bm_ctl_ca *ca)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF before = BM_BUF_EMPTY;
    size_t count = 0;
    bool found = false;

    if (bytes.size > 0 && bytes.data[0] == BM_DER_SEQUENCE)
        return take_certificate(name, 0, bytes, &before, ca);
    for (;;) {
        bm_result result = bm_ca_next_pem(&bytes, "CERTIFICATE", &der, &found);

        if (result.code == BM_E_MALFORMED)
            return bm_failf(BM_E_MALFORMED, "%s: not PEM: %s", name, result.detail == NULL ? "" : result.detail);
        BM_TRY(result);
        if (!found)
            break;
        if (count >= BM_CA_CHAIN_MAX)
            return bm_failf(BM_E_MALFORMED, "%s: more than %d certificates", name, BM_CA_CHAIN_MAX);
        BM_TRY(take_certificate(name, count, bm_buf_view(&der), &before, ca));
        count++;
    }
    if (count == 0)
        return bm_failf(BM_E_MALFORMED, "%s: there is no certificate in it, neither PEM nor DER", name);
    return bm_ok();
}

/* An encrypted key: PEM says so; in DER, EncryptedPrivateKeyInfo (RFC 5958) begins with an AlgorithmIdentifier, not with a number. */
static bool is_encrypted(bm_bytes bytes)
{
    bm_bytes word = bm_bytes_str("ENCRYPTED");
    bm_cursor cursor = bm_cursor_of(bytes);
    bm_cursor inner;

    if (bm_der_enter(&cursor, BM_DER_SEQUENCE, &inner).code == BM_OK)
        return bm_der_peek(&inner, BM_DER_SEQUENCE);
    for (size_t i = 0; i + word.size <= bytes.size; i++)
        if (bm_bytes_equal(bm_bytes_slice(bytes, i, word.size), word))
            return true;
    return false;
}

static BM_RESULT import_key(const char *file, bm_ctl_ca *ca)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_result result;

    BM_TRY(bm_ctl_files_read(file, CA_FILE_MAX, &bytes));
    if (is_encrypted(bm_buf_view(&bytes)))
        return bm_failf(BM_E_KEY_INVALID, "%s is encrypted: decrypt it first (openssl pkey -in %s -out PLAIN) and remove PLAIN afterwards",
                        file, file);
    result = bm_pkey_from_private(bm_buf_view(&bytes), &ca->key);
    if (result.code == BM_E_KEY_INVALID)
        return bm_failf(BM_E_KEY_INVALID, "%s: not a private key in PEM or DER", file);
    return result;
}

static BM_RESULT check_import(const bm_ctl *ctl, const bm_ctl_ca *ca)
{
    const char *file = ctl->values[BM_OPTION_CA_CERT];
    char until[BM_TIME_TEXT_SIZE];
    bm_pubkey key;

    BM_TRY(bm_pkey_public(ca->key, &key));
    if (!bm_pubkey_equal(&key, &ca->certificate.key))
        return bm_failf(BM_E_MALFORMED, "the key in %s is not that of the first certificate in %s", ctl->values[BM_OPTION_CA_KEY_FILE],
                        file);
    if (bm_pkey_default_sig(key.type) == BM_SIG_NONE)
        return bm_failf(BM_E_MALFORMED, "a CA key of type %s is not supported", bm_pubkey_type_name(key.type));
    if (ctl->now < ca->certificate.not_before || ctl->now > ca->certificate.not_after) {
        bm_text_time(ca->certificate.not_after, until);
        return bm_failf(BM_E_MALFORMED, "%s is not valid now (until %s)", file, until);
    }
    return bm_ok();
}

BM_RESULT bm_ctl_ca_import(const bm_ctl *ctl, bm_ctl_ca *ca)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    BM_CHECK(ctl->values[BM_OPTION_CA_CERT] != NULL && ctl->values[BM_OPTION_CA_KEY_FILE] != NULL, BM_E_USAGE,
             "--ca-cert and --ca-key-file go together");
    BM_CHECK(ctl->values[BM_OPTION_NAME] == NULL && ctl->values[BM_OPTION_CA_KEY] == NULL, BM_E_USAGE,
             "--name and --ca-key are for a new CA, not for one that is brought in");
    BM_TRY(bm_ctl_files_read(ctl->values[BM_OPTION_CA_CERT], CA_FILE_MAX, &bytes));
    BM_TRY(bm_ctl_ca_read_chain(ctl->values[BM_OPTION_CA_CERT], bm_buf_view(&bytes), ca));
    BM_TRY(import_key(ctl->values[BM_OPTION_CA_KEY_FILE], ca));
    return check_import(ctl, ca);
}
