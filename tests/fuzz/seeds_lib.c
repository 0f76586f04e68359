#include "seeds.h"

#include "protocol/config.h"
#include "protocol/problem.h"
#include "protocol/reply.h"
#include "protocol/ticket.h"
#include "tests/unit/make_crl.h"
#include "tests/vectors/keys.h"
#include "tpm/credential.h"

#include <string.h>

static void seed_texts(void)
{
    static const char *const texts[] = {"AAECAwQFBgc=", "00ff7Fa0", "2026-11-23T22:30:00Z", "365d", "18446744073709551615", "SN-1:a.b_c",
                                        "gr\xC3\xBC\xC3\x9F dich \xE2\x82\xAC \xF0\x9F\x8C\xB3", "2000-02-29T23:59:59Z", "100y", "default",
                                        "192.0.2.1", "2001:db8::1:0:0:ff", "::ffff:10.0.0.0/104"};
    char name[8];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        (void)snprintf(name, sizeof(name), "%zu", i);
        seed("text", name, bm_bytes_str(texts[i]));
    }
}

/* One EK area of each template, and one IK of each type. */
static void seed_areas(void)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_ECC521};
    BM_AUTO_BUF area = BM_BUF_EMPTY;

    for (unsigned id = 0; id < BM_EK_TEMPLATE_COUNT; id++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)id);
        EVP_PKEY *key = make_key(row->key_type);
        BM_AUTO(bm_pkey_freep) bm_pkey *wrapped = make_wrap(key);
        bm_pubkey public_key;

        FUZZ_OK(bm_pkey_public(wrapped, &public_key));
        bm_buf_clear(&area);
        FUZZ_OK(bm_template_put_ek(&area, row, &public_key));
        seed("public", row->label, bm_buf_view(&area));
        EVP_PKEY_free(key);
    }
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY *key = make_key(types[i]);

        make_device_ik(key, &area);
        seed("public", bm_pubkey_type_name(types[i]), bm_buf_view(&area));
        EVP_PKEY_free(key);
    }
}

static void seed_csrs(void)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_ECC256, BM_KEY_ECC384};
    BM_AUTO_BUF csr = BM_BUF_EMPTY;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        EVP_PKEY *key = make_key(types[i]);

        make_device_csr(key, key, "SN-1", &csr);
        seed("csr", bm_pubkey_type_name(types[i]), bm_buf_view(&csr));
        EVP_PKEY_free(key);
    }
    seed("der", "csr", bm_buf_view(&csr));
}

static void seed_ekc(const char *name, const make_options *options, bm_bytes behind)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_x509_der(options, &der);
    FUZZ_OK(bm_buf_put(&der, behind));
    seed("ekc", name, bm_buf_view(&der));
}

/* EK certificates with what the field has: a chain behind, a prefix before, padding, OAEP, the TPM's make in a SAN; and a CA's. */
static void seed_ekcs(void)
{
    static const char *const san[] = {"basicConstraints", "critical,CA:FALSE", "keyUsage", "critical,keyEncipherment", "extendedKeyUsage",
                                      "2.23.133.8.1", "subjectAltName", "critical,DNS:tpm.example,email:a@b.example", NULL};
    static const uint8_t padding[16] = {0xFF, 0xFF, 0xFF};
    make_vendor vendor = world_vendor();
    EVP_PKEY *rsa = make_key(BM_KEY_RSA2048);
    EVP_PKEY *ecc = bm_evp_of(world_key(WORLD_EK));
    BM_AUTO_BUF chain = BM_BUF_EMPTY;
    BM_AUTO_BUF prefixed = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    make_options options = {.key = ecc, .issuer = vendor.certificate, .signer = vendor.key, .options = make_ek_ecc_extensions};

    make_der(vendor.certificate, &chain);
    make_x509_der(&options, &der);
    seed("der", "ekc", bm_buf_view(&der));
    seed_ekc("chain", &options, bm_buf_view(&chain));
    make_hex(&prefixed, "100100");
    FUZZ_OK(bm_buf_put_sized16(&prefixed, bm_buf_view(&der)));
    FUZZ_OK(bm_buf_put(&prefixed, BM_BYTES_ARRAY(padding)));
    seed("ekc", "prefix", bm_buf_view(&prefixed));
    seed("ekc", "ca", bm_buf_view(&chain));
    options.key = rsa;
    options.options = san;
    seed_ekc("rsa", &options, BM_BYTES_ARRAY(padding));
    options.oaep = true;
    options.name = "a subject";
    seed_ekc("oaep", &options, bm_buf_view(&chain));
    EVP_PKEY_free(rsa);
}

