/*
 * EK certificates (TCG EK Credential Profile v2.5, section 3), with the quirks that are in the field.
 */
#ifndef BM_X509_EKC_H
#define BM_X509_EKC_H

#include "crypto/pubkey.h"

#define BM_EKC_MAX 4096      /* bytes of an EK certificate, and of one of its chain, that we take */
#define BM_EKC_CHAIN_MAX 4   /* certificates of an EK chain that we take */

typedef struct bm_ekc bm_ekc;

/*
 * The certificate inside the bytes of an NV index: without a vendor's prefix (10 01 00, u16 length) and without the padding behind the
 * outer SEQUENCE. `der` is a view. BM_E_EKC_MALFORMED: no SEQUENCE there, or it is longer than the bytes.
 */
BM_RESULT bm_ekc_trim(bm_bytes nv, bm_bytes *der);

/* Cuts the next certificate off a concatenation (the on-chip chain); `der` is empty at its end or where only padding (00, FF) is left. BM_E_EKC_MALFORMED. */
BM_RESULT bm_ekc_next(bm_bytes *rest, bm_bytes *der);

/*
 * Parses a DER certificate (exactly: nothing may be left over; no prefix). The raw bytes are kept, never re-encoded. A key that is none
 * of ours, or over BM_EKC_MAX bytes: BM_E_EKC_MALFORMED. RSA keys under id-RSAES-OAEP are taken.
 */
BM_RESULT bm_ekc_parse(bm_bytes der, bm_ekc **ekc);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_ekc_free(bm_ekc *ekc);
void bm_ekc_freep(bm_ekc **ekc);

/* The certificate's key; lives as long as the certificate. */
const bm_pubkey *bm_ekc_key(const bm_ekc *ekc);

/* The raw DER; lives as long as the certificate. */
bm_bytes bm_ekc_der(const bm_ekc *ekc);

/*
 * Is it a certificate for an EK: not a CA; EKU, if there is one, has 2.23.133.8.1 (the profile makes it mandatory: an absent EKU is
 * refused too); KeyUsage, if there, allows keyEncipherment (RSA) or keyAgreement (ECC; keyEncipherment is taken as well: seen in the
 * field); no unknown critical extension. BM_E_EKC_USAGE with the reason.
 */
BM_RESULT bm_ekc_check_usage(const bm_ekc *ekc);

/* BM_E_EKC_VALIDITY unless notBefore <= now <= notAfter (seconds since 1970). */
BM_RESULT bm_ekc_check_validity(const bm_ekc *ekc, int64_t now);

/* What a person wants to see of it. */
typedef struct {
    char subject[128];      /* the subject, or the SAN's TPM attributes when it is empty, one line */
    char manufacturer[32];  /* "IBM", "IFX": tcg-at-tpmManufacturer decoded; "" when absent */
    char model[64];
    char version[32];
    char issuer[128];
    int64_t not_before;
    int64_t not_after;
} bm_ekc_info;

/* Fills the description; control characters and bytes above 0x7E are shown as '?'. */
BM_RESULT bm_ekc_describe(const bm_ekc *ekc, bm_ekc_info *info);

#endif
