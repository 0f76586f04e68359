/*
 * Whole provisionings in one process: the real code of server, ledger and keeper, and devices in software, turn by turn. What one turn of
 * each of the three costs is counted by its name (tools/instructions).
 */
#ifndef BM_TESTS_BENCH_WORK_H
#define BM_TESTS_BENCH_WORK_H

#include "../swarm/swarm_device.h"

#include "server/keeper_requests.h"
#include "server/ledger_requests.h"
#include "server/server.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

/* Ends the program unless this holds. */
#define WORK_MUST(condition)                                                                                                     \
    do {                                                                                                                         \
        if (!(condition)) {                                                                                                      \
            (void)fprintf(stderr, "bench_work: %s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                     \
            exit(1);                                                                                                             \
        }                                                                                                                        \
    } while (0)

/* The same for a result. */
#define WORK_OK(expr)                                                                                                            \
    do {                                                                                                                         \
        bm_result work_result = (expr);                                                                                          \
        if (work_result.code != BM_OK) {                                                                                         \
            (void)fprintf(stderr, "bench_work: %s: %s (%s)\n", #expr, bm_code_name(work_result.code),                            \
                          work_result.detail != NULL ? work_result.detail : "-");                                                \
            exit(1);                                                                                                             \
        }                                                                                                                        \
    } while (0)

#define WORK_AT_ONCE 16 /* connections, as in the benchmarks */
#define WORK_DEVICES 1

/* The three processes, and where the server listens. */
typedef struct {
    bm_server server;
    bm_ledger *ledger;
    bm_keeper keeper;
    int to_ledger[2]; /* the server's end, the ledger's */
    int to_keeper[2];
    bm_buf asked; /* of the keeper */
    bm_buf answered;
    struct sockaddr_in address;
    char directory[64];
} work_processes;

/* What a connection waits for. */
typedef enum { WORK_HANDSHAKE, WORK_CHALLENGE, WORK_CERTIFICATE, WORK_DONE } work_phase;

/* A connection of a device, from the handshake to its certificate. */
typedef struct {
    work_phase phase;
    swarm_device *device;
    int fd;
    SSL *ssl;
    bm_buf reply;
} work_connection;

/* Sets the processes up: a CA, its keys, a database, the vendor as the only anchor, TLS; the server has its anchors. Ends them. */
void work_processes_init(work_processes *processes, const make_vendor *vendor);
void work_processes_fini(work_processes *processes);

/* A turn of each process: all that waits for it now. They are counted by their names, so none may be inlined. */
void work_server_turn(work_processes *processes);
void work_ledger_turn(work_processes *processes);
void work_keeper_turn(work_processes *processes);

/* Connects; the device stays the caller's. */
void work_connection_begin(work_connection *connection, SSL_CTX *ctx, const struct sockaddr_in *address, swarm_device *device);

/* Goes on as far as it can without waiting; the phase says whether it is done. Ends the program when the server refuses anything. */
void work_connection_turn(work_connection *connection);

/* Closes it. */
void work_connection_end(work_connection *connection);

#endif
