#include "oracle.h"

#include <tss2/tss2_mu.h>

#define EK_LOW_ATTRIBUTES                                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |     \
     TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define EK_HIGH_ATTRIBUTES (EK_LOW_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH)
#define IK_ALL_ATTRIBUTES                                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |        \
     TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT)

/* A template in the words of the TSS. */
typedef struct {
    const char *label; /* of an EK; NULL: an identity key of `ik` */
    bm_key_type ik;
    unsigned size; /* bits of RSA, or the curve */
    TPMA_OBJECT attributes;
    unsigned aes_bits;
    TPMI_ALG_PUBLIC type;
    TPMI_ALG_HASH hash;
    UINT16 zeros; /* in each field of unique */
    char policy;
} row;

static const row rows[] = {
    {"L-1", 0, 2048, EK_LOW_ATTRIBUTES, 128, TPM2_ALG_RSA, TPM2_ALG_SHA256, 256, 'A'},
    {"L-2", 0, TPM2_ECC_NIST_P256, EK_LOW_ATTRIBUTES, 128, TPM2_ALG_ECC, TPM2_ALG_SHA256, 32, 'A'},
    {"H-1", 0, 2048, EK_HIGH_ATTRIBUTES, 128, TPM2_ALG_RSA, TPM2_ALG_SHA256, 0, 'B'},
    {"H-2", 0, TPM2_ECC_NIST_P256, EK_HIGH_ATTRIBUTES, 128, TPM2_ALG_ECC, TPM2_ALG_SHA256, 0, 'B'},
    {"H-3", 0, TPM2_ECC_NIST_P384, EK_HIGH_ATTRIBUTES, 256, TPM2_ALG_ECC, TPM2_ALG_SHA384, 0, 'B'},
    {"H-6", 0, 3072, EK_HIGH_ATTRIBUTES, 256, TPM2_ALG_RSA, TPM2_ALG_SHA384, 0, 'B'},
    {"H-4", 0, TPM2_ECC_NIST_P521, EK_HIGH_ATTRIBUTES, 256, TPM2_ALG_ECC, TPM2_ALG_SHA512, 0, 'B'},
    {"H-7", 0, 4096, EK_HIGH_ATTRIBUTES, 256, TPM2_ALG_RSA, TPM2_ALG_SHA384, 0, 'B'},
    {NULL, BM_KEY_RSA2048, 2048, IK_ALL_ATTRIBUTES, 0, TPM2_ALG_RSA, TPM2_ALG_SHA256, 0, 0},
    {NULL, BM_KEY_RSA3072, 3072, IK_ALL_ATTRIBUTES, 0, TPM2_ALG_RSA, TPM2_ALG_SHA256, 0, 0},
    {NULL, BM_KEY_ECC256, TPM2_ECC_NIST_P256, IK_ALL_ATTRIBUTES, 0, TPM2_ALG_ECC, TPM2_ALG_SHA256, 0, 0},
    {NULL, BM_KEY_ECC384, TPM2_ECC_NIST_P384, IK_ALL_ATTRIBUTES, 0, TPM2_ALG_ECC, TPM2_ALG_SHA384, 0, 0},
};

/* (That the policies themselves are right: test_template derives them, and the TPM satisfies them.) */
static void fill_policy(const row *from, TPM2B_DIGEST *to)
{
    bm_hash_alg alg = bm_tpm_public_hash_of(from->hash);
    bm_bytes policy = from->policy == 'A' ? bm_template_policy_a(alg) : bm_template_policy_b(alg);

    if (from->policy == 0)
        return;
    to->size = (UINT16)policy.size;
    oracle_must(bm_bytes_copy_exact(policy, to->buffer, policy.size), "a policy");
}

static void fill_symmetric(const row *from, TPMT_SYM_DEF_OBJECT *to)
{
    to->algorithm = TPM2_ALG_NULL;
    if (from->aes_bits == 0)
        return;
    to->algorithm = TPM2_ALG_AES;
    to->keyBits.aes = (TPMI_AES_KEY_BITS)from->aes_bits;
    to->mode.aes = TPM2_ALG_CFB;
}

static void fill(const row *from, TPMT_PUBLIC *to)
{
    to->type = from->type;
    to->nameAlg = from->hash;
    to->objectAttributes = from->attributes;
    fill_policy(from, &to->authPolicy);
    if (from->type == TPM2_ALG_RSA) {
        fill_symmetric(from, &to->parameters.rsaDetail.symmetric);
        to->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
        to->parameters.rsaDetail.keyBits = (TPMI_RSA_KEY_BITS)from->size;
        to->unique.rsa.size = from->zeros;
    } else {
        fill_symmetric(from, &to->parameters.eccDetail.symmetric);
        to->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
        to->parameters.eccDetail.curveID = (TPMI_ECC_CURVE)from->size;
        to->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
        to->unique.ecc.x.size = from->zeros;
        to->unique.ecc.y.size = from->zeros;
    }
}

static void check_row(const row *expected)
{
    TPM2B_PUBLIC public = {0};
    uint8_t theirs[sizeof(TPM2B_PUBLIC)];
    size_t size = 0;
    BM_AUTO_BUF ours = BM_BUF_EMPTY;

    fill(expected, &public.publicArea);
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&public, theirs, sizeof(theirs), &size) != TSS2_RC_SUCCESS)
        oracle_die("libtss2-mu does not marshal %s", expected->label == NULL ? "an identity key" : expected->label);
    if (expected->label != NULL)
        oracle_must(bm_template_put_ek_input(&ours, oracle_row(expected->label), bm_bytes_of(NULL, 0)), expected->label);
    else
        oracle_must(bm_template_put_ik_input(&ours, expected->ik), bm_pubkey_type_name(expected->ik));
    oracle_same(bm_buf_view(&ours), bm_bytes_of(theirs, size),
                expected->label == NULL ? bm_pubkey_type_name(expected->ik) : expected->label);
}

void oracle_structures(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}
