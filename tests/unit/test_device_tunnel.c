/* device/tunnel/address, message and log: where the tunnel listens and goes, what its processes say, and how much it says. */
#include "unit.h"

#include "device/cli/options.h"
#include "device/tunnel/log.h"
#include "device/tunnel/message.h"

#include <string.h>

static void test_places_are_unix_sockets_and_the_loopback(void **state)
{
    bm_tunnel_place place;

    (void)state;
    assert_ok(bm_tunnel_address_parse_place("unix:/run/t.sock", &place));
    assert_string_equal(place.path, "/run/t.sock");
    assert_ok(bm_tunnel_address_parse_place("127.0.0.1:1883", &place));
    assert_string_equal(place.path, "");
    assert_int_equal(place.port, 1883);
    assert_true(bm_address_is_v4(&place.address));
    assert_ok(bm_tunnel_address_parse_place("[::1]:0", &place));
    assert_false(bm_address_is_v4(&place.address));
}

static void test_places_that_others_reach_and_nonsense_are_refused(void **state)
{
    static const char *const bad[] = {"", "unix:", "0.0.0.0:80", "192.0.2.1:80", "[::]:80", "[::ffff:192.0.2.1]:80", "localhost:80", "127.0.0.1", "127.0.0.1:",
                                      "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:8x", "::1:80", "[127.0.0.1:80", ":80", "127.0.0.2:80", "/run/t.sock"};
    char path[6 + BM_TUNNEL_PATH_MAX + 2] = "unix:/";
    bm_tunnel_place place;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(bm_tunnel_address_parse_place(bad[i], &place).code, BM_E_USAGE);
    memset(path + 6, 'x', BM_TUNNEL_PATH_MAX - 1);
    assert_ok(bm_tunnel_address_parse_place(path, &place));
    path[5 + BM_TUNNEL_PATH_MAX] = 'x';
    assert_int_equal(bm_tunnel_address_parse_place(path, &place).code, BM_E_USAGE);
}

static void test_servers_are_names_or_addresses_with_a_port(void **state)
{
    static const char *const bad[] = {"", "host", "host:", "host:0", "host:65536", ":443", "ho st:443", "host..a:443", ".host:443", "host.:443", "2001:db8::1:443",
                                      "[2001:db8::1]", "https://host:443", "[]:443", "-\n:443", "h\xc3\xb6st:443"};
    bm_tunnel_server server;

    (void)state;
    assert_ok(bm_tunnel_address_parse_server("mqtt.example.com:8883", &server));
    assert_string_equal(server.host, "mqtt.example.com");
    assert_int_equal(server.port, 8883);
    assert_false(server.is_address);
    assert_ok(bm_tunnel_address_parse_server("[2001:db8::1]:443", &server));
    assert_string_equal(server.host, "2001:db8::1");
    assert_true(server.is_address);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(bm_tunnel_address_parse_server(bad[i], &server).code, BM_E_USAGE);
}

static void make_wish(bm_tls_wish *wish)
{
    *wish = (bm_tls_wish){.handle = 0x81020000u, .scheme = BM_TLS_PSS, .hash = BM_HASH_SHA384, .digest = {.size = 48}};
    memset(wish->key, 7, sizeof(wish->key));
    memset(wish->digest.bytes, 9, 48);
}

static void test_a_wish_arrives_as_it_was_sent(void **state)
{
    BM_AUTO_BUF ask = BM_BUF_EMPTY;
    bm_tls_wish wish;
    bm_tls_wish got;
    bm_tunnel_ask type;

    (void)state;
    make_wish(&wish);
    assert_ok(bm_tunnel_message_put_wish(&ask, &wish));
    assert_ok(bm_tunnel_message_parse_ask(bm_buf_view(&ask), &type, &got));
    assert_int_equal(type, BM_TUNNEL_ASK_SIGN);
    assert_int_equal(got.handle, wish.handle);
    assert_int_equal(got.scheme, BM_TLS_PSS);
    assert_int_equal(got.hash, BM_HASH_SHA384);
    assert_memory_equal(got.key, wish.key, sizeof(wish.key));
    assert_memory_equal(got.digest.bytes, wish.digest.bytes, 48);
}

static void test_requests_that_are_cut_longer_or_of_no_kind_are_refused(void **state)
{
    BM_AUTO_BUF ask = BM_BUF_EMPTY;
    bm_tls_wish wish;
    bm_tunnel_ask type;
    static const size_t wrong[] = {0, 37, 38}; /* the type, the scheme, the hash */

    (void)state;
    make_wish(&wish);
    assert_ok(bm_tunnel_message_put_wish(&ask, &wish));
    for (size_t size = 0; size < ask.size; size++)
        assert_int_equal(bm_tunnel_message_parse_ask(bm_bytes_of(ask.data, size), &type, &wish).code, BM_E_MALFORMED);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint8_t before = ask.data[wrong[i]];

        ask.data[wrong[i]] = 0;
        assert_int_equal(bm_tunnel_message_parse_ask(bm_buf_view(&ask), &type, &wish).code, BM_E_MALFORMED);
        ask.data[wrong[i]] = 99;
        assert_int_equal(bm_tunnel_message_parse_ask(bm_buf_view(&ask), &type, &wish).code, BM_E_MALFORMED);
        ask.data[wrong[i]] = before;
    }
    assert_ok(bm_buf_put_u8(&ask, 0));
    assert_int_equal(bm_tunnel_message_parse_ask(bm_buf_view(&ask), &type, &wish).code, BM_E_MALFORMED);
}

