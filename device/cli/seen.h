/* What show looks at: the TPM and the state directory, in one struct that is printed as text or as an object. */
#ifndef BM_DEVICE_CLI_SEEN_H
#define BM_DEVICE_CLI_SEEN_H

#include "device/cli/options.h"
#include "device/identity/identity.h"
#include "device/tpm/ek.h"
#include "device/tpm/kind.h"

#define BM_SEEN_PERSISTENT_MAX 8

/* An EK template whose certificate index there is, or the EK of a TPM without certificates. */
typedef struct {
    const bm_ek_template *row;
    bool certified;  /* there is a certificate: `info` */
    bm_ekc_info info;
    bm_pubkey key;   /* BM_KEY_NONE: what is in the index is no certificate */
    uint32_t persistent[BM_SEEN_PERSISTENT_MAX];
    size_t persistent_count;
} bm_seen_ek;

/* All of it. */
typedef struct {
    bm_seen_ek ek[BM_EK_TEMPLATE_COUNT];
    size_t ek_count;
    bool certificates;  /* some index has something; else the one EK is what the TPM makes */
    size_t chain_count; /* CA certificates on the chip */
    uint32_t handle;    /* that was given, or that of the directory, or the default */
    bool handle_taken;  /* at the handle is another kind of key */
    bm_pubkey ik;       /* BM_KEY_NONE: none */
    bool has_file;      /* there is a device.key that can be read */
    bool in_file;       /* the identity key is in device.key alone */
    bool is_filed;      /* the key that was found is that of device.key: the next two */
    bm_tpm_kind kind;
    bool holds;         /* the registers of its policy are as they were when it was made */
    bm_identity_state identity;
} bm_seen;

/* Looks. BM_E_TPM..., BM_E_IO. */
BM_RESULT bm_seen_look(const bm_options *options, bm_seen *seen);

#endif
