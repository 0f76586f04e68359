#include "swarm/slot.h"

#include "crypto/random.h"
#include "program/clock.h"
#include "protocol/problem.h"
#include "swarm/held.h"

#include <stdio.h>
#include <stdlib.h>

#define MS INT64_C(1000000)
#define PATIENCE (30000 * MS)  /* for connecting, and for a call */
#define AWAY_FIRST (100 * MS)  /* doubled each time */
#define AWAY_LONGEST (2000 * MS)
#define BUSY (1000 * MS)       /* where a server that has too much to do does not say how long */
#define STRANGER_TRIES 5       /* for a server that was never reached */
#define HOPELESS 10            /* so many devices failed, and none has a certificate: all others would fail, too */

static void give_place(bm_swarm_slot *slot);

static void unlink_it(bm_swarm_slot *slot)
{
    bm_swarm_link_close(&slot->link);
    slot->work->open -= slot->linked;
    slot->linked = false;
}

/* Remembers why, if nothing was remembered yet. */
static void note(bm_swarm_work *work, bm_code code, const char *sentence)
{
    if (work->why != BM_OK)
        return;
    work->why = code;
    (void)snprintf(work->sentence, sizeof(work->sentence), "%s", sentence);
}

/* The run ends now, for this reason. */
static void stop(bm_swarm_work *work, bm_code code, const char *sentence)
{
    if (work->stopped)
        return;
    work->why = BM_OK;
    note(work, code, sentence);
    work->stopped = true;
    (void)event_base_loopbreak(work->base);
}

/* The device failed: counted by its code. */
static void fail(bm_swarm_slot *slot, bm_code counted, bm_code code, const char *sentence)
{
    bm_swarm_work *work = slot->work;
    bm_swarm_figures *figures = work->figures;

    figures->failed++;
    figures->errors[counted]++;
    note(work, code, sentence);
    if (figures->provisioned == 0 && figures->failed >= HOPELESS)
        stop(work, code, sentence);
    give_place(slot);
}

/* A failure of this machine's: nothing can go on. */
static void stop_with(bm_swarm_slot *slot, bm_result result)
{
    stop(slot->work, result.code, result.detail != NULL ? result.detail : bm_code_advice(result.code));
}

/* Nothing was answered, for good. */
static void give_up(bm_swarm_slot *slot, bm_swarm_link_end end, const char *reason)
{
    bm_swarm_work *work = slot->work;
    char sentence[BM_SWARM_WHY_MAX];
    bm_code code = end == BM_SWARM_LINK_REPLY ? BM_E_SERVER_REPLY : BM_E_NETWORK;

    work->figures->failed++;
    work->figures->gave_up[end]++;
    if (end == BM_SWARM_LINK_STRANGER)
        (void)snprintf(sentence, sizeof(sentence), "the certificate of %s is not good (%s): check that --ca is this server's, and the clock",
                       work->options->server, reason);
    else if (end == BM_SWARM_LINK_REPLY)
        (void)snprintf(sentence, sizeof(sentence), "%s (%s)", bm_code_advice(code), reason);
    else if (end == BM_SWARM_LINK_NO_PORT)
        (void)snprintf(sentence, sizeof(sentence),
                       "this machine has no more ports, files or memory for connections (%s): lower --concurrency, or widen net.ipv4.ip_local_port_range", reason);
    else
        (void)snprintf(sentence, sizeof(sentence), "%s cannot be reached (%s): check --server, the network, and that birthmarkd runs",
                       work->options->server, reason);
    note(work, code, sentence);
    if (!work->ever_up)
        stop(work, code, sentence);
    give_place(slot);
}

/* So much, and by chance up to as much again. */
static int64_t with_chance(int64_t wait)
{
    uint32_t chance = 0;

    bm_result_ignore(bm_random((uint8_t *)&chance, sizeof(chance)));
    return wait + (int64_t)(chance % 1000) * (wait / 1000);
}

static void wait_for(bm_swarm_slot *slot, int64_t wait)
{
    slot->state = BM_SWARM_WAITING;
    slot->until = bm_clock_ns() + with_chance(wait);
}

/* Nobody there, or the connection broke: again soon, later each time. */
static void try_again(bm_swarm_slot *slot, bm_swarm_link_end end, const char *reason)
{
    bm_swarm_work *work = slot->work;
    bool final = end == BM_SWARM_LINK_STRANGER || end == BM_SWARM_LINK_TLS || end == BM_SWARM_LINK_REPLY;
    unsigned limit = work->ever_up || work->options->tries < STRANGER_TRIES ? work->options->tries : STRANGER_TRIES;
    int64_t wait = AWAY_LONGEST;

    unlink_it(slot);
    /* The name has several addresses, and at this one nobody listens. */
    if (end == BM_SWARM_LINK_REFUSED && !work->ever_up && slot->target == work->target)
        work->target = (work->target + 1) % work->target_count;
    if (final || slot->tries + 1 >= limit) {
        give_up(slot, end, reason);
        return;
    }
    if (end == BM_SWARM_LINK_CUT_OFF)
        wait = BUSY; /* docs/protocol.md: as if it had been told so */
    else if (slot->tries < 5)
        wait = (AWAY_FIRST << slot->tries) < AWAY_LONGEST ? AWAY_FIRST << slot->tries : AWAY_LONGEST;
    slot->tries++;
    work->figures->retried[end]++;
    wait_for(slot, wait);
}

