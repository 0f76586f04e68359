#include "protocol/config_server.h"

#include <stddef.h>

#define RATE_MAX 1000000

/* Numbers: the key, its place, what it may be, and what is said otherwise. */
static const struct {
    const char *key;
    size_t place;
    unsigned min, max;
    const char *reason;
} numbers[] = {
    {"processes", offsetof(bm_config, servers), 0, 64, "processes is 0 (one a core) to 64"},
    {"max_connections", offsetof(bm_config, max_connections), 1, 65536, "max_connections is 1 to 65536"},
    {"address_rate", offsetof(bm_config, address_rate), 0, RATE_MAX, "address_rate is 0 (no limit) to 1000000 a second"},
    {"address_burst", offsetof(bm_config, address_burst), 1, RATE_MAX, "address_burst is 1 to 1000000"},
    {"total_rate", offsetof(bm_config, total_rate), 0, RATE_MAX, "total_rate is 0 (no limit) to 1000000 a second"},
    {"total_burst", offsetof(bm_config, total_burst), 1, RATE_MAX, "total_burst is 1 to 1000000"},
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* Durations, the same way. */
static const struct {
    const char *key;
    size_t place;
    unsigned max;
    const char *reason;
} durations[] = {
    {"request_timeout", offsetof(bm_config, request_timeout), 60, "request_timeout is a duration as 10s, at most 60s"},
    {"idle_timeout", offsetof(bm_config, idle_timeout), 3600, "idle_timeout is a duration as 60s, at most 1h"},
};
#define DURATIONS (sizeof(durations) / sizeof(durations[0]))

#define PROXIES_KEY (NUMBERS + DURATIONS)
_Static_assert(PROXIES_KEY < BM_CONFIG_SERVER_KEYS_MAX, "every key has its place among those that were given");

void bm_config_server_init(bm_config *config)
{
    config->max_connections = 10000;
    config->request_timeout = 10;
    config->idle_timeout = 60;
    config->address_rate = 600;
    config->address_burst = 6000;
    config->total_rate = 3000;
    config->total_burst = 6000;
}

/* Marks a key as given; not twice. */
static BM_RESULT give(bm_config_server_keys *keys, size_t index)
{
    BM_CHECK(!keys->given[index], BM_E_CONFIG_INVALID, "this key is given twice");
    keys->given[index] = true;
    return bm_ok();
}

/* The number of a table's row in the configuration. */
static unsigned *at(bm_config *config, size_t place)
{
    return (unsigned *)(void *)((char *)config + place);
}

static BM_RESULT set_proxies(bm_bytes value, bm_config *config)
{
    bm_bytes word;

    while (bm_text_next_word(&value, &word)) {
        BM_CHECK(config->trusted_proxy_count < BM_CONFIG_PROXIES_MAX, BM_E_CONFIG_INVALID, "trusted_proxies has more than 16 networks");
        if (bm_address_parse_network(word, &config->trusted_proxies[config->trusted_proxy_count]).code != BM_OK)
            return bm_fail(BM_E_CONFIG_INVALID, "trusted_proxies is a list of addresses and networks as 127.0.0.1, 10.0.0.0/8, 2001:db8::/32");
        config->trusted_proxy_count++;
    }
    return bm_ok();
}

BM_RESULT bm_config_server_set(bm_config_server_keys *keys, const char *key, bm_bytes value, bm_config *config)
{
    bm_bytes name = bm_bytes_str(key);

    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t number;

        if (!bm_bytes_equal(name, bm_bytes_str(numbers[i].key)))
            continue;
        BM_TRY(give(keys, i));
        if (bm_text_parse_u64(value, numbers[i].max, &number).code != BM_OK || number < numbers[i].min)
            return bm_fail(BM_E_CONFIG_INVALID, numbers[i].reason);
        *at(config, numbers[i].place) = (unsigned)number;
        return bm_ok();
    }
    for (size_t i = 0; i < DURATIONS; i++) {
        int64_t seconds;

        if (!bm_bytes_equal(name, bm_bytes_str(durations[i].key)))
            continue;
        BM_TRY(give(keys, NUMBERS + i));
        if (bm_text_parse_duration(value, &seconds).code != BM_OK || seconds < 1 || seconds > durations[i].max)
            return bm_fail(BM_E_CONFIG_INVALID, durations[i].reason);
        *at(config, durations[i].place) = (unsigned)seconds;
        return bm_ok();
    }
    if (!bm_bytes_equal(name, bm_bytes_str("trusted_proxies")))
        return bm_fail(BM_E_CONFIG_INVALID, "[server] has only the keys processes, max_connections, request_timeout, idle_timeout, "
                                            "address_rate, address_burst, total_rate, total_burst, trusted_proxies");
    BM_TRY(give(keys, PROXIES_KEY));
    return set_proxies(value, config);
}
