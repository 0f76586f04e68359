#include "x509/search.h"

#include "crypto/evp.h"
#include "x509/ekc_x509.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static void note_cause(bm_search *find, bm_result cause)
{
    if (find->cause.code != BM_E_EKC_REVOKED)
        find->cause = cause;
}

/* The place of this key among those that were tried; their number when it was not. */
static size_t place_of(const bm_search *find, X509 *owner)
{
    size_t i = 0;

    while (i < find->tried_count && EVP_PKEY_eq(X509_get0_pubkey(find->tried[i].owner), X509_get0_pubkey(owner)) != 1)
        i++;
    return i;
}

static void note_key(bm_search *find, X509 *owner, bool is_it)
{
    if (find->tried_count == BM_SEARCH_TRIED_MAX)
        return;
    find->tried[find->tried_count].owner = owner;
    find->tried[find->tried_count++].is_it = is_it;
}

/* Did this one sign the leaf? Each key is asked once. */
static bool has_signed(bm_search *find, X509 *candidate)
{
    size_t place;
    bool yes;

    /* The same key may stand in another certificate in a way that no CA may write it. */
    if (!bm_issuer_says_so(candidate, find->leaf) || !bm_issuer_has_fit_key(candidate))
        return false;
    place = place_of(find, candidate);
    if (place < find->tried_count)
        return find->tried[place].is_it;
    yes = bm_issuer_has_signed(candidate, find->leaf);
    note_key(find, candidate, yes);
    return yes;
}

/* The anchor that signed the leaf, one that is valid now before others; NULL when there is none that was not revoked. */
static const bm_issuer *find_anchor(bm_search *find)
{
    const bm_issuer *stale = NULL;

    for (size_t i = 0; i < find->anchors->count; i++) {
        const bm_issuer *candidate = &find->anchors->rows[i].self;
        X509 *x509 = sk_X509_value(candidate->path, 0);

        if (bm_issuer_says_so(x509, find->leaf) && !bm_issuer_has_fit_key(x509))
            note_cause(find, bm_fail(BM_E_EKC_UNTRUSTED, "the trust anchor with the name of its issuer has a key that is not RSA of 2048 to 4096 bits, "
                                                         "P-256, P-384 or P-521"));
        if (!has_signed(find, x509))
            continue;
        if (find->anchors->rows[i].revoked) {
            note_cause(find, bm_fail(BM_E_EKC_REVOKED, "the TPM vendor revoked the CA that issued it"));
            continue;
        }
        if (bm_issuer_is_current(candidate, find->now))
            return candidate;
        stale = candidate;
    }
    return stale;
}

static bm_issuer *recall(bm_anchors *anchors, const uint8_t sha256[BM_SHA256_SIZE])
{
    for (size_t i = 0; i < BM_REMEMBERED_MAX; i++) {
        bm_issuer *known = &anchors->remembered[i];

        if (known->path != NULL &&
            bm_bytes_equal(BM_BYTES_ARRAY(known->sha256), bm_bytes_of(sha256, BM_SHA256_SIZE)))
            return known;
    }
    return NULL;
}

/* An intermediate of this chain that was verified before, is valid now, and signed the leaf; NULL when there is none. */
static BM_RESULT find_remembered(bm_search *find, const bm_issuer **found)
{
    for (size_t i = 0; i < find->chain_count; i++) {
        uint8_t sha256[BM_SHA256_SIZE];
        const bm_issuer *known;

        BM_TRY(bm_hash_sha256(find->chain[i], sha256));
        known = recall(find->anchors, sha256);
        if (known != NULL && bm_issuer_is_current(known, find->now) &&
            has_signed(find, sk_X509_value(known->path, 0))) {
            *found = known;
            return bm_ok();
        }
    }
    *found = NULL;
    return bm_ok();
}

/* Dates are looked at for each EK certificate, by is_current: here a path may be out of date. */
static int but_the_dates(int good, X509_STORE_CTX *context)
{
    int error = X509_STORE_CTX_get_error(context);

    return good || error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
}

static void free_context(X509_STORE_CTX **context)
{
    X509_STORE_CTX_free(*context);
}

