/*
 * Memory that runs out when a test says so: every allocation of the program and its libraries (OpenSSL, json-c, SQLite) is counted, and the
 * one of a number fails. With the sanitizers, whose allocator cannot be replaced, json-c's are left out.
 */
#ifndef BM_TESTS_STARVE_H
#define BM_TESTS_STARVE_H

/* The first call of main, before anything is allocated. */
void starve_install(void);

/* From now on, allocation number `first` (1 is the next) fails, and the `count` - 1 behind it. */
void starve_begin(unsigned long first, unsigned long count);

/* No allocation fails any more; how many did. */
unsigned long starve_end(void);

#endif
