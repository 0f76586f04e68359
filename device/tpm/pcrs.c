#include "device/tpm/pcrs.h"

#include "device/tpm/session.h"

#include <string.h>

#define SELECT_SIZE 3 /* bytes of a selection: 24 registers */

static const struct {
    const char *name;
    bm_hash_alg bank;
} banks[] = {{"sha256:", BM_HASH_SHA256}, {"sha384:", BM_HASH_SHA384}, {"sha512:", BM_HASH_SHA512}};

/* A number below 24, as a person writes it. */
static bool take_number(const char **at, unsigned *number)
{
    const char *from = *at;

    *number = 0;
    while (**at >= '0' && **at <= '9' && *at - from < 2)
        *number = *number * 10 + (unsigned)(*(*at)++ - '0');
    return *at != from && *number < BM_TPM_PCRS_COUNT && (*from != '0' || *at - from == 1);
}

BM_RESULT bm_tpm_pcrs_parse(const char *text, bm_tpm_pcrs *pcrs)
{
    bm_tpm_pcrs parsed = {.bank = BM_HASH_NONE};
    const char *at = text;

    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (strncmp(text, banks[i].name, strlen(banks[i].name)) == 0) {
            parsed.bank = banks[i].bank;
            at = text + strlen(banks[i].name);
        }
    BM_CHECK(parsed.bank != BM_HASH_NONE, BM_E_MALFORMED, "no bank of registers");
    for (;;) {
        unsigned number;

        BM_CHECK(take_number(&at, &number) && (parsed.mask & 1u << number) == 0, BM_E_MALFORMED, "no register");
        parsed.mask |= 1u << number;
        if (*at == 0)
            break;
        BM_CHECK(*at == ',', BM_E_MALFORMED, "no list of registers");
        at++;
    }
    *pcrs = parsed;
    return bm_ok();
}

BM_RESULT bm_tpm_pcrs_put(bm_buf *out, const bm_tpm_pcrs *pcrs)
{
    const char *between = "";

    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (banks[i].bank == pcrs->bank)
            BM_TRY(bm_buf_put_str(out, banks[i].name));
    for (unsigned i = 0; i < BM_TPM_PCRS_COUNT; i++)
        if ((pcrs->mask & 1u << i) != 0) {
            BM_TRY(bm_buf_putf(out, "%s%u", between, i));
            between = ",";
        }
    return bm_ok();
}

bool bm_tpm_pcrs_equal(const bm_tpm_pcrs *one, const bm_tpm_pcrs *other)
{
    return one->mask == other->mask && (one->mask == 0 || one->bank == other->bank);
}

BM_RESULT bm_tpm_pcrs_put_parameters(bm_buf *out, const bm_tpm_pcrs *pcrs)
{
    BM_TRY(bm_buf_put_u16(out, 0)); /* pcrDigest: whatever they hold then */
    BM_TRY(bm_buf_put_u32(out, 1));
    BM_TRY(bm_buf_put_u16(out, bm_tpm_public_hash_id(pcrs->bank)));
    BM_TRY(bm_buf_put_u8(out, SELECT_SIZE));
    for (unsigned i = 0; i < SELECT_SIZE; i++)
        BM_TRY(bm_buf_put_u8(out, (uint8_t)(pcrs->mask >> 8 * i)));
    return bm_ok();
}

BM_RESULT bm_tpm_pcrs_parse_parameters(bm_bytes bytes, bm_tpm_pcrs *pcrs)
{
    bm_cursor cursor = bm_cursor_of(bytes);
    bm_tpm_pcrs parsed = {.bank = BM_HASH_NONE};
    uint16_t digest_size, bank;
    uint32_t count;
    uint8_t size;

    BM_TRY(bm_cursor_u16(&cursor, &digest_size));
    BM_TRY(bm_cursor_u32(&cursor, &count));
    BM_TRY(bm_cursor_u16(&cursor, &bank));
    BM_TRY(bm_cursor_u8(&cursor, &size));
    parsed.bank = bm_tpm_public_hash_of(bank);
    BM_CHECK(digest_size == 0 && count == 1 && parsed.bank != BM_HASH_NONE && size == SELECT_SIZE, BM_E_MALFORMED, "another selection of registers");
    for (unsigned i = 0; i < SELECT_SIZE; i++) {
        uint8_t bits;

        BM_TRY(bm_cursor_u8(&cursor, &bits));
        parsed.mask |= (uint32_t)bits << 8 * i;
    }
    BM_TRY(bm_cursor_end(&cursor));
    BM_CHECK(parsed.mask != 0, BM_E_MALFORMED, "a selection of no registers");
    *pcrs = parsed;
    return bm_ok();
}

