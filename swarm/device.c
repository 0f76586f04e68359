#include "swarm/device.h"

#include "protocol/reply.h"
#include "swarm/csr.h"
#include "swarm/ecc.h"
#include "swarm/maker.h"
#include "swarm/rsa.h"
#include "tpm/credential.h"
#include "x509/csr.h"
#include "x509/walk.h"

#include <stdlib.h>
#include <string.h>

struct bm_swarm_kit {
    const bm_swarm_fleet *fleet;
    const char *profile;
    bm_swarm_ecc *curve; /* of the EK; NULL for RSA */
    bm_swarm_vendor stranger;
    bm_buf foreign_csr;
};

static const bm_code expected[BM_SWARM_BAD_COUNT] = {
    [BM_SWARM_GOOD] = BM_OK,
    [BM_SWARM_BAD_CSR] = BM_E_CSR_KEY_NOT_IK,
    [BM_SWARM_BAD_VENDOR] = BM_E_EKC_UNTRUSTED,
    [BM_SWARM_BAD_TICKET] = BM_E_TICKET_INVALID,
    [BM_SWARM_BAD_JSON] = BM_E_REQUEST_MALFORMED,
};

bm_code bm_swarm_device_expected(bm_swarm_badness bad)
{
    return expected[bad];
}

bm_swarm_badness bm_swarm_device_badness(size_t index, unsigned share)
{
    uint64_t before = (uint64_t)index * share / 1000;
    uint64_t after = ((uint64_t)index + 1) * share / 1000;

    return after == before ? BM_SWARM_GOOD : (bm_swarm_badness)(BM_SWARM_BAD_CSR + before % (BM_SWARM_BAD_COUNT - 1));
}

static BM_RESULT sign_with_pkey(void *context, bm_sig_alg alg, bm_bytes message, bm_buf *signature)
{
    return bm_pkey_sign(context, alg, message, signature);
}

/* What bad devices need: a CSR of a key that is nobody's, and a vendor that nobody knows. */
static BM_RESULT make_bad(bm_swarm_kit *kit)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_pubkey public_key;

    BM_TRY(bm_swarm_vendor_make("Swarm stranger", kit->fleet->vendor.ca.not_before, &kit->stranger));
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &key));
    BM_TRY(bm_pkey_public(key, &public_key));
    return bm_swarm_csr_build("SWARM-STRANGER", &public_key, sign_with_pkey, key, &kit->foreign_csr);
}

BM_RESULT bm_swarm_device_kit_new(const bm_swarm_fleet *fleet, const char *profile, bool bad, bm_swarm_kit **kit)
{
    BM_AUTO(bm_swarm_device_kit_freep) bm_swarm_kit *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->fleet = fleet;
    made->profile = profile;
    if (!bm_pubkey_is_rsa(fleet->ek))
        BM_TRY(bm_swarm_ecc_new(fleet->ek, &made->curve));
    if (bad)
        BM_TRY(make_bad(made));
    *kit = made;
    made = NULL;
    return bm_ok();
}

void bm_swarm_device_kit_free(bm_swarm_kit *kit)
{
    if (kit == NULL)
        return;
    bm_swarm_ecc_free(kit->curve);
    bm_swarm_vendor_fini(&kit->stranger);
    bm_buf_fini(&kit->foreign_csr);
    free(kit);
}

void bm_swarm_device_kit_freep(bm_swarm_kit **kit)
{
    bm_swarm_device_kit_free(*kit);
    *kit = NULL;
}

void bm_swarm_device_fini(bm_swarm_device *device)
{
    bm_buf_fini(&device->ek_area);
    bm_buf_fini(&device->body);
    *device = (bm_swarm_device){0};
}

static bm_ek_template_id template_of(bm_key_type type)
{
    if (bm_pubkey_is_rsa(type))
        return BM_EK_L1;
    return type == BM_KEY_ECC256 ? BM_EK_L2 : BM_EK_H3;
}

/* The EK: its public area from the key in its certificate. */
static BM_RESULT prepare_ek(bm_swarm_device *device)
{
    bm_walk_cert certificate;
    bm_pubkey key;

    BM_TRY(bm_walk_certificate(device->own.record.certificate, &certificate));
    BM_TRY(bm_pubkey_parse_spki(certificate.fields.spki, &key));
    BM_CHECK(key.type == device->own.record.ek, BM_E_MALFORMED, "an EK certificate of a key of another type");
    bm_buf_clear(&device->ek_area);
    BM_TRY(bm_template_put_ek(&device->ek_area, bm_template_ek(template_of(key.type)), &key));
    return bm_tpm_public_parse(bm_buf_view(&device->ek_area), &device->ek);
}

