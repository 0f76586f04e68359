#include "seeds.h"

#include "ctl/batch_judge.h"
#include "ctl/batch_message.h"
#include "protocol/answers.h"
#include "x509/issue.h"

/* The certificate of a key for answers. */
static void put_signer(bm_buf *der)
{
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};
    BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_pubkey key;
    bm_signer_fields fields = {.serial = {0x11}, .key = &key, .not_before = MAKE_NOW - 10, .not_after = MAKE_NOW + 10};

    world_put_ca(&ca_der);
    FUZZ_OK(bm_ca_parse(bm_buf_view(&ca_der), &ca));
    FUZZ_OK(bm_pkey_public(world_key(WORLD_IK), &key));
    FUZZ_OK(bm_signer_put_tbs(&tbs, &ca, &fields));
    FUZZ_OK(bm_pkey_sign(world_key(WORLD_CA), BM_SIG_ECDSA_SHA256, bm_buf_view(&tbs), &signature));
    FUZZ_OK(bm_issue_assemble(der, bm_buf_view(&tbs), BM_SIG_ECDSA_SHA256, bm_buf_view(&signature)));
}

static void seed_answers(void)
{
    BM_AUTO(bm_answers_writer_fini) bm_answers_writer writer = {0};
    BM_AUTO_BUF signer = BM_BUF_EMPTY;
    BM_AUTO_BUF file = BM_BUF_EMPTY;
    const uint8_t zero[BM_SHA256_SIZE] = {0};
    const uint8_t one[BM_SHA256_SIZE] = {1};

    put_signer(&signer);
    seed_choice("answers", "signer", 0, bm_buf_view(&signer));
    FUZZ_OK(bm_answers_writer_begin(&writer, &file));
    FUZZ_OK(bm_answers_writer_put(&writer, one, 200, bm_bytes_str("{\"a\":\"b\"}"), &file));
    FUZZ_OK(bm_answers_writer_put(&writer, zero, 403, bm_bytes_str("{}"), &file));
    FUZZ_OK(bm_answers_writer_end(&writer, world_key(WORLD_IK), bm_buf_view(&signer), &file));
    seed_choice("answers", "file", 255, bm_buf_view(&file));
    seed_choice("answers", "file-in-pieces", 7, bm_buf_view(&file));
    seed_choice("answers", "unsigned", 50, bm_bytes_slice(bm_buf_view(&file), 0, 150));
}

/* A request file as a worker gets it, and what a worker that knows no vendor says about it. */
static void seed_judge(bm_call call, const bm_request *request)
{
    BM_AUTO(bm_ctl_batch_judge_freep) bm_ctl_batch_judge *judge = NULL;
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_config config = {.profile_count = 1};
    const char *name = call == BM_CALL_CHALLENGE ? "challenge" : "certificate";

    config.profiles[0] = world_profile();
    FUZZ_OK(bm_request_put_file(call, request, &text));
    seed("request", call == BM_CALL_CHALLENGE ? "file-challenge" : "file-certificate", bm_buf_view(&text));
    FUZZ_OK(bm_ctl_batch_message_begin(&message, BM_BATCH_JUDGE, 3));
    FUZZ_OK(bm_buf_put_u64(&message, MAKE_NOW));
    FUZZ_OK(bm_buf_put(&message, bm_buf_view(&text)));
    seed_choice("batch", name, 0, bm_buf_view(&message));
    FUZZ_OK(bm_ctl_batch_judge_new(&config, &judge));
    FUZZ_OK(bm_ctl_batch_judge_answer(judge, bm_buf_view(&message), &reply));
    seed_choice("batch", call == BM_CALL_CHALLENGE ? "judged-challenge" : "judged-certificate", 1,
                bm_bytes_slice(bm_buf_view(&reply), 5, reply.size - 5));
}

static void seed_batch(void)
{
    make_device device;
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    BM_AUTO_BUF anchor = BM_BUF_EMPTY;
    bm_ticket_fields fields = {.way = BM_TICKET_OFFLINE, .key_id = WORLD_TICKET_KEY_ID, .expires = MAKE_NOW + 100};

    world_device(&device, "SN-1");
    seed_judge(BM_CALL_CHALLENGE, &device.request);
    FUZZ_OK(bm_ticket_put_challenge(&device.request.challenge, &fields));
    FUZZ_OK(bm_buf_put(&device.request.ticket, bm_bytes_of(fields.nonce, BM_TICKET_SIZE)));
    seed_judge(BM_CALL_CERTIFICATE, &device.request);
    FUZZ_OK(bm_ctl_batch_message_begin(&message, BM_BATCH_CREDENTIAL, 3));
    FUZZ_OK(bm_ctl_batch_message_put_credential(&message, &(bm_ctl_batch_credential){.ek_public = bm_buf_view(&device.request.ek_public),
                                                                                    .ik_name = world_name(),
                                                                                    .ticket = bm_buf_view(&device.request.ticket)}));
    seed_choice("batch", "credential", 0, bm_buf_view(&message));
    seed_choice("batch", "credential-alone", 2, bm_bytes_slice(bm_buf_view(&message), 5, message.size - 5));
    make_der(world_root(), &anchor);
    FUZZ_OK(bm_ctl_batch_message_begin(&message, BM_BATCH_ANCHOR, 0));
    FUZZ_OK(bm_buf_put_u8(&message, BM_CLASS_DISCRETE));
    FUZZ_OK(bm_buf_put(&message, bm_buf_view(&anchor)));
    seed_choice("batch", "anchor", 0, bm_buf_view(&message));
    make_device_fini(&device);
}

void seeds_offline(void)
{
    seed_answers();
    seed_batch();
}
