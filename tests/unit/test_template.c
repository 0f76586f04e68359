#include "tpm/template.h"

#include "tpm_areas.h"

/* A key of a type that has the shape of one; no test here needs its private half. */
static bm_pubkey key_of(bm_key_type type)
{
    uint8_t number[BM_RSA_MAX];
    bm_bytes value = bm_bytes_of(number, bm_pubkey_field_size(type));
    bm_pubkey key;

    for (size_t i = 0; i < sizeof(number); i++)
        number[i] = (uint8_t)(0x81 + 3 * i);
    if (bm_pubkey_is_rsa(type))
        assert_ok(bm_pubkey_from_rsa(value, bm_bytes_of("\1\0\1", 3), &key));
    else
        assert_ok(bm_pubkey_from_point(type, value, value, &key));
    return key;
}

/* EK Credential Profile v2.5: B.3, B.4 and the NV indices of 2.2.1.4 and 2.2.1.5. */
static void the_table_is_the_profiles(void **state)
{
    static const struct {
        const char *label;
        bm_key_type type;
        bm_hash_alg alg;
        uint32_t attributes;
        unsigned aes_bits;
        bm_ek_policy policy;
        uint32_t certificate, nonce, template;
    } rows[BM_EK_TEMPLATE_COUNT] = {
        {"L-1", BM_KEY_RSA2048, BM_HASH_SHA256, 0x000300B2, 128, BM_EK_POLICY_A, 0x01C00002, 0x01C00003, 0x01C00004},
        {"L-2", BM_KEY_ECC256, BM_HASH_SHA256, 0x000300B2, 128, BM_EK_POLICY_A, 0x01C0000A, 0x01C0000B, 0x01C0000C},
        {"H-1", BM_KEY_RSA2048, BM_HASH_SHA256, 0x000300F2, 128, BM_EK_POLICY_B, 0x01C00012, 0, 0x01C00013},
        {"H-2", BM_KEY_ECC256, BM_HASH_SHA256, 0x000300F2, 128, BM_EK_POLICY_B, 0x01C00014, 0, 0x01C00015},
        {"H-3", BM_KEY_ECC384, BM_HASH_SHA384, 0x000300F2, 256, BM_EK_POLICY_B, 0x01C00016, 0, 0x01C00017},
        {"H-6", BM_KEY_RSA3072, BM_HASH_SHA384, 0x000300F2, 256, BM_EK_POLICY_B, 0x01C0001C, 0, 0x01C0001D},
        {"H-4", BM_KEY_ECC521, BM_HASH_SHA512, 0x000300F2, 256, BM_EK_POLICY_B, 0x01C00018, 0, 0x01C00019},
        {"H-7", BM_KEY_RSA4096, BM_HASH_SHA384, 0x000300F2, 256, BM_EK_POLICY_B, 0x01C0001E, 0, 0x01C0001F},
    };

    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)i);

        assert_int_equal(row->id, i);
        assert_string_equal(row->label, rows[i].label);
        assert_int_equal(row->key_type, rows[i].type);
        assert_int_equal(row->name_alg, rows[i].alg);
        assert_int_equal(row->attributes, rows[i].attributes);
        assert_int_equal(row->aes_bits, rows[i].aes_bits);
        assert_int_equal(row->policy, rows[i].policy);
        assert_int_equal(row->certificate_index, rows[i].certificate);
        assert_int_equal(row->nonce_index, rows[i].nonce);
        assert_int_equal(row->template_index, rows[i].template);
    }
    assert_null(bm_template_ek(BM_EK_TEMPLATE_COUNT));
}

/* new = H(old | command code | arguments) (Part 1, 19.7): `hex` is the code and what is constant behind it. */
static bm_digest extend(bm_hash_alg alg, bm_bytes old, const char *hex, bm_bytes a, bm_bytes b)
{
    BM_AUTO_BUF code = vector(hex);
    const bm_bytes pieces[] = {old, bm_buf_view(&code), a, b};
    bm_digest made;

    assert_ok(bm_hash_pieces(alg, pieces, 4, &made));
    return made;
}

