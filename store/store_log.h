/* The hash chain of the log, the same for every back end. */
#ifndef BM_STORE_STORE_LOG_H
#define BM_STORE_STORE_LOG_H

#include "store/store.h"

/* The hash of an entry (see bm_store_log_entry) that stands behind one with the hash `previous`; entry->hash is not looked at. BM_E_INTERNAL, BM_E_NO_MEMORY. */
BM_RESULT bm_store_log_hash(const uint8_t previous[BM_SHA256_SIZE], const bm_store_log_entry *entry, uint8_t hash[BM_SHA256_SIZE]);

/* Is this number a kind of entry? */
bool bm_store_log_is_kind(int64_t kind);

/* Appends what the log keeps of an issue: SHA-256 of the certificate's DER, and the evidence. */
BM_RESULT bm_store_log_put_issue(bm_buf *out, const bm_store_certificate *certificate);

/* Does the kept evidence of an issue begin with the SHA-256 of this certificate? BM_E_STORE when it does not. */
BM_RESULT bm_store_log_check_issue(bm_bytes evidence, bm_bytes der);

#endif
