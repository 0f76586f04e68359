/* protocol/answers and x509/signer: a file of answers, and whose signature counts under it. */
#include "make_issue.h"

#include "protocol/answers.h"
#include "x509/ca.h"

#include <string.h>

#define DAY 86400

/* The signer of the tests' file, and the file: three answers. */
static bm_pkey *signer;
static bm_buf certificate;
static bm_buf text;
static const uint8_t first[BM_SHA256_SIZE] = {1};
static const uint8_t second[BM_SHA256_SIZE] = {2};
static const uint8_t third[BM_SHA256_SIZE] = {3};

/* The certificate of a key for answers, by this CA's key. */
static void certify(const bm_ca *ca, const bm_pkey *ca_key, const bm_pkey *key, int64_t from, int64_t until, bm_buf *der)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_pubkey public_key;
    bm_signer_fields fields = {.serial = {0x11, 2, 3}, .key = &public_key, .not_before = from, .not_after = until};
    bm_sig_alg alg = bm_pkey_default_sig(ca->key.type);

    assert_ok(bm_pkey_public(key, &public_key));
    assert_ok(bm_signer_put_tbs(&tbs, ca, &fields));
    assert_ok(bm_pkey_sign(ca_key, alg, bm_buf_view(&tbs), &signature));
    assert_ok(bm_issue_assemble(der, bm_buf_view(&tbs), alg, bm_buf_view(&signature)));
}

static void write_file(const bm_pkey *key, bm_bytes der, bm_buf *out)
{
    BM_AUTO(bm_answers_writer_fini) bm_answers_writer writer = {0};

    assert_ok(bm_answers_writer_begin(&writer, out));
    assert_ok(bm_answers_writer_put(&writer, first, 200, bm_bytes_str("{\"a\":1}"), out));
    assert_ok(bm_answers_writer_put(&writer, second, 403, bm_bytes_str("{\"code\":\"x\"}"), out));
    assert_ok(bm_answers_writer_put(&writer, third, 200, bm_bytes_str("{}"), out));
    assert_ok(bm_answers_writer_end(&writer, key, der, out));
}

static int begin(void **state)
{
    assert_int_equal(make_fleet_begin(state), 0);
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &signer));
    certify(&fleet.ca, fleet.ca_key, signer, MAKE_NOW - DAY, MAKE_NOW + DAY, &certificate);
    write_file(signer, bm_buf_view(&certificate), &text);
    return 0;
}

static int end(void **state)
{
    bm_pkey_free(signer);
    bm_buf_fini(&certificate);
    bm_buf_fini(&text);
    return make_fleet_end(state);
}

/* Reads a file in pieces of this size; the reader is the caller's then. */
static bm_result read_in(bm_bytes bytes, size_t size, int64_t now, const bm_ca *ca, bm_answers_reader *reader)
{
    memcpy(reader->wanted[0].request, second, BM_SHA256_SIZE);
    memcpy(reader->wanted[1].request, first, BM_SHA256_SIZE);
    reader->wanted_count = 2;
    for (size_t at = 0; at < bytes.size; at += size)
        BM_TRY(bm_answers_reader_feed(reader, bm_bytes_slice(bytes, at, bytes.size - at < size ? bytes.size - at : size)));
    return bm_answers_reader_end(reader, ca, 1, now);
}

static bm_code code_of(bm_bytes bytes, int64_t now, const bm_ca *ca)
{
    BM_AUTO(bm_answers_reader_fini) bm_answers_reader reader = {0};

    return read_in(bytes, 4096, now, ca, &reader).code;
}

static void what_was_written_is_found_however_it_is_cut_into_pieces(void **state)
{
    (void)state;
    for (size_t size = 1; size <= text.size; size += size < 80 ? 1 : 37) {
        BM_AUTO(bm_answers_reader_fini) bm_answers_reader reader = {0};

        assert_ok(read_in(bm_buf_view(&text), size, MAKE_NOW, &fleet.ca, &reader));
        assert_int_equal(reader.answers, 3);
        assert_true(reader.wanted[0].found && reader.wanted[1].found);
        assert_int_equal(reader.wanted[0].status, 403);
        assert_int_equal(reader.wanted[1].status, 200);
        assert_bytes(bm_buf_view(&reader.wanted[1].body), bm_bytes_str("{\"a\":1}"));
    }
}

