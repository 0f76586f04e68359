#include "world.h"

#include "crypto/cipher.h"
#include "keys/keys.h"
#include "tests/unit/vectors.h"
#include "x509/issue.h"

#include <string.h>

static const uint8_t ticket_key[BM_TICKET_KEY_SIZE] = "the ticket key of the fuzz tests";

bm_pkey *world_key(world_key_id id)
{
    static bm_pkey *keys[256];
    char scalar[65];

    for (size_t i = 0; i < 64; i++)
        scalar[i] = "0123456789abcdef"[(unsigned)id >> 4];
    scalar[64] = 0;
    if (keys[id] == NULL)
        keys[id] = key_of_scalar("06082a8648ce3d030107", scalar);
    return keys[id];
}

X509 *world_root(void)
{
    static X509 *root;

    if (root == NULL)
        root = make_x509(&(make_options){.key = bm_evp_of(world_key(WORLD_ROOT)), .name = "Fuzz root", .options = make_ca_extensions});
    return root;
}

make_vendor world_vendor(void)
{
    static make_vendor vendor;

    if (vendor.certificate == NULL) {
        vendor.key = bm_evp_of(world_key(WORLD_VENDOR));
        vendor.certificate = make_x509(&(make_options){.key = vendor.key,
                                                       .name = "Fuzz vendor",
                                                       .issuer = world_root(),
                                                       .signer = bm_evp_of(world_key(WORLD_ROOT)),
                                                       .options = make_ca_extensions});
    }
    return vendor;
}

bm_anchors *world_anchors(void)
{
    static bm_anchors *anchors;

    if (anchors == NULL) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        make_der(world_root(), &der);
        FUZZ_OK(bm_anchors_new(&anchors));
        FUZZ_OK(bm_anchors_add(anchors, bm_buf_view(&der), BM_CLASS_DISCRETE));
    }
    return anchors;
}

bm_profile world_profile(void)
{
    bm_profile profile = {.name = "default", .trust = BM_TRUST_CERTIFICATE, .identity = BM_IDENTITY_CLAIM, .validity = 31536000,
                          .ticket_lifetime = 300};

    profile.classes[BM_CLASS_DISCRETE] = true;
    for (int i = BM_KEY_RSA2048; i < BM_KEY_TYPE_COUNT; i++)
        profile.ik_keys[i] = true;
    FUZZ_OK(bm_profile_parse_subject(bm_bytes_str("CN=%i, serialNumber=%i, O=Fuzz"), &profile));
    return profile;
}

void world_put_ca(bm_buf *der)
{
    static bm_buf made;
    bm_ca_options options = {.common_name = "Fuzz CA", .not_before = WORLD_CA_FROM, .not_after = WORLD_CA_UNTIL, .serial = {1, 2, 3}};

    if (made.size == 0)
        FUZZ_OK(bm_ca_self_signed(world_key(WORLD_CA), &options, &made));
    FUZZ_OK(bm_buf_put(der, bm_buf_view(&made)));
}

bm_bytes world_sealed_ca_key(void)
{
    static bm_buf sealed;

    if (sealed.size == 0)
        FUZZ_OK(bm_keys_file_seal_ca(bm_bytes_str("fuzz"), BM_CIPHER_RANDOM, world_key(WORLD_CA), &sealed));
    return bm_buf_view(&sealed);
}

bm_bytes world_sealed_ticket_keys(void)
{
    static bm_buf sealed;
    BM_AUTO_BUF row = BM_BUF_EMPTY;

    FUZZ_OK(bm_buf_put_u32(&row, WORLD_TICKET_KEY_ID));
    FUZZ_OK(bm_buf_put(&row, BM_BYTES_ARRAY(ticket_key)));
    if (sealed.size == 0)
        FUZZ_OK(bm_cipher_seal(bm_bytes_str("fuzz"), BM_CIPHER_RANDOM, BM_KEYS_LABEL_TICKET, bm_buf_view(&row), &sealed));
    return bm_buf_view(&sealed);
}

void world_ticket(bm_bytes message, uint8_t ticket[BM_SHA256_SIZE])
{
    bm_digest digest;

    FUZZ_OK(bm_hash_hmac(BM_HASH_SHA256, BM_BYTES_ARRAY(ticket_key), &message, 1, &digest));
    FUZZ_OK(bm_bytes_copy_exact(bm_hash_view(&digest), ticket, BM_SHA256_SIZE));
}

bm_bytes world_name(void)
{
    static const char name[] = "\x00\x0B" "a digest of thirty-two bytes ...";

    return bm_bytes_of(name, sizeof(name) - 1);
}

static EVP_PKEY *shared(world_key_id id)
{
    EVP_PKEY *key = bm_evp_of(world_key(id));

    FUZZ_MUST(EVP_PKEY_up_ref(key) == 1);
    return key;
}

void world_device(make_device *device, const char *serial)
{
    make_vendor vendor = world_vendor();
    bm_pubkey key;

    *device = (make_device){.ek = shared(WORLD_EK), .ik = shared(WORLD_IK), .request = {.profile = "default", .ek_chain_count = 1}};
    FUZZ_OK(bm_pkey_public(world_key(WORLD_EK), &key));
    FUZZ_OK(bm_template_put_ek(&device->request.ek_public, bm_template_ek(BM_EK_L2), &key));
    make_device_ik(device->ik, &device->request.ik_public);
    make_device_csr(device->ik, device->ik, serial, &device->request.csr);
    make_device_ekc(device, &vendor, NULL, 0);
    make_der(vendor.certificate, &device->request.ek_chain[0]);
}

void world_put_tbs(bm_buf *tbs)
{
    bm_issue_fields fields = {.serial = {0x40, 1}, .not_before = MAKE_NOW, .not_after = MAKE_NOW + 86400};
    bm_profile profile = world_profile();
    uint8_t ek[BM_SHA256_SIZE] = {0};
    BM_AUTO_BUF subject = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};
    bm_pubkey key;

    world_put_ca(&der);
    FUZZ_OK(bm_ca_parse(bm_buf_view(&der), &ca));
    FUZZ_OK(bm_pkey_public(world_key(WORLD_IK), &key));
    FUZZ_OK(bm_profile_put_subject(&subject, &profile, "SN-1", ek));
    fields.subject = bm_buf_view(&subject);
    fields.key = &key;
    FUZZ_OK(bm_issue_put_tbs(tbs, &ca, BM_SIG_ECDSA_SHA256, &fields));
}

void world_put_issued(bm_buf *der)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    world_put_tbs(&tbs);
    FUZZ_OK(bm_pkey_sign(world_key(WORLD_CA), BM_SIG_ECDSA_SHA256, bm_buf_view(&tbs), &signature));
    FUZZ_OK(bm_issue_assemble(der, bm_buf_view(&tbs), BM_SIG_ECDSA_SHA256, bm_buf_view(&signature)));
}
