/*
 * What the load tool reads: bm_swarm_format_parse and _next (swarm/format.h), the fleet file; bm_swarm_http_parse (swarm/http.h), a server's
 * reply; bm_swarm_watch_parse_children, _kind and _used (swarm/watch.h), what /proc says. The first byte chooses.
 */
#include "fuzz.h"

#include "swarm/format.h"
#include "swarm/http.h"
#include "swarm/watch.h"

/* What was read is written as the same bytes, as far as it counts. */
static void try_fleet(bm_bytes input)
{
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_swarm_contents contents;
    bm_swarm_record record;
    bm_cursor at;
    size_t whole;

    if (bm_swarm_format_parse(input, &contents).code != BM_OK)
        return;
    FUZZ_MUST(contents.size <= input.size && fuzz_inside(input, contents.records) && fuzz_inside(input, contents.prefix));
    FUZZ_OK(bm_swarm_format_put_header(&again, contents.devices, contents.size));
    FUZZ_OK(bm_swarm_format_put_vendor(&again, &contents));
    at = bm_cursor_of(contents.records);
    while (bm_swarm_format_next(&at, &record).code == BM_OK) {
        FUZZ_MUST(fuzz_inside(contents.records, record.csr) && record.csr.size > 0);
        FUZZ_MUST(bm_swarm_format_is_ek(record.ek) && bm_swarm_format_is_ik(record.ik));
        FUZZ_OK(bm_swarm_format_put_record(&again, &record));
    }
    whole = (size_t)contents.size - at.rest.size;
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), bm_bytes_slice(input, 0, whole)));
}

/* A whole reply stays one, is none when a byte is missing, and is none with a byte behind it. */
static void try_reply(bm_bytes input)
{
    BM_AUTO_BUF longer = BM_BUF_EMPTY;
    bm_swarm_http_reply reply, other;
    bool complete = false;

    if (bm_swarm_http_parse(input, &reply, &complete).code != BM_OK) {
        FUZZ_MUST(!complete);
        return;
    }
    if (!complete)
        return;
    FUZZ_MUST(reply.status >= 200 && reply.status <= 599 && reply.retry_after <= 86400);
    FUZZ_MUST(fuzz_inside(input, reply.body) && reply.body.size <= BM_SWARM_HTTP_BODY_MAX);
    FUZZ_MUST(bm_swarm_http_parse(bm_bytes_slice(input, 0, input.size - 1), &other, &complete).code == BM_OK && !complete);
    FUZZ_OK(bm_buf_put(&longer, input));
    FUZZ_OK(bm_buf_put_u8(&longer, 'x'));
    FUZZ_MUST(bm_swarm_http_parse(bm_buf_view(&longer), &other, &complete).code == BM_E_SERVER_REPLY);
}

static void try_proc(bm_bytes input)
{
    pid_t pids[8];
    size_t count = 0;
    uint64_t used;

    if (bm_swarm_watch_parse_children(input, pids, 8, &count))
        for (size_t i = 0; i < count; i++)
            FUZZ_MUST(pids[i] > 0);
    FUZZ_MUST(count <= 8);
    FUZZ_MUST(bm_swarm_watch_parse_kind(input) < BM_SWARM_PROCESS_COUNT);
    (void)bm_swarm_watch_parse_used(input, &used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);

    switch (fuzz_choice(&rest) % 3) {
    case 0:
        try_fleet(rest);
        break;
    case 1:
        try_reply(rest);
        break;
    default:
        try_proc(rest);
        break;
    }
    return 0;
}
