#include "x509/anchors.h"

#include "crypto/evp.h"
#include "x509/ekc_x509.h"
#include "x509/name.h"
#include "x509/seen.h"
#include "x509/walk.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#define REMEMBERED_MAX 64
#define SECURITY_BITS_MIN 112 /* NIST SP 800-57 part 1: RSA-2048, P-224, SHA-224 and better */
#define KEY_BITS_MAX 4096     /* more would only cost us time */
#define EXPONENT_BITS_MAX 64  /* of RSA: as long as the modulus, it would cost us a hundred times as much */

/*
 * Something that may sign EK certificates: a path of CA certificates, the first of which is the one that signs and the last an anchor. For
 * an anchor itself the path has one certificate. Everything in it was verified but the dates.
 */
typedef struct {
    uint8_t sha256[BM_SHA256_SIZE]; /* of the first one's DER */
    STACK_OF(X509) *path;
    size_t anchor;
    int64_t from; /* the time when all of the path is valid */
    int64_t until;
    bool constrained; /* one of the path has name constraints */
} issuer;

typedef struct {
    issuer self;
    bm_tpm_class class;
} anchor_row;

struct bm_anchors {
    anchor_row *rows;
    size_t count;
    STACK_OF(X509) *trusted; /* borrowed from the rows, in their order */
    issuer remembered[REMEMBERED_MAX];
    size_t next; /* where the next one is remembered: the oldest */
    bm_seen seen; /* EK certificates that chained to one of the rows */
};

/* One call of bm_anchors_verify. */
typedef struct {
    bm_anchors *anchors;
    X509 *leaf;
    const bm_bytes *chain;
    size_t chain_count;
    int64_t now;
    bm_result cause; /* why the nearest candidate was refused */
} search;

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

