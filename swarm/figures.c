#include "swarm/figures.h"

#define BUSY_SHARE 0.9 /* of a core: from here on it is we who are slow */

static const char *const times[BM_SWARM_TIME_COUNT] = {"handshake", "getChallenge", "getCertificate", "device"};
static const char *const keys[BM_SWARM_TIME_COUNT] = {"handshake", "get_challenge", "get_certificate", "device"};

uint64_t bm_swarm_figures_done(const bm_swarm_figures *figures)
{
    return figures->provisioned + figures->refused + figures->failed;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static double rate(const bm_swarm_figures *figures)
{
    return figures->wall_ns > 0 ? (double)bm_swarm_figures_done(figures) / seconds(figures->wall_ns) : 0;
}

/* Milliseconds of CPU for each device. */
static double each(const bm_swarm_figures *figures, double ns)
{
    uint64_t done = bm_swarm_figures_done(figures);

    return done > 0 ? ns / 1e6 / (double)done : 0;
}

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static uint64_t server_sum(const bm_swarm_figures *figures)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < BM_SWARM_PROCESS_COUNT; i++)
        sum += figures->server_ns[i];
    return sum;
}

static BM_RESULT put_times(const bm_swarm_figures *figures, bm_buf *out)
{
    BM_TRY(bm_buf_putf(out, "%-16s %10s %9s %9s %9s %9s %9s\n", "ms", "count", "mean", "p50", "p99", "p99.9", "max"));
    for (size_t i = 0; i < BM_SWARM_TIME_COUNT; i++) {
        const bm_swarm_histogram *time = &figures->times[i];

        BM_TRY(bm_buf_putf(out, "%-16s %10llu %9.2f %9.2f %9.2f %9.2f %9.2f\n", times[i], (unsigned long long)time->count,
                           time->count > 0 ? ms(time->sum) / (double)time->count : 0, ms(bm_swarm_histogram_permille(time, 500)),
                           ms(bm_swarm_histogram_permille(time, 990)), ms(bm_swarm_histogram_permille(time, 999)), ms(time->max)));
    }
    return bm_ok();
}

/* Each counter that is not zero: "  name 17". */
static BM_RESULT put_counts(const bm_swarm_figures *figures, bm_buf *out)
{
    for (size_t i = 0; i < BM_CODE_COUNT; i++)
        if (figures->errors[i] > 0)
            BM_TRY(bm_buf_putf(out, "failed: %s %llu\n", i == BM_OK ? "accepted, and had to be refused" : bm_code_name((bm_code)i),
                               (unsigned long long)figures->errors[i]));
    for (size_t i = 0; i < BM_SWARM_LINK_END_COUNT; i++)
        if (figures->gave_up[i] > 0)
            BM_TRY(bm_buf_putf(out, "failed: gave up, %s %llu\n", bm_swarm_link_name((bm_swarm_link_end)i), (unsigned long long)figures->gave_up[i]));
    if (figures->retried_429 > 0)
        BM_TRY(bm_buf_putf(out, "tried again: 429 %llu\n", (unsigned long long)figures->retried_429));
    if (figures->retried_503 > 0)
        BM_TRY(bm_buf_putf(out, "tried again: 503 %llu\n", (unsigned long long)figures->retried_503));
    for (size_t i = 0; i < BM_SWARM_LINK_END_COUNT; i++)
        if (figures->retried[i] > 0)
            BM_TRY(bm_buf_putf(out, "tried again: %s %llu\n", bm_swarm_link_name((bm_swarm_link_end)i), (unsigned long long)figures->retried[i]));
    return bm_ok();
}

static BM_RESULT put_cpu(const bm_swarm_figures *figures, bm_buf *out)
{
    bool slow = figures->wall_ns > 0 && (double)figures->cpu_ns > BUSY_SHARE * (double)figures->wall_ns;

    BM_TRY(bm_buf_putf(out, "CPU for each device: this program %.3f ms", each(figures, (double)figures->cpu_ns)));
    if (figures->watched) {
        BM_TRY(bm_buf_putf(out, "; birthmarkd %.3f ms", each(figures, (double)server_sum(figures))));
        for (size_t i = 0; i < BM_SWARM_PROCESS_COUNT; i++)
            if (i != BM_SWARM_PROCESS_OTHER || figures->server_ns[i] > 0)
                BM_TRY(bm_buf_putf(out, "%s%s %.3f", i == 0 ? " = " : " + ", bm_swarm_watch_name((bm_swarm_process)i),
                                   each(figures, (double)figures->server_ns[i])));
    }
    BM_TRY(bm_buf_put_str(out, "\n"));
    if (slow)
        BM_TRY(bm_buf_put_str(out, "This program used its whole core: it was the limit, not the server. Run several, each with a fleet of its own.\n"));
    return bm_ok();
}

