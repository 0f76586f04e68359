#include "oracle.h"

#include <stdlib.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#define MOST_NONCES 20000

typedef struct {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
} device;

static void check(TSS2_RC rc, const char *what)
{
    if (rc != TSS2_RC_SUCCESS)
        oracle_die("%s: 0x%x", what, rc);
}

static void open_device(device *to)
{
    check(Tss2_TctiLdr_Initialize(getenv("TPM2TOOLS_TCTI"), &to->tcti), "TCTI");
    check(Esys_Initialize(&to->esys, to->tcti, NULL), "ESYS");
}

static void close_device(device *from)
{
    Esys_Finalize(&from->esys);
    Tss2_TctiLdr_Finalize(&from->tcti);
}

/* TPM2_CreatePrimary in the endorsement hierarchy from our bytes; appends the public area as libtss2-mu marshals it. */
static ESYS_TR create(device *tpm, bm_bytes input, bm_buf *area)
{
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION pcrs = {0};
    TPM2B_PUBLIC template = {0};
    TPM2B_PUBLIC *public = NULL;
    uint8_t bytes[sizeof(TPM2B_PUBLIC)];
    size_t size = 0;
    ESYS_TR made;

    check(Tss2_MU_TPM2B_PUBLIC_Unmarshal(input.data, input.size, &size, &template), "our template, unmarshalled");
    if (size != input.size)
        oracle_die("our template is longer than libtss2-mu thinks");
    check(Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template,
                             &outside, &pcrs, &made, &public, NULL, NULL, NULL),
          "TPM2_CreatePrimary");
    size = 0;
    check(Tss2_MU_TPM2B_PUBLIC_Marshal(public, bytes, sizeof(bytes), &size), "the TPM's public area, marshalled");
    bm_buf_clear(area);
    oracle_must(bm_buf_put(area, bm_bytes_of(bytes, size)), "memory");
    Esys_Free(public);
    return made;
}

static void check_name(device *tpm, ESYS_TR object, bm_bytes area)
{
    TPM2B_NAME *theirs = NULL;
    bm_tpm_public parsed;
    bm_tpm_name ours;

    oracle_must(bm_tpm_public_parse(area, &parsed), "the TPM's public area");
    oracle_must(bm_tpm_public_name(&parsed, &ours), "its Name");
    check(Esys_TR_GetName(tpm->esys, object, &theirs), "the Name that the TPM gave");
    oracle_same(bm_tpm_public_name_view(&ours), bm_bytes_of(theirs->name, theirs->size), "the Name");
    Esys_Free(theirs);
}

static void persist(device *tpm, ESYS_TR object, const char *handle)
{
    ESYS_TR kept = ESYS_TR_NONE;
    TPMI_DH_PERSISTENT at = (TPMI_DH_PERSISTENT)strtoul(handle, NULL, 16);

    check(Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, at, &kept),
          "TPM2_EvictControl");
    check(Esys_FlushContext(tpm->esys, object), "TPM2_FlushContext");
}

static void create_and_keep(bm_bytes input, const char *path, const char *handle)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    device tpm = {0};
    ESYS_TR object;

    open_device(&tpm);
    object = create(&tpm, input, &area);
    check_name(&tpm, object, bm_buf_view(&area));
    persist(&tpm, object, handle);
    close_device(&tpm);
    oracle_write(path, bm_buf_view(&area));
}

void oracle_create_ek(const char *label, const char *path, const char *handle)
{
    BM_AUTO_BUF input = BM_BUF_EMPTY;

    oracle_must(bm_template_put_ek_input(&input, oracle_row(label), bm_bytes_of(NULL, 0)), "an EK's template");
    create_and_keep(bm_buf_view(&input), path, handle);
}

void oracle_create_ik(const char *type, const char *path, const char *handle)
{
    BM_AUTO_BUF input = BM_BUF_EMPTY;

    oracle_must(bm_template_put_ik_input(&input, bm_pubkey_type_by_name(bm_bytes_str(type))), "an identity key's template");
    create_and_keep(bm_buf_view(&input), path, handle);
}

/* The EK's x begins with a zero byte, and the TPM kept it? */
static bool begins_with_zero(bm_bytes area)
{
    bm_tpm_public parsed;

    oracle_must(bm_tpm_public_parse(area, &parsed), "the TPM's public area");
    return parsed.key.x[0] == 0;
}

void oracle_create_zero_ek(const char *path, const char *handle)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    device tpm = {0};

    open_device(&tpm);
    for (unsigned i = 1; i < MOST_NONCES; i++) {
        const uint8_t nonce[] = {(uint8_t)(i >> 8), (uint8_t)i};
        BM_AUTO_BUF input = BM_BUF_EMPTY;
        ESYS_TR object;

        oracle_must(bm_template_put_ek_input(&input, bm_template_ek(BM_EK_L2), BM_BYTES_ARRAY(nonce)), "an EK's template");
        object = create(&tpm, bm_buf_view(&input), &area);
        if (begins_with_zero(bm_buf_view(&area))) {
            check_name(&tpm, object, bm_buf_view(&area));
            persist(&tpm, object, handle);
            close_device(&tpm);
            oracle_write(path, bm_buf_view(&area));
            return;
        }
        check(Esys_FlushContext(tpm.esys, object), "TPM2_FlushContext");
    }
    oracle_die("no EK with a leading zero in %d", MOST_NONCES);
}
