#include "tpm/credential.h"

#include "../vectors/keys.h"
#include "crypto/der.h"
#include "tpm/template.h"
#include "tpm_areas.h"

/* An EK in software: what a TPM has inside, with the public area of a template. */
typedef struct {
    bm_buf area;
    bm_tpm_public public;
    bm_pkey *private_key;
    bm_pkey *public_key;
} soft_ek;

static soft_ek eks[BM_EK_TEMPLATE_COUNT];
static soft_ek other_l1, other_l2;
static uint8_t name_bytes[34], other_name_bytes[34];
#define NAME BM_BYTES_ARRAY(name_bytes)
#define OTHER_NAME BM_BYTES_ARRAY(other_name_bytes)
#define SECRET bm_bytes_str("a secret of 32 bytes, as tickets")

static void finish_ek(soft_ek *ek, bm_ek_template_id id)
{
    bm_pubkey key;

    assert_ok(bm_pkey_public(ek->private_key, &key));
    assert_ok(bm_template_put_ek(&ek->area, bm_template_ek(id), &key));
    assert_ok(bm_tpm_public_parse(bm_buf_view(&ek->area), &ek->public));
    assert_ok(bm_pkey_from_public(&ek->public.key, &ek->public_key));
}

static void make_ek(soft_ek *ek, bm_ek_template_id id)
{
    if (bm_template_ek(id)->key_type == BM_KEY_RSA3072)
        assert_ok(bm_pkey_from_private(bm_bytes_str(key_rsa3072), &ek->private_key));
    else if (bm_template_ek(id)->key_type == BM_KEY_RSA4096)
        assert_ok(bm_pkey_from_private(bm_bytes_str(key_rsa4096), &ek->private_key));
    else
        assert_ok(bm_pkey_generate(bm_template_ek(id)->key_type, &ek->private_key));
    finish_ek(ek, id);
}

static void free_ek(soft_ek *ek)
{
    bm_buf_fini(&ek->area);
    bm_pkey_freep(&ek->private_key);
    bm_pkey_freep(&ek->public_key);
}

static int make_eks(void **state)
{
    BM_AUTO_BUF name = vector(name_ecc_ik);
    BM_AUTO_BUF other = vector(name_rsa_ik);

    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        make_ek(&eks[i], (bm_ek_template_id)i);
    make_ek(&other_l1, BM_EK_L1);
    make_ek(&other_l2, BM_EK_L2);
    assert_ok(bm_bytes_copy_exact(bm_buf_view(&name), name_bytes, sizeof(name_bytes)));
    assert_ok(bm_bytes_copy_exact(bm_buf_view(&other), other_name_bytes, sizeof(other_name_bytes)));
    return 0;
}

static int free_eks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        free_ek(&eks[i]);
    free_ek(&other_l1);
    free_ek(&other_l2);
    return 0;
}

static void a_credential_opens_with_its_ek_and_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        size_t longest = bm_hash_size(eks[i].public.name_alg);
        static const uint8_t secret[BM_HASH_MAX] = {1, 2, 3, [47] = 9};

        for (size_t size = 1; size <= longest; size += size == 1 ? 30 : 1) {
            BM_AUTO_BUF object = BM_BUF_EMPTY;
            BM_AUTO_BUF seed = BM_BUF_EMPTY;
            BM_AUTO_BUF opened = BM_BUF_EMPTY;

            assert_ok(bm_credential_make(&eks[i].public, eks[i].public_key, NAME, bm_bytes_of(secret, size), &object, &seed));
            assert_ok(bm_credential_open(&eks[i].public, eks[i].private_key, NAME, bm_buf_view(&object), bm_buf_view(&seed), &opened));
            assert_bytes(bm_buf_view(&opened), bm_bytes_of(secret, size));
        }
    }
}

/* The seed of an RSA EK, recovered here by hand. */
static void recover_seed(const soft_ek *ek, bm_bytes encrypted_secret, bm_buf *seed)
{
    static const char label[] = "IDENTITY";

    bm_buf_clear(seed);
    assert_ok(bm_pkey_oaep_decrypt(ek->private_key, ek->public.name_alg, bm_bytes_of(label, sizeof(label)),
                                   bm_bytes_slice(encrypted_secret, 2, encrypted_secret.size - 2), seed));
}

