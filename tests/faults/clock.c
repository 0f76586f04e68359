/*
 * birthmarkd on a clock that a scenario sets: the real program, but for the three functions by which it and its libraries ask the time of
 * day. What they say is the true time and the seconds in the file `clock` beside the program, a native 64-bit number; the monotonic clock
 * stays as it is, as it does when somebody sets a machine's clock. Never installed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Mapped before the sandbox is shut; NULL: the true time. */
static const volatile int64_t *step;

__attribute__((constructor)) static void find_step(void)
{
    char path[512];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 8);
    char *slash;
    void *mapped;
    int fd;

    if (size <= 0)
        return;
    path[size] = 0;
    slash = strrchr(path, '/');
    if (slash == NULL)
        return;
    (void)snprintf(slash, 8, "/clock");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    mapped = mmap(NULL, sizeof(*step), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        step = mapped;
    (void)close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, now);

    if (rc == 0 && step != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *step;
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now = {0};
    int rc = clock_gettime(CLOCK_REALTIME, &now);

    (void)zone;
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return rc;
}