static void test_a_failure_arrives_with_its_code_and_sentence(void **state)
{
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_result result;

    (void)state;
    assert_ok(bm_tunnel_message_put_failure(&reply, bm_fail(BM_E_TPM_LOCKOUT, "TPM2_Sign was refused")));
    result = bm_tunnel_message_parse_bytes(bm_buf_view(&reply), &bytes);
    assert_int_equal(result.code, BM_E_TPM_LOCKOUT);
    assert_string_equal(result.detail, "TPM2_Sign was refused");
    reply.data[0] = 2;
    assert_int_equal(bm_tunnel_message_parse_bytes(bm_buf_view(&reply), &bytes).code, BM_E_MALFORMED);
    reply.data[0] = 0;
    reply.data[4] = 0; /* the code of no failure */
    assert_int_equal(bm_tunnel_message_parse_bytes(bm_buf_view(&reply), &bytes).code, BM_E_MALFORMED);
    reply.data[3] = 0xff;
    assert_int_equal(bm_tunnel_message_parse_bytes(bm_buf_view(&reply), &bytes).code, BM_E_MALFORMED);
}

static void test_addresses_arrive_and_none_or_too_many_are_refused(void **state)
{
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_tunnel_addresses sent = {.count = 2};
    bm_tunnel_addresses got;

    (void)state;
    assert_ok(bm_address_parse(bm_bytes_str("192.0.2.1"), &sent.address[0]));
    assert_ok(bm_address_parse(bm_bytes_str("2001:db8::1"), &sent.address[1]));
    assert_ok(bm_tunnel_message_put_addresses(&reply, &sent));
    assert_ok(bm_tunnel_message_parse_addresses(bm_buf_view(&reply), &got));
    assert_int_equal(got.count, 2);
    assert_memory_equal(&got.address[1], &sent.address[1], sizeof(sent.address[1]));
    reply.data[1] = 0;
    assert_int_equal(bm_tunnel_message_parse_addresses(bm_buf_view(&reply), &got).code, BM_E_MALFORMED);
    reply.data[1] = BM_TUNNEL_ADDRESSES_MAX + 1;
    assert_int_equal(bm_tunnel_message_parse_addresses(bm_buf_view(&reply), &got).code, BM_E_MALFORMED);
}

static void test_a_flood_of_lines_is_cut_and_counted(void **state)
{
    bm_tunnel_log log = {0};
    unsigned missed;

    (void)state;
    for (unsigned i = 0; i < BM_TUNNEL_LOG_LINES; i++)
        assert_true(bm_tunnel_log_may(&log, 1000, &missed));
    assert_false(bm_tunnel_log_may(&log, 1001, &missed));
    assert_false(bm_tunnel_log_may(&log, 1002, &missed));
    assert_true(bm_tunnel_log_may(&log, 1000 + (int64_t)BM_TUNNEL_LOG_SECONDS * 1000000000, &missed));
    assert_int_equal(missed, 2);
}

static bm_result parse(bm_options *options, const char *option, const char *value)
{
    char *argv[] = {(char *)(uintptr_t)"birthmark", (char *)(uintptr_t)"tunnel", (char *)(uintptr_t)"--to", (char *)(uintptr_t)"h:1",
                    (char *)(uintptr_t)option, (char *)(uintptr_t)value, NULL};

    return bm_options_parse(option == NULL ? 4 : 6, argv, NULL, options);
}

static void test_options_of_the_tunnel(void **state)
{
    static const char *const bad[][2] = {{"--mode", "0700"}, {"--mode", "8"}, {"--mode", ""}, {"--mode", "0"}, {"--mode", "66666"}, {"--idle", "0s"}, {"--idle", "5"},
                                         {"--name", "a b"}, {"--name", ""}, {"--to", "h"}, {"--listen", "0.0.0.0:1"}, {"--serial", "SN"}};
    bm_options options;

    (void)state;
    assert_ok(parse(&options, NULL, NULL));
    assert_int_equal(options.mode, 0600);
    assert_int_equal(options.idle, 12 * 3600);
    assert_false(options.listens);
    assert_ok(parse(&options, "--mode", "0660"));
    assert_int_equal(options.mode, 0660);
    assert_ok(parse(&options, "--name", "192.0.2.1"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(&options, bad[i][0], bad[i][1]).code, BM_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_are_unix_sockets_and_the_loopback),
        cmocka_unit_test(test_places_that_others_reach_and_nonsense_are_refused),
        cmocka_unit_test(test_servers_are_names_or_addresses_with_a_port),
        cmocka_unit_test(test_a_wish_arrives_as_it_was_sent),
        cmocka_unit_test(test_requests_that_are_cut_longer_or_of_no_kind_are_refused),
        cmocka_unit_test(test_a_failure_arrives_with_its_code_and_sentence),
        cmocka_unit_test(test_addresses_arrive_and_none_or_too_many_are_refused),
        cmocka_unit_test(test_a_flood_of_lines_is_cut_and_counted),
        cmocka_unit_test(test_options_of_the_tunnel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
