#include "device/doctor/server.h"

#include "device/exchange/exchange.h"
#include "device/exchange/offer.h"
#include "device/tpm/ik.h"
#include "x509/csr.h"

#include <stdio.h>
#include <string.h>

/* What the request asks for when there is no --serial; nobody gets it. */
#define NOBODY "birthmark-doctor"

/* An identity key as enroll makes them, but a primary of the NULL hierarchy: it needs no authorisation, and goes with the next reset. */
static BM_RESULT make_ik(bm_tpm_context *tpm, bm_tpm_ik *ik)
{
    static const bm_key_type types[] = {BM_KEY_ECC256, BM_KEY_RSA2048};
    bm_result result = bm_fail(BM_E_INTERNAL, "no type of key");
    bm_tpm_public parsed;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        BM_AUTO_BUF template = BM_BUF_EMPTY;

        bm_tpm_ik_fini(ik);
        BM_TRY(bm_template_put_ik_input(&template, types[i]));
        result = bm_tpm_object_create_primary(tpm, BM_TPM_NULL, bm_buf_view(&template), &ik->object, &ik->public_area);
        if (result.code != BM_E_TPM)
            break;
    }
    BM_TRY(result);
    BM_TRY(bm_tpm_public_parse(bm_buf_view(&ik->public_area), &parsed));
    ik->key = parsed.key;
    return bm_ok();
}

static BM_RESULT make_request(const bm_doctor_options *options, bm_tpm_ik *ik, const bm_doctor_eks *eks, bm_request *request)
{
    const char *serial = options->serial == NULL ? NOBODY : options->serial;

    BM_TRY(bm_csr_build(serial, &ik->key, bm_pkey_default_sig(ik->key.type), bm_tpm_ik_sign, ik, &request->csr));
    BM_TRY(bm_buf_put(&request->ik_public, bm_buf_view(&ik->public_area)));
    for (size_t i = 0; i < eks->chain_count; i++)
        BM_TRY(bm_buf_put(&request->ek_chain[i], bm_buf_view(&eks->chain[i])));
    request->ek_chain_count = eks->chain_count;
    (void)snprintf(request->profile, sizeof(request->profile), "%s", options->profile);
    return bm_ok();
}

static BM_RESULT ask(bm_exchange *exchange, const bm_doctor_offer *offer, bm_request *request)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    bm_buf_clear(&request->ek_public);
    bm_buf_clear(&request->ek_certificate);
    BM_TRY(bm_buf_put(&request->ek_public, bm_buf_view(&offer->public_area)));
    BM_TRY(bm_buf_put(&request->ek_certificate, bm_buf_view(&offer->certificate)));
    if (offer->certificate.size == 0)
        request->ek_chain_count = 0;
    return bm_exchange_call(exchange, BM_CALL_CHALLENGE, request, &body);
}

static const char *profile_name(const bm_doctor_options *options)
{
    return options->profile[0] == 0 ? "default" : options->profile;
}

/* The serial that nobody gets was not the point. */
static bool is_about_identity(bm_code refusal)
{
    return refusal == BM_E_IDENTITY_MISMATCH || refusal == BM_E_IDENTITY_TAKEN;
}

/* The finding of the last answer. */
static BM_RESULT conclude(bm_findings *findings, const bm_doctor_options *options, const bm_doctor_offer *offer, bm_code refusal, bm_result result)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;

    if (result.code == BM_OK) {
        bm_findings_add(findings, BM_FINDING_OK, "profile", "%s takes EK %s%s%s", profile_name(options), offer->row->label,
                        options->serial == NULL ? "" : " for ", options->serial == NULL ? "" : options->serial);
        return bm_ok();
    }
    if (result.code == BM_E_SERVER_REFUSED && is_about_identity(refusal) && options->serial == NULL) {
        bm_findings_add(findings, BM_FINDING_OK, "profile", "%s takes EK %s, for the serial that is its own alone (--serial asks for one)",
                        profile_name(options), offer->row->label);
        return bm_ok();
    }
    if (result.code != BM_E_SERVER_REFUSED)
        return bm_findings_add_failure(findings, "profile", result);
    if (bm_offer_is_about_inventory(refusal))
        BM_TRY(bm_offer_put_add(&line, options->serial, &offer->key));
    bm_findings_add(findings, BM_FINDING_PROBLEM, "profile", "%s does not take EK %s: %s%s%.*s%s", profile_name(options), offer->row->label,
                    result.detail, line.size > 0 ? " ('" : "", (int)line.size, (const char *)line.data, line.size > 0 ? "')" : "");
    return bm_ok();
}

static BM_RESULT find_profile(bm_findings *findings, const bm_doctor_options *options, bm_tpm_context *tpm, const bm_doctor_eks *eks,
                              bm_exchange *exchange)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik ik = {0};
    BM_AUTO(bm_request_fini) bm_request request = {.csr = BM_BUF_EMPTY};
    bm_code refusal = BM_OK;
    bm_result result;
    const bm_doctor_offer *offer = eks->bound != NULL ? eks->bound : eks->offer;
    const bm_doctor_offer *last = eks->bound != NULL ? eks->bound : eks->offer + eks->count - 1;

    BM_TRY(make_ik(tpm, &ik));
    BM_TRY(make_request(options, &ik, eks, &request));
    for (;; offer++) {
        result = ask(exchange, offer, &request);
        if (result.code != BM_E_SERVER_REFUSED)
            break;
        refusal = bm_exchange_refusal(exchange);
        if (!bm_offer_is_about_ek(refusal) || offer == last)
            break;
    }
    return conclude(findings, options, offer, refusal, result);
}

BM_RESULT bm_doctor_server_find(bm_findings *findings, const bm_doctor_options *options, bm_tpm_context *tpm,
                                const bm_doctor_eks *eks)
{
    BM_AUTO(bm_exchange_freep) bm_exchange *exchange = NULL;
    bm_result result;

    if (options->server == NULL)
        return bm_ok();
    result = bm_exchange_new(options->server, options->ca, &exchange);
    if (result.code == BM_OK)
        result = bm_exchange_look(exchange);
    if (result.code != BM_OK)
        return bm_findings_add_failure(findings, "server", result);
    if (strncmp(options->server, "https://", 8) == 0)
        bm_findings_add(findings, BM_FINDING_OK, "server", "%s answers and is well, and %s verifies its certificate", options->server, options->ca);
    else
        bm_findings_add(findings, BM_FINDING_WARNING, "server", "%s answers and is well, but without TLS: anybody can read the exchange",
                        options->server);
    if (tpm->esys == NULL || eks->count == 0) {
        bm_findings_add(findings, BM_FINDING_WARNING, "profile", "not asked, since there is no EK to ask for");
        return bm_ok();
    }
    return find_profile(findings, options, tpm, eks, exchange);
}
