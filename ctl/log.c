#include "ctl/output.h"
#include "ctl/state.h"

#include <stdio.h>

static const char *kind_name(bm_log_kind kind)
{
    switch (kind) {
    case BM_LOG_ISSUE:
        return "issue";
    case BM_LOG_REFUSAL:
        return "refusal";
    case BM_LOG_OPERATOR:
        return "operator";
    default:
        return "unknown";
    }
}

static BM_RESULT print_entry(void *context, const bm_store_log_entry *entry)
{
    bm_ctl_output *output = context;

    bm_ctl_output_number(output, entry->seq);
    bm_ctl_output_time(output, entry->time);
    bm_ctl_output_text(output, kind_name(entry->kind));
    bm_ctl_output_text(output, entry->text);
    bm_ctl_output_text(output, entry->subject);
    bm_ctl_output_hex(output, BM_BYTES_ARRAY(entry->hash), (size_t)2 * BM_SHA256_SIZE);
    return bm_ok();
}

BM_RESULT bm_ctl_log_list(const bm_ctl *ctl)
{
    static const bm_ctl_column columns[] = {{"entry", 6, BM_COLUMN_NUMBER}, {"time", 20, BM_COLUMN_TEXT}, {"kind", 8, BM_COLUMN_TEXT},
                                            {"what", 22, BM_COLUMN_TEXT},   {"about", 1, BM_COLUMN_TEXT}, {"hash", 0, BM_COLUMN_TEXT}};
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    const char *from = ctl->values[BM_OPTION_FROM];
    bm_ctl_output output;
    uint64_t first = 0;

    if (from != NULL && bm_text_parse_u64(bm_bytes_str(from), INT64_MAX, &first).code != BM_OK)
        return bm_failf(BM_E_USAGE, "--from '%s' is no number of an entry", from);
    BM_TRY(bm_ctl_state_open(ctl, &store));
    bm_ctl_output_begin(&output, columns, sizeof(columns) / sizeof(columns[0]), ctl->values[BM_OPTION_JSON] != NULL);
    BM_TRY(bm_store_log_list(store, first, print_entry, &output));
    return bm_ctl_output_end(&output);
}

/* Keeps the hash of the entry that was verified last: what an operator notes, to compare a later log with. */
static BM_RESULT keep_hash(void *context, const bm_store_log_entry *entry)
{
    bm_text_hex(BM_BYTES_ARRAY(entry->hash), context);
    /* Entries that came meanwhile were not verified. */
    return bm_fail(BM_E_INTERRUPTED, NULL);
}

BM_RESULT bm_ctl_log_verify(const bm_ctl *ctl)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    char hash[2 * BM_SHA256_SIZE + 1] = "";
    uint64_t count;
    bm_result result;

    BM_TRY(bm_ctl_state_open(ctl, &store));
    result = bm_store_log_verify(store, &count);
    if (result.code == BM_E_STORE)
        return bm_failf(BM_E_STORE, "%s: somebody changed the database, or it is damaged; keep a copy of it, and compare it with a backup",
                        result.detail);
    BM_TRY(result);
    if (count > 0) {
        result = bm_store_log_list(store, count, keep_hash, hash);
        if (result.code != BM_E_INTERRUPTED)
            BM_TRY(result);
    }
    printf("%llu entries, all of them good\n", (unsigned long long)count);
    if (count > 0)
        printf("the hash of the last: %s\n", hash);
    return bm_ctl_output_flush();
}
