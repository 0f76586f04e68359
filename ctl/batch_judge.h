/* What a worker of birthmarkctl batch does with a message. */
#ifndef BM_CTL_BATCH_JUDGE_H
#define BM_CTL_BATCH_JUDGE_H

#include "protocol/config.h"

/* What a worker knows: the configuration, and the anchors as they were told. */
typedef struct bm_ctl_batch_judge bm_ctl_batch_judge;

/* One without anchors; the configuration must outlive it. BM_E_NO_MEMORY. */
BM_RESULT bm_ctl_batch_judge_new(const bm_config *config, bm_ctl_batch_judge **judge);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_ctl_batch_judge_free(bm_ctl_batch_judge *judge);
void bm_ctl_batch_judge_freep(bm_ctl_batch_judge **judge);

/* Answers a message (ctl/batch_message.h); `reply` stays empty when there is nothing to say. BM_E_MALFORMED: it is none; BM_E_NO_MEMORY, BM_E_INTERNAL. */
BM_RESULT bm_ctl_batch_judge_answer(bm_ctl_batch_judge *judge, bm_bytes message, bm_buf *reply);

#endif