static void a_file_that_is_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < text.size; size++)
        assert_int_equal(code_of(bm_bytes_of(text.data, size), MAKE_NOW, &fleet.ca), BM_E_ANSWER_INVALID);
}

static void a_file_with_any_bit_changed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < text.size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            text.data[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(code_of(bm_buf_view(&text), MAKE_NOW, &fleet.ca), BM_E_ANSWER_INVALID);
            text.data[i] ^= (uint8_t)(1u << bit);
        }
}

static void a_line_too_many_too_few_or_elsewhere_is_refused(void **state)
{
    BM_AUTO_BUF changed = BM_BUF_EMPTY;
    bm_bytes view = bm_buf_view(&text);
    size_t one;

    (void)state;
    assert_true(bm_bytes_find(view, bm_bytes_str("\n"), &one));
    /* without the first line; without the first answer; with something behind the signature; twice */
    assert_int_equal(code_of(bm_bytes_slice(view, one + 1, view.size - one - 1), MAKE_NOW, &fleet.ca), BM_E_ANSWER_INVALID);
    assert_ok(bm_buf_put(&changed, bm_bytes_slice(view, 0, one + 1)));
    assert_ok(bm_buf_put(&changed, bm_bytes_slice(view, one + 1 + 64 + 5 + 8, view.size - one - 1 - 64 - 5 - 8)));
    assert_int_equal(code_of(bm_buf_view(&changed), MAKE_NOW, &fleet.ca), BM_E_ANSWER_INVALID);
    bm_buf_clear(&changed);
    assert_ok(bm_buf_put(&changed, view));
    assert_ok(bm_buf_put_u8(&changed, '\n'));
    assert_int_equal(code_of(bm_buf_view(&changed), MAKE_NOW, &fleet.ca), BM_E_ANSWER_INVALID);
    changed.size--;
    assert_ok(bm_buf_put(&changed, view));
    assert_int_equal(code_of(bm_buf_view(&changed), MAKE_NOW, &fleet.ca), BM_E_ANSWER_INVALID);
}

static void a_line_without_end_does_not_fill_the_memory(void **state)
{
    BM_AUTO(bm_answers_reader_fini) bm_answers_reader reader = {0};
    static uint8_t chunk[65536];
    bm_result result = bm_ok();
    size_t fed = 0;

    (void)state;
    memset(chunk, 'a', sizeof(chunk));
    for (; fed < 64 && result.code == BM_OK; fed++)
        result = bm_answers_reader_feed(&reader, BM_BYTES_ARRAY(chunk));
    assert_int_equal(result.code, BM_E_ANSWER_INVALID);
    assert_true(fed <= 2 && reader.line.capacity < 4 * sizeof(chunk));
}

static void an_answer_that_is_no_line_is_not_written(void **state)
{
    BM_AUTO(bm_answers_writer_fini) bm_answers_writer writer = {0};
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    static uint8_t much[BM_ANSWERS_BODY_MAX + 1];

    (void)state;
    memset(much, ' ', sizeof(much));
    much[0] = '{';
    assert_ok(bm_answers_writer_begin(&writer, &out));
    assert_code(bm_answers_writer_put(&writer, first, 200, bm_bytes_str(""), &out), BM_E_INTERNAL);
    assert_code(bm_answers_writer_put(&writer, first, 200, bm_bytes_str("{\n}"), &out), BM_E_INTERNAL);
    assert_code(bm_answers_writer_put(&writer, first, 20, bm_bytes_str("{}"), &out), BM_E_INTERNAL);
    assert_code(bm_answers_writer_put(&writer, first, 200, BM_BYTES_ARRAY(much), &out), BM_E_INTERNAL);
    assert_ok(bm_answers_writer_put(&writer, first, 200, bm_bytes_of(much, sizeof(much) - 1), &out));
}

static void another_ca_and_another_time_do_not_count(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO(bm_ca_fini) bm_ca other = {0};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_ca_options options = {.common_name = "Fleet CA", .not_before = MAKE_FROM, .not_after = MAKE_CA_UNTIL, .serial = {0x5A}};

    (void)state;
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
    assert_ok(bm_ca_self_signed(key, &options, &der));
    assert_ok(bm_ca_parse(bm_buf_view(&der), &other));
    assert_int_equal(code_of(bm_buf_view(&text), MAKE_NOW, &other), BM_E_ANSWER_INVALID);
    assert_int_equal(code_of(bm_buf_view(&text), MAKE_NOW + DAY, &fleet.ca), BM_OK);
    assert_int_equal(code_of(bm_buf_view(&text), MAKE_NOW + DAY + 1, &fleet.ca), BM_E_ANSWER_INVALID);
    assert_int_equal(code_of(bm_buf_view(&text), MAKE_NOW - DAY, &fleet.ca), BM_OK);
    assert_int_equal(code_of(bm_buf_view(&text), MAKE_NOW - DAY - 1, &fleet.ca), BM_E_ANSWER_INVALID);
}

