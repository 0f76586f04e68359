#include "tpm_answers.h"

#include "crypto/cipher.h"
#include "device/tpm/ek.h"
#include "device/tpm/ik.h"

#define EK_CERTIFICATE 0x01C0000Au
#define CHAIN 0x01C00100u
#define EK_HANDLE 0x81010001u
#define LOADED 0x80000000u
#define SESSION 0x03000000u
#define NV_BUFFER 256u
#define RC_HANDLE_1 0x18Bu
#define RC_COMMAND_CODE 0x143u

static make_device device;
static bm_buf chain;

static const bm_request *request(void)
{
    if (device.ek == NULL) {
        world_device(&device, "SN-1");
        FUZZ_OK(bm_buf_put(&chain, bm_buf_view(&device.request.ek_chain[0])));
    }
    return &device.request;
}

bm_bytes tpm_answers_private(void)
{
    static const uint8_t wrapped[] = {0, 4, 1, 2, 3, 4};

    return BM_BYTES_ARRAY(wrapped);
}

static void put_sized(bm_buf *out, bm_bytes bytes)
{
    FUZZ_OK(bm_buf_put_sized16(out, bytes));
}

static void put_zeros(bm_buf *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        FUZZ_OK(bm_buf_put_u8(out, 0x5A));
}

/* The Name of a public area. */
static void put_name(bm_buf *out, bm_bytes area)
{
    bm_tpm_public parsed;
    bm_tpm_name name;

    FUZZ_OK(bm_tpm_public_parse(area, &parsed));
    FUZZ_OK(bm_tpm_public_name(&parsed, &name));
    put_sized(out, bm_tpm_public_name_view(&name));
}

/* The storage key above the IK: the point is of no consequence. */
static void put_parent(bm_buf *out)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    bm_pubkey key;

    FUZZ_OK(bm_pkey_public(world_key(WORLD_ROOT), &key));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_ECC));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_SHA256));
    FUZZ_OK(bm_buf_put_u32(&area, 0x00030472)); /* as device/tpm/ik.c has it */
    FUZZ_OK(bm_buf_put_u16(&area, 0));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_AES));
    FUZZ_OK(bm_buf_put_u16(&area, 128));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_CFB));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_NULL));
    FUZZ_OK(bm_buf_put_u16(&area, bm_tpm_public_curve_id(BM_KEY_ECC256)));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_NULL));
    put_sized(&area, bm_pubkey_x(&key));
    put_sized(&area, bm_pubkey_y(&key));
    put_sized(out, bm_buf_view(&area));
}

/* TPM2B_CREATION_DATA, TPM2B_DIGEST, TPMT_TK_CREATION (Part 2, 15.2 and 10.7.3). */
static void put_creation(bm_buf *out)
{
    BM_AUTO_BUF data = BM_BUF_EMPTY;

    FUZZ_OK(bm_buf_put_u32(&data, 0));
    put_sized(&data, bm_bytes_of(NULL, 0));
    FUZZ_OK(bm_buf_put_u8(&data, 1));
    FUZZ_OK(bm_buf_put_u16(&data, BM_TPM_ALG_NULL));
    put_sized(&data, bm_bytes_str("hier"));
    put_sized(&data, bm_bytes_str("hier"));
    put_sized(&data, bm_bytes_of(NULL, 0));
    put_sized(out, bm_buf_view(&data));
    FUZZ_OK(bm_buf_put_u16(out, 32));
    put_zeros(out, 32);
    FUZZ_OK(bm_buf_put_u16(out, TPM2_ST_CREATION));
    FUZZ_OK(bm_buf_put_u32(out, TPM2_RH_OWNER));
    FUZZ_OK(bm_buf_put_u16(out, 32));
    put_zeros(out, 32);
}

static bm_bytes nv_content(uint32_t index)
{
    const bm_request *has = request();

    if (index == EK_CERTIFICATE)
        return bm_buf_view(&has->ek_certificate);
    return index == CHAIN ? bm_buf_view(&chain) : bm_bytes_of(NULL, 0);
}

