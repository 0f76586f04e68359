/*
 * What scenarios look at after nearly every step, in one process instead of ten of tpm2-tools and openssl. It has nothing of ours, so that it
 * can be wrong in no way in which we are. The TPM is that of TPM2TOOLS_TCTI.
 *
 *     look clean              nothing is loaded in the TPM: no object and no session, loaded or saved
 *     look identity DIR CA    DIR/device.crt chains to the certificates of the file CA for clientAuth, and its key is the one at the handle of
 *                             DIR/key.uri
 *
 * Exit 0: so it is. Exit 1: it is not, and a line says what is there. Exit 2: it cannot be told.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#define HANDLES 254

static _Noreturn void end(int status, const char *what, const char *detail)
{
    (void)printf("%s%s\n", what, detail);
    exit(status);
}

static void *need(void *made, const char *what)
{
    if (made == NULL)
        end(2, "look: there is no ", what);
    return made;
}

static ESYS_CONTEXT *open_tpm(void)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;
    ESYS_CONTEXT *tpm = NULL;

    if (Tss2_TctiLdr_Initialize(getenv("TPM2TOOLS_TCTI"), &tcti) != TSS2_RC_SUCCESS || Esys_Initialize(&tpm, tcti, NULL) != TSS2_RC_SUCCESS)
        end(2, "look: no TPM answers at ", getenv("TPM2TOOLS_TCTI"));
    return tpm;
}

static void close_tpm(ESYS_CONTEXT *tpm)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;

    (void)Esys_GetTcti(tpm, &tcti);
    Esys_Finalize(&tpm);
    Tss2_TctiLdr_Finalize(&tcti);
}

/* Whether the TPM has handles from this one on, of its kind. */
static int has(ESYS_CONTEXT *tpm, const char *kind, TPM2_HANDLE first)
{
    TPMS_CAPABILITY_DATA *found = NULL;
    TPMI_YES_NO more;
    int there;

    if (Esys_GetCapability(tpm, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first, HANDLES, &more, &found) != TSS2_RC_SUCCESS)
        end(2, "look: the TPM does not tell its ", kind);
    there = found->data.handles.count > 0;
    if (there)
        (void)printf("%s:", kind);
    for (UINT32 i = 0; i < found->data.handles.count; i++)
        (void)printf(" 0x%08x", found->data.handles.handle[i]);
    if (there)
        (void)printf("\n");
    Esys_Free(found);
    return there;
}

static int clean(void)
{
    ESYS_CONTEXT *tpm = open_tpm();
    int dirty = has(tpm, "transient objects", TPM2_TRANSIENT_FIRST);

    dirty |= has(tpm, "loaded sessions", (TPM2_HANDLE)TPM2_HT_LOADED_SESSION << TPM2_HR_SHIFT);
    dirty |= has(tpm, "saved sessions", (TPM2_HANDLE)TPM2_HT_SAVED_SESSION << TPM2_HR_SHIFT);
    close_tpm(tpm);
    return dirty;
}

static X509 *certificate_of(const char *path)
{
    BIO *file = need(BIO_new_file(path, "r"), path);
    X509 *certificate = need(PEM_read_bio_X509(file, NULL, NULL, NULL), path);

    BIO_free(file);
    return certificate;
}

