#include "server/ledger_requests.h"

#include "server/channel.h"
#include "server/ledger_revoked.h"
#include "server/message.h"

#include <stdlib.h>

/* A write that waits for the commit, and the answer that waits with it. */
typedef struct {
    int fd;
    bm_buf datagram;
    bm_buf reply;  /* empty: none is owed */
    uint64_t id;
} pending_write;

/* The anchors as they were at an epoch: a server that starts asks for each in turn. */
typedef struct {
    bool loaded;
    uint64_t epoch;
    uint32_t count;
    uint32_t capacity;
    struct {
        bm_tpm_class class;
        bm_buf der;
    } *rows;
} anchor_copy;

struct bm_ledger {
    bm_store *store;
    const bm_log *log;
    int sockets[BM_PROCESS_SERVERS_MAX];
    size_t socket_count;
    pending_write batch[BM_LEDGER_BATCH_MAX];
    size_t batch_count;
    unsigned attempts; /* to write this batch, while another process writes */
    bool reading;      /* a transaction of reads is open */
    bool told;         /* that the database is damaged */
    anchor_copy anchors;
    bm_ledger_revoked revoked;
    bm_buf datagram;
    bm_buf reply;
    int64_t second; /* the refusals of this second, and those that were dropped */
    unsigned refusals;
    unsigned dropped;
    int64_t refusal_bytes; /* that may still be recorded; more with every second */
};

BM_RESULT bm_ledger_requests_new(bm_store *store, const int *sockets, size_t count, const bm_log *log, bm_ledger **ledger)
{
    bm_ledger *made;

    BM_CHECK(count <= BM_PROCESS_SERVERS_MAX, BM_E_INTERNAL, "too many servers");
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->store = store;
    bm_store_set_patience(store, BM_LEDGER_ATTEMPT_MS);
    made->log = log;
    made->socket_count = count;
    made->refusal_bytes = BM_LEDGER_REFUSAL_BYTES;
    for (size_t i = 0; i < count; i++)
        made->sockets[i] = sockets[i];
    *ledger = made;
    return bm_ok();
}

static void free_anchors(anchor_copy *anchors)
{
    for (uint32_t i = 0; i < anchors->count; i++)
        bm_buf_fini(&anchors->rows[i].der);
    free(anchors->rows);
    *anchors = (anchor_copy){0};
}

void bm_ledger_requests_free(bm_ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (size_t i = 0; i < BM_LEDGER_BATCH_MAX; i++) {
        bm_buf_fini(&ledger->batch[i].datagram);
        bm_buf_fini(&ledger->batch[i].reply);
    }
    free_anchors(&ledger->anchors);
    bm_ledger_revoked_fini(&ledger->revoked);
    bm_buf_fini(&ledger->datagram);
    bm_buf_fini(&ledger->reply);
    bm_store_free(ledger->store);
    free(ledger);
}

void bm_ledger_requests_freep(bm_ledger **ledger)
{
    bm_ledger_requests_free(*ledger);
}

/* A server that does not read its answers loses them; it will ask again. */
static void reply_to(const bm_ledger *ledger, int fd, const bm_buf *reply)
{
    bm_result result = bm_channel_send(fd, bm_buf_view(reply));

    if (result.code != BM_OK)
        bm_log_failure(ledger->log, "an answer was dropped:", result);
}

static BM_RESULT keep_anchor(void *context, const bm_store_anchor *anchor)
{
    anchor_copy *anchors = context;

    if (anchors->count == anchors->capacity) {
        uint32_t capacity = anchors->capacity == 0 ? 16 : anchors->capacity * 2;
        void *rows = realloc(anchors->rows, capacity * sizeof(*anchors->rows));

        BM_CHECK(rows != NULL, BM_E_NO_MEMORY, NULL);
        anchors->rows = rows;
        anchors->capacity = capacity;
    }
    anchors->rows[anchors->count].class = anchor->class;
    anchors->rows[anchors->count].der = BM_BUF_EMPTY;
    anchors->count++;
    return bm_buf_put(&anchors->rows[anchors->count - 1].der, anchor->der);
}

