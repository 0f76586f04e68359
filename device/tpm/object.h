/*
 * TPM objects with an owner in scope: what is transient or a session is flushed when it leaves it, what is persistent is let go of.
 * Public areas are handed around as TPM2B_PUBLIC bytes, which lib/tpm parses.
 */
#ifndef BM_DEVICE_TPM_OBJECT_H
#define BM_DEVICE_TPM_OBJECT_H

#include "device/tpm/context.h"
#include "tpm/public.h"

typedef enum { BM_TPM_OBJECT_NONE = 0, BM_TPM_OBJECT_TRANSIENT, BM_TPM_OBJECT_SESSION, BM_TPM_OBJECT_RESIDENT } bm_tpm_object_kind;

/* An object that the TPM knows; zero-initialise (BM_TPM_OBJECT_EMPTY), end with bm_tpm_object_fini. */
typedef struct {
    bm_tpm_context *context;
    ESYS_TR tr;
    bm_tpm_object_kind kind;
} bm_tpm_object;

#define BM_TPM_OBJECT_EMPTY ((bm_tpm_object){0})
#define BM_TPM_AUTO_OBJECT BM_AUTO(bm_tpm_object_fini) bm_tpm_object

/* Flushes what is transient or a session, closes what is resident (persistent, NV); leaves it empty. */
void bm_tpm_object_fini(bm_tpm_object *object);

/* The TPM has ended the session by itself; leaves it empty. */
void bm_tpm_object_spent(bm_tpm_object *session);

/* Takes what ESYS gave under an owner; flushes it at once when that fails (BM_E_INTERNAL). `object` must be empty. */
BM_RESULT bm_tpm_object_adopt(bm_tpm_object *object, bm_tpm_context *context, ESYS_TR tr, bm_tpm_object_kind kind);

/* Moves ownership; `from` is empty afterwards. */
void bm_tpm_object_move(bm_tpm_object *to, bm_tpm_object *from);

/* TPM2B_PUBLIC bytes as the TSS has them, and back; BM_E_MALFORMED and BM_E_INTERNAL. The second appends. */
BM_RESULT bm_tpm_object_public_of(bm_bytes bytes, TPM2B_PUBLIC *public_area);
BM_RESULT bm_tpm_object_put_public(bm_buf *out, const TPM2B_PUBLIC *public_area);

/*
 * TPM2_CreatePrimary of an object without an authorisation value, with this TPM2B_PUBLIC as template; appends the TPM2B_PUBLIC of what was
 * made to `public_area`. BM_E_TPM...
 */
BM_RESULT bm_tpm_object_create_primary(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, bm_bytes template, bm_tpm_object *object,
                                       bm_buf *public_area);

/* The same for an object with an authorisation value, which goes over the bus encrypted, in the salted session that there must be. */
BM_RESULT bm_tpm_object_create_guarded(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, bm_bytes template, bm_bytes auth, bm_tpm_object *object,
                                       bm_buf *public_area);

/* What TPM2_Create and TPM2_CreatePrimary take of a new object that is not public: its value. Secret: the caller wipes it. BM_E_INTERNAL: too long. */
BM_RESULT bm_tpm_object_sensitive_of(bm_bytes auth, TPM2B_SENSITIVE_CREATE *sensitive);

/* Wipes such a value where ESYS has it, after the command; `object` is what was made, if it was. Sends nothing. */
void bm_tpm_object_forget(bm_tpm_context *context, const bm_tpm_object *object);

/*
 * Opens what lies at a persistent handle and appends its TPM2B_PUBLIC to `public_area`; `found` is false, and nothing is opened, when
 * nothing is there. A handle that is open must not be opened again: ESYS has one object for it, which the first close ends. BM_E_TPM...
 */
BM_RESULT bm_tpm_object_open(bm_tpm_context *context, uint32_t handle, bm_tpm_object *object, bm_buf *public_area, bool *found);

/* TPM2_ReadPublic: appends the TPM2B_PUBLIC of an object that is open. BM_E_TPM... */
BM_RESULT bm_tpm_object_read_public(const bm_tpm_object *object, bm_buf *public_area);

/*
 * TPM2_EvictControl under the owner: makes a transient object persistent at a handle that is free. `resident` is what is there then. `full`: NV
 * memory has no room for it, and nothing was changed.
 */
BM_RESULT bm_tpm_object_persist(const bm_tpm_object *transient, uint32_t handle, bm_tpm_object *resident, bool *full);

/* TPM2_EvictControl under the owner: removes a persistent object; `resident` is empty afterwards. */
BM_RESULT bm_tpm_object_evict(bm_tpm_object *resident);

#endif
