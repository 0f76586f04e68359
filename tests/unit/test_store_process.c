/* What several processes on one database, and their violent ends, do to it. */
#include "unit_store.h"

#include <signal.h>
#include <sys/wait.h>

#define RACES 50

/* No connection may be open when a process is forked: SQLite keeps what it knows of its locks in memory. */
static void close_store(fixture *f)
{
    bm_store_freep(&f->store);
}

static void open_store(fixture *f)
{
    assert_ok(bm_store_open(f->path, false, &f->store));
}

static void await(pid_t pid, int *status)
{
    assert_int_equal(waitpid(pid, status, 0), pid);
}

/* A child that waits for the start signal and claims the identity: exit 0 it won, 1 it was taken, 2 anything else. */
static pid_t start_racer(const fixture *f, const int start[2], unsigned number, uint8_t ek_byte, const char *identity)
{
    pid_t pid = fork();
    bm_store *store = NULL;
    bm_store_certificate made;
    bm_result result;
    char byte;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    /* The start is the end of the pipe: it comes when nobody has its writing end any more. */
    (void)close(start[1]);
    if (bm_store_open(f->path, false, &store).code != BM_OK || read(start[0], &byte, 1) != 0)
        _exit(2);
    made = certificate(number, ek_byte, identity);
    result = record(store, &made);
    bm_store_free(store);
    _exit(result.code == BM_OK ? 0 : result.code == BM_E_IDENTITY_TAKEN ? 1 : 2);
}

static void of_two_processes_that_claim_one_identity_exactly_one_wins(void **state)
{
    fixture *f = *state;

    close_store(f);
    for (unsigned i = 0; i < RACES; i++) {
        char identity[16];
        int start[2];
        int first;
        int second;
        pid_t one;
        pid_t two;

        (void)snprintf(identity, sizeof(identity), "SN%u", i);
        assert_int_equal(pipe(start), 0);
        one = start_racer(f, start, 2 * i, (uint8_t)(2 * i), identity);
        two = start_racer(f, start, 2 * i + 1, (uint8_t)(2 * i + 1), identity);
        (void)close(start[0]);
        (void)close(start[1]);
        await(one, &first);
        await(two, &second);
        assert_true(WIFEXITED(first) && WIFEXITED(second));
        assert_int_equal(WEXITSTATUS(first) + WEXITSTATUS(second), 1);
    }
    open_store(f);
    assert_int_equal(devices(f->store), RACES);
    assert_int_equal(certificates(f->store), RACES);
    assert_int_equal(verified(f->store), RACES);
}

/* A child that records one certificate after the other, and says after each commit that it is done. */
static pid_t start_writer(const fixture *f, int report, unsigned first)
{
    pid_t pid = fork();
    bm_store *store = NULL;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    if (bm_store_open(f->path, false, &store).code != BM_OK)
        _exit(2);
    for (unsigned number = first;; number++) {
        bm_store_certificate made = certificate(number, (uint8_t)(number % 8), "SN0");
        char byte = 'x';

        (void)snprintf(made.identity, sizeof(made.identity), "SN%u", number % 8);
        if (record(store, &made).code != BM_OK || write(report, &byte, 1) != 1)
            _exit(3);
    }
}

static void what_was_committed_survives_kill_9(void **state)
{
    fixture *f = *state;
    unsigned committed = 0;

    for (unsigned round = 0; round < 8; round++) {
        int report[2];
        char byte;
        int status;
        pid_t pid;

        close_store(f);
        assert_int_equal(pipe(report), 0);
        pid = start_writer(f, report[1], committed + round);
        (void)close(report[1]);
        for (unsigned i = 0; i < 5 + 3 * round; i++)
            assert_int_equal(read(report[0], &byte, 1), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        await(pid, &status);
        assert_true(WIFSIGNALED(status));
        committed += 5 + 3 * round;
        while (read(report[0], &byte, 1) == 1)
            committed++;
        (void)close(report[0]);
        open_store(f);
        /* One commit more may have happened than was told of. */
        assert_in_range(certificates(f->store), committed, committed + round + 1);
        assert_int_equal(verified(f->store), certificates(f->store));
        committed = certificates(f->store) - round;
    }
}

/* A child that, when it is told to, claims SN1 with another EK: exit 0 when it is taken by then. */
static pid_t start_latecomer(const fixture *f, const int go[2])
{
    pid_t pid = fork();
    bm_store *store = NULL;
    bm_store_certificate made;
    char byte;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    if (read(go[0], &byte, 1) != 1 || bm_store_open(f->path, false, &store).code != BM_OK)
        _exit(2);
    made = certificate(1, 2, "SN1");
    _exit(record(store, &made).code == BM_E_IDENTITY_TAKEN ? 0 : 1);
}

static void a_writer_waits_for_the_other_and_reads_go_on(void **state)
{
    fixture *f = *state;
    bm_store *other = NULL;
    bm_store_lookup found;
    int go[2];
    bool changed;
    int status;
    pid_t pid;

    close_store(f);
    assert_int_equal(pipe(go), 0);
    pid = start_latecomer(f, go);
    open_store(f);
    assert_ok(bm_store_open(f->path, false, &other));
    assert_ok(bm_store_begin(other));
    assert_ok(bm_store_device_add(other, ek(1), "SN1", NOW, &changed));
    assert_int_equal(write(go[1], "x", 1), 1);
    /* Readers see what was committed, and do not wait. */
    assert_ok(bm_store_look_up(f->store, ek(1), "SN1", &found));
    assert_true(!found.known && found.claim == BM_CLAIM_FREE);
    assert_ok(bm_store_commit(other));
    await(pid, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    bm_store_free(other);
    (void)close(go[0]);
    (void)close(go[1]);
}

static void what_was_open_at_the_end_of_a_store_is_rolled_back(void **state)
{
    fixture *f = *state;
    bm_store *other = NULL;
    bool changed;

    assert_ok(bm_store_open(f->path, false, &other));
    assert_ok(bm_store_begin(other));
    assert_ok(bm_store_device_add(other, ek(1), "SN1", NOW, &changed));
    bm_store_free(other);
    assert_int_equal(devices(f->store), 0);
    assert_ok(add_device(f->store, 1, "SN1", &changed));
    assert_true(changed);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(of_two_processes_that_claim_one_identity_exactly_one_wins),
        T(what_was_committed_survives_kill_9),
        T(a_writer_waits_for_the_other_and_reads_go_on),
        T(what_was_open_at_the_end_of_a_store_is_rolled_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
