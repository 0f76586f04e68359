#include "swarm/progress.h"

#include "program/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define ELSEWHERE 5 /* seconds between two lines where there is no terminal */

void bm_swarm_progress_begin(bm_swarm_progress *progress, bool quiet)
{
    int64_t now = bm_clock_ns();

    *progress = (bm_swarm_progress){.quiet = quiet, .in_place = isatty(STDERR_FILENO) == 1, .began = now, .next = now + SECOND, .before_ns = now};
}

static bool is_time(bm_swarm_progress *progress, int64_t now)
{
    if (progress->quiet || now < progress->next)
        return false;
    progress->next = now + (progress->in_place ? 1 : ELSEWHERE) * SECOND;
    return true;
}

static void show(bm_swarm_progress *progress, const char *line)
{
    (void)fprintf(stderr, progress->in_place ? "\r%s\033[K" : "%s\n", line);
    (void)fflush(stderr);
    progress->shown = progress->in_place;
}

/* Appends how long the rest takes, if it goes on like this since the beginning. */
static void add_rest(const bm_swarm_progress *progress, int64_t now, uint64_t done, uint64_t of, char *line, size_t room)
{
    size_t used = strlen(line);

    if (done > 0 && done < of)
        (void)snprintf(line + used, room - used, ", about %.0f s more", (double)(now - progress->began) / 1e9 * (double)(of - done) / (double)done);
}

void bm_swarm_progress_made(bm_swarm_progress *progress, size_t made, size_t of)
{
    int64_t now = bm_clock_ns();
    char line[160];

    if (!is_time(progress, now))
        return;
    (void)snprintf(line, sizeof(line), "making devices: %zu of %zu", made, of);
    add_rest(progress, now, made, of, line, sizeof(line));
    show(progress, line);
}

void bm_swarm_progress_run(bm_swarm_progress *progress, const bm_swarm_figures *figures, uint64_t active)
{
    int64_t now = bm_clock_ns();
    uint64_t done = bm_swarm_figures_done(figures);
    uint64_t retried = figures->retried_429 + figures->retried_503;
    char line[240];

    if (!is_time(progress, now))
        return;
    for (size_t i = 0; i < BM_SWARM_LINK_END_COUNT; i++)
        retried += figures->retried[i];
    (void)snprintf(line, sizeof(line), "%llu of %llu devices, %.0f a second, %llu at work, %llu failed, %llu tried again",
                   (unsigned long long)done, (unsigned long long)figures->devices,
                   (double)(done - progress->before) / ((double)(now - progress->before_ns) / 1e9), (unsigned long long)active,
                   (unsigned long long)figures->failed, (unsigned long long)retried);
    add_rest(progress, now, done, figures->devices, line, sizeof(line));
    progress->before = done;
    progress->before_ns = now;
    show(progress, line);
}

void bm_swarm_progress_end(bm_swarm_progress *progress)
{
    if (progress->shown)
        (void)fputc('\n', stderr);
    progress->shown = false;
}