static void a_credential_opens_with_its_seed_and_with_no_other(void **state)
{
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF protected_seed = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;
    const bm_tpm_public *ek = &eks[BM_EK_L1].public;

    (void)state;
    assert_ok(bm_credential_make(ek, eks[BM_EK_L1].public_key, NAME, SECRET, &object, &protected_seed));
    recover_seed(&eks[BM_EK_L1], bm_buf_view(&protected_seed), &seed);
    assert_ok(bm_credential_open_with(ek, bm_buf_view(&seed), NAME, bm_buf_view(&object), &opened));
    assert_bytes(bm_buf_view(&opened), SECRET);
    bm_buf_clear(&opened);
    assert_code(bm_credential_open_with(ek, bm_buf_view(&seed), OTHER_NAME, bm_buf_view(&object), &opened), BM_E_MALFORMED);
    assert_code(bm_credential_open_with(ek, bm_bytes_of(seed.data, seed.size - 1), NAME, bm_buf_view(&object), &opened), BM_E_MALFORMED);
    assert_code(bm_credential_open_with(ek, bm_bytes_of(NULL, 0), NAME, bm_buf_view(&object), &opened), BM_E_MALFORMED);
    assert_code(bm_credential_open_with(&eks[BM_EK_H6].public, bm_buf_view(&seed), NAME, bm_buf_view(&object), &opened), BM_E_MALFORMED);
    seed.data[0] ^= 1;
    assert_code(bm_credential_open_with(ek, bm_buf_view(&seed), NAME, bm_buf_view(&object), &opened), BM_E_MALFORMED);
    assert_int_equal(opened.size, 0);
}

/* TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET have exactly these sizes, whatever leading zeros there are. */
static void the_structures_have_the_sizes_of_the_specification(void **state)
{
    static const size_t seed_sizes[BM_EK_TEMPLATE_COUNT] = {2 + 256, 2 + 2 * 34, 2 + 256, 2 + 2 * 34, 2 + 2 * 50, 2 + 384, 2 + 2 * 68, 2 + 512};

    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        for (int turn = 0; turn < 20; turn++) {
            BM_AUTO_BUF object = BM_BUF_EMPTY;
            BM_AUTO_BUF seed = BM_BUF_EMPTY;

            assert_ok(bm_credential_make(&eks[i].public, eks[i].public_key, NAME, SECRET, &object, &seed));
            assert_int_equal(seed.size, seed_sizes[i]);
            assert_int_equal(object.size, 2 + 2 + bm_hash_size(eks[i].public.name_alg) + 2 + SECRET.size);
        }
}

typedef struct {
    const char *curve_oid, *ephemeral, *area, *seed, *encrypted_secret;
} encaps_row;

/* The EK's area of a vector, its Name's keys and its seed, put together here: what the TPM checks before it opens. */
static void check_integrity(const bm_tpm_public *ek, bm_bytes seed, bm_bytes object)
{
    uint8_t hmac_key[BM_HASH_MAX];
    size_t size = bm_hash_size(ek->name_alg);
    bm_bytes pieces[] = {bm_bytes_slice(object, 4 + size, object.size - 4 - size), NAME};
    bm_digest integrity;

    assert_ok(bm_hash_kdfa(ek->name_alg, seed, "INTEGRITY", bm_bytes_of(NULL, 0), bm_bytes_of(NULL, 0), (unsigned)size * 8, hmac_key));
    assert_ok(bm_hash_hmac(ek->name_alg, bm_bytes_of(hmac_key, size), pieces, 2, &integrity));
    assert_bytes(bm_bytes_slice(object, 4, size), bm_hash_view(&integrity));
}

/*
 * google/tpm-test-vectors (in go-tpm, ecc_labeled_encaps.json), 05_R_P256_SHA256_128 and 36_R_P521_SHA256_256, both validated there with
 * TPM2_ActivateCredential: the seed and the encrypted secret that follow from an EK and an ephemeral scalar.
 */
