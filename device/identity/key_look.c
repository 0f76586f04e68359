#include "device/identity/key_look.h"

#include "device/identity/key_file.h"

void bm_key_look_fini(bm_key_look *look)
{
    bm_tpm_ik_fini(&look->ik);
    bm_buf_fini(&look->public_area);
    bm_buf_fini(&look->private_area);
}

BM_RESULT bm_key_look_read(const char *path, bm_key_look *look)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state state;
    bm_result result;

    BM_TRY(bm_identity_open_to_read(path, &identity));
    if (identity.fd < 0)
        return bm_ok();
    BM_TRY(bm_identity_look(&identity, &state));
    look->in_file = state.in_file;
    result = bm_key_file_read(&identity, &look->kind, &look->public_area, &look->private_area);
    /* Another user's is not readable: the key is looked at without. */
    if (result.code != BM_E_IO)
        BM_TRY(result);
    look->has_file = look->public_area.size > 0;
    return bm_ok();
}

BM_RESULT bm_key_look_find(bm_tpm_context *tpm, uint32_t handle, bm_key_look *look)
{
    bool loaded;

    if (look->in_file) {
        if (look->has_file && look->kind.parent == BM_TPM_OWNER)
            BM_TRY(bm_tpm_ik_load(tpm, &look->kind, bm_buf_view(&look->public_area), bm_buf_view(&look->private_area), &look->ik, &loaded));
    } else {
        BM_TRY(bm_tpm_ik_open(tpm, handle, &look->ik));
    }
    look->is_filed = look->has_file && look->ik.key.type != BM_KEY_NONE &&
                     bm_bytes_equal(bm_buf_view(&look->ik.public_area), bm_buf_view(&look->public_area));
    if (look->is_filed)
        look->ik.kind = look->kind;
    return bm_ok();
}
