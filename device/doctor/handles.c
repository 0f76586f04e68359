#include "device/doctor/handles.h"

#include "device/identity/key_look.h"
#include "device/tpm/use.h"
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

static BM_RESULT find_persistent(bm_findings *findings, bm_tpm_context *tpm, bool needs_none)
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
    if (room == 0 && !needs_none)
        bm_findings_add(findings, BM_FINDING_WARNING, "persistent",
                        "NV memory has no room for another key: enroll keeps the identity key in device.key alone; to have it at a handle, remove "
                        "one that is not needed (tpm2_evictcontrol); there are %.*s",
                        (int)list.size, (const char *)list.data);
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

/* The key of device.key alone is not at the handle, whatever is there. */
static void find_filed(bm_findings *findings, const bm_doctor_options *options, const bm_key_look *look, bool tried)
{
    if (!tried)
        bm_findings_add(findings, BM_FINDING_OK, "handle",
                        "none is used: the identity key is in %s/device.key alone, which was not tried, because it needs the owner's value", options->state);
    else if (look->ik.key.type != BM_KEY_NONE)
        bm_findings_add(findings, BM_FINDING_OK, "handle", "none is used: the identity key, %s, is in %s/device.key alone, and this TPM loads it",
                        bm_pubkey_type_name(look->ik.key.type), options->state);
    else
        bm_findings_add(findings, BM_FINDING_WARNING, "handle",
                        "none is used: the identity key is in %s/device.key alone, and this TPM does not load it: it was cleared, or is another one. "
                        "Enroll makes a new one",
                        options->state);
}

static BM_RESULT find_guard(bm_findings *findings, const bm_tpm_ik *ik)
{
    BM_AUTO_BUF pcrs = BM_BUF_EMPTY;
    bool holds;

    if (ik->kind.has_auth)
        bm_findings_add(findings, BM_FINDING_OK, "key-auth", "the identity key has an authorisation value, for --key-auth; it is not tried");
    if (ik->kind.pcrs.mask == 0)
        return bm_ok();
    BM_TRY(bm_tpm_pcrs_put(&pcrs, &ik->kind.pcrs));
    BM_TRY(bm_tpm_use_holds(ik, &holds));
    if (holds)
        bm_findings_add(findings, BM_FINDING_OK, "key-policy", "the PCRs %.*s are what they were when the identity key was made", (int)pcrs.size,
                        (const char *)pcrs.data);
    else
        bm_findings_add(findings, BM_FINDING_PROBLEM, "key-policy",
                        "the PCRs %.*s have changed since the identity key was made, so that it cannot be used: boot what was there before, or make a "
                        "new key with 'birthmark enroll --renew'",
                        (int)pcrs.size, (const char *)pcrs.data);
    return bm_ok();
}

/* A file is loaded under the owner's storage key, and the owner's value is not tried. A directory that cannot be read is another finding. */
static BM_RESULT find_key(bm_tpm_context *tpm, const bm_doctor_options *options, bm_key_look *look, bool *tried)
{
    const bm_tpm_auth_value *owner = &tpm->auth[BM_TPM_OWNER];
    bm_result result = bm_key_look_read(options->state, look);

    if (result.code != BM_E_IO)
        BM_TRY(result);
    *tried = !look->in_file || (!owner->withheld && owner->value.size == 0);
    if (!*tried)
        return bm_ok();
    return bm_key_look_find(tpm, options->handle, look);
}

BM_RESULT bm_doctor_handles_find(bm_findings *findings, bm_tpm_context *tpm, const bm_doctor_options *options,
                                 bm_pubkey *ik)
{
    BM_AUTO(bm_key_look_fini) bm_key_look look = {.has_file = false};
    bool tried = false;
    bm_result result = find_key(tpm, options, &look, &tried);
    bool taken = result.code == BM_E_TPM_HANDLE_TAKEN || look.ik.key.type != BM_KEY_NONE;

    *ik = look.ik.key;
    if (result.code != BM_E_TPM_HANDLE_TAKEN)
        BM_TRY(result);
    BM_TRY(find_guard(findings, &look.ik));
    /* A handle that is open must not be opened again. */
    bm_tpm_ik_fini(&look.ik);
    look.ik.key = *ik;
    BM_TRY(find_persistent(findings, tpm, taken || look.in_file));
    if (look.in_file)
        find_filed(findings, options, &look, tried);
    else if (result.code == BM_E_TPM_HANDLE_TAKEN)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "handle", "0x%08x holds a key of another program: give another --handle", options->handle);
    else if (taken)
        bm_findings_add(findings, BM_FINDING_OK, "handle", "0x%08x holds an identity key, %s", options->handle, bm_pubkey_type_name(ik->type));
    else
        bm_findings_add(findings, BM_FINDING_OK, "handle", "0x%08x is free for the identity key", options->handle);
    return find_nv(findings, tpm);
}
