/*
 * TPM2_MakeCredential in software (TPM 2.0 Part 1, 24; Part 3, 12.6), and its opposite for tests and load generators.
 */
#ifndef BM_TPM_CREDENTIAL_H
#define BM_TPM_CREDENTIAL_H

#include "crypto/pkey.h"
#include "tpm/public.h"

/*
 * Makes a credential that only the TPM with this EK and an object of this Name can open. `ek` is a parsed EK with AES-CFB parameters;
 * `ek_key` is its key as bm_pkey_from_public gave it. Appends a TPM2B_ID_OBJECT and a TPM2B_ENCRYPTED_SECRET.
 * BM_E_MALFORMED: secret empty or longer than the digest of the EK's nameAlg, or the EK has no AES-CFB. BM_E_INTERNAL.
 */
BM_RESULT bm_credential_make(const bm_tpm_public *ek, const bm_pkey *ek_key, bm_bytes name, bm_bytes secret, bm_buf *id_object,
                             bm_buf *encrypted_secret);

/* The same for an ECC EK with the ephemeral key given (vectors and the leading-zero cases). */
BM_RESULT bm_credential_make_with(const bm_tpm_public *ek, const bm_pkey *ek_key, const bm_pkey *ephemeral, bm_bytes name,
                                  bm_bytes secret, bm_buf *id_object, bm_buf *encrypted_secret);

/*
 * What TPM2_ActivateCredential does, with the EK's private key in software: for tests and the load tool. Appends the secret.
 * BM_E_MALFORMED: not these structures, or the integrity is wrong (another EK, another Name, changed bytes).
 */
BM_RESULT bm_credential_open(const bm_tpm_public *ek, const bm_pkey *ek_private, bm_bytes name, bm_bytes id_object,
                             bm_bytes encrypted_secret, bm_buf *secret);

/*
 * The same with the seed given, for who recovers it from the encrypted secret by arithmetic of his own (the load tool, whose EKs are no
 * bm_pkey). BM_E_MALFORMED, also when the seed is not of the size of the EK's nameAlg.
 */
BM_RESULT bm_credential_open_with(const bm_tpm_public *ek, bm_bytes seed, bm_bytes name, bm_bytes id_object, bm_buf *secret);

#endif