/* Appends the TPM2B_PUBLIC of an identity key: the template that a TPM is given, with the key in its `unique`. */
static BM_RESULT put_ik_area(const bm_pubkey *key, bm_buf *out)
{
    bool rsa = bm_pubkey_is_rsa(key->type);
    BM_AUTO_BUF input = BM_BUF_EMPTY;
    BM_AUTO_BUF area = BM_BUF_EMPTY;

    BM_TRY(bm_template_put_ik_input(&input, key->type));
    /* Without its size at the beginning, and the empty `unique` at its end. */
    BM_TRY(bm_buf_put(&area, bm_bytes_slice(bm_buf_view(&input), 2, input.size - (rsa ? 4 : 6))));
    BM_TRY(bm_buf_put_sized16(&area, rsa ? bm_pubkey_n(key) : bm_pubkey_x(key)));
    if (!rsa)
        BM_TRY(bm_buf_put_sized16(&area, bm_pubkey_y(key)));
    return bm_buf_put_sized16(out, bm_buf_view(&area));
}

/* The identity key, from the CSR that it signed: its public area, and its Name. */
static BM_RESULT prepare_ik(bm_swarm_device *device, bm_buf *area)
{
    bm_tpm_public parsed;
    bm_csr csr;

    BM_TRY(bm_csr_parse(device->own.record.csr, &csr));
    BM_CHECK(csr.key.type == device->own.record.ik, BM_E_MALFORMED, "a CSR of a key of another type");
    device->ik_spki = csr.spki;
    BM_TRY(put_ik_area(&csr.key, area));
    BM_TRY(bm_tpm_public_parse(bm_buf_view(area), &parsed));
    return bm_tpm_public_name(&parsed, &device->ik_name);
}

/* A member of base64, which needs no escapes. */
static BM_RESULT put_member(bm_buf *body, const char *name, bm_bytes bytes)
{
    BM_TRY(bm_buf_put_u8(body, body->size == 0 ? '{' : ','));
    BM_TRY(bm_buf_put_u8(body, '"'));
    BM_TRY(bm_buf_put_str(body, name));
    BM_TRY(bm_buf_put_str(body, "\":\""));
    BM_TRY(bm_text_put_base64(body, bytes));
    return bm_buf_put_u8(body, '"');
}

static BM_RESULT put_challenge(const bm_swarm_kit *kit, bm_swarm_device *device, bm_bytes ik_area)
{
    const bm_swarm_record *record = &device->own.record;
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;
    bm_buf *body = &device->body;

    if (device->bad == BM_SWARM_BAD_VENDOR)
        BM_TRY(bm_swarm_vendor_certify(&kit->stranger, &device->ek.key, device->own.number, &certificate));
    bm_buf_clear(body);
    BM_TRY(put_member(body, "csr", device->bad == BM_SWARM_BAD_CSR ? bm_buf_view(&kit->foreign_csr) : record->csr));
    BM_TRY(put_member(body, "ik_public", ik_area));
    BM_TRY(put_member(body, "ek_public", bm_buf_view(&device->ek_area)));
    BM_TRY(put_member(body, "ek_certificate", certificate.size > 0 ? bm_buf_view(&certificate) : record->certificate));
    if (kit->profile[0] != 0)
        BM_TRY(bm_buf_putf(body, ",\"profile\":\"%s\"", kit->profile));
    return bm_buf_put_u8(body, device->bad == BM_SWARM_BAD_JSON ? ',' : '}');
}

static BM_RESULT prepare(const bm_swarm_kit *kit, bm_swarm_device *device)
{
    BM_AUTO_BUF ik_area = BM_BUF_EMPTY;

    BM_TRY(prepare_ek(device));
    BM_TRY(prepare_ik(device, &ik_area));
    return put_challenge(kit, device, bm_buf_view(&ik_area));
}

BM_RESULT bm_swarm_device_prepare(bm_swarm_kit *kit, size_t index, bm_swarm_badness bad, bm_swarm_device *device)
{
    bm_result result;

    BM_TRY(bm_swarm_fleet_get(kit->fleet, index, &device->own));
    device->bad = bad;
    result = prepare(kit, device);
    if (result.code == BM_OK || result.code == BM_E_NO_MEMORY || result.code == BM_E_INTERNAL)
        return result;
    return bm_failf(BM_E_IO, "device %u of %s is damaged: remove the file, or name another with --fleet: it is made anew", device->own.number,
                    kit->fleet->path);
}