static void seeds_match_published_vectors(void **state)
{
    static const encaps_row rows[] = {
        {"06082a8648ce3d030107", "85e55f8e90f1ca33eb4fc4b2e347e6062127d4975bc48c520afdbcdd49b1c6d7",
         "0023000b000304600020bef56b8c1cc84e11edd717528d2cd99356bd2bbf8f015209c3f84aeeaba8e8a20006008000430010000300100020f126562cedff"
         "2fa344c6234085de4250112ecf72d0714336970de012ba977da9002017436ee1160921fdd2ed033e11ba04ed0cedf2ca462246118a359f8eb469b531",
         "88d8f97b4b8fd8bd1751ca32b5a3aa14c91163ad984b5c732e400572a8525edc",
         "00200173de00ffb1981886c1fd3039b2de4e6dd1eb34634be4d9ce27a46455633606002083ba87eb7c9a032cc36ab674fc48266c4255aeb312d069893b6e"
         "a74fbcb21c3f"},
        {"06052b81040023",
         "0104940a316f568eed27af400efa5323121b313da098c1efb2f8f4715eaa5a0ff6cc665737e99f7d58a8fc6de4768b8c58d46160522f8b197993e6cb4332"
         "d177d6e3",
         "0023000b000304600020bef56b8c1cc84e11edd717528d2cd99356bd2bbf8f015209c3f84aeeaba8e8a2000601000043001000050010004200d9de6915b0"
         "fcbf6bf091ca9a4130706e8acfd30053dc9afe6e39276e0a4b3253df7a7a68d9767fab0fdafe1e1885e4a89f3088f5180f345df1ecb9dcb05218f1a20042"
         "01e11b3d83fff7fe22b15f798ad6dea533380eb13b099b2a872f91ec67398eec1535cbf1d3ed9d3e2ca123b2765391e93348ed07871be7aa37b6dd85dd7f"
         "f82e51ac",
         "c227232466717515f8bda704ccb22e1650e3ac7d07ded6de21ece2eb0f93e3ef",
         "004201c8a3bcc36579d63d67800289ea251205e51278dc226e53fe45a854cca4372ebf7b32fd4f6061acca6429706a2f6e1b0b64f218483cf0e8ee78a5c4"
         "bffccd2381090042007979f6c0e7d8ac41ff1b5d36ad3488155ce4fd9c147fe3d53e345700a5c3f31c7114618e301b2fd68bb8f376c269671bb150992cf8"
         "a2cc46e6257d171a3ad97de2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO(bm_pkey_freep) bm_pkey *ephemeral = key_of_scalar(rows[i].curve_oid, rows[i].ephemeral);
        BM_AUTO(bm_pkey_freep) bm_pkey *ek_key = NULL;
        BM_AUTO_BUF area = vector(rows[i].area);
        BM_AUTO_BUF tpm2b = area_sized(bm_buf_view(&area));
        BM_AUTO_BUF expected_seed = vector(rows[i].seed);
        BM_AUTO_BUF expected = vector(rows[i].encrypted_secret);
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF secret = BM_BUF_EMPTY;
        bm_tpm_public ek;

        assert_ok(bm_tpm_public_parse(bm_buf_view(&tpm2b), &ek));
        assert_ok(bm_pkey_from_public(&ek.key, &ek_key));
        assert_ok(bm_credential_make_with(&ek, ek_key, ephemeral, NAME, SECRET, &object, &secret));
        assert_bytes(bm_bytes_slice(bm_buf_view(&secret), 2, secret.size - 2), bm_buf_view(&expected));
        check_integrity(&ek, bm_buf_view(&expected_seed), bm_buf_view(&object));
    }
}

static void another_name_does_not_open(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF seed = BM_BUF_EMPTY;
        BM_AUTO_BUF opened = BM_BUF_EMPTY;

        assert_ok(bm_credential_make(&eks[i].public, eks[i].public_key, NAME, SECRET, &object, &seed));
        assert_code(bm_credential_open(&eks[i].public, eks[i].private_key, OTHER_NAME, bm_buf_view(&object), bm_buf_view(&seed), &opened),
                    BM_E_MALFORMED);
        assert_int_equal(opened.size, 0);
    }
}

static void another_ek_does_not_open(void **state)
{
    const soft_ek *const pairs[][2] = {{&eks[BM_EK_L1], &other_l1}, {&eks[BM_EK_L2], &other_l2}, {&eks[BM_EK_L1], &eks[BM_EK_H1]},
                                       {&eks[BM_EK_L2], &eks[BM_EK_H2]}, {&eks[BM_EK_H3], &eks[BM_EK_L2]},
                                       {&eks[BM_EK_H4], &eks[BM_EK_H3]}, {&eks[BM_EK_H7], &eks[BM_EK_H6]},
                                       {&eks[BM_EK_L1], &eks[BM_EK_L2]}, {&eks[BM_EK_L2], &eks[BM_EK_L1]}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const soft_ek *made = pairs[i][0], *used = pairs[i][1];
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF seed = BM_BUF_EMPTY;
        BM_AUTO_BUF opened = BM_BUF_EMPTY;

        assert_ok(bm_credential_make(&made->public, made->public_key, NAME, SECRET, &object, &seed));
        assert_code(bm_credential_open(&used->public, used->private_key, NAME, bm_buf_view(&object), bm_buf_view(&seed), &opened),
                    BM_E_MALFORMED);
        assert_int_equal(opened.size, 0);
    }
}

