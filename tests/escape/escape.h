/*
 * birthmarkd-escape: birthmarkd itself, of the same objects, with one guest. After a process has shut its sandbox, the guest waits in it for an
 * order, tries one way out as an attacker there would, and says how that ended, if it can still say anything.
 *
 * The orders come through a page of shared memory, the file that $BIRTHMARK_ESCAPE names, mapped before the sandbox is shut:
 * one byte of state ('O' ordered, 'T' taken, 'D' done), then "PROCESS WAY" or, when done, how it ended.
 */
#ifndef BM_TESTS_ESCAPE_H
#define BM_TESTS_ESCAPE_H

#include "server/process.h"

#include <sys/types.h>

#define ESCAPE_ENVIRONMENT "BIRTHMARK_ESCAPE"
#define ESCAPE_PAGE_SIZE 4096
#define ESCAPE_TEXT_SIZE 128
/* The monitor, beside the processes that it starts. */
#define ESCAPE_MONITOR BM_PROCESS_COUNT
#define ESCAPE_COUNT (BM_PROCESS_COUNT + 1)

/* What an attacker finds in a process, and what the guest opened before the sandbox was shut, so that it has something to try with. */
typedef struct {
    bm_process process;
    pid_t monitor;         /* or another that is not to be harmed: the monitor's own parent */
    char key[512];         /* a sealed key, where the ledger finds it */
    char victim[64];       /* the monitor's memory, by its name in /proc */
    int tcp;               /* a socket that is not connected */
    int file;              /* a file without a name */
    int epoll;
    int pair[2];
    void *page;            /* memory that may be written */
} escape_scene;

/* What is to come of a way in a process. */
typedef enum {
    NOT_TRIED = 0, /* it is what the process is for, or it has nothing to try this with */
    KILLED,        /* by the kernel */
    REFUSED,       /* an error */
    NOTHING_COMES_OF_IT /* messages that are ignored */
} escape_end;

typedef struct {
    const char *name;
    void (*go)(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE]); /* says how it ended */
    escape_end ends[ESCAPE_COUNT];
    bool loose;       /* the sanitizers' run time needs this call: not tried in a build with it */
    const char *says; /* of a way that is REFUSED: what must be said; NULL: any error of the kernel */
} escape_way;

/* System calls (ways.c) and messages (asks.c), each table ending with a row without a name. */
extern const escape_way escape_ways[];
extern const escape_way escape_asks[];

/* The receiving function of server/channel.h as it is, without the guest. */
BM_RESULT escape_receive(int fd, bm_buf *datagram, bool *got);

#endif
