/*
 * Certificates as a tree of DER elements (RFC 5280, 4.1): cut into views, not interpreted. Internal to lib/x509.
 */
#ifndef BM_X509_WALK_H
#define BM_X509_WALK_H

#include "crypto/der.h"

/* The fields of a TBSCertificate; views inside the bytes that were walked. */
typedef struct {
    unsigned version;    /* 1, 2 or 3 */
    bm_bytes serial;     /* content of the INTEGER */
    bm_bytes alg;        /* AlgorithmIdentifier, whole */
    bm_bytes issuer;     /* Name, whole */
    bm_bytes validity;   /* content */
    bm_bytes subject;    /* Name, whole */
    bm_bytes spki;       /* SubjectPublicKeyInfo, whole */
    bm_bytes extensions; /* content of the SEQUENCE OF Extension; empty when there are none */
} bm_walk_fields;

/* A certificate; views inside the bytes that were walked. */
typedef struct {
    bm_bytes tbs; /* whole */
    bm_bytes alg; /* the outer AlgorithmIdentifier, whole */
    bm_bytes signature;
    bm_walk_fields fields;
} bm_walk_cert;

/* One extension. */
typedef struct {
    bm_bytes oid; /* content of the OBJECT IDENTIFIER */
    bool critical;
    bm_bytes value; /* content of the OCTET STRING */
} bm_walk_ext;

/* Cuts a certificate; BM_E_MALFORMED: not one, or bytes left over at any level that is cut. */
BM_RESULT bm_walk_certificate(bm_bytes der, bm_walk_cert *cert);

/* Cuts a TBSCertificate (whole element); BM_E_MALFORMED. */
BM_RESULT bm_walk_tbs(bm_bytes tbs, bm_walk_fields *fields);

/* Takes a Time: see bm_walk_validity. BM_E_MALFORMED. */
BM_RESULT bm_walk_time(bm_cursor *cursor, int64_t *time);

/*
 * The two times of a validity, in seconds since 1970: UTCTime until 2049 and GeneralizedTime from 2050, both with seconds and Z (RFC 5280,
 * 4.1.2.5). BM_E_MALFORMED: not so, before 1970, or after it ends than it begins.
 */
BM_RESULT bm_walk_validity(bm_bytes validity, int64_t *not_before, int64_t *not_after);

/* Takes the next extension; an explicit critical FALSE is taken (seen in EK certificates). BM_E_MALFORMED. */
BM_RESULT bm_walk_extension(bm_cursor *extensions, bm_walk_ext *ext);

/* Looks for an extension; `found` says whether it is there. BM_E_MALFORMED: the list is broken, or has it twice. */
BM_RESULT bm_walk_find(bm_bytes extensions, bm_bytes oid, bm_walk_ext *ext, bool *found);

#endif