static void seed_requests(void)
{
    make_device device;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_ticket_fields fields = {.key_id = WORLD_TICKET_KEY_ID, .expires = MAKE_NOW + 100};

    world_device(&device, "SN-1");
    FUZZ_OK(bm_request_put(BM_CALL_CHALLENGE, &device.request, &body));
    seed("request", "challenge", bm_buf_view(&body));
    FUZZ_OK(bm_ticket_put_challenge(&device.request.challenge, &fields));
    FUZZ_OK(bm_buf_put(&device.request.ticket, bm_bytes_of(fields.nonce, BM_TICKET_SIZE)));
    bm_buf_clear(&body);
    FUZZ_OK(bm_request_put(BM_CALL_CERTIFICATE, &device.request, &body));
    seed("request", "certificate", bm_buf_view(&body));
    bm_buf_clear(&body);
    bm_buf_fini(&device.request.ek_certificate);
    device.request.ek_chain_count = 0;
    FUZZ_OK(bm_request_put(BM_CALL_CERTIFICATE, &device.request, &body));
    seed("request", "inventory", bm_buf_view(&body));
    device.request.ek_chain_count = 1;
    make_device_fini(&device);
    seed("request", "nested", bm_bytes_str("{\"csr\":\"AA==\",\"ek_chain\":[\"AAAA\",[[[]]],{\"a\":{\"b\":1e5}}],\"\\u0041\":null}"));
}

static void seed_replies(void)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge challenge = {.expires = MAKE_NOW};
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate certificate = {.device = "SN-1", .renew_after = MAKE_NOW, .chain_count = 1};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    FUZZ_OK(bm_buf_put_str(&challenge.credential_blob, "credential blob"));
    FUZZ_OK(bm_buf_put_str(&challenge.encrypted_secret, "encrypted secret"));
    FUZZ_OK(bm_buf_put_str(&challenge.challenge, "challenge"));
    FUZZ_OK(bm_reply_challenge_put(&challenge, &body));
    seed("reply", "challenge", bm_buf_view(&body));
    world_put_issued(&certificate.certificate);
    world_put_ca(&certificate.chain[0]);
    bm_buf_clear(&body);
    FUZZ_OK(bm_reply_certificate_put(&certificate, &body));
    seed("reply", "certificate", bm_buf_view(&body));
    bm_buf_clear(&body);
    FUZZ_OK(bm_problem_put(bm_fail(BM_E_EKC_USAGE, "a detail, \"quoted\""), &body));
    seed("reply", "problem", bm_buf_view(&body));
}

static void seed_tickets(void)
{
    static const uint8_t secret[BM_TICKET_SIZE] = {1, 2, 3};
    bm_ticket_fields fields = {.key_id = WORLD_TICKET_KEY_ID, .expires = MAKE_NOW + 100, .nonce = {1}, .profile = {2}};
    BM_AUTO_BUF token = BM_BUF_EMPTY;
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    BM_AUTO_BUF blob = BM_BUF_EMPTY;
    BM_AUTO_BUF encrypted = BM_BUF_EMPTY;
    BM_AUTO_BUF pieces = BM_BUF_EMPTY;
    bm_tpm_public ek;
    make_device device;

    FUZZ_OK(bm_ticket_put_challenge(&token, &fields));
    seed_choice("ticket", "challenge", 0, bm_buf_view(&token));
    FUZZ_OK(bm_ticket_put_message(&message, &fields));
    seed_choice("ticket", "message", 1, bm_buf_view(&message));
    world_device(&device, "SN-1");
    FUZZ_OK(bm_tpm_public_parse(bm_buf_view(&device.request.ek_public), &ek));
    FUZZ_OK(bm_credential_make(&ek, world_key(WORLD_EK), world_name(), BM_BYTES_ARRAY(secret), &blob, &encrypted));
    seed_put_piece(&pieces, bm_buf_view(&blob));
    seed_put_piece(&pieces, bm_buf_view(&encrypted));
    seed_choice("ticket", "credential", 2, bm_buf_view(&pieces));
    make_device_fini(&device);
}

