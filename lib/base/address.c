#include "base/address.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define SIZE 16
#define V4_AT 12    /* where an IPv4 address begins */
#define V4_BITS 96  /* the bits before it */
#define NO_GAP 99   /* no "::" was seen */

static const uint8_t v4_prefix[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool bm_address_is_v4(const bm_address *address)
{
    return memcmp(address->bytes, v4_prefix, V4_AT) == 0;
}

BM_RESULT bm_address_of(bm_bytes bytes, bm_address *address)
{
    bm_address made = {{0}};
    size_t at = bytes.size == 4 ? V4_AT : 0;

    BM_CHECK(bytes.size == 4 || bytes.size == SIZE, BM_E_MALFORMED, "an address has 4 or 16 bytes");
    if (at == V4_AT)
        memcpy(made.bytes, v4_prefix, V4_AT);
    memcpy(made.bytes + at, bytes.data, bytes.size);
    *address = made;
    return bm_ok();
}

/* Where `c` stands next, from `from` on; the size when nowhere. */
static size_t find(bm_bytes text, size_t from, char c)
{
    while (from < text.size && text.data[from] != (uint8_t)c)
        from++;
    return from;
}

static BM_RESULT parse_v4(bm_bytes text, uint8_t out[4])
{
    size_t at = 0;

    for (unsigned i = 0; i < 4; i++) {
        size_t end = find(text, at, '.');
        bm_bytes number = bm_bytes_slice(text, at, end - at);
        uint64_t value;

        BM_CHECK(number.size >= 1 && (number.size == 1 || number.data[0] != '0'), BM_E_MALFORMED, "an address has a number that is none");
        BM_TRY(bm_text_parse_u64(number, UINT8_MAX, &value));
        BM_CHECK((end < text.size) == (i < 3), BM_E_MALFORMED, "an address does not have four numbers");
        out[i] = (uint8_t)value;
        at = end + 1;
    }
    return bm_ok();
}

static BM_RESULT parse_group(bm_bytes text, uint8_t out[2])
{
    unsigned value = 0;

    BM_CHECK(text.size >= 1 && text.size <= 4, BM_E_MALFORMED, "an address has a group that is none");
    for (size_t i = 0; i < text.size; i++) {
        const char *digit = strchr("0123456789abcdefABCDEF", text.data[i]);
        int number;

        BM_CHECK(text.data[i] != 0 && digit != NULL, BM_E_MALFORMED, "an address has a group that is none");
        number = *digit <= '9' ? *digit - '0' : (*digit | 0x20) - 'a' + 10;
        value = value << 4 | (unsigned)number;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return bm_ok();
}

/* What was read of an address of IPv6. */
typedef struct {
    uint8_t bytes[SIZE];
    size_t size; /* how many there are */
    size_t gap;  /* where the zeros of "::" belong; NO_GAP */
} v6_reading;

/* The piece from `at` to `end`: a group, or an IPv4 address at the end of all. */
static BM_RESULT take_piece(v6_reading *reading, bm_bytes text, size_t at, size_t end)
{
    bm_bytes piece = bm_bytes_slice(text, at, end - at);
    bool is_v4 = end == text.size && find(piece, 0, '.') < piece.size;
    size_t size = is_v4 ? 4 : 2;

    BM_CHECK(reading->size + size <= SIZE, BM_E_MALFORMED, "an address is too long");
    BM_TRY(is_v4 ? parse_v4(piece, reading->bytes + reading->size) : parse_group(piece, reading->bytes + reading->size));
    reading->size += size;
    return bm_ok();
}

static BM_RESULT read_v6(bm_bytes text, v6_reading *reading)
{
    size_t at = 0;

    if (text.size >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        reading->gap = 0;
        at = 2;
    }
    while (at < text.size) {
        size_t end = find(text, at, ':');

        BM_TRY(take_piece(reading, text, at, end));
        at = end + 1;
        BM_CHECK(end == text.size || at < text.size, BM_E_MALFORMED, "an address ends with a colon");
        if (end < text.size && text.data[at] == ':') {
            BM_CHECK(reading->gap == NO_GAP, BM_E_MALFORMED, "an address has :: twice");
            reading->gap = reading->size;
            at++;
        }
    }
    return bm_ok();
}

static BM_RESULT parse_v6(bm_bytes text, bm_address *address)
{
    v6_reading reading = {.gap = NO_GAP};
    bm_address made = {{0}};
    size_t behind;

    BM_TRY(read_v6(text, &reading));
    if (reading.gap == NO_GAP)
        BM_CHECK(reading.size == SIZE, BM_E_MALFORMED, "an address is too short");
    else
        BM_CHECK(reading.size < SIZE, BM_E_MALFORMED, "an address has :: for nothing");
    behind = reading.size > reading.gap ? reading.size - reading.gap : 0;
    memcpy(made.bytes, reading.bytes, reading.size - behind);
    memcpy(made.bytes + SIZE - behind, reading.bytes + reading.size - behind, behind);
    *address = made;
    return bm_ok();
}

BM_RESULT bm_address_parse(bm_bytes text, bm_address *address)
{
    uint8_t v4[4];

    if (find(text, 0, ':') < text.size)
        return parse_v6(text, address);
    BM_TRY(parse_v4(text, v4));
    return bm_address_of(BM_BYTES_ARRAY(v4), address);
}

static unsigned group_of(const bm_address *address, unsigned index)
{
    return (unsigned)address->bytes[2 * index] << 8 | address->bytes[2 * index + 1];
}

/* The longest run of zero groups, the first of equals; `count` is 0 when none has two. */
static unsigned longest_zeros(const bm_address *address, unsigned *count)
{
    unsigned best = 0;

    *count = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned run = 0;

        while (i + run < 8 && group_of(address, i + run) == 0)
            run++;
        if (run >= 2 && run > *count) {
            best = i;
            *count = run;
        }
    }
    return best;
}

void bm_address_text(const bm_address *address, char out[BM_ADDRESS_TEXT_SIZE])
{
    const uint8_t *v4 = address->bytes + V4_AT;
    unsigned zeros, from = longest_zeros(address, &zeros);
    size_t size = 0;

    if (bm_address_is_v4(address)) {
        (void)snprintf(out, BM_ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", v4[0], v4[1], v4[2], v4[3]);
        return;
    }
    out[0] = 0;
    for (unsigned i = 0; i < 8; i++) {
        const char *colon = i == 0 || (zeros > 0 && i == from + zeros) ? "" : ":";

        if (zeros > 0 && i == from) {
            size += (size_t)snprintf(out + size, BM_ADDRESS_TEXT_SIZE - size, "::");
            i += zeros - 1;
        } else {
            size += (size_t)snprintf(out + size, BM_ADDRESS_TEXT_SIZE - size, "%s%x", colon, group_of(address, i));
        }
    }
}

/* The address with zeros behind its first bits. */
static bm_address first_bits(const bm_address *address, unsigned bits)
{
    bm_address cut = {{0}};

    for (unsigned i = 0; i < SIZE && 8 * i < bits; i++) {
        unsigned kept = bits - 8 * i;

        cut.bytes[i] = (uint8_t)(kept >= 8 ? address->bytes[i] : address->bytes[i] & 0xFF00U >> kept);
    }
    return cut;
}

static bool is_same(const bm_address *one, const bm_address *other)
{
    return memcmp(one->bytes, other->bytes, SIZE) == 0;
}

BM_RESULT bm_address_parse_network(bm_bytes text, bm_network *network)
{
    size_t slash = find(text, 0, '/');
    bm_network made = {.bits = 8 * SIZE};
    bm_address cut;
    uint64_t bits;

    BM_TRY(bm_address_parse(bm_bytes_slice(text, 0, slash), &made.address));
    if (slash < text.size) {
        unsigned before = bm_address_is_v4(&made.address) ? V4_BITS : 0;

        BM_TRY(bm_text_parse_u64(bm_bytes_slice(text, slash + 1, text.size - slash - 1), 8 * SIZE - before, &bits));
        made.bits = before + (unsigned)bits;
    }
    cut = first_bits(&made.address, made.bits);
    BM_CHECK(is_same(&cut, &made.address), BM_E_MALFORMED, "a network has bits behind its prefix");
    *network = made;
    return bm_ok();
}

bool bm_address_is_in(const bm_address *address, const bm_network *network)
{
    bm_address cut = first_bits(address, network->bits);

    return bm_address_is_v4(address) == bm_address_is_v4(&network->address) && is_same(&cut, &network->address);
}

bm_address bm_address_block(const bm_address *address)
{
    return bm_address_is_v4(address) ? *address : first_bits(address, 64);
}
