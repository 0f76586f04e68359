/*
 * Devices in software, one after the other without a pause: what a server does in a burst, without the time of a TPM.
 *
 *   bench_devices vendor KEY.pem CERT.pem             make a TPM vendor's CA
 *   bench_devices run URL CA KEY CERT EK IK COUNT     provision COUNT times: TLS handshake, getChallenge, getCertificate
 */
#include "../unit/make_device.h"

#include "protocol/reply.h"
#include "tpm/credential.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL 8 /* devices that take turns: their keys are made before the clock runs */

typedef struct {
    make_device device;
    bm_pkey *ek; /* its EK, to open credentials with */
    bm_tpm_public ek_public;
    bm_tpm_name ik_name;
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

static void prepare(device *d, bm_ek_template_id template, bm_key_type ik_type, const make_vendor *vendor, int number)
{
    bm_tpm_public ik_public;
    char serial[32];

    (void)snprintf(serial, sizeof(serial), "%s-%d-%ld", bm_template_ek(template)->label, number, (long)getpid());
    make_device_init(&d->device, vendor, template, ik_type, serial);
    d->ek = make_wrap(d->device.ek);
    need("EK", bm_tpm_public_parse(bm_buf_view(&d->device.request.ek_public), &d->ek_public));
    need("IK", bm_tpm_public_parse(bm_buf_view(&d->device.request.ik_public), &ik_public));
    need("Name", bm_tpm_public_name(&ik_public, &d->ik_name));
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

    need("request", bm_request_put(BM_CALL_CHALLENGE, &d->device.request, &first));
    (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    post(curl, url, "getChallenge", bm_buf_view(&first), &reply);
    need("reply", bm_reply_challenge_parse(bm_buf_view(&reply), &challenge));
    bm_buf_clear(&d->device.request.ticket);
    bm_buf_clear(&d->device.request.challenge);
    need("credential", bm_credential_open(&d->ek_public, d->ek, bm_tpm_public_name_view(&d->ik_name),
                                          bm_buf_view(&challenge.credential_blob), bm_buf_view(&challenge.encrypted_secret),
                                          &d->device.request.ticket));
    need("challenge", bm_buf_put(&d->device.request.challenge, bm_buf_view(&challenge.challenge)));
    need("request", bm_request_put(BM_CALL_CERTIFICATE, &d->device.request, &second));
    (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 0L);
    bm_buf_clear(&reply);
    post(curl, url, "getCertificate", bm_buf_view(&second), &reply);
    need("reply", bm_reply_certificate_parse(bm_buf_view(&reply), &certificate));
    bm_reply_challenge_fini(&challenge);
    bm_reply_certificate_fini(&certificate);
}

static int write_vendor(const char *key_file, const char *certificate_file)
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
    make_vendor vendor = {.key = key_in == NULL ? NULL : PEM_read_PrivateKey(key_in, NULL, NULL, NULL),
                          .certificate = certificate_in == NULL ? NULL : PEM_read_X509(certificate_in, NULL, NULL, NULL)};
    bm_ek_template_id template = strcmp(argv[6], "rsa2048") == 0 ? BM_EK_L1 : BM_EK_L2;
    bm_key_type ik = bm_pubkey_type_by_name(bm_bytes_str(argv[7]));
    long count = strtol(argv[8], NULL, 10);
    CURL *curl = open_curl(argv[3]);
    device devices[POOL];

    if (vendor.key == NULL || vendor.certificate == NULL || ik == BM_KEY_NONE)
        die("vendor or key type", bm_fail(BM_E_USAGE, NULL));
    for (int i = 0; i < POOL; i++)
        prepare(&devices[i], template, ik, &vendor, i);
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
        return write_vendor(argv[2], argv[3]);
    if (argc == 9 && strcmp(argv[1], "run") == 0)
        return run(argv);
    (void)fprintf(stderr, "usage: bench_devices vendor KEY CERT | run URL CA KEY CERT EK IK COUNT\n");
    return 2;
}