BM_RESULT bm_swarm_figures_put_text(const bm_swarm_figures *figures, bm_buf *out)
{
    BM_TRY(bm_buf_putf(out, "%llu of %llu devices in %.2f s: %.1f a second%s\n", (unsigned long long)bm_swarm_figures_done(figures),
                       (unsigned long long)figures->devices, seconds(figures->wall_ns), rate(figures),
                       figures->interrupted ? "; stopped before the end" : ""));
    BM_TRY(bm_buf_putf(out, "provisioned %llu, refused as they must be %llu, failed %llu; connections %llu, at once %llu\n",
                       (unsigned long long)figures->provisioned, (unsigned long long)figures->refused, (unsigned long long)figures->failed,
                       (unsigned long long)figures->connections, (unsigned long long)figures->at_once));
    if (figures->back_ns > 0)
        BM_TRY(bm_buf_putf(out, "all connections were there again after %.2f s\n", seconds(figures->back_ns)));
    BM_TRY(put_times(figures, out));
    BM_TRY(put_counts(figures, out));
    return put_cpu(figures, out);
}

static BM_RESULT put_json_times(const bm_swarm_figures *figures, bm_buf *out)
{
    for (size_t i = 0; i < BM_SWARM_TIME_COUNT; i++) {
        const bm_swarm_histogram *time = &figures->times[i];

        BM_TRY(bm_buf_putf(out, "%s\"%s\":{\"count\":%llu,\"mean_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f}",
                           i == 0 ? "" : ",", keys[i], (unsigned long long)time->count,
                           time->count > 0 ? ms(time->sum) / (double)time->count : 0, ms(bm_swarm_histogram_permille(time, 500)),
                           ms(bm_swarm_histogram_permille(time, 990)), ms(bm_swarm_histogram_permille(time, 999)), ms(time->max)));
    }
    return bm_ok();
}

/* A member of an object whose members are counters; `first` says whether there was none before. */
static BM_RESULT put_json_count(bm_buf *out, const char *name, uint64_t count, bool *first)
{
    if (count == 0)
        return bm_ok();
    BM_TRY(bm_buf_putf(out, "%s\"%s\":%llu", *first ? "" : ",", name, (unsigned long long)count));
    *first = false;
    return bm_ok();
}

static BM_RESULT put_json_counts(const bm_swarm_figures *figures, bm_buf *out)
{
    bool first = true;

    BM_TRY(bm_buf_put_str(out, "\"errors\":{"));
    for (size_t i = 0; i < BM_CODE_COUNT; i++)
        BM_TRY(put_json_count(out, i == BM_OK ? "accepted" : bm_code_name((bm_code)i), figures->errors[i], &first));
    first = true;
    BM_TRY(bm_buf_put_str(out, "},\"gave_up\":{"));
    for (size_t i = 0; i < BM_SWARM_LINK_END_COUNT; i++)
        BM_TRY(put_json_count(out, bm_swarm_link_name((bm_swarm_link_end)i), figures->gave_up[i], &first));
    first = true;
    BM_TRY(bm_buf_put_str(out, "},\"retries\":{"));
    BM_TRY(put_json_count(out, "429", figures->retried_429, &first));
    BM_TRY(put_json_count(out, "503", figures->retried_503, &first));
    for (size_t i = 0; i < BM_SWARM_LINK_END_COUNT; i++)
        BM_TRY(put_json_count(out, bm_swarm_link_name((bm_swarm_link_end)i), figures->retried[i], &first));
    return bm_buf_put_str(out, "}");
}

BM_RESULT bm_swarm_figures_put_json(const bm_swarm_figures *figures, bm_buf *out)
{
    BM_TRY(bm_buf_putf(out, "{\"devices\":%llu,\"done\":%llu,\"provisioned\":%llu,\"refused_as_expected\":%llu,\"failed\":%llu,",
                       (unsigned long long)figures->devices, (unsigned long long)bm_swarm_figures_done(figures),
                       (unsigned long long)figures->provisioned, (unsigned long long)figures->refused, (unsigned long long)figures->failed));
    BM_TRY(bm_buf_putf(out, "\"interrupted\":%s,\"seconds\":%.3f,\"devices_per_second\":%.2f,\"connections\":%llu,\"connections_at_once\":%llu,",
                       figures->interrupted ? "true" : "false", seconds(figures->wall_ns), rate(figures),
                       (unsigned long long)figures->connections, (unsigned long long)figures->at_once));
    if (figures->back_ns > 0)
        BM_TRY(bm_buf_putf(out, "\"reconnected_seconds\":%.3f,", seconds(figures->back_ns)));
    BM_TRY(put_json_times(figures, out));
    BM_TRY(bm_buf_put_str(out, ","));
    BM_TRY(put_json_counts(figures, out));
    BM_TRY(bm_buf_putf(out, ",\"own_cpu_ms\":%.4f", each(figures, (double)figures->cpu_ns)));
    if (figures->watched) {
        BM_TRY(bm_buf_putf(out, ",\"server_cpu_ms\":{\"all\":%.4f", each(figures, (double)server_sum(figures))));
        for (size_t i = 0; i < BM_SWARM_PROCESS_COUNT; i++)
            BM_TRY(bm_buf_putf(out, ",\"%s\":%.4f", bm_swarm_watch_name((bm_swarm_process)i), each(figures, (double)figures->server_ns[i])));
        BM_TRY(bm_buf_put_str(out, "}"));
    }
    return bm_buf_put_str(out, "}\n");
}