/*
 * Derived here from the commands: A is PolicySecret (0x151) of TPM_RH_ENDORSEMENT with an empty policyRef; C is PolicyAuthorizeNV (0x192)
 * of the Name of the profile's index I-1, I-2 or I-3 (01C07F01 to 01C07F03; policy A; attributes 0x220F1008); B is PolicyOR (0x171) of A and C.
 */
static void the_policies_are_those_of_their_commands(void **state)
{
    static const uint8_t zeros[BM_HASH_MAX];
    static const struct {
        bm_hash_alg alg;
        const char *index; /* TPMS_NV_PUBLIC up to the policy */
        const char *size;  /* dataSize */
    } rows[] = {
        {BM_HASH_SHA256, "01c07f01000b220f10080020", "0022"},
        {BM_HASH_SHA384, "01c07f02000c220f10080030", "0032"},
        {BM_HASH_SHA512, "01c07f03000d220f10080040", "0042"},
    };
    const bm_bytes none = bm_bytes_of(NULL, 0);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bm_hash_alg alg = rows[i].alg;
        bm_bytes start = bm_bytes_of(zeros, bm_hash_size(alg));
        bm_digest a, b, c, index;
        BM_AUTO_BUF index_public = vector(rows[i].index);
        BM_AUTO_BUF name = BM_BUF_EMPTY;

        a = extend(alg, start, "000001514000000b", none, none);
        a = extend(alg, bm_hash_view(&a), "", none, none); /* policyRef */
        assert_bytes(bm_template_policy_a(alg), bm_hash_view(&a));
        assert_ok(bm_buf_put(&index_public, bm_hash_view(&a)));
        vector_put(&index_public, rows[i].size);
        assert_ok(bm_hash(alg, bm_buf_view(&index_public), &index));
        assert_ok(bm_buf_put_u16(&name, bm_tpm_public_hash_id(alg)));
        assert_ok(bm_buf_put(&name, bm_hash_view(&index)));
        c = extend(alg, start, "00000192", bm_buf_view(&name), none);
        assert_bytes(bm_template_policy_c(alg), bm_hash_view(&c));
        b = extend(alg, start, "00000171", bm_hash_view(&a), bm_hash_view(&c));
        assert_bytes(bm_template_policy_b(alg), bm_hash_view(&b));
    }
}

static void without_a_hash_there_is_no_policy(void **state)
{
    (void)state;
    assert_int_equal(bm_template_policy_a(BM_HASH_NONE).size, 0);
    assert_int_equal(bm_template_policy_b(BM_HASH_NONE).size, 0);
    assert_int_equal(bm_template_policy_c(BM_HASH_NONE).size, 0);
}

static void an_ek_of_each_template_is_recognised_as_that_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)i);
        const bm_pubkey key = key_of(row->key_type);
        BM_AUTO_BUF area = BM_BUF_EMPTY;
        bm_tpm_public ek;

        assert_ok(bm_template_put_ek(&area, row, &key));
        assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ek));
        assert_true(bm_pubkey_equal(&ek.key, &key));
        assert_ptr_equal(bm_template_match_ek(&ek), row);
    }
}

static void an_ek_that_a_tpm_made_is_recognised_and_rebuilt(void **state)
{
    BM_AUTO_BUF area = vector(area_l2_ek);
    BM_AUTO_BUF rebuilt = BM_BUF_EMPTY;
    bm_tpm_public ek;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ek));
    assert_ptr_equal(bm_template_match_ek(&ek), bm_template_ek(BM_EK_L2));
    assert_ok(bm_template_put_ek(&rebuilt, bm_template_ek(BM_EK_L2), &ek.key));
    assert_bytes(bm_buf_view(&rebuilt), bm_buf_view(&area));
}

