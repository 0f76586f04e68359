/*
 * bm_ekc_trim, _next, _parse, _check_usage, _check_validity, _describe (x509/ekc.h) and bm_anchors_verify, _recall, _add (x509/anchors.h):
 * what lies in a TPM's NV memory, or in a request: an EK certificate, and the chain behind it.
 */
#include "world.h"

static bool accepted[BM_CLASS_COUNT] = {true, true, true};

/* The certificates behind the first, as the chip has them: one after the other. */
static size_t cut_chain(bm_bytes rest, bm_bytes chain[BM_EKC_CHAIN_MAX])
{
    size_t count = 0;
    bm_bytes der;

    while (count < BM_EKC_CHAIN_MAX && bm_ekc_next(&rest, &der).code == BM_OK && der.size > 0)
        chain[count++] = der;
    return count;
}

static void check_description(const bm_ekc *ekc)
{
    bm_ekc_info info;

    if (bm_ekc_describe(ekc, &info).code != BM_OK)
        return;
    FUZZ_MUST(fuzz_printable(info.subject, sizeof(info.subject)) && fuzz_printable(info.issuer, sizeof(info.issuer)));
    FUZZ_MUST(fuzz_printable(info.manufacturer, sizeof(info.manufacturer)) && fuzz_printable(info.model, sizeof(info.model)));
    FUZZ_MUST(fuzz_printable(info.version, sizeof(info.version)));
    FUZZ_MUST((bm_ekc_check_validity(ekc, info.not_before).code == BM_OK) == (info.not_before <= info.not_after));
}

/* Whoever adds anchors gives files to be read: each certificate here could be one. */
static void add_anchor(bm_bytes der)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = NULL;

    FUZZ_OK(bm_anchors_new(&anchors));
    if (bm_anchors_add(anchors, der, BM_CLASS_VIRTUAL).code == BM_OK)
        FUZZ_MUST(bm_anchors_count(anchors) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes input = bm_bytes_of(data, size);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    uint8_t digest[BM_SHA256_SIZE];
    bm_bytes chain[BM_EKC_CHAIN_MAX];
    bm_anchor_match match;
    size_t count;
    bm_bytes der;

    if (bm_ekc_trim(input, &der).code != BM_OK)
        return 0;
    FUZZ_MUST(fuzz_inside(input, der) && der.size > 0);
    count = cut_chain(bm_bytes_of(der.data + der.size, (size_t)(data + size - der.data) - der.size), chain);
    if (bm_ekc_parse(der, &ekc).code != BM_OK)
        return 0;
    FUZZ_MUST(bm_bytes_equal(bm_ekc_der(ekc), der) && bm_pubkey_field_size(bm_ekc_key(ekc)->type) > 0);
    check_description(ekc);
    bm_result_ignore(bm_ekc_check_usage(ekc));
    add_anchor(der);
    if (bm_anchors_verify(world_anchors(), ekc, chain, count, accepted, MAKE_NOW, &match).code == BM_OK) {
        FUZZ_MUST(match.class == BM_CLASS_DISCRETE && bm_ekc_check_validity(ekc, MAKE_NOW).code == BM_OK);
        FUZZ_OK(bm_hash_sha256(der, digest));
        FUZZ_MUST(bm_anchors_recall(world_anchors(), digest, accepted, MAKE_NOW, &match));
    }
    return 0;
}
