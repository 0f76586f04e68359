/*
 * bm_issue_parse and bm_issue_check_tbs (x509/issue.h), bm_ca_parse, bm_ca_tls_names and bm_ca_next_pem
 * (x509/ca.h), bm_name_text (x509/name.h), bm_pubkey_parse_spki (crypto/pubkey.h),
 * bm_pkey_parse_sig_algorithm (crypto/pkey.h): certificates of our own kind, and their parts. The first byte
 * says what the rest is.
 */
#include "world.h"

#include "x509/issue.h"
#include "x509/name.h"

static void read_issued(bm_bytes der)
{
    bm_issued issued;

    if (bm_issue_parse(der, &issued).code != BM_OK)
        return;
    FUZZ_MUST(fuzz_inside(der, issued.serial) && fuzz_inside(der, issued.spki));
    FUZZ_MUST(fuzz_printable(issued.subject, sizeof(issued.subject)) && fuzz_printable(issued.common_name, sizeof(issued.common_name)));
    FUZZ_MUST(issued.not_before <= issued.not_after && bm_pubkey_field_size(issued.key.type) > 0);
}

/* Each of the names ends where the next begins, and says something. */
static void read_names(bm_bytes der)
{
    BM_AUTO_BUF names = BM_BUF_EMPTY;
    size_t count = 0;

    if (bm_ca_tls_names(der, &names, &count).code != BM_OK)
        return;
    FUZZ_MUST(count > 0 && names.data[0] != 0 && names.data[names.size - 1] == 0);
    for (size_t i = 0; i < names.size; i++) {
        FUZZ_MUST(names.data[i] != 0 || i + 1 == names.size || names.data[i + 1] != 0);
        count -= names.data[i] == 0;
    }
    FUZZ_MUST(count == 0);
}

static void read_ca(bm_bytes der)
{
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};

    if (bm_ca_parse(der, &ca).code != BM_OK)
        return;
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&ca.der), der) && ca.key_id.size > 0 && ca.subject.size > 0);
}

/* What the keeper would sign is what it would have written: so it names no CA, and the CA as its issuer. */
static void check_tbs(bm_bytes tbs)
{
    static bm_ca ca;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF whole = BM_BUF_EMPTY;
    uint8_t spki[BM_SHA256_SIZE];
    bm_issued issued;
    bm_pubkey key;

    if (ca.der.size == 0) {
        world_put_ca(&der);
        FUZZ_OK(bm_ca_parse(bm_buf_view(&der), &ca));
    }
    FUZZ_OK(bm_pkey_public(world_key(WORLD_IK), &key));
    FUZZ_OK(bm_pubkey_spki_sha256(&key, spki));
    if (bm_issue_check_tbs(tbs, &ca, BM_SIG_ECDSA_SHA256, spki).code != BM_OK)
        return;
    FUZZ_OK(bm_issue_assemble(&whole, tbs, BM_SIG_ECDSA_SHA256, bm_bytes_str("signature")));
    FUZZ_OK(bm_issue_parse(bm_buf_view(&whole), &issued));
    FUZZ_MUST(bm_pubkey_equal(&issued.key, &key) && issued.not_after <= ca.not_after);
    FUZZ_MUST(!make_contains(tbs, bm_bytes_of("\x30\x03\x01\x01\xFF", 5)));
}

static void read_parts(bm_bytes der)
{
    BM_AUTO_BUF spki = BM_BUF_EMPTY;
    BM_AUTO_BUF algorithm = BM_BUF_EMPTY;
    bm_sig_alg alg = bm_pkey_parse_sig_algorithm(der);
    char text[64];
    bm_pubkey key;
    bm_pubkey again;

    if (bm_name_text(der, text, sizeof(text)).code == BM_OK)
        FUZZ_MUST(fuzz_printable(text, sizeof(text)));
    if (alg != BM_SIG_NONE) {
        FUZZ_OK(bm_pkey_put_sig_algorithm(&algorithm, alg));
        FUZZ_MUST(bm_pkey_parse_sig_algorithm(bm_buf_view(&algorithm)) == alg);
    }
    if (bm_pubkey_parse_spki(der, &key).code != BM_OK)
        return;
    FUZZ_OK(bm_pubkey_put_spki(&spki, &key));
    FUZZ_OK(bm_pubkey_parse_spki(bm_buf_view(&spki), &again));
    FUZZ_MUST(bm_pubkey_equal(&key, &again));
}

/* Every block of a PEM text is written as it was read; and the text ends. */
static void read_pem(bm_bytes text)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bool found = true;

    while (bm_ca_next_pem(&text, "CERTIFICATE", &der, &found).code == BM_OK && found) {
        BM_AUTO_BUF pem = BM_BUF_EMPTY;
        bm_bytes rest;

        FUZZ_OK(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&der)));
        rest = bm_buf_view(&pem);
        FUZZ_OK(bm_ca_next_pem(&rest, "CERTIFICATE", &again, &found));
        FUZZ_MUST(found && bm_bytes_equal(bm_buf_view(&again), bm_buf_view(&der)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t what = fuzz_choice(&rest) % 5;

    read_names(rest);
    if (what == 0)
        read_issued(rest);
    else if (what == 1)
        read_ca(rest);
    else if (what == 2)
        check_tbs(rest);
    else if (what == 3)
        read_parts(rest);
    else
        read_pem(rest);
    return 0;
}
