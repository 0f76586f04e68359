/*
 * Certificates and CSRs for the tests: made with OpenSSL, which is not the code under test, or written raw where OpenSSL would not write
 * what is in the field.
 */
#ifndef BM_TESTS_MAKE_X509_H
#define BM_TESTS_MAKE_X509_H

#include "unit.h"

#include "base/text.h"
#include "crypto/evp.h"
#include "crypto/pkey.h"

#include <openssl/x509v3.h>

#define MAKE_FROM INT64_C(1767225600)  /* 2026-01-01 */
#define MAKE_NOW INT64_C(1795473000)   /* 2026-11-23 */
#define MAKE_UNTIL INT64_C(2082758400) /* 2036-01-01 */

/* What a certificate says; what is not set has a default. */
typedef struct {
    EVP_PKEY *key;              /* its key */
    const char *name;           /* the CN; NULL: an empty subject */
    X509 *issuer;               /* NULL: the certificate itself */
    EVP_PKEY *signer;           /* NULL: its own key */
    const char *const *options; /* name, value, ..., NULL: extensions as openssl.cnf has them ("critical,CA:TRUE") */
    int64_t from;               /* 0: MAKE_FROM */
    int64_t until;              /* 0: MAKE_UNTIL */
    const EVP_MD *md;           /* NULL: SHA-256 */
    bool version_1;
    bool oaep; /* its RSA key under id-RSAES-OAEP */
} make_options;

/* The extensions of a CA, and of EK certificates as the TCG has them (the second of an ECC key). */
extern const char *const make_ca_extensions[];
extern const char *const make_ek_extensions[];
extern const char *const make_ek_ecc_extensions[];

/* A key for the tests (of RSA-4096, which takes long to make, always the same); fails the test when there is none. */
EVP_PKEY *make_key(bm_key_type type);

/* A certificate, decoded again from its DER; the caller frees it. */
X509 *make_x509(const make_options *options);

/* Appends the DER of a certificate. */
void make_der(X509 *x509, bm_buf *der);

/* Makes a certificate and appends its DER. */
void make_x509_der(const make_options *options, bm_buf *der);

/*
 * A certificate with these Extensions (DER, one after the other), subject (DER Name; empty: an empty one) and the issuer's name, signed with
 * SHA-256: what OpenSSL does not write.
 */
void make_raw(EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, bm_bytes subject, bm_bytes extensions, bm_buf *der);

/* The key behind an EVP_PKEY; the caller frees it. */
bm_pkey *make_wrap(EVP_PKEY *key);

/* Appends an element, a TLV of DER; for raw certificates. */
void make_put(bm_buf *out, uint8_t tag, bm_bytes content);

/* Appends the bytes of a hex string. */
void make_hex(bm_buf *out, const char *hex);

/* Does `inner` occur in `outer`? */
bool make_contains(bm_bytes outer, bm_bytes inner);

/* Replaces the first occurrence; the sizes are the same. Fails the test when there is none. */
void make_replace(bm_buf *in, bm_bytes from, bm_bytes to);

/*
 * Calls a parser with: every prefix of `good`, `good` with a byte behind it, and `good` with each bit flipped. Prefixes and the longer one must
 * be refused; of the flipped ones none may be `verified` (a parser that verifies nothing returns false always).
 */
typedef enum { MAKE_REFUSED, MAKE_PARSED, MAKE_VERIFIED } make_verdict;
typedef make_verdict (*make_parser)(bm_bytes bytes, void *context);
void make_torture(bm_bytes good, make_parser parser, void *context);

#endif
