/* birthmarkctl batch: a directory of request files is answered with one signed file (docs/protocol.md, "The exchange by files"). */
#include "ctl/batch_run.h"
#include "ctl/batch_sandbox.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "program/clock.h"
#include "program/interrupt.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static BM_RESULT valid_of(const bm_ctl *ctl, int64_t *valid)
{
    const char *text = ctl->values[BM_OPTION_VALID];

    *valid = BM_CTL_BATCH_VALID_DEFAULT;
    if (text != NULL && (bm_text_parse_duration(bm_bytes_str(text), valid).code != BM_OK || *valid < 1 || *valid > BM_CTL_BATCH_VALID_MAX))
        return bm_failf(BM_E_USAGE, "'%.40s' is no time: --valid takes digits and one of s m h d, at most 365d", text);
    return bm_ok();
}

/* One for each core, before there is anything secret in this process. */
static BM_RESULT start_workers(bm_ctl_batch_run *run)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = cores < 1 ? 1 : cores > BM_CTL_BATCH_WORKERS_MAX ? BM_CTL_BATCH_WORKERS_MAX : (unsigned)cores;

    while (run->worker_count < wanted) {
        BM_TRY(bm_ctl_batch_worker_start(&run->ca.config, &run->workers[run->worker_count]));
        run->worker_count++;
    }
    return bm_ok();
}

/* That the CA certified a key is an operator's act, with the certificate as evidence. */
static BM_RESULT note_signer(bm_ctl_batch_run *run, int64_t now)
{
    char serial[2 * BM_SERIAL_SIZE + 1];
    bm_store_log_entry entry = {.time = now,
                                .kind = BM_LOG_OPERATOR,
                                .subject = serial,
                                .text = "answer requests",
                                .evidence = bm_buf_view(&run->output.certificate)};
    bm_result result;

    bm_text_hex(BM_BYTES_ARRAY(run->output.serial), serial);
    BM_TRY(bm_store_begin(run->ca.store));
    result = bm_store_record_log(run->ca.store, &entry);
    if (result.code != BM_OK) {
        bm_store_rollback(run->ca.store);
        return result;
    }
    return bm_store_commit(run->ca.store);
}

/* Opens everything, in the order in which it becomes secret. */
static BM_RESULT begin(const bm_ctl *ctl, int64_t valid, bm_ctl_batch_run *run)
{
    BM_TRY(bm_ctl_batch_grant_read(ctl->state, &run->ca));
    BM_TRY(bm_ctl_batch_files_open(ctl->values[BM_OPTION_IN], &run->files));
    BM_TRY(bm_ctl_batch_output_open(ctl->values[BM_OPTION_OUT], dirfd(run->files.directory), &run->output));
    BM_TRY(start_workers(run));
    BM_TRY(bm_ctl_batch_sandbox_hide());
    BM_TRY(bm_ctl_batch_grant_open(ctl->state, ctl->values[BM_OPTION_PASSPHRASE_FILE], &run->ca));
    /* The keys are not swapped, as far as the machine's limits let. */
    (void)mlockall(MCL_CURRENT | MCL_ONFAULT);
    BM_TRY(bm_ctl_batch_output_certify(&run->output, run->ca.keys, &run->ca.ca, ctl->now, valid));
    BM_TRY(note_signer(run, ctl->now));
    return bm_ctl_batch_run_tell_anchors(run);
}

static void print_count(const char *what, size_t count)
{
    if (count > 0)
        (void)printf("  %-24s %zu\n", what, count);
}

static void print_sum(const bm_ctl_batch_run *run, int64_t spent)
{
    size_t answered = run->challenges + run->certificates;
    char until[BM_TIME_TEXT_SIZE];

    for (size_t i = 0; i < BM_CODE_COUNT; i++)
        answered += run->refused[i];
    bm_text_time(run->output.not_after, until);
    (void)printf("%zu requests answered in %.1f s (%.0f a second): %s, which devices take until %s\n", answered, (double)spent / 1e9,
                 spent > 0 ? (double)answered * 1e9 / (double)spent : 0.0, run->output.path, until);
    print_count("challenges", run->challenges);
    print_count("certificates", run->certificates);
    for (size_t i = 0; i < BM_CODE_COUNT; i++)
        print_count(bm_code_name((bm_code)i), run->refused[i]);
    print_count("files that are no request", run->unread);
}

static BM_RESULT answer(const bm_ctl *ctl, int64_t valid, bm_ctl_batch_run *run)
{
    int64_t start;
    bm_result result;

    BM_TRY(begin(ctl, valid, run));
    start = bm_clock_ns();
    run->progress = bm_ctl_progress_begin("requests answered", run->files.count);
    result = bm_ctl_batch_run_all(run);
    bm_ctl_progress_end(&run->progress);
    BM_TRY(result);
    BM_TRY(bm_ctl_batch_output_finish(&run->output));
    print_sum(run, bm_clock_ns() - start);
    return bm_ctl_output_flush();
}

BM_RESULT bm_ctl_batch_command(const bm_ctl *ctl)
{
    bm_ctl_batch_run *run;
    bm_result result;
    int64_t valid;

    BM_TRY(valid_of(ctl, &valid));
    BM_TRY(bm_interrupt_hold());
    run = calloc(1, sizeof(*run));
    BM_CHECK(run != NULL, BM_E_NO_MEMORY, NULL);
    run->output.fd = -1;
    result = answer(ctl, valid, run);
    bm_ctl_batch_run_fini(run);
    free(run);
    return result;
}
