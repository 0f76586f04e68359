/*
 * A device in software for the tests: an EK with its certificate, an IK, and the request that they make. What a TPM would hold is here
 * as plain keys.
 */
#ifndef BM_TESTS_MAKE_DEVICE_H
#define BM_TESTS_MAKE_DEVICE_H

#include "make_x509.h"

#include "protocol/request.h"
#include "tpm/template.h"

/* The TPM vendor that signs EK certificates: its certificate, which goes along as the chain, and its key. */
typedef struct {
    X509 *certificate;
    EVP_PKEY *key;
} make_vendor;

typedef struct {
    EVP_PKEY *ek;
    EVP_PKEY *ik;
    bm_request request;
} make_device;

/* A new device with keys of these types; profile `default`. End it with make_device_fini. */
void make_device_init(make_device *device, const make_vendor *vendor, bm_ek_template_id template, bm_key_type ik_type, const char *serial);

/* Frees its keys and its request. */
void make_device_fini(make_device *device);

/* Replaces the EK certificate: these extensions (NULL: those of an EK certificate), this notAfter (0: years ahead). */
void make_device_ekc(make_device *device, const make_vendor *vendor, const char *const *extensions, int64_t until);

/* Replaces `out` by the TPM2B_PUBLIC of an IK as our agent makes it: the input template with the key in it. */
void make_device_ik(EVP_PKEY *key, bm_buf *out);

/* Replaces `out` by the CSR of `key`, signed by `signer`. */
void make_device_csr(EVP_PKEY *key, EVP_PKEY *signer, const char *serial, bm_buf *out);

#endif
