#include "swarm_kill.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHILDREN_MAX 64

typedef enum { KIND_SERVER, KIND_LEDGER, KIND_KEEPER, KIND_STARTING, KIND_COUNT } process_kind;

/* Of ten kills, so many of each kind. */
static const unsigned shares[KIND_COUNT] = {[KIND_SERVER] = 5, [KIND_LEDGER] = 4, [KIND_KEEPER] = 1};

uint32_t swarm_below(uint64_t *state, uint32_t limit)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33) % limit;
}

/* The content of a small file of /proc as a string; its size. */
static size_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    FILE *file;
    size_t got;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    got = fread(out, 1, size - 1, file);
    out[got] = 0;
    (void)fclose(file);
    return got;
}

static size_t children_of(pid_t parent, pid_t children[CHILDREN_MAX])
{
    char name[48], list[1024];
    char *next = list;
    size_t count = 0;

    (void)snprintf(name, sizeof(name), "task/%d/children", (int)parent);
    if (read_proc(parent, name, list, sizeof(list)) == 0)
        return 0;
    while (count < CHILDREN_MAX) {
        char *end;
        long pid = strtol(next, &end, 10);

        if (end == next)
            break;
        children[count++] = (pid_t)pid;
        next = end;
    }
    return count;
}

/* By its command line: birthmarkd -x KIND. */
static process_kind kind_of(pid_t pid)
{
    static const char *const names[] = {"server", "ledger", "keeper"};
    char line[256];
    size_t size = read_proc(pid, "cmdline", line, sizeof(line));

    for (size_t at = 0; at < size; at += strlen(line + at) + 1)
        if (strcmp(line + at, "-x") == 0)
            for (process_kind kind = KIND_SERVER; kind <= KIND_KEEPER; kind++)
                if (at + 3 < size && strcmp(line + at + 3, names[kind]) == 0)
                    return kind;
    return KIND_STARTING;
}

/* Kills it if it is that process's child: asked behind the descriptor, which means this process and none that gets its number later. */
static bool kill_child(pid_t parent, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    char stat[512];
    const char *behind;
    bool done = false;

    if (fd < 0)
        return false;
    behind = read_proc(pid, "stat", stat, sizeof(stat)) > 0 ? strrchr(stat, ')') : NULL;
    if (behind != NULL && strlen(behind) > 4 && behind[2] != 'Z' && strtol(behind + 4, NULL, 10) == parent)
        done = syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
    (void)close(fd);
    return done;
}

bool swarm_kill_one(pid_t monitor, uint64_t *state, swarm_killed *killed)
{
    unsigned *const counts[KIND_COUNT] = {&killed->server, &killed->ledger, &killed->keeper, &killed->starting};
    pid_t children[CHILDREN_MAX];
    size_t count = children_of(monitor, children);
    unsigned draw = swarm_below(state, 10);
    process_kind wanted = KIND_SERVER;

    if (count == 0)
        return false;
    while (draw >= shares[wanted])
        draw -= shares[wanted++];
    for (size_t i = 0, from = swarm_below(state, (uint32_t)count); i < count; i++) {
        pid_t pid = children[(from + i) % count];
        process_kind kind = kind_of(pid);

        if ((kind == wanted || kind == KIND_STARTING) && kill_child(monitor, pid)) {
            (*counts[kind])++;
            return true;
        }
    }
    return false;
}
