/*
 * Devices in software, one after the other without a pause: what a server does in a burst, without the time of a TPM.
 *
 *   bench_devices vendor KEY.pem CERT.pem             make a TPM vendor's CA
 *   bench_devices run URL CA KEY CERT EK IK COUNT     provision COUNT times: TLS handshake, getChallenge, getCertificate
 */
#include "../unit/make_x509.h"

#include "protocol/reply.h"
#include "protocol/request.h"
#include "tpm/credential.h"
#include "tpm/template.h"
#include "x509/ca.h"
#include "x509/csr.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL 8 /* devices that take turns: their keys are made before the clock runs */

typedef struct {
    bm_pkey *ek;
    bm_tpm_public ek_public;
    bm_tpm_name ik_name;
    bm_request request;
} device;

static void die(const char *what, bm_result result)
{
    (void)fprintf(stderr, "bench_devices: %s: %s (%s)\n", what, bm_code_name(result.code), result.detail ? result.detail : "-");
    exit(1);
}

static void need(const char *what, bm_result result)
{
    if (result.code != BM_OK)
        die(what, result);
}

static BM_RESULT sign_with(void *context, bm_hash_alg alg, bm_bytes digest, bm_buf *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(context, NULL);
    uint8_t made[512];
    size_t size = sizeof(made);
    int good = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1;

    if (good && EVP_PKEY_is_a(context, "RSA"))
        good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    good = good && EVP_PKEY_CTX_set_signature_md(ctx, alg == BM_HASH_SHA384 ? EVP_sha384() : EVP_sha256()) == 1 &&
           EVP_PKEY_sign(ctx, made, &size, digest.data, digest.size) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good ? bm_buf_put(signature, bm_bytes_of(made, size)) : bm_fail(BM_E_INTERNAL, "cannot sign");
}

/* The TPM2B_PUBLIC of an identity key: the input template with the key in place of its empty `unique`. */
static void put_ik(const bm_pubkey *key, bm_buf *out)
{
    BM_AUTO_BUF input = BM_BUF_EMPTY;
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    size_t empty = bm_pubkey_is_rsa(key->type) ? 2 : 4;

    need("template", bm_template_put_ik_input(&input, key->type));
    need("IK", bm_buf_put(&area, bm_bytes_slice(bm_buf_view(&input), 2, input.size - 2 - empty)));
    if (bm_pubkey_is_rsa(key->type)) {
        need("IK", bm_buf_put_sized16(&area, bm_pubkey_n(key)));
    } else {
        need("IK", bm_buf_put_sized16(&area, bm_pubkey_x(key)));
        need("IK", bm_buf_put_sized16(&area, bm_pubkey_y(key)));
    }
    need("IK", bm_buf_put_sized16(out, bm_buf_view(&area)));
}

static void make_device(device *d, bm_ek_template_id template, bm_key_type ik_type, X509 *vendor, EVP_PKEY *vendor_key, int number)
{
    EVP_PKEY *ek = make_key(bm_template_ek(template)->key_type);
    EVP_PKEY *ik = make_key(ik_type);
    bm_pkey *ik_key = make_wrap(ik);
    bm_tpm_public ik_public;
    bm_pubkey key;
    char serial[32];

    *d = (device){.ek = make_wrap(ek), .request = {.profile = "default"}};
    (void)snprintf(serial, sizeof(serial), "%s-%d-%ld", bm_template_ek(template)->label, number, (long)getpid());
    need("EK", bm_pkey_public(d->ek, &key));
    need("EK", bm_template_put_ek(&d->request.ek_public, bm_template_ek(template), &key));
    need("EK", bm_tpm_public_parse(bm_buf_view(&d->request.ek_public), &d->ek_public));
    make_x509_der(&(make_options){.key = ek, .issuer = vendor, .signer = vendor_key,
                                  .options = bm_pubkey_is_rsa(key.type) ? make_ek_extensions : make_ek_ecc_extensions},
                  &d->request.ek_certificate);
    need("IK", bm_pkey_public(ik_key, &key));
    put_ik(&key, &d->request.ik_public);
    need("IK", bm_tpm_public_parse(bm_buf_view(&d->request.ik_public), &ik_public));
    need("Name", bm_tpm_public_name(&ik_public, &d->ik_name));
    need("CSR", bm_csr_build(serial, &key, bm_pkey_default_sig(key.type), sign_with, ik, &d->request.csr));
    bm_pkey_free(ik_key);
    EVP_PKEY_free(ik);
    EVP_PKEY_free(ek);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    return bm_buf_put(context, bm_bytes_of(data, size * count)).code == BM_OK ? size * count : 0;
}

