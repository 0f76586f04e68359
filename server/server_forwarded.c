#include "server/server_forwarded.h"

bool bm_server_forwarded_is_trusted(const bm_config *config, const bm_address *address)
{
    for (size_t i = 0; i < config->trusted_proxy_count; i++)
        if (bm_address_is_in(address, &config->trusted_proxies[i]))
            return true;
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the last element off a list with commas, without the white space around it; what is left may be empty. */
static bm_bytes cut_last(bm_bytes *list)
{
    const bm_bytes all = *list;
    size_t start = all.size, from, to = all.size;

    while (start > 0 && all.data[start - 1] != ',')
        start--;
    from = start;
    while (from < to && is_space(all.data[from]))
        from++;
    while (to > from && is_space(all.data[to - 1]))
        to--;
    *list = bm_bytes_slice(all, 0, start > 0 ? start - 1 : 0);
    return bm_bytes_slice(all, from, to - from);
}

BM_RESULT bm_server_forwarded_find(const bm_config *config, const bm_address *peer, const bm_server_head *head, bm_address *client)
{
    bm_address found = *peer;

    BM_CHECK(head->forwarded_count <= BM_SERVER_HEAD_FORWARDED_MAX || !bm_server_forwarded_is_trusted(config, peer),
             BM_E_REQUEST_MALFORMED, "there are too many fields X-Forwarded-For");
    for (size_t i = head->forwarded_count; i > 0 && bm_server_forwarded_is_trusted(config, &found); i--) {
        bm_bytes list = head->forwarded[i - 1];

        do {
            BM_CHECK(bm_address_parse(cut_last(&list), &found).code == BM_OK, BM_E_REQUEST_MALFORMED,
                     "X-Forwarded-For of a trusted proxy is no list of addresses");
        } while (list.size > 0 && bm_server_forwarded_is_trusted(config, &found));
    }
    *client = found;
    return bm_ok();
}
