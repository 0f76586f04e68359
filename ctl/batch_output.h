/* The file of answers that birthmarkctl batch writes: beside its place, signed at the end, and put into its place whole. */
#ifndef BM_CTL_BATCH_OUTPUT_H
#define BM_CTL_BATCH_OUTPUT_H

#include "keys/keys.h"
#include "protocol/answers.h"

#define BM_CTL_BATCH_VALID_DEFAULT (INT64_C(30) * 86400)
#define BM_CTL_BATCH_VALID_MAX (INT64_C(365) * 86400)

/* Zero-initialise but for `fd` (-1); end with bm_ctl_batch_output_fini. */
typedef struct {
    const char *path;
    bm_buf part; /* the name under which it is written */
    int fd;
    bm_buf pending;
    bm_answers_writer writer;
    bm_pkey *key;
    bm_buf certificate;
    uint8_t serial[BM_SERIAL_SIZE];
    int64_t not_after;
} bm_ctl_batch_output;

/* Opens PATH.part, for one birthmarkctl at a time; what an earlier run left in it is gone. BM_E_IO; BM_E_USAGE: it would lie in the directory of the requests. */
BM_RESULT bm_ctl_batch_output_open(const char *path, int requests, bm_ctl_batch_output *output);

/* Wipes, frees and closes; what was not put into its place stays where it was written. For BM_AUTO. */
void bm_ctl_batch_output_fini(bm_ctl_batch_output *output);

/* Makes the key for these answers, and has the CA certify it for so many seconds. BM_E_INTERNAL: also a CA that has expired. */
BM_RESULT bm_ctl_batch_output_certify(bm_ctl_batch_output *output, bm_keys *keys, const bm_ca *ca, int64_t now, int64_t valid);

/* Appends an answer. BM_E_IO. */
BM_RESULT bm_ctl_batch_output_put(bm_ctl_batch_output *output, const uint8_t request[BM_SHA256_SIZE], int status, bm_bytes body);

/* Signs, and puts the file into its place. BM_E_IO. */
BM_RESULT bm_ctl_batch_output_finish(bm_ctl_batch_output *output);

#endif
