#include "make_anchors.h"
#include "make_crl.h"

#include "x509/ekc_x509.h"

#include <stdlib.h>
#include <string.h>

#define MANY 100000

/* An id that stands for a number. */
static void put_id(bm_buf *ids, uint32_t number)
{
    uint8_t issuer[BM_SHA256_SIZE] = {0};
    uint8_t id[BM_REVOKED_ID_SIZE];

    assert_ok(bm_revoked_id(issuer, bm_bytes_of(&number, sizeof(number)), id));
    assert_ok(bm_buf_put(ids, BM_BYTES_ARRAY(id)));
}

static bool has(const bm_buf *ids, uint32_t number)
{
    BM_AUTO_BUF id = BM_BUF_EMPTY;

    put_id(&id, number);
    return bm_revoked_has(bm_buf_view(ids), id.data);
}

static void every_id_is_found_and_no_other(void **state)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;

    (void)state;
    assert_false(has(&ids, 0));
    for (uint32_t i = 0; i < MANY; i++)
        put_id(&ids, 2 * i);
    bm_revoked_sort(&ids);
    assert_int_equal(ids.size, MANY * BM_REVOKED_ID_SIZE);
    assert_ok(bm_revoked_check(bm_buf_view(&ids)));
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(has(&ids, 2 * i));
        assert_false(has(&ids, 2 * i + 1));
    }
}

static void lists_are_merged_and_nothing_is_twice(void **state)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;

    (void)state;
    for (uint32_t list = 0; list < 4; list++) {
        BM_AUTO_BUF ids = BM_BUF_EMPTY;

        for (uint32_t i = 0; i < 100 * list; i++)
            put_id(&ids, i);
        put_id(&ids, 7);
        put_id(&ids, 1000 + list);
        bm_revoked_sort(&ids);
        assert_ok(bm_revoked_merge(&all, bm_buf_view(&ids)));
        assert_ok(bm_revoked_merge(&all, bm_bytes_of(NULL, 0)));
    }
    assert_ok(bm_revoked_check(bm_buf_view(&all)));
    assert_int_equal(all.size, (300 + 4) * BM_REVOKED_ID_SIZE);
    assert_true(has(&all, 299));
    assert_true(has(&all, 1003));
    assert_false(has(&all, 300));
}

static void what_is_no_list_of_ids_is_refused(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    uint8_t *start;

    (void)state;
    put_id(&ids, 1);
    put_id(&ids, 1);
    assert_code(bm_revoked_check(bm_buf_view(&ids)), BM_E_MALFORMED);
    ids.data[0] ^= 0x80;
    assert_int_equal(bm_revoked_check(bm_buf_view(&ids)).code == BM_OK, ids.data[0] < 0x80);
    assert_code(bm_revoked_check(bm_bytes_of(ids.data, BM_REVOKED_ID_SIZE - 1)), BM_E_MALFORMED);
    assert_ok(bm_buf_extend(&ids, (BM_REVOKED_MAX + 1) * BM_REVOKED_ID_SIZE, &start));
    memset(start, 0, (BM_REVOKED_MAX + 1) * BM_REVOKED_ID_SIZE);
    assert_code(bm_anchors_revoke(anchors, &ids), BM_E_MALFORMED);
    assert_int_equal(bm_anchors_revoked_count(anchors), 0);
}

/* The certificate of an EK, as OpenSSL has it; freed with the group. */
static X509 *decoded(const bm_ekc *ekc)
{
    static X509 *last;

    X509_free(last);
    last = NULL;
    if (ekc != NULL)
        assert_ok(bm_ekc_decode(bm_ekc_der(ekc), &last));
    return last;
}

static int end(void **state)
{
    (void)decoded(NULL);
    return make_pki_end(state);
}

/* From now on these certificates of this CA are revoked, and no others. */
static void revoke(bm_anchors *anchors, X509 *issuer, X509 *const *revoked)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;

    make_ids(issuer, revoked, &ids);
    assert_ok(bm_anchors_revoke(anchors, &ids));
}

static bool recalled(const bm_anchors *anchors, const bm_ekc *ekc)
{
    uint8_t sha256[BM_SHA256_SIZE];
    bm_anchor_match match;

    assert_ok(bm_hash_sha256(bm_ekc_der(ekc), sha256));
    return bm_anchors_recall(anchors, sha256, make_all_classes, MAKE_NOW, &match);
}

static void a_revoked_leaf_is_refused_also_when_it_was_remembered(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *other = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *direct = make_ekc_of(pki.root, pki.root_key);
    make_chain chain = {pki.mid};

    (void)state;
    assert_ok(make_verify(anchors, ekc, chain));
    assert_true(recalled(anchors, ekc));
    revoke(anchors, pki.mid, (make_chain){decoded(ekc)});
    assert_int_equal(bm_anchors_revoked_count(anchors), 1);
    assert_false(recalled(anchors, ekc));
    assert_code(make_verify(anchors, ekc, chain), BM_E_EKC_REVOKED);
    assert_code(make_verify(anchors, ekc, chain), BM_E_EKC_REVOKED);
    assert_false(recalled(anchors, ekc));
    assert_ok(make_verify(anchors, other, chain));
    assert_true(recalled(anchors, other));
    assert_ok(make_verify(anchors, direct, (make_chain){NULL}));
    revoke(anchors, pki.root, (make_chain){decoded(direct)});
    assert_code(make_verify(anchors, direct, (make_chain){NULL}), BM_E_EKC_REVOKED);
    assert_ok(make_verify(anchors, ekc, chain));
    revoke(anchors, pki.root, (make_chain){NULL});
    assert_ok(make_verify(anchors, direct, (make_chain){NULL}));
}

