#include "device/cli/show.h"

#include "base/text.h"
#include "device/cli/seen.h"
#include "device/cli/show_record.h"
#include "device/exchange/offer.h"
#include "device/talk/record.h"

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

static BM_RESULT print_certified(const bm_seen_ek *ek, bool first)
{
    (void)printf("endorsement key %s, certificate at NV index 0x%08x%s\n", ek->row->label, ek->row->certificate_index,
                 first && ek->certified ? " (the first that enroll offers)" : "");
    if (!ek->certified) {
        (void)printf("  what is there is no certificate\n");
        return bm_ok();
    }
    BM_TRY(print_key(&ek->key));
    (void)printf("  subject        %s\n", ek->info.subject);
    if (ek->info.manufacturer[0] != 0 && strstr(ek->info.subject, "tpmManufacturer") == NULL)
        (void)printf("  TPM            %s %s, version %s\n", ek->info.manufacturer, ek->info.model, ek->info.version);
    (void)printf("  issuer         %s\n", ek->info.issuer);
    print_dates(ek->info.not_before, ek->info.not_after);
    for (size_t i = 0; i < ek->persistent_count; i++)
        (void)printf("  persistent     0x%08x\n", ek->persistent[i]);
    return bm_ok();
}

static BM_RESULT print_eks(const bm_seen *seen)
{
    BM_AUTO_BUF add = BM_BUF_EMPTY;

    if (seen->certificates) {
        for (size_t i = 0; i < seen->ek_count; i++)
            BM_TRY(print_certified(&seen->ek[i], i == 0));
        (void)printf("EK certificate chain on the chip\n  certificates   %zu\n", seen->chain_count);
        return bm_ok();
    }
    (void)printf("endorsement key %s, without a certificate\n", seen->ek[0].row->label);
    BM_TRY(print_key(&seen->ek[0].key));
    BM_TRY(bm_offer_put_add(&add, NULL, &seen->ek[0].key));
    (void)printf("  to list it     %.*s\n", (int)add.size, (const char *)add.data);
    return bm_ok();
}

/* Where the key hangs, who may use it, and whether its registers allow that now. */
static BM_RESULT print_kind(const bm_seen *seen)
{
    BM_AUTO_BUF words = BM_BUF_EMPTY;

    BM_TRY(bm_tpm_kind_put(&words, &seen->kind));
    (void)printf("  of             %.*s\n", (int)words.size, (const char *)words.data);
    if (seen->kind.pcrs.mask != 0)
        (void)printf("  PCRs           %s\n",
                     seen->holds ? "as they were when the key was made" : "changed since the key was made: it cannot be used");
    return bm_ok();
}

static BM_RESULT print_ik(const bm_seen *seen, const bm_options *options)
{
    if (seen->in_file)
        (void)printf("identity key in %s/device.key\n", options->state);
    else
        (void)printf("identity key at 0x%08x\n", seen->handle);
    if (seen->handle_taken)
        (void)printf("  the handle holds another kind of key\n");
    else if (seen->ik.type == BM_KEY_NONE && seen->has_file && !seen->in_file)
        (void)printf("  none: 'birthmark enroll' puts the one of %s/device.key back, if this TPM still can\n", options->state);
    else if (seen->ik.type == BM_KEY_NONE)
        (void)printf("  none: run 'birthmark enroll'\n");
    else
        BM_TRY(print_key(&seen->ik));
    return seen->is_filed ? print_kind(seen) : bm_ok();
}

static void print_identity(const bm_seen *seen, const char *path)
{
    const bm_identity_state *state = &seen->identity;
    char renew[BM_TIME_TEXT_SIZE];

    (void)printf("identity in %s\n", path);
    if (state->key.type == BM_KEY_NONE) {
        (void)printf("  no certificate: run 'birthmark enroll'\n");
        return;
    }
    bm_text_time(state->renew_after, renew);
    (void)printf("  subject        %s\n  issuer         %s\n", state->info.subject, state->info.issuer);
    print_dates(state->info.not_before, state->info.not_after);
    (void)printf("  renew after    %s\n", renew);
    (void)printf("  for the key    %s\n",
                 !bm_pubkey_equal(&state->key, &seen->ik) ? "of another handle, or none" : seen->in_file ? "in device.key" : "at the handle");
}

BM_RESULT bm_show(const bm_options *options)
{
    BM_AUTO(bm_record_fini) bm_record record = {.more = false};
    bm_seen seen;

    BM_TRY(bm_seen_look(options, &seen));
    if (options->json) {
        BM_TRY(bm_show_record_put(&record, options, &seen));
        (void)printf("%.*s\n", (int)record.text.size, (const char *)record.text.data);
        return bm_ok();
    }
    BM_TRY(print_eks(&seen));
    BM_TRY(print_ik(&seen, options));
    print_identity(&seen, options->state);
    return bm_ok();
}
