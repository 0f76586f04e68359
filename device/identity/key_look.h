/* The identity key as a command that only looks finds it: what the state directory says of it, and what the TPM has. */
#ifndef BM_DEVICE_IDENTITY_KEY_LOOK_H
#define BM_DEVICE_IDENTITY_KEY_LOOK_H

#include "device/identity/identity.h"
#include "device/tpm/ik.h"

/* Zero-initialise, end with bm_key_look_fini, which comes before the end of the TPM's context. */
typedef struct {
    bool has_file;       /* there is a device.key that can be read: the next three */
    bm_tpm_kind kind;
    bm_buf public_area;
    bm_buf private_area;
    bool in_file;        /* the key is in device.key alone */
    bool is_filed;       /* the key that was found is that of device.key */
    bm_tpm_ik ik;        /* the key, if it was found */
} bm_key_look;

/* Frees and flushes. For BM_AUTO. */
void bm_key_look_fini(bm_key_look *look);

/* Reads device.key and key.uri of a state directory; without one, nothing. BM_E_IO. */
BM_RESULT bm_key_look_read(const char *path, bm_key_look *look);

/*
 * Finds the key in the TPM: at the handle or, where it is in its file alone, by loading it; `ik.key` stays BM_KEY_NONE when there is none. Sends no value but
 * the owner's, where a file is loaded and the owner has one. BM_E_TPM_HANDLE_TAKEN; BM_E_TPM...
 */
BM_RESULT bm_key_look_find(bm_tpm_context *tpm, uint32_t handle, bm_key_look *look);

#endif
