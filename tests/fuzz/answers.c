/*
 * bm_answers_reader_feed and _end (protocol/answers.h), bm_signer_check (x509/signer.h): the file that somebody carries to a device. The first
 * byte says in which pieces it is read, or, when it is 0, that the rest is a signer's certificate.
 */
#include "world.h"

#include "protocol/answers.h"

static const bm_ca *ca(void)
{
    static bm_ca made;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    if (made.der.size == 0) {
        world_put_ca(&der);
        FUZZ_OK(bm_ca_parse(bm_buf_view(&der), &made));
    }
    return &made;
}

static void read_in(bm_bytes file, size_t size, bm_answers_reader *reader, bm_result *result)
{
    *result = bm_ok();
    reader->wanted_count = 2;
    reader->wanted[1].request[0] = 1;
    for (size_t at = 0; at < file.size && result->code == BM_OK; at += size)
        *result = bm_answers_reader_feed(reader, bm_bytes_slice(file, at, file.size - at < size ? file.size - at : size));
    if (result->code == BM_OK)
        *result = bm_answers_reader_end(reader, ca(), 1, MAKE_NOW);
}

static void check_file(bm_bytes file, size_t size)
{
    BM_AUTO(bm_answers_reader_fini) bm_answers_reader reader = {0};
    BM_AUTO(bm_answers_reader_fini) bm_answers_reader whole = {0};
    bm_result in_pieces;
    bm_result at_once;

    read_in(file, size, &reader, &in_pieces);
    read_in(file, file.size + 1, &whole, &at_once);
    FUZZ_MUST(in_pieces.code == at_once.code && (at_once.code == BM_OK || at_once.code == BM_E_ANSWER_INVALID));
    FUZZ_MUST(at_once.code == BM_OK || at_once.detail != NULL);
    for (size_t i = 0; i < 2 && at_once.code == BM_OK; i++) {
        FUZZ_MUST(whole.wanted[i].found == reader.wanted[i].found && whole.wanted[i].status == reader.wanted[i].status);
        FUZZ_MUST(bm_bytes_equal(bm_buf_view(&whole.wanted[i].body), bm_buf_view(&reader.wanted[i].body)));
        FUZZ_MUST(!whole.wanted[i].found || whole.wanted[i].body.size > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t choice = fuzz_choice(&rest);
    bm_pubkey key = {0};

    if (choice > 0)
        check_file(rest, choice);
    else if (bm_signer_check(rest, ca(), 1, MAKE_NOW, &key).code == BM_OK)
        FUZZ_MUST(key.type == BM_KEY_ECC256);
    return 0;
}
