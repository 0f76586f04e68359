#include "device/cli/options_values.h"

#include "base/text.h"
#include "device/tpm/ek.h"
#include "device/tpm/ik.h"

#include <string.h>

BM_RESULT bm_options_values_handle(const char *text, uint32_t *handle)
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

BM_RESULT bm_options_values_key(const char *text, bm_key_type *key)
{
    bm_key_type type = bm_pubkey_type_by_name(bm_bytes_str(text));

    if (type != BM_KEY_RSA2048 && type != BM_KEY_RSA3072 && type != BM_KEY_ECC256 && type != BM_KEY_ECC384)
        return bm_failf(BM_E_USAGE, "'%.40s' is no key type: --key takes rsa2048, rsa3072, ecc256 or ecc384", text);
    *key = type;
    return bm_ok();
}

BM_RESULT bm_options_values_ek(const char *text, bm_options *options)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    if (strlen(text) != 2 * (size_t)BM_SHA256_SIZE || bm_text_from_hex(bm_bytes_str(text), &bytes).code != BM_OK)
        return bm_failf(BM_E_USAGE, "'%.80s' is no SHA-256: --ek-sha256 takes 64 hexadecimal digits, as 'birthmark show' prints them", text);
    options->has_ek = true;
    return bm_bytes_copy_exact(bm_buf_view(&bytes), options->ek, BM_SHA256_SIZE);
}

BM_RESULT bm_options_values_mode(const char *text, unsigned *mode)
{
    unsigned value = 0;

    for (const char *at = text; *at != 0; at++) {
        if (*at < '0' || *at > '7' || value > 0777)
            return bm_failf(BM_E_USAGE, "'%.40s' is no file mode: --mode takes octal digits, say 0660", text);
        value = value * 8 + (unsigned)(*at - '0');
    }
    if (text[0] == 0 || value > 0777 || (value & 0111) != 0 || value == 0)
        return bm_failf(BM_E_USAGE, "'%.40s' is no mode of a socket: --mode takes octal digits, say 0660", text);
    *mode = value;
    return bm_ok();
}

BM_RESULT bm_options_values_name(const char *text, const char **name)
{
    bm_address address;

    if (!bm_tunnel_address_is_name(text) && bm_address_parse(bm_bytes_str(text), &address).code != BM_OK)
        return bm_failf(BM_E_USAGE, "'%.80s' is neither a name nor an IP address: --name takes what the server's certificate has", text);
    *name = text;
    return bm_ok();
}

BM_RESULT bm_options_values_idle(const char *text, int64_t *idle)
{
    if (bm_text_parse_duration(bm_bytes_str(text), idle).code != BM_OK || *idle == 0)
        return bm_failf(BM_E_USAGE, "'%.40s' is no time: --idle takes digits and one of s m h d", text);
    return bm_ok();
}

BM_RESULT bm_options_values_parent(const char *text, bm_tpm_hierarchy *parent)
{
    bool endorsement = strcmp(text, "endorsement") == 0;

    if (!endorsement && strcmp(text, "owner") != 0)
        return bm_failf(BM_E_USAGE, "'%.40s' is no hierarchy for the identity key: --parent takes owner or endorsement", text);
    *parent = endorsement ? BM_TPM_ENDORSEMENT : BM_TPM_OWNER;
    return bm_ok();
}

BM_RESULT bm_options_values_persist(const char *text, bm_persist *persist)
{
    static const char *const names[] = {[BM_PERSIST_AUTO] = "auto", [BM_PERSIST_ALWAYS] = "always", [BM_PERSIST_NEVER] = "never"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i]) == 0) {
            *persist = (bm_persist)i;
            return bm_ok();
        }
    return bm_failf(BM_E_USAGE, "'%.40s' is no place for the identity key: --persist takes auto, always or never", text);
}

BM_RESULT bm_options_values_pcrs(const char *text, bm_tpm_pcrs *pcrs)
{
    if (bm_tpm_pcrs_parse(text, pcrs).code != BM_OK)
        return bm_failf(BM_E_USAGE,
                        "'%.60s' are no registers: --pcrs takes a bank (sha256, sha384 or sha512) and numbers from 0 to 23, say sha256:0,2,7", text);
    return bm_ok();
}

BM_RESULT bm_options_values_wait(const char *text, int64_t *wait)
{
    int64_t parsed;

    if (bm_text_parse_duration(bm_bytes_str(text), &parsed).code != BM_OK || parsed > 86400)
        return bm_failf(BM_E_USAGE, "'%.40s' is no time to wait: --wait takes digits and one of s m h, up to 24h; 0s does not wait", text);
    *wait = parsed;
    return bm_ok();
}
