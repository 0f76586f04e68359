/*
 * A device in software that carries out the real exchange over the network: what a TPM would do is done with plain keys. For what needs
 * many devices at once, and for times without a TPM in them.
 */
#ifndef BM_TESTS_SWARM_DEVICE_H
#define BM_TESTS_SWARM_DEVICE_H

#include "../unit/make_device.h"

#include "protocol/problem.h"
#include "tpm/credential.h"

#include <curl/curl.h>

/* A device: its request, its EK to open credentials with, and what is needed for that. */
typedef struct {
    make_device made;
    bm_pkey *ek;
    bm_tpm_public ek_public;
    bm_tpm_name ik_name;
} swarm_device;

/* How a call ended. */
typedef enum {
    SWARM_DONE,
    SWARM_AGAIN,   /* no reply, or one that says to try again (429, 503) */
    SWARM_REFUSED, /* a problem document, of another status */
    SWARM_WRONG,   /* a reply that is none of the protocol's */
} swarm_end;

/* The last reply. */
typedef struct {
    long status;        /* of HTTP; 0: there was none */
    bm_problem problem; /* where it was one */
    char error[384];    /* what there is to say beyond that */
} swarm_reply;

/* Makes a TPM vendor's CA and writes its key and its certificate; false: the files cannot be written. */
bool swarm_write_vendor(const char *key_file, const char *certificate_file);

/* Reads them; ends the program when they are not there. */
void swarm_read_vendor(const char *key_file, const char *certificate_file, make_vendor *vendor);

/* A new device of these types; end it with swarm_device_fini. */
void swarm_device_init(swarm_device *device, const make_vendor *vendor, bm_ek_template_id template, bm_key_type ik, const char *serial);
void swarm_device_fini(swarm_device *device);

/* A client that verifies the server with this file; ends the program when there is none. The caller cleans it up. */
CURL *swarm_client(const char *ca_file);

/* getChallenge, over a new connection, and the credential opened: the device's request has challenge and ticket. */
swarm_end swarm_challenge(CURL *client, const char *url, swarm_device *device, swarm_reply *reply);

/* getCertificate; replaces `der` by the certificate. */
swarm_end swarm_certificate(CURL *client, const char *url, swarm_device *device, bm_buf *der, swarm_reply *reply);

#endif
