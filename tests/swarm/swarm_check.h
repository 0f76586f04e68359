/* Looks whether the database of a CA is whole, and has every certificate that a device holds. */
#ifndef BM_TESTS_SWARM_CHECK_H
#define BM_TESTS_SWARM_CHECK_H

#include "base/bytes.h"

/*
 * Opens the database and compares it with these files of certificates (each a line of hex, as swarm_held writes them). BM_OK: every
 * certificate held is in the database, under the identity that it names; no serial and no request is there twice; no two active devices
 * have one identity, and no EK is two devices; the chain of the log verifies. Says what it counted, or what is wrong.
 */
BM_RESULT swarm_check(const char *database, char **files, int count);

/* Adds a certificate to a file, in one write, so that the file is whole whatever happens. */
BM_RESULT swarm_held(int fd, bm_bytes der);

#endif
