/*
 * What the keys do for a request: a ticket, a look at one that is presented, and a certificate's signature. The only ways to them: the
 * keeper of birthmarkd takes these, and so does birthmarkctl batch.
 */
#ifndef BM_KEYS_GRANT_H
#define BM_KEYS_GRANT_H

#include "keys/keys.h"
#include "protocol/ticket.h"
#include "x509/ca.h"

/* The ticket of some fields: key id 0 means the newest key, which is then in the fields. The caller wipes it. BM_E_TICKET_INVALID: there is no such key. */
BM_RESULT bm_grant_ticket(bm_keys *keys, bm_ticket_fields *fields, uint8_t ticket[BM_TICKET_SIZE]);

/* Was this ticket made for these fields, by us, and is it not yet stale? BM_E_TICKET_INVALID for every reason. */
BM_RESULT bm_grant_check(bm_keys *keys, bm_ticket_fields *fields, bm_bytes presented, int64_t now);

/*
 * Appends the CA's signature over a to-be-signed certificate: of our form, for the key that the ticket bound, and for a good ticket alone
 * (bm_grant_check, bm_issue_check_tbs). BM_E_TICKET_INVALID, BM_E_KEY_REFUSED.
 */
BM_RESULT bm_grant_sign(bm_keys *keys, const bm_ca *ca, bm_ticket_fields *fields, bm_bytes presented, bm_bytes tbs, int64_t now, bm_buf *signature);

#endif