static void put_nv_public(bm_buf *out, uint32_t index)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    uint8_t digest[BM_SHA256_SIZE];

    FUZZ_OK(bm_buf_put_u32(&area, index));
    FUZZ_OK(bm_buf_put_u16(&area, BM_TPM_ALG_SHA256));
    FUZZ_OK(bm_buf_put_u32(&area, TPMA_NV_PPWRITE | TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_WRITTEN));
    FUZZ_OK(bm_buf_put_u16(&area, 0));
    FUZZ_OK(bm_buf_put_u16(&area, (uint16_t)nv_content(index).size));
    put_sized(out, bm_buf_view(&area));
    FUZZ_OK(bm_hash_sha256(bm_buf_view(&area), digest));
    FUZZ_OK(bm_buf_put_u16(&name, BM_TPM_ALG_SHA256));
    FUZZ_OK(bm_buf_put(&name, BM_BYTES_ARRAY(digest)));
    put_sized(out, bm_buf_view(&name));
}

static void put_capability(bm_buf *out, const tpm_answers_options *options, bm_cursor *at)
{
    static const uint32_t all[] = {EK_CERTIFICATE, CHAIN, EK_HANDLE, BM_TPM_IK_HANDLE_DEFAULT};
    const bool there[] = {!options->no_certificate, !options->no_certificate, options->has_ek, options->has_ik};
    BM_AUTO_BUF handles = BM_BUF_EMPTY;
    uint32_t capability = 0;
    uint32_t property = 0;

    bm_result_ignore(bm_cursor_u32(at, &capability));
    bm_result_ignore(bm_cursor_u32(at, &property));
    FUZZ_OK(bm_buf_put_u8(out, 0));
    FUZZ_OK(bm_buf_put_u32(out, capability));
    if (capability == TPM2_CAP_TPM_PROPERTIES) {
        FUZZ_OK(bm_buf_put_u32(out, 1));
        FUZZ_OK(bm_buf_put_u32(out, property));
        FUZZ_OK(bm_buf_put_u32(out, NV_BUFFER));
        return;
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (there[i] && all[i] >> 24 == property >> 24 && all[i] >= property)
            FUZZ_OK(bm_buf_put_u32(&handles, all[i]));
    FUZZ_OK(bm_buf_put_u32(out, (uint32_t)handles.size / 4));
    FUZZ_OK(bm_buf_put(out, bm_buf_view(&handles)));
}

/* A command as it came: its code, its first two handles, and a reader at its parameters. */
typedef struct {
    uint32_t code;
    uint32_t handle[2];
    uint32_t session[3];
    bm_bytes nonce[3]; /* the caller's */
    uint8_t attributes[3];
    unsigned sessions;
    bm_cursor parameters;
} command_view;

static unsigned handles_of(uint32_t code)
{
    switch (code) {
    case TPM2_CC_NV_Read:
    case TPM2_CC_EvictControl:
    case TPM2_CC_PolicySecret:
    case TPM2_CC_ActivateCredential:
    case TPM2_CC_StartAuthSession:
        return 2;
    case TPM2_CC_GetCapability:
    case TPM2_CC_FlushContext:
        return 0;
    default:
        return 1;
    }
}

static command_view read_command(bm_bytes bytes)
{
    bm_cursor at = bm_cursor_of(bytes);
    command_view view = {.code = 0};
    bm_bytes area;
    uint16_t tag = 0;
    uint32_t size = 0;

    FUZZ_OK(bm_cursor_u16(&at, &tag));
    FUZZ_OK(bm_cursor_u32(&at, &size));
    FUZZ_MUST(size == bytes.size);
    FUZZ_OK(bm_cursor_u32(&at, &view.code));
    for (unsigned i = 0; i < handles_of(view.code); i++)
        FUZZ_OK(bm_cursor_u32(&at, &view.handle[i]));
    if (tag == TPM2_ST_SESSIONS) {
        FUZZ_OK(bm_cursor_sized32(&at, bytes.size, &area));
        for (bm_cursor session = bm_cursor_of(area); session.rest.size > 0; view.sessions++) {
            FUZZ_MUST(view.sessions < 3);
            FUZZ_OK(bm_cursor_u32(&session, &view.session[view.sessions]));
            FUZZ_OK(bm_cursor_sized16(&session, bytes.size, &view.nonce[view.sessions]));
            FUZZ_OK(bm_cursor_u8(&session, &view.attributes[view.sessions]));
            FUZZ_OK(bm_cursor_sized16(&session, bytes.size, &area));
        }
    }
    view.parameters = at;
    return view;
}

/* What lies at a handle: its public area and its Name; false when there is nothing. */
static bool put_area(bm_buf *out, const tpm_answers_options *options, uint32_t handle)
{
    const bm_request *has = request();
    const bm_buf *area = handle == EK_HANDLE ? &has->ek_public : &has->ik_public;

    if ((handle == EK_HANDLE && !options->has_ek) || (handle != EK_HANDLE && handle != BM_TPM_IK_HANDLE_DEFAULT && handle != LOADED) ||
        (handle == BM_TPM_IK_HANDLE_DEFAULT && !options->has_ik))
        return false;
    FUZZ_OK(bm_buf_put(out, bm_buf_view(area)));
    put_name(out, bm_buf_view(area));
    put_name(out, bm_buf_view(area));
    return true;
}

static void put_nv_read(bm_buf *out, command_view *command)
{
    uint16_t size = 0;
    uint16_t offset = 0;

    FUZZ_OK(bm_cursor_u16(&command->parameters, &size));
    FUZZ_OK(bm_cursor_u16(&command->parameters, &offset));
    put_sized(out, bm_bytes_slice(nv_content(command->handle[1]), offset, size));
}

static void put_primary(bm_buf *out, const command_view *command)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;

    if (command->handle[0] == TPM2_RH_ENDORSEMENT)
        FUZZ_OK(bm_buf_put(&area, bm_buf_view(&request()->ek_public)));
    else
        put_parent(&area);
    FUZZ_OK(bm_buf_put(out, bm_buf_view(&area)));
    put_creation(out);
    put_name(out, bm_buf_view(&area));
}

