/* Which EK is offered to the server, when the TPM has several. */
#ifndef BM_DEVICE_EXCHANGE_OFFER_H
#define BM_DEVICE_EXCHANGE_OFFER_H

#include "base/bytes.h"
#include "crypto/pubkey.h"

/*
 * Is this refusal of getChallenge about the EK that was offered and not about the device, so that another EK of the same TPM may be taken?
 * Not so when its maker revoked it, or an operator retired it: what was thrown out does not come back by another door.
 */
bool bm_offer_is_about_ek(bm_code refusal);

/* Can an operator put it right with 'birthmarkctl device add'? */
bool bm_offer_is_about_inventory(bm_code refusal);

/* Appends the command with which an operator puts this EK into the inventory; `serial` may be NULL: a word to be replaced stands there. */
BM_RESULT bm_offer_put_add(bm_buf *out, const char *serial, const bm_pubkey *ek);

#endif
