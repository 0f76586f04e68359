#include "parser_rows.h"

#include "device/identity/key_file.h"
#include "device/tpm/object.h"
#include "protocol/reply.h"
#include "protocol/ticket.h"
#include "server/server_head.h"
#include "swarm/format.h"
#include "tests/unit/make_crl.h"
#include "tpm/credential.h"
#include "x509/csr.h"
#include "x509/issue.h"
#include "x509/walk.h"

static void copy(bm_bytes bytes, bm_buf *out)
{
    assert_ok(bm_buf_put(out, bytes));
}

/* SEQUENCE { whole, algorithm, BIT STRING }: certificates, CSRs and CRLs. */
static BM_RESULT put_signed(bm_bytes tbs, bm_bytes algorithm, bm_bytes signature, bm_buf *out)
{
    BM_AUTO_BUF inner = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put(&inner, tbs));
    BM_TRY(bm_buf_put(&inner, algorithm));
    BM_TRY(bm_der_put_bits(&inner, signature));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&inner));
}

static BM_RESULT put_signed_by(bm_bytes tbs, bm_sig_alg alg, bm_bytes signature, bm_buf *out)
{
    BM_AUTO_BUF algorithm = BM_BUF_EMPTY;

    BM_TRY(bm_pkey_put_sig_algorithm(&algorithm, alg));
    return put_signed(tbs, bm_buf_view(&algorithm), signature, out);
}

static void sample_csr(const make_device *device, bm_buf *out)
{
    copy(bm_buf_view(&device->request.csr), out);
}

static BM_RESULT pass_csr(bm_bytes input, bm_buf *again)
{
    bm_csr csr;

    BM_TRY(bm_csr_parse(input, &csr));
    return put_signed_by(csr.tbs, csr.alg, csr.signature, again);
}

static void sample_ekc(const make_device *device, bm_buf *out)
{
    copy(bm_buf_view(&device->request.ek_certificate), out);
}

static BM_RESULT pass_ekc(bm_bytes input, bm_buf *again)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;

    BM_TRY(bm_ekc_parse(input, &ekc));
    return bm_buf_put(again, bm_ekc_der(ekc));
}

static BM_RESULT pass_certificate(bm_bytes input, bm_buf *again)
{
    bm_walk_cert cert;

    BM_TRY(bm_walk_certificate(input, &cert));
    return put_signed(cert.tbs, cert.alg, cert.signature, again);
}

static void sample_issued(const make_device *device, bm_buf *out)
{
    (void)device;
    world_put_issued(out);
}

/* It keeps nothing but views: what it takes is what it was given. */
static BM_RESULT pass_issued(bm_bytes input, bm_buf *again)
{
    bm_issued issued;

    BM_TRY(bm_issue_parse(input, &issued));
    return bm_buf_put(again, input);
}

static void sample_ca(const make_device *device, bm_buf *out)
{
    (void)device;
    world_put_ca(out);
}

static BM_RESULT pass_ca(bm_bytes input, bm_buf *again)
{
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};

    BM_TRY(bm_ca_parse(input, &ca));
    return bm_buf_put(again, bm_buf_view(&ca.der));
}

static void sample_crl(const make_device *device, bm_buf *out)
{
    static const uint8_t serial[] = {5};
    const make_entry entry = {.serial = BM_BYTES_ARRAY(serial)};

    (void)device;
    make_crl(&(make_crl_options){.issuer = world_root(), .signer = bm_evp_of(world_key(WORLD_ROOT)), .number = 1, .entries = &entry, .count = 1},
             out);
}

static BM_RESULT pass_crl(bm_bytes input, bm_buf *again)
{
    bm_crl crl;

    BM_TRY(bm_crl_parse(input, &crl));
    return put_signed_by(crl.tbs, crl.alg, crl.signature, again);
}

static void sample_spki(const make_device *device, bm_buf *out)
{
    bm_pubkey key;

    (void)device;
    assert_ok(bm_pkey_public(world_key(WORLD_EK), &key));
    assert_ok(bm_pubkey_put_spki(out, &key));
}

static void sample_rsa_spki(const make_device *device, bm_buf *out)
{
    EVP_PKEY *key = make_key(BM_KEY_RSA2048);
    BM_AUTO(bm_pkey_freep) bm_pkey *wrapped = make_wrap(key);
    bm_pubkey public_key;

    (void)device;
    EVP_PKEY_free(key);
    assert_ok(bm_pkey_public(wrapped, &public_key));
    assert_ok(bm_pubkey_put_spki(out, &public_key));
}

