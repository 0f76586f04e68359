/*
 * Profiles: what a kind of device must show and what its certificate says. Read from the configuration, constant afterwards.
 */
#ifndef BM_X509_PROFILE_H
#define BM_X509_PROFILE_H

#include "base/text.h"
#include "crypto/pubkey.h"
#include "x509/anchors.h"

#define BM_SUBJECT_ATTRIBUTES_MAX 8
#define BM_SUBJECT_TEXT_MAX 64

/* Who is genuine: the EK certificate chains to an anchor; the EK is in the inventory; both. */
typedef enum { BM_TRUST_CERTIFICATE, BM_TRUST_INVENTORY, BM_TRUST_BOTH } bm_trust_rule;

/* Whose name: the inventory row's serial; one derived from the EK; the first claim binds. */
typedef enum { BM_IDENTITY_INVENTORY, BM_IDENTITY_EK, BM_IDENTITY_CLAIM } bm_identity_rule;

/* Attributes of a subject that a template may have (RFC 4519). */
typedef enum { BM_ATTR_CN, BM_ATTR_SERIAL_NUMBER, BM_ATTR_C, BM_ATTR_ST, BM_ATTR_L, BM_ATTR_O, BM_ATTR_OU, BM_ATTR_COUNT } bm_subject_attribute_type;

/* One attribute: text in which %i stands for the identity, %e for the EK's SHA-256 in hex (first 40 digits), %p for the profile's name. */
typedef struct {
    bm_subject_attribute_type type;
    char text[BM_SUBJECT_TEXT_MAX + 1];
} bm_subject_attribute;

typedef struct {
    char name[BM_PROFILE_NAME_MAX + 1];
    bm_trust_rule trust;
    bool classes[BM_CLASS_COUNT];
    bool ik_keys[BM_KEY_TYPE_COUNT];
    bm_identity_rule identity;
    bm_subject_attribute subject[BM_SUBJECT_ATTRIBUTES_MAX];
    size_t subject_count;
    int64_t validity;        /* seconds */
    int64_t ticket_lifetime; /* seconds */
    int64_t offline_ticket_lifetime; /* likewise, in the exchange by files; 0: the profile does not allow that */
    bool lapses;             /* a device whose certificates have all ended may not come back for ever, but for so long after the last: */
    int64_t renew_expired;   /* seconds */
} bm_profile;

/* "CN", "serialNumber", "C", "ST", "L", "O", "OU". */
const char *bm_profile_attribute_name(bm_subject_attribute_type type);

/*
 * Parses a subject template: "CN=%i, serialNumber=%i, O=Example Ltd". Values: printable ASCII but ',' and '='; "%%" is a percent sign;
 * C has exactly two letters; only OU may stand there twice; one value at least has %i or %e, as no two devices may have the same name.
 * Replaces the subject of `profile`. BM_E_CONFIG_INVALID with the reason.
 */
BM_RESULT bm_profile_parse_subject(bm_bytes text, bm_profile *profile);

/*
 * Appends the DER Name of a certificate of this profile for an identity. PrintableString for C and serialNumber (UTF8String for
 * one with a '_', which PrintableString does not have), UTF8String otherwise.
 * BM_E_IDENTITY_INVALID: the identity is none, or a value becomes longer than 64 characters.
 */
BM_RESULT bm_profile_put_subject(bm_buf *out, const bm_profile *profile, const char *identity, const uint8_t ek_sha256[BM_SHA256_SIZE]);

#endif
