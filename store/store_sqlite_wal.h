/* The write-ahead log of SQLite: whether what was committed is missing from it. */
#ifndef BM_STORE_STORE_SQLITE_WAL_H
#define BM_STORE_STORE_SQLITE_WAL_H

#include "base/bytes.h"

/*
 * SQLite takes a write-ahead log up to its first bad frame and passes over the rest without a word: after a power failure that is right, since
 * that frame belongs to the transaction that was not committed yet. But when whole transactions stand behind it, they were on disk and have been
 * handed out, and something has damaged the file since. Wants that nobody writes meanwhile. A file that is not there is good. BM_E_STORE: it is
 * damaged so; BM_E_NO_MEMORY. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
BM_RESULT bm_store_sqlite_wal_check(const char *path);

#endif
