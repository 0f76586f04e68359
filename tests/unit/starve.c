#include "starve.h"

#include "crypto/memory.h"
#include "program/sanitized.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static struct {
    unsigned long seen, first, count, failed;
} meal;

static bool fails(void)
{
    if (meal.count == 0)
        return false;
    meal.seen++;
    if (meal.seen < meal.first || meal.seen >= meal.first + meal.count)
        return false;
    meal.failed++;
    errno = ENOMEM;
    return true;
}

void starve_begin(unsigned long first, unsigned long count)
{
    meal.seen = 0;
    meal.failed = 0;
    meal.first = first;
    meal.count = count;
}

unsigned long starve_end(void)
{
    meal.count = 0;
    return meal.failed;
}

#if BM_SANITIZED

/* Our own objects are linked with -Wl,--wrap; through them OpenSSL asks (crypto/memory.h); SQLite is told. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

static sqlite3_mem_methods sqlite_own;

static void *sqlite_malloc(int size)
{
    return fails() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
    return fails() ? NULL : sqlite_own.xRealloc(old, size);
}

void starve_install(void)
{
    sqlite3_mem_methods methods;

    bm_memory_watch();
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own) != SQLITE_OK)
        abort();
    methods = sqlite_own;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
        abort();
}

#else

/* These stand before the C library's, for every shared library as well. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

/* json-c 0.16 does not look whether it got memory: it is fed while it reads and writes. lib/protocol/json.c sees to it that there is enough. */
struct json_tokener;
struct json_object;
struct json_object *__real_json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int size);
struct json_object *__wrap_json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int size);
const char *__real_json_object_to_json_string_ext(struct json_object *json, int flags);
const char *__wrap_json_object_to_json_string_ext(struct json_object *json, int flags);

struct json_object *__wrap_json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int size)
{
    unsigned long count = meal.count;
    struct json_object *parsed;

    meal.count = 0;
    parsed = __real_json_tokener_parse_ex(tokener, text, size);
    meal.count = count;
    return parsed;
}

const char *__wrap_json_object_to_json_string_ext(struct json_object *json, int flags)
{
    unsigned long count = meal.count;
    const char *text;

    meal.count = 0;
    text = __real_json_object_to_json_string_ext(json, flags);
    meal.count = count;
    return text;
}

void starve_install(void)
{
    bm_memory_watch();
}

#endif
