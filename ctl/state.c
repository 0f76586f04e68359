#include "ctl/state.h"

#include "ctl/files.h"

BM_RESULT bm_ctl_state_open(const bm_ctl *ctl, bm_store **store)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    bm_result result;

    BM_TRY(bm_ctl_files_path(&path, ctl->state, BM_STATE_DATABASE));
    result = bm_store_open((const char *)path.data, false, store);
    if (result.code == BM_E_STORE_NOT_FOUND)
        return bm_failf(BM_E_STORE_NOT_FOUND, "there is no CA in %s: name its directory with --state, or make one with birthmarkctl init",
                        ctl->state);
    return result;
}

BM_RESULT bm_ctl_state_change(const bm_ctl *ctl, bm_ctl_state_act act, void *context)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    bm_result result;

    BM_TRY(bm_ctl_state_open(ctl, &store));
    BM_TRY(bm_store_begin(store));
    result = act(store, context);
    if (result.code != BM_OK) {
        bm_store_rollback(store);
        return result;
    }
    return bm_store_commit(store);
}

bool bm_ctl_state_begins(const uint8_t sha256[BM_SHA256_SIZE], bm_bytes digits)
{
    char hex[2 * BM_SHA256_SIZE + 1];

    bm_text_hex(bm_bytes_of(sha256, BM_SHA256_SIZE), hex);
    for (size_t i = 0; i < digits.size; i++) {
        uint8_t digit = digits.data[i];

        if (i >= (size_t)2 * BM_SHA256_SIZE || hex[i] != (char)(digit >= 'A' && digit <= 'F' ? digit + ('a' - 'A') : digit))
            return false;
    }
    return true;
}
