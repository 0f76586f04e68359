/*
 * bm_ctl_batch_judge_answer (ctl/batch_judge.h): what a worker is told, request files above all; bm_ctl_batch_message_take_judged, _take_credential
 * and _take_result (ctl/batch_message.h): what it says. The first byte says which.
 */
#include "world.h"

#include "ctl/batch_judge.h"
#include "ctl/batch_message.h"

static const bm_config *config(void)
{
    static bm_config made;

    if (made.profile_count == 0) {
        made.profiles[0] = world_profile();
        made.profile_count = 1;
    }
    return &made;
}

static void check_judged(bm_bytes bytes)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_ctl_batch_judged judged;
    bm_cursor body = bm_cursor_of(bytes);

    if (bm_ctl_batch_message_take_judged(&body, &judged).code != BM_OK)
        return;
    FUZZ_MUST(judged.parsed || judged.result.code != BM_OK);
    FUZZ_OK(bm_ctl_batch_message_put_judged(&again, &judged));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), bytes));
}

static void check_credential(bm_bytes bytes)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_ctl_batch_credential credential;
    bm_cursor body = bm_cursor_of(bytes);

    if (bm_ctl_batch_message_take_credential(&body, &credential).code != BM_OK)
        return;
    FUZZ_OK(bm_ctl_batch_message_put_credential(&again, &credential));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), bytes));
}

/* What a worker answers can be read, and a file that is good for it is one of ours. */
static void check_answer(bm_bytes message)
{
    BM_AUTO(bm_ctl_batch_judge_freep) bm_ctl_batch_judge *judge = NULL;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_ctl_batch_type type;
    bm_ctl_batch_judged judged;
    bm_result made;
    bm_cursor body;
    uint32_t id;

    FUZZ_OK(bm_ctl_batch_judge_new(config(), &judge));
    if (bm_ctl_batch_judge_answer(judge, message, &reply).code != BM_OK || reply.size == 0)
        return;
    FUZZ_OK(bm_ctl_batch_message_open(bm_buf_view(&reply), &type, &id, &body));
    if (type == BM_BATCH_JUDGED)
        FUZZ_OK(bm_ctl_batch_message_take_judged(&body, &judged));
    else
        FUZZ_OK(bm_ctl_batch_message_take_result(&body, &made));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t choice = fuzz_choice(&rest);

    if (choice == 0)
        check_answer(rest);
    else if (choice == 1)
        check_judged(rest);
    else
        check_credential(rest);
    return 0;
}
