/*
 * base/text.h and base/address.h: hex, base64, UTF-8, times, durations, numbers, identities, IP addresses. What is accepted as the text of a value is the text that the
 * value is written as, where there is but one.
 */
#include "fuzz.h"

#include "base/address.h"
#include "base/text.h"

#include <string.h>

static void check_base64(bm_bytes text)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;

    if (bm_text_from_base64(text, &bytes).code != BM_OK)
        return;
    FUZZ_OK(bm_text_put_base64(&again, bm_buf_view(&bytes)));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), text));
}

static void check_hex(bm_bytes text)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;

    if (bm_text_from_hex(text, &bytes).code != BM_OK)
        return;
    FUZZ_OK(bm_text_put_hex(&again, bm_buf_view(&bytes)));
    FUZZ_MUST(again.size == text.size);
    for (size_t i = 0; i < text.size; i++)
        FUZZ_MUST(again.data[i] == (text.data[i] >= 'A' && text.data[i] <= 'F' ? text.data[i] + 32 : text.data[i]));
}

static void check_times(bm_bytes text)
{
    char shown[BM_TIME_TEXT_SIZE];
    int64_t time;
    int64_t seconds;
    uint64_t number;

    if (bm_text_parse_time(text, &time).code == BM_OK && time >= 0) {
        bm_text_time(time, shown);
        FUZZ_MUST(bm_bytes_equal(bm_bytes_str(shown), text));
    }
    if (bm_text_parse_duration(text, &seconds).code == BM_OK)
        FUZZ_MUST(seconds >= 0 && seconds <= INT64_C(100) * 365 * 86400);
    if (bm_text_parse_u64(text, 1000, &number).code == BM_OK)
        FUZZ_MUST(number <= 1000);
}

/* An address is written in one way, which is read as the same; and it is in the networks that begin with it. */
static void check_address(bm_bytes text)
{
    char shown[BM_ADDRESS_TEXT_SIZE];
    bm_address address;
    bm_address again;
    bm_network network;

    if (bm_address_parse_network(text, &network).code == BM_OK)
        FUZZ_MUST(network.bits <= 128 && bm_address_is_in(&network.address, &network));
    if (bm_address_parse(text, &address).code != BM_OK)
        return;
    bm_address_text(&address, shown);
    FUZZ_OK(bm_address_parse(bm_bytes_str(shown), &again));
    FUZZ_MUST(bm_bytes_equal(BM_BYTES_ARRAY(again.bytes), BM_BYTES_ARRAY(address.bytes)));
}

/* A second, slower opinion on UTF-8: decode, and encode again in the one way that there is. */
static bool decodes(bm_bytes text)
{
    size_t at = 0;

    while (at < text.size) {
        uint8_t first = text.data[at];
        size_t more = first < 0x80 ? 0 : first < 0xC0 ? 9 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF8 ? 3 : 9;
        uint32_t point = more == 0 ? first : more < 9 ? first & (0x3Fu >> more) : 0;

        if (more == 9 || text.size - at <= more)
            return false;
        for (size_t i = 1; i <= more; i++) {
            if ((text.data[at + i] & 0xC0) != 0x80)
                return false;
            point = point << 6 | (text.data[at + i] & 0x3Fu);
        }
        if ((more == 1 && point < 0x80) || (more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10FFFF ||
            (point >= 0xD800 && point <= 0xDFFF))
            return false;
        at += more + 1;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes text = bm_bytes_of(data, size);

    check_base64(text);
    check_hex(text);
    check_times(text);
    check_address(text);
    FUZZ_MUST(bm_text_is_utf8(text) == decodes(text));
    if (bm_text_is_profile_name(text))
        FUZZ_MUST(size >= 1 && size <= BM_PROFILE_NAME_MAX && bm_text_is_identity(text));
    if (bm_text_is_identity(text))
        FUZZ_MUST(size >= 1 && size <= BM_IDENTITY_MAX && bm_text_is_utf8(text) && memchr(data, 0, size) == NULL);
    return 0;
}
