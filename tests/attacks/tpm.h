/*
 * A TPM in software, and the request that its device makes. What a chip keeps to itself is here as plain keys; the fields of the request can be
 * changed one by one, which is what an attacker does.
 */
#ifndef BM_ATTACKS_TPM_H
#define BM_ATTACKS_TPM_H

#include "key.h"

#include "protocol/request.h"
#include "tpm/template.h"

#define ATK_NAME_MAX 96
#define ATK_CHAIN_MAX 12
#define ATK_EDITS_MAX 8

/* The fields that are bytes. */
typedef enum {
    ATK_CSR,
    ATK_IK_PUBLIC,
    ATK_EK_PUBLIC,
    ATK_EK_CERTIFICATE,
    ATK_CHALLENGE,
    ATK_TICKET,
    ATK_CREDENTIAL_BLOB, /* of the answer, as the next */
    ATK_ENCRYPTED_SECRET,
    ATK_FIELD_COUNT
} atk_field;

/* A change of the JSON: a member replaced or added, given once more, or left out. */
typedef struct {
    enum { ATK_EDIT_SET, ATK_EDIT_AGAIN, ATK_EDIT_DROP } kind;
    char name[ATK_NAME_MAX];
    bm_buf raw;
} atk_edit;

typedef struct {
    char name[ATK_NAME_MAX];
    char identity[ATK_NAME_MAX]; /* what it asks for, as in the file: with its escapes */
    char profile[ATK_NAME_MAX];  /* "" leaves it out */
    bm_ek_template_id ek_template;
    atk_key ek;
    atk_key ik;
    bm_buf field[ATK_FIELD_COUNT];
    bm_buf chain[ATK_CHAIN_MAX];
    size_t chain_count;
    atk_edit edits[ATK_EDITS_MAX];
    size_t edit_count;
    bm_buf body; /* when not empty: sent in place of all that */
    int64_t expires;
    bm_buf issued; /* DER of the last certificate */
} atk_tpm;

void atk_tpm_fini(atk_tpm *tpm);

/* The template of a label ("L-2"), and the kind of key that it has. */
bm_ek_template_id atk_tpm_template(const atk_line *line, const char *label);
const char *atk_tpm_template_kind(bm_ek_template_id id);

/* The field of a name ("ek_public", "ek_chain.0"). */
bm_buf *atk_tpm_field(const atk_line *line, atk_tpm *tpm, const char *name);

/* Makes the public area of the EK or the IK anew; the options change single fields (README, "Public areas"). */
void atk_tpm_put_ek(atk_line *line, atk_tpm *tpm);
void atk_tpm_put_ik(atk_line *line, atk_tpm *tpm);

/* Appends the body of a call. */
void atk_tpm_body(const atk_tpm *tpm, bm_call call, bm_buf *out);

/*
 * What TPM2_ActivateCredential does in the TPM `by` with an answer that `tpm` got: its EK, its IK. False when it refuses. The secret becomes
 * the ticket of `tpm`.
 */
bool atk_tpm_open(const atk_tpm *by, atk_tpm *tpm);

#endif
