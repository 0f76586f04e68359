/*
 * Certificates written element by element (RFC 5280, 4.1): the pieces that a device's, a CA's and a server's certificate share.
 * Internal to lib/x509.
 */
#ifndef BM_X509_BUILD_H
#define BM_X509_BUILD_H

#include "crypto/der.h"
#include "crypto/hash.h"
#include "crypto/pkey.h"

/* 99991231235959Z (RFC 5280, 4.1.2.5): the last time that a certificate can name. */
#define BM_BUILD_TIME_MAX INT64_C(253402300799)
/* Bytes of a key identifier (RFC 7093, method 1). */
#define BM_BUILD_KEY_ID_SIZE 20

/* OIDs of extensions and what goes into them: the content bytes. */
extern const bm_bytes bm_build_oid_ski;
extern const bm_bytes bm_build_oid_key_usage;
extern const bm_bytes bm_build_oid_san;
extern const bm_bytes bm_build_oid_basic;
extern const bm_bytes bm_build_oid_policies;
extern const bm_bytes bm_build_oid_aki;
extern const bm_bytes bm_build_oid_eku;
extern const bm_bytes bm_build_oid_server_auth;
extern const bm_bytes bm_build_oid_client_auth;

/* KeyUsage bits (RFC 5280, 4.2.1.3) in the first byte of their BIT STRING. */
#define BM_BUILD_DIGITAL_SIGNATURE 0x80
#define BM_BUILD_KEY_CERT_SIGN 0x04
#define BM_BUILD_CRL_SIGN 0x02

/* Everything that a TBSCertificate of version 3 says. */
typedef struct {
    bm_bytes serial; /* big-endian, not negative */
    bm_sig_alg alg;
    bm_bytes issuer; /* DER Name */
    int64_t not_before;
    int64_t not_after;
    bm_bytes subject; /* DER Name */
    const bm_pubkey *key;
    bm_bytes extensions; /* Extensions, one after the other */
} bm_build_fields;

/* Appends the TBSCertificate; BM_E_INTERNAL: a time outside the years 1970 to 9999, or a validity that ends before it begins. */
BM_RESULT bm_build_put_tbs(bm_buf *out, const bm_build_fields *fields);

/* Appends the Certificate: SEQUENCE of tbs, algorithm, signature. */
BM_RESULT bm_build_put_certificate(bm_buf *out, bm_bytes tbs, bm_sig_alg alg, bm_bytes signature);

/* Appends one extension; a false `critical` is left out, as DER has it. */
BM_RESULT bm_build_put_extension(bm_buf *out, bm_bytes oid, bool critical, bm_bytes value);

/* Appends basicConstraints (critical): a CA with path length 0, or no CA. */
BM_RESULT bm_build_put_basic(bm_buf *out, bool ca);

/* Appends keyUsage (critical) with these bits of the first byte. */
BM_RESULT bm_build_put_key_usage(bm_buf *out, uint8_t bits);

/* Appends extendedKeyUsage with one purpose. */
BM_RESULT bm_build_put_eku(bm_buf *out, bm_bytes purpose);

/* Appends subjectKeyIdentifier and authorityKeyIdentifier. */
BM_RESULT bm_build_put_key_ids(bm_buf *out, bm_bytes subject_id, bm_bytes issuer_id);

/* The key identifier of a key: the leftmost 160 bits of SHA-256 of the key's bits (RFC 7093, section 2, method 1). */
BM_RESULT bm_build_key_id(const bm_pubkey *key, uint8_t id[BM_BUILD_KEY_ID_SIZE]);

#endif
