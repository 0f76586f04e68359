#include "device/cli/options_values.h"

#include "base/text.h"
#include "device/tunnel/address.h"

#include <string.h>

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

BM_RESULT bm_options_values_wait(const char *text, int64_t *wait)
{
    int64_t parsed;

    if (bm_text_parse_duration(bm_bytes_str(text), &parsed).code != BM_OK || parsed > 86400)
        return bm_failf(BM_E_USAGE, "'%.40s' is no time to wait: --wait takes digits and one of s m h, up to 24h; 0s does not wait", text);
    *wait = parsed;
    return bm_ok();
}
