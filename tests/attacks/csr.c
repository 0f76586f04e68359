#include "csr.h"

#include "crypto/der.h"
#include "crypto/hash.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int string_type(const atk_line *line, const char *name)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {{"utf8", V_ASN1_UTF8STRING},         {"printable", V_ASN1_PRINTABLESTRING}, {"bmp", V_ASN1_BMPSTRING},
                 {"universal", V_ASN1_UNIVERSALSTRING}, {"teletex", V_ASN1_T61STRING},       {"octets", V_ASN1_OCTET_STRING}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    atk_wrong(line, "no such string type", name);
}

/* An RDN with these very bytes: a TeletexString, in which any byte may be; set_strings makes of it what it should be. */
static void add_rdn(X509_NAME *name, int nid, const char *value)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    X509_NAME_ENTRY *entry = X509_NAME_ENTRY_new();

    atk_put_escaped(value, &bytes);
    atk_true(entry != NULL && X509_NAME_ENTRY_set_object(entry, OBJ_nid2obj(nid)) == 1, "an RDN");
    ASN1_STRING_set(X509_NAME_ENTRY_get_data(entry), bytes.data, (int)bytes.size);
    X509_NAME_ENTRY_get_data(entry)->type = V_ASN1_T61STRING;
    atk_true(X509_NAME_add_entry(name, entry, -1, 0) == 1, "an RDN");
    X509_NAME_ENTRY_free(entry);
}

static void set_subject(atk_line *line, const atk_tpm *tpm, X509_REQ *csr)
{
    X509_NAME *name = X509_NAME_new();
    const char *serial = atk_option_or(line, "serial", tpm->identity);
    const char *cn = atk_option_or(line, "cn", tpm->identity);
    const char *second = atk_option(line, "serial2");
    const char *second_cn = atk_option(line, "cn2");

    atk_true(name != NULL, "a subject");
    if (strcmp(cn, "none") != 0)
        add_rdn(name, NID_commonName, cn);
    if (second_cn != NULL)
        add_rdn(name, NID_commonName, second_cn);
    if (strcmp(serial, "none") != 0)
        add_rdn(name, NID_serialNumber, serial);
    if (second != NULL)
        add_rdn(name, NID_serialNumber, second);
    for (int64_t i = atk_number(line, "rdns", 0); i > 0; i--)
        add_rdn(name, NID_organizationalUnitName, "x");
    atk_true(X509_REQ_set_subject_name(csr, name) == 1, "a subject");
    X509_NAME_free(name);
}

/* Extensions that the CSR asks for. */
static void ask(atk_line *line, X509_REQ *csr)
{
    static const char *const names[] = {"basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName"};
    static const char *const options[] = {"ask-ca", "ask-usage", "ask-eku", "ask-san"};
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509V3_CTX context;

    X509V3_set_ctx(&context, NULL, NULL, csr, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = atk_option(line, options[i]);
        X509_EXTENSION *extension = value == NULL ? NULL : X509V3_EXT_conf(NULL, &context, names[i], value);

        if (value == NULL)
            continue;
        if (extension == NULL || sk_X509_EXTENSION_push(extensions, extension) == 0)
            atk_wrong(line, "OpenSSL does not make this extension", value);
    }
    if (sk_X509_EXTENSION_num(extensions) > 0)
        atk_true(X509_REQ_add_extensions(csr, extensions) == 1, "extensions of a CSR");
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void add_attributes(int64_t count, X509_REQ *csr)
{
    char oid[40];

    for (int64_t i = 0; i < count; i++) {
        ASN1_OBJECT *object;

        (void)snprintf(oid, sizeof(oid), "2.999.%lld", (long long)i);
        object = OBJ_txt2obj(oid, 1);
        atk_true(object != NULL && X509_REQ_add1_attr_by_OBJ(csr, object, V_ASN1_UTF8STRING, (const unsigned char *)"x", 1) == 1,
                 "attributes of a CSR");
        ASN1_OBJECT_free(object);
    }
}

static const EVP_MD *digest_of(const atk_line *line, const char *name)
{
    const EVP_MD *md = EVP_get_digestbyname(name);

    if (md == NULL)
        atk_wrong(line, "no such hash", name);
    return md;
}

/* Gives the strings of the subject (attributes 2.5.4.x) their type: the octet behind the OID. */
static void set_strings(bm_buf *tbs, int type)
{
    static const uint8_t oid[] = {0x06, 0x03, 0x55, 0x04};

    for (size_t i = 0; i + 6 <= tbs->size; i++)
        if (bm_bytes_equal(bm_bytes_slice(bm_buf_view(tbs), i, 4), BM_BYTES_ARRAY(oid)) && tbs->data[i + 5] == V_ASN1_T61STRING)
            tbs->data[i + 5] = (uint8_t)type;
}

/* With the exponent 1 a signature is the padded digest itself (RFC 8017, 9.2): whoever sees the public key can make it. */
static void forge(bm_bytes tbs, size_t size, bm_buf *signature)
{
    static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t digest[BM_SHA256_SIZE];

    atk_need(bm_hash_sha256(tbs, digest), "a digest");
    atk_need(bm_buf_put_u16(signature, 0x0001), "a signature");
    while (signature->size < size - sizeof(info) - sizeof(digest) - 1)
        atk_need(bm_buf_put_u8(signature, 0xFF), "a signature");
    atk_need(bm_buf_put_u8(signature, 0), "a signature");
    atk_need(bm_buf_put(signature, BM_BYTES_ARRAY(info)), "a signature");
    atk_need(bm_buf_put(signature, BM_BYTES_ARRAY(digest)), "a signature");
}

/* A context that signs as the options say. */
static EVP_MD_CTX *signing(const atk_key *key, const EVP_MD *md, const char *salt)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey = NULL;

    atk_true(ctx != NULL && EVP_DigestSignInit(ctx, &pkey, md, NULL, key->evp) == 1, "signing a CSR");
    if (salt != NULL)
        atk_true(EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, (int)strtol(salt, NULL, 10)) == 1,
                 "PSS");
    return ctx;
}