static void seed_configs(void)
{
    seed("config", "default", bm_bytes_str(bm_config_default_text()));
    seed("config", "profiles",
         bm_bytes_str("[server]\nprocesses = 4\nmax_connections=17\n[profile default]\ntrust = both\nidentity = inventory\n"
                      "subject = CN=%i, C=CH, ST=Z, L=Z, O=Example Ltd, OU=a, OU=%p\n; a comment\n[profile other-1]\ntrust=inventory\n"
                      "identity=ek\nsubject = serialNumber=%e\nclasses = virtual\nik_keys = ecc521, rsa4096\nvalidity = 12h\n"
                      "ticket_lifetime = 90s\n"));
}

/* The server's, with names of each kind. */
static void seed_tls_certificate(void)
{
    static const char *const names[] = {"ca.example.com", "*.fleet.example.com", "192.0.2.7", "2001:db8::7"};
    const bm_ca_tls_options options = {.names = names, .name_count = 4, .not_before = MAKE_NOW, .not_after = MAKE_NOW + 10, .serial = {4}};
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_pubkey key;

    world_put_ca(&made);
    FUZZ_OK(bm_ca_parse(bm_buf_view(&made), &ca));
    FUZZ_OK(bm_pkey_public(world_key(WORLD_IK), &key));
    FUZZ_OK(bm_ca_tls_certificate(&ca, world_key(WORLD_CA), &key, &options, &der));
    seed_choice("certificate", "tls", 0, bm_buf_view(&der));
}

static void seed_certificates(void)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    BM_AUTO_BUF part = BM_BUF_EMPTY;
    bm_pubkey key;

    world_put_issued(&der);
    seed_choice("certificate", "issued", 0, bm_buf_view(&der));
    FUZZ_OK(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&der)));
    seed_choice("certificate", "pem", 4, bm_buf_view(&pem));
    bm_buf_clear(&der);
    world_put_ca(&der);
    seed_choice("certificate", "ca", 1, bm_buf_view(&der));
    bm_buf_clear(&der);
    world_put_tbs(&der);
    seed_choice("certificate", "tbs", 2, bm_buf_view(&der));
    FUZZ_OK(bm_pkey_public(world_key(WORLD_EK), &key));
    FUZZ_OK(bm_pubkey_put_spki(&part, &key));
    seed_choice("certificate", "spki", 3, bm_buf_view(&part));
    bm_buf_clear(&part);
    FUZZ_OK(bm_pkey_put_sig_algorithm(&part, BM_SIG_RSAPSS_SHA256));
    seed_choice("certificate", "algorithm", 3, bm_buf_view(&part));
    seed_tls_certificate();
}

static void seed_private_keys(void)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF rows = BM_BUF_EMPTY;

    FUZZ_OK(bm_pkey_put_private(&der, world_key(WORLD_IK)));
    seed_choice("sealed", "private", 0, bm_buf_view(&der));
    seed_choice("sealed", "pem", 0, bm_bytes_str(key_rsa3072));
    seed_choice("sealed", "ca", 3, bm_buf_view(&der));
    seed_choice("sealed", "envelope", 1, world_sealed_ticket_keys());
    for (uint32_t id = 1; id <= 2; id++) {
        FUZZ_OK(bm_buf_put_u32(&rows, id));
        FUZZ_OK(bm_buf_put_str(&rows, "a ticket key of thirty-two bytes"));
    }
    seed_choice("sealed", "rows", 2, bm_buf_view(&rows));
}

/* A CRL of the root with all that the parser knows of, and one that a vendor's CA signed. */
static void seed_crls(void)
{
    static const uint8_t serial[] = {5, 6, 7};
    const make_entry entries[] = {{.serial = BM_BYTES_ARRAY(serial)}};
    make_vendor vendor = world_vendor();
    make_crl_options options = {.issuer = world_root(), .signer = bm_evp_of(world_key(WORLD_ROOT)), .number = 1, .entries = entries, .count = 1};
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_crl(&options, &der);
    seed("crl", "root", bm_buf_view(&der));
    bm_buf_clear(&der);
    options.issuer = vendor.certificate;
    options.signer = vendor.key;
    make_crl(&options, &der);
    seed("crl", "vendor", bm_buf_view(&der));
}

void seeds_lib(void)
{
    seed_crls();
    seed_texts();
    seed_areas();
    seed_csrs();
    seed_ekcs();
    seed_requests();
    seed_replies();
    seed_tickets();
    seed_configs();
    seed_certificates();
    seed_private_keys();
}
