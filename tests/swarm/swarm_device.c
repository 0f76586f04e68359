#include "swarm_device.h"

#include "protocol/reply.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void die(const char *what, bm_result result)
{
    (void)fprintf(stderr, "swarm: %s: %s (%s)\n", what, bm_code_name(result.code), result.detail ? result.detail : "-");
    exit(1);
}

static void need(const char *what, bm_result result)
{
    if (result.code != BM_OK)
        die(what, result);
}

bool swarm_write_vendor(const char *key_file, const char *certificate_file)
{
    EVP_PKEY *key = make_key(BM_KEY_ECC256);
    X509 *certificate = make_x509(&(make_options){.key = key, .name = "Swarm vendor", .options = make_ca_extensions});
    FILE *key_out = fopen(key_file, "w");
    FILE *certificate_out = fopen(certificate_file, "w");
    bool good = key_out != NULL && certificate_out != NULL &&
                PEM_write_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL) == 1 && PEM_write_X509(certificate_out, certificate) == 1;

    good = (key_out == NULL || fclose(key_out) == 0) && good;
    good = (certificate_out == NULL || fclose(certificate_out) == 0) && good;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}

void swarm_read_vendor(const char *key_file, const char *certificate_file, make_vendor *vendor)
{
    FILE *key_in = fopen(key_file, "r");
    FILE *certificate_in = fopen(certificate_file, "r");

    vendor->key = key_in == NULL ? NULL : PEM_read_PrivateKey(key_in, NULL, NULL, NULL);
    vendor->certificate = certificate_in == NULL ? NULL : PEM_read_X509(certificate_in, NULL, NULL, NULL);
    if (key_in != NULL)
        (void)fclose(key_in);
    if (certificate_in != NULL)
        (void)fclose(certificate_in);
    if (vendor->key == NULL || vendor->certificate == NULL)
        die("the vendor's files", bm_fail(BM_E_IO, NULL));
}

void swarm_device_init(swarm_device *device, const make_vendor *vendor, bm_ek_template_id template, bm_key_type ik, const char *serial)
{
    bm_tpm_public ik_public;

    *device = (swarm_device){0};
    make_device_init(&device->made, vendor, template, ik, serial);
    device->ek = make_wrap(device->made.ek);
    need("EK", bm_tpm_public_parse(bm_buf_view(&device->made.request.ek_public), &device->ek_public));
    need("IK", bm_tpm_public_parse(bm_buf_view(&device->made.request.ik_public), &ik_public));
    need("Name", bm_tpm_public_name(&ik_public, &device->ik_name));
}

void swarm_device_fini(swarm_device *device)
{
    bm_pkey_free(device->ek);
    make_device_fini(&device->made);
    *device = (swarm_device){0};
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    return bm_buf_put(context, bm_bytes_of(data, size * count)).code == BM_OK ? size * count : 0;
}

CURL *swarm_client(const char *ca_file)
{
    /* It lives as long as the program. */
    static struct curl_slist *headers;
    CURL *client = curl_easy_init();

    if (headers == NULL)
        headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (client == NULL || headers == NULL)
        die("libcurl", bm_fail(BM_E_NO_MEMORY, NULL));
    (void)curl_easy_setopt(client, CURLOPT_CAINFO, ca_file);
    (void)curl_easy_setopt(client, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(client, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(client, CURLOPT_MAXCONNECTS, 1L);
    (void)curl_easy_setopt(client, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    (void)curl_easy_setopt(client, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(client, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(client, CURLOPT_TIMEOUT, 30L);
    return client;
}

/* What a reply of another status than 200 says. */
static swarm_end read_problem(bm_bytes body, swarm_reply *reply)
{
    if (bm_problem_parse(body, &reply->problem).code != BM_OK) {
        (void)snprintf(reply->error, sizeof(reply->error), "status %ld without a problem document", reply->status);
        return SWARM_WRONG;
    }
    (void)snprintf(reply->error, sizeof(reply->error), "%s: %.200s", reply->problem.code, reply->problem.title);
    return reply->status == 503 || reply->status == 429 ? SWARM_AGAIN : SWARM_REFUSED;
}

static swarm_end post(CURL *client, const char *url, const char *call, bm_bytes request, bm_buf *body, swarm_reply *reply)
{
    char address[512];
    CURLcode code;

    *reply = (swarm_reply){0};
    (void)snprintf(address, sizeof(address), "%s/v1/%s", url, call);
    (void)curl_easy_setopt(client, CURLOPT_URL, address);
    (void)curl_easy_setopt(client, CURLOPT_POSTFIELDS, request.data);
    (void)curl_easy_setopt(client, CURLOPT_POSTFIELDSIZE, (long)request.size);
    (void)curl_easy_setopt(client, CURLOPT_WRITEDATA, body);
    code = curl_easy_perform(client);
    (void)curl_easy_getinfo(client, CURLINFO_RESPONSE_CODE, &reply->status);
    if (code != CURLE_OK) {
        reply->status = 0;
        (void)snprintf(reply->error, sizeof(reply->error), "%s: %s", call, curl_easy_strerror(code));
        return SWARM_AGAIN;
    }
    return reply->status == 200 ? SWARM_DONE : read_problem(bm_buf_view(body), reply);
}

/* The ticket out of the reply's credential, as a TPM opens it. */
static BM_RESULT open_credential(swarm_device *device, const bm_reply_challenge *challenge)
{
    bm_request *request = &device->made.request;

    bm_buf_clear(&request->ticket);
    bm_buf_clear(&request->challenge);
    BM_TRY(bm_credential_open(&device->ek_public, device->ek, bm_tpm_public_name_view(&device->ik_name),
                              bm_buf_view(&challenge->credential_blob), bm_buf_view(&challenge->encrypted_secret), &request->ticket));
    return bm_buf_put(&request->challenge, bm_buf_view(&challenge->challenge));
}

/* A reply of status 200 that is not the protocol's. */
static swarm_end judge(bm_result result, swarm_reply *reply)
{
    if (result.code == BM_OK)
        return SWARM_DONE;
    (void)snprintf(reply->error, sizeof(reply->error), "%s (%.200s)", bm_code_name(result.code), result.detail ? result.detail : "-");
    return SWARM_WRONG;
}

swarm_end swarm_challenge(CURL *client, const char *url, swarm_device *device, swarm_reply *reply)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge challenge = {0};
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_result result;
    swarm_end end;

    need("request", bm_request_put(BM_CALL_CHALLENGE, &device->made.request, &request));
    (void)curl_easy_setopt(client, CURLOPT_FRESH_CONNECT, 1L);
    end = post(client, url, "getChallenge", bm_buf_view(&request), &body, reply);
    (void)curl_easy_setopt(client, CURLOPT_FRESH_CONNECT, 0L);
    if (end != SWARM_DONE)
        return end;
    result = bm_reply_challenge_parse(bm_buf_view(&body), &challenge);
    if (result.code == BM_OK)
        result = open_credential(device, &challenge);
    return judge(result, reply);
}

swarm_end swarm_certificate(CURL *client, const char *url, swarm_device *device, bm_buf *der, swarm_reply *reply)
{
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate certificate = {0};
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_result result;
    swarm_end end;

    need("request", bm_request_put(BM_CALL_CERTIFICATE, &device->made.request, &request));
    end = post(client, url, "getCertificate", bm_buf_view(&request), &body, reply);
    if (end != SWARM_DONE)
        return end;
    result = bm_reply_certificate_parse(bm_buf_view(&body), &certificate);
    if (result.code == BM_OK)
        bm_buf_move(der, &certificate.certificate);
    return judge(result, reply);
}