static void connect_it(bm_swarm_slot *slot)
{
    bm_swarm_work *work = slot->work;
    bm_swarm_link_end end;
    const char *reason;

    slot->state = BM_SWARM_CONNECTING;
    slot->target = work->target;
    slot->since = bm_clock_ns();
    slot->until = slot->since + PATIENCE;
    if (!bm_swarm_link_open(&slot->link, &work->targets[work->target], &end, &reason)) {
        try_again(slot, end, reason);
        return;
    }
    slot->linked = true;
    work->figures->connections++;
    if (++work->open > work->figures->at_once)
        work->figures->at_once = work->open;
}

static void call(bm_swarm_slot *slot)
{
    bm_swarm_work *work = slot->work;
    const char *path = slot->second ? work->certificate_path : work->challenge_path;
    bm_result result;

    slot->state = BM_SWARM_CALLING;
    slot->since = bm_clock_ns();
    slot->until = slot->since + PATIENCE;
    result = bm_swarm_link_send(&slot->link, work->url.authority, path, bm_buf_view(&slot->device.body));
    if (result.code != BM_OK)
        stop_with(slot, result);
}

static void on_up(void *context)
{
    bm_swarm_slot *slot = context;

    if (!slot->work->ever_up)
        slot->work->target = slot->target;
    slot->work->ever_up = true;
    bm_swarm_histogram_add(&slot->work->figures->times[BM_SWARM_TIME_HANDSHAKE], bm_clock_ns() - slot->since);
    if (slot->work->gathering) {
        slot->state = BM_SWARM_GATHERED;
        slot->work->waiting++;
    } else {
        call(slot);
    }
}

static void on_down(void *context, bm_swarm_link_end end, const char *reason)
{
    bm_swarm_slot *slot = context;

    slot->work->open -= slot->linked;
    slot->linked = false;
    if (slot->state == BM_SWARM_WAITING)
        return; /* it connects again when the wait is over */
    /* A server does not keep for ever a connection on which nothing is asked: it dropped before the others, and comes back with them. */
    if (slot->state == BM_SWARM_GATHERED)
        return;
    try_again(slot, end, reason);
}

/* The place is free: the next device. While connections gather, every device has a place of its own. */
static void give_place(bm_swarm_slot *slot)
{
    unlink_it(slot);
    slot->state = BM_SWARM_IDLE;
    slot->work->active--;
    if (!slot->work->stopped)
        bm_swarm_slot_start(slot);
}

/* A sentence for a refusal that a good device got. */
static void explain(const bm_swarm_slot *slot, bm_code code, const bm_problem *problem, char sentence[BM_SWARM_WHY_MAX])
{
    const bm_swarm_fleet *fleet = slot->work->options->fleet;

    if (code == BM_E_EKC_UNTRUSTED || code == BM_E_EKC_CLASS)
        (void)snprintf(sentence, BM_SWARM_WHY_MAX,
                       "the server does not trust the fleet's TPM vendor (%s): write its certificate with 'birthmark-swarm vendor --fleet %.200s --out "
                       "vendor.crt', and give that to 'birthmarkctl trust add --class discrete vendor.crt'",
                       problem->code, fleet->path);
    else if (code == BM_E_EK_NOT_IN_INVENTORY)
        (void)snprintf(sentence, BM_SWARM_WHY_MAX,
                       "the server wants the devices in its inventory (%s): write them with 'birthmark-swarm inventory --fleet %.200s --out devices.csv "
                       "...', and give that to 'birthmarkctl device import devices.csv'",
                       problem->code, fleet->path);
    else
        (void)snprintf(sentence, BM_SWARM_WHY_MAX, "the server refused (%s%s%.300s): %s", problem->code, problem->detail[0] != 0 ? ": " : "",
                       problem->detail, problem->title);
}

static void on_problem(bm_swarm_slot *slot, const bm_swarm_http_reply *reply)
{
    bm_code expected = bm_swarm_device_expected(slot->device.bad);
    char sentence[BM_SWARM_WHY_MAX];
    bm_problem problem;
    bm_code code;

    if (bm_problem_parse(reply->body, &problem).code != BM_OK) {
        (void)snprintf(sentence, sizeof(sentence), "an answer of status %u that is no problem document: is --server a birthmarkd?", reply->status);
        fail(slot, BM_E_SERVER_REPLY, BM_E_SERVER_REPLY, sentence);
        return;
    }
    code = bm_code_by_name(problem.code);
    if (expected != BM_OK && code == expected) {
        slot->work->figures->refused++;
        give_place(slot);
        return;
    }
    explain(slot, code, &problem, sentence);
    fail(slot, code, BM_E_SERVER_REFUSED, sentence);
}

