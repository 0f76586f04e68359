#include "protocol/verdict.h"

#include "crypto/memory.h"
#include "tpm/credential.h"
#include "tpm/weak.h"
#include "x509/warm_up.h"

/* Digits of the EK's hash in an identity that derives from it: 80 bits would do, 160 cost nothing. */
#define EK_IDENTITY_BYTES 20

void bm_verdict_subject_fini(bm_subject *subject)
{
    bm_pkey_free(subject->ek_key);
    *subject = (bm_subject){0};
}

/* SHA-256 over (u32 size | bytes) of each certificate of the chain: no two chains give the same bytes. */
static BM_RESULT hash_chain(const bm_request *request, uint8_t digest[BM_SHA256_SIZE])
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;

    for (size_t i = 0; i < request->ek_chain_count; i++)
        BM_TRY(bm_buf_put_sized32(&all, bm_buf_view(&request->ek_chain[i])));
    return bm_hash_sha256(bm_buf_view(&all), digest);
}

static BM_RESULT hash_parameters(const bm_request *request, const bm_subject *subject, bm_ticket_fields *fields)
{
    BM_TRY(bm_hash_sha256(bm_buf_view(&request->csr), fields->csr));
    BM_TRY(bm_hash_sha256(bm_buf_view(&request->ik_public), fields->ik_public));
    BM_TRY(bm_hash_sha256(bm_buf_view(&request->ek_public), fields->ek_public));
    if (request->ek_certificate.size > 0)
        BM_TRY(bm_hash_sha256(bm_buf_view(&request->ek_certificate), fields->ek_certificate));
    if (request->ek_chain_count > 0)
        BM_TRY(hash_chain(request, fields->ek_chain));
    BM_TRY(bm_pubkey_spki_sha256(&subject->ik.key, fields->ik_spki));
    return bm_hash_sha256(bm_bytes_str(request->profile), fields->profile);
}

BM_RESULT bm_verdict_parse(const bm_request *request, bm_subject *subject)
{
    bm_memory_forget();
    BM_TRY(bm_csr_parse(bm_buf_view(&request->csr), &subject->csr));
    BM_TRY(bm_result_as(bm_tpm_public_parse(bm_buf_view(&request->ik_public), &subject->ik), BM_E_IK_PUBLIC_MALFORMED));
    BM_TRY(bm_result_as(bm_tpm_public_parse(bm_buf_view(&request->ek_public), &subject->ek), BM_E_EK_PUBLIC_MALFORMED));
    BM_TRY(bm_tpm_public_name(&subject->ik, &subject->ik_name));
    BM_TRY(bm_pubkey_spki_sha256(&subject->ek.key, subject->ek_sha256));
    return hash_parameters(request, subject, &subject->fields);
}

/* TPM 2.0 Part 2, 12.2.3.5 and 12.2.3.6: a key with a scheme can sign with that one alone, so the CSR must have it. */
static BM_RESULT check_scheme(const bm_subject *subject)
{
    bm_sig_alg alg = subject->csr.alg;
    uint16_t used = !bm_pkey_sig_is_rsa(alg)           ? BM_TPM_ALG_ECDSA
                    : alg == BM_SIG_RSAPSS_SHA256 ? BM_TPM_ALG_RSAPSS
                                                  : BM_TPM_ALG_RSASSA;

    if (subject->ik.scheme == BM_TPM_ALG_NULL)
        return bm_ok();
    BM_CHECK(subject->ik.scheme == used && subject->ik.scheme_hash == bm_pkey_sig_hash(alg), BM_E_CSR_ALGORITHM,
             "the identity key cannot have signed with this algorithm");
    return bm_ok();
}