/* How many signatures OpenSSL verified, from the anchor down, until it met one that is wrong. */
static int count_until_forged(X509_STORE_CTX *context)
{
    return sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1 - X509_STORE_CTX_get_error_depth(context);
}

/* Has OpenSSL build and verify the path from an intermediate to an anchor. The caller frees the path. */
static BM_RESULT verify_path(bm_search *find, X509 *intermediate, STACK_OF(X509) *untrusted, STACK_OF(X509) **path)
{
    BM_AUTO(free_context) X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *parameters;
    int good;

    if (context == NULL || X509_STORE_CTX_init(context, NULL, intermediate, untrusted) != 1)
        return bm_evp_error(BM_E_INTERNAL, "preparing the verification of a chain");
    X509_STORE_CTX_set0_trusted_stack(context, find->anchors->trusted);
    X509_STORE_CTX_set_verify_cb(context, but_the_dates);
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)find->now);
    X509_VERIFY_PARAM_set_depth(parameters, BM_EKC_CHAIN_MAX);
    good = X509_verify_cert(context);
    ERR_clear_error();
    if (X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_SIGNATURE_FAILURE)
        find->spent += count_until_forged(context);
    if (good != 1)
        return bm_failf(BM_E_EKC_UNTRUSTED, "the chain: %s",
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    *path = X509_STORE_CTX_get1_chain(context);
    BM_CHECK(*path != NULL, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

/* Cuts a path behind the first anchor that it meets: the nearest says what kind of TPM it is. */
static BM_RESULT end_at_anchor(const bm_anchors *anchors, bm_issuer *made)
{
    for (int i = 0; i < sk_X509_num(made->path); i++)
        for (size_t k = 0; k < anchors->count; k++) {
            if (X509_cmp(sk_X509_value(made->path, i), sk_X509_value(anchors->rows[k].self.path, 0)) != 0)
                continue;
            while (sk_X509_num(made->path) > i + 1)
                X509_free(sk_X509_pop(made->path));
            made->anchor = k;
            return bm_ok();
        }
    return bm_fail(BM_E_INTERNAL, "a verified chain without an anchor");
}

/* Does a loaded CRL list one of the path? An anchor's own CA is not in the path: see bm_anchors_revoke. */
static BM_RESULT check_revoked(const bm_anchors *anchors, const bm_issuer *made)
{
    static const char detail[] = "the TPM vendor revoked a CA of its chain";

    BM_CHECK(!anchors->rows[made->anchor].revoked, BM_E_EKC_REVOKED, detail);
    for (int i = 0; anchors->revoked.size > 0 && i + 1 < sk_X509_num(made->path); i++) {
        uint8_t id[BM_SHA256_SIZE];

        BM_TRY(bm_issuer_id(sk_X509_value(made->path, i + 1), id));
        BM_TRY(bm_issuer_check_revoked_ca(bm_buf_view(&anchors->revoked), id, sk_X509_value(made->path, i), detail));
    }
    return bm_ok();
}

BM_RESULT bm_search_path(bm_search *find, X509 *intermediate, STACK_OF(X509) *untrusted, bm_issuer *made)
{
    BM_AUTO(bm_issuer_fini) bm_issuer found = {0};

    BM_TRY(verify_path(find, intermediate, untrusted, &found.path));
    BM_TRY(end_at_anchor(find->anchors, &found));
    BM_TRY(bm_issuer_check_path(found.path));
    BM_TRY(check_revoked(find->anchors, &found));
    BM_TRY(bm_issuer_measure(&found));
    *made = found;
    found.path = NULL;
    return bm_ok();
}

/* Remembers an intermediate whose path was verified. Takes the path. */
static const bm_issuer *remember(bm_anchors *anchors, bm_issuer *made)
{
    bm_issuer *place = recall(anchors, made->sha256);

    if (place == NULL) {
        place = &anchors->remembered[anchors->next];
        anchors->next = (anchors->next + 1) % BM_REMEMBERED_MAX;
    }
    bm_issuer_free_path(&place->path);
    *place = *made;
    made->path = NULL;
    return place;
}

/* Verifies the path above an intermediate, then that it signed the leaf, and remembers it. */
static BM_RESULT learn(bm_search *find, X509 *intermediate, STACK_OF(X509) *untrusted, bm_bytes der, const bm_issuer **found)
{
    BM_AUTO(bm_issuer_fini) bm_issuer made = {0};

    BM_TRY(bm_search_path(find, intermediate, untrusted, &made));
    BM_CHECK(has_signed(find, intermediate), BM_E_EKC_UNTRUSTED, "a CA of the chain has the name of its issuer, and did not sign it");
    BM_TRY(bm_hash_sha256(der, made.sha256));
    *found = remember(find->anchors, &made);
    return bm_ok();
}

/* Does this one of the chain say the same as one before it? Its path would be verified once more, for nothing. */
static bool is_repeated(const bm_search *find, size_t at)
{
    bm_walk_cert one;
    bm_walk_cert before;

    for (size_t i = 0; i < at; i++)
        if (bm_walk_certificate(find->chain[at], &one).code == BM_OK && bm_walk_certificate(find->chain[i], &before).code == BM_OK &&
            bm_bytes_equal(one.tbs, before.tbs))
            return true;
    return false;
}

/* Can this one of the chain still be the issuer, by what it says and by what was tried? */
static bool is_candidate(const bm_search *find, X509 *intermediate, size_t at)
{
    size_t place;

    if (intermediate == NULL || !bm_issuer_says_so(intermediate, find->leaf) || is_repeated(find, at))
        return false;
    place = place_of(find, intermediate);
    return place == find->tried_count || find->tried[place].is_it;
}

/* Has this certificate a key that a CA may have? */
static bool has_fit_key(bm_bytes der)
{
    bm_walk_cert walked;

    return bm_walk_certificate(der, &walked).code == BM_OK && bm_issuer_key_is_fit(walked.fields.spki);
}

/* Decodes what can be decoded of the chain; a certificate that OpenSSL cannot read, or with a key that no CA may have, helps nobody. */
static BM_RESULT decode_chain(bm_search *find, X509 *decoded[BM_EKC_CHAIN_MAX], STACK_OF(X509) *untrusted)
{
    for (size_t i = 0; i < find->chain_count; i++) {
        if (!has_fit_key(find->chain[i]))
            note_cause(find, bm_fail(BM_E_EKC_UNTRUSTED, BM_ISSUER_UNFIT_KEY));
        else if (bm_ekc_decode(find->chain[i], &decoded[i]).code != BM_OK)
            decoded[i] = NULL;
        else
            BM_TRY(bm_issuer_push(untrusted, decoded[i]));
    }
    return bm_ok();
}

static BM_RESULT search_chain(bm_search *find, X509 *decoded[BM_EKC_CHAIN_MAX], const bm_issuer **found)
{
    BM_AUTO(bm_issuer_free_path) STACK_OF(X509) *untrusted = sk_X509_new_null();

    BM_CHECK(untrusted != NULL, BM_E_NO_MEMORY, NULL);
    BM_TRY(decode_chain(find, decoded, untrusted));
    for (size_t i = 0; i < find->chain_count && find->spent < BM_SEARCH_SPENT_MAX; i++) {
        bm_result result;

        if (!is_candidate(find, decoded[i], i))
            continue;
        result = learn(find, decoded[i], untrusted, find->chain[i], found);
        /* Out of date: one behind it may be a renewed certificate of the same CA. */
        if (result.code == BM_OK && !bm_issuer_is_current(*found, find->now))
            continue;
        if (result.code != BM_E_EKC_UNTRUSTED && result.code != BM_E_EKC_REVOKED)
            return result;
        note_cause(find, result);
    }
    return *found != NULL ? bm_ok() : find->cause;
}

BM_RESULT bm_search_issuer(bm_search *find, const bm_issuer **found)
{
    X509 *decoded[BM_EKC_CHAIN_MAX] = {NULL};
    bm_result result;

    *found = find_anchor(find);
    if (*found != NULL)
        return bm_issuer_check_path((*found)->path);
    BM_TRY(find_remembered(find, found));
    if (*found != NULL)
        return bm_ok();
    result = search_chain(find, decoded, found);
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        X509_free(decoded[i]);
    return result;
}
