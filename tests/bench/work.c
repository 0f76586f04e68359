/*
 * Provisions software devices in one process, WORK_AT_ONCE at once: see work.h.
 *
 *   bench_work EK IK ROUNDS   so many times WORK_AT_ONCE devices, after one round that is not counted
 *
 * It says how many devices were counted, and the microseconds of CPU time a device that each of the three took: in user space and in
 * the kernel, without changing from process to process. Run by valgrind's callgrind (tools/instructions), instructions are counted.
 */
#include "work.h"

#include "instrument.h"

#include <poll.h>
#include <string.h>
#include <time.h>

#define PATIENCE 6000 /* waits of 10 ms without any progress */

/* Waits until something can be read by anybody: the way through the kernel may take its time. */
static void await(const work_processes *w, const work_connection *connections)
{
    struct pollfd polled[WORK_AT_ONCE + 4];
    const int ends[] = {w->to_ledger[0], w->to_ledger[1], w->to_keeper[0], w->to_keeper[1]};

    for (size_t i = 0; i < WORK_AT_ONCE; i++)
        polled[i] = (struct pollfd){.fd = connections[i].phase == WORK_DONE ? -1 : connections[i].fd, .events = POLLIN};
    for (size_t i = 0; i < 4; i++)
        polled[WORK_AT_ONCE + i] = (struct pollfd){.fd = ends[i], .events = POLLIN};
    (void)poll(polled, WORK_AT_ONCE + 4, 10);
}

/* A turn of every connection; how many are not done, and whether any got further. */
static size_t turn_connections(work_connection *connections, bool *moved)
{
    size_t open = 0;

    *moved = false;
    for (size_t i = 0; i < WORK_AT_ONCE; i++) {
        work_phase before = connections[i].phase;

        work_connection_turn(&connections[i]);
        *moved = *moved || connections[i].phase != before;
        open += connections[i].phase != WORK_DONE;
    }
    return open;
}

/* The turns of the three, and the CPU time that each took so far, in microseconds. */
typedef struct {
    const char *name;
    void (*turn)(work_processes *w);
    double spent;
} process;
#define PROCESSES 3

static double cpu_time(void)
{
    struct timespec time;

    WORK_MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void turn_processes(work_processes *w, process processes[PROCESSES])
{
    for (size_t i = 0; i < PROCESSES; i++) {
        double from = cpu_time();

        processes[i].turn(w);
        processes[i].spent += cpu_time() - from;
    }
}

static void provision(work_processes *w, SSL_CTX *ctx, swarm_device *devices, process processes[PROCESSES])
{
    work_connection connections[WORK_AT_ONCE];
    unsigned patience = PATIENCE;
    bool moved = false;

    for (size_t i = 0; i < WORK_AT_ONCE; i++)
        work_connection_begin(&connections[i], ctx, &w->address, &devices[i % WORK_DEVICES]);
    while (turn_connections(connections, &moved) > 0) {
        patience = moved ? PATIENCE : patience - 1;
        WORK_MUST(patience > 0);
        turn_processes(w, processes);
        if (!moved)
            await(w, connections);
    }
    for (size_t i = 0; i < WORK_AT_ONCE; i++)
        work_connection_end(&connections[i]);
    turn_processes(w, processes);
}

/* So many rounds, after one that is for warming up; and what they took. */
static void run(work_processes *w, SSL_CTX *ctx, swarm_device *devices, unsigned rounds)
{
    process processes[PROCESSES] = {{"server", work_server_turn, 0}, {"ledger", work_ledger_turn, 0}, {"keeper", work_keeper_turn, 0}};
    unsigned count = rounds * WORK_AT_ONCE;

    provision(w, ctx, devices, processes);
    for (size_t i = 0; i < PROCESSES; i++)
        processes[i].spent = 0;
    INSTRUMENT_BEGIN();
    for (unsigned i = 0; i < rounds; i++)
        provision(w, ctx, devices, processes);
    INSTRUMENT_END();
    (void)printf("devices %u\n", count);
    for (size_t i = 0; i < PROCESSES; i++)
        (void)printf("%s %.1f\n", processes[i].name, processes[i].spent / count);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    make_vendor vendor = {.key = make_key(BM_KEY_ECC256)};
    swarm_device devices[WORK_DEVICES];
    work_processes w;

    if (rounds == 0 || bm_pubkey_type_by_name(bm_bytes_str(argv[1])) == BM_KEY_NONE ||
        bm_pubkey_type_by_name(bm_bytes_str(argv[2])) == BM_KEY_NONE) {
        (void)fprintf(stderr, "usage: bench_work EK IK ROUNDS\n");
        return 2;
    }
    vendor.certificate = make_x509(&(make_options){.key = vendor.key, .name = "Vendor", .options = make_ca_extensions});
    for (size_t i = 0; i < WORK_DEVICES; i++)
        swarm_device_init(&devices[i], &vendor, strcmp(argv[1], "rsa2048") == 0 ? BM_EK_L1 : BM_EK_L2,
                          bm_pubkey_type_by_name(bm_bytes_str(argv[2])), "WORK-1");
    work_processes_init(&w, &vendor);
    run(&w, ctx, devices, rounds);
    work_processes_fini(&w);
    for (size_t i = 0; i < WORK_DEVICES; i++)
        swarm_device_fini(&devices[i]);
    X509_free(vendor.certificate);
    EVP_PKEY_free(vendor.key);
    SSL_CTX_free(ctx);
    return 0;
}