/* The parameters of the answer, and its handle (0: none). Returns the response code. */
static uint32_t put_parameters(bm_buf *out, const tpm_answers_options *options, command_view *command, uint32_t *handle)
{
    const bm_request *has = request();

    switch (command->code) {
    case TPM2_CC_GetCapability:
        put_capability(out, options, &command->parameters);
        return 0;
    case TPM2_CC_NV_ReadPublic:
        put_nv_public(out, command->handle[0]);
        return 0;
    case TPM2_CC_NV_Read:
        put_nv_read(out, command);
        return 0;
    case TPM2_CC_ReadPublic:
        return put_area(out, options, command->handle[0]) ? 0 : RC_HANDLE_1;
    case TPM2_CC_CreatePrimary:
        *handle = LOADED;
        put_primary(out, command);
        return 0;
    case TPM2_CC_Create:
        FUZZ_OK(bm_buf_put(out, tpm_answers_private()));
        FUZZ_OK(bm_buf_put(out, bm_buf_view(&has->ik_public)));
        put_creation(out);
        return 0;
    case TPM2_CC_Load:
        *handle = LOADED + 1;
        put_name(out, bm_buf_view(&has->ik_public));
        return 0;
    case TPM2_CC_StartAuthSession:
        *handle = SESSION;
        FUZZ_OK(bm_buf_put_u16(out, 32));
        put_zeros(out, 32);
        return 0;
    case TPM2_CC_Sign:
        FUZZ_OK(bm_buf_put_u16(out, BM_TPM_ALG_ECDSA));
        FUZZ_OK(bm_buf_put_u16(out, BM_TPM_ALG_SHA256));
        put_sized(out, bm_bytes_str("r: thirty-two bytes, as they are"));
        put_sized(out, bm_bytes_str("s: thirty-two bytes, as they are"));
        return 0;
    case TPM2_CC_PolicySecret:
        put_sized(out, bm_bytes_of(NULL, 0));
        FUZZ_OK(bm_buf_put_u16(out, TPM2_ST_AUTH_SECRET));
        FUZZ_OK(bm_buf_put_u32(out, TPM2_RH_NULL));
        put_sized(out, bm_bytes_of(NULL, 0));
        return 0;
    case TPM2_CC_ActivateCredential:
        put_sized(out, bm_bytes_str("a ticket of thirty-two bytes ..."));
        return 0;
    case TPM2_CC_EvictControl:
    case TPM2_CC_FlushContext:
    case TPM2_CC_PolicyOR:
    case TPM2_CC_TestParms:
        return 0;
    default:
        return RC_COMMAND_CODE;
    }
}

/* AES-CFB under an IV of its own: the first block of what is encrypted is such that the IV comes out. */
static void encrypt(bm_bytes key, bm_bytes iv, bm_bytes in, bm_buf *out)
{
    static const uint8_t zeros[16];
    BM_AUTO_BUF pad = BM_BUF_EMPTY;
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    FUZZ_OK(bm_cipher_cfb_encrypt(key, BM_BYTES_ARRAY(zeros), &pad));
    for (size_t i = 0; i < sizeof(zeros); i++)
        pad.data[i] ^= iv.data[i];
    FUZZ_OK(bm_buf_put(&pad, in));
    FUZZ_OK(bm_cipher_cfb_encrypt(key, bm_buf_view(&pad), &made));
    FUZZ_OK(bm_buf_put(out, bm_bytes_slice(bm_buf_view(&made), sizeof(zeros), in.size)));
}

