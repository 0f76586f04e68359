/*
 * The identity CA's own certificates: made once by init, or brought in as a sub-CA; and PEM.
 */
#ifndef BM_X509_CA_H
#define BM_X509_CA_H

#include "crypto/hash.h"
#include "crypto/pkey.h"

#define BM_CA_CHAIN_MAX 4
#define BM_SERIAL_SIZE 20 /* bytes of a certificate's serial: 159 random bits, the top bit clear (RFC 5280, 4.1.2.2) */

/* What issuing needs of the CA's certificate. Owns its buffers. */
typedef struct {
    bm_buf der;
    bm_buf subject; /* the DER Name: the issuer of what we issue */
    bm_buf key_id;  /* its SubjectKeyIdentifier: our AKI */
    bm_pubkey key;
    int64_t not_before;
    int64_t not_after;
} bm_ca;

/* Parses a CA certificate (DER). BM_E_MALFORMED: none, or not a CA that may sign certificates (basicConstraints, keyCertSign), or without a SubjectKeyIdentifier. */
BM_RESULT bm_ca_parse(bm_bytes der, bm_ca *ca);

/* Wipes and frees what it owns. */
void bm_ca_fini(bm_ca *ca);

/* What a new CA certificate says. */
typedef struct {
    const char *common_name;
    int64_t not_before;
    int64_t not_after;
    uint8_t serial[BM_SERIAL_SIZE];
} bm_ca_options;

/* Makes a self-signed CA certificate (CN, CA:TRUE pathlen 0 critical, keyCertSign and cRLSign critical, SKI, AKI); appends the DER. BM_E_USAGE: the name has not 1 to 64 characters; BM_E_INTERNAL. */
BM_RESULT bm_ca_self_signed(const bm_pkey *key, const bm_ca_options *options, bm_buf *der);

/* What a new TLS server certificate says: `names` are DNS names or IP addresses for the SAN (an address is recognised), the first is the CN. */
typedef struct {
    const char *const *names;
    size_t name_count;
    int64_t not_before;
    int64_t not_after;
    uint8_t serial[BM_SERIAL_SIZE];
} bm_ca_tls_options;

/* Makes a TLS server certificate (serverAuth, digitalSignature, CA:FALSE, SAN, SKI, AKI) signed by the CA; appends the DER. BM_E_USAGE: a name is neither DNS name nor address. */
BM_RESULT bm_ca_tls_certificate(const bm_ca *ca, const bm_pkey *ca_key, const bm_pubkey *tls_key, const bm_ca_tls_options *options,
                                bm_buf *der);

/*
 * Appends the names in the SAN of a TLS server's certificate (DER), in their order and as
 * bm_ca_tls_certificate takes them, each with a NUL behind it; `count` says how many. BM_E_MALFORMED: not a
 * certificate, one without such names, or one with a name that is neither DNS name nor address.
 */
BM_RESULT bm_ca_tls_names(bm_bytes der, bm_buf *names, size_t *count);

/* Appends PEM: -----BEGIN label-----, 64 columns, -----END label-----. */
BM_RESULT bm_ca_put_pem(bm_buf *out, const char *label, bm_bytes der);

/*
 * Cuts the next block of this label off a PEM text (text between blocks is skipped) and appends its DER to `der`, which is emptied first;
 * `found` says whether there was one. BM_E_MALFORMED: a block that is not closed or not base64.
 */
BM_RESULT bm_ca_next_pem(bm_bytes *rest, const char *label, bm_buf *der, bool *found);

#endif
