/* The fleet file: a vendor and its devices, made once and kept. */
#ifndef BM_SWARM_FLEET_H
#define BM_SWARM_FLEET_H

#include "swarm/format.h"
#include "swarm/vendor.h"

/* An open fleet. What is behind the views stays until the fleet grows or is closed. */
typedef struct {
    const char *path;
    int fd;
    void *map;
    size_t map_size;
    bm_swarm_contents contents;
    bm_swarm_vendor vendor;
    bm_swarm_primes *primes;
    bm_key_type ek; /* which devices are selected */
    bm_key_type ik;
    uint64_t *places; /* where those begin in the records */
    uint32_t *numbers;
    size_t selected;
} bm_swarm_fleet;

/* A device of a fleet: its place in the file, which is in its serial, and its record. */
typedef struct {
    uint32_t number;
    bm_swarm_record record;
} bm_swarm_fleet_device;

/* Told about devices that are being made: so many of so many. Returns an error to end it; what was made is kept. */
typedef BM_RESULT (*bm_swarm_fleet_watch)(void *context, size_t made, size_t of);

/*
 * Opens a fleet, and makes one where there is no such file: its vendor and primes, with serials that begin with `prefix` (NULL: one by
 * chance). BM_E_IO: the file cannot be used, is not private, or is damaged; BM_E_USAGE: it has another prefix.
 */
BM_RESULT bm_swarm_fleet_open(const char *path, const char *prefix, int64_t now, bm_swarm_fleet *fleet);

/* Wipes, frees and closes. */
void bm_swarm_fleet_close(bm_swarm_fleet *fleet);

/* Looks for the devices with keys of these types; all records are looked at. BM_E_IO: the file is damaged. */
BM_RESULT bm_swarm_fleet_select(bm_swarm_fleet *fleet, bm_key_type ek, bm_key_type ik);

/* Makes devices of the types that are selected until there are `count`. BM_E_IO, also when another process makes some; what `watch` returns. */
BM_RESULT bm_swarm_fleet_grow(bm_swarm_fleet *fleet, size_t count, bm_swarm_fleet_watch watch, void *context);

/* One of the devices that are selected; BM_E_IO: the file is damaged. */
BM_RESULT bm_swarm_fleet_get(const bm_swarm_fleet *fleet, size_t index, bm_swarm_fleet_device *device);

#endif