static BM_RESULT pass_spki(bm_bytes input, bm_buf *again)
{
    bm_pubkey key;

    BM_TRY(bm_pubkey_parse_spki(input, &key));
    return bm_pubkey_put_spki(again, &key);
}

static void sample_algorithm(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_pkey_put_sig_algorithm(out, BM_SIG_RSAPSS_SHA256));
}

static BM_RESULT pass_algorithm(bm_bytes input, bm_buf *again)
{
    bm_sig_alg alg = bm_pkey_parse_sig_algorithm(input);

    BM_CHECK(alg != BM_SIG_NONE, BM_E_MALFORMED, NULL);
    return bm_pkey_put_sig_algorithm(again, alg);
}

static void sample_ek(const make_device *device, bm_buf *out)
{
    copy(bm_buf_view(&device->request.ek_public), out);
}

static void sample_ik(const make_device *device, bm_buf *out)
{
    copy(bm_buf_view(&device->request.ik_public), out);
}

static BM_RESULT put_parameters(const bm_tpm_public *area, bm_buf *out)
{
    BM_TRY(bm_buf_put_u16(out, area->symmetric));
    if (area->symmetric != BM_TPM_ALG_NULL) {
        BM_TRY(bm_buf_put_u16(out, area->symmetric_bits));
        BM_TRY(bm_buf_put_u16(out, area->symmetric_mode));
    }
    BM_TRY(bm_buf_put_u16(out, area->scheme));
    if (area->scheme != BM_TPM_ALG_NULL)
        BM_TRY(bm_buf_put_u16(out, bm_tpm_public_hash_id(area->scheme_hash)));
    BM_TRY(bm_buf_put_u16(out, bm_tpm_public_curve_id(area->key.type)));
    BM_TRY(bm_buf_put_u16(out, BM_TPM_ALG_NULL));
    BM_TRY(bm_buf_put_sized16(out, bm_pubkey_x(&area->key)));
    return bm_buf_put_sized16(out, bm_pubkey_y(&area->key));
}

/* A TPM2B_PUBLIC of an ECC key (Part 2, 12.2.4), from what was read. */
static BM_RESULT pass_public(bm_bytes input, bm_buf *again)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    bm_tpm_public parsed;

    BM_TRY(bm_tpm_public_parse(input, &parsed));
    BM_TRY(bm_buf_put_u16(&area, parsed.type));
    BM_TRY(bm_buf_put_u16(&area, bm_tpm_public_hash_id(parsed.name_alg)));
    BM_TRY(bm_buf_put_u32(&area, parsed.attributes));
    BM_TRY(bm_buf_put_sized16(&area, parsed.policy));
    BM_TRY(put_parameters(&parsed, &area));
    return bm_buf_put_sized16(again, bm_buf_view(&area));
}

static BM_RESULT pass_template(bm_bytes input, bm_buf *again)
{
    bm_tpm_public parsed;
    const bm_ek_template *row;

    BM_TRY(bm_tpm_public_parse(input, &parsed));
    row = bm_template_match_ek(&parsed);
    BM_CHECK(row != NULL, BM_E_EK_TEMPLATE, NULL);
    return bm_template_put_ek(again, row, &parsed.key);
}

/* The same structure through the TSS, as the agent hands it on. */
static BM_RESULT pass_tss(bm_bytes input, bm_buf *again)
{
    TPM2B_PUBLIC area;

    BM_TRY(bm_tpm_object_public_of(input, &area));
    return bm_tpm_object_put_public(again, &area);
}

static void sample_credential(const make_device *device, bm_buf *out)
{
    static const uint8_t secret[BM_TICKET_SIZE] = {1};
    BM_AUTO_BUF blob = BM_BUF_EMPTY;
    BM_AUTO_BUF encrypted = BM_BUF_EMPTY;
    bm_tpm_public ek;

    assert_ok(bm_tpm_public_parse(bm_buf_view(&device->request.ek_public), &ek));
    assert_ok(bm_credential_make(&ek, world_key(WORLD_EK), world_name(), BM_BYTES_ARRAY(secret), &blob, &encrypted));
    copy(bm_buf_view(&blob), out);
    copy(bm_buf_view(&encrypted), out);
}

