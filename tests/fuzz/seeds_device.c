#include "seeds.h"

#include "device/identity/key_file.h"
#include "x509/ca.h"

/* An edit of the TPM's answers, as tpm.c reads it. */
static void put_edit(bm_buf *out, uint8_t pass, uint8_t kind, uint16_t at, bm_bytes bytes)
{
    FUZZ_OK(bm_buf_put_u8(out, pass));
    FUZZ_OK(bm_buf_put_u8(out, kind));
    FUZZ_OK(bm_buf_put_u16(out, at));
    seed_put_piece(out, bytes);
}

/*
 * Lists that never end: of TPM2_GetCapability, more handles are promised, and the one that is given is below those that were asked for; or the
 * list is of something else.
 */
static void seed_lists(void)
{
    static const uint8_t below[] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0};
    static const uint8_t other[] = {1, 0, 0, 0, 6, 0, 0, 0, 1, 1, 0xC0, 0, 0, 0, 0, 0, 0};
    BM_AUTO_BUF edits = BM_BUF_EMPTY;

    put_edit(&edits, 0, 0x82, 0, BM_BYTES_ARRAY(below));
    seed_choice("tpm", "endless", 0, bm_buf_view(&edits));
    bm_buf_clear(&edits);
    put_edit(&edits, 0, 2, 0, BM_BYTES_ARRAY(other));
    seed_choice("tpm", "other-list", 0, bm_buf_view(&edits));
}

/* Every TPM unchanged; and each kind of change at each of the first forty answers. */
static void seed_tpm(void)
{
    static const uint8_t bytes[] = {0xFF, 0xFF, 0xFF, 0xFF};
    char name[32];

    for (uint8_t what = 0; what < 8; what++) {
        (void)snprintf(name, sizeof(name), "good-%u", what);
        seed_choice("tpm", name, what, bm_bytes_of(NULL, 0));
    }
    for (uint8_t pass = 0; pass < 40; pass++)
        for (uint8_t kind = 0; kind < 8; kind++) {
            BM_AUTO_BUF edit = BM_BUF_EMPTY;

            put_edit(&edit, pass, kind, kind == 5 ? 0x922 : kind == 3 ? 14 : 0, BM_BYTES_ARRAY(bytes));
            (void)snprintf(name, sizeof(name), "edit-%u-%u", pass, kind);
            seed_choice("tpm", name, pass % 4, bm_buf_view(&edit));
        }
}

/* The same for the doctor, who sends more. */
static void seed_doctor(void)
{
    static const uint8_t bytes[] = {0xFF, 0xFF, 0xFF, 0xFF};
    char name[32];

    for (uint8_t what = 0; what < 8; what++) {
        (void)snprintf(name, sizeof(name), "doctor-%u", what);
        seed_choice("tpm", name, 16 + what, bm_bytes_of(NULL, 0));
    }
    for (uint8_t pass = 0; pass < 60; pass++) {
        BM_AUTO_BUF edit = BM_BUF_EMPTY;
        uint8_t kind = pass % 8;

        put_edit(&edit, pass, kind, kind == 5 ? 0x184 : kind == 3 ? 14 : 0, BM_BYTES_ARRAY(bytes));
        (void)snprintf(name, sizeof(name), "doctor-edit-%u", pass);
        seed_choice("tpm", name, 16 + pass / 8 % 4, bm_buf_view(&edit));
    }
}

static void seed_state(void)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    BM_AUTO_BUF key = BM_BUF_EMPTY;
    BM_AUTO_BUF key_der = BM_BUF_EMPTY;
    const bm_tpm_kind usual = {.parent = BM_TPM_OWNER};
    const bm_tpm_kind policy = {.parent = BM_TPM_OWNER, .pcrs = {.bank = BM_HASH_SHA256, .mask = 0x85}};
    const bm_tpm_kind primary = {.parent = BM_TPM_ENDORSEMENT, .has_auth = true};
    BM_AUTO_BUF record = BM_BUF_EMPTY;
    bm_bytes rest;
    bool found;

    world_put_issued(&der);
    seed_choice("state", "der", 1, bm_buf_view(&der));
    FUZZ_OK(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&der)));
    seed_choice("state", "pem", 0, bm_buf_view(&pem));
    seed_choice("state", "renew", 2, bm_bytes_str("2030-01-01T00:00:00Z\n"));
    seed_choice("state", "renewal", 6, bm_bytes_str("birthmark renewal 1\nserver http://ca.example\nserial SN-1\nprofile sensors\nowner-auth file:/o\n"));
    FUZZ_OK(bm_buf_put_str(&record, "birthmark renewal 1\nserver https://ca.example:8443\nserial SN-1\nca\n"));
    FUZZ_OK(bm_buf_put(&record, bm_buf_view(&pem)));
    seed_choice("state", "renewal-ca", 6, bm_buf_view(&record));
    seed_choice("state", "ek", 5, bm_bytes_str("885132d732ef6d22a562c9ed627e3131b031f5e085194e057ef5abc00595929f\n"));
    FUZZ_OK(bm_key_file_put(&key, &usual, bm_bytes_str("public area"), bm_bytes_str("private area")));
    seed_choice("state", "key", 3, bm_buf_view(&key));
    rest = bm_buf_view(&key);
    FUZZ_OK(bm_ca_next_pem(&rest, "TSS2 PRIVATE KEY", &key_der, &found));
    seed_choice("state", "key-der", 4, bm_buf_view(&key_der));
    bm_buf_clear(&key);
    FUZZ_OK(bm_key_file_put(&key, &policy, bm_bytes_str("public area"), bm_bytes_str("private area")));
    rest = bm_buf_view(&key);
    bm_buf_clear(&key_der);
    FUZZ_OK(bm_ca_next_pem(&rest, "TSS2 PRIVATE KEY", &key_der, &found));
    seed_choice("state", "key-policy", 4, bm_buf_view(&key_der));
    bm_buf_clear(&key);
    FUZZ_OK(bm_key_file_put(&key, &primary, bm_bytes_str("public area"), bm_bytes_str("0123456789abcdef")));
    seed_choice("state", "key-primary", 3, bm_buf_view(&key));
}

void seeds_device(void)
{
    seed_tpm();
    seed_doctor();
    seed_lists();
    seed_state();
}
