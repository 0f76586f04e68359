#include "swarm/url.h"

#include "base/address.h"
#include "base/text.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

static const char scheme[] = "https://";

static BM_RESULT wrong(const char *text)
{
    return bm_failf(BM_E_USAGE, "'%.80s' is no address of a server: --server takes https://HOST[:PORT]", text);
}

static bool is_host(bm_bytes host)
{
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_'))
            return false;
    }
    return host.size > 0 && host.size <= BM_SWARM_URL_HOST_MAX;
}

static bool is_path(bm_bytes path)
{
    for (size_t i = 0; i < path.size; i++)
        if (path.data[i] <= 0x20 || path.data[i] >= 0x7F || path.data[i] == '?' || path.data[i] == '#')
            return false;
    return path.size <= BM_SWARM_URL_PATH_MAX;
}

/* The host and what stands behind it; an address of IPv6 stands in brackets. */
static bool split_host(bm_bytes authority, bm_bytes *host, bm_bytes *rest)
{
    const uint8_t *end = authority.size == 0 ? NULL : memchr(authority.data, authority.data[0] == '[' ? ']' : ':', authority.size);
    bool brackets = authority.size > 0 && authority.data[0] == '[';
    size_t size = end == NULL ? authority.size : (size_t)(end - authority.data);

    if (brackets && end == NULL)
        return false;
    *host = bm_bytes_slice(authority, brackets ? 1 : 0, brackets ? size - 1 : size);
    size += brackets ? 1 : 0;
    *rest = bm_bytes_slice(authority, size, authority.size - size);
    return true;
}

static BM_RESULT parse_authority(const char *text, bm_bytes authority, bm_swarm_url *url)
{
    bm_bytes host, rest;
    bm_address address;
    uint64_t port = 443;

    if (!split_host(authority, &host, &rest))
        return wrong(text);
    url->is_address = bm_address_parse(host, &address).code == BM_OK;
    if (!url->is_address && (!is_host(host) || authority.data[0] == '['))
        return wrong(text);
    if (rest.size > 0 && (rest.data[0] != ':' || bm_text_parse_u64(bm_bytes_slice(rest, 1, rest.size - 1), 65535, &port).code != BM_OK || port == 0))
        return wrong(text);
    (void)snprintf(url->host, sizeof(url->host), "%.*s", (int)host.size, (const char *)host.data);
    (void)snprintf(url->port, sizeof(url->port), "%u", (unsigned)port);
    (void)snprintf(url->authority, sizeof(url->authority), "%.*s", (int)authority.size, (const char *)authority.data);
    return bm_ok();
}

BM_RESULT bm_swarm_url_parse(const char *text, bm_swarm_url *url)
{
    bm_swarm_url found = {0};
    bm_bytes rest = bm_bytes_str(text);
    size_t begin = sizeof(scheme) - 1;
    bm_bytes authority, path;
    const uint8_t *slash;

    if (rest.size <= begin || strncmp(text, scheme, begin) != 0)
        return wrong(text);
    rest = bm_bytes_slice(rest, begin, rest.size - begin);
    slash = memchr(rest.data, '/', rest.size);
    authority = bm_bytes_slice(rest, 0, slash == NULL ? rest.size : (size_t)(slash - rest.data));
    path = bm_bytes_slice(rest, authority.size, rest.size - authority.size);
    while (path.size > 0 && path.data[path.size - 1] == '/')
        path.size--;
    if (!is_path(path))
        return wrong(text);
    BM_TRY(parse_authority(text, authority, &found));
    (void)snprintf(found.path, sizeof(found.path), "%.*s", (int)path.size, (const char *)path.data);
    *url = found;
    return bm_ok();
}

BM_RESULT bm_swarm_url_resolve(const bm_swarm_url *url, bm_swarm_target *targets, size_t max, size_t *count)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(url->host, url->port, &hints, &list);
    bm_result result = bm_ok();

    *count = 0;
    if (error != 0)
        return bm_failf(BM_E_NETWORK, "the name %s is not found (%s): check --server and the name service", url->host, gai_strerror(error));
    for (const struct addrinfo *at = list; at != NULL && *count < max && result.code == BM_OK; at = at->ai_next) {
        bm_swarm_target *target = &targets[(*count)++];

        *target = (bm_swarm_target){.size = at->ai_addrlen};
        result = bm_bytes_copy_exact(bm_bytes_of(at->ai_addr, at->ai_addrlen), (uint8_t *)&target->address, at->ai_addrlen);
    }
    freeaddrinfo(list);
    return result;
}
