/*
 * The beginnings of the corpora: what good inputs of each target look like, made by the code that makes such things.
 */
#ifndef BM_TESTS_FUZZ_SEEDS_H
#define BM_TESTS_FUZZ_SEEDS_H

#include "world.h"

/* Writes DIRECTORY/TARGET/seed-NAME, where DIRECTORY is the program's argument. */
void seed(const char *target, const char *name, bm_bytes bytes);

/* The same with a byte that chooses before it. */
void seed_choice(const char *target, const char *name, uint8_t choice, bm_bytes bytes);

/* Appends a piece as fuzz_piece takes it. */
void seed_put_piece(bm_buf *out, bm_bytes bytes);

/* Those of lib/, of the processes, of the device, of the load tool, and of the exchange by files. */
void seeds_lib(void);
void seeds_server(void);
void seeds_device(void);
void seeds_swarm(void);
void seeds_offline(void);

#endif
