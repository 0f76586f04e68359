#include "protocol/ticket.h"

#define DOMAIN_SIZE 32
#define HASH_COUNT 7

static const uint8_t domain[DOMAIN_SIZE] = "birthmark ticket";

/* The version says the way, in the token and in what is MACed: a ticket of one way is none of the other's. */
static const uint8_t versions[] = {[BM_TICKET_ONLINE] = 1, [BM_TICKET_OFFLINE] = 2};

/* The hashes in the order of the message; one list for writing and reading. */
#define HASHES(fields)                                                                                                 \
    {                                                                                                                  \
        (fields)->csr, (fields)->ik_public, (fields)->ek_public, (fields)->ek_certificate, (fields)->ek_chain,         \
            (fields)->ik_spki, (fields)->profile                                                                       \
    }

static BM_RESULT put_head(bm_buf *out, const bm_ticket_fields *fields)
{
    BM_TRY(bm_buf_put_u8(out, versions[fields->way]));
    BM_TRY(bm_buf_put_u32(out, fields->key_id));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)fields->expires));
    return bm_buf_put(out, BM_BYTES_ARRAY(fields->nonce));
}

static BM_RESULT read_head(bm_cursor *cursor, bm_ticket_way way, bm_ticket_fields *fields)
{
    uint8_t version;
    uint64_t expires;

    BM_TRY(bm_cursor_u8(cursor, &version));
    BM_CHECK(version == versions[way], BM_E_MALFORMED, NULL);
    fields->way = way;
    BM_TRY(bm_cursor_u32(cursor, &fields->key_id));
    BM_TRY(bm_cursor_u64(cursor, &expires));
    BM_CHECK(expires <= INT64_MAX, BM_E_MALFORMED, NULL);
    fields->expires = (int64_t)expires;
    return bm_cursor_copy(cursor, fields->nonce, sizeof(fields->nonce));
}

BM_RESULT bm_ticket_put_message(bm_buf *out, const bm_ticket_fields *fields)
{
    const uint8_t *const hashes[HASH_COUNT] = HASHES(fields);

    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(domain)));
    BM_TRY(put_head(out, fields));
    for (size_t i = 0; i < HASH_COUNT; i++)
        BM_TRY(bm_buf_put(out, bm_bytes_of(hashes[i], BM_SHA256_SIZE)));
    return bm_ok();
}

static BM_RESULT parse_message(bm_bytes message, bm_ticket_fields *fields)
{
    bm_cursor cursor = bm_cursor_of(message);
    uint8_t *const hashes[HASH_COUNT] = HASHES(fields);
    bm_bytes head;

    BM_TRY(bm_cursor_take(&cursor, DOMAIN_SIZE, &head));
    BM_CHECK(bm_bytes_equal(head, BM_BYTES_ARRAY(domain)), BM_E_MALFORMED, NULL);
    BM_TRY(read_head(&cursor, BM_TICKET_ONLINE, fields));
    for (size_t i = 0; i < HASH_COUNT; i++)
        BM_TRY(bm_cursor_copy(&cursor, hashes[i], BM_SHA256_SIZE));
    return bm_cursor_end(&cursor);
}

BM_RESULT bm_ticket_parse_message(bm_bytes message, bm_ticket_fields *fields)
{
    bm_ticket_fields parsed;

    if (parse_message(message, &parsed).code != BM_OK)
        return bm_fail(BM_E_TICKET_INVALID, NULL);
    *fields = parsed;
    return bm_ok();
}

BM_RESULT bm_ticket_put_challenge(bm_buf *out, const bm_ticket_fields *fields)
{
    return put_head(out, fields);
}

static BM_RESULT parse_challenge(bm_bytes challenge, bm_ticket_way way, bm_ticket_fields *fields)
{
    bm_cursor cursor = bm_cursor_of(challenge);
    bm_ticket_fields parsed = *fields;

    if (read_head(&cursor, way, &parsed).code != BM_OK || bm_cursor_end(&cursor).code != BM_OK)
        return bm_fail(BM_E_TICKET_INVALID, NULL);
    *fields = parsed;
    return bm_ok();
}

BM_RESULT bm_ticket_parse_challenge(bm_bytes challenge, bm_ticket_fields *fields)
{
    return parse_challenge(challenge, BM_TICKET_ONLINE, fields);
}

BM_RESULT bm_ticket_parse_offline_challenge(bm_bytes challenge, bm_ticket_fields *fields)
{
    return parse_challenge(challenge, BM_TICKET_OFFLINE, fields);
}

BM_RESULT bm_ticket_check_end(const bm_ticket_fields *fields, int64_t now, int64_t lifetime)
{
    BM_CHECK(fields->expires <= now || fields->expires - now <= lifetime, BM_E_TICKET_INVALID, NULL);
    return bm_ok();
}

BM_RESULT bm_ticket_check_time(const bm_ticket_fields *fields, int64_t now, int64_t lifetime)
{
    BM_CHECK(now < fields->expires, BM_E_TICKET_INVALID, NULL);
    return bm_ticket_check_end(fields, now, lifetime);
}

BM_RESULT bm_ticket_request_id(const bm_ticket_fields *fields, uint8_t id[BM_SHA256_SIZE])
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    BM_TRY(bm_ticket_put_message(&message, fields));
    return bm_hash_sha256(bm_buf_view(&message), id);
}