static BM_RESULT judge_ik(const bm_subject *subject, const bm_profile *profile)
{
    BM_CHECK(bm_pubkey_equal(&subject->csr.key, &subject->ik.key), BM_E_CSR_KEY_NOT_IK, NULL);
    BM_TRY(bm_template_check_ik(&subject->ik));
    BM_CHECK(profile->ik_keys[subject->ik.key.type], BM_E_IK_ALGORITHM, bm_pubkey_type_name(subject->ik.key.type));
    BM_TRY(check_scheme(subject));
    return bm_result_as(bm_weak_check(&subject->ik.key), BM_E_IK_WEAK);
}

static BM_RESULT judge_ek(bm_subject *subject)
{
    subject->ek_template = bm_template_match_ek(&subject->ek);
    BM_CHECK(subject->ek_template != NULL, BM_E_EK_TEMPLATE, NULL);
    return bm_result_as(bm_weak_check(&subject->ek.key), BM_E_EK_WEAK);
}

/*
 * The template fixes all of the EK but its key, the certificate the key. With the rule `inventory` the certificate may be missing; one
 * that was sent is the EK's own all the same.
 */
static BM_RESULT judge_ekc(const bm_request *request, const bm_profile *profile, int64_t now, const bm_subject *subject, bm_ekc **ekc)
{
    bool required = profile->trust != BM_TRUST_INVENTORY;

    BM_CHECK(!required || request->ek_certificate.size > 0, BM_E_EKC_MISSING, NULL);
    if (request->ek_certificate.size > 0) {
        BM_TRY(bm_ekc_parse(bm_buf_view(&request->ek_certificate), ekc));
        BM_CHECK(bm_pubkey_equal(bm_ekc_key(*ekc), &subject->ek.key), BM_E_EK_MISMATCH, NULL);
    }
    if (!required)
        return bm_ok();
    BM_TRY(bm_ekc_check_usage(*ekc));
    return bm_ekc_check_validity(*ekc, now);
}

/* The identity derived from an EK. */
static void ek_identity(const uint8_t ek_sha256[BM_SHA256_SIZE], char identity[BM_IDENTITY_MAX + 1])
{
    identity[0] = 'e';
    identity[1] = 'k';
    identity[2] = '-';
    bm_text_hex(bm_bytes_of(ek_sha256, EK_IDENTITY_BYTES), identity + 3);
}

/* Which identity is asked for. With the rule `inventory` the CSR may leave it to the inventory row. */
static BM_RESULT judge_claim(const bm_profile *profile, bm_subject *subject)
{
    bm_bytes serial = subject->csr.serial;

    if (profile->identity == BM_IDENTITY_EK) {
        ek_identity(subject->ek_sha256, subject->claimed);
        return bm_ok();
    }
    if (serial.size == 0 && profile->identity == BM_IDENTITY_INVENTORY)
        return bm_ok();
    BM_CHECK(serial.size > 0, BM_E_IDENTITY_MISSING, NULL);
    BM_CHECK(bm_text_is_identity(serial), BM_E_IDENTITY_INVALID, NULL);
    BM_TRY(bm_bytes_copy_exact(serial, (uint8_t *)subject->claimed, serial.size));
    subject->claimed[serial.size] = 0;
    return bm_ok();
}

/* What costs public-key operations on the keys themselves: the CSR's signature, the point or modulus of both keys. */
static BM_RESULT judge_keys(bm_subject *subject)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *ik_key = NULL;

    BM_TRY(bm_result_as(bm_pkey_from_public(&subject->ik.key, &ik_key), BM_E_IK_WEAK));
    BM_TRY(bm_csr_verify(&subject->csr, ik_key));
    return bm_result_as(bm_pkey_from_public(&subject->ek.key, &subject->ek_key), BM_E_EK_WEAK);
}

static BM_RESULT judge_chain(const bm_request *request, const bm_profile *profile, bm_anchors *anchors, const bm_ekc *ekc,
                             int64_t now, bm_subject *subject)
{
    bm_bytes chain[BM_EKC_CHAIN_MAX];

    if (profile->trust == BM_TRUST_INVENTORY)
        return bm_ok();
    for (size_t i = 0; i < request->ek_chain_count; i++)
        chain[i] = bm_buf_view(&request->ek_chain[i]);
    BM_TRY(bm_anchors_verify(anchors, ekc, chain, request->ek_chain_count, profile->classes, now, &subject->anchor));
    subject->certified = true;
    return bm_ok();
}

