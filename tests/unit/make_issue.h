/* An identity CA and its devices' keys for the tests, and certificates that it issues. */
#ifndef BM_TESTS_MAKE_ISSUE_H
#define BM_TESTS_MAKE_ISSUE_H

#include "make_x509.h"

#include "x509/issue.h"

#define MAKE_CA_UNTIL INT64_C(4102444800) /* 2100-01-01 */
#define MAKE_TYPE_COUNT 5

/* A CA of P-256, a device's key of each type that it issues for, and a subject "CN=SN-1, serialNumber=SN-1, O=Example Ltd". */
typedef struct {
    bm_pkey *ca_key;
    bm_ca ca;
    bm_pubkey device[BM_KEY_TYPE_COUNT];
    bm_buf subject;
} make_fleet;

/* The group's one; made and freed by the group's set-up and tear-down. */
extern make_fleet fleet;
int make_fleet_begin(void **state);
int make_fleet_end(void **state);

/* The key types that there are devices of. */
extern const bm_key_type make_types[MAKE_TYPE_COUNT];

/* What a certificate of a device says. */
bm_issue_fields make_fields(bm_key_type type);

/* Builds, signs and appends a certificate. */
void make_issued(const bm_issue_fields *fields, bm_buf *der);

#endif
