/* TPM vendors' CAs, and the EK certificates that they sign, good and bad. */
#ifndef BM_ATTACKS_CA_H
#define BM_ATTACKS_CA_H

#include "tpm.h"

typedef struct {
    char name[ATK_NAME_MAX];
    EVP_PKEY *key;
    X509 *certificate;
} atk_ca;

void atk_ca_fini(atk_ca *ca);

/* Reads the CA of a name from a directory, NAME.key and NAME.pem; makes it, and writes it there, when it is not there yet. */
void atk_ca_open(const char *folder, const char *name, atk_ca *ca);

/* Makes a CA. `issuer` NULL: self-signed; `alike` (or NULL) is whose name it takes; `signer` (or NULL) signs in place of the issuer. */
void atk_ca_make(atk_line *line, const char *name, const atk_ca *issuer, const atk_ca *alike, const atk_ca *signer, atk_ca *ca);

/*
 * Makes the EK certificate of a TPM anew. `issuer` NULL: signed by the EK itself; `signer` (or NULL) signs in the issuer's place; `key` (or
 * NULL) is the TPM whose EK it is for. Options: README, "EK certificates".
 */
void atk_ca_certify(atk_line *line, atk_tpm *tpm, const atk_ca *issuer, const atk_ca *signer, const atk_tpm *key);

/*
 * Writes a CRL of a CA to a file (DER): it lists the EK certificate of a TPM, or, where that is NULL, the certificate of the CA `below`. Its number
 * is higher than that of any CRL before.
 */
void atk_ca_revoke(const atk_ca *ca, const atk_tpm *tpm, const atk_ca *below, const char *path);

/* Appends the DER of a CA's certificate. */
void atk_ca_der(const atk_ca *ca, bm_buf *out);

#endif