static void an_ek_with_stripped_coordinates_is_recognised(void **state)
{
    const bm_ek_template *row = bm_template_ek(BM_EK_H2);
    bm_pubkey key = key_of(BM_KEY_ECC256);
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    BM_AUTO_BUF stripped = BM_BUF_EMPTY;
    BM_AUTO_BUF tpm2b = BM_BUF_EMPTY;
    bm_tpm_public ek;

    (void)state;
    key.x[0] = 0;
    key.y[0] = key.y[1] = 0;
    assert_ok(bm_template_put_ek(&area, row, &key));
    assert_ok(bm_buf_put(&stripped, bm_bytes_slice(bm_buf_view(&area), 2, area.size - 2 - 68)));
    assert_ok(bm_buf_put_sized16(&stripped, bm_bytes_strip_zeros(bm_pubkey_x(&key))));
    assert_ok(bm_buf_put_sized16(&stripped, bm_bytes_strip_zeros(bm_pubkey_y(&key))));
    tpm2b = area_sized(bm_buf_view(&stripped));
    assert_int_equal(tpm2b.size, area.size - 3);
    assert_ok(bm_tpm_public_parse(bm_buf_view(&tpm2b), &ek));
    assert_true(bm_pubkey_equal(&ek.key, &key));
    assert_ptr_equal(bm_template_match_ek(&ek), row);
}

typedef struct {
    const bm_ek_template *row;
    const bm_pubkey *key;
} match_case;

/* Not parsed, of no template, or the same template with another key. */
static void must_not_match(bm_bytes damaged, void *context)
{
    const match_case *good = context;
    const bm_ek_template *found;
    bm_tpm_public ek;

    if (bm_tpm_public_parse(damaged, &ek).code != BM_OK)
        return;
    found = bm_template_match_ek(&ek);
    if (found == NULL)
        return;
    assert_ptr_equal(found, good->row);
    assert_false(bm_pubkey_equal(&ek.key, good->key));
}

static void an_ek_that_differs_in_any_bit_is_of_no_template_or_another_key(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)i);
        const bm_pubkey key = key_of(row->key_type);
        BM_AUTO_BUF area = BM_BUF_EMPTY;
        match_case good = {row, &key};

        assert_ok(bm_template_put_ek(&area, row, &key));
        vector_each_bit(bm_buf_view(&area), must_not_match, &good);
        vector_each_length(bm_buf_view(&area), must_not_match, &good);
    }
}

/* Only one field apart from a template, each of them a TPM would make. */
static void keys_that_are_nearly_eks_are_of_no_template(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
    } edits[] = {
        {4, "000300f2"}, /* userWithAuth in the low range */
        {4, "000300b0"}, /* without fixedTPM */
        {4, "000200b2"}, /* not restricted */
        {4, "000304b2"}, /* noDA */
        {4, "000700b2"}, /* sign too */
        {44, "0100"},    /* AES-256 */
        {46, "0042"},    /* CBC */
        {10, "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"}, /* policy B */
        {10, "0000000000000000000000000000000000000000000000000000000000000000"},
    };
    BM_AUTO_BUF good = vector(area_l2_ek);
    bm_tpm_public ek;

    (void)state;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        BM_AUTO_BUF area = area_with(area_l2_ek, edits[i].at, edits[i].bytes);

        assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ek));
        assert_null(bm_template_match_ek(&ek));
    }
    assert_ok(bm_tpm_public_parse(bm_buf_view(&good), &ek));
    assert_non_null(bm_template_match_ek(&ek));
}

static void an_rsa_ek_with_its_exponent_written_out_is_of_no_template(void **state)
{
    const bm_pubkey key = key_of(BM_KEY_RSA2048);
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    bm_tpm_public ek;

    (void)state;
    assert_ok(bm_template_put_ek(&area, bm_template_ek(BM_EK_L1), &key));
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ek));
    assert_ptr_equal(bm_template_match_ek(&ek), bm_template_ek(BM_EK_L1));
    area.data[2 + 53] = 1; /* 00010001 behind the key's bits */
    area.data[2 + 55] = 1;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ek));
    assert_true(bm_pubkey_equal(&ek.key, &key));
    assert_null(bm_template_match_ek(&ek));
}

