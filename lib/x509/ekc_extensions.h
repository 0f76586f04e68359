/*
 * What the extensions of an EK certificate say, read from its raw bytes. Internal to lib/x509.
 *
 * Not with OpenSSL's X509: decoding a whole certificate takes as long as four P-256 signatures, most of it for a key that is read from
 * the raw bytes anyway.
 */
#ifndef BM_X509_EKC_EXTENSIONS_H
#define BM_X509_EKC_EXTENSIONS_H

#include "base/bytes.h"

/* Bits of keyUsage (RFC 5280, 4.2.1.3) in the first byte of their BIT STRING. */
#define BM_EKC_KEY_ENCIPHERMENT 0x20
#define BM_EKC_KEY_AGREEMENT 0x08

/* The views are inside the bytes that were read. */
typedef struct {
    bool is_ca;            /* basicConstraints says so; or, where they are absent, keyCertSign does */
    bool has_ek_purpose;   /* 2.23.133.8.1 is among the extended key usages */
    bool unknown_critical; /* a critical one that is none of those that are understood here */
    uint8_t key_usage;     /* the first byte of keyUsage; every bit where it is absent */
    bm_bytes authority;    /* the value of authorityKeyIdentifier; empty: there is none */
} bm_ekc_extensions;

/*
 * Reads the content of a SEQUENCE OF Extension. BM_E_MALFORMED: an extension that is there twice; basicConstraints, keyUsage,
 * extendedKeyUsage or subjectAltName that are not what RFC 5280 (4.2.1) says; an authorityKeyIdentifier without a byte; more than 64.
 */
BM_RESULT bm_ekc_extensions_read(bm_bytes content, bm_ekc_extensions *extensions);

#endif