/* Brings the copy of the anchors up to date. */
static BM_RESULT load_anchors(bm_ledger *ledger)
{
    anchor_copy fresh = {.loaded = true};
    bm_result result;

    BM_TRY(bm_store_anchors_epoch(ledger->store, &fresh.epoch));
    if (ledger->anchors.loaded && ledger->anchors.epoch == fresh.epoch)
        return bm_ok();
    result = bm_store_anchor_list(ledger->store, keep_anchor, &fresh);
    if (result.code != BM_OK) {
        free_anchors(&fresh);
        return result;
    }
    free_anchors(&ledger->anchors);
    ledger->anchors = fresh;
    return bm_ok();
}

static BM_RESULT answer_anchors(bm_ledger *ledger, bm_message *message, bm_buf *reply)
{
    bm_message_anchor anchor = {0};

    BM_TRY(bm_cursor_u32(&message->body, &anchor.index));
    BM_TRY(bm_cursor_end(&message->body));
    BM_TRY(load_anchors(ledger));
    anchor.epoch = ledger->anchors.epoch;
    anchor.total = ledger->anchors.count;
    if (anchor.index < anchor.total) {
        anchor.class = ledger->anchors.rows[anchor.index].class;
        anchor.der = bm_buf_view(&ledger->anchors.rows[anchor.index].der);
    }
    BM_TRY(bm_message_begin(reply, BM_MSG_ANCHORS_REPLY, message->id));
    return bm_message_put_anchor(reply, &anchor);
}

static BM_RESULT answer_look_up(bm_ledger *ledger, bm_message *message, bm_buf *reply)
{
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;
    bm_message_look_up asked;
    bm_store_lookup found;

    BM_TRY(bm_message_take_look_up(message, &asked));
    BM_TRY(bm_store_look_up(ledger->store, asked.ek_sha256, asked.identity, &found));
    if (asked.has_request) {
        bm_result result = bm_store_find_request(ledger->store, asked.request_id, &certificate);

        if (result.code != BM_OK && result.code != BM_E_STORE_NOT_FOUND)
            return result;
    }
    BM_TRY(bm_message_begin(reply, BM_MSG_LOOK_UP_REPLY, message->id));
    return bm_message_put_found(reply, &found, bm_buf_view(&certificate));
}

/* An error in place of whatever the buffer holds; where memory ran out there is no answer, and the server asks again. */
static void put_error(bm_buf *reply, uint64_t id, bm_result error)
{
    if (bm_message_put_error(reply, id, error).code != BM_OK)
        bm_buf_clear(reply);
}

/* All reads of a round are one transaction, which its first begins: most of a look-up's system calls are the locks of a transaction. */
static BM_RESULT answer_read(bm_ledger *ledger, bm_message *message, bm_buf *reply)
{
    if (!ledger->reading)
        BM_TRY(bm_store_begin_reading(ledger->store));
    ledger->reading = true;
    if (message->type == BM_MSG_LOOK_UP)
        return answer_look_up(ledger, message, reply);
    if (message->type == BM_MSG_ANCHORS)
        return answer_anchors(ledger, message, reply);
    if (message->type == BM_MSG_REVOKED)
        return bm_ledger_revoked_answer(&ledger->revoked, ledger->store, message, reply);
    return bm_fail(BM_E_MALFORMED, "this is no request to the ledger");
}

static void end_reading(bm_ledger *ledger)
{
    if (ledger->reading)
        bm_store_rollback(ledger->store);
    ledger->reading = false;
}

static void read_now(bm_ledger *ledger, int fd, bm_message *message)
{
    bm_result result;

    bm_buf_clear(&ledger->reply);
    result = answer_read(ledger, message, &ledger->reply);
    if (result.code != BM_OK)
        put_error(&ledger->reply, message->id, result);
    if (ledger->reply.size > 0)
        reply_to(ledger, fd, &ledger->reply);
}

/* A server repeats a request whose answer does not come: while it waits in the batch, it need not wait there twice. */
static bool waits_already(const bm_ledger *ledger, int fd)
{
    for (size_t i = 0; i < ledger->batch_count; i++)
        if (ledger->batch[i].fd == fd && bm_bytes_equal(bm_buf_view(&ledger->batch[i].datagram), bm_buf_view(&ledger->datagram)))
            return true;
    return false;
}

/* A copy of what was received, whose buffer has room for the longest message: with 64 KiB for each the memory would be wiped longer than written. */
static BM_RESULT join_batch(bm_ledger *ledger, int fd, const bm_message *message)
{
    pending_write *write = &ledger->batch[ledger->batch_count];

    write->fd = fd;
    write->id = message->id;
    bm_buf_clear(&write->reply);
    bm_buf_clear(&write->datagram);
    BM_TRY(bm_buf_put(&write->datagram, bm_buf_view(&ledger->datagram)));
    ledger->batch_count++;
    return bm_ok();
}

