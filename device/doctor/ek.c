#include "device/doctor/ek.h"

#include "base/text.h"
#include "device/exchange/offer.h"
#include "tpm/weak.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What is looked at; `issuers` are those of the certificates, for the chain. */
typedef struct {
    bm_findings *findings;
    bm_tpm_context *tpm;
    bm_tpm_handles indices;
    bool may_make;
    unsigned certificates;
    bm_doctor_eks *eks;
    char issuer[BM_EK_TEMPLATE_COUNT][128];
} examination;

void bm_doctor_ek_fini(bm_doctor_eks *eks)
{
    for (size_t i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        bm_buf_fini(&eks->offer[i].public_area);
        bm_buf_fini(&eks->offer[i].certificate);
    }
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&eks->chain[i]);
    *eks = (bm_doctor_eks){0};
}

/* "ek-L-1" */
static void name_of(const bm_ek_template *row, char name[16])
{
    (void)snprintf(name, 16, "ek-%s", row->label);
}

static BM_RESULT add_offer(examination *e, const bm_ek_template *row, bm_bytes public_area, bm_bytes certificate, const bm_pubkey *key)
{
    bm_doctor_offer *offer = &e->eks->offer[e->eks->count];

    BM_CHECK(e->eks->count < BM_EK_TEMPLATE_COUNT, BM_E_INTERNAL, "more EKs than templates");
    BM_TRY(bm_buf_put(&offer->public_area, public_area));
    BM_TRY(bm_buf_put(&offer->certificate, certificate));
    offer->row = row;
    offer->key = *key;
    e->eks->count++;
    return bm_ok();
}

/* What is wrong with a certificate by itself; BM_OK when nothing is. */
static BM_RESULT judge(const bm_ek_template *row, const bm_ekc *ekc)
{
    BM_CHECK(bm_ekc_key(ekc)->type == row->key_type, BM_E_EK_TEMPLATE, "it is for a key of another type than the template's");
    BM_TRY(bm_weak_check(bm_ekc_key(ekc)));
    BM_TRY(bm_ekc_check_usage(ekc));
    return bm_ekc_check_validity(ekc, (int64_t)time(NULL));
}

static void say_good(const examination *e, const bm_ek_template *row, const bm_ekc_info *info, const char *compared)
{
    char name[16];
    char from[BM_TIME_TEXT_SIZE];
    char until[BM_TIME_TEXT_SIZE];

    name_of(row, name);
    bm_text_time(info->not_before, from);
    bm_text_time(info->not_after, until);
    bm_findings_add(e->findings, BM_FINDING_OK, name, "%s; certificate at NV index 0x%08x for %s, issued by %s, valid %s to %s; %s",
                    bm_pubkey_type_name(row->key_type), row->certificate_index, info->subject, info->issuer, from, until, compared);
}

/* The EK as it must be when the certificate is for it. */
static BM_RESULT believe(examination *e, const bm_ek_template *row, const bm_ekc *ekc, const bm_ekc_info *info)
{
    BM_AUTO_BUF rebuilt = BM_BUF_EMPTY;

    BM_TRY(bm_template_put_ek(&rebuilt, row, bm_ekc_key(ekc)));
    say_good(e, row, info, "not compared with this TPM's key, which needs the right --endorsement-auth");
    return add_offer(e, row, bm_buf_view(&rebuilt), bm_ekc_der(ekc), bm_ekc_key(ekc));
}

/* The key that this TPM makes is the certificate's; and what a server will see of it. */
static BM_RESULT compare(examination *e, const bm_ek_template *row, const bm_ekc *ekc, const bm_ekc_info *info)
{
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    char name[16];
    char compared[64];
    bm_result result = bm_fail(BM_E_TPM_AUTH, NULL);

    name_of(row, name);
    if (e->may_make)
        result = bm_tpm_ek_load(e->tpm, &e->indices, row, ekc, &ek);
    if (result.code == BM_E_TPM_AUTH) {
        e->may_make = false;
        return believe(e, row, ekc, info);
    }
    if (result.code == BM_E_TPM) {
        bm_findings_add(e->findings, BM_FINDING_WARNING, name,
                        "a certificate at NV index 0x%08x, for an EK that this TPM cannot make: enroll passes it over",
                        row->certificate_index);
        return bm_ok();
    }
    if (result.code == BM_E_EK_TEMPLATE || result.code == BM_E_MALFORMED) {
        bm_findings_add(e->findings, BM_FINDING_WARNING, name,
                        "the certificate at NV index 0x%08x is not for an EK of this TPM: enroll passes it over",
                        row->certificate_index);
        return bm_ok();
    }
    BM_TRY(result);
    if (ek.foreign) {
        bm_findings_add(e->findings, BM_FINDING_WARNING, name,
                        "the template at NV index 0x%08x is not %s of the TCG's EK Credential Profile: servers refuse this EK", row->template_index,
                        row->label);
    } else {
        (void)snprintf(compared, sizeof(compared), ek.handle != 0 ? "this TPM's key, persistent at 0x%08x" : "this TPM's key", ek.handle);
        say_good(e, row, info, compared);
    }
    return add_offer(e, row, bm_buf_view(&ek.public_area), bm_ekc_der(ekc), &ek.key);
}

