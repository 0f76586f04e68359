/*
 * What the keys do for a request: a ticket, a look at one that is presented, and a certificate's signature. The only ways to them: the
 * keeper of birthmarkd takes these, and so does birthmarkctl batch.
 */
#ifndef BM_KEYS_GRANT_H
#define BM_KEYS_GRANT_H

#include "keys/keys.h"
#include "protocol/ticket.h"
#include "x509/ca.h"

/*
 * The clock of whoever has the keys, and how far ahead of it a ticket may end at most, in seconds. Without a
 * tolerance: who asks for a ticket took the time of the same machine's clock, and took it before.
 */
typedef struct {
    int64_t now;
    int64_t lifetime;
} bm_grant_time;

/*
 * The ticket of some fields: key id 0 means the newest key, which is then in the fields. The caller wipes it.
 * A stale one is made as any other, since it is good for nothing. BM_E_TICKET_INVALID: there is no such key,
 * or the ticket would end too late.
 */
BM_RESULT bm_grant_ticket(bm_keys *keys, bm_ticket_fields *fields, bm_grant_time time,
                          uint8_t ticket[BM_TICKET_SIZE]);

/*
 * Was this ticket made for these fields, by us, is it not yet stale, and does it end in time?
 * BM_E_TICKET_INVALID for every reason.
 */
BM_RESULT bm_grant_check(bm_keys *keys, bm_ticket_fields *fields, bm_bytes presented, bm_grant_time time);

/*
 * Appends the CA's signature over a to-be-signed certificate: of our form, for the key that the ticket bound, and for a good ticket alone
 * (bm_grant_check, bm_issue_check_tbs). BM_E_TICKET_INVALID, BM_E_KEY_REFUSED.
 */
BM_RESULT bm_grant_sign(bm_keys *keys, const bm_ca *ca, bm_ticket_fields *fields, bm_bytes presented, bm_bytes tbs,
                        bm_grant_time time, bm_buf *signature);

#endif
