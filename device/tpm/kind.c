#include "device/tpm/kind.h"

#include "device/talk/secret.h"

bool bm_tpm_kind_equal(const bm_tpm_kind *one, const bm_tpm_kind *other)
{
    return one->parent == other->parent && one->has_auth == other->has_auth && bm_tpm_pcrs_equal(&one->pcrs, &other->pcrs);
}

BM_RESULT bm_tpm_kind_put(bm_buf *out, const bm_tpm_kind *kind)
{
    BM_TRY(bm_buf_put_str(out, kind->parent == BM_TPM_ENDORSEMENT ? "endorsement hierarchy" : "owner hierarchy"));
    if (kind->has_auth)
        BM_TRY(bm_buf_put_str(out, ", with an authorisation value"));
    if (kind->pcrs.mask == 0)
        return bm_ok();
    BM_TRY(bm_buf_put_str(out, ", PCRs "));
    return bm_tpm_pcrs_put(out, &kind->pcrs);
}

BM_RESULT bm_tpm_kind_check_given(const bm_tpm_kind *kind, const char *state)
{
    if (kind->has_auth && kind->auth.size == 0)
        return bm_failf(BM_E_TPM_AUTH, "the identity key of %s has an authorisation value: give it with --key-auth file:PATH or env:NAME", state);
    if (!kind->has_auth && kind->auth.size > 0)
        return bm_failf(BM_E_TPM_AUTH, "the identity key of %s has no authorisation value: leave --key-auth out", state);
    return bm_ok();
}

BM_RESULT bm_tpm_kind_read_auth(const char *source, bm_buf *auth)
{
    BM_TRY(bm_secret_read("--key-auth", source, auth));
    if (auth->size > BM_TPM_KIND_AUTH_MAX)
        return bm_failf(BM_E_USAGE, "the value that --key-auth names is longer than %d bytes, which a key does not take: choose a shorter one",
                        BM_TPM_KIND_AUTH_MAX);
    return bm_ok();
}
