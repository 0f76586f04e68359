/* Ways out by messages: what a server that is taken asks of keeper and ledger, and what these, taken, tell the servers. */
#include "escape.h"

#include "crypto/random.h"
#include "server/channel.h"
#include "server/message.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define WAIT_MS 20000
#define SECRET_DIGEST "any digest of thirty-two bytes.."

/* One at a time; none is that of a request of the server itself, which begin at a random number. */
#define ASK_ID UINT64_C(0x657363617065)

/* What the other end of `fd` answers to this; an answer to somebody else is thrown away, and asked for again by its owner. */
static BM_RESULT ask(const escape_scene *scene, int fd, const bm_buf *request, bm_buf *reply, bm_message *message)
{
    struct epoll_event event = {.events = EPOLLIN};
    bool got;

    (void)epoll_ctl(scene->epoll, EPOLL_CTL_ADD, fd, &event);
    BM_TRY(bm_channel_send(fd, bm_buf_view(request)));
    for (;;) {
        BM_CHECK(epoll_wait(scene->epoll, &event, 1, WAIT_MS) == 1, BM_E_UNAVAILABLE, "no answer");
        BM_TRY(escape_receive(fd, reply, &got));
        if (got && bm_message_open(bm_buf_view(reply), message).code == BM_OK && message->id == ASK_ID)
            break;
    }
    (void)epoll_ctl(scene->epoll, EPOLL_CTL_DEL, fd, &event);
    return bm_ok();
}

/* The code of the error that comes back; BM_OK for an answer. */
static BM_RESULT ask_for_error(const escape_scene *scene, int fd, const bm_buf *request)
{
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_message message;
    bm_result error = bm_ok();

    BM_TRY(ask(scene, fd, request, &reply, &message));
    if (message.type == BM_MSG_ERROR)
        BM_TRY(bm_message_take_error(&message, &error));
    return error;
}

static void say_result(bm_result result, char said[ESCAPE_TEXT_SIZE])
{
    (void)snprintf(said, ESCAPE_TEXT_SIZE, "%s %s", result.code == BM_OK ? "did-it" : bm_code_name(result.code),
                   result.detail != NULL ? result.detail : "");
}

/* A ticket by the keeper, as any server can have it for any fields. */
static BM_RESULT get_ticket(const escape_scene *scene, bm_ticket_fields *fields, uint8_t ticket[BM_TICKET_SIZE])
{
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_message message;

    BM_TRY(bm_message_begin(&request, BM_MSG_TICKET, ASK_ID));
    BM_TRY(bm_ticket_put_message(&request, fields));
    BM_TRY(ask(scene, BM_FD_KEEPER, &request, &reply, &message));
    BM_CHECK(message.type == BM_MSG_TICKET_REPLY, BM_E_INTERNAL, "no ticket at all");
    BM_TRY(bm_cursor_u32(&message.body, &fields->key_id));
    return bm_cursor_copy(&message.body, ticket, BM_TICKET_SIZE);
}

static BM_RESULT ask_to_sign(const escape_scene *scene, const bm_ticket_fields *fields, const uint8_t ticket[BM_TICKET_SIZE])
{
    BM_AUTO_BUF request = BM_BUF_EMPTY;

    BM_TRY(bm_message_begin(&request, BM_MSG_ISSUE, ASK_ID));
    BM_TRY(bm_ticket_put_message(&request, fields));
    BM_TRY(bm_buf_put(&request, bm_bytes_of(ticket, BM_TICKET_SIZE)));
    BM_TRY(bm_buf_put_sized32(&request, bm_bytes_str(SECRET_DIGEST)));
    return ask_for_error(scene, BM_FD_KEEPER, &request);
}

/* A true ticket and its fields, of which a way then changes something. */
static BM_RESULT true_ticket(const escape_scene *scene, int64_t lifetime, bm_ticket_fields *fields, uint8_t ticket[BM_TICKET_SIZE])
{
    *fields = (bm_ticket_fields){.expires = (int64_t)time(NULL) + lifetime};
    return get_ticket(scene, fields, ticket);
}