static void the_serial_number_of_another_ca_revokes_nothing(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.mid, pki.mid_key);
    X509 *same_name = make_x509(&(make_options){.key = pki.stranger, .name = "Mid", .options = make_ca_extensions});

    (void)state;
    revoke(anchors, pki.root, (make_chain){decoded(ekc)});
    assert_ok(make_verify(anchors, ekc, (make_chain){pki.mid}));
    revoke(anchors, same_name, (make_chain){decoded(ekc)});
    assert_ok(make_verify(anchors, ekc, (make_chain){pki.mid}));
    X509_free(same_name);
}

static void a_revoked_intermediate_refuses_all_below_it(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *of_mid = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *of_low = make_ekc_of(pki.low, pki.low_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *of_root = make_ekc_of(pki.root, pki.root_key);

    (void)state;
    assert_ok(make_verify(anchors, of_mid, (make_chain){pki.mid}));
    assert_ok(make_verify(anchors, of_low, (make_chain){pki.low, pki.mid}));
    revoke(anchors, pki.root, (make_chain){pki.mid});
    assert_code(make_verify(anchors, of_mid, (make_chain){pki.mid}), BM_E_EKC_REVOKED);
    assert_code(make_verify(anchors, of_low, (make_chain){pki.low, pki.mid}), BM_E_EKC_REVOKED);
    assert_code(make_verify(anchors, of_low, (make_chain){pki.mid, pki.low}), BM_E_EKC_REVOKED);
    assert_false(recalled(anchors, of_mid));
    assert_false(recalled(anchors, of_low));
    assert_ok(make_verify(anchors, of_root, (make_chain){NULL}));
    revoke(anchors, pki.mid, (make_chain){pki.low});
    assert_ok(make_verify(anchors, of_mid, (make_chain){pki.mid}));
    assert_code(make_verify(anchors, of_low, (make_chain){pki.low, pki.mid}), BM_E_EKC_REVOKED);
}

static void an_anchor_that_another_anchor_revoked_counts_for_nothing(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.mid);
    BM_AUTO(bm_ekc_freep) bm_ekc *of_mid = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *of_low = make_ekc_of(pki.low, pki.low_key);

    (void)state;
    assert_ok(make_add(anchors, pki.root, BM_CLASS_DISCRETE));
    assert_ok(make_verify(anchors, of_mid, (make_chain){NULL}));
    revoke(anchors, pki.root, (make_chain){pki.mid});
    assert_code(make_verify(anchors, of_mid, (make_chain){NULL}), BM_E_EKC_REVOKED);
    assert_code(make_verify(anchors, of_mid, (make_chain){pki.mid}), BM_E_EKC_REVOKED);
    assert_code(make_verify(anchors, of_low, (make_chain){pki.low}), BM_E_EKC_REVOKED);
    assert_code(make_verify(anchors, of_low, (make_chain){pki.low, pki.mid}), BM_E_EKC_REVOKED);
    revoke(anchors, pki.root, (make_chain){NULL});
    assert_ok(make_verify(anchors, of_low, (make_chain){pki.low}));
}

static void a_renewed_certificate_of_the_ca_is_as_good_as_it_is(void **state)
{
    X509 *renewed = make_x509(&(make_options){
        .key = pki.mid_key, .name = "Mid", .issuer = pki.root, .signer = pki.root_key, .options = make_ca_extensions});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.mid, pki.mid_key);

    (void)state;
    revoke(anchors, pki.root, (make_chain){pki.mid});
    assert_code(make_verify(anchors, ekc, (make_chain){pki.mid}), BM_E_EKC_REVOKED);
    assert_ok(make_verify(anchors, ekc, (make_chain){pki.mid, renewed}));
    /* but what the CA itself revoked is revoked under all its certificates */
    revoke(anchors, pki.mid, (make_chain){decoded(ekc)});
    assert_code(make_verify(anchors, ekc, (make_chain){renewed}), BM_E_EKC_REVOKED);
    X509_free(renewed);
}

static void a_revoked_certificate_is_called_so_whatever_else_is_wrong_with_its_dates(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.root, pki.root_key);

    (void)state;
    revoke(anchors, pki.root, (make_chain){decoded(ekc)});
    assert_code(make_verify_at(anchors, ekc, (make_chain){NULL}, MAKE_UNTIL + 1, make_all_classes, NULL), BM_E_EKC_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_found_and_no_other),
        cmocka_unit_test(lists_are_merged_and_nothing_is_twice),
        cmocka_unit_test(what_is_no_list_of_ids_is_refused),
        cmocka_unit_test(a_revoked_leaf_is_refused_also_when_it_was_remembered),
        cmocka_unit_test(the_serial_number_of_another_ca_revokes_nothing),
        cmocka_unit_test(a_revoked_intermediate_refuses_all_below_it),
        cmocka_unit_test(an_anchor_that_another_anchor_revoked_counts_for_nothing),
        cmocka_unit_test(a_renewed_certificate_of_the_ca_is_as_good_as_it_is),
        cmocka_unit_test(a_revoked_certificate_is_called_so_whatever_else_is_wrong_with_its_dates),
    };

    return cmocka_run_group_tests(tests, make_pki_begin, end);
}
