#include "device/exchange/enrolment_options.h"

#include "base/text.h"
#include "device/tpm/ek.h"
#include "device/tpm/ik.h"

#include <string.h>

BM_RESULT bm_enrolment_options_handle(const char *text, uint32_t *handle)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_cursor cursor;
    uint32_t value = 0;

    if (strncmp(text, "0x", 2) == 0 && strlen(text) == 10 &&
        bm_text_from_hex(bm_bytes_str(text + 2), &bytes).code == BM_OK) {
        cursor = bm_cursor_of(bm_buf_view(&bytes));
        BM_TRY(bm_cursor_u32(&cursor, &value));
    }
    BM_CHECK(value < BM_TPM_EK_PERSISTENT_FIRST || value > BM_TPM_EK_PERSISTENT_LAST, BM_E_USAGE,
             "the handles 0x81010000 to 0x8101ffff are for endorsement keys: --handle takes another, say 0x81020000");
    if (value < BM_TPM_IK_HANDLE_FIRST || value > BM_TPM_IK_HANDLE_LAST)
        return bm_failf(BM_E_USAGE, "'%.40s' is no handle for the owner's keys: --handle takes 0x81000000 to 0x817fffff", text);
    *handle = value;
    return bm_ok();
}

BM_RESULT bm_enrolment_options_key(const char *text, bm_key_type *key)
{
    bm_key_type type = bm_pubkey_type_by_name(bm_bytes_str(text));

    if (type != BM_KEY_RSA2048 && type != BM_KEY_RSA3072 && type != BM_KEY_ECC256 && type != BM_KEY_ECC384)
        return bm_failf(BM_E_USAGE, "'%.40s' is no key type: --key takes rsa2048, rsa3072, ecc256 or ecc384", text);
    *key = type;
    return bm_ok();
}

BM_RESULT bm_enrolment_options_ek(const char *text, uint8_t ek[BM_SHA256_SIZE])
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    if (strlen(text) != 2 * (size_t)BM_SHA256_SIZE || bm_text_from_hex(bm_bytes_str(text), &bytes).code != BM_OK)
        return bm_failf(BM_E_USAGE, "'%.80s' is no SHA-256: --ek-sha256 takes 64 hexadecimal digits, as 'birthmark show' prints them", text);
    return bm_bytes_copy_exact(bm_buf_view(&bytes), ek, BM_SHA256_SIZE);
}

BM_RESULT bm_enrolment_options_parent(const char *text, bm_tpm_hierarchy *parent)
{
    bool endorsement = strcmp(text, "endorsement") == 0;

    if (!endorsement && strcmp(text, "owner") != 0)
        return bm_failf(BM_E_USAGE, "'%.40s' is no hierarchy for the identity key: --parent takes owner or endorsement", text);
    *parent = endorsement ? BM_TPM_ENDORSEMENT : BM_TPM_OWNER;
    return bm_ok();
}

BM_RESULT bm_enrolment_options_persist(const char *text, bm_persist *persist)
{
    static const char *const names[] = {[BM_PERSIST_AUTO] = "auto", [BM_PERSIST_ALWAYS] = "always", [BM_PERSIST_NEVER] = "never"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i]) == 0) {
            *persist = (bm_persist)i;
            return bm_ok();
        }
    return bm_failf(BM_E_USAGE, "'%.40s' is no place for the identity key: --persist takes auto, always or never", text);
}

BM_RESULT bm_enrolment_options_pcrs(const char *text, bm_tpm_pcrs *pcrs)
{
    if (bm_tpm_pcrs_parse(text, pcrs).code != BM_OK)
        return bm_failf(BM_E_USAGE,
                        "'%.60s' are no registers: --pcrs takes a bank (sha256, sha384 or sha512) and numbers from 0 to 23, say sha256:0,2,7", text);
    return bm_ok();
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 && text[strlen(prefix)] != 0;
}

BM_RESULT bm_enrolment_options_check_server(const char *server)
{
    if (!has_prefix(server, "https://") && !has_prefix(server, "http://"))
        return bm_failf(BM_E_USAGE, "'%.80s' is no address of a server: --server takes https://HOST[:PORT]", server);
    return bm_ok();
}

static BM_RESULT check_kind(const bm_enrolment_options *options)
{
    BM_CHECK(options->key_auth == NULL || options->pcrs.mask == 0, BM_E_USAGE,
             "--key-auth and --pcrs do not go together: a key has an authorisation value or a policy of registers");
    BM_CHECK(options->persist != BM_PERSIST_NEVER || !options->has_parent || options->parent == BM_TPM_OWNER, BM_E_USAGE,
             "--persist never does not go with --parent endorsement: such a key has no file that programs could load");
    return bm_ok();
}

/* The server, and who verifies it. */
static BM_RESULT check_server(const bm_enrolment_options *options)
{
    BM_TRY(bm_enrolment_options_check_server(options->server));
    BM_CHECK(options->ca != NULL || has_prefix(options->server, "http://"), BM_E_USAGE,
             "--ca is missing: give the file of certificates that verifies the server");
    return bm_ok();
}

BM_RESULT bm_enrolment_options_check(const bm_enrolment_options *options)
{
    if (options->server != NULL)
        BM_TRY(check_server(options));
    if (options->serial != NULL && !bm_text_is_identity(bm_bytes_str(options->serial)))
        return bm_failf(BM_E_USAGE,
                        "'%.80s' is no identity: --serial takes 1 to 64 of A-Z a-z 0-9 . _ : -, the first a letter or a digit",
                        options->serial);
    if (options->profile[0] != 0 && !bm_text_is_profile_name(bm_bytes_str(options->profile)))
        return bm_failf(BM_E_USAGE, "'%.80s' is no name of a profile: --profile takes 1 to 32 of a-z 0-9 -", options->profile);
    return check_kind(options);
}

BM_RESULT bm_enrolment_options_check_request(const bm_enrolment_options *options)
{
    BM_TRY(bm_enrolment_options_check(options));
    BM_CHECK(options->serial != NULL, BM_E_USAGE, "--serial is missing: give the identity that this device asks for");
    return bm_ok();
}

BM_RESULT bm_enrolment_options_check_enroll(const bm_enrolment_options *options)
{
    BM_CHECK(options->server != NULL, BM_E_USAGE, "--server is missing: give the identity CA's address, https://HOST[:PORT]");
    return bm_enrolment_options_check_request(options);
}
