#include "swarm/run.h"

#include "program/clock.h"
#include "program/interrupt.h"
#include "swarm/held.h"
#include "swarm/progress.h"
#include "swarm/slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TICK_US 20000
#define OWN_FILES 32 /* open files that are no connections */
#define SECOND INT64_C(1000000000)

/* A run. */
typedef struct {
    bm_swarm_work work;
    bm_swarm_slot *slots;
    size_t slot_count;
    struct event *tick;
    bm_swarm_progress progress;
    bm_swarm_watch watch;
    int64_t next_look;
    int64_t began;
    int64_t cpu_began;
    uint64_t returning; /* devices of the burst whose handshake is still to come, counted by the histogram */
} run_state;

static void finish(run_state *run)
{
    free(run->slots);
    if (run->tick != NULL)
        event_free(run->tick);
    bm_swarm_device_kit_free(run->work.kit);
    bm_swarm_tls_free(run->work.tls);
    if (run->work.base != NULL)
        event_base_free(run->work.base);
    if (run->work.held >= 0)
        (void)close(run->work.held);
}

/* Room for so many connections: the limit is raised as far as it may be. */
static BM_RESULT raise_files(size_t connections)
{
    const rlim_t wanted = (rlim_t)connections + OWN_FILES;
    struct rlimit limit, higher;

    BM_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, BM_E_INTERNAL, "the limit of open files cannot be read");
    if (limit.rlim_cur >= wanted)
        return bm_ok();
    higher = (struct rlimit){.rlim_cur = wanted, .rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return bm_ok();
    return bm_failf(BM_E_USAGE,
                    "%zu connections at once need %llu open files, and this process may have %llu: raise that with 'ulimit -n', or ask for fewer with "
                    "--concurrency (with --repeat-reconnect: --devices)",
                    connections, (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
}

static void begin_burst(run_state *run)
{
    bm_swarm_figures *figures = run->work.figures;

    run->work.gathering = false;
    for (size_t i = 0; i < run->slot_count; i++)
        bm_swarm_slot_drop(&run->slots[i]);
    /* What counts is the burst. */
    run->returning = run->work.waiting;
    figures->times[BM_SWARM_TIME_HANDSHAKE] = (bm_swarm_histogram){0};
    run->began = bm_clock_ns();
    run->cpu_began = bm_clock_cpu_ns();
    if (run->work.options->watch > 0)
        bm_result_ignore(bm_swarm_watch_begin(run->work.options->watch, &run->watch));
    for (size_t i = 0; i < run->slot_count && !run->work.stopped; i++)
        bm_swarm_slot_return(&run->slots[i]);
}

static void show(run_state *run, int64_t now)
{
    bm_swarm_progress_run(&run->progress, run->work.figures, run->work.active);
    if (run->work.options->watch > 0 && now >= run->next_look) {
        bm_swarm_watch_look(&run->watch);
        run->next_look = now + SECOND;
    }
}

/* While connections gather, so many are opened at a time; later every place finds its next device itself. */
static void gather(run_state *run)
{
    bm_swarm_work *work = &run->work;
    size_t i = work->next;

    while (i < run->slot_count && work->active - work->waiting < work->options->concurrency && !work->stopped)
        bm_swarm_slot_start(&run->slots[i++]);
    if (work->next == run->slot_count && work->active == work->waiting && !work->stopped)
        begin_burst(run);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    run_state *run = context;
    int64_t now = bm_clock_ns();

    (void)fd;
    (void)what;
    for (size_t i = 0; i < run->slot_count && !run->work.stopped; i++)
        bm_swarm_slot_tick(&run->slots[i], now);
    if (run->work.gathering)
        gather(run);
    if (run->returning > 0 && run->work.figures->times[BM_SWARM_TIME_HANDSHAKE].count >= run->returning) {
        run->work.figures->back_ns = now - run->began;
        run->returning = 0;
    }
    run->work.figures->interrupted = bm_interrupt_pending();
    show(run, now);
    if (run->work.active == 0 || run->work.stopped || run->work.figures->interrupted)
        (void)event_base_loopbreak(run->work.base);
}

static BM_RESULT prepare_server(bm_swarm_work *work)
{
    BM_TRY(bm_swarm_url_parse(work->options->server, &work->url));
    (void)snprintf(work->challenge_path, sizeof(work->challenge_path), "%s/v1/getChallenge", work->url.path);
    (void)snprintf(work->certificate_path, sizeof(work->certificate_path), "%s/v1/getCertificate", work->url.path);
    BM_TRY(bm_swarm_tls_new(work->options->ca, &work->url, &work->tls));
    return bm_swarm_url_resolve(&work->url, work->targets, BM_SWARM_TARGETS_MAX, &work->target_count);
}

/* An edge-triggered loop: each connection is registered once, and not again for every direction. */
static BM_RESULT prepare_loop(run_state *run)
{
    const struct timeval step = {.tv_usec = TICK_US};
    struct event_config *config = event_config_new();

    if (config != NULL && event_config_require_features(config, EV_FEATURE_ET) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        run->work.base = event_base_new_with_config(config);
    if (config != NULL)
        event_config_free(config);
    BM_CHECK(run->work.base != NULL, BM_E_INTERNAL, "there is no event loop");
    run->tick = event_new(run->work.base, -1, EV_PERSIST, on_tick, run);
    BM_CHECK(run->tick != NULL && event_add(run->tick, &step) == 0, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

static BM_RESULT prepare(run_state *run)
{
    bm_swarm_work *work = &run->work;
    const bm_swarm_run_options *options = work->options;

    run->slot_count = options->reconnect || options->devices < options->concurrency ? options->devices : options->concurrency;
    BM_TRY(raise_files(run->slot_count));
    BM_TRY(prepare_server(work));
    BM_TRY(bm_swarm_device_kit_new(options->fleet, options->profile, options->bad > 0, &work->kit));
    if (options->held != NULL)
        BM_TRY(bm_swarm_held_open(options->held, &work->held));
    BM_TRY(prepare_loop(run));
    run->slots = calloc(run->slot_count, sizeof(*run->slots));
    BM_CHECK(run->slots != NULL, BM_E_NO_MEMORY, NULL);
    for (size_t i = 0; i < run->slot_count; i++)
        bm_swarm_slot_init(&run->slots[i], work);
    if (options->watch > 0)
        BM_TRY(bm_swarm_watch_begin(options->watch, &run->watch));
    return bm_ok();
}

static void sum_up(run_state *run)
{
    bm_swarm_figures *figures = run->work.figures;

    figures->wall_ns = bm_clock_ns() - run->began;
    figures->cpu_ns = bm_clock_cpu_ns() - run->cpu_began;
    if (run->work.options->watch == 0)
        return;
    bm_swarm_watch_look(&run->watch);
    figures->watched = true;
    for (size_t i = 0; i < BM_SWARM_PROCESS_COUNT; i++)
        figures->server_ns[i] = bm_swarm_watch_used(&run->watch, (bm_swarm_process)i);
}

static void work_it(run_state *run)
{
    bm_swarm_work *work = &run->work;

    run->began = bm_clock_ns();
    run->cpu_began = bm_clock_cpu_ns();
    bm_swarm_progress_begin(&run->progress, work->options->quiet);
    work->gathering = work->options->reconnect;
    if (work->gathering)
        gather(run);
    else
        for (size_t i = 0; i < run->slot_count && !work->stopped; i++)
            bm_swarm_slot_start(&run->slots[i]);
    if (!work->stopped)
        (void)event_base_dispatch(work->base);
    sum_up(run);
    bm_swarm_progress_end(&run->progress);
    for (size_t i = 0; i < run->slot_count; i++)
        bm_swarm_slot_fini(&run->slots[i]);
}

/* How it ended, for the exit status and in a sentence. */
static BM_RESULT outcome(const bm_swarm_work *work)
{
    const bm_swarm_figures *figures = work->figures;
    unsigned long long failed = figures->failed;

    if (work->stopped)
        return bm_failf(work->why, "%.500s", work->sentence);
    BM_CHECK(!figures->interrupted, BM_E_INTERRUPTED, NULL);
    if (failed == 0)
        return bm_ok();
    return bm_failf(work->why, "%llu device%s did not end as %s must; the first: %.420s", failed, failed == 1 ? "" : "s", failed == 1 ? "it" : "they",
                    work->sentence);
}

BM_RESULT bm_swarm_run(const bm_swarm_run_options *options, bm_swarm_figures *figures)
{
    BM_AUTO(finish) run_state run = {.work = {.options = options, .figures = figures, .held = -1}};

    figures->devices = options->devices;
    BM_TRY(prepare(&run));
    work_it(&run);
    return outcome(&run.work);
}
