/*
 * bm_keeper_requests_answer (server/keeper_requests.h), with real keys: what a server that somebody else runs can send. The first byte says
 * what the rest is: a datagram, or a to-be-signed certificate that goes with a good ticket.
 */
#include "world.h"

#include "protocol/ticket.h"
#include "server/keeper_requests.h"
#include "server/message.h"
#include "x509/issue.h"

#define TICKET_LIFETIME 300
#define KEYS_SIZE 2048 /* of the mapping where the keys are: less than it has */

static bm_keeper *the_keeper(void)
{
    static bm_keeper keeper;
    BM_AUTO_BUF ca = BM_BUF_EMPTY;

    if (keeper.keys == NULL) {
        world_put_ca(&ca);
        FUZZ_OK(bm_keeper_requests_init(&keeper, &(bm_keeper_options){.passphrase = bm_bytes_str("fuzz"),
                                                                      .ca_key = world_sealed_ca_key(),
                                                                      .ticket_keys = world_sealed_ticket_keys(),
                                                                      .ca = bm_buf_view(&ca),
                                                                      .ticket_lifetime = TICKET_LIFETIME}));
        fuzz_keep_mapping(keeper.keys, KEYS_SIZE);
    }
    return &keeper;
}

void fuzz_prepare(void)
{
    (void)the_keeper();
}

/* A request to issue this, whose ticket is as it should be. */
static void put_issue(bm_bytes tbs, bm_buf *datagram)
{
    bm_ticket_fields fields = {.key_id = WORLD_TICKET_KEY_ID, .expires = MAKE_NOW + TICKET_LIFETIME};
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    uint8_t ticket[BM_SHA256_SIZE];
    bm_pubkey key;

    FUZZ_OK(bm_pkey_public(world_key(WORLD_IK), &key));
    FUZZ_OK(bm_pubkey_spki_sha256(&key, fields.ik_spki));
    FUZZ_OK(bm_ticket_put_message(&message, &fields));
    world_ticket(bm_buf_view(&message), ticket);
    FUZZ_OK(bm_message_begin(datagram, BM_MSG_ISSUE, 42));
    FUZZ_OK(bm_buf_put(datagram, bm_buf_view(&message)));
    FUZZ_OK(bm_buf_put(datagram, BM_BYTES_ARRAY(ticket)));
    FUZZ_OK(bm_buf_put_sized32(datagram, tbs));
}

/* A ticket is a MAC over what was sent, and ends no later than the keeper allows. */
static void check_ticket(bm_bytes datagram, bm_cursor reply)
{
    bm_bytes message = bm_bytes_slice(datagram, BM_MESSAGE_HEAD_SIZE, datagram.size - BM_MESSAGE_HEAD_SIZE);
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    uint8_t ticket[BM_SHA256_SIZE];
    bm_ticket_fields fields;
    bm_bytes given;

    FUZZ_OK(bm_ticket_parse_message(message, &fields));
    FUZZ_OK(bm_cursor_u32(&reply, &fields.key_id));
    FUZZ_OK(bm_cursor_take(&reply, BM_TICKET_SIZE, &given));
    FUZZ_OK(bm_cursor_end(&reply));
    FUZZ_OK(bm_ticket_put_message(&again, &fields));
    world_ticket(bm_buf_view(&again), ticket);
    FUZZ_MUST(bm_bytes_equal(given, BM_BYTES_ARRAY(ticket)) && fields.expires <= MAKE_NOW + TICKET_LIFETIME);
}

/*
 * A signature is over what was sent, which names the CA's own; and only with a ticket that has its MAC, is
 * not over, and ends in time.
 */
static void check_signature(const bm_keeper *keeper, bm_bytes datagram, bm_cursor reply)
{
    bm_cursor request = bm_cursor_of(bm_bytes_slice(datagram, BM_MESSAGE_HEAD_SIZE, datagram.size - BM_MESSAGE_HEAD_SIZE));
    bm_bytes message, presented, tbs, signature;
    uint8_t ticket[BM_SHA256_SIZE];
    bm_ticket_fields fields;

    FUZZ_OK(bm_cursor_take(&request, BM_TICKET_MESSAGE_SIZE, &message));
    FUZZ_OK(bm_cursor_take(&request, BM_TICKET_SIZE, &presented));
    FUZZ_OK(bm_cursor_sized32(&request, BM_MESSAGE_MAX, &tbs));
    FUZZ_OK(bm_cursor_sized32(&reply, BM_MESSAGE_MAX, &signature));
    FUZZ_OK(bm_cursor_end(&reply));
    FUZZ_OK(bm_ticket_parse_message(message, &fields));
    world_ticket(message, ticket);
    FUZZ_MUST(bm_bytes_equal(presented, BM_BYTES_ARRAY(ticket)) && fields.expires > MAKE_NOW);
    FUZZ_MUST(fields.expires <= MAKE_NOW + TICKET_LIFETIME);
    FUZZ_OK(bm_issue_check_tbs(tbs, &keeper->ca, keeper->alg, fields.ik_spki));
    FUZZ_OK(bm_pkey_verify(world_key(WORLD_CA), keeper->alg, tbs, signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    bm_keeper *keeper = the_keeper();
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_message asked;
    bm_message answered;

    if (fuzz_choice(&rest) % 2 == 0)
        FUZZ_OK(bm_buf_put(&datagram, rest));
    else
        put_issue(rest, &datagram);
    if (bm_message_open(bm_buf_view(&datagram), &asked).code != BM_OK) {
        FUZZ_MUST(bm_keeper_requests_answer(keeper, bm_buf_view(&datagram), MAKE_NOW, &reply).code == BM_E_MALFORMED);
        return 0;
    }
    FUZZ_OK(bm_keeper_requests_answer(keeper, bm_buf_view(&datagram), MAKE_NOW, &reply));
    FUZZ_OK(bm_message_open(bm_buf_view(&reply), &answered));
    FUZZ_MUST(answered.id == asked.id);
    if (answered.type == BM_MSG_TICKET_REPLY)
        check_ticket(bm_buf_view(&datagram), answered.body);
    if (answered.type == BM_MSG_ISSUE_REPLY)
        check_signature(keeper, bm_buf_view(&datagram), answered.body);
    return 0;
}
