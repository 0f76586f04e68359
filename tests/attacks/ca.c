#include "ca.h"

#include "crypto/der.h"
#include "crypto/random.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY (INT64_C(24) * 3600)
#define YEAR (365 * DAY)

void atk_ca_fini(atk_ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    *ca = (atk_ca){.key = NULL};
}

void atk_ca_der(const atk_ca *ca, bm_buf *out)
{
    unsigned char *der = NULL;
    int size = i2d_X509(ca->certificate, &der);

    atk_true(size > 0, "a CA's certificate");
    atk_need(bm_buf_put(out, bm_bytes_of(der, (size_t)size)), "a CA's certificate");
    OPENSSL_free(der);
}

/* One extension as openssl.cnf has it; "none" leaves it out. */
static void extend(const atk_line *line, X509 *x509, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    if (strcmp(value, "none") == 0)
        return;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf(NULL, &context, name, value);
    if (extension == NULL || X509_add_ext(x509, extension, -1) != 1)
        atk_wrong(line, "OpenSSL does not make this extension", value);
    X509_EXTENSION_free(extension);
}

/* An attribute of a directoryName in its RDN. */
static void put_rdn(bm_buf *out, const char *oid_hex, const char *text)
{
    BM_AUTO_BUF oid = BM_BUF_EMPTY;
    BM_AUTO_BUF pair = BM_BUF_EMPTY;
    BM_AUTO_BUF rdn = BM_BUF_EMPTY;

    atk_put_hex(NULL, oid_hex, &oid);
    atk_need(bm_der_put(&pair, BM_DER_OID, bm_buf_view(&oid)), "a name");
    atk_need(bm_der_put(&pair, BM_DER_UTF8_STRING, bm_bytes_str(text)), "a name");
    atk_need(bm_der_put(&rdn, BM_DER_SEQUENCE, bm_buf_view(&pair)), "a name");
    atk_need(bm_der_put(out, BM_DER_SET, bm_buf_view(&rdn)), "a name");
}

/* subjectAltName, critical: a directoryName with the TPM's make, as the EK Credential Profile has it (2.23.133.2.1 to .3). */
static void extend_make(const atk_line *line, X509 *x509)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF general = BM_BUF_EMPTY;
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    put_rdn(&rdns, "6781050201", "id:53544D20");
    put_rdn(&rdns, "6781050202", "CORPUS");
    put_rdn(&rdns, "6781050203", "id:00010001");
    atk_need(bm_der_put(&name, BM_DER_SEQUENCE, bm_buf_view(&rdns)), "a name");
    atk_need(bm_der_put(&general, BM_DER_CONTEXT(4), bm_buf_view(&name)), "a name");
    atk_need(bm_der_put(&all, BM_DER_SEQUENCE, bm_buf_view(&general)), "a name");
    atk_need(bm_buf_put_str(&text, "critical,DER:"), "a name");
    atk_need(bm_text_put_hex(&text, bm_buf_view(&all)), "a name");
    atk_need(bm_buf_terminate(&text), "a name");
    extend(line, x509, NULL, "subjectAltName", (const char *)text.data);
}

static void set_serial(X509 *x509)
{
    uint8_t bytes[16];
    BIGNUM *number;

    atk_need(bm_random(bytes, sizeof(bytes)), "a serial number");
    bytes[0] = (bytes[0] & 0x7F) | 0x40;
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    atk_true(number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL, "a serial number");
    BN_free(number);
}

/* The time that is an option: seconds from now. */
static void set_time(atk_line *line, const char *option, int64_t otherwise, ASN1_TIME *to)
{
    int64_t at = line == NULL ? otherwise : atk_number(line, option, otherwise);

    atk_true(ASN1_TIME_adj(to, time(NULL), (int)(at / DAY), (long)(at % DAY)) != NULL, "a date");
}

static X509 *begin(atk_line *line, int64_t until)
{
    X509 *x509 = X509_new();

    atk_true(x509 != NULL && X509_set_version(x509, line == NULL ? 2 : (long)atk_number(line, "version", 3) - 1) == 1, "a certificate");
    set_serial(x509);
    set_time(line, "from", -DAY, X509_getm_notBefore(x509));
    set_time(line, "until", until, X509_getm_notAfter(x509));
    return x509;
}

