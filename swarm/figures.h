/* What a run counted, and how it is told: as text, or as one JSON object. */
#ifndef BM_SWARM_FIGURES_H
#define BM_SWARM_FIGURES_H

#include "swarm/histogram.h"
#include "swarm/link.h"
#include "swarm/watch.h"

/* What is timed. */
typedef enum {
    BM_SWARM_TIME_HANDSHAKE = 0, /* connecting and the TLS handshake */
    BM_SWARM_TIME_CHALLENGE,     /* getChallenge, from the request sent to the reply received */
    BM_SWARM_TIME_CERTIFICATE,   /* getCertificate */
    BM_SWARM_TIME_DEVICE,        /* a device from its beginning to its certificate, waits and repeated calls included */
    BM_SWARM_TIME_COUNT
} bm_swarm_time;

/* The figures of a run. Zero-initialise. */
typedef struct {
    uint64_t devices;     /* asked for */
    uint64_t provisioned; /* good devices with a certificate */
    uint64_t refused;     /* bad devices, refused with the code that they expect */
    uint64_t failed;      /* all others that came to an end */
    uint64_t accepted;    /* of those, bad devices that were not refused */
    uint64_t errors[BM_CODE_COUNT];                    /* why devices failed */
    uint64_t gave_up[BM_SWARM_LINK_END_COUNT];         /* likewise, where nothing was answered */
    uint64_t retried[BM_SWARM_LINK_END_COUNT];         /* tries that were repeated */
    uint64_t retried_429;
    uint64_t retried_503;
    uint64_t connections; /* that were opened */
    uint64_t at_once;     /* most of them at the same time */
    bm_swarm_histogram times[BM_SWARM_TIME_COUNT];
    int64_t wall_ns;
    int64_t cpu_ns;       /* our own */
    int64_t back_ns;      /* with --repeat-reconnect: until every connection was there again; 0: not measured */
    bool interrupted;
    bool watched;
    uint64_t server_ns[BM_SWARM_PROCESS_COUNT];
} bm_swarm_figures;

/* Devices that came to an end. */
uint64_t bm_swarm_figures_done(const bm_swarm_figures *figures);

/* Appends them for a person, some twenty lines; BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_figures_put_text(const bm_swarm_figures *figures, bm_buf *out);

/* Appends them as one line of JSON; BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_figures_put_json(const bm_swarm_figures *figures, bm_buf *out);

#endif
