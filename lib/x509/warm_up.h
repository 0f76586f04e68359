/* A rehearsal for programs that shut themselves in: what OpenSSL and the C library load late is loaded by it. */
#ifndef BM_X509_WARM_UP_H
#define BM_X509_WARM_UP_H

#include "base/result.h"

/*
 * Makes a root, an intermediate CA and an EK certificate of a key of the moment, and verifies that they chain: so keys, signatures, dates (the C
 * library's time zone with them) and OpenSSL's search for a path have all been used once. BM_E_INTERNAL: this machine cannot do it;
 * BM_E_NO_MEMORY.
 */
BM_RESULT bm_warm_up_chain(void);

#endif
