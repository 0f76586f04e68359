#include "seeds.h"

#include "protocol/ticket.h"
#include "server/message.h"

static void seed_heads(void)
{
    static const char *const heads[] = {
        "GET /healthz HTTP/1.1\r\nHost: ca.example\r\n\r\n",
        ("POST /v1/getChallenge HTTP/1.1\r\nHost: ca\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 17\r\n"
         "Expect: 100-continue\r\nConnection: close\r\nUser-Agent: a/1.0 (b)\r\nAccept: */*\r\n\r\n{\"csr\":\"AAAA\"}  "),
        "POST /v1/getCertificate HTTP/1.0\r\nConnection: keep-alive, x\r\nContent-Length: 0\r\nX-Forwarded-For: 192.0.2.1, ::1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n folded: b\r\nc : d\r\n\r\n",
    };
    char name[8];

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        BM_AUTO_BUF pieces = BM_BUF_EMPTY;

        (void)snprintf(name, sizeof(name), "%zu", i);
        seed("head", name, bm_bytes_str(heads[i]));
        FUZZ_OK(bm_buf_put_u8(&pieces, (uint8_t)(i * 7)));
        seed_put_piece(&pieces, bm_bytes_str(heads[i]));
        seed_choice("server", name, 0, bm_buf_view(&pieces));
    }
}

/* A message of each type that has a body. */
static void put_body(bm_buf *out, bm_msg_type type)
{
    static const uint8_t ek[BM_SHA256_SIZE] = {1};
    bm_store_certificate record = {.serial = {5}, .request_id = {6}, .ek_sha256 = {1}, .ik_spki_sha256 = {7}, .identity = "SN-1",
                                   .profile = "default", .issued = MAKE_NOW, .not_before = MAKE_NOW, .not_after = MAKE_NOW + 10};
    bm_store_lookup found = {.known = true, .device = {.id = 1, .identity = "SN-1", .in_inventory = true}, .claim = BM_CLAIM_MINE,
                             .anchors_epoch = 1};
    bm_message_look_up look_up = {.identity = "SN-1"};
    bm_message_refusal refusal = {.code = BM_E_EKC_USAGE, .subject = bm_bytes_str("SN-1"), .evidence = bm_bytes_str("evidence")};
    bm_message_anchor anchor = {.epoch = 1, .total = 1};
    bm_ticket_fields fields = {.expires = MAKE_NOW + 100};
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_der(world_root(), &der);
    FUZZ_OK(bm_bytes_copy_exact(BM_BYTES_ARRAY(ek), look_up.ek_sha256, sizeof(ek)));
    record.der = bm_buf_view(&der);
    record.evidence = bm_bytes_str("evidence");
    anchor.der = bm_buf_view(&der);
    if (type == BM_MSG_LOOK_UP)
        FUZZ_OK(bm_message_put_look_up(out, &look_up));
    else if (type == BM_MSG_RECORD)
        FUZZ_OK(bm_message_put_certificate(out, &record));
    else if (type == BM_MSG_REFUSAL)
        FUZZ_OK(bm_message_put_refusal(out, &refusal));
    else if (type == BM_MSG_ANCHORS)
        FUZZ_OK(bm_buf_put_u32(out, 0));
    else if (type == BM_MSG_LOOK_UP_REPLY)
        FUZZ_OK(bm_message_put_found(out, &found, bm_bytes_of(NULL, 0)));
    else if (type == BM_MSG_RECORD_REPLY)
        FUZZ_OK(bm_buf_put_sized32(out, bm_buf_view(&der)));
    else if (type == BM_MSG_ANCHORS_REPLY)
        FUZZ_OK(bm_message_put_anchor(out, &anchor));
    else if (type == BM_MSG_REVOKED)
        FUZZ_OK(bm_buf_put_u32(out, 0));
    else if (type == BM_MSG_REVOKED_REPLY)
        FUZZ_OK(bm_message_put_revoked(out, &(bm_message_revoked){.epoch = 1, .total = 1, .ids = bm_bytes_of(ek, BM_REVOKED_ID_SIZE)}));
    else if (type == BM_MSG_TICKET)
        FUZZ_OK(bm_ticket_put_message(out, &fields));
    else if (type == BM_MSG_TICKET_REPLY)
        FUZZ_OK(bm_buf_put(out, bm_bytes_str("\x01\x02\x03\x04TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT")));
    else if (type == BM_MSG_ISSUE_REPLY)
        FUZZ_OK(bm_buf_put_sized32(out, bm_bytes_str("signature")));
    else if (type == BM_MSG_KEYS_REPLY)
        FUZZ_OK(bm_buf_put_u32(out, WORLD_TICKET_KEY_ID));
}

