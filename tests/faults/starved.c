/*
 * birthmarkd whose memory runs out when a test says so: each process has a row in a page that it shares with the test (the file that
 * BIRTHMARK_STARVED names), and counts its allocations there. For faults/starved, never installed; not with a sanitizer, which has an allocator
 * of its own.
 */
#include "server/process.h"
#include "server/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VARIABLE "BIRTHMARK_STARVED"

/* As tests/faults/starve reads it. */
typedef struct {
    int64_t pid;
    int64_t count;  /* how many fail; 0: none, and nothing is counted */
    int64_t first;  /* the first that fails; 1 is the next */
    int64_t seen;
    int64_t failed;
    int64_t live;   /* blocks */
} row;

int birthmarkd_main(int argc, char **argv);
bm_result __real_bm_sandbox_enter(bm_process process);
bm_result __wrap_bm_sandbox_enter(bm_process process);
int __real_execve(const char *path, char *const arguments[], char *const environment[]);
int __wrap_execve(const char *path, char *const arguments[], char *const environment[]);
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *old);

/*
 * What is fed, because it does not look whether it got memory (and whose callers see to it): json-c 0.16, which is asked when there is
 * memory (lib/protocol/json.c).
 */
struct json_tokener;
struct json_object;
struct json_object *__real_json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int size);
struct json_object *__wrap_json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int size);
const char *__real_json_object_to_json_string_ext(struct json_object *json, int flags);
const char *__wrap_json_object_to_json_string_ext(struct json_object *json, int flags);

static row *mine;
static void *page;
static bool keeps_pages;

#define WHERE 1024      /* in the page */
#define WHERE_SIZE 1024

/* Which functions the failed allocation was for, for the reader of a failure: nothing can be looked up from outside. */
static void say_where(void)
{
    void *frames[16];
    int count = backtrace(frames, 16);
    size_t at = 0;

    for (int i = 3; i < count; i++) {
        char *to = (char *)page + WHERE + at;
        Dl_info info;
        int size;

        if (dladdr(frames[i], &info) == 0)
            continue;
        size = snprintf(to, WHERE_SIZE - at, "%s+%lx ", info.dli_sname != NULL ? info.dli_sname : "?",
                        (unsigned long)((const char *)frames[i] - (const char *)info.dli_fbase));
        if (size < 0 || (size_t)size >= WHERE_SIZE - at)
            break;
        at += (size_t)size;
    }
}

static bool fails(void)
{
    if (mine == NULL || mine->count == 0)
        return false;
    mine->seen++;
    if (mine->seen < mine->first || mine->seen >= mine->first + mine->count)
        return false;
    say_where();
    mine->failed++;
    errno = ENOMEM;
    return true;
}

/*
 * A page of the ledger's database in SQLite's cache, which keeps them until it has 16 MiB: what is recorded makes them more, and nobody lost
 * them. A page of 4096 bytes, with what SQLite writes beside it.
 */
static bool is_page(void *block)
{
    size_t size = malloc_usable_size(block);

    return keeps_pages && size > 4096 && size < 4096 + 512;
}

static void *counted(void *made)
{
    if (mine != NULL && made != NULL && !is_page(made))
        mine->live++;
    return made;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(number, size));
}

void *realloc(void *old, size_t size)
{
    if (old == NULL)
        return malloc(size);
    return fails() ? NULL : __libc_realloc(old, size);
}

void free(void *old)
{
    if (mine != NULL && old != NULL && !is_page(old))
        mine->live--;
    __libc_free(old);
}

static int64_t feed(void)
{
    int64_t count = mine != NULL ? mine->count : 0;

    if (mine != NULL)
        mine->count = 0;
    return count;
}

static void starve_again(int64_t count)
{
    if (mine != NULL)
        mine->count = count;
}

struct json_object *__wrap_json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int size)
{
    int64_t count = feed();
    struct json_object *parsed = __real_json_tokener_parse_ex(tokener, text, size);

    starve_again(count);
    return parsed;
}

const char *__wrap_json_object_to_json_string_ext(struct json_object *json, int flags)
{
    int64_t count = feed();
    const char *text = __real_json_object_to_json_string_ext(json, flags);

    starve_again(count);
    return text;
}

bm_result __wrap_bm_sandbox_enter(bm_process process)
{
    const char *path = getenv(VARIABLE);
    bm_result result;
    row *rows = NULL;

    if (path != NULL) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *frames[1];

        page = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (page == MAP_FAILED)
            abort();
        (void)close(fd);
        rows = page;
        (void)backtrace(frames, 1); /* loads what it needs */
    }
    result = __real_bm_sandbox_enter(process);
    if (result.code == BM_OK && rows != NULL) {
        rows[process].pid = getpid();
        keeps_pages = process == BM_PROCESS_LEDGER;
        mine = &rows[process];
    }
    return result;
}

int __wrap_execve(const char *path, char *const arguments[], char *const environment[])
{
    const char *shared = getenv(VARIABLE);
    char variable[512];
    char *environment_of_mine[] = {variable, NULL};

    if (shared == NULL)
        return __real_execve(path, arguments, environment);
    (void)snprintf(variable, sizeof(variable), VARIABLE "=%s", shared);
    return __real_execve(path, arguments, environment_of_mine);
}

int main(int argc, char **argv)
{
    return birthmarkd_main(argc, argv);
}