static BM_RESULT examine_certificate(examination *e, const bm_ek_template *row, const bm_ekc *ekc)
{
    char name[16];
    bm_ekc_info info;
    bm_result result;

    name_of(row, name);
    BM_TRY(bm_ekc_describe(ekc, &info));
    (void)snprintf(e->issuer[row->id], sizeof(e->issuer[row->id]), "%s", info.issuer);
    if (info.not_before > e->eks->newest)
        e->eks->newest = info.not_before;
    result = judge(row, ekc);
    if (result.code == BM_E_NO_MEMORY || result.code == BM_E_INTERNAL)
        return result;
    if (result.code != BM_OK) {
        bm_findings_add(e->findings, BM_FINDING_WARNING, name, "the certificate at NV index 0x%08x for %s: servers refuse it, because: %s",
                        row->certificate_index, info.subject,
                        result.detail != NULL ? result.detail : bm_code_advice(result.code));
        return bm_ok();
    }
    return compare(e, row, ekc, &info);
}

static BM_RESULT examine(examination *e, const bm_ek_template *row)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    bm_result result = bm_tpm_ek_certificate(e->tpm, &e->indices, row, &ekc);
    char name[16];

    name_of(row, name);
    if (result.code == BM_OK && ekc != NULL) {
        e->certificates++;
        return examine_certificate(e, row, ekc);
    }
    if (result.code == BM_OK)
        bm_findings_add(e->findings, BM_FINDING_OK, name, "no certificate at NV index 0x%08x", row->certificate_index);
    else if (result.code == BM_E_EKC_MALFORMED)
        bm_findings_add(e->findings, BM_FINDING_WARNING, name, "what stands at NV index 0x%08x is no certificate: enroll passes it over",
                        row->certificate_index);
    else if (result.code == BM_E_TPM_AUTH || result.code == BM_E_TPM_RESPONSE)
        return bm_findings_add_failure(e->findings, name, result);
    else
        return result;
    return bm_ok();
}

static bool is_issuer(const examination *e, bm_bytes der)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ca = NULL;
    bm_ekc_info info;

    if (bm_ekc_parse(der, &ca).code != BM_OK || bm_ekc_describe(ca, &info).code != BM_OK)
        return false;
    for (size_t i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        if (e->issuer[i][0] != 0 && strcmp(e->issuer[i], info.subject) == 0)
            return true;
    return false;
}

static BM_RESULT examine_chain(examination *e)
{
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    bool there = false;
    bool issuer = false;

    for (size_t i = 0; i < e->indices.count; i++)
        there = there || (e->indices.handle[i] >= BM_TPM_EK_CHAIN_FIRST && e->indices.handle[i] <= BM_TPM_EK_CHAIN_LAST);
    BM_TRY(bm_tpm_ek_read_chain(e->tpm, &e->indices, &ek));
    for (size_t i = 0; i < ek.chain_count; i++) {
        issuer = issuer || is_issuer(e, bm_buf_view(&ek.chain[i]));
        bm_buf_move(&e->eks->chain[i], &ek.chain[i]);
    }
    e->eks->chain_count = ek.chain_count;
    if (ek.chain_count == 0 && there)
        bm_findings_add(e->findings, BM_FINDING_WARNING, "ek-chain", "what stands at 0x01c00100 to 0x01c001ff is no certificate: it is not sent");
    else if (ek.chain_count == 0)
        bm_findings_add(e->findings, BM_FINDING_OK, "ek-chain", "no CA certificates on the chip: the server must have the maker's");
    else if (!issuer && e->certificates > 0)
        bm_findings_add(e->findings, BM_FINDING_WARNING, "ek-chain", "%zu CA certificates on the chip, none of them the issuer of an EK certificate",
                        ek.chain_count);
    else
        bm_findings_add(e->findings, BM_FINDING_OK, "ek-chain", "%zu CA certificates on the chip are sent along", ek.chain_count);
    return bm_ok();
}