static BM_RESULT sign_with(const escape_scene *scene, int64_t lifetime, uint8_t change, uint32_t key_change)
{
    uint8_t ticket[BM_TICKET_SIZE];
    bm_ticket_fields fields;

    BM_TRY(true_ticket(scene, lifetime, &fields, ticket));
    ticket[0] ^= change;
    fields.key_id ^= key_change;
    return ask_to_sign(scene, &fields, ticket);
}

static void ask_sign_anything(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    say_result(sign_with(scene, 300, 0, 0), said);
}

static void ask_sign_by_changed_ticket(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    say_result(sign_with(scene, 300, 1, 0), said);
}

static void ask_sign_by_stale_ticket(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    say_result(sign_with(scene, -1, 0, 0), said);
}

/*
 * A ticket for a time when the attacker is gone from the process: later than any profile may say, and next
 * year.
 */
static void ask_for_ticket_of_later(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    static const int64_t lifetimes[] = {7200, INT64_C(365) * 86400};
    bm_result result = bm_ok();

    for (size_t i = 0; i < sizeof(lifetimes) / sizeof(lifetimes[0]); i++) {
        const bm_ticket_fields fields = {.expires = (int64_t)time(NULL) + lifetimes[i]};
        BM_AUTO_BUF request = BM_BUF_EMPTY;

        result = bm_message_begin(&request, BM_MSG_TICKET, ASK_ID);
        if (result.code == BM_OK)
            result = bm_ticket_put_message(&request, &fields);
        if (result.code == BM_OK)
            result = ask_for_error(scene, BM_FD_KEEPER, &request);
        if (result.code != BM_E_TICKET_INVALID)
            break;
    }
    say_result(result, said);
}

static void ask_sign_by_ticket_of_another_key(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    say_result(sign_with(scene, 300, 0, 1), said);
}

static void ask_sign_without_ticket(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    static const uint8_t none[BM_TICKET_SIZE];
    uint8_t ticket[BM_TICKET_SIZE];
    bm_ticket_fields fields;
    bm_result result = true_ticket(scene, 300, &fields, ticket);

    if (result.code == BM_OK)
        result = ask_to_sign(scene, &fields, none);
    if (result.code == BM_E_TICKET_INVALID) {
        fields.key_id = 0;
        result = ask_to_sign(scene, &fields, none);
    }
    say_result(result, said);
}

/* Every type of message but those from `first` to `last`, without a body and with one: each must be refused as malformed. */
static BM_RESULT ask_all_but(const escape_scene *scene, int fd, int first, int last)
{
    static const uint8_t body[100];

    for (int type = 1; type < BM_MSG_TYPE_COUNT; type++) {
        for (size_t size = 0; size <= sizeof(body) && (type < first || type > last); size += sizeof(body)) {
            BM_AUTO_BUF request = BM_BUF_EMPTY;
            bm_result result;

            BM_TRY(bm_message_begin(&request, (bm_msg_type)type, ASK_ID));
            BM_TRY(bm_buf_put(&request, bm_bytes_of(body, size)));
            result = ask_for_error(scene, fd, &request);
            if (result.code != BM_E_MALFORMED)
                return bm_failf(BM_E_INTERNAL, "message %d gave %s", type, bm_code_name(result.code));
        }
    }
    return bm_fail(BM_E_MALFORMED, NULL);
}

static void ask_keeper_for_other_things(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    say_result(ask_all_but(scene, BM_FD_KEEPER, BM_MSG_TICKET, BM_MSG_KEYS), said);
}

/* There is no message that changes anchors or inventory: whatever is none of the four is refused. */
static void ask_ledger_for_other_things(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    say_result(ask_all_but(scene, BM_FD_LEDGER, BM_MSG_LOOK_UP, BM_MSG_ANCHORS), said);
}