static void identity_keys_are_of_no_ek_template(void **state)
{
    static const char *const areas[] = {area_ecc_ik, area_rsa_ik};
    bm_tpm_public ik;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO_BUF area = vector(areas[i]);

        assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ik));
        assert_null(bm_template_match_ek(&ik));
    }
}

static void an_ek_is_not_written_with_a_key_of_another_type(void **state)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        for (unsigned type = 1; type < BM_KEY_TYPE_COUNT; type++) {
            const bm_ek_template *row = bm_template_ek((bm_ek_template_id)i);
            const bm_pubkey key = key_of((bm_key_type)type);

            if (row->key_type != key.type)
                assert_code(bm_template_put_ek(&out, row, &key), BM_E_MALFORMED);
        }
    assert_int_equal(out.size, 0);
}

/* The profile, B.3 and B.4: zero bytes of the key's size in the low range, nothing in the high range (the oracle test has every byte). */
static void unique_is_zeros_in_the_low_range_and_empty_in_the_high_one(void **state)
{
    static const size_t unique_sizes[BM_EK_TEMPLATE_COUNT] = {2 + 256, 2 * (2 + 32), 2, 4, 4, 2, 4, 2};

    (void)state;
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)i);
        const bm_pubkey key = key_of(row->key_type);
        size_t key_size = bm_pubkey_field_size(row->key_type);
        size_t whole = bm_pubkey_is_rsa(row->key_type) ? 2 + key_size : 2 * (2 + key_size);
        BM_AUTO_BUF input = BM_BUF_EMPTY;
        BM_AUTO_BUF area = BM_BUF_EMPTY;

        assert_ok(bm_template_put_ek_input(&input, row, bm_bytes_of(NULL, 0)));
        assert_ok(bm_template_put_ek(&area, row, &key));
        assert_int_equal(input.size - unique_sizes[i], area.size - whole);
        assert_bytes(bm_bytes_slice(bm_buf_view(&input), 2, input.size - unique_sizes[i] - 2),
                     bm_bytes_slice(bm_buf_view(&area), 2, area.size - whole - 2));
        assert_int_equal((size_t)input.data[0] * 256 + input.data[1], input.size - 2);
    }
}

static void a_nonce_stands_at_the_beginning_of_unique(void **state)
{
    static const uint8_t nonce[256] = {1, 2, 3, [255] = 4};
    BM_AUTO_BUF rsa = BM_BUF_EMPTY;
    BM_AUTO_BUF ecc = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_template_put_ek_input(&rsa, bm_template_ek(BM_EK_L1), bm_bytes_of(nonce, 256)));
    assert_bytes(bm_bytes_slice(bm_buf_view(&rsa), rsa.size - 256, 256), BM_BYTES_ARRAY(nonce));
    assert_ok(bm_template_put_ek_input(&ecc, bm_template_ek(BM_EK_L2), bm_bytes_of(nonce, 3)));
    assert_bytes(bm_bytes_slice(bm_buf_view(&ecc), ecc.size - 66, 32), bm_bytes_of(nonce, 32)); /* x; the rest of the nonce is zeros */
    assert_int_equal(bm_bytes_strip_zeros(bm_bytes_slice(bm_buf_view(&ecc), ecc.size - 32, 32)).size, 0);
}