/* A file signed by this key, with this certificate. */
static bm_code signed_with(const bm_pkey *key, bm_bytes der)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    write_file(key, der, &made);
    return code_of(bm_buf_view(&made), MAKE_NOW, &fleet.ca);
}

static void only_a_certificate_for_answers_counts(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    const char *const names[] = {"ca.example"};
    bm_ca_tls_options tls = {.names = names, .name_count = 1, .not_before = MAKE_NOW - DAY, .not_after = MAKE_NOW + DAY, .serial = {0x12}};
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    bm_pubkey public_key;

    (void)state;
    assert_int_equal(signed_with(signer, bm_buf_view(&certificate)), BM_OK);
    /* a device's, with a key that its holder has */
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
    assert_ok(bm_pkey_public(key, &public_key));
    fields.key = &public_key;
    make_issued(&fields, &der);
    assert_int_equal(signed_with(key, bm_buf_view(&der)), BM_E_ANSWER_INVALID);
    /* a server's, and the CA's own */
    bm_buf_clear(&der);
    assert_ok(bm_ca_tls_certificate(&fleet.ca, fleet.ca_key, &public_key, &tls, &der));
    assert_int_equal(signed_with(key, bm_buf_view(&der)), BM_E_ANSWER_INVALID);
    assert_int_equal(signed_with(fleet.ca_key, bm_buf_view(&fleet.ca.der)), BM_E_ANSWER_INVALID);
    /* a right certificate of another key */
    assert_int_equal(signed_with(key, bm_buf_view(&certificate)), BM_E_ANSWER_INVALID);
    /* the right form, signed by nobody whom the CA knows */
    bm_buf_clear(&der);
    certify(&fleet.ca, key, key, MAKE_NOW - DAY, MAKE_NOW + DAY, &der);
    assert_int_equal(signed_with(key, bm_buf_view(&der)), BM_E_ANSWER_INVALID);
}

static void a_signer_is_a_p256_key(void **state)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_signer_fields fields = {.serial = {1}, .key = &fleet.device[BM_KEY_RSA2048], .not_before = MAKE_NOW, .not_after = MAKE_NOW + 1};

    (void)state;
    assert_code(bm_signer_put_tbs(&tbs, &fleet.ca, &fields), BM_E_INTERNAL);
}

static void a_signers_certificate_changed_anywhere_is_none(void **state)
{
    bm_pubkey key;

    (void)state;
    assert_ok(bm_signer_check(bm_buf_view(&certificate), &fleet.ca, 1, MAKE_NOW, &key));
    for (size_t i = 0; i < certificate.size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            certificate.data[i] ^= (uint8_t)(1u << bit);
            assert_code(bm_signer_check(bm_buf_view(&certificate), &fleet.ca, 1, MAKE_NOW, &key), BM_E_ANSWER_INVALID);
            certificate.data[i] ^= (uint8_t)(1u << bit);
        }
    for (size_t size = 0; size < certificate.size; size++)
        assert_code(bm_signer_check(bm_bytes_of(certificate.data, size), &fleet.ca, 1, MAKE_NOW, &key), BM_E_ANSWER_INVALID);
    assert_code(bm_signer_check(bm_buf_view(&certificate), NULL, 0, MAKE_NOW, &key), BM_E_ANSWER_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_found_however_it_is_cut_into_pieces),
        cmocka_unit_test(a_file_that_is_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_file_with_any_bit_changed_is_refused),
        cmocka_unit_test(a_line_too_many_too_few_or_elsewhere_is_refused),
        cmocka_unit_test(a_line_without_end_does_not_fill_the_memory),
        cmocka_unit_test(an_answer_that_is_no_line_is_not_written),
        cmocka_unit_test(another_ca_and_another_time_do_not_count),
        cmocka_unit_test(only_a_certificate_for_answers_counts),
        cmocka_unit_test(a_signer_is_a_p256_key),
        cmocka_unit_test(a_signers_certificate_changed_anywhere_is_none),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