static void set_cn(X509 *x509, const char *cn)
{
    atk_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1,
             "a name");
}

static const EVP_MD *md_of(const atk_line *line, const char *name)
{
    const EVP_MD *md = EVP_get_digestbyname(name);

    if (md == NULL)
        atk_wrong(line, "no such hash", name);
    return md;
}

/* Signs with the hash that is an option. */
static X509 *finish(atk_line *line, X509 *x509, EVP_PKEY *signer)
{
    const EVP_MD *md = line == NULL ? EVP_sha256() : md_of(line, atk_option_or(line, "md", "sha256"));

    if (X509_sign(x509, signer, md) <= 0) {
        ERR_print_errors_fp(stderr);
        atk_die("a certificate cannot be signed");
    }
    return x509;
}

static void write_ca(const char *folder, const char *name, const atk_ca *ca)
{
    char path[1024];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s.key", folder, name);
    out = fopen(path, "wx");
    atk_true(out != NULL && PEM_write_PrivateKey(out, ca->key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(out) == 0, path);
    (void)snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
    out = fopen(path, "wx");
    atk_true(out != NULL && PEM_write_X509(out, ca->certificate) == 1 && fclose(out) == 0, path);
}

static bool read_ca(const char *folder, const char *name, atk_ca *ca)
{
    char path[1024];
    FILE *in;

    (void)snprintf(path, sizeof(path), "%s/%s.key", folder, name);
    in = fopen(path, "r");
    if (in == NULL)
        return false;
    ca->key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    (void)fclose(in);
    (void)snprintf(path, sizeof(path), "%s/%s.pem", folder, name);
    in = fopen(path, "r");
    ca->certificate = in == NULL ? NULL : PEM_read_X509(in, NULL, NULL, NULL);
    if (in != NULL)
        (void)fclose(in);
    atk_true(ca->key != NULL && ca->certificate != NULL, path);
    return true;
}

void atk_ca_open(const char *folder, const char *name, atk_ca *ca)
{
    char cn[ATK_NAME_MAX * 2];

    (void)snprintf(ca->name, sizeof(ca->name), "%s", name);
    if (read_ca(folder, name, ca))
        return;
    (void)snprintf(cn, sizeof(cn), "Attack corpus, %s TPMs: never trust outside a test", name);
    ca->key = EVP_EC_gen("P-256");
    ca->certificate = begin(NULL, 20 * YEAR);
    set_cn(ca->certificate, cn);
    atk_true(X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate)) == 1 &&
                 X509_set_pubkey(ca->certificate, ca->key) == 1,
             cn);
    extend(NULL, ca->certificate, NULL, "basicConstraints", "critical,CA:TRUE");
    extend(NULL, ca->certificate, NULL, "keyUsage", "critical,keyCertSign,cRLSign");
    extend(NULL, ca->certificate, NULL, "subjectKeyIdentifier", "hash");
    ca->certificate = finish(NULL, ca->certificate, ca->key);
    write_ca(folder, name, ca);
}

/* The CA's key, and its public half into the certificate. */
static void set_key(atk_line *line, const atk_ca *alike, atk_ca *ca, X509 *x509)
{
    const char *kind = atk_option_or(line, "key", "ecc256");
    atk_key key = {.rsa = false};

    if (strcmp(kind, "curveball") == 0 && alike != NULL) {
        ca->key = atk_key_curveball(alike->key);
        atk_true(X509_set_pubkey(x509, ca->key) == 1, "a CA's key");
        return;
    }
    atk_key_make(line, kind, &key);
    atk_key_put(&key, X509_get_X509_PUBKEY(x509));
    atk_true(EVP_PKEY_up_ref(key.evp) == 1, "a CA's key");
    ca->key = key.evp;
    atk_key_fini(&key);
}

