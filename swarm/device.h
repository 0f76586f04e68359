/* A device at work: its requests, and what its TPM would do. */
#ifndef BM_SWARM_DEVICE_H
#define BM_SWARM_DEVICE_H

#include "swarm/fleet.h"
#include "tpm/template.h"

/* What a device does wrong; the server refuses each with a code of its own. */
typedef enum {
    BM_SWARM_GOOD = 0,
    BM_SWARM_BAD_CSR,    /* a CSR of another key than the identity key */
    BM_SWARM_BAD_VENDOR, /* an EK certificate of a vendor that nobody trusts */
    BM_SWARM_BAD_TICKET, /* a wrong ticket in getCertificate */
    BM_SWARM_BAD_JSON,   /* a body that is no JSON */
    BM_SWARM_BAD_COUNT
} bm_swarm_badness;

/* What all devices of a run share. */
typedef struct bm_swarm_kit bm_swarm_kit;

/* A device of the run. The fleet must outlive it. */
typedef struct {
    bm_swarm_fleet_device own;
    bm_swarm_badness bad;
    bm_buf ek_area; /* TPM2B_PUBLIC */
    bm_tpm_public ek;
    bm_tpm_name ik_name;
    bm_bytes ik_spki; /* a view of the record's CSR */
    bm_buf body;      /* the JSON of the next call */
} bm_swarm_device;

/* Gets ready for devices of the fleet's selected types, with this profile (empty: none is named); `bad`: some will be bad. */
BM_RESULT bm_swarm_device_kit_new(const bm_swarm_fleet *fleet, const char *profile, bool bad, bm_swarm_kit **kit);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_swarm_device_kit_free(bm_swarm_kit *kit);
void bm_swarm_device_kit_freep(bm_swarm_kit **kit);

/* Which of all devices are bad, and how: `share` of a thousand, spread evenly, each kind in turn. */
bm_swarm_badness bm_swarm_device_badness(size_t index, unsigned share);

/* The code with which such a device is refused; BM_OK for a good one. */
bm_code bm_swarm_device_expected(bm_swarm_badness bad);

/*
 * Takes up a device of the fleet: `body` is its getChallenge. `device` is zero, or one that was used before, whose memory is used again.
 * BM_E_IO: its record is damaged.
 */
BM_RESULT bm_swarm_device_prepare(bm_swarm_kit *kit, size_t index, bm_swarm_badness bad, bm_swarm_device *device);

/* Frees what it owns. */
void bm_swarm_device_fini(bm_swarm_device *device);

/*
 * Opens the credential in the reply of getChallenge, as TPM2_ActivateCredential does: `body` is its getCertificate then. BM_E_SERVER_REPLY,
 * BM_E_CHALLENGE_FAILED: it was not made for this device.
 */
BM_RESULT bm_swarm_device_answer(bm_swarm_kit *kit, bm_swarm_device *device, bm_bytes reply);

/* Reads the reply of getCertificate; replaces `der` by the certificate. BM_E_SERVER_REPLY, also when it is for another key. */
BM_RESULT bm_swarm_device_take(const bm_swarm_device *device, bm_bytes reply, bm_buf *der);

#endif
