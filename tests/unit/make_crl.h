/* CRLs for the tests, written raw: what is right, and each thing that may be wrong. */
#ifndef BM_TESTS_MAKE_CRL_H
#define BM_TESTS_MAKE_CRL_H

#include "make_x509.h"

#include "crypto/der.h"
#include "x509/crl.h"

/* An entry of a CRL. */
typedef struct {
    bm_bytes serial;        /* content of the INTEGER */
    const char *extensions; /* DER of its Extensions' content, in hex; NULL: none */
} make_entry;

/* What a CRL says; what is not set has a default. */
typedef struct {
    X509 *issuer;           /* whose name it has */
    EVP_PKEY *signer;       /* P-256 or RSA: signed with SHA-256 */
    int number;             /* -1: it has none */
    int64_t this_update;    /* 0: MAKE_FROM */
    int64_t next_update;    /* 0: MAKE_UNTIL; -1: it has none */
    const char *version;    /* content of the INTEGER in hex; NULL: 01; "": left out */
    const char *extensions; /* further Extensions, in hex */
    const make_entry *entries;
    size_t count;
    const char *algorithm;  /* inner AlgorithmIdentifier in hex; NULL: as the signature has it */
} make_crl_options;

/* Entry extensions: reasonCode of this number, and certificateIssuer (critical). */
#define MAKE_REASON(hex) "300A0603551D1504030A01" hex
#define MAKE_CERTIFICATE_ISSUER "300C0603551D1D0101FF04023000"
/* List extensions: deltaCRLIndicator (critical), issuingDistributionPoint with indirectCRL, onlyContainsUserCerts, onlyContainsAttributeCerts. */
#define MAKE_DELTA "300D0603551D1B0101FF0403020101"
#define MAKE_IDP_INDIRECT "300F0603551D1C0101FF040530038401FF"
#define MAKE_IDP_USERS "300F0603551D1C0101FF040530038101FF"
#define MAKE_IDP_ATTRIBUTES "300F0603551D1C0101FF040530038501FF"

/* In both: an extension that nobody knows, critical and not. */
#define MAKE_UNKNOWN_CRITICAL "300C0603551D630101FF04020500"
#define MAKE_UNKNOWN "30090603551D6304020500"

/* Appends the DER of a CRL. */
void make_crl(const make_crl_options *options, bm_buf *der);

/* The content of a certificate's serial number; a view that lives as long as the certificate. */
bm_bytes make_serial(X509 *x509);

/* Appends the ids of the certificates, revoked by this CA, in their order. */
void make_ids(X509 *issuer, X509 *const *revoked, bm_buf *ids);

#endif