static void a_nonce_that_does_not_fit_is_refused(void **state)
{
    static const uint8_t nonce[257];
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    assert_code(bm_template_put_ek_input(&out, bm_template_ek(BM_EK_L1), bm_bytes_of(nonce, 257)), BM_E_MALFORMED);
    assert_code(bm_template_put_ek_input(&out, bm_template_ek(BM_EK_L2), bm_bytes_of(nonce, 33)), BM_E_MALFORMED);
    for (unsigned i = BM_EK_H1; i < BM_EK_TEMPLATE_COUNT; i++)
        assert_code(bm_template_put_ek_input(&out, bm_template_ek((bm_ek_template_id)i), bm_bytes_of(nonce, 1)), BM_E_MALFORMED);
    assert_int_equal(out.size, 0);
}

static void an_identity_key_made_from_our_template_passes(void **state)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const bm_pubkey key = key_of(types[i]);
        bool is_rsa = bm_pubkey_is_rsa(types[i]);
        BM_AUTO_BUF input = BM_BUF_EMPTY;
        BM_AUTO_BUF area = BM_BUF_EMPTY;
        BM_AUTO_BUF tpm2b = BM_BUF_EMPTY;
        bm_tpm_public ik;

        assert_ok(bm_template_put_ik_input(&input, types[i]));
        /* What the TPM does: the same area with the key in the place of the empty unique. */
        assert_ok(bm_buf_put(&area, bm_bytes_slice(bm_buf_view(&input), 2, input.size - 2 - (is_rsa ? 2 : 4))));
        assert_ok(bm_buf_put_sized16(&area, is_rsa ? bm_pubkey_n(&key) : bm_pubkey_x(&key)));
        if (!is_rsa)
            assert_ok(bm_buf_put_sized16(&area, bm_pubkey_y(&key)));
        tpm2b = area_sized(bm_buf_view(&area));
        assert_ok(bm_tpm_public_parse(bm_buf_view(&tpm2b), &ik));
        assert_int_equal(ik.attributes, 0x00040472);
        assert_int_equal(ik.name_alg, types[i] == BM_KEY_ECC384 ? BM_HASH_SHA384 : BM_HASH_SHA256);
        assert_ok(bm_template_check_ik(&ik));
    }
}

static void identity_keys_of_other_types_have_no_template(void **state)
{
    static const bm_key_type types[] = {BM_KEY_NONE, BM_KEY_RSA4096, BM_KEY_ECC521, BM_KEY_TYPE_COUNT, (bm_key_type)99};
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_code(bm_template_put_ik_input(&out, types[i]), BM_E_IK_ALGORITHM);
    assert_int_equal(out.size, 0);
}

static void each_attribute_of_an_identity_key_is_demanded(void **state)
{
    static const uint32_t demanded[] = {
        BM_TPMA_FIXED_TPM, BM_TPMA_FIXED_PARENT, BM_TPMA_SENSITIVE_DATA_ORIGIN, BM_TPMA_SIGN,       BM_TPMA_DECRYPT,
        BM_TPMA_ST_CLEAR,  BM_TPMA_RESTRICTED,   BM_TPMA_ADMIN_WITH_POLICY,     BM_TPMA_X509_SIGN, BM_TPMA_ENCRYPTED_DUPLICATION,
    };
    static const uint32_t free_to_choose[] = {BM_TPMA_USER_WITH_AUTH, BM_TPMA_NO_DA};
    BM_AUTO_BUF area = vector(area_ecc_ik);
    bm_tpm_public good, ik;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &good));
    assert_ok(bm_template_check_ik(&good));
    for (size_t i = 0; i < sizeof(demanded) / sizeof(demanded[0]); i++) {
        ik = good;
        ik.attributes ^= demanded[i];
        assert_code(bm_template_check_ik(&ik), BM_E_IK_ATTRIBUTES);
        assert_non_null(bm_template_check_ik(&ik).detail);
    }
    for (size_t i = 0; i < sizeof(free_to_choose) / sizeof(free_to_choose[0]); i++) {
        ik = good;
        ik.attributes ^= free_to_choose[i];
        assert_ok(bm_template_check_ik(&ik));
    }
}