/* There is no room in the batch. */
static void turn_away(bm_ledger *ledger, int fd, const bm_message *message, bm_result why)
{
    if (message->type == BM_MSG_REFUSAL) {
        ledger->dropped++;
        return;
    }
    bm_buf_clear(&ledger->reply);
    put_error(&ledger->reply, message->id, why);
    if (ledger->reply.size > 0)
        reply_to(ledger, fd, &ledger->reply);
}

/* Takes one datagram: reads are answered, writes join the batch. */
static void take_datagram(bm_ledger *ledger, int fd)
{
    bm_message message;
    bm_result result = bm_message_open(bm_buf_view(&ledger->datagram), &message);

    if (result.code != BM_OK) {
        bm_log_failure(ledger->log, "a message was dropped:", result);
        return;
    }
    if (message.type != BM_MSG_RECORD && message.type != BM_MSG_REFUSAL) {
        read_now(ledger, fd, &message);
        return;
    }
    if (message.type == BM_MSG_RECORD && waits_already(ledger, fd))
        return;
    if (ledger->batch_count == BM_LEDGER_BATCH_MAX) {
        turn_away(ledger, fd, &message, bm_fail(BM_E_STORE_BUSY, "too many writes wait for another process"));
        return;
    }
    if (join_batch(ledger, fd, &message).code != BM_OK)
        turn_away(ledger, fd, &message, bm_fail(BM_E_NO_MEMORY, NULL));
}

/* One datagram from each socket in turn, until all are empty or the round is full. */
static BM_RESULT drain(bm_ledger *ledger)
{
    size_t empty = 0;
    size_t taken = 0;

    for (size_t i = 0; empty < ledger->socket_count && taken < BM_LEDGER_BATCH_MAX; i = (i + 1) % ledger->socket_count) {
        bool got = false;
        bm_result result = bm_channel_receive(ledger->sockets[i], &ledger->datagram, &got);

        /* What was not read waits in the socket; what was is written, and gives its memory back. */
        if (result.code == BM_E_NO_MEMORY)
            break;
        BM_TRY(result);
        empty = got ? 0 : empty + 1;
        taken += got;
        if (got)
            take_datagram(ledger, ledger->sockets[i]);
    }
    return bm_ok();
}

static BM_RESULT record(bm_ledger *ledger, bm_message *message, bm_buf *reply)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_store_certificate certificate;

    BM_TRY(bm_message_take_certificate(message, &certificate));
    BM_TRY(bm_store_record_issue(ledger->store, &certificate, &der));
    BM_TRY(bm_message_begin(reply, BM_MSG_RECORD_REPLY, message->id));
    return bm_buf_put_sized32(reply, bm_buf_view(&der));
}

/* Another second begins, or the clock was set: the bytes of the time that has gone by come to what may be recorded. */
static void begin_second(bm_ledger *ledger, int64_t now)
{
    int64_t gone = now - ledger->second;
    int64_t full = BM_LEDGER_REFUSAL_BYTES / BM_LEDGER_REFUSAL_BYTES_A_SECOND;

    if (ledger->dropped > 0)
        bm_log_line(ledger->log, "flood refusals=%u not recorded", ledger->dropped);
    if (gone > 0)
        ledger->refusal_bytes += (gone < full ? gone : full) * BM_LEDGER_REFUSAL_BYTES_A_SECOND;
    if (ledger->refusal_bytes > BM_LEDGER_REFUSAL_BYTES)
        ledger->refusal_bytes = BM_LEDGER_REFUSAL_BYTES;
    ledger->second = now;
    ledger->refusals = 0;
    ledger->dropped = 0;
}

/* Is there room for one more refusal? */
static bool may_record_refusal(bm_ledger *ledger, const bm_message_refusal *refusal, int64_t now)
{
    int64_t size = (int64_t)refusal->evidence.size + BM_LEDGER_REFUSAL_OVERHEAD;

    if (now != ledger->second)
        begin_second(ledger, now);
    if (ledger->refusals >= BM_LEDGER_REFUSALS_A_SECOND || ledger->refusal_bytes < size) {
        ledger->dropped++;
        return false;
    }
    ledger->refusals++;
    ledger->refusal_bytes -= size;
    return true;
}

