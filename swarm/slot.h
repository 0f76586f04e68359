/* A place at which one device after the other works: connect, getChallenge, getCertificate, and again where that failed in passing. */
#ifndef BM_SWARM_SLOT_H
#define BM_SWARM_SLOT_H

#include "swarm/device.h"
#include "swarm/link.h"
#include "swarm/run.h"

#define BM_SWARM_TARGETS_MAX 8
#define BM_SWARM_WHY_MAX 768

/* What all places share. */
typedef struct {
    const bm_swarm_run_options *options;
    bm_swarm_figures *figures;
    struct event_base *base;
    bm_swarm_kit *kit;
    bm_swarm_tls *tls;
    bm_swarm_url url;
    char challenge_path[BM_SWARM_URL_PATH_MAX + 32];
    char certificate_path[BM_SWARM_URL_PATH_MAX + 32];
    bm_swarm_target targets[BM_SWARM_TARGETS_MAX];
    size_t target_count;
    size_t target;
    int held;            /* where certificates are kept; -1: nowhere */
    size_t next;         /* the next device */
    uint64_t active;     /* devices at work */
    uint64_t open;       /* connections */
    uint64_t waiting;    /* devices that are connected and wait for the burst */
    bool gathering;      /* the first part of --repeat-reconnect: connections are opened, and nothing is called */
    bool ever_up;        /* there was a handshake that succeeded */
    bm_code why;         /* the first failure, or what ends the run */
    bool stopped;        /* the run ends now, with that */
    char sentence[BM_SWARM_WHY_MAX];
} bm_swarm_work;

/* What a place does. */
typedef enum {
    BM_SWARM_IDLE = 0,
    BM_SWARM_CONNECTING,
    BM_SWARM_GATHERED, /* connected, and waits for the burst */
    BM_SWARM_CALLING,
    BM_SWARM_WAITING   /* until it tries again */
} bm_swarm_slot_state;

/* A place. Zero-initialise, then bm_swarm_slot_init; it stays where it is in memory. */
typedef struct {
    bm_swarm_work *work;
    bm_swarm_link link;
    bm_swarm_device device;
    bm_swarm_slot_state state;
    size_t target;     /* the address that it connects to */
    bool linked;       /* counted in `open` */
    bool second;       /* getChallenge is done */
    unsigned tries;    /* of this call that failed */
    int64_t began;     /* the device */
    int64_t since;     /* the connecting or the call */
    int64_t until;     /* when the wait, or our patience, ends */
} bm_swarm_slot;

/* An idle place. */
void bm_swarm_slot_init(bm_swarm_slot *slot, bm_swarm_work *work);

/* Begins with the next device, if there is one. */
void bm_swarm_slot_start(bm_swarm_slot *slot);

/* Looks whether a wait is over, or a call takes too long; call it some fifty times a second. */
void bm_swarm_slot_tick(bm_swarm_slot *slot, int64_t now);

/* The outage: a connection that waits for it drops. */
void bm_swarm_slot_drop(bm_swarm_slot *slot);

/* The burst: the device whose connection dropped comes back. */
void bm_swarm_slot_return(bm_swarm_slot *slot);

/* Closes and frees. */
void bm_swarm_slot_fini(bm_swarm_slot *slot);

#endif