/* At getCertificate: the certificate is the one that this server verified for getChallenge, and its dates, anchor and class are still good. */
static bool recall(const bm_profile *profile, const bm_anchors *anchors, int64_t now, bm_subject *subject)
{
    subject->certified = profile->trust != BM_TRUST_INVENTORY && bm_anchors_recall(anchors, subject->fields.ek_certificate,
                                                                                   profile->classes, now, &subject->anchor);
    return subject->certified;
}

bool bm_verdict_is_quick(const bm_profile *profile, const bm_anchors *anchors, int64_t now, const bm_subject *subject)
{
    bm_anchor_match anchor;

    return profile->trust == BM_TRUST_INVENTORY || bm_anchors_recall(anchors, subject->fields.ek_certificate, profile->classes, now, &anchor);
}

static BM_RESULT judge(const bm_request *request, const bm_profile *profile, bm_anchors *anchors, int64_t now, bm_judge_depth depth,
                       bm_subject *subject)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    bool known;

    BM_TRY(judge_ik(subject, profile));
    BM_TRY(judge_ek(subject));
    known = depth == BM_JUDGE_AGAIN && recall(profile, anchors, now, subject);
    if (!known)
        BM_TRY(judge_ekc(request, profile, now, subject, &ekc));
    BM_TRY(judge_claim(profile, subject));
    if (depth == BM_JUDGE_ALL && subject->ek_key == NULL)
        BM_TRY(judge_keys(subject));
    return known ? bm_ok() : judge_chain(request, profile, anchors, ekc, now, subject);
}

BM_RESULT bm_verdict_judge(const bm_request *request, const bm_profile *profile, bm_anchors *anchors, int64_t now,
                           bm_judge_depth depth, bm_subject *subject)
{
    bm_result result;

    bm_memory_forget();
    result = judge(request, profile, anchors, now, depth, subject);
    /* A refusal is for good, and is recorded: one that may be due to memory is none. */
    return result.code != BM_OK && bm_memory_ran_out() ? bm_fail(BM_E_NO_MEMORY, NULL) : result;
}

/* A credential for an EK of this template with this key, for no object. */
static BM_RESULT warm_up_credential(bm_ek_template_id id, const bm_pubkey *public_key)
{
    static const uint8_t name[2 + BM_SHA256_SIZE] = {0x00, 0x0B};
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    BM_AUTO_BUF blob = BM_BUF_EMPTY;
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    bm_tpm_public ek;

    BM_TRY(bm_template_put_ek(&area, bm_template_ek(id), public_key));
    BM_TRY(bm_tpm_public_parse(bm_buf_view(&area), &ek));
    BM_TRY(bm_pkey_from_public(&ek.key, &key));
    return bm_credential_make(&ek, key, BM_BYTES_ARRAY(name), bm_bytes_str("warm-up"), &blob, &secret);
}

static BM_RESULT warm_up_credentials(void)
{
    /* For encryption any odd number of that size will do. */
    bm_pubkey rsa = {.type = BM_KEY_RSA2048, .e = 65537, .n = {[0] = 0xC0, [255] = 0x01}};
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_pubkey ecc;

    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &key));
    BM_TRY(bm_pkey_public(key, &ecc));
    BM_TRY(warm_up_credential(BM_EK_L1, &rsa));
    return warm_up_credential(BM_EK_L2, &ecc);
}

BM_RESULT bm_verdict_warm_up(void)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};

    bm_memory_forget();
    bm_result_ignore(bm_request_parse(BM_CALL_CHALLENGE, bm_bytes_str("{\"csr\":\"AA==\"}"), &request));
    BM_TRY(bm_warm_up_chain());
    return bm_result_as(warm_up_credentials(), BM_E_INTERNAL);
}

