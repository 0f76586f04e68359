/*
 * bm_ticket_parse_challenge, _parse_offline_challenge, _parse_message, _check_time, _request_id (protocol/ticket.h): what travels through a client's hands; and
 * bm_credential_open (tpm/credential.h), the credential in software. The first byte says what the rest is.
 */
#include "world.h"

#include "protocol/ticket.h"
#include "tpm/credential.h"

static void check_challenge(bm_bytes token)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_ticket_fields fields = {0};

    if (bm_ticket_parse_challenge(token, &fields).code != BM_OK && bm_ticket_parse_offline_challenge(token, &fields).code != BM_OK)
        return;
    FUZZ_OK(bm_ticket_put_challenge(&again, &fields));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), token));
    if (bm_ticket_check_time(&fields, MAKE_NOW, 300).code == BM_OK)
        FUZZ_MUST(fields.expires > MAKE_NOW && fields.expires <= MAKE_NOW + 300);
}

static void check_message(bm_bytes message)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_ticket_fields fields = {0};
    uint8_t id[BM_SHA256_SIZE];
    uint8_t hash[BM_SHA256_SIZE];

    if (bm_ticket_parse_message(message, &fields).code != BM_OK)
        return;
    FUZZ_OK(bm_ticket_put_message(&again, &fields));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), message));
    FUZZ_OK(bm_ticket_request_id(&fields, id));
    FUZZ_OK(bm_hash_sha256(message, hash));
    FUZZ_MUST(bm_bytes_equal(BM_BYTES_ARRAY(id), BM_BYTES_ARRAY(hash)));
}

static void open_credential(bm_bytes rest)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    bm_bytes blob = fuzz_piece(&rest);
    bm_tpm_public ek;
    bm_pubkey key;

    FUZZ_OK(bm_pkey_public(world_key(WORLD_EK), &key));
    FUZZ_OK(bm_template_put_ek(&area, bm_template_ek(BM_EK_L2), &key));
    FUZZ_OK(bm_tpm_public_parse(bm_buf_view(&area), &ek));
    if (bm_credential_open(&ek, world_key(WORLD_EK), world_name(), blob, fuzz_piece(&rest), &secret).code == BM_OK)
        FUZZ_MUST(secret.size > 0 && secret.size <= BM_SHA256_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t what = fuzz_choice(&rest) % 3;

    if (what == 0)
        check_challenge(rest);
    else if (what == 1)
        check_message(rest);
    else
        open_credential(rest);
    return 0;
}
