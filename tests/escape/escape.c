/* The guest: where it sits in birthmarkd, and how it gets its orders. See escape.h. */
#include "escape.h"

#include "program/sanitized.h"
#include "server/channel.h"
#include "server/sandbox.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The monitor's time runs faster: how soon it starts again what dies often is not what is tested. */
#define HASTE 20

/* The linker puts these before the functions of birthmarkd (-Wl,--wrap). */
int birthmarkd_main(int argc, char **argv);
bm_result __real_bm_sandbox_enter(bm_process process);
bm_result __wrap_bm_sandbox_enter(bm_process process);
bm_result __real_bm_store_open(const char *path, bool create, bm_store **store);
bm_result __wrap_bm_store_open(const char *path, bool create, bm_store **store);
bm_result __real_bm_sandbox_enter_monitor(void);
bm_result __wrap_bm_sandbox_enter_monitor(void);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
bm_result __real_bm_channel_receive(int fd, bm_buf *datagram, bool *got);
bm_result __wrap_bm_channel_receive(int fd, bm_buf *datagram, bool *got);
int __real_execve(const char *path, char *const arguments[], char *const environment[]);
int __wrap_execve(const char *path, char *const arguments[], char *const environment[]);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static struct {
    escape_scene scene;
    char *page;     /* of the orders; NULL: there is no guest yet */
    bool confined;  /* the sandbox is shut */
    bool hasty;     /* this is the monitor */
} guest;

static const char *const end_names[] = {[NOT_TRIED] = "-",
                                        [KILLED] = "killed",
                                        [REFUSED] = "refused",
                                        [NOTHING_COMES_OF_IT] = "nothing"};

static const char *name_of(bm_process process)
{
    return process == ESCAPE_MONITOR ? "monitor" : bm_process_name(process);
}

static bool is_tried(const escape_way *way, bm_process process)
{
#if BM_SANITIZED
    if (way->loose)
        return false;
#endif
    return way->ends[process] != NOT_TRIED;
}

static void list(const escape_way *way)
{
    for (; way->name != NULL; way++)
        for (unsigned i = 0; i < ESCAPE_COUNT; i++)
            if (is_tried(way, (bm_process)i))
                printf("%s %s %s %s\n", name_of((bm_process)i), way->name, end_names[way->ends[i]],
                       way->says != NULL ? way->says : i == ESCAPE_MONITOR ? "errno=1 Operation" : "errno=");
}

static const escape_way *find(const escape_way *way, const char *name)
{
    while (way->name != NULL && strcmp(way->name, name) != 0)
        way++;
    return way->name != NULL ? way : NULL;
}

static void obey(void)
{
    const char *process = name_of(guest.scene.process);
    size_t size = strlen(process);
    char said[ESCAPE_TEXT_SIZE] = "there is no such way";
    char ordered = 'O';
    const escape_way *way;

    if (__atomic_load_n(guest.page, __ATOMIC_ACQUIRE) != 'O' || strncmp(guest.page + 1, process, size) != 0 || guest.page[1 + size] != ' ' ||
        !__atomic_compare_exchange_n(guest.page, &ordered, 'T', false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    way = find(escape_ways, guest.page + 2 + size);
    if (way == NULL)
        way = find(escape_asks, guest.page + 2 + size);
    if (way != NULL)
        way->go(&guest.scene, said);
    memcpy(guest.page + 1, said, sizeof(said));
    __atomic_store_n(guest.page, 'D', __ATOMIC_RELEASE);
}

/* What an attacker would bring along, or find. */
static void set_scene(bm_process process)
{
    escape_scene *scene = &guest.scene;

    scene->process = process;
    scene->monitor = getppid();
    if (scene->key[0] == 0)
        (void)snprintf(scene->key, sizeof(scene->key), "/etc/passwd");
    (void)snprintf(scene->victim, sizeof(scene->victim), "/proc/%d/mem", (int)scene->monitor);
    scene->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    scene->file = memfd_create("escape", MFD_CLOEXEC);
    scene->epoll = epoll_create1(EPOLL_CLOEXEC);
    scene->page = mmap(NULL, ESCAPE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (scene->page == MAP_FAILED || bm_channel_pair(scene->pair).code != BM_OK)
        abort();
}

static void map_orders(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, ESCAPE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (page == MAP_FAILED)
        abort();
    (void)close(fd);
    guest.page = page;
}

bm_result __wrap_bm_sandbox_enter_monitor(void)
{
    const char *path = getenv(ESCAPE_ENVIRONMENT);
    bm_result result;

    if (path != NULL) {
        set_scene(ESCAPE_MONITOR);
        map_orders(path);
    }
    result = __real_bm_sandbox_enter_monitor();
    guest.confined = guest.hasty = result.code == BM_OK && guest.page != NULL;
    return result;
}

/* The monitor comes by here whenever it wakes. */
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    if (guest.confined)
        obey();
    return __real_waitpid(pid, status, options);
}

/* The ledger learns here where the state directory is. */
bm_result __wrap_bm_store_open(const char *path, bool create, bm_store **store)
{
    const char *name = strrchr(path, '/');

    (void)snprintf(guest.scene.key, sizeof(guest.scene.key), "%.*s/../keys/ca.key", name == NULL ? 0 : (int)(name - path), path);
    return __real_bm_store_open(path, create, store);
}

bm_result __wrap_bm_sandbox_enter(bm_process process)
{
    const char *path = getenv(ESCAPE_ENVIRONMENT);
    bm_result result;

    if (path != NULL) {
        set_scene(process);
        map_orders(path);
    }
    result = __real_bm_sandbox_enter(process);
    guest.confined = result.code == BM_OK && guest.page != NULL;
    return result;
}

bm_result escape_receive(int fd, bm_buf *datagram, bool *got)
{
    return __real_bm_channel_receive(fd, datagram, got);
}

/* Every process comes by here when a message is there for it. */
bm_result __wrap_bm_channel_receive(int fd, bm_buf *datagram, bool *got)
{
    if (guest.confined)
        obey();
    return __real_bm_channel_receive(fd, datagram, got);
}

/* The processes get an empty environment; the guest gets its one variable. */
int __wrap_execve(const char *path, char *const arguments[], char *const environment[])
{
    const char *orders = getenv(ESCAPE_ENVIRONMENT);
    char variable[512];
    char *mine[] = {variable, NULL};

    if (orders == NULL)
        return __real_execve(path, arguments, environment);
    (void)snprintf(variable, sizeof(variable), ESCAPE_ENVIRONMENT "=%s", orders);
    return __real_execve(path, arguments, mine);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = __real_clock_gettime(clock, now);

    if (rc == 0 && clock == CLOCK_MONOTONIC && guest.hasty) {
        int64_t fast = ((int64_t)now->tv_sec * 1000 + now->tv_nsec / 1000000) * HASTE;

        *now = (struct timespec){.tv_sec = fast / 1000, .tv_nsec = fast % 1000 * 1000000};
    }
    return rc;
}

/* `birthmarkd-escape --ways` prints the table: PROCESS WAY END SAYS; otherwise it is birthmarkd. */
int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--ways") == 0) {
        list(escape_ways);
        list(escape_asks);
        return 0;
    }
    return birthmarkd_main(argc, argv);
}
