/*
 * Authorisation values from where nobody else reads them: a file, or the environment. Never from the command line, which everybody sees in
 * the list of processes.
 */
#ifndef BM_DEVICE_TALK_SECRET_H
#define BM_DEVICE_TALK_SECRET_H

#include "base/bytes.h"

#define BM_SECRET_MAX 64 /* bytes: the longest authorisation value of any TPM (TPM 2.0 Part 2, 10.4.5: a digest's size) */

/*
 * Is this "file:PATH" or "env:NAME"? BM_E_USAGE otherwise; the detail names `option` and what to write instead, and never the text, which
 * may be the value itself.
 */
BM_RESULT bm_secret_check(const char *option, const char *source);

/*
 * Appends the value that a source names: what the file holds, without one line end at its end, or the variable's value, which is wiped where
 * the process has it. `secret` should be empty. BM_E_IO: the file cannot be read; BM_E_USAGE: no such source or variable, empty, or longer
 * than BM_SECRET_MAX.
 */
BM_RESULT bm_secret_read(const char *option, const char *source, bm_buf *secret);

/* Can anybody but its owner read the file of this source? False for the environment, and for what cannot be looked at. */
bool bm_secret_is_open(const char *source);

#endif