/* Good heads with bodies that are not theirs; a refusal gets no answer, and is looked for in the log by the script. */
static void ask_with_false_bodies(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    static const bm_msg_type types[] = {BM_MSG_RECORD, BM_MSG_LOOK_UP, BM_MSG_ANCHORS, BM_MSG_TICKET, BM_MSG_ISSUE, BM_MSG_KEYS};
    uint8_t noise[200];
    bm_result result = bm_random(noise, sizeof(noise));

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && result.code == BM_OK; i++) {
        BM_AUTO_BUF request = BM_BUF_EMPTY;

        result = bm_message_begin(&request, types[i], ASK_ID);
        if (result.code == BM_OK)
            result = bm_buf_put(&request, BM_BYTES_ARRAY(noise));
        if (result.code == BM_OK)
            result = ask_for_error(scene, types[i] <= BM_MSG_KEYS ? BM_FD_KEEPER : BM_FD_LEDGER, &request);
        if (result.code == BM_E_MALFORMED || result.code == BM_E_TICKET_INVALID)
            result = bm_ok();
        else
            result = bm_failf(BM_E_INTERNAL, "message %d gave %s", (int)types[i], bm_code_name(result.code));
    }
    say_result(result.code == BM_OK ? bm_fail(BM_E_MALFORMED, NULL) : result, said);
}

/* Datagrams that are no messages, and every message with ids from nowhere. */
static void send_nonsense(int fd)
{
    static const uint8_t zeros[BM_MESSAGE_MAX];
    static const size_t sizes[] = {1, BM_MESSAGE_HEAD_SIZE - 1, BM_MESSAGE_HEAD_SIZE, 4096, BM_MESSAGE_MAX};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        bm_result_ignore(bm_channel_send(fd, bm_bytes_of(zeros, sizes[i])));
    for (int type = 1; type < BM_MSG_TYPE_COUNT + 2; type++) {
        for (size_t size = 0; size < 200; size += 90) {
            BM_AUTO_BUF message = BM_BUF_EMPTY;

            if (bm_message_begin(&message, (bm_msg_type)type, ASK_ID + size).code == BM_OK &&
                bm_buf_put(&message, bm_bytes_of(zeros, size)).code == BM_OK)
                bm_result_ignore(bm_channel_send(fd, bm_buf_view(&message)));
        }
    }
}

static void send_servers_nonsense(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    (void)scene;
    send_nonsense(BM_FD_FIRST);
    (void)snprintf(said, ESCAPE_TEXT_SIZE, "nothing");
}

static void send_keeper_nonsense(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    (void)scene;
    send_nonsense(BM_FD_KEEPER);
    (void)snprintf(said, ESCAPE_TEXT_SIZE, "nothing");
}

static void send_ledger_nonsense(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    (void)scene;
    send_nonsense(BM_FD_LEDGER);
    (void)snprintf(said, ESCAPE_TEXT_SIZE, "nothing");
}

#define SERVER(end) {[BM_PROCESS_SERVER] = (end)}

const escape_way escape_asks[] = {
    {"sign-without-a-ticket", ask_sign_without_ticket, SERVER(REFUSED), false, "ticket-invalid"},
    {"sign-by-a-changed-ticket", ask_sign_by_changed_ticket, SERVER(REFUSED), false, "ticket-invalid"},
    {"sign-by-a-stale-ticket", ask_sign_by_stale_ticket, SERVER(REFUSED), false, "ticket-invalid"},
    {"ask-for-a-ticket-of-later", ask_for_ticket_of_later, SERVER(REFUSED), false, "ticket-invalid"},
    {"sign-by-a-ticket-of-another-key", ask_sign_by_ticket_of_another_key, SERVER(REFUSED), false, "ticket-invalid"},
    {"sign-a-digest-by-a-true-ticket", ask_sign_anything, SERVER(REFUSED), false, "key-refused"},
    {"ask-the-keeper-for-other-things", ask_keeper_for_other_things, SERVER(REFUSED), false, "malformed"},
    {"ask-the-ledger-for-other-things", ask_ledger_for_other_things, SERVER(REFUSED), false, "malformed"},
    {"ask-with-false-bodies", ask_with_false_bodies, SERVER(REFUSED), false, "malformed"},
    {"send-the-keeper-nonsense", send_keeper_nonsense, SERVER(NOTHING_COMES_OF_IT), false, "nothing"},
    {"send-the-ledger-nonsense", send_ledger_nonsense, SERVER(NOTHING_COMES_OF_IT), false, "nothing"},
    {"send-servers-nonsense", send_servers_nonsense,
     {[BM_PROCESS_LEDGER] = NOTHING_COMES_OF_IT, [BM_PROCESS_KEEPER] = NOTHING_COMES_OF_IT}, false, "nothing"},
    {0},
};