static void put_signature(EVP_MD_CTX *ctx, const atk_key *key, bm_bytes tbs, bm_buf *out)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    size_t size = BM_RSA_MAX;
    uint8_t *to;

    if (key->one) {
        forge(tbs, key->n.size, &signature);
    } else {
        atk_need(bm_buf_extend(&signature, size, &to), "a signature");
        atk_true(EVP_DigestSign(ctx, to, &size, tbs.data, tbs.size) == 1, "signing a CSR");
        signature.size = size;
    }
    atk_need(bm_der_put_bits(out, bm_buf_view(&signature)), "a signature");
}

/* OpenSSL signs first, which gives the AlgorithmIdentifier; then the bytes that it would not write are signed. */
static void sign(atk_line *line, const atk_key *key, X509_REQ *csr, bm_buf *out)
{
    const EVP_MD *md = digest_of(line, atk_option_or(line, "md", key->nid == NID_secp384r1 ? "sha384" : "sha256"));
    const char *salt = atk_option(line, "pss");
    EVP_MD_CTX *first = signing(key, md, salt);
    EVP_MD_CTX *second = signing(key, md, salt);
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF inner = BM_BUF_EMPTY;
    const X509_ALGOR *algorithm;
    unsigned char *bytes = NULL;
    int size;

    atk_true(X509_REQ_sign_ctx(csr, first) > 0, "signing a CSR");
    size = i2d_re_X509_REQ_tbs(csr, &bytes);
    atk_true(size > 0, "a CSR");
    atk_need(bm_buf_put(&tbs, bm_bytes_of(bytes, (size_t)size)), "a CSR");
    OPENSSL_free(bytes);
    set_strings(&tbs, string_type(line, atk_option_or(line, "string", "utf8")));
    bytes = NULL;
    X509_REQ_get0_signature(csr, NULL, &algorithm);
    size = i2d_X509_ALGOR(algorithm, &bytes);
    atk_true(size > 0, "an algorithm");
    atk_need(bm_buf_put(&inner, bm_buf_view(&tbs)), "a CSR");
    atk_need(bm_buf_put(&inner, bm_bytes_of(bytes, (size_t)size)), "a CSR");
    put_signature(second, key, bm_buf_view(&tbs), &inner);
    atk_need(bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&inner)), "a CSR");
    OPENSSL_free(bytes);
    EVP_MD_CTX_free(first);
    EVP_MD_CTX_free(second);
}

void atk_csr_make(atk_line *line, atk_tpm *tpm, const atk_tpm *key, const atk_tpm *signer)
{
    X509_REQ *csr = X509_REQ_new();
    const atk_key *own = key == NULL ? &tpm->ik : &key->ik;

    atk_true(csr != NULL && X509_REQ_set_version(csr, (long)atk_number(line, "version", 1) - 1) == 1, "a CSR");
    set_subject(line, tpm, csr);
    atk_key_put(own, X509_REQ_get_X509_PUBKEY(csr));
    ask(line, csr);
    add_attributes(atk_number(line, "attributes", 0), csr);
    bm_buf_clear(&tpm->field[ATK_CSR]);
    sign(line, signer == NULL ? own : &signer->ik, csr, &tpm->field[ATK_CSR]);
    X509_REQ_free(csr);
}