/* An ID_OBJECT and an ENCRYPTED_SECRET, one behind the other. No flipped bit is taken: they have a MAC. */
static BM_RESULT pass_credential(bm_bytes input, bm_buf *again)
{
    bm_cursor cursor = bm_cursor_of(input);
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    bm_bytes inner;
    bm_tpm_public ek;
    bm_pubkey key;
    size_t first;

    assert_ok(bm_pkey_public(world_key(WORLD_EK), &key));
    assert_ok(bm_template_put_ek(&area, bm_template_ek(BM_EK_L2), &key));
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ek));
    BM_TRY(bm_cursor_sized16(&cursor, input.size, &inner));
    first = input.size - cursor.rest.size;
    BM_TRY(bm_credential_open(&ek, world_key(WORLD_EK), world_name(), bm_bytes_slice(input, 0, first), cursor.rest, &secret));
    return bm_buf_put(again, input);
}

static void sample_message(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_ticket_put_message(out, &(bm_ticket_fields){.key_id = 1, .expires = MAKE_NOW, .nonce = {1}}));
}

static BM_RESULT pass_message(bm_bytes input, bm_buf *again)
{
    bm_ticket_fields fields;

    BM_TRY(bm_ticket_parse_message(input, &fields));
    return bm_ticket_put_message(again, &fields);
}

static void sample_challenge(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_ticket_put_challenge(out, &(bm_ticket_fields){.key_id = 1, .expires = MAKE_NOW, .nonce = {1}}));
}

static BM_RESULT pass_challenge(bm_bytes input, bm_buf *again)
{
    bm_ticket_fields fields = {0};

    BM_TRY(bm_ticket_parse_challenge(input, &fields));
    return bm_ticket_put_challenge(again, &fields);
}

static void sample_request(const make_device *device, bm_buf *out)
{
    bm_request request = device->request;

    request.ek_certificate = BM_BUF_EMPTY;
    request.ek_chain_count = 0;
    assert_ok(bm_request_put(BM_CALL_CHALLENGE, &request, out));
}

static BM_RESULT pass_request(bm_bytes input, bm_buf *again)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};

    BM_TRY(bm_request_parse(BM_CALL_CHALLENGE, input, &request));
    return bm_request_put(BM_CALL_CHALLENGE, &request, again);
}

static BM_RESULT pass_offline_challenge(bm_bytes input, bm_buf *again)
{
    bm_ticket_fields fields = {0};

    BM_TRY(bm_ticket_parse_offline_challenge(input, &fields));
    return bm_ticket_put_challenge(again, &fields);
}

static void sample_offline_challenge(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_ticket_put_challenge(out, &(bm_ticket_fields){.way = BM_TICKET_OFFLINE, .key_id = 1, .expires = MAKE_NOW, .nonce = {1}}));
}

static void sample_request_file(const make_device *device, bm_buf *out)
{
    bm_request request = device->request;

    request.ek_certificate = BM_BUF_EMPTY;
    request.ek_chain_count = 0;
    assert_ok(bm_request_put_file(BM_CALL_CHALLENGE, &request, out));
}

static BM_RESULT pass_request_file(bm_bytes input, bm_buf *again)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};
    bm_call call;

    BM_TRY(bm_request_parse_file(input, &call, &request));
    return bm_request_put_file(call, &request, again);
}

static void sample_reply(const make_device *device, bm_buf *out)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {.expires = MAKE_NOW};

    (void)device;
    assert_ok(bm_buf_put_str(&reply.credential_blob, "blob"));
    assert_ok(bm_buf_put_str(&reply.encrypted_secret, "secret"));
    assert_ok(bm_buf_put_str(&reply.challenge, "challenge"));
    assert_ok(bm_reply_challenge_put(&reply, out));
}

static BM_RESULT pass_reply(bm_bytes input, bm_buf *again)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {0};

    BM_TRY(bm_reply_challenge_parse(input, &reply));
    return bm_reply_challenge_put(&reply, again);
}

static void sample_head(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_buf_put_str(out, "POST /v1/getChallenge HTTP/1.1\r\nHost: ca\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"));
}