static void post(CURL *curl, const char *url, const char *call, bm_bytes body, bm_buf *reply)
{
    char address[512];
    long status = 0;
    CURLcode code;

    (void)snprintf(address, sizeof(address), "%s/v1/%s", url, call);
    (void)curl_easy_setopt(curl, CURLOPT_URL, address);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.size);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
        (void)fprintf(stderr, "bench_devices: %s: %s, status %ld: %.*s\n", call, curl_easy_strerror(code), status, (int)reply->size,
                      reply->size == 0 ? "" : (const char *)reply->data);
        exit(1);
    }
}

static void provision(CURL *curl, const char *url, device *d)
{
    bm_reply_challenge challenge = {0};
    bm_reply_certificate certificate = {0};
    BM_AUTO_BUF first = BM_BUF_EMPTY;
    BM_AUTO_BUF second = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;

    need("request", bm_request_put(BM_CALL_CHALLENGE, &d->request, &first));
    (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    post(curl, url, "getChallenge", bm_buf_view(&first), &reply);
    need("reply", bm_reply_challenge_parse(bm_buf_view(&reply), &challenge));
    bm_buf_clear(&d->request.ticket);
    bm_buf_clear(&d->request.challenge);
    need("credential", bm_credential_open(&d->ek_public, d->ek, bm_tpm_public_name_view(&d->ik_name),
                                          bm_buf_view(&challenge.credential_blob), bm_buf_view(&challenge.encrypted_secret),
                                          &d->request.ticket));
    need("challenge", bm_buf_put(&d->request.challenge, bm_buf_view(&challenge.challenge)));
    need("request", bm_request_put(BM_CALL_CERTIFICATE, &d->request, &second));
    (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 0L);
    bm_buf_clear(&reply);
    post(curl, url, "getCertificate", bm_buf_view(&second), &reply);
    need("reply", bm_reply_certificate_parse(bm_buf_view(&reply), &certificate));
    bm_reply_challenge_fini(&challenge);
    bm_reply_certificate_fini(&certificate);
}

static int make_vendor(const char *key_file, const char *certificate_file)
{
    EVP_PKEY *key = make_key(BM_KEY_ECC256);
    X509 *certificate = make_x509(&(make_options){.key = key, .name = "Bench vendor", .options = make_ca_extensions});
    FILE *key_out = fopen(key_file, "w");
    FILE *certificate_out = fopen(certificate_file, "w");
    int good = key_out != NULL && certificate_out != NULL &&
               PEM_write_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL) == 1 && PEM_write_X509(certificate_out, certificate) == 1;

    good = (key_out == NULL || fclose(key_out) == 0) && good;
    good = (certificate_out == NULL || fclose(certificate_out) == 0) && good;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return good ? 0 : 1;
}

static CURL *open_curl(const char *ca_file)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();

    if (curl == NULL || headers == NULL)
        die("libcurl", bm_fail(BM_E_NO_MEMORY, NULL));
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    return curl;
}

static int run(char **argv)
{
    FILE *key_in = fopen(argv[4], "r");
    FILE *certificate_in = fopen(argv[5], "r");
    EVP_PKEY *vendor_key = key_in == NULL ? NULL : PEM_read_PrivateKey(key_in, NULL, NULL, NULL);
    X509 *vendor = certificate_in == NULL ? NULL : PEM_read_X509(certificate_in, NULL, NULL, NULL);
    bm_ek_template_id template = strcmp(argv[6], "rsa2048") == 0 ? BM_EK_L1 : BM_EK_L2;
    bm_key_type ik = bm_pubkey_type_by_name(bm_bytes_str(argv[7]));
    long count = strtol(argv[8], NULL, 10);
    CURL *curl = open_curl(argv[3]);
    device devices[POOL];

    if (vendor_key == NULL || vendor == NULL || ik == BM_KEY_NONE)
        die("vendor or key type", bm_fail(BM_E_USAGE, NULL));
    for (int i = 0; i < POOL; i++)
        make_device(&devices[i], template, ik, vendor, vendor_key, i);
    for (int i = 0; i < POOL; i++) /* warm */
        provision(curl, argv[2], &devices[i]);
    (void)printf("ready\n");
    (void)fflush(stdout);
    (void)getchar();
    for (long i = 0; i < count; i++)
        provision(curl, argv[2], &devices[i % POOL]);
    (void)printf("done\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "vendor") == 0)
        return make_vendor(argv[2], argv[3]);
    if (argc == 9 && strcmp(argv[1], "run") == 0)
        return run(argv);
    (void)fprintf(stderr, "usage: bench_devices vendor KEY CERT | run URL CA KEY CERT EK IK COUNT\n");
    return 2;
}
