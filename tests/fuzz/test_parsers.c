/*
 * Every strict parser of bytes, in one table: a good sample is read, and written again as the same bytes; cut off anywhere, or with a byte
 * behind it, it is refused; and with any bit flipped it is refused, or is read as what it now says: it is written again as the flipped bytes.
 *
 * Not here, since what is true of them is something else: texts of which a shorter one is good too (base64, hex, addresses, PEM, the
 * configuration, tables); replies and problem documents, whose unknown members are passed over (but getChallenge's, all of whose members
 * must be there); BM_MSG_ERROR, whose detail is made printable; bm_ekc_trim and _next, whose task is what stands around a certificate; sealed
 * files, a key derivation for each try (unit/test_cipher); private keys, which OpenSSL decodes (unit/test_pkey_secret). The fuzz targets
 * have all of these.
 */
#include "parser_rows.h"

#include <string.h>

static make_device device;

static int begin(void **state)
{
    (void)state;
    world_device(&device, "SN-1");
    return 0;
}

static int end(void **state)
{
    (void)state;
    make_device_fini(&device);
    return 0;
}

/* Is it taken? Then `again` is what was read. It has memory of its own of exactly its size, so that a sanitizer sees a read beyond it. */
static bool takes(const parser_row *row, bm_bytes input, bm_buf *again)
{
    uint8_t *copy = test_malloc(input.size + (input.size == 0));
    bool taken;

    if (input.size > 0)
        memcpy(copy, input.data, input.size);
    bm_buf_clear(again);
    taken = row->pass(bm_bytes_of(copy, input.size), again).code == BM_OK;
    test_free(copy);
    return taken;
}

static void each(void (*judge)(const parser_row *row, bm_buf *sample))
{
    static const parser_row *const tables[] = {parser_rows, parser_rows_messages};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const parser_row *row = tables[i]; row->name != NULL; row++) {
            BM_AUTO_BUF sample = BM_BUF_EMPTY;

            row->make(&device, &sample);
            judge(row, &sample);
        }
}

static void judge_round_trip(const parser_row *row, bm_buf *sample)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;

    if (!takes(row, bm_buf_view(sample), &again))
        fail_msg("%s: a good one is refused", row->name);
    if (!bm_bytes_equal(bm_buf_view(&again), bm_buf_view(sample)))
        fail_msg("%s: it is not written as it was read", row->name);
}

static void judge_lengths(const parser_row *row, bm_buf *sample)
{
    static const uint8_t more[] = {0x00, 0x01, 0x30, 0xFF};
    BM_AUTO_BUF again = BM_BUF_EMPTY;

    for (size_t size = 0; size < sample->size; size++)
        if (takes(row, bm_bytes_slice(bm_buf_view(sample), 0, size), &again))
            fail_msg("%s: taken with %zu of %zu bytes", row->name, size, sample->size);
    for (size_t i = 0; i < sizeof(more); i++) {
        assert_ok(bm_buf_put_u8(sample, more[i]));
        if (takes(row, bm_buf_view(sample), &again))
            fail_msg("%s: taken with a byte %02x behind it", row->name, more[i]);
        sample->size--;
    }
}

static void judge_bits(const parser_row *row, bm_buf *sample)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;

    for (size_t bit = 0; bit < 8 * sample->size; bit++) {
        sample->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (takes(row, bm_buf_view(sample), &again) && !bm_bytes_equal(bm_buf_view(&again), bm_buf_view(sample)))
            fail_msg("%s: bit %zu of byte %zu flipped is taken, and lost", row->name, bit % 8, bit / 8);
        sample->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void what_is_read_is_written_as_the_same_bytes(void **state)
{
    (void)state;
    each(judge_round_trip);
}

static void what_is_cut_off_or_has_more_behind_it_is_refused(void **state)
{
    (void)state;
    each(judge_lengths);
}

static void a_flipped_bit_is_refused_or_read_as_what_it_says(void **state)
{
    (void)state;
    each(judge_bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_as_the_same_bytes),
        cmocka_unit_test(what_is_cut_off_or_has_more_behind_it_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_read_as_what_it_says),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