/* 429 and 503: as long as it says, and by chance up to as long again. */
static void on_busy(bm_swarm_slot *slot, const bm_swarm_http_reply *reply)
{
    bm_swarm_figures *figures = slot->work->figures;
    int64_t wait = reply->retry_after > 0 ? reply->retry_after * 1000 * MS : BUSY;

    if (slot->tries + 1 >= slot->work->options->tries) {
        on_problem(slot, reply);
        return;
    }
    slot->tries++;
    *(reply->status == 429 ? &figures->retried_429 : &figures->retried_503) += 1;
    if (reply->close)
        unlink_it(slot);
    wait_for(slot, wait);
}

static void on_challenge(bm_swarm_slot *slot, const bm_swarm_http_reply *reply)
{
    bm_result result = bm_swarm_device_answer(slot->work->kit, &slot->device, reply->body);

    if (result.code != BM_OK) {
        fail(slot, result.code, BM_E_SERVER_REPLY, result.detail != NULL ? result.detail : bm_code_advice(result.code));
        return;
    }
    slot->second = true;
    slot->tries = 0;
    if (reply->close) {
        unlink_it(slot);
        connect_it(slot);
    } else {
        call(slot);
    }
}

static void on_certificate(bm_swarm_slot *slot, const bm_swarm_http_reply *reply)
{
    bm_swarm_figures *figures = slot->work->figures;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_result result = bm_swarm_device_take(&slot->device, reply->body, &der);

    if (result.code != BM_OK) {
        fail(slot, result.code, BM_E_SERVER_REPLY, result.detail != NULL ? result.detail : bm_code_advice(result.code));
        return;
    }
    if (slot->work->held >= 0)
        result = bm_swarm_held_put(slot->work->held, bm_buf_view(&der));
    if (result.code != BM_OK) {
        stop_with(slot, result);
        return;
    }
    if (slot->device.bad != BM_SWARM_GOOD) {
        figures->accepted++;
        fail(slot, BM_OK, BM_E_SERVER_REPLY, "the server gave a certificate to a device that it had to refuse");
        return;
    }
    figures->provisioned++;
    bm_swarm_histogram_add(&figures->times[BM_SWARM_TIME_DEVICE], bm_clock_ns() - slot->began);
    give_place(slot);
}

static void on_reply(void *context, const bm_swarm_http_reply *reply)
{
    bm_swarm_slot *slot = context;
    bm_swarm_time time = slot->second ? BM_SWARM_TIME_CERTIFICATE : BM_SWARM_TIME_CHALLENGE;

    if (slot->state != BM_SWARM_CALLING) {
        unlink_it(slot);
        try_again(slot, BM_SWARM_LINK_REPLY, "an answer to nothing");
        return;
    }
    if (reply->status == 429 || reply->status == 503) {
        on_busy(slot, reply);
        return;
    }
    if (reply->status != 200) {
        on_problem(slot, reply);
        return;
    }
    bm_swarm_histogram_add(&slot->work->figures->times[time], bm_clock_ns() - slot->since);
    if (slot->second)
        on_certificate(slot, reply);
    else
        on_challenge(slot, reply);
}

static const bm_swarm_link_events events = {.up = on_up, .reply = on_reply, .down = on_down};

void bm_swarm_slot_init(bm_swarm_slot *slot, bm_swarm_work *work)
{
    slot->work = work;
    bm_swarm_link_init(&slot->link, work->base, work->tls, &events, slot);
}

void bm_swarm_slot_start(bm_swarm_slot *slot)
{
    bm_swarm_work *work = slot->work;
    bm_result result;
    size_t index;

    if (work->next >= work->options->devices)
        return;
    index = work->next++;
    result = bm_swarm_device_prepare(work->kit, index, bm_swarm_device_badness(index, work->options->bad), &slot->device);
    if (result.code != BM_OK) {
        stop_with(slot, result);
        return;
    }
    work->active++;
    slot->second = false;
    slot->tries = 0;
    slot->began = bm_clock_ns();
    connect_it(slot);
}

void bm_swarm_slot_tick(bm_swarm_slot *slot, int64_t now)
{
    if (slot->state == BM_SWARM_IDLE || slot->state == BM_SWARM_GATHERED || now < slot->until)
        return;
    if (slot->state != BM_SWARM_WAITING)
        try_again(slot, BM_SWARM_LINK_TIMEOUT, "no answer within 30 s");
    else if (bm_swarm_link_is_up(&slot->link))
        call(slot);
    else
        connect_it(slot);
}

void bm_swarm_slot_drop(bm_swarm_slot *slot)
{
    if (slot->state == BM_SWARM_GATHERED)
        unlink_it(slot);
}

void bm_swarm_slot_return(bm_swarm_slot *slot)
{
    if (slot->state != BM_SWARM_GATHERED)
        return;
    slot->began = bm_clock_ns();
    slot->tries = 0;
    connect_it(slot);
}

void bm_swarm_slot_fini(bm_swarm_slot *slot)
{
    bm_swarm_link_fini(&slot->link);
    bm_swarm_device_fini(&slot->device);
}
