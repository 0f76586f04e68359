#include "device/cli/show_record.h"

static BM_RESULT put_key(bm_record *record, const bm_pubkey *key)
{
    uint8_t digest[BM_SHA256_SIZE];

    BM_TRY(bm_pubkey_spki_sha256(key, digest));
    BM_TRY(bm_record_put_text(record, "key_type", bm_pubkey_type_name(key->type)));
    return bm_record_put_hex(record, "sha256", BM_BYTES_ARRAY(digest));
}

static BM_RESULT put_certificate(bm_record *record, const bm_ekc_info *info)
{
    BM_TRY(bm_record_put_text(record, "subject", info->subject));
    BM_TRY(bm_record_put_text(record, "issuer", info->issuer));
    BM_TRY(bm_record_put_time(record, "not_before", info->not_before));
    return bm_record_put_time(record, "not_after", info->not_after);
}

static BM_RESULT put_certified(bm_record *record, const bm_seen_ek *ek)
{
    BM_TRY(bm_record_put_handle(record, "nv_index", ek->row->certificate_index));
    if (!ek->certified)
        return bm_ok();
    BM_TRY(put_certificate(record, &ek->info));
    BM_TRY(bm_record_put_text(record, "manufacturer", ek->info.manufacturer));
    BM_TRY(bm_record_put_text(record, "model", ek->info.model));
    BM_TRY(bm_record_put_text(record, "version", ek->info.version));
    BM_TRY(bm_record_begin_array(record, "persistent"));
    for (size_t i = 0; i < ek->persistent_count; i++)
        BM_TRY(bm_record_put_handle(record, NULL, ek->persistent[i]));
    return bm_record_end_array(record);
}

static BM_RESULT put_ek(bm_record *record, const bm_seen *seen, const bm_seen_ek *ek)
{
    BM_TRY(bm_record_begin_object(record, NULL));
    BM_TRY(bm_record_put_text(record, "template", ek->row->label));
    BM_TRY(bm_record_put_flag(record, "certificate", ek->certified));
    if (ek->key.type != BM_KEY_NONE)
        BM_TRY(put_key(record, &ek->key));
    if (seen->certificates)
        BM_TRY(put_certified(record, ek));
    return bm_record_end_object(record);
}

static BM_RESULT put_ik(bm_record *record, const bm_seen *seen)
{
    BM_TRY(bm_record_begin_object(record, "identity_key"));
    if (!seen->in_file)
        BM_TRY(bm_record_put_handle(record, "handle", seen->handle));
    BM_TRY(bm_record_put_text(record, "state", seen->handle_taken ? "foreign" : seen->ik.type == BM_KEY_NONE ? "none" : "ours"));
    if (seen->ik.type != BM_KEY_NONE)
        BM_TRY(put_key(record, &seen->ik));
    return bm_record_end_object(record);
}

static BM_RESULT put_identity(bm_record *record, const bm_seen *seen, const char *path)
{
    const bm_identity_state *state = &seen->identity;
    char name[BM_IDENTITY_MAX + 1];

    BM_TRY(bm_record_begin_object(record, "identity"));
    BM_TRY(bm_record_put_text(record, "state_directory", path));
    BM_TRY(bm_record_put_flag(record, "certificate", state->key.type != BM_KEY_NONE));
    if (state->key.type != BM_KEY_NONE) {
        bm_identity_name(&state->info, name);
        BM_TRY(bm_record_put_text(record, "device", name));
        BM_TRY(put_certificate(record, &state->info));
        BM_TRY(bm_record_put_time(record, "renew_after", state->renew_after));
        BM_TRY(bm_record_put_flag(record, "key_at_handle", !seen->in_file && bm_pubkey_equal(&state->key, &seen->ik)));
    }
    if (state->has_ek)
        BM_TRY(bm_record_put_hex(record, "ek_sha256", BM_BYTES_ARRAY(state->ek)));
    return bm_record_end_object(record);
}

BM_RESULT bm_show_record_put(bm_record *record, const bm_options *options, const bm_seen *seen)
{
    BM_TRY(bm_record_begin_object(record, NULL));
    BM_TRY(bm_record_begin_array(record, "endorsement_keys"));
    for (size_t i = 0; i < seen->ek_count; i++)
        BM_TRY(put_ek(record, seen, &seen->ek[i]));
    BM_TRY(bm_record_end_array(record));
    BM_TRY(bm_record_put_number(record, "chain_certificates", (int64_t)seen->chain_count));
    BM_TRY(put_ik(record, seen));
    BM_TRY(put_identity(record, seen, options->state));
    return bm_record_end_object(record);
}
