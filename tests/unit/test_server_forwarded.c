#include "unit.h"

#include "server/server_forwarded.h"

static const char *const trusted[] = {"127.0.0.1", "::1", "10.0.0.0/8", "2001:db8::/32"};

static bm_config config_of(void)
{
    bm_config config = {.trusted_proxy_count = sizeof(trusted) / sizeof(trusted[0])};

    for (size_t i = 0; i < config.trusted_proxy_count; i++)
        assert_ok(bm_address_parse_network(bm_bytes_str(trusted[i]), &config.trusted_proxies[i]));
    return config;
}

/* The client of a request from `peer` with these fields; NULL in place of a second one. */
static bm_result find(const char *peer_text, const char *first, const char *second, char client_text[BM_ADDRESS_TEXT_SIZE])
{
    bm_config config = config_of();
    bm_server_head head = {.forwarded_count = (first != NULL) + (second != NULL)};
    bm_address peer, client;
    bm_result result;

    if (first != NULL)
        head.forwarded[0] = bm_bytes_str(first);
    if (second != NULL)
        head.forwarded[1] = bm_bytes_str(second);
    assert_ok(bm_address_parse(bm_bytes_str(peer_text), &peer));
    result = bm_server_forwarded_find(&config, &peer, &head, &client);
    if (result.code == BM_OK)
        bm_address_text(&client, client_text);
    return result;
}

static void the_client_is_the_last_address_that_is_no_proxy(void **state)
{
    static const struct {
        const char *peer, *first, *second, *client;
    } rows[] = {
        {"127.0.0.1", "192.0.2.7", NULL, "192.0.2.7"},
        {"::1", "192.0.2.7", NULL, "192.0.2.7"},
        {"10.1.2.3", "203.0.113.9, 192.0.2.7", NULL, "192.0.2.7"},
        {"10.1.2.3", "203.0.113.9, 192.0.2.7 , 10.9.9.9", NULL, "192.0.2.7"},
        {"10.1.2.3", "203.0.113.9,192.0.2.7,10.9.9.9,\t2001:db8::4", NULL, "192.0.2.7"},
        {"10.1.2.3", "203.0.113.9", "192.0.2.7", "192.0.2.7"},
        {"10.1.2.3", "203.0.113.9", "10.9.9.9", "203.0.113.9"},
        {"10.1.2.3", "2001:db9::5", NULL, "2001:db9::5"},
        /* All are proxies: the first. */
        {"10.1.2.3", "10.7.7.7, 10.9.9.9", NULL, "10.7.7.7"},
        /* The proxy says nothing. */
        {"10.1.2.3", NULL, NULL, "10.1.2.3"},
        /* What a client says of itself before the address that counts. */
        {"10.1.2.3", "unknown, 192.0.2.7", NULL, "192.0.2.7"},
        {"10.1.2.3", "unknown", "192.0.2.7", "192.0.2.7"},
        {"10.1.2.3", ",,, 192.0.2.7", NULL, "192.0.2.7"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char client[BM_ADDRESS_TEXT_SIZE];

        assert_ok(find(rows[i].peer, rows[i].first, rows[i].second, client));
        assert_string_equal(client, rows[i].client);
    }
}

static void nobody_else_is_believed(void **state)
{
    static const char *const said[] = {"203.0.113.9", "127.0.0.1", "unknown", "", ","};
    char client[BM_ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        assert_ok(find("192.0.2.7", said[i], NULL, client));
        assert_string_equal(client, "192.0.2.7");
    }
}

static void a_proxy_that_says_no_address_is_refused(void **state)
{
    static const char *const said[] = {"",           " ",        ",",           "unknown",         "_x",        "192.0.2.7:443", "[2001:db9::5]",
                                       "192.0.2.7,", "192.0.2.7,,10.9.9.9", "192.0.2.7;10.9.9.9", "192.0.2.7 10.9.9.9", "192.0.2", "unknown, 10.9.9.9"};
    char client[BM_ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        if (find("10.1.2.3", said[i], NULL, client).code != BM_E_REQUEST_MALFORMED)
            fail_msg("'%s' was taken", said[i]);
}

static void too_many_fields_of_a_proxy_are_refused(void **state)
{
    const bm_config config = config_of();
    bm_server_head head;
    bm_address proxy, other, client;
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2\r\n"
                               "X-Forwarded-For: 192.0.2.3\r\nX-Forwarded-For: 192.0.2.4\r\nX-FORWARDED-FOR: 192.0.2.5\r\n\r\n";

    (void)state;
    assert_ok(bm_server_head_parse(bm_bytes_str(text), 0, &head));
    assert_ok(bm_address_parse(bm_bytes_str("10.1.2.3"), &proxy));
    assert_ok(bm_address_parse(bm_bytes_str("192.0.2.9"), &other));
    assert_code(bm_server_forwarded_find(&config, &proxy, &head, &client), BM_E_REQUEST_MALFORMED);
    assert_ok(bm_server_forwarded_find(&config, &other, &head, &client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_last_address_that_is_no_proxy),
        cmocka_unit_test(nobody_else_is_believed),
        cmocka_unit_test(a_proxy_that_says_no_address_is_refused),
        cmocka_unit_test(too_many_fields_of_a_proxy_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
