#include "device/tunnel/address.h"

#include "base/text.h"

#include <string.h>

#define LABEL_MAX 63

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool bm_tunnel_address_is_name(const char *text)
{
    size_t label = 0;

    if (strlen(text) > BM_TUNNEL_HOST_MAX)
        return false;
    for (; *text != 0; text++) {
        if (*text == '.' && label == 0)
            return false;
        if (*text != '.' && !is_label_byte(*text))
            return false;
        label = *text == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
    }
    return label > 0;
}

/* Cuts HOST:PORT or [HOST]:PORT into its two. */
static bool split(const char *text, bm_bytes *host, bm_bytes *port)
{
    const char *colon = strrchr(text, ':');
    bm_bytes all = bm_bytes_str(text);
    size_t at;

    if (colon == NULL)
        return false;
    at = (size_t)(colon - text);
    *port = bm_bytes_slice(all, at + 1, all.size - at - 1);
    *host = bm_bytes_slice(all, 0, at);
    if (at >= 2 && text[0] == '[' && text[at - 1] == ']')
        *host = bm_bytes_slice(all, 1, at - 2);
    else if (memchr(text, ':', at) != NULL)
        return false;
    return host->size > 0 && host->size <= BM_TUNNEL_HOST_MAX;
}

static bool take_port(bm_bytes text, uint16_t *port)
{
    uint64_t value;

    if (text.size == 0 || bm_text_parse_u64(text, UINT16_MAX, &value).code != BM_OK)
        return false;
    *port = (uint16_t)value;
    return true;
}

static BM_RESULT take_path(const char *path, bm_tunnel_place *place)
{
    size_t size = strlen(path);

    BM_CHECK(size > 0, BM_E_USAGE, "--listen unix: lacks the path of the socket: write unix:/run/birthmark/tunnel.sock");
    if (size > BM_TUNNEL_PATH_MAX)
        return bm_failf(BM_E_USAGE, "the path of a unix socket has at most %d bytes: give --listen a shorter one", BM_TUNNEL_PATH_MAX);
    return bm_bytes_copy_exact(bm_bytes_of(path, size), (uint8_t *)place->path, size);
}

BM_RESULT bm_tunnel_address_parse_place(const char *text, bm_tunnel_place *place)
{
    bm_tunnel_place parsed = {.port = 0};
    bm_address four;
    bm_address six;
    bm_bytes host;
    bm_bytes port;

    if (strncmp(text, "unix:", 5) == 0) {
        BM_TRY(take_path(text + 5, &parsed));
        *place = parsed;
        return bm_ok();
    }
    BM_TRY(bm_address_parse(bm_bytes_str("127.0.0.1"), &four));
    BM_TRY(bm_address_parse(bm_bytes_str("::1"), &six));
    if (!split(text, &host, &port) || !take_port(port, &parsed.port))
        return bm_failf(BM_E_USAGE, "'%.80s' is no place to listen: --listen takes unix:PATH, 127.0.0.1:PORT or [::1]:PORT", text);
    if (bm_address_parse(host, &parsed.address).code != BM_OK ||
        (!bm_bytes_equal(BM_BYTES_ARRAY(parsed.address.bytes), BM_BYTES_ARRAY(four.bytes)) &&
         !bm_bytes_equal(BM_BYTES_ARRAY(parsed.address.bytes), BM_BYTES_ARRAY(six.bytes))))
        return bm_failf(BM_E_USAGE,
                        "'%.80s' can be reached from elsewhere or is no address, and whoever reaches it is this device to the server: --listen "
                        "takes unix:PATH, 127.0.0.1:PORT or [::1]:PORT",
                        text);
    *place = parsed;
    return bm_ok();
}

BM_RESULT bm_tunnel_address_parse_server(const char *text, bm_tunnel_server *server)
{
    bm_tunnel_server parsed = {.port = 0};
    bm_bytes host;
    bm_bytes port;

    if (!split(text, &host, &port) || !take_port(port, &parsed.port) || parsed.port == 0)
        return bm_failf(BM_E_USAGE, "'%.80s' is no server: --to takes HOST:PORT (an IPv6 address in brackets)", text);
    BM_TRY(bm_bytes_copy_exact(host, (uint8_t *)parsed.host, host.size));
    parsed.is_address = bm_address_parse(host, &parsed.address).code == BM_OK;
    if (!parsed.is_address && !bm_tunnel_address_is_name(parsed.host))
        return bm_failf(BM_E_USAGE, "'%.80s' is neither a name nor an IP address: --to takes HOST:PORT (an IPv6 address in brackets)", text);
    *server = parsed;
    return bm_ok();
}
