/*
 * Where the passphrase of the sealed key files comes from. Read by birthmarkd's monitor and by birthmarkctl, never by a process that
 * talks to the network.
 */
#ifndef BM_KEYS_PASSPHRASE_H
#define BM_KEYS_PASSPHRASE_H

#include "base/bytes.h"

#define BM_PASSPHRASE_MAX 1024 /* bytes */
#define BM_PASSPHRASE_ENVIRONMENT "BIRTHMARK_PASSPHRASE"
#define BM_PASSPHRASE_CREDENTIAL "birthmark-passphrase" /* in $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=) */
#define BM_PASSPHRASE_FILE "keys/passphrase"            /* in the state directory */

/*
 * Appends the passphrase, the first there is of: the file `file` (NULL: none was named); the environment variable; systemd's credential;
 * the file that init made in the state directory (NULL: do not look there). One line end behind it is no part of it. The buffer is
 * secret. BM_E_STORE_NOT_FOUND: none of the four is there; BM_E_IO: a file cannot be read; BM_E_KEY_PASSPHRASE: it is empty, longer than
 * BM_PASSPHRASE_MAX, or its file is another user's or can be read by others (a file that root's group may read can be named; what systemd gives
 * is not looked at); init's file is a symbolic link.
 */
BM_RESULT bm_passphrase_read(const char *state_dir, const char *file, bm_buf *passphrase);

#endif
