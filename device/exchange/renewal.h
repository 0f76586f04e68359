/*
 * What a renewal needs and the identity's other files do not say: the file `renewal` in the state directory. It is replaced whole, and read strictly.
 *
 *   birthmark renewal 1
 *   server https://ca.example:8443
 *   serial SN-0001
 *   profile sensors                   where one was named
 *   owner-auth file:/etc/tpm/owner    and endorsement-auth, key-auth: where the values are, never the values
 *   ca-file /etc/ssl/ca.pem           or, up to BM_RENEWAL_CA_MAX bytes, the certificates themselves:
 *   ca
 *   -----BEGIN CERTIFICATE-----
 *
 * The handle is in key.uri, and the EK in ek.
 */
#ifndef BM_DEVICE_EXCHANGE_RENEWAL_H
#define BM_DEVICE_EXCHANGE_RENEWAL_H

#include "device/exchange/enrolment_options.h"
#include "device/identity/identity.h"

#define BM_RENEWAL_NAME "renewal"
#define BM_RENEWAL_CA_MAX 32768
#define BM_RENEWAL_VALUE_MAX 1024

/* The record. Zero-initialise; end with bm_renewal_fini. Each buffer is empty where there is nothing, and has a NUL behind its end else. */
typedef struct {
    bm_buf server;
    bm_buf serial;
    bm_buf profile;
    bm_buf auth[BM_TPM_HIERARCHIES];
    bm_buf key_auth;
    bm_buf ca_file;
    bm_buf ca; /* PEM */
} bm_renewal;

/* Frees. For BM_AUTO. */
void bm_renewal_fini(bm_renewal *renewal);

/*
 * The record of these options: server, serial, profile, the certificates of `ca`, and where the authorisation values are, with whole paths. `renewal` must be
 * zero. BM_E_IO: a file that they name cannot be read, or --ca is no file of certificates; BM_E_USAGE: a value that no record can hold.
 */
BM_RESULT bm_renewal_of(const bm_enrolment_options *options, bm_renewal *renewal);

/* Replaces in a record what options name: server, --ca, where authorisation values are. As bm_renewal_of; then the record is as it was. */
BM_RESULT bm_renewal_override(bm_renewal *renewal, const bm_enrolment_options *options);

/* Appends the record as it is written; BM_E_NO_MEMORY. */
BM_RESULT bm_renewal_put(bm_buf *out, const bm_renewal *renewal);

/* Reads it; what bm_renewal_put makes of it is the same again. `renewal` must be zero. BM_E_MALFORMED. */
BM_RESULT bm_renewal_parse(bm_bytes text, bm_renewal *renewal);

/* Writes the record, if another is there. BM_E_IO. */
BM_RESULT bm_renewal_write(bm_identity *identity, const bm_renewal *renewal);

/* Removes a record that is another device's, or damaged. BM_E_IO. */
BM_RESULT bm_renewal_drop_of_others(bm_identity *identity, const char *serial);

/* Reads the record. BM_E_IO: there is none, or it is damaged. */
BM_RESULT bm_renewal_load(const bm_identity *identity, bm_renewal *renewal);

/* Sets what the record has in options that have none of it; the strings are views of it. */
void bm_renewal_use(const bm_renewal *renewal, bm_enrolment_options *options);

#endif
