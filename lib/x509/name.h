/*
 * Distinguished names (RFC 5280, 4.1.2.4): written, walked and shown. Internal to lib/x509.
 */
#ifndef BM_X509_NAME_H
#define BM_X509_NAME_H

#include "crypto/der.h"
#include "x509/profile.h"

/* X.520: the upper bound of every attribute that we write. */
#define BM_NAME_VALUE_MAX 64

/* One attribute of a name; views inside the name. */
typedef struct {
    bm_bytes oid; /* content of the OBJECT IDENTIFIER */
    uint8_t tag;  /* of the value */
    bm_bytes value;
    bool alone; /* the only one of its RDN (the last one of an RDN knows it, the others say false) */
} bm_name_attribute;

/* A walk over the attributes of a name. */
typedef struct {
    bm_cursor rdns;
    bm_cursor set;
    bool fresh; /* nothing was taken from `set` yet */
} bm_name_walk;

/* The OID of an attribute that a profile may use. */
bm_bytes bm_name_oid(bm_subject_attribute_type type);

/* The name of such an attribute: "CN", "serialNumber"... */
const char *bm_name_label(bm_subject_attribute_type type);

/*
 * Appends an RDN with one attribute: PrintableString for C and serialNumber where the text allows it ('_' does not), UTF8String otherwise.
 * BM_E_MALFORMED: the text is empty, longer than BM_NAME_VALUE_MAX bytes, or not UTF-8 without control characters.
 */
BM_RESULT bm_name_put_rdn(bm_buf *out, bm_subject_attribute_type type, bm_bytes text);

/* Begins a walk over a Name (whole element); BM_E_MALFORMED: not a SEQUENCE. */
BM_RESULT bm_name_open(bm_bytes name, bm_name_walk *walk);

/* The next attribute; `found` is false at the end. An RDN that is not in DER's order is taken. BM_E_MALFORMED. */
BM_RESULT bm_name_next(bm_name_walk *walk, bm_name_attribute *attribute, bool *found);

/*
 * Is the Name one that this program writes: 1 to BM_SUBJECT_ATTRIBUTES_MAX RDNs as bm_name_put_rdn makes them, byte for byte, no attribute
 * but OU twice?
 * BM_E_MALFORMED with the reason when not.
 */
BM_RESULT bm_name_check_ours(bm_bytes name);

/* Writes a name in one line ("CN=a, O=b"), cut to fit; what is not printable ASCII is shown as '?'. BM_E_MALFORMED: not a Name. */
BM_RESULT bm_name_text(bm_bytes name, char *out, size_t size);

/* Writes bytes as a string, cut to fit; what is not printable ASCII is shown as '?'. */
void bm_name_printable(bm_bytes value, char *out, size_t size);

#endif
