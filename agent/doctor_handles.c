#include "agent/doctor_handles.h"

#include "agent/tpm_ik.h"
#include "tpm/template.h"

#define PERSISTENT_FIRST 0x81000000u
#define PERSISTENT_LAST 0x81FFFFFFu
#define NV_FIRST 0x01000000u
#define NV_LAST 0x01FFFFFFu
#define OWNER_LAST 0x017FFFFFu /* below are the owner's and makers' indices as well; the TCG's are above 0x01C00000 */
#define LISTED_MAX 12          /* handles that a line names */

/* Says in words what a persistent object is. */
static BM_RESULT put_kind(bm_buf *out, bm_bytes area)
{
    bm_tpm_public parsed;
    const bm_ek_template *row;

    if (bm_tpm_public_parse(area, &parsed).code != BM_OK)
        return bm_buf_put_str(out, "something else");
    row = bm_template_match_ek(&parsed);
    if (row != NULL)
        return bm_buf_putf(out, "EK %s", row->label);
    if (bm_tpm_ik_type_of(area) != BM_KEY_NONE)
        return bm_buf_putf(out, "identity key, %s", bm_pubkey_type_name(parsed.key.type));
    if ((parsed.attributes & (BM_TPMA_RESTRICTED | BM_TPMA_DECRYPT)) == (BM_TPMA_RESTRICTED | BM_TPMA_DECRYPT))
        return bm_buf_put_str(out, "storage key");
    return bm_buf_put_str(out, "another program's key");
}

static BM_RESULT put_handle(bm_tpm_context *tpm, uint32_t handle, bm_buf *out)
{
    BM_TPM_AUTO_OBJECT object = BM_TPM_OBJECT_EMPTY;
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    bool found;

    BM_TRY(bm_tpm_object_open(tpm, handle, &object, &area, &found));
    BM_TRY(bm_buf_putf(out, "%s0x%08x (", out->size > 0 ? ", " : "", handle));
    BM_TRY(put_kind(out, bm_buf_view(&area)));
    return bm_buf_put_str(out, ")");
}

static BM_RESULT find_persistent(bm_findings *findings, bm_tpm_context *tpm, bool handle_is_taken)
{
    BM_AUTO_BUF list = BM_BUF_EMPTY;
    bm_tpm_handles handles;
    uint32_t room;

    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_HR_PERSISTENT_AVAIL, &room));
    BM_TRY(bm_tpm_context_handles(tpm, PERSISTENT_FIRST, PERSISTENT_LAST, &handles));
    for (size_t i = 0; i < handles.count && i < LISTED_MAX; i++)
        BM_TRY(put_handle(tpm, handles.handle[i], &list));
    if (handles.count > LISTED_MAX)
        BM_TRY(bm_buf_putf(&list, " and %zu more", handles.count - LISTED_MAX));
    if (room == 0 && !handle_is_taken)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "persistent",
                        "NV memory has no room for another key: remove one that is not needed (tpm2_evictcontrol); there are %.*s", (int)list.size,
                        (const char *)list.data);
    else
        bm_findings_add(findings, BM_FINDING_OK, "persistent", "%zu keys, room for about %u more%s%.*s", handles.count, room,
                        handles.count > 0 ? ": " : "", (int)list.size, (const char *)list.data);
    return bm_ok();
}

static BM_RESULT find_nv(bm_findings *findings, bm_tpm_context *tpm)
{
    bm_tpm_handles indices;
    size_t tcg = 0;

    BM_TRY(bm_tpm_context_handles(tpm, NV_FIRST, NV_LAST, &indices));
    for (size_t i = 0; i < indices.count; i++)
        tcg += indices.handle[i] > OWNER_LAST;
    bm_findings_add(findings, BM_FINDING_OK, "nv", "%zu indices are defined, %zu of them the maker's; no TPM says how much room is left",
                    indices.count, tcg);
    return bm_ok();
}

BM_RESULT bm_doctor_handles_find(bm_findings *findings, bm_tpm_context *tpm, const bm_options *options, bm_pubkey *ik)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik at = {0};
    bm_result result = bm_tpm_ik_open(tpm, options->handle, &at);
    bool taken = result.code == BM_E_TPM_HANDLE_TAKEN || at.key.type != BM_KEY_NONE;

    *ik = at.key;
    if (result.code != BM_E_TPM_HANDLE_TAKEN)
        BM_TRY(result);
    bm_tpm_ik_fini(&at);
    BM_TRY(find_persistent(findings, tpm, taken));
    if (result.code == BM_E_TPM_HANDLE_TAKEN)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "handle", "0x%08x holds a key of another program: give another --handle", options->handle);
    else if (taken)
        bm_findings_add(findings, BM_FINDING_OK, "handle", "0x%08x holds an identity key, %s", options->handle, bm_pubkey_type_name(ik->type));
    else
        bm_findings_add(findings, BM_FINDING_OK, "handle", "0x%08x is free for the identity key", options->handle);
    return find_nv(findings, tpm);
}
