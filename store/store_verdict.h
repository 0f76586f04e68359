/* The decision with what the store knows: whoever issues, the server or an operator's batch, asks here, so that neither leaves out a part of it. */
#ifndef BM_STORE_STORE_VERDICT_H
#define BM_STORE_STORE_VERDICT_H

#include "protocol/verdict.h"
#include "store/store.h"

/*
 * bm_verdict_decide and bm_verdict_renewal at `now` (seconds since 1970), of the subject's EK and the identity that it claims, with what bm_store_look_up
 * found of the two. Writes the identity. The errors are theirs.
 */
BM_RESULT bm_store_verdict(const bm_store_lookup *found, const bm_subject *subject, const bm_profile *profile, int64_t now,
                           char identity[BM_IDENTITY_MAX + 1]);

#endif
