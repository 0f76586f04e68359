#include "swarm/commands.h"

#include "program/interrupt.h"
#include "swarm/maker.h"
#include "swarm/progress.h"
#include "swarm/requests.h"
#include "swarm/run.h"
#include "x509/walk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Writes what a command made. */
static BM_RESULT deliver(const bm_swarm_options *options, bm_bytes bytes)
{
    const char *path = options->out != NULL ? options->out : "standard output";
    FILE *file = options->out != NULL ? fopen(options->out, "we") : stdout;
    bool good;

    if (file == NULL)
        return bm_failf(BM_E_IO, "%s cannot be written: %s", path, strerror(errno));
    good = fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fflush(file) == 0;
    if (file != stdout)
        good = fclose(file) == 0 && good;
    if (!good)
        return bm_failf(BM_E_IO, "%s cannot be written: %s", path, strerror(errno));
    return bm_ok();
}

static BM_RESULT on_made(void *context, size_t made, size_t of)
{
    bm_swarm_progress_made(context, made, of);
    BM_CHECK(!bm_interrupt_pending(), BM_E_INTERRUPTED, NULL);
    return bm_ok();
}

/* The fleet with all devices that are needed. */
static BM_RESULT fill(const bm_swarm_options *options, bm_swarm_fleet *fleet)
{
    bm_swarm_progress progress = {0};
    bm_result result;

    BM_TRY(bm_swarm_fleet_select(fleet, options->ek, options->ik));
    bm_swarm_progress_begin(&progress, options->quiet);
    result = bm_swarm_fleet_grow(fleet, (size_t)options->devices, on_made, &progress);
    bm_swarm_progress_end(&progress);
    return result;
}

static BM_RESULT write_vendor(const bm_swarm_options *options, const bm_swarm_fleet *fleet)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    BM_TRY(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&fleet->vendor.ca.der)));
    return deliver(options, bm_buf_view(&pem));
}

/* A row: the serial, and the hash of the EK's SubjectPublicKeyInfo, which needs the least room. */
static BM_RESULT put_row(const bm_swarm_fleet *fleet, size_t index, bm_buf *out)
{
    bm_swarm_fleet_device device;
    bm_walk_cert certificate;
    uint8_t digest[BM_SHA256_SIZE];
    char serial[BM_IDENTITY_MAX + 1];

    BM_TRY(bm_swarm_fleet_get(fleet, index, &device));
    BM_TRY(bm_walk_certificate(device.record.certificate, &certificate));
    BM_TRY(bm_hash_sha256(certificate.fields.spki, digest));
    bm_swarm_maker_serial(fleet->contents.prefix, device.number, serial);
    BM_TRY(bm_buf_putf(out, "%s,", serial));
    BM_TRY(bm_text_put_hex(out, BM_BYTES_ARRAY(digest)));
    return bm_buf_put_u8(out, '\n');
}

static BM_RESULT write_inventory(const bm_swarm_options *options, const bm_swarm_fleet *fleet)
{
    BM_AUTO_BUF table = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_str(&table, "serial,ek_sha256\n"));
    for (size_t i = 0; i < options->devices; i++)
        BM_TRY(put_row(fleet, i, &table));
    return deliver(options, bm_buf_view(&table));
}

static BM_RESULT write_figures(const bm_swarm_options *options, const bm_swarm_figures *figures)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    if (options->json)
        BM_TRY(bm_swarm_figures_put_json(figures, &text));
    else
        BM_TRY(bm_swarm_figures_put_text(figures, &text));
    return deliver(options, bm_buf_view(&text));
}

static BM_RESULT run(const bm_swarm_options *options, const bm_swarm_fleet *fleet)
{
    bm_swarm_figures figures = {0};
    bm_swarm_run_options run_options = {.fleet = fleet,
                                        .server = options->server,
                                        .ca = options->ca,
                                        .profile = options->profile,
                                        .held = options->held,
                                        .devices = (size_t)options->devices,
                                        .concurrency = (unsigned)options->concurrency,
                                        .bad = options->bad,
                                        .tries = (unsigned)options->tries,
                                        .reconnect = options->reconnect,
                                        .watch = options->watch,
                                        .quiet = options->quiet};
    bm_result result = bm_swarm_run(&run_options, &figures);

    /* What could not even begin has no figures. */
    if (result.code == BM_OK || figures.wall_ns > 0)
        BM_TRY(write_figures(options, &figures));
    return result;
}

BM_RESULT bm_swarm_commands_run(const bm_swarm_options *options)
{
    BM_AUTO(bm_swarm_fleet_close) bm_swarm_fleet fleet = {.fd = -1};

    BM_TRY(bm_interrupt_hold());
    BM_TRY(bm_swarm_fleet_open(options->fleet, options->prefix, (int64_t)time(NULL), &fleet));
    if (options->command == BM_SWARM_COMMAND_VENDOR)
        return write_vendor(options, &fleet);
    BM_TRY(fill(options, &fleet));
    if (options->command == BM_SWARM_COMMAND_INVENTORY)
        return write_inventory(options, &fleet);
    if (options->command == BM_SWARM_COMMAND_REQUESTS)
        return bm_swarm_requests_write(options, &fleet);
    return options->command == BM_SWARM_COMMAND_RUN ? run(options, &fleet) : bm_ok();
}
