/*
 * The session in which commands go over the wires to the TPM (TPM 2.0 Part 1, 19): its HMAC shows what was changed, authorisation values prove
 * themselves by it and are not sent, and the first parameter can be encrypted both ways (AES-128-CFB). Salted to the EK, it is open to
 * whoever has that key and to nobody else; without a salt it is as strong as the authorisation value that keys it.
 */
#ifndef BM_DEVICE_TPM_SESSION_H
#define BM_DEVICE_TPM_SESSION_H

#include "device/tpm/object.h"

/* What the session does for a command besides its HMAC; only a first parameter that is a TPM2B can be encrypted. May be combined. */
#define BM_TPM_SEAL_NOTHING 0u
#define BM_TPM_SEAL_COMMAND 1u
#define BM_TPM_SEAL_RESPONSE 2u
#define BM_TPM_SEAL_BOTH 3u
#define BM_TPM_SEAL_LAST 4u /* the TPM ends the session with this command: bm_tpm_session_spent when it succeeded */

/*
 * Starts a session that is salted to a key, in the place of the one that is there. `public_area` (TPM2B_PUBLIC) is what was compared with the
 * key's certificate, and must be what ESYS will encrypt the salt to. BM_E_EK_MISMATCH: it is not; BM_E_TPM...
 */
BM_RESULT bm_tpm_session_salt(bm_tpm_context *context, const bm_tpm_object *key, bm_bytes public_area);

/* Starts a session without a salt when there is none: for an authorisation value that is needed before any key is known. BM_E_TPM... */
BM_RESULT bm_tpm_session_need(bm_tpm_context *context);

/* Is the session salted to this key? */
bool bm_tpm_session_is_salted_to(const bm_tpm_context *context, const bm_tpm_object *key);

/* Flushes the session, if there is one. */
void bm_tpm_session_end(bm_tpm_context *context);

/* The TPM has ended the session itself (BM_TPM_SEAL_LAST). */
void bm_tpm_session_spent(bm_tpm_context *context);

/*
 * Overwrites what the session keeps of the authorisation value that it last proved. ESYS holds the object `authorised` (a hierarchy) with another value
 * afterwards. Sends nothing.
 */
void bm_tpm_session_forget(bm_tpm_context *context, ESYS_TR authorised);

/* The session, made ready for one command (BM_TPM_SEAL_...). There must be one. */
ESYS_TR bm_tpm_session_ready(bm_tpm_context *context, unsigned seal);

/* The same when it is salted, or else `otherwise`: ESYS_TR_PASSWORD for an empty value, ESYS_TR_NONE where none is needed. */
ESYS_TR bm_tpm_session_or(bm_tpm_context *context, unsigned seal, ESYS_TR otherwise);

#endif
