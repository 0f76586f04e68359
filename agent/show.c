#include "agent/show.h"

#include "agent/enrolment.h"
#include "agent/offer.h"
#include "agent/tpm_auth.h"
#include "agent/tpm_ek.h"
#include "agent/tpm_ik.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static BM_RESULT print_key(const bm_pubkey *key)
{
    uint8_t digest[BM_SHA256_SIZE];
    char hash[2 * BM_SHA256_SIZE + 1];

    BM_TRY(bm_pubkey_spki_sha256(key, digest));
    bm_text_hex(BM_BYTES_ARRAY(digest), hash);
    (void)printf("  key            %s, SHA-256 of its SubjectPublicKeyInfo %s\n", bm_pubkey_type_name(key->type), hash);
    return bm_ok();
}

static void print_dates(int64_t from, int64_t to)
{
    char not_before[BM_TIME_TEXT_SIZE];
    char not_after[BM_TIME_TEXT_SIZE];

    bm_text_time(from, not_before);
    bm_text_time(to, not_after);
    (void)printf("  valid          %s to %s\n", not_before, not_after);
}

static BM_RESULT print_certificate(const bm_ekc *ekc)
{
    bm_ekc_info info;

    BM_TRY(bm_ekc_describe(ekc, &info));
    BM_TRY(print_key(bm_ekc_key(ekc)));
    (void)printf("  subject        %s\n", info.subject);
    if (info.manufacturer[0] != 0 && strstr(info.subject, "tpmManufacturer") == NULL)
        (void)printf("  TPM            %s %s, version %s\n", info.manufacturer, info.model, info.version);
    (void)printf("  issuer         %s\n", info.issuer);
    print_dates(info.not_before, info.not_after);
    return bm_ok();
}

/* The persistent handles that hold an EK of this template with this key. */
static BM_RESULT print_persistent(bm_tpm_context *tpm, const bm_tpm_handles *persistent, const bm_ek_template *row, const bm_pubkey *key)
{
    for (size_t i = 0; i < persistent->count; i++) {
        BM_TPM_AUTO_OBJECT object = BM_TPM_OBJECT_EMPTY;
        BM_AUTO_BUF area = BM_BUF_EMPTY;
        bm_tpm_public parsed;
        bool found;

        BM_TRY(bm_tpm_object_open(tpm, persistent->handle[i], &object, &area, &found));
        if (found && bm_tpm_public_parse(bm_buf_view(&area), &parsed).code == BM_OK &&
            bm_template_match_ek(&parsed) == row && bm_pubkey_equal(&parsed.key, key))
            (void)printf("  persistent     0x%08x\n", persistent->handle[i]);
    }
    return bm_ok();
}

static BM_RESULT show_certified(bm_tpm_context *tpm, const bm_tpm_handles *indices, unsigned *shown)
{
    bm_tpm_handles persistent;

    BM_TRY(bm_tpm_context_handles(tpm, BM_TPM_EK_PERSISTENT_FIRST, BM_TPM_EK_PERSISTENT_LAST, &persistent));
    for (unsigned id = 0; id < BM_EK_TEMPLATE_COUNT; id++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)id);
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        bm_result result = bm_tpm_ek_certificate(tpm, indices, row, &ekc);

        if (result.code == BM_OK && ekc == NULL)
            continue;
        (void)printf("endorsement key %s, certificate at NV index 0x%08x%s\n", row->label, row->certificate_index,
                     *shown == 0 && ekc != NULL ? " (the first that enroll offers)" : "");
        *shown += 1;
        if (result.code == BM_E_EKC_MALFORMED)
            (void)printf("  what is there is no certificate\n");
        else
            BM_TRY(result);
        if (ekc != NULL) {
            BM_TRY(print_certificate(ekc));
            BM_TRY(print_persistent(tpm, &persistent, row, bm_ekc_key(ekc)));
        }
    }
    return bm_ok();
}

static BM_RESULT show_eks(bm_tpm_context *tpm)
{
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    BM_AUTO_BUF add = BM_BUF_EMPTY;
    bm_tpm_handles indices;
    unsigned shown = 0;

    BM_TRY(bm_tpm_ek_indices(tpm, &indices));
    BM_TRY(show_certified(tpm, &indices, &shown));
    if (shown == 0) {
        BM_TRY(bm_tpm_ek_find(tpm, &indices, &ek));
        (void)printf("endorsement key %s, without a certificate\n", ek.row->label);
        BM_TRY(print_key(&ek.key));
        BM_TRY(bm_offer_put_add(&add, NULL, &ek.key));
        (void)printf("  to list it     %.*s\n", (int)add.size, (const char *)add.data);
        return bm_ok();
    }
    BM_TRY(bm_tpm_ek_read_chain(tpm, &indices, &ek));
    (void)printf("EK certificate chain on the chip\n  certificates   %zu\n", ek.chain_count);
    return bm_ok();
}

static BM_RESULT show_ik(bm_tpm_context *tpm, uint32_t handle, bm_tpm_ik *ik)
{
    bm_result result = bm_tpm_ik_open(tpm, handle, ik);

    (void)printf("identity key at 0x%08x\n", handle);
    if (result.code == BM_E_TPM_HANDLE_TAKEN) {
        (void)printf("  the handle holds another kind of key\n");
        return bm_ok();
    }
    BM_TRY(result);
    if (ik->key.type == BM_KEY_NONE) {
        (void)printf("  none: run 'birthmark enroll'\n");
        return bm_ok();
    }
    return print_key(&ik->key);
}

static BM_RESULT show_identity(const char *path, const bm_tpm_ik *ik)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state state;
    char renew[BM_TIME_TEXT_SIZE];

    BM_TRY(bm_identity_open_to_read(path, &identity));
    BM_TRY(bm_identity_look(&identity, &state));
    (void)printf("identity in %s\n", path);
    if (state.key.type == BM_KEY_NONE) {
        (void)printf("  no certificate: run 'birthmark enroll'\n");
        return bm_ok();
    }
    bm_text_time(state.renew_after, renew);
    (void)printf("  subject        %s\n  issuer         %s\n", state.info.subject, state.info.issuer);
    print_dates(state.info.not_before, state.info.not_after);
    (void)printf("  renew after    %s\n", renew);
    (void)printf("  for the key    %s\n", bm_pubkey_equal(&state.key, &ik->key) ? "at the handle" : "of another handle, or none");
    return bm_ok();
}

BM_RESULT bm_show(const bm_options *options)
{
    BM_AUTO(bm_tpm_auth_fini) bm_tpm_auth auth = {0};
    BM_AUTO(bm_tpm_context_close) bm_tpm_context tpm = {0};
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik ik = {0};

    BM_TRY(bm_tpm_auth_read(options->auth, &auth));
    BM_TRY(bm_tpm_context_open(options->tcti, &tpm));
    bm_tpm_auth_use(&tpm, &auth);
    BM_TRY(show_eks(&tpm));
    BM_TRY(show_ik(&tpm, bm_enrolment_read_handle(options), &ik));
    return show_identity(options->state, &ik);
}