static void seed_messages(void)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    char name[8];

    for (unsigned type = 1; type < BM_MSG_TYPE_COUNT; type++) {
        BM_AUTO_BUF message = BM_BUF_EMPTY;

        if (type == BM_MSG_ERROR)
            FUZZ_OK(bm_message_put_error(&message, 42, bm_fail(BM_E_STORE, "a detail")));
        else
            FUZZ_OK(bm_message_begin(&message, (bm_msg_type)type, 42));
        put_body(&message, (bm_msg_type)type);
        (void)snprintf(name, sizeof(name), "%u", type);
        seed("message", name, bm_buf_view(&message));
        seed_choice("keeper", name, 0, bm_buf_view(&message));
        if ((type >= BM_MSG_LOOK_UP && type <= BM_MSG_ANCHORS) || type == BM_MSG_REVOKED) {
            BM_AUTO_BUF pieces = BM_BUF_EMPTY;

            seed_put_piece(&pieces, bm_buf_view(&message));
            seed("ledger", name, bm_buf_view(&pieces));
            seed_put_piece(&all, bm_buf_view(&message));
        }
    }
    seed("ledger", "all", bm_buf_view(&all));
    bm_buf_clear(&all);
    world_put_tbs(&all);
    seed_choice("keeper", "tbs", 1, bm_buf_view(&all));
}

/*
 * A ticket that ends too far ahead is asked for; and presented, with its MAC, for what would be signed
 * otherwise.
 */
static void seed_late(void)
{
    bm_ticket_fields fields = {.key_id = WORLD_TICKET_KEY_ID, .expires = MAKE_NOW + INT64_C(365) * 86400};
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    uint8_t ticket[BM_SHA256_SIZE];
    bm_pubkey key;

    FUZZ_OK(bm_pkey_public(world_key(WORLD_IK), &key));
    FUZZ_OK(bm_pubkey_spki_sha256(&key, fields.ik_spki));
    FUZZ_OK(bm_ticket_put_message(&message, &fields));
    FUZZ_OK(bm_message_begin(&datagram, BM_MSG_TICKET, 42));
    FUZZ_OK(bm_buf_put(&datagram, bm_buf_view(&message)));
    seed_choice("keeper", "late-ticket", 0, bm_buf_view(&datagram));
    bm_buf_clear(&datagram);
    world_ticket(bm_buf_view(&message), ticket);
    world_put_tbs(&tbs);
    FUZZ_OK(bm_message_begin(&datagram, BM_MSG_ISSUE, 42));
    FUZZ_OK(bm_buf_put(&datagram, bm_buf_view(&message)));
    FUZZ_OK(bm_buf_put(&datagram, BM_BYTES_ARRAY(ticket)));
    FUZZ_OK(bm_buf_put_sized32(&datagram, bm_buf_view(&tbs)));
    seed_choice("keeper", "late-issue", 0, bm_buf_view(&datagram));
}

/* The good answers to a call, one after the other. */
static void seed_exchange(const char *name, uint8_t what, const bm_msg_type *replies, size_t count)
{
    BM_AUTO_BUF pieces = BM_BUF_EMPTY;

    for (size_t i = 0; i < count; i++) {
        BM_AUTO_BUF piece = BM_BUF_EMPTY;

        FUZZ_OK(bm_buf_put_u8(&piece, 0));
        put_body(&piece, replies[i]);
        seed_put_piece(&pieces, bm_buf_view(&piece));
    }
    seed_choice("server", name, what, bm_buf_view(&pieces));
}

/* The epoch is asked for, then the anchors are loaded, the device is looked up, and the keeper is asked. */
static void seed_exchanges(void)
{
    static const bm_msg_type challenge[] = {BM_MSG_ANCHORS_REPLY, BM_MSG_ANCHORS_REPLY, BM_MSG_REVOKED_REPLY, BM_MSG_LOOK_UP_REPLY,
                                            BM_MSG_TICKET_REPLY};
    static const bm_msg_type certificate[] = {BM_MSG_TICKET_REPLY,  BM_MSG_ANCHORS_REPLY, BM_MSG_ANCHORS_REPLY, BM_MSG_REVOKED_REPLY,
                                              BM_MSG_LOOK_UP_REPLY, BM_MSG_ISSUE_REPLY,   BM_MSG_RECORD_REPLY};
    static const bm_msg_type health[] = {BM_MSG_KEYS_REPLY, BM_MSG_ANCHORS_REPLY};

    seed_exchange("challenge", 1, challenge, 5);
    seed_exchange("certificate", 2, certificate, 7);
    seed_exchange("health", 3, health, 2);
    seed_exchange("silence", 2, NULL, 0);
}

static void seed_inventories(void)
{
    BM_AUTO_BUF table = BM_BUF_EMPTY;
    make_device device;

    world_device(&device, "SN-1");
    FUZZ_OK(bm_buf_put_str(&table, "serial,ek_certificate\r\nSN-1,"));
    FUZZ_OK(bm_text_put_base64(&table, bm_buf_view(&device.request.ek_certificate)));
    FUZZ_OK(bm_buf_put_str(&table, "\r\n"));
    seed("inventory", "certificate", bm_buf_view(&table));
    bm_buf_clear(&table);
    FUZZ_OK(bm_buf_put_str(&table, "\"serial\",\"ek_public\"\nSN-1,"));
    FUZZ_OK(bm_text_put_base64(&table, bm_buf_view(&device.request.ek_public)));
    seed("inventory", "public", bm_buf_view(&table));
    seed("inventory", "hash",
         bm_bytes_str("\xEF\xBB\xBFserial,ek_sha256\n\"S\"\"N, 2\",00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\n,\"\"\n"));
    make_device_fini(&device);
}

void seeds_server(void)
{
    seed_heads();
    seed_messages();
    seed_late();
    seed_exchanges();
    seed_inventories();
}
