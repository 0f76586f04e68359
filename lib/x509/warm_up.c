#include "x509/warm_up.h"

#include "x509/anchors.h"
#include "x509/build.h"
#include "x509/name.h"

#define NOW 86400 /* a second of the certificates' validity */

/* Who signs, and whose certificates they are: one key is enough for all of them. */
typedef struct {
    bm_pkey *key;
    bm_pubkey public_key;
    uint8_t id[BM_BUILD_KEY_ID_SIZE];
} signer;

static void free_signer(signer *made)
{
    bm_pkey_free(made->key);
}

static BM_RESULT make_signer(signer *made)
{
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &made->key));
    BM_TRY(bm_pkey_public(made->key, &made->public_key));
    return bm_build_key_id(&made->public_key, made->id);
}

static BM_RESULT put_name(bm_buf *out, const char *name)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;

    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_CN, bm_bytes_str(name)));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&rdns));
}

/* A CA's extensions, without a limit of its path; or those of a certificate that is no CA's. */
static BM_RESULT put_extensions(bm_buf *out, bool ca, const signer *by)
{
    static const uint8_t any_length[] = {BM_DER_SEQUENCE, 3, BM_DER_BOOLEAN, 1, 0xFF};

    if (ca) {
        BM_TRY(bm_build_put_extension(out, bm_build_oid_basic, true, BM_BYTES_ARRAY(any_length)));
        BM_TRY(bm_build_put_key_usage(out, BM_BUILD_KEY_CERT_SIGN));
    } else {
        BM_TRY(bm_build_put_basic(out, false));
    }
    return bm_build_put_key_ids(out, BM_BYTES_ARRAY(by->id), BM_BYTES_ARRAY(by->id));
}

static BM_RESULT put_certificate(bm_buf *out, const char *subject, const char *issuer, bool ca, const signer *by)
{
    static const uint8_t serial = 1;
    BM_AUTO_BUF subject_name = BM_BUF_EMPTY;
    BM_AUTO_BUF issuer_name = BM_BUF_EMPTY;
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    BM_TRY(put_name(&subject_name, subject));
    BM_TRY(put_name(&issuer_name, issuer));
    BM_TRY(put_extensions(&extensions, ca, by));
    BM_TRY(bm_build_put_tbs(&tbs, &(bm_build_fields){.serial = bm_bytes_of(&serial, 1),
                                                     .alg = BM_SIG_ECDSA_SHA256,
                                                     .issuer = bm_buf_view(&issuer_name),
                                                     .not_before = 0,
                                                     .not_after = BM_BUILD_TIME_MAX,
                                                     .subject = bm_buf_view(&subject_name),
                                                     .key = &by->public_key,
                                                     .extensions = bm_buf_view(&extensions)}));
    BM_TRY(bm_pkey_sign(by->key, BM_SIG_ECDSA_SHA256, bm_buf_view(&tbs), &signature));
    return bm_build_put_certificate(out, bm_buf_view(&tbs), BM_SIG_ECDSA_SHA256, bm_buf_view(&signature));
}

static BM_RESULT verify(bm_bytes root, bm_bytes intermediate, bm_bytes leaf)
{
    static const bool accepted[BM_CLASS_COUNT] = {[BM_CLASS_DISCRETE] = true};
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = NULL;
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    bm_anchor_match match;

    BM_TRY(bm_anchors_new(&anchors));
    BM_TRY(bm_anchors_add(anchors, root, BM_CLASS_DISCRETE));
    BM_TRY(bm_ekc_parse(leaf, &ekc));
    return bm_anchors_verify(anchors, ekc, &intermediate, 1, accepted, NOW, &match);
}

BM_RESULT bm_warm_up_chain(void)
{
    BM_AUTO(free_signer) signer by = {0};
    BM_AUTO_BUF root = BM_BUF_EMPTY;
    BM_AUTO_BUF intermediate = BM_BUF_EMPTY;
    BM_AUTO_BUF leaf = BM_BUF_EMPTY;

    BM_TRY(make_signer(&by));
    BM_TRY(put_certificate(&root, "root", "root", true, &by));
    BM_TRY(put_certificate(&intermediate, "intermediate", "root", true, &by));
    BM_TRY(put_certificate(&leaf, "leaf", "intermediate", false, &by));
    return bm_result_as(verify(bm_buf_view(&root), bm_buf_view(&intermediate), bm_buf_view(&leaf)), BM_E_INTERNAL);
}