/* It keeps nothing but views and numbers. */
static BM_RESULT pass_head(bm_bytes input, bm_buf *again)
{
    bm_server_head head;

    BM_TRY(bm_server_head_parse(input, BM_REQUEST_BODY_MAX, &head));
    return bm_buf_put(again, input);
}

static void sample_key_file(const make_device *device, bm_buf *out)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bm_bytes rest;
    bool found;
    const bm_tpm_kind kind = {.parent = BM_TPM_OWNER, .pcrs = {.bank = BM_HASH_SHA256, .mask = 0x85}};

    (void)device;
    assert_ok(bm_key_file_put(&pem, &kind, bm_bytes_str("public"), bm_bytes_str("private")));
    rest = bm_buf_view(&pem);
    assert_ok(bm_ca_next_pem(&rest, "TSS2 PRIVATE KEY", out, &found));
}

/* The DER inside the PEM. */
static BM_RESULT pass_key_file(bm_bytes input, bm_buf *again)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    BM_AUTO_BUF public_area = BM_BUF_EMPTY;
    BM_AUTO_BUF private_area = BM_BUF_EMPTY;
    bm_tpm_kind kind;
    bm_bytes rest;
    bool found;

    BM_TRY(bm_ca_put_pem(&pem, "TSS2 PRIVATE KEY", input));
    BM_TRY(bm_key_file_parse(bm_buf_view(&pem), &kind, &public_area, &private_area));
    BM_TRY(bm_key_file_put(&made, &kind, bm_buf_view(&public_area), bm_buf_view(&private_area)));
    rest = bm_buf_view(&made);
    return bm_ca_next_pem(&rest, "TSS2 PRIVATE KEY", again, &found);
}

static void sample_time(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_buf_put_str(out, "2026-11-23T22:30:00Z"));
}

static BM_RESULT pass_time(bm_bytes input, bm_buf *again)
{
    char text[BM_TIME_TEXT_SIZE];
    int64_t time;

    BM_TRY(bm_text_parse_time(input, &time));
    bm_text_time(time, text);
    return bm_buf_put_str(again, text);
}

static void sample_fleet(const make_device *device, bm_buf *out)
{
    static const uint8_t secret[48] = {9};
    bm_swarm_record record = {.ek = BM_KEY_ECC384, .ik = BM_KEY_ECC256, .secret = BM_BYTES_ARRAY(secret)};

    record.certificate = bm_buf_view(&device->request.ek_certificate);
    record.csr = bm_buf_view(&device->request.csr);
    assert_ok(bm_swarm_format_put_record(out, &record));
}

static BM_RESULT pass_fleet(bm_bytes input, bm_buf *again)
{
    bm_cursor at = bm_cursor_of(input);
    bm_swarm_record record;

    BM_TRY(bm_swarm_format_next(&at, &record));
    BM_TRY(bm_cursor_end(&at));
    return bm_swarm_format_put_record(again, &record);
}

const parser_row parser_rows[] = {
    {"CSR", sample_csr, pass_csr},
    {"EK certificate", sample_ekc, pass_ekc},
    {"certificate", sample_issued, pass_certificate},
    {"issued certificate", sample_issued, pass_issued},
    {"CA certificate", sample_ca, pass_ca},
    {"CRL", sample_crl, pass_crl},
    {"SubjectPublicKeyInfo, ECC", sample_spki, pass_spki},
    {"SubjectPublicKeyInfo, RSA", sample_rsa_spki, pass_spki},
    {"AlgorithmIdentifier", sample_algorithm, pass_algorithm},
    {"TPM2B_PUBLIC of an EK", sample_ek, pass_public},
    {"TPM2B_PUBLIC of an IK", sample_ik, pass_public},
    {"EK template", sample_ek, pass_template},
    {"TPM2B_PUBLIC through the TSS", sample_ik, pass_tss},
    {"credential", sample_credential, pass_credential},
    {"ticket message", sample_message, pass_message},
    {"challenge", sample_challenge, pass_challenge},
    {"request", sample_request, pass_request},
    {"request file", sample_request_file, pass_request_file},
    {"offline challenge", sample_offline_challenge, pass_offline_challenge},
    {"reply", sample_reply, pass_reply},
    {"HTTP head", sample_head, pass_head},
    {"key file", sample_key_file, pass_key_file},
    {"time", sample_time, pass_time},
    {"device of a fleet file", sample_fleet, pass_fleet},
    {NULL, NULL, NULL},
};
