/* CRLs of the corpus's vendors (RFC 5280, 5). */
#include "ca.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#define HOUR 3600

/* CRL numbers only rise: milliseconds since 1970. */
static void set_number(X509_CRL *crl)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    struct timespec now;

    atk_true(clock_gettime(CLOCK_REALTIME, &now) == 0 && number != NULL &&
                 ASN1_INTEGER_set_int64(number, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) == 1 &&
                 X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1,
             "a CRL's number");
    ASN1_INTEGER_free(number);
}

static void set_authority(X509_CRL *crl, const atk_ca *ca)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, ca->certificate, NULL, NULL, crl, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid");
    atk_true(extension != NULL && X509_CRL_add_ext(crl, extension, -1) == 1, "a CRL's authority");
    X509_EXTENSION_free(extension);
}

static X509 *ek_certificate(const atk_tpm *tpm)
{
    const unsigned char *at = tpm->field[ATK_EK_CERTIFICATE].data;
    X509 *x509 = d2i_X509(NULL, &at, (long)tpm->field[ATK_EK_CERTIFICATE].size);

    atk_true(x509 != NULL, "the EK certificate that is revoked");
    return x509;
}

static void list(X509_CRL *crl, X509 *x509, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();

    atk_true(entry != NULL && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x509)) == 1 &&
                 X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)(uintptr_t)when) == 1 && X509_CRL_add0_revoked(crl, entry) == 1,
             "a CRL's entry");
}

static void write_crl(X509_CRL *crl, const char *path)
{
    FILE *out = fopen(path, "w");

    atk_true(out != NULL && i2d_X509_CRL_fp(out, crl) == 1 && fclose(out) == 0, path);
}

void atk_ca_revoke(const atk_ca *ca, const atk_tpm *tpm, const atk_ca *below, const char *path)
{
    X509_CRL *crl = X509_CRL_new();
    X509 *listed = tpm == NULL ? below->certificate : ek_certificate(tpm);
    ASN1_TIME *from = ASN1_TIME_adj(NULL, time(NULL), 0, -HOUR);
    ASN1_TIME *until = ASN1_TIME_adj(NULL, time(NULL), 30, 0);

    atk_true(crl != NULL && from != NULL && until != NULL && X509_CRL_set_version(crl, 1) == 1 &&
                 X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) == 1 && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
                 X509_CRL_set1_nextUpdate(crl, until) == 1,
             "a CRL");
    list(crl, listed, from);
    set_authority(crl, ca);
    set_number(crl);
    atk_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0, "a CRL");
    write_crl(crl, path);
    if (tpm != NULL)
        X509_free(listed);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(crl);
}
