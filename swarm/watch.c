#include "swarm/watch.h"

#include "base/text.h"

#include <limits.h>
#include <stdio.h>

#define FILE_MAX 4096

static const char *const names[BM_SWARM_PROCESS_COUNT] = {"monitor", "server", "ledger", "keeper", "other"};

const char *bm_swarm_watch_name(bm_swarm_process kind)
{
    return names[kind];
}

/* Cuts the next word; an empty one at the end. */
static bm_bytes next_word(bm_bytes *rest)
{
    bm_bytes word;
    size_t size = 0;

    while (rest->size > 0 && (rest->data[0] == ' ' || rest->data[0] == '\n'))
        *rest = bm_bytes_slice(*rest, 1, rest->size - 1);
    while (size < rest->size && rest->data[size] != ' ' && rest->data[size] != '\n')
        size++;
    word = bm_bytes_slice(*rest, 0, size);
    *rest = bm_bytes_slice(*rest, size, rest->size - size);
    return word;
}

bool bm_swarm_watch_parse_children(bm_bytes text, pid_t *pids, size_t max, size_t *count)
{
    size_t found = 0;

    for (bm_bytes word = next_word(&text); word.size > 0; word = next_word(&text)) {
        uint64_t pid;

        if (found == max || bm_text_parse_u64(word, INT_MAX, &pid).code != BM_OK || pid == 0)
            return false;
        pids[found++] = (pid_t)pid;
    }
    *count = found;
    return true;
}

bm_swarm_process bm_swarm_watch_parse_kind(bm_bytes line)
{
    bool is_next = false;

    while (line.size > 0) {
        size_t size = 0;
        bm_bytes word;

        while (size < line.size && line.data[size] != 0)
            size++;
        word = bm_bytes_slice(line, 0, size);
        for (bm_swarm_process kind = BM_SWARM_PROCESS_SERVER; is_next && kind <= BM_SWARM_PROCESS_KEEPER; kind++)
            if (bm_bytes_equal(word, bm_bytes_str(names[kind])))
                return kind;
        is_next = bm_bytes_equal(word, bm_bytes_str("-x"));
        size += size < line.size;
        line = bm_bytes_slice(line, size, line.size - size);
    }
    return BM_SWARM_PROCESS_OTHER;
}

bool bm_swarm_watch_parse_used(bm_bytes text, uint64_t *used)
{
    bm_bytes word = next_word(&text);

    return bm_text_parse_u64(word, UINT64_MAX, used).code == BM_OK;
}

/* A small file of /proc; empty when there is none. */
static bm_bytes read_proc(pid_t pid, const char *name, uint8_t *room, size_t size)
{
    char path[96];
    FILE *file;
    size_t got;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "re");
    if (file == NULL)
        return bm_bytes_of(NULL, 0);
    got = fread(room, 1, size, file);
    (void)fclose(file);
    return bm_bytes_of(room, got);
}

static bm_swarm_process kind_of(const bm_swarm_watch *watch, pid_t pid)
{
    uint8_t room[FILE_MAX];

    return pid == watch->monitor ? BM_SWARM_PROCESS_MONITOR : bm_swarm_watch_parse_kind(read_proc(pid, "cmdline", room, sizeof(room)));
}

/* One process; the first look at it says what it had used before, unless it is a new one. */
static void look_at(bm_swarm_watch *watch, pid_t pid, bool is_new)
{
    uint8_t room[FILE_MAX];
    size_t i = 0;
    uint64_t used;

    if (!bm_swarm_watch_parse_used(read_proc(pid, "schedstat", room, sizeof(room)), &used))
        return;
    while (i < watch->count && watch->seen[i].pid != pid)
        i++;
    if (i == BM_SWARM_WATCH_MAX)
        return;
    if (i == watch->count) {
        watch->count++;
        watch->seen[i].pid = pid;
        watch->seen[i].first = is_new ? 0 : used;
    }
    /* Between fork and exec it has no name yet. */
    watch->seen[i].kind = kind_of(watch, pid);
    watch->seen[i].last = used;
}

static size_t look_at_all(bm_swarm_watch *watch, bool is_new)
{
    pid_t children[BM_SWARM_WATCH_MAX];
    uint8_t room[FILE_MAX];
    char name[48];
    size_t count = 0;

    (void)snprintf(name, sizeof(name), "task/%d/children", (int)watch->monitor);
    if (!bm_swarm_watch_parse_children(read_proc(watch->monitor, name, room, sizeof(room)), children, BM_SWARM_WATCH_MAX, &count))
        return 0;
    for (size_t i = 0; i < count; i++)
        look_at(watch, children[i], is_new);
    look_at(watch, watch->monitor, is_new);
    return count;
}

BM_RESULT bm_swarm_watch_begin(pid_t monitor, bm_swarm_watch *watch)
{
    *watch = (bm_swarm_watch){.monitor = monitor};
    if (look_at_all(watch, false) > 0)
        for (size_t i = 0; i < watch->count; i++)
            if (watch->seen[i].kind == BM_SWARM_PROCESS_SERVER)
                return bm_ok();
    return bm_failf(BM_E_USAGE, "process %d is no birthmarkd with running processes: --watch takes the pid of its monitor, which was started first",
                    (int)monitor);
}

void bm_swarm_watch_look(bm_swarm_watch *watch)
{
    (void)look_at_all(watch, true);
}

uint64_t bm_swarm_watch_used(const bm_swarm_watch *watch, bm_swarm_process kind)
{
    uint64_t used = 0;

    for (size_t i = 0; i < watch->count; i++)
        if (watch->seen[i].kind == kind)
            used += watch->seen[i].last - watch->seen[i].first;
    return used;
}