static void free_path(STACK_OF(X509) **path)
{
    sk_X509_pop_free(*path, X509_free);
    *path = NULL;
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
        free_path(&anchors->rows[i].self.path);
    for (size_t i = 0; i < REMEMBERED_MAX; i++)
        free_path(&anchors->remembered[i].path);
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

/* When all of a path is valid, and whether it has name constraints. */
static BM_RESULT measure(issuer *made)
{
    made->from = INT64_MIN;
    made->until = INT64_MAX;
    for (int i = 0; i < sk_X509_num(made->path); i++) {
        const X509 *x509 = sk_X509_value(made->path, i);
        int64_t from;
        int64_t until;

        BM_TRY(bm_ekc_dates(x509, &from, &until));
        made->from = from > made->from ? from : made->from;
        made->until = until < made->until ? until : made->until;
        made->constrained = made->constrained || X509_get_ext_by_NID(x509, NID_name_constraints, -1) >= 0;
    }
    return bm_ok();
}

/* Puts a certificate at the end of a path, which shares it. */
static BM_RESULT push(STACK_OF(X509) *path, X509 *x509)
{
    BM_CHECK(X509_up_ref(x509) == 1, BM_E_INTERNAL, "sharing a certificate");
    if (sk_X509_push(path, x509) > 0)
        return bm_ok();
    X509_free(x509);
    return bm_fail(BM_E_NO_MEMORY, NULL);
}

/* Makes room for one more row, and for its certificate in the stack of what is trusted. */
static BM_RESULT grow(bm_anchors *anchors)
{
    anchor_row *rows = reallocarray(anchors->rows, anchors->count + 1, sizeof(*rows));

    BM_CHECK(rows != NULL, BM_E_NO_MEMORY, NULL);
    anchors->rows = rows;
    BM_CHECK(sk_X509_reserve(anchors->trusted, 1) == 1, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

static void free_x509(X509 **x509)
{
    X509_free(*x509);
}

BM_RESULT bm_anchors_add(bm_anchors *anchors, bm_bytes der, bm_tpm_class class)
{
    BM_AUTO(free_x509) X509 *x509 = NULL;
    BM_AUTO(free_path) STACK_OF(X509) *path = sk_X509_new_null();
    anchor_row row = {.class = class, .self = {.path = path, .anchor = anchors->count}};

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
    BM_TRY(push(path, x509));
    BM_TRY(measure(&row.self));
    BM_TRY(grow(anchors));
    (void)sk_X509_push(anchors->trusted, x509);
    anchors->rows[anchors->count++] = row;
    path = NULL;
    return bm_ok();
}

/* A key that is strong enough, and none that is only there to make us work. */
static bool is_strong_key(X509 *x509)
{
    const EVP_PKEY *key = X509_get0_pubkey(x509);

    return key != NULL && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN && EVP_PKEY_get_bits(key) <= KEY_BITS_MAX &&
           bm_evp_exponent_bits(key) <= EXPONENT_BITS_MAX;
}

/* SHA-2 in its signature: SHA-1 counts for less than 80 bits. */
static bool is_strongly_signed(X509 *x509)
{
    int bits = 0;

    return X509_get_signature_info(x509, NULL, NULL, &bits, NULL) == 1 && bits >= SECURITY_BITS_MIN;
}

/*
 * What X509_verify_cert leaves to us, as it takes the first of the path for a leaf: that all are CAs with strong keys and signatures (but
 * the anchor's own), and the path lengths (RFC 5280, 4.2.1.9).
 */
static BM_RESULT check_path(STACK_OF(X509) *path)
{
    int count = sk_X509_num(path);
    long below = 0;

    for (int i = 0; i < count; i++) {
        X509 *x509 = sk_X509_value(path, i);
        uint32_t flags = X509_get_extension_flags(x509);
        long limit = X509_get_pathlen(x509);

        BM_CHECK(X509_check_ca(x509) == 1, BM_E_EKC_UNTRUSTED, "a certificate of the chain is not a CA's");
        BM_CHECK((flags & (EXFLAG_CRITICAL | EXFLAG_INVALID)) == 0, BM_E_EKC_UNTRUSTED,
                 "a CA of the chain has a critical extension that is not known");
        BM_CHECK(is_strong_key(x509), BM_E_EKC_UNTRUSTED,
                 "a CA of the chain has a key that is too weak, or over 4096 bits");
        BM_CHECK(i == count - 1 || is_strongly_signed(x509), BM_E_EKC_UNTRUSTED,
                 "a CA certificate of the chain is signed with a weak hash");
        BM_CHECK(limit < 0 || below <= limit, BM_E_EKC_UNTRUSTED, "the chain is longer than a CA of it allows");
        if ((flags & EXFLAG_SI) == 0)
            below++;
    }
    return bm_ok();
}

/* Does this certificate say that it issued the leaf, and did it sign it? */
static bool has_signed(X509 *candidate, X509 *leaf)
{
    bool yes = X509_check_issued(candidate, leaf) == X509_V_OK && is_strong_key(candidate) &&
               X509_verify(leaf, X509_get0_pubkey(candidate)) == 1;

    ERR_clear_error();
    return yes;
}

static bool is_current(const issuer *candidate, int64_t now)
{
    return candidate->from <= now && now <= candidate->until;
}

/* Name constraints of the path on the leaf (RFC 5280, 4.2.1.10): X509_verify_cert did not see the leaf. */
static BM_RESULT check_constraints(const issuer *candidate, X509 *leaf)
{
    for (int i = 0; candidate->constrained && i < sk_X509_num(candidate->path); i++) {
        const X509 *x509 = sk_X509_value(candidate->path, i);
        NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(x509, NID_name_constraints, NULL, NULL);
        int verdict = constraints == NULL ? X509_V_OK : NAME_CONSTRAINTS_check(leaf, constraints);
        bool unreadable = constraints == NULL && X509_get_ext_by_NID(x509, NID_name_constraints, -1) >= 0;

        NAME_CONSTRAINTS_free(constraints);
        ERR_clear_error();
        BM_CHECK(!unreadable && verdict == X509_V_OK, BM_E_EKC_UNTRUSTED,
                 "a CA of the chain may not issue for this name");
    }
    return bm_ok();
}

/* The anchor that signed the leaf, one that is valid now before others; NULL when there is none. */
static const issuer *find_anchor(const search *find)
{
    const issuer *stale = NULL;

    for (size_t i = 0; i < find->anchors->count; i++) {
        const issuer *candidate = &find->anchors->rows[i].self;

        if (!has_signed(sk_X509_value(candidate->path, 0), find->leaf))
            continue;
        if (is_current(candidate, find->now))
            return candidate;
        stale = candidate;
    }
    return stale;
}

static issuer *recall(bm_anchors *anchors, const uint8_t sha256[BM_SHA256_SIZE])
{
    for (size_t i = 0; i < REMEMBERED_MAX; i++) {
        issuer *known = &anchors->remembered[i];

        if (known->path != NULL &&
            bm_bytes_equal(BM_BYTES_ARRAY(known->sha256), bm_bytes_of(sha256, BM_SHA256_SIZE)))
            return known;
    }
    return NULL;
}

/* An intermediate of this chain that was verified before, is valid now, and signed the leaf; NULL when there is none. */
static BM_RESULT find_remembered(const search *find, const issuer **found)
{
    for (size_t i = 0; i < find->chain_count; i++) {
        uint8_t sha256[BM_SHA256_SIZE];
        const issuer *known;

        BM_TRY(bm_hash_sha256(find->chain[i], sha256));
        known = recall(find->anchors, sha256);
        if (known != NULL && is_current(known, find->now) && has_signed(sk_X509_value(known->path, 0), find->leaf)) {
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

/* Has OpenSSL build and verify the path from an intermediate to an anchor. The caller frees the path. */
static BM_RESULT verify_path(const search *find, X509 *intermediate, STACK_OF(X509) *untrusted, STACK_OF(X509) **path)
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
    if (good != 1)
        return bm_failf(BM_E_EKC_UNTRUSTED, "the chain: %s",
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    *path = X509_STORE_CTX_get1_chain(context);
    BM_CHECK(*path != NULL, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

/* Cuts a path behind the first anchor that it meets: the nearest says what kind of TPM it is. */
static BM_RESULT end_at_anchor(const bm_anchors *anchors, issuer *made)
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

/* Verifies the path above an intermediate that signed the leaf, and remembers it. */
static BM_RESULT learn(const search *find, X509 *intermediate, STACK_OF(X509) *untrusted, bm_bytes der,
                       const issuer **found)
{
    BM_AUTO(free_path) STACK_OF(X509) *path = NULL;
    issuer made = {0};
    issuer *place;

    BM_TRY(verify_path(find, intermediate, untrusted, &path));
    made.path = path;
    BM_TRY(end_at_anchor(find->anchors, &made));
    BM_TRY(check_path(path));
    BM_TRY(measure(&made));
    BM_TRY(bm_hash_sha256(der, made.sha256));
    place = recall(find->anchors, made.sha256);
    if (place == NULL) {
        place = &find->anchors->remembered[find->anchors->next];
        find->anchors->next = (find->anchors->next + 1) % REMEMBERED_MAX;
    }
    free_path(&place->path);
    *place = made;
    path = NULL;
    *found = place;
    return bm_ok();
}

/* Decodes what can be decoded of the chain; a certificate that OpenSSL cannot read helps nobody. */
static BM_RESULT decode_chain(const search *find, X509 *decoded[BM_EKC_CHAIN_MAX], STACK_OF(X509) *untrusted)
{
    for (size_t i = 0; i < find->chain_count; i++) {
        if (bm_ekc_decode(find->chain[i], &decoded[i]).code != BM_OK)
            decoded[i] = NULL;
        else
            BM_TRY(push(untrusted, decoded[i]));
    }
    return bm_ok();
}

static BM_RESULT search_chain(search *find, X509 *decoded[BM_EKC_CHAIN_MAX], const issuer **found)
{
    BM_AUTO(free_path) STACK_OF(X509) *untrusted = sk_X509_new_null();

    BM_CHECK(untrusted != NULL, BM_E_NO_MEMORY, NULL);
    BM_TRY(decode_chain(find, decoded, untrusted));
    for (size_t i = 0; i < find->chain_count; i++) {
        bm_result result;

        if (decoded[i] == NULL || !has_signed(decoded[i], find->leaf))
            continue;
        result = learn(find, decoded[i], untrusted, find->chain[i], found);
        if (result.code != BM_E_EKC_UNTRUSTED)
            return result;
        find->cause = result;
    }
    return find->cause;
}

/* The issuer of the leaf: an anchor, an intermediate that we know, or one of the chain. */
static BM_RESULT find_issuer(search *find, const issuer **found)
{
    X509 *decoded[BM_EKC_CHAIN_MAX] = {NULL};
    bm_result result;

    *found = find_anchor(find);
    if (*found != NULL)
        return check_path((*found)->path);
    BM_TRY(find_remembered(find, found));
    if (*found != NULL)
        return bm_ok();
    result = search_chain(find, decoded, found);
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        X509_free(decoded[i]);
    return result;
}

/* What can be said of the leaf and the chain before any signature is verified. */
static BM_RESULT check_shapes(const search *find)
{
    bm_walk_cert walked;

    BM_CHECK(find->chain_count <= BM_EKC_CHAIN_MAX, BM_E_EKC_MALFORMED, "a chain of more than 4 certificates");
    for (size_t i = 0; i < find->chain_count; i++) {
        BM_CHECK(find->chain[i].size <= BM_EKC_MAX, BM_E_EKC_MALFORMED, "a certificate over 4096 bytes");
        BM_TRY(bm_result_as(bm_walk_certificate(find->chain[i], &walked), BM_E_EKC_MALFORMED));
    }
    BM_CHECK((X509_get_extension_flags(find->leaf) & EXFLAG_CRITICAL) == 0, BM_E_EKC_UNTRUSTED,
             "the EK certificate has a critical extension that is not known");
    BM_CHECK(is_strongly_signed(find->leaf), BM_E_EKC_UNTRUSTED, "the EK certificate is signed with a weak hash");
    return bm_ok();
}

static BM_RESULT put_match(const anchor_row *row, const bool accepted[BM_CLASS_COUNT], bm_anchor_match *match)
{
    if (!accepted[row->class])
        return bm_failf(BM_E_EKC_CLASS, "its anchor is of class %s", bm_anchors_class_name(row->class));
    match->class = row->class;
    return bm_bytes_copy_exact(BM_BYTES_ARRAY(row->self.sha256), match->anchor_sha256, BM_SHA256_SIZE);
}

/* Remembers what bm_anchors_recall may say of this certificate. */
static BM_RESULT remember(const search *find, const bm_ekc *ekc, const issuer *found)
{
    bm_seen_row row = {.used = true, .anchor = found->anchor};

    BM_TRY(bm_hash_sha256(bm_ekc_der(ekc), row.sha256));
    BM_TRY(bm_ekc_dates(find->leaf, &row.from, &row.until));
    row.from = row.from > found->from ? row.from : found->from;
    row.until = row.until < found->until ? row.until : found->until;
    bm_seen_put(&find->anchors->seen, &row);
    return bm_ok();
}

BM_RESULT bm_anchors_verify(bm_anchors *anchors, const bm_ekc *ekc, const bm_bytes *chain, size_t chain_count,
                            const bool accepted[BM_CLASS_COUNT], int64_t now, bm_anchor_match *match)
{
    search find = {.anchors = anchors, .leaf = bm_ekc_x509(ekc), .chain = chain, .chain_count = chain_count, .now = now};
    const issuer *found = NULL;

    find.cause = bm_fail(BM_E_EKC_UNTRUSTED, "no anchor issued it, and none of the chain that was sent with it did");
    BM_TRY(check_shapes(&find));
    BM_TRY(find_issuer(&find, &found));
    BM_TRY(check_constraints(found, find.leaf));
    BM_TRY(put_match(&anchors->rows[found->anchor], accepted, match));
    BM_TRY(bm_ekc_check_validity(ekc, now));
    BM_CHECK(is_current(found, now), BM_E_EKC_VALIDITY, "a CA certificate of the chain is not valid at this time");
    return remember(&find, ekc, found);
}

bool bm_anchors_recall(const bm_anchors *anchors, const uint8_t ekc_sha256[BM_SHA256_SIZE], const bool accepted[BM_CLASS_COUNT],
                       int64_t now, bm_anchor_match *match)
{
    const bm_seen_row *row = bm_seen_get(&anchors->seen, ekc_sha256);

    if (row == NULL || now < row->from || now > row->until)
        return false;
    return put_match(&anchors->rows[row->anchor], accepted, match).code == BM_OK;
}