void atk_ca_make(atk_line *line, const char *name, const atk_ca *issuer, const atk_ca *alike, const atk_ca *signer, atk_ca *ca)
{
    X509 *x509 = begin(line, 10 * YEAR);
    char basic[64];
    int64_t path = atk_number(line, "pathlen", -1);

    (void)snprintf(ca->name, sizeof(ca->name), "%s", name);
    if (alike != NULL)
        atk_true(X509_set_subject_name(x509, X509_get_subject_name(alike->certificate)) == 1, "a name");
    else
        set_cn(x509, name);
    atk_true(X509_set_issuer_name(x509, X509_get_subject_name(issuer == NULL ? x509 : issuer->certificate)) == 1, "a name");
    set_key(line, alike, ca, x509);
    (void)snprintf(basic, sizeof(basic), path < 0 ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:%d", (int)path);
    if (X509_get_version(x509) == 2) {
        const char *unknown = atk_option(line, "unknown");

        extend(line, x509, issuer == NULL ? x509 : issuer->certificate, "basicConstraints", atk_option_or(line, "basic", basic));
        extend(line, x509, NULL, "keyUsage", atk_option_or(line, "usage", "critical,keyCertSign,cRLSign"));
        extend(line, x509, NULL, "subjectKeyIdentifier", "hash");
        extend(line, x509, NULL, "nameConstraints", atk_option_or(line, "constraints", "none"));
        if (unknown != NULL)
            extend(line, x509, NULL, "2.999.1", unknown);
    }
    ca->certificate = finish(line, x509, signer != NULL ? signer->key : issuer == NULL ? ca->key : issuer->key);
}

static void extend_ek(atk_line *line, X509 *x509, const atk_ca *issuer, const atk_key *key)
{
    const char *san = atk_option_or(line, "san", "tpm");
    const char *unknown = atk_option(line, "unknown");

    extend(line, x509, NULL, "basicConstraints", atk_option_or(line, "basic", "critical,CA:FALSE"));
    extend(line, x509, NULL, "keyUsage", atk_option_or(line, "usage", key->rsa ? "critical,keyEncipherment" : "critical,keyAgreement"));
    extend(line, x509, NULL, "extendedKeyUsage", atk_option_or(line, "eku", "2.23.133.8.1"));
    if (strcmp(san, "tpm") == 0)
        extend_make(line, x509);
    else
        extend(line, x509, NULL, "subjectAltName", san);
    if (issuer != NULL && X509_get0_subject_key_id(issuer->certificate) != NULL)
        extend(line, x509, issuer->certificate, "authorityKeyIdentifier", "keyid");
    extend(line, x509, NULL, "extendedKeyUsage", atk_option_or(line, "eku2", "none"));
    if (unknown != NULL)
        extend(line, x509, NULL, "2.999.1", unknown);
}

void atk_ca_certify(atk_line *line, atk_tpm *tpm, const atk_ca *issuer, const atk_ca *signer, const atk_tpm *key)
{
    X509 *x509 = begin(line, 10 * YEAR);
    const atk_key *ek = key == NULL ? &tpm->ek : &key->ek;
    const char *cn = atk_option(line, "cn");
    unsigned char *der = NULL;
    int size;

    if (cn != NULL)
        set_cn(x509, cn);
    atk_true(X509_set_issuer_name(x509, X509_get_subject_name(issuer == NULL ? x509 : issuer->certificate)) == 1, "a name");
    atk_key_put(ek, X509_get_X509_PUBKEY(x509));
    if (X509_get_version(x509) == 2)
        extend_ek(line, x509, issuer, ek);
    x509 = finish(line, x509, signer != NULL ? signer->key : issuer == NULL ? tpm->ek.evp : issuer->key);
    size = i2d_X509(x509, &der);
    atk_true(size > 0, "an EK certificate");
    bm_buf_clear(&tpm->field[ATK_EK_CERTIFICATE]);
    atk_need(bm_buf_put(&tpm->field[ATK_EK_CERTIFICATE], bm_bytes_of(der, (size_t)size)), "an EK certificate");
    OPENSSL_free(der);
    X509_free(x509);
}
