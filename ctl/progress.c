#include "ctl/progress.h"

#include "program/clock.h"

#include <stdio.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define ELSEWHERE 5  /* seconds between two lines where there is no terminal */
#define OFTEN 1024   /* so many between two looks at the clock */

bm_ctl_progress bm_ctl_progress_begin(const char *what, size_t of)
{
    int64_t now = bm_clock_ns();

    return (bm_ctl_progress){.what = what, .of = of, .in_place = isatty(STDERR_FILENO) == 1, .began = now, .next = now + SECOND};
}

void bm_ctl_progress_tell(bm_ctl_progress *progress, size_t done)
{
    int64_t now;
    char rest[48] = "";

    if (done % OFTEN != 0)
        return;
    now = bm_clock_ns();
    if (now < progress->next)
        return;
    progress->next = now + (progress->in_place ? 1 : ELSEWHERE) * SECOND;
    progress->shown = progress->in_place;
    if (done > 0 && done < progress->of)
        (void)snprintf(rest, sizeof(rest), ", about %.0f s more",
                       (double)(now - progress->began) / 1e9 * (double)(progress->of - done) / (double)done);
    if (progress->of > 0)
        (void)fprintf(stderr, progress->in_place ? "\r%zu of %zu %s%s\033[K" : "%zu of %zu %s%s\n", done, progress->of, progress->what, rest);
    else
        (void)fprintf(stderr, progress->in_place ? "\r%zu %s\033[K" : "%zu %s\n", done, progress->what);
    (void)fflush(stderr);
}

void bm_ctl_progress_end(bm_ctl_progress *progress)
{
    if (progress->shown)
        (void)fprintf(stderr, "\r\033[K");
    progress->shown = false;
}