/* A chip without any certificate: the one EK that enroll offers. */
static BM_RESULT examine_bare(examination *e)
{
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    BM_AUTO_BUF line = BM_BUF_EMPTY;
    bm_result result;

    if (!e->may_make) {
        bm_findings_add(e->findings, BM_FINDING_WARNING, "ek",
                        "no EK certificate in this TPM, and its EK cannot be made without --endorsement-auth: a profile with trust = inventory "
                        "is needed");
        return bm_ok();
    }
    result = bm_tpm_ek_find(e->tpm, &e->indices, &ek);
    if (result.code == BM_E_TPM_NO_EKC || result.code == BM_E_EK_MISMATCH || result.code == BM_E_TPM)
        return bm_findings_add_failure(e->findings, "ek", result);
    BM_TRY(result);
    BM_TRY(bm_offer_put_add(&line, NULL, &ek.key));
    bm_findings_add(e->findings, BM_FINDING_WARNING, "ek",
                    "no EK certificate in this TPM: enroll offers EK %s without one, which only a profile with trust = inventory takes, after '%.*s'",
                    ek.row->label, (int)line.size, (const char *)line.data);
    return add_offer(e, ek.row, bm_buf_view(&ek.public_area), bm_bytes_of(NULL, 0), &ek.key);
}

/* Whose key protects what enroll says to the TPM. */
static void examine_bus(const examination *e)
{
    if (e->eks->count == 0)
        return;
    if (e->eks->offer[0].certificate.size > 0)
        bm_findings_add(e->findings, BM_FINDING_OK, "bus",
                        "enroll speaks to the TPM in a session for the key that the certificate of EK %s names; its issuer is the server's to judge",
                        e->eks->offer[0].row->label);
    else
        bm_findings_add(e->findings, BM_FINDING_WARNING, "bus",
                        "no certificate says that EK %s is this TPM's own: enroll --ek-sha256 names the right one, against somebody on the TPM's bus",
                        e->eks->offer[0].row->label);
}

static BM_RESULT conclude(examination *e)
{
    BM_AUTO_BUF order = BM_BUF_EMPTY;

    if (e->certificates == 0)
        return examine_bare(e);
    for (size_t i = 0; i < e->eks->count; i++)
        BM_TRY(bm_buf_putf(&order, "%s%s", i > 0 ? ", then " : "", e->eks->offer[i].row->label));
    if (e->eks->count == 0)
        bm_findings_add(e->findings, BM_FINDING_PROBLEM, "ek",
                        "none of the EK certificates in this TPM can be used: have the device's maker write the right ones, or enrol by the "
                        "inventory");
    else
        bm_findings_add(e->findings, BM_FINDING_OK, "ek", "enroll offers EK %.*s", (int)order.size, (const char *)order.data);
    return bm_ok();
}

BM_RESULT bm_doctor_ek_bind(bm_findings *findings, const uint8_t sha256[BM_SHA256_SIZE], bm_doctor_eks *eks)
{
    for (size_t i = 0; i < eks->count; i++) {
        uint8_t digest[BM_SHA256_SIZE];

        BM_TRY(bm_pubkey_spki_sha256(&eks->offer[i].key, digest));
        if (!bm_bytes_equal(BM_BYTES_ARRAY(digest), bm_bytes_of(sha256, BM_SHA256_SIZE)))
            continue;
        bm_findings_add(findings, BM_FINDING_OK, "ek-bound", "the identity is bound to EK %s: enroll offers it and no other",
                        eks->offer[i].row->label);
        eks->bound = &eks->offer[i];
        return bm_ok();
    }
    bm_findings_add(findings, BM_FINDING_WARNING, "ek-bound",
                    "the identity is bound to an EK that this TPM does not have, or that cannot be used: enroll offers another one, to which the "
                    "server may refuse the serial");
    return bm_ok();
}

BM_RESULT bm_doctor_ek_find(bm_findings *findings, bm_tpm_context *tpm, bool may_make, bm_doctor_eks *eks)
{
    examination e = {.findings = findings, .tpm = tpm, .may_make = may_make, .eks = eks};

    BM_TRY(bm_tpm_ek_indices(tpm, &e.indices));
    for (unsigned id = 0; id < BM_EK_TEMPLATE_COUNT; id++)
        BM_TRY(examine(&e, bm_template_ek((bm_ek_template_id)id)));
    BM_TRY(examine_chain(&e));
    BM_TRY(conclude(&e));
    examine_bus(&e);
    return bm_ok();
}