/* The first parameter, when the session is to encrypt it: under the empty key, like the MAC (Part 1, 21.3). */
static void seal(bm_buf *parameters, const command_view *command, unsigned number)
{
    BM_AUTO_BUF nonce = BM_BUF_EMPTY;
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_cursor at = bm_cursor_of(bm_buf_view(parameters));
    uint8_t derived[32];
    bm_bytes first;

    if ((command->attributes[number] & TPMA_SESSION_ENCRYPT) == 0 || command->session[number] == TPM2_RS_PW)
        return;
    FUZZ_OK(bm_cursor_sized16(&at, parameters->size, &first));
    put_zeros(&nonce, 32);
    FUZZ_OK(bm_hash_kdfa(BM_HASH_SHA256, bm_bytes_of(NULL, 0), "CFB", bm_buf_view(&nonce), command->nonce[number], 256, derived));
    FUZZ_OK(bm_buf_put_u16(&made, (uint16_t)first.size));
    encrypt(bm_bytes_of(derived, 16), bm_bytes_of(derived + 16, 16), first, &made);
    FUZZ_OK(bm_buf_put(&made, at.rest));
    bm_buf_move(parameters, &made);
}

/*
 * The answer of a session: a password's is empty; that of a session of ours has the MAC that the TSS wants (Part 1, 19.6.8), under the empty
 * key.
 */
static void put_session(bm_buf *body, const command_view *command, unsigned number, bm_bytes parameters)
{
    static const uint8_t attributes = 0;
    BM_AUTO_BUF hashed = BM_BUF_EMPTY;
    BM_AUTO_BUF nonce = BM_BUF_EMPTY;
    uint8_t rp_hash[BM_SHA256_SIZE];
    bm_digest mac;

    if (command->session[number] == TPM2_RS_PW) {
        put_sized(body, bm_bytes_of(NULL, 0));
        FUZZ_OK(bm_buf_put_u8(body, 1));
        put_sized(body, bm_bytes_of(NULL, 0));
        return;
    }
    put_zeros(&nonce, 32);
    FUZZ_OK(bm_buf_put_u32(&hashed, 0));
    FUZZ_OK(bm_buf_put_u32(&hashed, command->code));
    FUZZ_OK(bm_buf_put(&hashed, parameters));
    FUZZ_OK(bm_hash_sha256(bm_buf_view(&hashed), rp_hash));
    {
        const bm_bytes parts[] = {BM_BYTES_ARRAY(rp_hash), bm_buf_view(&nonce), command->nonce[number], bm_bytes_of(&attributes, 1)};

        FUZZ_OK(bm_hash_hmac(BM_HASH_SHA256, bm_bytes_of(NULL, 0), parts, 4, &mac));
    }
    put_sized(body, bm_buf_view(&nonce));
    FUZZ_OK(bm_buf_put_u8(body, attributes));
    put_sized(body, bm_hash_view(&mac));
}

void tpm_answers_make(bm_bytes command, const tpm_answers_options *options, bm_buf *response, tpm_answers_place *place)
{
    command_view view = read_command(command);
    BM_AUTO_BUF parameters = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    uint32_t handle = 0;
    uint32_t rc = put_parameters(&parameters, options, &view, &handle);

    if (rc != 0) {
        view.sessions = 0;
        handle = 0;
        bm_buf_clear(&parameters);
    }
    for (unsigned i = 0; i < view.sessions; i++)
        seal(&parameters, &view, i);
    if (handle != 0)
        FUZZ_OK(bm_buf_put_u32(&body, handle));
    if (view.sessions > 0)
        FUZZ_OK(bm_buf_put_u32(&body, (uint32_t)parameters.size));
    place->start = 10 + body.size;
    place->size = parameters.size;
    FUZZ_OK(bm_buf_put(&body, bm_buf_view(&parameters)));
    for (unsigned i = 0; i < view.sessions; i++)
        put_session(&body, &view, i, bm_buf_view(&parameters));
    bm_buf_clear(response);
    FUZZ_OK(bm_buf_put_u16(response, view.sessions > 0 ? TPM2_ST_SESSIONS : TPM2_ST_NO_SESSIONS));
    FUZZ_OK(bm_buf_put_u32(response, (uint32_t)body.size + 10));
    FUZZ_OK(bm_buf_put_u32(response, rc));
    FUZZ_OK(bm_buf_put(response, bm_buf_view(&body)));
}