typedef struct {
    const soft_ek *ek;
    bm_bytes object, seed;
} open_case;

static void object_must_not_open(bm_bytes damaged, void *context)
{
    const open_case *good = context;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    assert_code(bm_credential_open(&good->ek->public, good->ek->private_key, NAME, damaged, good->seed, &opened), BM_E_MALFORMED);
    assert_int_equal(opened.size, 0);
}

static void seed_must_not_open(bm_bytes damaged, void *context)
{
    const open_case *good = context;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    assert_code(bm_credential_open(&good->ek->public, good->ek->private_key, NAME, good->object, damaged, &opened), BM_E_MALFORMED);
    assert_int_equal(opened.size, 0);
}

static void changed_credentials_do_not_open(void **state)
{
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;
    open_case good = {.ek = &eks[BM_EK_L2]};

    (void)state;
    assert_ok(bm_credential_make(&good.ek->public, good.ek->public_key, NAME, SECRET, &object, &seed));
    good.object = bm_buf_view(&object);
    good.seed = bm_buf_view(&seed);
    vector_each_length(good.object, object_must_not_open, &good);
    vector_each_bit(good.object, object_must_not_open, &good);
    vector_each_length(good.seed, seed_must_not_open, &good);
    vector_each_bit(good.seed, seed_must_not_open, &good);
}

/* As above; a private RSA operation for each is slow, so one bit of each byte of the seed. */
static void changed_credentials_for_an_rsa_ek_do_not_open(void **state)
{
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;
    open_case good = {.ek = &eks[BM_EK_L1]};

    (void)state;
    assert_ok(bm_credential_make(&good.ek->public, good.ek->public_key, NAME, SECRET, &object, &seed));
    good.object = bm_buf_view(&object);
    good.seed = bm_buf_view(&seed);
    vector_each_length(good.seed, seed_must_not_open, &good);
    for (size_t at = 0; at < seed.size; at++) {
        seed.data[at] ^= (uint8_t)(1u << (at % 8));
        seed_must_not_open(good.seed, &good);
        seed.data[at] ^= (uint8_t)(1u << (at % 8));
    }
}

/* An ephemeral point off the curve would tell a bit of the EK: it is refused before ECDH. */
static void an_ephemeral_point_off_the_curve_is_refused(void **state)
{
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;
    BM_AUTO_BUF point = vector("0044" "0020" "0000000000000000000000000000000000000000000000000000000000000001"
                               "0020" "0000000000000000000000000000000000000000000000000000000000000001");
    open_case good = {.ek = &eks[BM_EK_L2]};

    (void)state;
    assert_ok(bm_credential_make(&good.ek->public, good.ek->public_key, NAME, SECRET, &object, &seed));
    good.object = bm_buf_view(&object);
    seed_must_not_open(bm_buf_view(&point), &good);
}

static void secrets_that_are_empty_or_too_long_are_refused(void **state)
{
    static const uint8_t secret[BM_HASH_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        size_t longest = bm_hash_size(eks[i].public.name_alg);
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF seed = BM_BUF_EMPTY;

        assert_code(bm_credential_make(&eks[i].public, eks[i].public_key, NAME, bm_bytes_of(secret, 0), &object, &seed), BM_E_MALFORMED);
        assert_code(bm_credential_make(&eks[i].public, eks[i].public_key, NAME, bm_bytes_of(secret, longest + 1), &object, &seed),
                    BM_E_MALFORMED);
        assert_int_equal(object.size + seed.size, 0);
    }
}

static void what_is_not_a_name_is_refused(void **state)
{
    static const char *const names[] = {
        "", "00", "000b", "0004da39a3ee5e6b4b0d3255bfef95601890afd80709", "0010", "40000001",
        "000b00000000000000000000000000000000000000000000000000000000000000",
        "000b000000000000000000000000000000000000000000000000000000000000000000",
        "000c0000000000000000000000000000000000000000000000000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        BM_AUTO_BUF name = vector(names[i]);
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF seed = BM_BUF_EMPTY;

        assert_code(bm_credential_make(&eks[BM_EK_L2].public, eks[BM_EK_L2].public_key, bm_buf_view(&name), SECRET, &object, &seed),
                    BM_E_MALFORMED);
        assert_int_equal(object.size + seed.size, 0);
    }
}