static TPML_PCR_SELECTION selection_of(const bm_tpm_pcrs *pcrs)
{
    TPML_PCR_SELECTION made = {.count = 1};

    made.pcrSelections[0].hash = bm_tpm_public_hash_id(pcrs->bank);
    made.pcrSelections[0].sizeofSelect = SELECT_SIZE;
    for (unsigned i = 0; i < SELECT_SIZE; i++)
        made.pcrSelections[0].pcrSelect[i] = (BYTE)(pcrs->mask >> 8 * i);
    return made;
}

static bool has_all(const TPML_PCR_SELECTION *there, const bm_tpm_pcrs *pcrs)
{
    for (UINT32 i = 0; i < there->count && i < TPM2_NUM_PCR_BANKS; i++) {
        const TPMS_PCR_SELECTION *bank = &there->pcrSelections[i];
        uint32_t mask = 0;

        for (unsigned byte = 0; byte < SELECT_SIZE && byte < bank->sizeofSelect; byte++)
            mask |= (uint32_t)bank->pcrSelect[byte] << 8 * byte;
        if (bank->hash == bm_tpm_public_hash_id(pcrs->bank))
            return (pcrs->mask & ~mask) == 0;
    }
    return false;
}

BM_RESULT bm_tpm_pcrs_check(bm_tpm_context *context, const bm_tpm_pcrs *pcrs)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    bool there;

    BM_TPM_TRY(context, "TPM2_GetCapability",
               Esys_GetCapability(context->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_PCRS, 0, 1, &more, &data));
    there = data->capability == TPM2_CAP_PCRS && has_all(&data->data.assignedPCR, pcrs);
    Esys_Free(data);
    BM_CHECK(there, BM_E_USAGE, "this TPM does not have the registers of --pcrs: see 'tpm2_getcap pcrs' for its banks, and choose another");
    return bm_ok();
}

static BM_RESULT start(bm_tpm_context *context, bm_hash_alg name_alg, bm_tpm_object *session)
{
    const TPMT_SYM_DEF symmetric = {.algorithm = TPM2_ALG_NULL};
    ESYS_TR tr = ESYS_TR_NONE;

    BM_TPM_TRY(context, "TPM2_StartAuthSession",
               Esys_StartAuthSession(context->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                     TPM2_SE_POLICY, &symmetric, bm_tpm_public_hash_id(name_alg), &tr));
    BM_TRY(bm_tpm_object_adopt(session, context, tr, BM_TPM_OBJECT_SESSION));
    BM_TRY(bm_tpm_context_result("Esys_TR_GetTpmHandle", Esys_TR_GetTpmHandle(context->esys, tr, &context->policy_session)));
    return bm_tpm_context_result("Esys_TRSess_SetAttributes",
                                 Esys_TRSess_SetAttributes(context->esys, tr, 0, TPMA_SESSION_CONTINUESESSION));
}

BM_RESULT bm_tpm_pcrs_begin(bm_tpm_context *context, const bm_tpm_pcrs *pcrs, bm_hash_alg name_alg, bm_tpm_object *session)
{
    const TPML_PCR_SELECTION selection = selection_of(pcrs);
    const TPM2B_DIGEST as_they_are = {.size = 0};

    BM_TRY(start(context, name_alg, session));
    BM_TPM_TRY(context, "TPM2_PolicyPCR",
               Esys_PolicyPCR(context->esys, session->tr, bm_tpm_session_or(context, BM_TPM_SEAL_COMMAND, ESYS_TR_NONE), ESYS_TR_NONE,
                              ESYS_TR_NONE, &as_they_are, &selection));
    return bm_ok();
}

BM_RESULT bm_tpm_pcrs_put_policy(bm_tpm_context *context, const bm_tpm_pcrs *pcrs, bm_hash_alg name_alg, bm_buf *policy)
{
    BM_TPM_AUTO_OBJECT session = BM_TPM_OBJECT_EMPTY;
    TPM2B_DIGEST *digest = NULL;
    bm_result result;

    BM_TRY(bm_tpm_pcrs_begin(context, pcrs, name_alg, &session));
    BM_TPM_TRY(context, "TPM2_PolicyGetDigest",
               Esys_PolicyGetDigest(context->esys, session.tr, bm_tpm_session_or(context, BM_TPM_SEAL_RESPONSE, ESYS_TR_NONE), ESYS_TR_NONE,
                                    ESYS_TR_NONE, &digest));
    result = bm_buf_put(policy, bm_bytes_of(digest->buffer, digest->size));
    Esys_Free(digest);
    return result;
}
