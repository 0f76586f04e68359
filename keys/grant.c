#include "keys/grant.h"

#include "x509/issue.h"

BM_RESULT bm_grant_ticket(bm_keys *keys, bm_ticket_fields *fields, bm_grant_time time,
                          uint8_t ticket[BM_TICKET_SIZE])
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    BM_TRY(bm_ticket_check_end(fields, time.now, time.lifetime));
    if (fields->key_id == 0)
        fields->key_id = bm_keys_ticket_key_id(keys);
    BM_TRY(bm_ticket_put_message(&message, fields));
    return bm_keys_ticket_mac(keys, fields->key_id, bm_buf_view(&message), ticket);
}

BM_RESULT bm_grant_check(bm_keys *keys, bm_ticket_fields *fields, bm_bytes presented, bm_grant_time time)
{
    uint8_t ticket[BM_TICKET_SIZE];
    bool same;

    BM_CHECK(fields->key_id != 0, BM_E_TICKET_INVALID, NULL);
    BM_TRY(bm_grant_ticket(keys, fields, time, ticket));
    same = bm_bytes_equal_secret(BM_BYTES_ARRAY(ticket), presented);
    bm_wipe(ticket, sizeof(ticket));
    BM_CHECK(same && time.now < fields->expires, BM_E_TICKET_INVALID, NULL);
    return bm_ok();
}

BM_RESULT bm_grant_sign(bm_keys *keys, const bm_ca *ca, bm_ticket_fields *fields, bm_bytes presented, bm_bytes tbs,
                        bm_grant_time time, bm_buf *signature)
{
    BM_TRY(bm_grant_check(keys, fields, presented, time));
    BM_TRY(bm_issue_check_tbs(tbs, ca, bm_pkey_default_sig(ca->key.type), fields->ik_spki));
    return bm_keys_sign(keys, tbs, signature);
}
