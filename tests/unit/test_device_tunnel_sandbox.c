/*
 * device/tunnel/sandbox from inside, in a child of its own, since the kernel ends it for what it may not do.
 * tests/flow/tunnel-escape.sh tries the ways out.
 */
#include "unit.h"

#include "device/tunnel/sandbox.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECES 4000
#define PIECE 4096 /* too large for the thread's cache, too small for a mapping of its own */

static pthread_barrier_t closed; /* the sandbox is */

/* What a large handshake does to the heap of its thread: it grows, and shrinks again. */
static void *grow_and_shrink(void *context)
{
    static void *pieces[PIECES];

    (void)context;
    (void)pthread_barrier_wait(&closed);
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = malloc(PIECE);
    for (size_t i = PIECES; i > 0; i--)
        free(pieces[i - 1]);
    return NULL;
}

/* The exit status of the loop's process whose thread does that; or what ended it. */
static int live_in_the_sandbox(void)
{
    pthread_t thread;
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (bm_tunnel_sandbox_begin().code != BM_OK || pthread_barrier_init(&closed, NULL, 2) != 0 ||
            pthread_create(&thread, NULL, grow_and_shrink, NULL) != 0 ||
            bm_tunnel_sandbox_enter().code != BM_OK)
            _exit(44);
        (void)pthread_barrier_wait(&closed);
        _exit(pthread_join(thread, NULL) == 0 ? 42 : 43);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void the_heap_of_a_thread_grows_and_shrinks_in_the_sandbox(void **state)
{
    (void)state;
    assert_int_equal(live_in_the_sandbox(), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_of_a_thread_grows_and_shrinks_in_the_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