static void keys_that_are_no_identity_keys_are_refused(void **state)
{
    static const struct {
        const char *area;
        size_t at;
        const char *bytes;
        bm_code code;
    } edits[] = {
        {area_l2_ek, 0, "0023", BM_E_IK_ATTRIBUTES},         /* an EK */
        {area_l2_ek, 4, "00040472", BM_E_IK_ATTRIBUTES},     /* with the attributes of an IK: symmetric and policy are left */
        {area_rsa_ik, 14, "0004", BM_E_IK_ALGORITHM},        /* RSASSA with SHA-1 */
        {area_rsa_ik, 14, "0012", BM_E_IK_ALGORITHM},        /* SM3 */
        {area_rsa_ik, 14, "0010", BM_E_IK_ALGORITHM},        /* no hash */
        {area_rsa_ik, 12, "00160004", BM_E_IK_ALGORITHM},    /* RSAPSS with SHA-1 */
        {area_rsa_ik, 12, "0016000b", BM_OK},                /* RSAPSS with SHA-256 */
        {area_rsa_ik, 14, "000d", BM_OK},                    /* RSASSA with SHA-512 */
    };
    bm_tpm_public ik;

    (void)state;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        BM_AUTO_BUF area = area_with(edits[i].area, edits[i].at, edits[i].bytes);

        assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ik));
        assert_code(bm_template_check_ik(&ik), edits[i].code);
    }
}

static void an_identity_key_with_a_policy_beside_its_value_or_with_a_cipher_is_refused(void **state)
{
    BM_AUTO_BUF area = vector(area_ecc_ik);
    static const uint8_t policy[32] = {1};
    bm_tpm_public ik;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &ik));
    ik.policy = BM_BYTES_ARRAY(policy);
    assert_code(bm_template_check_ik(&ik), BM_E_IK_ATTRIBUTES);
    ik.attributes |= BM_TPMA_ADMIN_WITH_POLICY;
    ik.attributes &= ~BM_TPMA_USER_WITH_AUTH;
    assert_code(bm_template_check_ik(&ik), BM_E_IK_ATTRIBUTES);
    ik.policy = bm_bytes_of(NULL, 0);
    ik.attributes &= ~BM_TPMA_ADMIN_WITH_POLICY;
    ik.attributes |= BM_TPMA_USER_WITH_AUTH;
    ik.symmetric = BM_TPM_ALG_AES;
    assert_code(bm_template_check_ik(&ik), BM_E_IK_ATTRIBUTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_profiles),
        cmocka_unit_test(the_policies_are_those_of_their_commands),
        cmocka_unit_test(without_a_hash_there_is_no_policy),
        cmocka_unit_test(an_ek_of_each_template_is_recognised_as_that_one),
        cmocka_unit_test(an_ek_that_a_tpm_made_is_recognised_and_rebuilt),
        cmocka_unit_test(an_ek_with_stripped_coordinates_is_recognised),
        cmocka_unit_test(an_ek_that_differs_in_any_bit_is_of_no_template_or_another_key),
        cmocka_unit_test(keys_that_are_nearly_eks_are_of_no_template),
        cmocka_unit_test(an_rsa_ek_with_its_exponent_written_out_is_of_no_template),
        cmocka_unit_test(identity_keys_are_of_no_ek_template),
        cmocka_unit_test(an_ek_is_not_written_with_a_key_of_another_type),
        cmocka_unit_test(unique_is_zeros_in_the_low_range_and_empty_in_the_high_one),
        cmocka_unit_test(a_nonce_stands_at_the_beginning_of_unique),
        cmocka_unit_test(a_nonce_that_does_not_fit_is_refused),
        cmocka_unit_test(an_identity_key_made_from_our_template_passes),
        cmocka_unit_test(identity_keys_of_other_types_have_no_template),
        cmocka_unit_test(each_attribute_of_an_identity_key_is_demanded),
        cmocka_unit_test(keys_that_are_no_identity_keys_are_refused),
        cmocka_unit_test(an_identity_key_with_a_policy_beside_its_value_or_with_a_cipher_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