/* All certificates of a file. */
static STACK_OF(X509) *chain_of(const char *path)
{
    BIO *file = need(BIO_new_file(path, "r"), path);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *certificate;

    while ((certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
        (void)sk_X509_push(chain, certificate);
    BIO_free(file);
    ERR_clear_error();
    return chain;
}

static void verify(const char *directory, const char *ca)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    char path[4096];
    STACK_OF(X509) *chain;
    X509 *leaf;

    (void)snprintf(path, sizeof(path), "%s/chain.crt", directory);
    chain = chain_of(path);
    (void)snprintf(path, sizeof(path), "%s/device.crt", directory);
    leaf = certificate_of(path);
    if (X509_STORE_load_file(store, ca) != 1 || X509_STORE_CTX_init(context, store, leaf, chain) != 1)
        end(2, "look: not usable: ", ca);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
    (void)X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
    if (X509_verify_cert(context) != 1)
        end(1, "device.crt does not chain to the CA: ", X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
}

static void put_rsa(OSSL_PARAM_BLD *params, const TPMT_PUBLIC *area)
{
    const TPM2B_PUBLIC_KEY_RSA *n = &area->unique.rsa;
    UINT32 exponent = area->parameters.rsaDetail.exponent;
    BIGNUM *modulus = BN_bin2bn(n->buffer, n->size, NULL);

    (void)OSSL_PARAM_BLD_push_BN(params, OSSL_PKEY_PARAM_RSA_N, modulus);
    (void)OSSL_PARAM_BLD_push_ulong(params, OSSL_PKEY_PARAM_RSA_E, exponent != 0 ? exponent : 65537);
}

/* With the zeros in front that a TPM may leave away. */
static void put_ec(OSSL_PARAM_BLD *params, const TPMT_PUBLIC *area, unsigned char point[1 + 2 * 66])
{
    const TPMS_ECC_POINT *at = &area->unique.ecc;
    size_t width = area->parameters.eccDetail.curveID == TPM2_ECC_NIST_P384 ? 48 : 32;

    memset(point, 0, 1 + 2 * 66);
    point[0] = 4;
    memcpy(point + 1 + width - at->x.size, at->x.buffer, at->x.size);
    memcpy(point + 1 + 2 * width - at->y.size, at->y.buffer, at->y.size);
    (void)OSSL_PARAM_BLD_push_utf8_string(params, OSSL_PKEY_PARAM_GROUP_NAME, width == 48 ? "P-384" : "P-256", 0);
    (void)OSSL_PARAM_BLD_push_octet_string(params, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * width);
}

static EVP_PKEY *key_of(const TPMT_PUBLIC *area)
{
    int rsa = area->type == TPM2_ALG_RSA;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);
    unsigned char point[1 + 2 * 66];
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    if (rsa)
        put_rsa(build, area);
    else
        put_ec(build, area, point);
    params = OSSL_PARAM_BLD_to_param(build);
    if (EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        end(1, "what the TPM has at the handle is no key", "");
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *key_at(TPM2_HANDLE handle)
{
    ESYS_CONTEXT *tpm = open_tpm();
    TPM2B_PUBLIC *public = NULL;
    ESYS_TR object;
    EVP_PKEY *key;

    if (Esys_TR_FromTPMPublic(tpm, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object) != TSS2_RC_SUCCESS ||
        Esys_ReadPublic(tpm, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL, NULL) != TSS2_RC_SUCCESS)
        end(1, "the TPM has nothing at the handle of key.uri", "");
    key = key_of(&public->publicArea);
    Esys_Free(public);
    Esys_TR_Close(tpm, &object);
    close_tpm(tpm);
    return key;
}

static int identity(const char *directory, const char *ca)
{
    char path[4096], uri[128] = "";
    unsigned long handle;
    EVP_PKEY *key;
    X509 *leaf;
    FILE *file;

    verify(directory, ca);
    (void)snprintf(path, sizeof(path), "%s/key.uri", directory);
    file = need(fopen(path, "r"), path);
    if (fgets(uri, sizeof(uri), file) == NULL || strncmp(uri, "handle:", 7) != 0)
        end(1, "key.uri names no handle: ", uri);
    (void)fclose(file);
    handle = strtoul(uri + 7, NULL, 16);
    (void)snprintf(path, sizeof(path), "%s/device.crt", directory);
    leaf = certificate_of(path);
    key = key_at((TPM2_HANDLE)handle);
    if (EVP_PKEY_eq(key, X509_get0_pubkey(leaf)) != 1)
        end(1, "the key at the handle of key.uri is not the certificate's", "");
    EVP_PKEY_free(key);
    X509_free(leaf);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "clean") == 0)
        return clean();
    if (argc == 4 && strcmp(argv[1], "identity") == 0)
        return identity(argv[2], argv[3]);
    end(2, "look: clean | identity DIR CA", "");
}