static void an_ek_without_aes_cfb_is_refused(void **state)
{
    static const struct {
        uint16_t symmetric, bits, mode;
    } rows[] = {{BM_TPM_ALG_NULL, 0, 0}, {BM_TPM_ALG_AES, 128, 0x0042}, {BM_TPM_ALG_AES, 192, BM_TPM_ALG_CFB}, {0x0013, 128, BM_TPM_ALG_CFB}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_tpm_public ek = eks[BM_EK_L2].public;
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF seed = BM_BUF_EMPTY;

        ek.symmetric = rows[i].symmetric;
        ek.symmetric_bits = rows[i].bits;
        ek.symmetric_mode = rows[i].mode;
        assert_code(bm_credential_make(&ek, eks[BM_EK_L2].public_key, NAME, SECRET, &object, &seed), BM_E_MALFORMED);
        assert_code(bm_credential_open(&ek, eks[BM_EK_L2].private_key, NAME, SECRET, SECRET, &object), BM_E_MALFORMED);
        assert_int_equal(object.size + seed.size, 0);
    }
}

static void an_ephemeral_key_of_another_kind_is_refused(void **state)
{
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;

    (void)state;
    assert_code(bm_credential_make_with(&eks[BM_EK_L2].public, eks[BM_EK_L2].public_key, eks[BM_EK_H3].private_key, NAME, SECRET, &object,
                                        &seed), BM_E_MALFORMED);
    assert_code(bm_credential_make_with(&eks[BM_EK_L1].public, eks[BM_EK_L1].public_key, eks[BM_EK_L2].private_key, NAME, SECRET, &object,
                                        &seed), BM_E_MALFORMED);
    assert_code(bm_credential_make_with(&eks[BM_EK_L2].public, eks[BM_EK_L2].public_key, eks[BM_EK_L1].private_key, NAME, SECRET, &object,
                                        &seed), BM_E_MALFORMED);
    assert_int_equal(object.size + seed.size, 0);
}

/* A key pair on P-256 whose x begins with a zero byte. */
static bm_pkey *key_with_leading_zero(void)
{
    for (int i = 0; i < 20000; i++) {
        bm_pkey *key = NULL;
        bm_pubkey value;

        assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
        assert_ok(bm_pkey_public(key, &value));
        if (value.x[0] == 0)
            return key;
        bm_pkey_free(key);
    }
    fail_msg("no such key in 20000");
    return NULL;
}

/* (That a TPM agrees is proven by the oracle test.) */
static void leading_zeros_in_the_eks_and_the_ephemeral_x_open(void **state)
{
    soft_ek ek = {.private_key = key_with_leading_zero()};
    BM_AUTO(bm_pkey_freep) bm_pkey *ephemeral = key_with_leading_zero();
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    (void)state;
    finish_ek(&ek, BM_EK_L2);
    assert_int_equal(ek.area.size, eks[BM_EK_L2].area.size);
    assert_ok(bm_credential_make_with(&ek.public, ek.public_key, ephemeral, NAME, SECRET, &object, &seed));
    assert_int_equal(seed.size, 2 + 2 * 34);
    assert_int_equal(seed.data[4], 0);
    assert_ok(bm_credential_open(&ek.public, ek.private_key, NAME, bm_buf_view(&object), bm_buf_view(&seed), &opened));
    assert_bytes(bm_buf_view(&opened), SECRET);
    free_ek(&ek);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_opens_with_its_ek_and_name),
        cmocka_unit_test(the_structures_have_the_sizes_of_the_specification),
        cmocka_unit_test(seeds_match_published_vectors),
        cmocka_unit_test(another_name_does_not_open),
        cmocka_unit_test(another_ek_does_not_open),
        cmocka_unit_test(changed_credentials_do_not_open),
        cmocka_unit_test(changed_credentials_for_an_rsa_ek_do_not_open),
        cmocka_unit_test(an_ephemeral_point_off_the_curve_is_refused),
        cmocka_unit_test(secrets_that_are_empty_or_too_long_are_refused),
        cmocka_unit_test(a_credential_opens_with_its_seed_and_with_no_other),
        cmocka_unit_test(what_is_not_a_name_is_refused),
        cmocka_unit_test(an_ek_without_aes_cfb_is_refused),
        cmocka_unit_test(an_ephemeral_key_of_another_kind_is_refused),
        cmocka_unit_test(leading_zeros_in_the_eks_and_the_ephemeral_x_open),
    };
    return cmocka_run_group_tests(tests, make_eks, free_eks);
}
