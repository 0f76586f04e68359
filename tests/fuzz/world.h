/*
 * The fixed world of the fuzz targets: a TPM vendor that the anchors know, a profile, an identity CA with its ticket key. The keys are the
 * same in every run, so that an input of the corpus stays what it is.
 */
#ifndef BM_TESTS_FUZZ_WORLD_H
#define BM_TESTS_FUZZ_WORLD_H

#include "fuzz.h"
#include "tests/unit/make_device.h"

#include "x509/anchors.h"
#include "x509/ca.h"
#include "x509/profile.h"

#define WORLD_CA_FROM (MAKE_NOW - 86400)
#define WORLD_CA_UNTIL (MAKE_NOW + 10 * INT64_C(31536000))
#define WORLD_TICKET_KEY_ID 7u

/* Whose keys there are. The scalar of each is 32 times its number. */
typedef enum { WORLD_ROOT = 0x11, WORLD_VENDOR = 0x22, WORLD_CA = 0x33, WORLD_IK = 0x44, WORLD_EK = 0x55 } world_key_id;

/* A P-256 key, with its private half; the world's, for good. */
bm_pkey *world_key(world_key_id id);

/* The vendor's root, which is the anchor, and what signs EK certificates below it. The world's. */
X509 *world_root(void);
make_vendor world_vendor(void);

/* The set with that root, of class discrete. The world's. */
bm_anchors *world_anchors(void);

/* The profile `default`: trust by certificate, identity by claim, every key type. */
bm_profile world_profile(void);

/* The identity CA's certificate, self-signed by WORLD_CA; appended. */
void world_put_ca(bm_buf *der);

/* Its sealed keys under the passphrase "fuzz", made once. Views of the world's. */
bm_bytes world_sealed_ca_key(void);
bm_bytes world_sealed_ticket_keys(void);

/* The ticket of fields, as the keeper makes it. */
void world_ticket(bm_bytes message, uint8_t ticket[BM_SHA256_SIZE]);

/* A device of P-256 keys of the world with an EK of template L-2, and everything that it sends but the answer. Ended by make_device_fini. */
void world_device(make_device *device, const char *serial);

/* The Name of an object, for credentials. Static. */
bm_bytes world_name(void);

/* A certificate that the CA could have issued for WORLD_IK; the second is its to-be-signed part. Appended. */
void world_put_issued(bm_buf *der);
void world_put_tbs(bm_buf *tbs);

#endif