/* The seed of an ECC EK: KDFe of the shared x, the ephemeral x and the EK's x (TPM 2.0 Part 1, C.6.4). */
static BM_RESULT open_ecc_seed(bm_swarm_kit *kit, const bm_swarm_device *device, bm_bytes secret, uint8_t *seed)
{
    size_t size = bm_pubkey_field_size(device->ek.key.type);
    bm_cursor cursor = bm_cursor_of(secret);
    uint8_t z[BM_ECC_MAX];
    bm_pubkey point;
    bm_bytes x, y;

    BM_TRY(bm_cursor_sized16(&cursor, size, &x));
    BM_TRY(bm_cursor_sized16(&cursor, size, &y));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_pubkey_from_point(device->ek.key.type, x, y, &point));
    BM_TRY(bm_swarm_ecc_agree(kit->curve, device->own.record.secret, &point, z, size));
    return bm_hash_kdfe(device->ek.name_alg, bm_bytes_of(z, size), "IDENTITY", bm_pubkey_x(&point), bm_pubkey_x(&device->ek.key),
                        (unsigned)bm_hash_size(device->ek.name_alg) * 8, seed);
}

/* The seed of an RSA EK: OAEP under the nameAlg, with the label and its NUL (Part 1, B.10.4). */
static BM_RESULT open_rsa_seed(bm_swarm_kit *kit, const bm_swarm_device *device, bm_bytes secret, uint8_t *seed)
{
    static const char label[] = "IDENTITY";
    BM_AUTO_BUF opened = BM_BUF_EMPTY;
    bm_swarm_choice choice;

    BM_TRY(bm_swarm_maker_ek_choice(device->ek.key.type, device->own.number, &choice));
    BM_TRY(bm_swarm_rsa_open(kit->fleet->primes, &choice, device->ek.name_alg, bm_bytes_of(label, sizeof(label)), secret, &opened));
    return bm_bytes_copy_exact(bm_buf_view(&opened), seed, bm_hash_size(device->ek.name_alg));
}

static BM_RESULT open_credential(bm_swarm_kit *kit, const bm_swarm_device *device, const bm_reply_challenge *reply, bm_buf *ticket)
{
    bm_cursor cursor = bm_cursor_of(bm_buf_view(&reply->encrypted_secret));
    uint8_t seed[BM_HASH_MAX];
    bm_bytes secret;

    BM_TRY(bm_cursor_sized16(&cursor, UINT16_MAX, &secret));
    BM_TRY(bm_cursor_end(&cursor));
    if (kit->curve == NULL)
        BM_TRY(open_rsa_seed(kit, device, secret, seed));
    else
        BM_TRY(open_ecc_seed(kit, device, secret, seed));
    return bm_credential_open_with(&device->ek, bm_bytes_of(seed, bm_hash_size(device->ek.name_alg)),
                                   bm_tpm_public_name_view(&device->ik_name), bm_buf_view(&reply->credential_blob), ticket);
}

BM_RESULT bm_swarm_device_answer(bm_swarm_kit *kit, bm_swarm_device *device, bm_bytes reply)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge parsed = {0};
    BM_AUTO_BUF ticket = BM_BUF_EMPTY;

    BM_TRY(bm_reply_challenge_parse(reply, &parsed));
    BM_TRY(bm_result_as(open_credential(kit, device, &parsed, &ticket), BM_E_CHALLENGE_FAILED));
    BM_CHECK(ticket.size > 0, BM_E_CHALLENGE_FAILED, "an empty ticket");
    if (device->bad == BM_SWARM_BAD_TICKET)
        ticket.data[ticket.size - 1] ^= 1;
    device->body.size--; /* the closing brace */
    BM_TRY(put_member(&device->body, "challenge", bm_buf_view(&parsed.challenge)));
    BM_TRY(put_member(&device->body, "ticket", bm_buf_view(&ticket)));
    return bm_buf_put_u8(&device->body, '}');
}

BM_RESULT bm_swarm_device_take(const bm_swarm_device *device, bm_bytes reply, bm_buf *der)
{
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate parsed = {0};
    bm_walk_cert certificate;

    BM_TRY(bm_reply_certificate_parse(reply, &parsed));
    BM_TRY(bm_result_as(bm_walk_certificate(bm_buf_view(&parsed.certificate), &certificate), BM_E_SERVER_REPLY));
    BM_CHECK(bm_bytes_equal(certificate.fields.spki, device->ik_spki), BM_E_SERVER_REPLY, "the certificate is for another key");
    bm_buf_move(der, &parsed.certificate);
    return bm_ok();
}
