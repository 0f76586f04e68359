#include "x509/anchors.h"

#include "crypto/evp.h"
#include "x509/anchors_set.h"
#include "x509/ekc_x509.h"
#include "x509/revoked.h"
#include "x509/search.h"
#include "x509/walk.h"

#include <openssl/err.h>
#include <stdlib.h>

static const char *const class_names[BM_CLASS_COUNT] = {"discrete", "firmware", "virtual"};

const char *bm_anchors_class_name(bm_tpm_class class)
{
    return (unsigned)class < BM_CLASS_COUNT ? class_names[class] : "unknown";
}

BM_RESULT bm_anchors_class_by_name(bm_bytes name, bm_tpm_class *class)
{
    for (unsigned i = 0; i < BM_CLASS_COUNT; i++)
        if (bm_bytes_equal(name, bm_bytes_str(class_names[i]))) {
            *class = (bm_tpm_class)i;
            return bm_ok();
        }
    return bm_fail(BM_E_MALFORMED, "the classes are discrete, firmware and virtual");
}

BM_RESULT bm_anchors_new(bm_anchors **anchors)
{
    bm_anchors *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->trusted = sk_X509_new_null();
    if (made->trusted == NULL) {
        bm_anchors_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    *anchors = made;
    return bm_ok();
}

void bm_anchors_free(bm_anchors *anchors)
{
    if (anchors == NULL)
        return;
    for (size_t i = 0; i < anchors->count; i++)
        bm_issuer_free_path(&anchors->rows[i].self.path);
    for (size_t i = 0; i < BM_REMEMBERED_MAX; i++)
        bm_issuer_free_path(&anchors->remembered[i].path);
    bm_buf_fini(&anchors->revoked);
    sk_X509_free(anchors->trusted);
    free(anchors->rows);
    free(anchors);
}

void bm_anchors_freep(bm_anchors **anchors)
{
    bm_anchors_free(*anchors);
    *anchors = NULL;
}

size_t bm_anchors_count(const bm_anchors *anchors)
{
    return anchors->count;
}

/* Makes room for one more row, and for its certificate in the stack of what is trusted. */
static BM_RESULT grow(bm_anchors *anchors)
{
    bm_anchor_row *rows = reallocarray(anchors->rows, anchors->count + 1, sizeof(*rows));

    BM_CHECK(rows != NULL, BM_E_NO_MEMORY, NULL);
    anchors->rows = rows;
    BM_CHECK(sk_X509_reserve(anchors->trusted, 1) == 1, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

BM_RESULT bm_anchors_add(bm_anchors *anchors, bm_bytes der, bm_tpm_class class)
{
    BM_AUTO(bm_ekc_x509_freep) X509 *x509 = NULL;
    BM_AUTO(bm_issuer_free_path) STACK_OF(X509) *path = sk_X509_new_null();
    bm_anchor_row row = {.class = class, .self = {.path = path, .anchor = anchors->count}};

    BM_CHECK(path != NULL, BM_E_NO_MEMORY, NULL);
    BM_CHECK((unsigned)class < BM_CLASS_COUNT, BM_E_INTERNAL, "a class of TPMs that does not exist");
    BM_TRY(bm_hash_sha256(der, row.self.sha256));
    for (size_t i = 0; i < anchors->count; i++)
        if (bm_bytes_equal(BM_BYTES_ARRAY(anchors->rows[i].self.sha256), BM_BYTES_ARRAY(row.self.sha256))) {
            anchors->rows[i].class = class;
            return bm_ok();
        }
    BM_TRY(bm_ekc_decode(der, &x509));
    BM_CHECK(X509_check_ca(x509) == 1, BM_E_EKC_USAGE, "the anchor is not a CA certificate of version 3");
    BM_TRY(bm_issuer_push(path, x509));
    BM_TRY(bm_issuer_measure(&row.self));
    BM_TRY(grow(anchors));
    /* One with another key counts for nothing, and costs nothing. */
    if (bm_issuer_has_fit_key(x509))
        (void)sk_X509_push(anchors->trusted, x509);
    anchors->rows[anchors->count++] = row;
    path = NULL;
    return bm_ok();
}

BM_RESULT bm_anchors_check_key(bm_bytes der)
{
    BM_AUTO(bm_ekc_x509_freep) X509 *x509 = NULL;

    BM_TRY(bm_ekc_decode(der, &x509));
    BM_CHECK(bm_issuer_has_fit_key(x509), BM_E_EKC_UNTRUSTED, "the key of the CA is not RSA of 2048 to 4096 bits, P-256, P-384 or P-521");
    return bm_ok();
}

/* Is this anchor listed in a CRL of another anchor, which signed it? */
static BM_RESULT check_anchor(const bm_anchors *anchors, X509 *x509)
{
    for (size_t i = 0; i < anchors->count; i++) {
        const bm_issuer *above = &anchors->rows[i].self;
        X509 *candidate = sk_X509_value(above->path, 0);
        bm_result result;

        if (!bm_issuer_has_fit_key(candidate) || X509_check_issued(candidate, x509) != X509_V_OK)
            continue;
        ERR_clear_error();
        result = X509_verify(x509, X509_get0_pubkey(candidate)) == 1 ? bm_ok() : bm_evp_error(BM_E_EKC_UNTRUSTED, "another CA of this name");
        if (result.code == BM_OK)
            result = bm_issuer_check_revoked_ca(bm_buf_view(&anchors->revoked), above->id, x509, NULL);
        if (result.code != BM_E_EKC_UNTRUSTED)
            BM_TRY(result);
    }
    return bm_ok();
}

BM_RESULT bm_anchors_revoke(bm_anchors *anchors, bm_buf *ids)
{
    BM_TRY(bm_revoked_check(bm_buf_view(ids)));
    bm_buf_move(&anchors->revoked, ids);
    for (size_t i = 0; i < BM_REMEMBERED_MAX; i++)
        bm_issuer_free_path(&anchors->remembered[i].path);
    anchors->seen = (bm_seen){0};
    for (size_t i = 0; i < anchors->count; i++) {
        bm_anchor_row *row = &anchors->rows[i];
        bm_result result = anchors->revoked.size == 0 ? bm_ok() : check_anchor(anchors, sk_X509_value(row->self.path, 0));

        row->revoked = result.code == BM_E_EKC_REVOKED;
        if (result.code != BM_OK && !row->revoked)
            return result;
    }
    return bm_ok();
}

size_t bm_anchors_revoked_count(const bm_anchors *anchors)
{
    return anchors->revoked.size / BM_REVOKED_ID_SIZE;
}

/* What can be said of the leaf and the chain before any signature is verified. */
static BM_RESULT check_shapes(const bm_search *find)
{
    bm_walk_cert walked;

    BM_CHECK(find->chain_count <= BM_EKC_CHAIN_MAX, BM_E_EKC_MALFORMED, "a chain of more than 4 certificates");
    for (size_t i = 0; i < find->chain_count; i++) {
        BM_CHECK(find->chain[i].size <= BM_EKC_MAX, BM_E_EKC_MALFORMED, "a certificate over 4096 bytes");
        BM_TRY(bm_result_as(bm_walk_certificate(find->chain[i], &walked), BM_E_EKC_MALFORMED));
    }
    BM_TRY(bm_ekc_check_critical(find->leaf, BM_E_EKC_UNTRUSTED));
    return bm_issuer_check_strongly_signed(find->leaf);
}

static BM_RESULT put_match(const bm_anchor_row *row, const bool accepted[BM_CLASS_COUNT], bm_anchor_match *match)
{
    if (!accepted[row->class])
        return bm_failf(BM_E_EKC_CLASS, "its anchor is of class %s", bm_anchors_class_name(row->class));
    match->class = row->class;
    return bm_bytes_copy_exact(BM_BYTES_ARRAY(row->self.sha256), match->anchor_sha256, BM_SHA256_SIZE);
}

/* Remembers what bm_anchors_recall may say of this certificate. */
static BM_RESULT remember(const bm_search *find, const bm_issuer *found)
{
    bm_seen_row row = {.used = true, .anchor = found->anchor};

    BM_TRY(bm_hash_sha256(bm_ekc_der(find->leaf), row.sha256));
    bm_ekc_validity(find->leaf, &row.from, &row.until);
    row.from = row.from > found->from ? row.from : found->from;
    row.until = row.until < found->until ? row.until : found->until;
    bm_seen_put(&find->anchors->seen, &row);
    return bm_ok();
}

BM_RESULT bm_anchors_verify(bm_anchors *anchors, const bm_ekc *ekc, const bm_bytes *chain, size_t chain_count,
                            const bool accepted[BM_CLASS_COUNT], int64_t now, bm_anchor_match *match)
{
    bm_search find = {.anchors = anchors, .leaf = ekc, .chain = chain, .chain_count = chain_count, .now = now};
    const bm_issuer *found = NULL;

    find.cause = bm_fail(BM_E_EKC_UNTRUSTED, "no anchor issued it, and none of the chain that was sent with it did");
    BM_TRY(check_shapes(&find));
    BM_TRY(bm_search_issuer(&find, &found));
    BM_TRY(bm_issuer_check_constraints(found, ekc));
    BM_TRY(put_match(&anchors->rows[found->anchor], accepted, match));
    BM_TRY(bm_issuer_check_revoked(bm_buf_view(&anchors->revoked), found->id, bm_ekc_walked(ekc)->fields.serial,
                                   "the TPM vendor revoked it"));
    BM_TRY(bm_ekc_check_validity(ekc, now));
    BM_CHECK(bm_issuer_is_current(found, now), BM_E_EKC_VALIDITY, "a CA certificate of the chain is not valid at this time");
    return remember(&find, found);
}

bool bm_anchors_recall(const bm_anchors *anchors, const uint8_t ekc_sha256[BM_SHA256_SIZE], const bool accepted[BM_CLASS_COUNT],
                       int64_t now, bm_anchor_match *match)
{
    const bm_seen_row *row = bm_seen_get(&anchors->seen, ekc_sha256);

    if (row == NULL || now < row->from || now > row->until)
        return false;
    return put_match(&anchors->rows[row->anchor], accepted, match).code == BM_OK;
}