static BM_RESULT answer(const char *identity, char out[BM_IDENTITY_MAX + 1])
{
    bm_bytes text = bm_bytes_str(identity);

    BM_CHECK(text.size > 0 && text.size <= BM_IDENTITY_MAX, BM_E_INTERNAL, "an identity of impossible size");
    BM_TRY(bm_bytes_copy_exact(text, (uint8_t *)out, text.size));
    out[text.size] = 0;
    return bm_ok();
}

/*
 * Is the claim, in either case, the name that derives from another EK than this one? Such a name says whose it is: with a profile where names
 * are claimed beside one where they derive, a TPM could else take the name of a device that has not come yet.
 */
static bool names_another_ek(const bm_subject *subject)
{
    bm_bytes claimed = bm_bytes_str(subject->claimed);
    char own[BM_IDENTITY_MAX + 1];

    ek_identity(subject->ek_sha256, own);
    if (claimed.size != bm_bytes_str(own).size || bm_bytes_equal(claimed, bm_bytes_str(own)))
        return false;
    if ((claimed.data[0] | 0x20) != 'e' || (claimed.data[1] | 0x20) != 'k' || claimed.data[2] != '-')
        return false;
    for (size_t i = 3; i < claimed.size; i++) {
        uint8_t c = claimed.data[i];

        if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
            return false;
    }
    return true;
}

BM_RESULT bm_verdict_decide(const bm_subject *subject, const bm_profile *profile, const bm_verdict_record *record,
                            char identity[BM_IDENTITY_MAX + 1])
{
    bool listed = record->known && record->in_inventory;
    bool bound = record->known && record->identity[0] != 0;
    bool claims = subject->claimed[0] != 0;
    bool same = bound && claims && bm_bytes_equal(bm_bytes_str(record->identity), bm_bytes_str(subject->claimed));

    BM_CHECK(!(record->known && record->retired), BM_E_DEVICE_RETIRED, NULL);
    BM_CHECK(listed || profile->trust == BM_TRUST_CERTIFICATE, BM_E_EK_NOT_IN_INVENTORY, NULL);
    if (profile->identity == BM_IDENTITY_INVENTORY) {
        BM_CHECK(listed, BM_E_EK_NOT_IN_INVENTORY, NULL);
        BM_CHECK(bound, BM_E_EK_NOT_IN_INVENTORY, "the inventory row has no serial number");
    }
    /* A name that is bound already stands: the rule `ek` names only what nobody has named. */
    if (bound && profile->identity == BM_IDENTITY_EK)
        return answer(record->identity, identity);
    BM_CHECK(!bound || !claims || same, BM_E_IDENTITY_MISMATCH, NULL);
    if (bound)
        return answer(record->identity, identity);
    BM_CHECK(claims, BM_E_IDENTITY_MISSING, NULL);
    BM_CHECK(!record->claim_taken && !names_another_ek(subject), BM_E_IDENTITY_TAKEN, NULL);
    return answer(subject->claimed, identity);
}

BM_RESULT bm_verdict_renewal(const bm_profile *profile, const bm_verdict_record *record, int64_t now)
{
    if (!profile->lapses || !record->known || record->last_expiry == 0 || record->admitted >= record->last_expiry)
        return bm_ok();
    BM_CHECK(now <= record->last_expiry || now - record->last_expiry <= profile->renew_expired, BM_E_RENEWAL_EXPIRED, NULL);
    return bm_ok();
}

BM_RESULT bm_verdict_put_evidence(bm_buf *out, const bm_request *request, const bm_subject *subject)
{
    BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&request->csr)));
    BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&request->ik_public)));
    BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&request->ek_public)));
    BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&request->ek_certificate)));
    BM_TRY(bm_buf_put_u32(out, (uint32_t)request->ek_chain_count));
    for (size_t i = 0; i < request->ek_chain_count; i++)
        BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&request->ek_chain[i])));
    return bm_buf_put(out, BM_BYTES_ARRAY(subject->anchor.anchor_sha256));
}
