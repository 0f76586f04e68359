/*
 * An identity with another key takes the place of the one that is there: all its files at one moment.
 *
 * As long as the key stays the same, files can be replaced one by one. With another key, a device.crt beside the device.key or key.uri of
 * the other identity would be of no use, and whoever kills the program, or cuts the power, chooses the moment. So:
 *
 *   .next  the new identity, complete and on disk before anything else happens
 *   .last  hard links to the files that are in use
 *   .use   a symbolic link to .last, and later to .next
 *
 *   1. .last is made, and .use, which names it.
 *   2. Each file NAME is replaced by a symbolic link to .use/NAME. It holds what it held.
 *   3. .use is replaced by one that names .next. This one rename is the change: before it all files are those of the old identity, after it
 *      all are those of the new.
 *   4. Each file of .next is renamed over the symbolic link of its name. It holds what it held.
 *   5. .last becomes .old, which says which key is to be removed from the TPM; .use goes.
 *
 * A rename replaces a name in one step, and the directory is synced between the steps, so that they reach the disk in this order. Whoever opens
 * the files after an end at any point finds those of one identity. The next run finds .use and goes on: to the end of step 5 when it names
 * .next, back to before step 1 when it names .last.
 */
#ifndef BM_DEVICE_IDENTITY_SWAP_H
#define BM_DEVICE_IDENTITY_SWAP_H

#include "device/identity/identity.h"

/* Makes and opens .next, where bm_identity_save_key and bm_identity_save put the new identity. What an earlier run left there stays. BM_E_IO. */
BM_RESULT bm_identity_swap_stage(const bm_identity *identity, bm_identity *next);

/*
 * Puts what is in .next into use; everything is on disk when this returns. There must be no .old. BM_E_IO: the old identity is in use, or, when only step 4
 * or 5 failed, the new one; bm_identity_swap_recover tells.
 */
BM_RESULT bm_identity_swap_commit(bm_identity *identity);

/* Brings to an end what an earlier run began; `completed` says that this put the new identity into use. BM_E_IO. */
BM_RESULT bm_identity_swap_recover(bm_identity *identity, bool *completed);

/* Did an earlier run leave a key in the TPM that no identity needs: that of .old, or of a .next that was not put into use? */
bool bm_identity_swap_has_left(const bm_identity *identity);

/* Opens .old, or .next, to read; it stays closed when there is none. BM_E_IO. */
BM_RESULT bm_identity_swap_open_old(const bm_identity *identity, bm_identity *old);
BM_RESULT bm_identity_swap_open_next(const bm_identity *identity, bm_identity *next);

/* Removes .old; .next but for its device.key, which another run may use. BM_E_IO. */
BM_RESULT bm_identity_swap_forget_old(bm_identity *identity);
BM_RESULT bm_identity_swap_forget_next(bm_identity *identity);

/* Removes the device.key of .next: what it was made with (a value, registers) is not what a new identity is made with. BM_E_IO. */
BM_RESULT bm_identity_swap_forget_key(const bm_identity *identity);

#endif