static BM_RESULT record_refusal(bm_ledger *ledger, bm_message *message, int64_t now)
{
    char subject[BM_IDENTITY_MAX + 1] = "";
    bm_message_refusal refusal;
    bm_store_log_entry entry;

    BM_TRY(bm_message_take_refusal(message, &refusal));
    if (!may_record_refusal(ledger, &refusal, now))
        return bm_ok();
    BM_TRY(bm_bytes_copy_exact(refusal.subject, (uint8_t *)subject, refusal.subject.size));
    entry = (bm_store_log_entry){.time = now,
                                 .kind = BM_LOG_REFUSAL,
                                 .subject = subject,
                                 .text = bm_code_name(refusal.code),
                                 .evidence = refusal.evidence};
    return bm_store_record_log(ledger->store, &entry);
}

/* Only for want of memory does it fail: SQLite may have rolled back the whole transaction then. */
static BM_RESULT perform(bm_ledger *ledger, pending_write *write, int64_t now)
{
    bm_message message;
    bm_result result = bm_message_open(bm_buf_view(&write->datagram), &message);

    if (result.code == BM_OK && message.type == BM_MSG_REFUSAL) {
        result = record_refusal(ledger, &message, now);
        if (result.code != BM_OK)
            bm_log_failure(ledger->log, "a refusal was not recorded:", result);
        return result.code == BM_E_NO_MEMORY ? result : bm_ok();
    }
    if (result.code == BM_OK)
        result = record(ledger, &message, &write->reply);
    if (result.code == BM_E_NO_MEMORY)
        return result;
    if (result.code != BM_OK)
        put_error(&write->reply, write->id, result);
    return bm_ok();
}

/* Nothing of the batch is on disk: everyone who waits for an answer gets this one. */
static void fail_batch(bm_ledger *ledger, bm_result error)
{
    bm_log_failure(ledger->log, "a commit failed:", error);
    for (size_t i = 0; i < ledger->batch_count; i++) {
        bm_message message;

        if (bm_message_open(bm_buf_view(&ledger->batch[i].datagram), &message).code == BM_OK && message.type == BM_MSG_RECORD)
            put_error(&ledger->batch[i].reply, ledger->batch[i].id, error);
    }
}

/* Writes the batch in the transaction that is open. */
static BM_RESULT commit_batch(bm_ledger *ledger, int64_t now)
{
    bm_result result = bm_ok();

    for (size_t i = 0; i < ledger->batch_count && result.code == BM_OK; i++)
        result = perform(ledger, &ledger->batch[i], now);
    if (result.code == BM_OK)
        result = bm_store_commit(ledger->store);
    if (result.code != BM_OK)
        bm_store_rollback(ledger->store);
    return result;
}

/* Sends the answers and forgets the batch. */
static void end_batch(bm_ledger *ledger)
{
    for (size_t i = 0; i < ledger->batch_count; i++) {
        if (ledger->batch[i].reply.size > 0)
            reply_to(ledger, ledger->batch[i].fd, &ledger->batch[i].reply);
        bm_buf_fini(&ledger->batch[i].datagram);
        bm_buf_fini(&ledger->batch[i].reply);
    }
    ledger->batch_count = 0;
    ledger->attempts = 0;
}

/* Once, and clearly: what follows in the log are only its consequences. */
static void tell_damage(bm_ledger *ledger)
{
    if (ledger->told || !bm_store_is_damaged(ledger->store))
        return;
    bm_log_line(ledger->log, "the database is damaged: nothing is issued any more; stop birthmarkd and restore a backup (operator's guide, "
                             "\"A damaged database\")");
    ledger->told = true;
}

BM_RESULT bm_ledger_requests_round(bm_ledger *ledger, int64_t now)
{
    bm_result drained = drain(ledger);

    end_reading(ledger);
    BM_TRY(drained);
    if (ledger->batch_count > 0) {
        bm_result result = bm_store_begin(ledger->store);

        /* Whoever else writes may be a person: those that read do not wait for him. */
        if (result.code == BM_E_STORE_BUSY && ++ledger->attempts < BM_LEDGER_ATTEMPTS)
            return bm_ok();
        if (result.code == BM_OK)
            result = commit_batch(ledger, now);
        if (result.code != BM_OK)
            fail_batch(ledger, result);
        end_batch(ledger);
    }
    tell_damage(ledger);
    return bm_ok();
}

bool bm_ledger_requests_waiting(const bm_ledger *ledger)
{
    return ledger->batch_count > 0;
}
